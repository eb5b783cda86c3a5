"""Small networks with keys that everybody knows, their chains and evidence, for the tests beside this file.

Keys have names, as in the examples of ledger.md: an Ed25519 seed is SHA-256 of its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import ed25519
import ledger
import merkle
import roles
import rules
import tree
from codec import Refused, blob, listed, sha256, to_base64, u16, u32, u64
from registry import MAIN, SIDE, Genesis
from state import State, validators_key

CREATED = 1_800_000_000
EPOCH_LENGTH = 4


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def public(name: str) -> bytes:
    return ed25519.public_key(seed(name))


def id16(name: str) -> bytes:
    return seed(name)[:16]


def agreement(name: str) -> bytes:
    return seed(name)[:31] + b"\x01"


def sign(domain: str, name: str, message: bytes) -> bytes:
    return ed25519.sign(seed(name), bytes([len(domain)]) + domain.encode() + message)


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def text(value: str) -> bytes:
    return blob(value.encode())


def participant(
    id: int, trusted: bool = True, votes: bool = True, active: bool = True, main: str = "main", name: str = "Branch"
) -> bytes:
    side = b"\x01" + public(f"side {id}") if trusted else b"\x00"
    side_address = b"\x01" + text("host:2") if trusted else b"\x00"
    head = u16(id) + text(f"{name} {id}") + bytes([trusted, votes]) + public(f"signing {id}") + public(f"{main} {id}")
    tail = side + agreement(f"wrap {id}") + seed(f"tls {id}") + text("https://host:1") + text("host:1") + side_address
    return head + tail + bytes([active])


def staff(name: str, branch: int, mask: int, key: str = "", epoch: int = 1, active: bool = True) -> bytes:
    key = key or name
    return id16(name) + u16(branch) + public(key) + agreement(key) + u16(mask) + u32(epoch) + bytes([active])


def policy(version: int = 1, copies: int = 2) -> bytes:
    return u32(version) + u32(10) + u32(3600) + bytes([copies]) + u32(1)


def genesis(epoch_length: int = EPOCH_LENGTH, votes: int = 4) -> bytes:
    participants = [participant(id, votes=id <= votes) for id in (1, 2, 3, 4)] + [
        participant(5, trusted=False, votes=False)
    ]
    people = [
        staff("ward", 1, roles.WARD | roles.REGISTRAR),
        staff("ward 2", 2, roles.WARD | roles.REGISTRAR),
        staff("auditor", 3, roles.AUDITOR),
        staff("admin-a", 1, roles.SUPERVISOR | roles.OPERATOR),
        staff("admin-b", 2, roles.SUPERVISOR | roles.OPERATOR),
    ]
    head = u16(1) + text("Sample") + u64(CREATED) + u64(epoch_length)
    return head + listed(participants) + listed(sorted(people)) + b"\x07" + policy()


class Network:
    def __init__(self, document: bytes = b"") -> None:
        self.document = document or genesis()
        self.genesis = Genesis.decode(self.document)
        self.id = self.genesis.network

    def grant(
        self, person: str, not_before: int = CREATED, not_after: int = CREATED + 3600, key: str = "", epoch: int = 1
    ) -> bytes:
        session = f"session of {person}"
        body = (
            self.id
            + id16(person)
            + u32(epoch)
            + public(session)
            + agreement(session)
            + u64(not_before)
            + u64(not_after)
        )
        return body + sign("wardline/1/grant", key or person, body)

    def in_session(self, person: str, scope: int, kind: int, body: bytes, grant: bytes = b"") -> bytes:
        signed = self.id + bytes([scope, kind]) + body + b"\x01" + (grant or self.grant(person))
        return signed + sign("wardline/1/tx", f"session of {person}", signed)

    def receipt(self, holder: int, record: bytes, version: int, home: int, pointer: bytes, size: int) -> bytes:
        message = self.id + record + u32(version) + u16(home) + pointer + u32(size) + u16(holder)
        return u16(holder) + sign("wardline/1/receipt", f"signing {holder}", message)

    def storage(
        self, record: str, version: int = 1, person: str = "ward", home: int = 1, holders: Iterable[int] = (1, 2),
        assent: bytes = b"\x04\x00\x00\x00\x01", pointer: bytes = b"", size: int = 610, kind: int = 1,
    ) -> bytes:  # fmt: skip
        pointer, id = pointer or seed(f"envelope of {record}"), id16(record)
        receipts = [self.receipt(holder, id, version, home, pointer, size) for holder in holders]
        head = id + u16(home) + bytes([kind]) + pointer + u32(size) + u32(version) + assent
        return self.in_session(person, 1, 1, head + listed(receipts))

    def enrol(self, patient: str, suite: int = 3, content: int = 2, version: int = 1) -> bytes:
        return self.in_session("ward", 2, 6, id16(patient) + blob(envelope(id16(patient), version, suite, content)))

    def link(self, record: str, patient: str, branch: int = 1, person: str = "ward") -> bytes:
        return self.in_session(person, 2, 10, id16(record) + id16(patient) + u16(branch))

    def lookup(self, name: str, patient: str, reason: str = "a reason", purpose: int = 1) -> bytes:
        return self.in_session("ward", 2, 12, id16(name) + id16(patient) + bytes([purpose]) + text(reason))

    def verdict(
        self, height: int, named: Iterable[tuple[str, int, int]] = (), since: int = 0, records: int = 9,
        bad: int | None = None, unheard: int | None = None, person: str = "auditor",
    ) -> bytes:  # fmt: skip
        """What an auditor says; the counts are those of the list, where no others are given."""
        named = sorted((id16(record), branch, lack) for record, branch, lack in named)
        heard = sum(lack != 3 for _, _, lack in named)
        counts = heard if bad is None else bad, len(named) - heard if unheard is None else unheard
        head = u64(since) + u64(height) + seed("digest") + u64(records) + u64(counts[0]) + u64(counts[1])
        copies = [record + u16(branch) + bytes([lack]) for record, branch, lack in named]
        return self.in_session(person, 1, 14, head + listed(copies))

    def registry(self, version: int, entry: bytes, by: Iterable[str] = ("admin-a", "admin-b")) -> bytes:
        body = self.id + b"\x03\x03" + u32(version) + entry
        approvals = sorted(id16(name) + sign("wardline/1/approval", name, body) for name in by)
        return body + b"\x03" + listed(approvals)

    def access(self, branch: int, entries: list[bytes], before: int = 0) -> bytes:
        proof = consistency(entries, before)
        body = u16(branch) + u64(len(entries)) + merkle.root_of(entries) + listed(proof)
        signed = self.id + b"\x01\x04" + body + b"\x02" + u16(branch)
        return signed + sign("wardline/1/tx", f"signing {branch}", signed)

    def tip(self, chain: int, branch: int, height: int, digest: bytes, time: int) -> bytes:
        body = self.id + bytes([chain]) + u16(branch) + u64(height) + digest + u64(time)
        return body + sign("wardline/1/tip", f"signing {branch}", body)


def envelope(object: bytes, version: int = 1, suite: int = 2, content: int = 1, padded: int = 512) -> bytes:
    """An envelope's outer form around bytes that were never sealed."""
    head = b"WARDENV\x01" + bytes([suite, content]) + object + u32(version) + bytes(64) + u32(padded)
    return head + u32(0) + b"\x01" + bytes(padded + {1: 32, 2: 16, 3: 48}[suite])


