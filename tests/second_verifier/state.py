"""The state of a chain, its keys and the values that are more than one entry (ledger.md, section 5)."""

from __future__ import annotations

from typing import Callable, TypeVar

import roles
import tree
from codec import Reader, blob, listed, u16, u32, u64, whole
from merkle import Frontier
from registry import Genesis, Participant, Policy, Staff, Validators, read_suites, read_validators, write_validators

T = TypeVar("T")

CHAIN, POLICY, SUITES, PARTICIPANTS, ADMINISTRATORS = b"\x01", b"\x02", b"\x03", b"\x04", b"\x08"
REGISTRY_VERSION, PENDING_VALIDATORS = b"\x0a", b"\x0c"


def participant_key(id: int) -> bytes:
    return b"\x05" + u16(id)


def staff_of_key(branch: int) -> bytes:
    return b"\x06" + u16(branch)


def staff_key(id: bytes) -> bytes:
    return b"\x07" + id


def owner_key(public: bytes) -> bytes:
    return b"\x09" + public


def validators_key(epoch: int) -> bytes:
    return b"\x0b" + u64(epoch)


def record_key(id: bytes) -> bytes:
    return b"\x10" + id


def access_key(branch: int) -> bytes:
    return b"\x11" + u16(branch)


VERDICTS = b"\x12"


def verdict_key(auditor: bytes) -> bytes:
    return b"\x13" + auditor


def patient_key(id: bytes) -> bytes:
    return b"\x20" + id


def link_key(record: bytes) -> bytes:
    return b"\x21" + record


def lookup_key(id: bytes) -> bytes:
    return b"\x22" + id


class State:
    """Values by key, and the tree over them; the tree takes what has changed when its root is asked for."""

    def __init__(self, genesis: Genesis, chain: int) -> None:
        self.network, self.chain = genesis.network, chain
        self.values: dict[bytes, bytes] = {}
        self.tree: tree.Tree = None
        self.changes: dict[bytes, bytes | None] = {}
        self._begin(genesis)

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def set(self, key: bytes, value: bytes) -> None:
        self.values[key] = self.changes[key] = value

    def remove(self, key: bytes) -> None:
        if self.values.pop(key, None) is not None:
            self.changes[key] = None

    def root(self) -> bytes:
        self.tree, self.changes = tree.changed(self.tree, self.changes), {}
        return tree.root(self.tree)

    def value(self, key: bytes, read: Callable[[Reader], T]) -> T | None:
        value = self.values.get(key)
        return None if value is None else whole(value, "state.malformed", read)

    def participant(self, id: int) -> Participant | None:
        return self.value(participant_key(id), Participant.read)

    def staff(self, id: bytes) -> Staff | None:
        return self.value(staff_key(id), Staff.read)

    def policy(self) -> Policy:
        policy = self.value(POLICY, Policy.read)
        assert policy is not None
        return policy

    def suites(self) -> int:
        return self.value(SUITES, read_suites) or 0

    def staff_ids(self, key: bytes) -> list[bytes]:
        return self.value(key, lambda r: r.many(4096, lambda: r.take(16))) or []

    def participants(self) -> list[int]:
        return self.value(PARTICIPANTS, lambda r: r.many(200, r.u16)) or []

    def registry_version(self) -> int:
        return self.value(REGISTRY_VERSION, Reader.u32) or 0

    def next_validators(self, epoch: int) -> Validators:
        """The validators of the epoch after this one, as things stand."""
        pending = self.value(PENDING_VALIDATORS, read_validators)
        return pending if pending is not None else self.value(validators_key(epoch), read_validators) or []

    def set_staff_ids(self, key: bytes, ids: list[bytes]) -> None:
        self.set(key, listed(sorted(ids)))

    def set_participants(self, ids: list[int]) -> None:
        self.set(PARTICIPANTS, listed([u16(id) for id in sorted(ids)]))

    def own_key(self, public: bytes, owner: bytes) -> None:
        self.set(owner_key(public), owner)

    def set_patient(self, patient: bytes, identity: bytes, height: int, links: Frontier) -> None:
        self.set(patient_key(patient), identity + u64(height) + blob(links.write()))

    def end_epoch(self, epoch: int) -> None:
        self.set(validators_key(epoch + 1), write_validators(self.next_validators(epoch)))
        self.remove(PENDING_VALIDATORS)

    def set_registry_version(self, version: int) -> None:
        self.set(REGISTRY_VERSION, u32(version))

    def _begin(self, genesis: Genesis) -> None:
        self.set(CHAIN, genesis.network + bytes([self.chain]) + u64(genesis.epoch_length))
        self.set(POLICY, genesis.policy.raw)
        self.set(SUITES, bytes([genesis.suites]))
        self.set_participants([entry.id for entry in genesis.participants])
        for entry in genesis.participants:
            self.set(participant_key(entry.id), entry.raw)
            for key in entry.ed25519_keys():
                self.own_key(key, b"\x01" + u16(entry.id))
        for person in genesis.staff:
            self.set(staff_key(person.id), person.raw)
            self.own_key(person.signing, b"\x02" + person.id)
        active = [person for person in genesis.staff if person.active]
        for branch in {person.branch for person in active}:
            self.set_staff_ids(staff_of_key(branch), [person.id for person in active if person.branch == branch])
        self.set_staff_ids(ADMINISTRATORS, [person.id for person in active if roles.may_administer(person.roles)])
        self.set(validators_key(0), write_validators(genesis.validators(self.chain)))
