"""Transactions: their shapes and signatures (ledger.md, sections 4, 4.1 and 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Union

from codec import Reader, sha256, whole
from registry import Participant, Policy, Staff

CODE = "transaction.malformed"
STORAGE, REGISTRY, ACCESS, ENROL, LINK, LOOKUP, VERDICT = 1, 3, 4, 6, 10, 12, 14
NAMES = {
    STORAGE: "storage", REGISTRY: "registry", ACCESS: "access", ENROL: "enrol", LINK: "link", LOOKUP: "lookup",
    VERDICT: "verdict",
}  # fmt: skip
SESSION_AUTHOR, BRANCH_AUTHOR, STAFF_AUTHOR = 1, 2, 3
MISSING, ALTERED, UNANSWERED = 1, 2, 3
MOST_NAMED = 64
BY_COMMITMENT, EMERGENCY, UNABLE, BY_POLICY = 1, 2, 3, 4


@dataclass(frozen=True)
class Grant:
    raw: bytes
    network: bytes
    staff: bytes
    key_epoch: int
    session_key: bytes
    not_before: int
    not_after: int
    signature: bytes

    @staticmethod
    def read(r: Reader) -> Grant:
        start = r.at
        network, staff, key_epoch, session_key, _agreement = r.take(32), r.take(16), r.u32(), r.take(32), r.take(32)
        not_before, not_after, signature = r.u64(), r.u64(), r.take(64)
        return Grant(r.data[start : r.at], network, staff, key_epoch, session_key, not_before, not_after, signature)

    @property
    def signed(self) -> bytes:
        return self.raw[:-64]


@dataclass(frozen=True)
class SessionAuthor:
    grant: Grant
    signature: bytes


@dataclass(frozen=True)
class BranchAuthor:
    branch: int
    signature: bytes


@dataclass(frozen=True)
class StaffAuthor:
    approvals: list[tuple[bytes, bytes]]  # staff id, signature


Author = Union[SessionAuthor, BranchAuthor, StaffAuthor]


@dataclass(frozen=True)
class Storage:
    record: bytes
    branch: int
    kind: int
    pointer: bytes
    size: int
    version: int
    assent: int
    assent_number: int  # its reason or policy version
    receipts: list[tuple[int, bytes]]  # branch id, signature

    @staticmethod
    def read(r: Reader) -> Storage:
        record, branch, kind, pointer = r.take(16), r.u16(), r.code_of(12, "record kind"), r.take(32)
        size, version, assent, number = r.u32(), r.u32(), r.code_of(4, "assent"), 0
        if assent == BY_COMMITMENT:
            r.take(32)
        else:
            number = r.u32() if assent == BY_POLICY else r.u8()
        receipts = r.ordered(64, lambda: (r.u16(), r.take(64)), key=lambda receipt: receipt[0])
        return Storage(record, branch, kind, pointer, size, version, assent, number, receipts)


@dataclass(frozen=True)
class Suites:
    mask: int


@dataclass(frozen=True)
class ChainValidators:
    chain: int
    branches: list[int]


Entry = Union[Participant, Staff, Suites, Policy, ChainValidators]


def _chain_validators(r: Reader) -> ChainValidators:
    return ChainValidators(r.code_of(2, "chain"), r.ordered(50, r.u16, key=lambda id: id))


_ENTRIES: list[Callable[[Reader], Entry]] = [
    Participant.read, Staff.read, lambda r: Suites(r.u8()), Policy.read, _chain_validators,
]  # fmt: skip


@dataclass(frozen=True)
class Registry:
    version: int
    entry: Entry

    @staticmethod
    def read(r: Reader) -> Registry:
        return Registry(r.u32(), _ENTRIES[r.code_of(5, "entry") - 1](r))


@dataclass(frozen=True)
class Access:
    branch: int
    size: int
    root: bytes
    proof: list[bytes]

    @staticmethod
    def read(r: Reader) -> Access:
        return Access(r.u16(), r.u64(), r.take(32), r.many(128, lambda: r.take(32)))


@dataclass(frozen=True)
class Enrol:
    patient: bytes
    identity: bytes

    @staticmethod
    def read(r: Reader) -> Enrol:
        return Enrol(r.take(16), r.blob(8192))


@dataclass(frozen=True)
class Link:
    record: bytes
    patient: bytes
    branch: int

    @staticmethod
    def read(r: Reader) -> Link:
        return Link(r.take(16), r.take(16), r.u16())


@dataclass(frozen=True)
class Lookup:
    id: bytes
    patient: bytes
    purpose: int
    reason: str

    @staticmethod
    def read(r: Reader) -> Lookup:
        return Lookup(r.take(16), r.take(16), r.code_of(6, "purpose"), r.text(200))


@dataclass(frozen=True)
class Verdict:
    raw: bytes
    since: int
    height: int
    records: int
    bad: int
    unheard: int
    named: list[tuple[bytes, int, int]]  # record id, branch id, what is wrong

    @staticmethod
    def read(r: Reader) -> Verdict:
        start, since, height, _digest = r.at, r.u64(), r.u64(), r.take(32)
        records, bad, unheard = r.u64(), r.u64(), r.u64()
        named = r.ordered(MOST_NAMED, lambda: (r.take(16), r.u16(), r.code_of(3, "lack")), key=lambda one: one[:2])
        return Verdict(r.data[start : r.at], since, height, records, bad, unheard, named)


Body = Union[Storage, Registry, Access, Enrol, Link, Lookup, Verdict]
_BODIES: dict[int, Callable[[Reader], Body]] = {
    STORAGE: Storage.read, REGISTRY: Registry.read, ACCESS: Access.read,
    ENROL: Enrol.read, LINK: Link.read, LOOKUP: Lookup.read, VERDICT: Verdict.read,
}  # fmt: skip


def _author(r: Reader) -> Author:
    code = r.code_of(3, "author")
    if code == SESSION_AUTHOR:
        return SessionAuthor(Grant.read(r), r.take(64))
    if code == BRANCH_AUTHOR:
        return BranchAuthor(r.u16(), r.take(64))
    return StaffAuthor(r.ordered(8, lambda: (r.take(16), r.take(64)), key=lambda approval: approval[0]))


@dataclass(frozen=True)
class Transaction:
    raw: bytes
    network: bytes
    scope: int
    kind: int
    body: Body
    author: Author
    approved: bytes  # what approvals are over: all before the author

    @property
    def id(self) -> bytes:
        return sha256(self.raw)

    @property
    def signed(self) -> bytes:
        """What a session or a branch signs: all before the signature."""
        return self.raw[:-64]

    @staticmethod
    def decode(data: bytes) -> Transaction:
        def read(r: Reader) -> Transaction:
            network, scope, kind = r.take(32), r.code_of(3, "scope"), r.u8()
            if kind not in _BODIES:
                raise r.fail(f"reserved or unknown kind {kind}")
            body = _BODIES[kind](r)
            approved = data[: r.at]
            return Transaction(data, network, scope, kind, body, _author(r), approved)

        return whole(data, CODE, read)


def custody(network: bytes, body: Storage, holder: int) -> bytes:
    """What a holder's receipt is over."""
    where = network + body.record + body.version.to_bytes(4, "big") + body.branch.to_bytes(2, "big")
    return where + body.pointer + body.size.to_bytes(4, "big") + holder.to_bytes(2, "big")


def decode_grant(data: bytes, code: str) -> Grant:
    return whole(data, code, Grant.read)