def consistency(entries: list[bytes], before: int) -> list[bytes]:
    """RFC 6962, 2.1.2"""

    def subproof(m: int, part: list[bytes], whole: bool) -> list[bytes]:
        n = len(part)
        if m == n:
            return [] if whole else [merkle.root_of(part)]
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            return subproof(m, part[:k], whole) + [merkle.root_of(part[k:])]
        return subproof(m - k, part[k:], False) + [merkle.root_of(part[:k])]

    return subproof(before, entries, True) if before else []


def inclusion(entries: list[bytes], index: int) -> list[bytes]:
    """RFC 6962, 2.1.1"""
    n = len(entries)
    if n == 1:
        return []
    k = 1 << (n - 1).bit_length() - 1
    if index < k:
        return inclusion(entries[:k], index) + [merkle.root_of(entries[k:])]
    return inclusion(entries[k:], index - k) + [merkle.root_of(entries[:k])]


def state_proof(state: State, key: bytes) -> bytes:
    """A proof of presence or absence from the tree of the state."""
    hashes = {sha256(k): sha256(v) for k, v in state.values.items()}
    wanted, siblings, depth = sha256(key), [], 0
    node = state.tree

    def sibling(other: tree.Tree) -> bytes:
        if other is None:
            return b"\x00"
        if other.key is not None:
            return b"\x02" + other.key + hashes[other.key]
        return b"\x01" + tree.root(other.halves[0]) + tree.root(other.halves[1])

    while node is not None and node.key is None:
        side = tree.bit(wanted, depth)
        siblings.append(sibling(node.halves[1 - side]))
        node, depth = node.halves[side], depth + 1
    leaf = b"\x01" + node.key + hashes[node.key] if node and node.key else b"\x00"
    return leaf + listed(siblings[::-1])


class Block:
    def __init__(self, header: bytes, transactions: list[bytes], certificate: bytes | None) -> None:
        self.header, self.transactions, self.certificate = header, transactions, certificate
        self.handover: dict[str, Any] | None = None

    @property
    def digest(self) -> bytes:
        return sha256(self.header)

    @property
    def body(self) -> bytes:
        return listed([blob(transaction) for transaction in self.transactions])


