"""Entries of the registry and the genesis document (ledger.md, sections 3 and 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import roles
from codec import Reader, listed, require, sha256, u16, whole
from ed25519 import P, is_registrable

MAIN, SIDE = 1, 2
ALL_SUITES = 7
CHAINS = {"main": MAIN, "side": SIDE}

Validators = list[tuple[bytes, int]]  # public key and branch, ascending by key


@dataclass(frozen=True)
class Participant:
    raw: bytes
    id: int
    name: str
    trusted: bool
    votes: bool
    signing: bytes
    main: bytes
    side: bytes | None
    wrap: bytes
    api: str
    main_address: str
    side_address: str | None
    active: bool

    @staticmethod
    def read(r: Reader) -> Participant:
        start = r.at
        id, name, trusted, votes, signing, main = r.u16(), r.text(100), r.boolean(), r.boolean(), r.take(32), r.take(32)
        side, wrap, _tls = r.option(lambda: r.take(32)), r.take(32), r.take(32)
        api, main_address, side_address, active = r.text(200), r.text(200), r.option(lambda: r.text(200)), r.boolean()
        raw = r.data[start : r.at]
        return Participant(
            raw, id, name, trusted, votes, signing, main, side, wrap, api, main_address, side_address, active
        )

    def places(self) -> list[bytes]:
        """The Ed25519 keys, each at its place; nothing (empty) where there is none."""
        return [self.signing, self.main, self.side or b""]

    def ed25519_keys(self) -> list[bytes]:
        return [key for key in self.places() if key]

    def validator_key(self, chain: int) -> bytes | None:
        """The key with which it may validate this chain now."""
        key = self.main if chain == MAIN else self.side
        return key if self.active and self.votes else None

    def stands(self) -> bool:
        """Whether the entry can stand by itself."""
        keys = self.ed25519_keys()
        return (
            not blank(self.name)
            and self.api.startswith("https://")
            and len(self.api) > 8
            and _is_address(self.main_address)
            and (self.side_address is None or _is_address(self.side_address))
            and (self.side is not None) == (self.side_address is not None) == self.trusted
            and all(is_registrable(key) for key in keys)
            and len(set(keys)) == len(keys)
            and is_agreement_key(self.wrap)
        )


@dataclass(frozen=True)
class Staff:
    raw: bytes
    id: bytes
    branch: int
    signing: bytes
    agreement: bytes
    roles: int
    key_epoch: int
    active: bool

    @staticmethod
    def read(r: Reader) -> Staff:
        start = r.at
        id, branch, signing, agreement, mask = r.take(16), r.u16(), r.take(32), r.take(32), r.u16()
        if mask >> 8:
            raise r.fail("unknown role")
        key_epoch, active = r.u32(), r.boolean()
        return Staff(r.data[start : r.at], id, branch, signing, agreement, mask, key_epoch, active)

    def stands(self) -> bool:
        return is_registrable(self.signing) and is_agreement_key(self.agreement)

    def ended(self) -> Staff:
        """The same entry, its activity aside (and its bytes, whose last one says it)."""
        return replace(self, raw=self.raw[:-1], active=False)


@dataclass(frozen=True)
class Policy:
    raw: bytes
    version: int
    tip_age: int
    longest_grant: int
    copies: int
    table: int

    @staticmethod
    def read(r: Reader) -> Policy:
        start = r.at
        version, tip_age, longest_grant, copies, table = r.u32(), r.u32(), r.u32(), r.u8(), r.u32()
        return Policy(r.data[start : r.at], version, tip_age, longest_grant, copies, table)

    def stands(self) -> bool:
        return (
            self.version >= 1
            and 1 <= self.tip_age <= 3600
            and 60 <= self.longest_grant <= 43200
            and 2 <= self.copies <= 64
            and self.table == 1
        )


def read_suites(r: Reader) -> int:
    suites = r.u8()
    if not 1 <= suites <= ALL_SUITES:
        raise r.fail("no or unknown suites")
    return suites


def read_validators(r: Reader) -> Validators:
    def read() -> tuple[bytes, int]:
        branch = r.u16()
        return r.take(32), branch

    return r.ordered(50, read, key=lambda validator: validator[0])


def write_validators(validators: Validators) -> bytes:
    return listed([u16(branch) + key for key, branch in sorted(validators)])


def blank(text: str) -> bool:
    return not text.strip()


def is_agreement_key(key: bytes) -> bool:
    """An X25519 key below the field's size that is of no low order: eight times it is not the point at infinity."""
    u = int.from_bytes(key, "little")
    if u >= P:
        return False
    x, z = u, 1
    for _ in range(3):
        xx, zz, xz = x * x, z * z, x * z
        x, z = (xx - zz) ** 2 % P, 4 * xz * (xx + 486662 * xz + zz) % P
    return z != 0


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and int(port) <= 65535


@dataclass(frozen=True)
class Genesis:
    network: bytes
    created: int
    epoch_length: int
    participants: list[Participant]
    staff: list[Staff]
    suites: int
    policy: Policy

    @staticmethod
    def decode(data: bytes) -> Genesis:
        """The document, checked as section 3 says."""

        def read(r: Reader) -> Genesis:
            if r.u16() != 1:
                raise r.fail("another version")
            if blank(r.text(100)):
                raise r.fail("a blank name")
            created, epoch_length = r.u64(), r.u64()
            participants = r.ordered(200, lambda: Participant.read(r), key=lambda entry: entry.id)
            staff = r.ordered(4096, lambda: Staff.read(r), key=lambda entry: entry.id)
            return Genesis(sha256(data), created, epoch_length, participants, staff, read_suites(r), Policy.read(r))

        genesis = whole(data, "genesis.malformed", read)
        genesis._check()
        return genesis

    def validators(self, chain: int) -> Validators:
        entries = [(entry.validator_key(chain), entry.id) for entry in self.participants]
        return sorted((key, id) for key, id in entries if key)

    def _check(self) -> None:
        def rule(holds: bool, what: str) -> None:
            require(holds, "genesis.rules", what)

        active = {entry.id: entry for entry in self.participants if entry.active}
        keys = [key for entry in self.participants for key in entry.ed25519_keys()] + [
            entry.signing for entry in self.staff
        ]
        rule(2 <= self.epoch_length <= 65536, "an epoch length outside 2 to 65536")
        rule(all(entry.stands() for entry in self.participants), "a participant's entry that cannot stand by itself")
        rule(all(entry.stands() for entry in self.staff), "a staff entry that cannot stand by itself")
        rule(all(entry.branch in active for entry in self.staff), "staff of no active participant")
        rule(all(entry.key_epoch == 1 for entry in self.staff), "a first key epoch other than 1")
        rule(len(set(keys)) == len(keys), "a key twice")
        administrators = [
            entry
            for entry in self.staff
            if entry.active and roles.may_submit("registry", entry.roles, active[entry.branch].trusted)
        ]
        rule(len(administrators) >= 2, "fewer than two persons who may approve changes of the registry")
        rule(self.policy.stands() and self.policy.version == 1, "a policy that cannot stand by itself")
        for chain in (MAIN, SIDE):
            rule(1 <= len(self.validators(chain)) <= 50, "a chain without or with too many validators")