class Chain:
    """A chain that is made block by block, by the rules or, where a test wants it, against them."""

    def __init__(self, network: Network, chain: int) -> None:
        self.network, self.chain = network, chain
        self.length = network.genesis.epoch_length
        self.state = State(network.genesis, chain)
        self.blocks = [Block(ledger.genesis_header(network.genesis, chain, self.state.root()), [], None)]
        self.time = CREATED
        self.validators = network.genesis.validators(chain)
        self.signing = {
            public(f"{word} {id}"): f"{word} {id}" for word in ("main", "side", "new main") for id in range(1, 8)
        }

    def certify(self, header: bytes, epoch: int, signers: Iterable[int] = (0, 1, 2)) -> bytes:
        n, signers = len(self.validators), [index for index in signers if index < len(self.validators)]
        proposal = varint(epoch) + varint(len(self.blocks)) + varint(len(self.blocks) - 1) + sha256(header)
        domain = f"wardline/{self.network.id.hex()}/{'main' if self.chain == MAIN else 'side'}_FINALIZE".encode()
        message = varint(len(domain)) + domain + proposal
        bits = sum(1 << index for index in signers).to_bytes((n + 7) // 8, "little")
        signatures = [ed25519.sign(seed(self.signing[self.validators[index][0]]), message) for index in signers]
        return proposal + u64(n) + bits + varint(len(signatures)) + b"".join(signatures)

    def header(self, transactions: list[bytes], state_root: bytes, time: int, **other: Any) -> bytes:
        height = len(self.blocks)
        fields = {"parent": self.blocks[-1].digest, "height": height, "epoch": height // self.length, **other}
        where = fields["parent"] + u64(fields["height"]) + u16(1) + self.network.id + bytes([self.chain])
        what = u64(fields["epoch"]) + u64(time) + u32(len(transactions)) + merkle.root_of(transactions)
        return where + what + state_root

    def add(
        self, *transactions: bytes, certified: bool = True, forced: bool = False, later: int = 1, **other: Any
    ) -> Block:
        """The next block. With `forced`, transactions that the rules refuse are in it and change nothing."""
        self.time += later
        draft = ledger.Header.decode(self.header(list(transactions), bytes(32), self.time, **other))
        for transaction in transactions:
            try:
                rules.apply(self.state, transaction, draft)
            except Refused:
                if not forced:
                    raise
        rules.end_block(self.state, draft, self.length)
        header: bytes = self.header(list(transactions), self.state.root(), self.time, **other)
        block = Block(header, list(transactions), self.certify(header, draft.epoch) if certified else None)
        self.blocks.append(block)
        if draft.ends_epoch(self.length):
            key = validators_key(draft.epoch + 1)
            block.handover = {
                "epoch": draft.epoch + 1,
                "set": to_base64(self.state.values[key]),
                "proof": to_base64(state_proof(self.state, key)),
            }
            self.validators = ledger.proven_validators(
                draft.epoch + 1, self.state.values[key], state_proof(self.state, key), self.state.root()
            )
        return block

    @property
    def name(self) -> str:
        return "main" if self.chain == MAIN else "side"

    def export_lines(self, first: int = 0, last: int | None = None) -> list[dict[str, Any]]:
        last = len(self.blocks) - 1 if last is None else last
        head = {"wardline": "chain export", "version": 1, "network": self.network.id.hex(), "chain": self.name}
        lines: list[dict[str, Any]] = [{**head, "genesis": to_base64(self.network.document), "from": first, "to": last}]
        for height, block in enumerate(self.blocks):
            body = to_base64(block.body) if height == 0 or first <= height <= last else None
            certificate = to_base64(block.certificate) if block.certificate else None
            lines.append(
                {"height": height, "header": to_base64(block.header), "body": body, "certificate": certificate}
            )
            if block.handover:
                lines.append(block.handover)
            if height >= last and (block.certificate or height == 0):
                break
        return lines

    def block_line(self, height: int) -> dict[str, Any]:
        headers, at = [to_base64(self.blocks[height].header)], height
        while self.blocks[at].certificate is None:
            at += 1
            headers.append(to_base64(self.blocks[at].header))
        return {"headers": headers, "certificate": to_base64(self.blocks[at].certificate or b"")}

    def transaction_line(self, height: int, index: int) -> dict[str, Any]:
        transactions = self.blocks[height].transactions
        proof = [digest.hex() for digest in inclusion(transactions, index)]
        return {"transaction": to_base64(transactions[index]), "index": index, "inclusion": proof}

    def step_line(self, height: int) -> dict[str, Any]:
        block = self.blocks[height]
        assert block.handover and block.certificate
        step = {"step": block.handover["epoch"], "header": to_base64(block.header)}
        return {
            **step,
            "certificate": to_base64(block.certificate),
            "set": block.handover["set"],
            "proof": block.handover["proof"],
        }


def export_file(lines: list[dict[str, Any]]) -> bytes:
    """The lines and their sum."""
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    blocks = sum("header" in line for line in lines)
    return data + json.dumps({"blocks": blocks, "sha256": sha256(data).hex()}).encode() + b"\n"


def answer_line(
    network: Network, branch: int, path: str, body: Any, asked: Any = None, main_height: int = 99, **other: Any
) -> dict[str, Any]:
    asked_bytes = b"" if asked is None else json.dumps(asked).encode()
    body_bytes = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = (
        other.get("asked_of", network.id)
        + u16(branch)
        + id16("nonce")
        + u64(1)
        + u64(main_height)
        + u64(0)
        + text("POST")
        + text(path)
        + sha256(asked_bytes)
    )
    status = other.get("status", 200)
    part = other.get("part", int("/stream" in path))
    answer = network.id + u16(branch) + sha256(request) + u32(part) + u16(status) + sha256(body_bytes) + u64(CREATED)
    answer += sign("wardline/1/answer", other.get("key", f"signing {branch}"), answer)
    parts = {"answer": answer, "request": request, "asked": asked_bytes, "body": body_bytes}
    return {name: to_base64(value) for name, value in parts.items()}


def evidence_file(
    network: Network, chain: str, kind: str, *lines: dict[str, Any], witness: str = "ward", seen: int = CREATED + 9
) -> bytes:
    first = {"wardline": "evidence", "version": 1, "kind": kind, "network": network.id.hex(), "chain": chain}
    every = [{**first, "genesis": to_base64(network.document)}, *lines]
    data = b"".join(json.dumps(line).encode() + b"\n" for line in every)
    last: dict[str, Any] = {"sha256": sha256(data).hex(), "seen_s": None, "grant": None, "signature": None}
    if kind != "inclusion":
        signature = sign("wardline/1/evidence", f"session of {witness}", sha256(data) + u64(seen))
        last.update(seen_s=seen, grant=to_base64(network.grant(witness)), signature=to_base64(signature))
    return data + json.dumps(last).encode() + b"\n"


def busy_chains() -> tuple[Chain, Chain]:
    """A main and a side chain with every kind of transaction, every kind of registry entry, and epochs that end."""
    network = Network()
    main, side = Chain(network, MAIN), Chain(network, SIDE)
    changes = [
        network.registry(1, b"\x02" + staff("nora", 5, roles.RESEARCHER), by=["admin-a"]),
        network.registry(2, b"\x01" + participant(6)),
        network.registry(3, b"\x03\x06"),
        network.registry(4, b"\x04" + policy(2, copies=3)),
        network.registry(5, b"\x05\x01" + listed([u16(id) for id in (1, 2, 3, 6)])),
        network.registry(6, b"\x05\x02" + listed([u16(id) for id in (2, 3, 4, 6)])),
        network.registry(7, b"\x01" + participant(2, main="new main")),
        network.registry(8, b"\x01" + participant(3, votes=False)),
        network.registry(9, b"\x02" + staff("ward 2", 2, roles.WARD, key="ward 2 anew", epoch=2)),
        network.registry(10, b"\x02" + staff("nora", 5, roles.RESEARCHER, active=False), by=["admin-b"]),
    ]
    main.add(network.storage("a"), network.storage("b", person="ward 2", home=2, holders=(2, 3, 4)))
    main.add(
        network.storage("a", version=2, holders=(1, 4)), network.access(1, [b"one", b"two", b"three"]), certified=False
    )
    main.add(changes[0])  # the end of epoch 0
    main.add(*changes[1:5], later=0)
    main.add(network.storage("c", assent=b"\x02\x01", holders=(1, 2, 6)), certified=False)
    main.add(later=0)
    main.add(changes[5], network.access(1, [b"one", b"two", b"three", b"four", b"five"], before=3))  # of epoch 1
    main.add(changes[6])
    main.add(changes[7], changes[8])
    main.add(later=5)
    main.add(changes[9], network.storage("d", assent=b"\x03\x06", holders=(1, 3, 4)))  # of epoch 2
    said = [("a", 1, 1), ("b", 3, 3)]
    main.add(network.storage("d", version=2, holders=(1, 3, 4)), network.verdict(9, said))

    side.add(network.enrol("mei"), network.enrol("ali", suite=2))
    side.add(network.link("a", "mei"), network.link("b", "mei", branch=2, person="ward 2"), certified=False)
    side.add(network.lookup("l", "mei"))
    side.add(*changes[:6])
    side.add(network.link("c", "mei"), certified=False)
    side.add(network.lookup("m", "ali", purpose=5))
    side.add(later=0)
    side.add(*changes[6:])
    side.add(network.link("d", "mei"))
    return main, side
