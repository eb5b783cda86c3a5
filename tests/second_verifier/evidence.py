"""Evidence files (evidence.md)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Tuple

import envelope
import merkle
import tree
from codec import Line, Reader, Refused, from_base64, lines, parse_json, require, sha256, u16, u64, whole
from ed25519 import verify_in
from ledger import Chain, Header, proven_validators
from registry import CHAINS, Genesis, Participant, Staff, Validators
from rules import grant_holds, read_patient
from state import participant_key, patient_key, staff_key
from transaction import Storage, Transaction, decode_grant

LONGEST_LINE, LONGEST_FILE = 48 << 20, 64 << 20
ANSWERED = 200

PARTS = {
    "inclusion": ["block", "transaction"],
    "fork": ["block", "block"],
    "contradiction": ["block", "tip"],
    "rollback": ["tip", "tip"],
    "forged": ["answer"],
    "altered": ["block", "transaction", "answer"],
    "missing": ["block", "transaction", "answer"],
    "omission": ["answer"],
}


class Refuted(Refused):
    """What is in the file is authentic and does not show what the file claims."""


def shows(holds: bool, code: str, what: str) -> None:
    if not holds:
        raise Refuted(code, what)


@dataclass(frozen=True)
class Tip:
    network: bytes
    chain: int
    branch: int
    height: int
    digest: bytes
    time: int

    @staticmethod
    def read(r: Reader) -> "Tip":
        tip = Tip(r.take(32), r.code_of(2, "chain"), r.u16(), r.u64(), r.take(32), r.u64())
        r.take(64)
        return tip


@dataclass(frozen=True)
class RequestLine:
    branch: int
    main_height: int
    path: str
    body: bytes

    @staticmethod
    def read(r: Reader) -> "RequestLine":
        _network, branch, _nonce, _counter, main_height, _side_height = (
            r.take(32), r.u16(), r.take(16), r.u64(), r.u64(), r.u64(),
        )  # fmt: skip
        _method, path, body = r.text(len(r.data)), r.text(len(r.data)), r.take(32)
        return RequestLine(branch, main_height, path.split("?", 1)[0], body)


@dataclass(frozen=True)
class Answer:
    network: bytes
    branch: int
    request: bytes
    status: int
    digest: bytes
    line: Optional[RequestLine] = None
    asked: bytes = b""
    body: bytes = b""

    @staticmethod
    def read(r: Reader) -> "Answer":
        network, branch, request, _part, status = r.take(32), r.u16(), r.take(32), r.u32(), r.u16()
        answer = Answer(network, branch, request, status, r.take(32))
        r.u64()
        r.take(64)
        return answer


@dataclass(frozen=True)
class Included:
    transaction: Transaction
    header: Header


class Evidence:
    def __init__(self, file: BinaryIO, network: bytes) -> None:
        self.lines = [Line(raw, "evidence") for raw in lines(file, LONGEST_LINE, "evidence")]
        self.at = 0
        self.network = network
        self.steps: List[Tuple[int, Validators]] = []
        self.branch_keys: Dict[int, bytes] = {}
        self.staff_keys: Dict[bytes, bytes] = {}
        self.blocks: List[Header] = []

    def _next(self) -> Line:
        require(self.at < len(self.lines), "evidence.cut", "lines are missing")
        self.at += 1
        return self.lines[self.at - 1]

    def _coming(self, *names: str) -> bool:
        return self.at < len(self.lines) and any(name in self.lines[self.at].has for name in names)

    def verify(self) -> Dict[str, Any]:
        self._first()
        while self._coming("step"):
            self._step(self._next())
        while self._coming("participant", "staff"):
            self._member(self._next())
        read = {"block": self._block, "transaction": self._transaction, "tip": self._tip, "answer": self._answer}
        parts = [read[part](self._next()) for part in PARTS[self.kind]]
        seen = self._last(self._next())
        require(self.at == len(self.lines), "evidence.after-end", "something follows the last line")
        result: Dict[str, Any] = {"chain": self.chain_name, "claim": self.kind, "seen_s": seen}
        result.update(_CLAIMS[self.kind](self, *parts) or {})
        return result

    def _first(self) -> None:
        line = self._next()
        line.names("wardline", "version", "kind", "network", "chain", "genesis")
        right = line.text("wardline") == "evidence" and line.integer("version") == 1
        require(right, "evidence.version", "not evidence of version 1")
        self.kind, self.chain_name = line.text("kind"), line.text("chain")
        require(self.kind in PARTS, "evidence.kind", "no such kind of evidence")
        require(self.chain_name in CHAINS, "evidence.line", "no such chain")
        genesis = line.bytes("genesis")
        require(line.digest("network") == self.network, "evidence.network", "evidence of another network")
        require(sha256(genesis) == self.network, "genesis.digest", "another genesis than the network's")
        document = Genesis.decode(genesis)
        self.chain = Chain(document, CHAINS[self.chain_name])
        self.steps = [(0, document.validators(self.chain.chain))]
        self.genesis_branch_keys = {entry.id: entry.signing for entry in document.participants}
        self.genesis_staff_keys = {entry.id: entry.signing for entry in document.staff}

    # Who signs

    def _certified(self, header: Header, certificate: bytes) -> None:
        validators = [validators for epoch, validators in self.steps if epoch <= header.epoch][-1]
        self.chain.check_certificate(certificate, header, validators)

    def _step(self, line: Line) -> None:
        line.names("step", "header", "certificate", "set", "proof")
        epoch, header = line.integer("step"), Header.decode(line.bytes("header"))
        self.chain.check_header(header)
        ends = header.ends_epoch(self.chain.epoch_length) and epoch == header.epoch + 1
        require(ends, "evidence.step", "a step where its epoch does not begin")
        require(epoch > self.steps[-1][0], "evidence.step", "steps that do not ascend")
        self._certified(header, line.bytes("certificate"))
        self.steps.append((epoch, proven_validators(epoch, line.bytes("set"), line.bytes("proof"), header.state_root)))

    def _member(self, line: Line) -> None:
        name = "staff" if "staff" in line.has else "participant"
        line.names(name, "headers", "certificate", "proof")
        value, header = line.bytes(name), self._final(line)
        if name == "staff":
            person = whole(value, "member.malformed", Staff.read)
            key, fresh = staff_key(person.id), person.id not in self.staff_keys
            self.staff_keys[person.id] = person.signing
        else:
            branch = whole(value, "member.malformed", Participant.read)
            key, fresh = participant_key(branch.id), branch.id not in self.branch_keys
            self.branch_keys[branch.id] = branch.signing
        require(fresh, "member.twice", "a member twice")
        proven = tree.proves(line.bytes("proof"), key, value, header.state_root, "member.malformed")
        require(proven, "member.proof", "an entry that the state does not have")

    def _signed(self, domain: str, branch: int, data: bytes) -> None:
        """A statement's last 64 bytes are its branch's signature over all before them."""
        key = self.branch_keys.get(branch) or self.genesis_branch_keys.get(branch)
        if key is None:
            raise Refused("evidence.branch", f"branch {branch} is not known")
        require(verify_in(domain, key, data[:-64], data[-64:]), "evidence.signature", f"not signed by branch {branch}")

    # Parts

    def _final(self, line: Line) -> Header:
        headers = [Header.decode(data) for data in line.byte_list("headers")]
        require(bool(headers), "evidence.block", "a block without header")
        for header in headers:
            self.chain.check_header(header)
            require(header.epoch == headers[0].epoch, "evidence.block", "headers of different epochs")
        for parent, header in zip(headers, headers[1:]):
            header.check_follows(parent)
        self._certified(headers[-1], line.bytes("certificate"))
        return headers[0]

    def _block(self, line: Line) -> Header:
        line.names("headers", "certificate")
        header = self._final(line)
        self.blocks.append(header)
        return header

    def _transaction(self, line: Line) -> Included:
        line.names("transaction", "index", "inclusion")
        data, header = line.bytes("transaction"), self.blocks[-1]
        proof = line.digest_list("inclusion")
        leaf, index = merkle.leaf_hash(data), line.integer("index")
        included = merkle.includes(header.transaction_root, leaf, index, header.transactions, proof)
        require(included, "evidence.inclusion", "a transaction that is not in the block")
        return Included(Transaction.decode(data), header)

    def _tip(self, line: Line) -> Tip:
        line.names("tip")
        data = line.bytes("tip")
        tip = whole(data, "tip.malformed", Tip.read)
        require(tip.network == self.network and tip.chain == self.chain.chain, "tip.chain", "a tip of another chain")
        self._signed("wardline/1/tip", tip.branch, data)
        return tip

    def _answer(self, line: Line) -> Answer:
        line.names("answer", "request", "asked", "body")
        data, request, asked, body = (line.bytes(name) for name in ("answer", "request", "asked", "body"))
        answer = whole(data, "answer.malformed", Answer.read)
        asking = whole(request, "request.malformed", RequestLine.read)
        require(answer.network == self.network, "answer.network", "an answer of another network")
        require(answer.request == sha256(request), "answer.request", "an answer to another request")
        require(asking.body == sha256(asked), "answer.asked", "another body of the request")
        require(answer.digest == sha256(body), "answer.body", "another body of the answer")
        require(answer.status == ANSWERED, "answer.status", "an answer that is a refusal")
        require(asking.branch == answer.branch, "answer.branch", "a request to another branch")
        self._signed("wardline/1/answer", answer.branch, data)
        return Answer(answer.network, answer.branch, answer.request, answer.status, answer.digest, asking, asked, body)

    def _last(self, line: Line) -> Optional[int]:
        line.names("sha256", "seen_s", "grant", "signature")
        total = hashlib.sha256()
        for before in self.lines[: self.at - 1]:
            total.update(before.raw + b"\n")
        require(line.digest("sha256") == total.digest(), "evidence.sum", "another sum than the file's")
        witness = [line.has[name] for name in ("seen_s", "grant", "signature")]
        if self.kind == "inclusion":
            require(witness == [None] * 3, "evidence.witness", "a witness where none is needed")
            return None
        seen, grant = line.integer("seen_s"), decode_grant(line.bytes("grant"), "evidence.grant")
        key = self.staff_keys.get(grant.staff) or self.genesis_staff_keys.get(grant.staff)
        require(key is not None, "evidence.grant", "a grant of nobody who is known")
        assert key is not None
        require(grant_holds(grant, self.network, key), "evidence.grant", "a grant that its staff key did not sign")
        signed = verify_in("wardline/1/evidence", grant.session_key, total.digest() + u64(seen), line.bytes("signature"))
        require(signed, "evidence.signature", "the witness's signature does not verify")
        return seen

    # What the kinds claim

    def _inclusion(self, block: Header, included: Included) -> Dict[str, Any]:
        return {"height": block.height, "transaction": included.transaction.id.hex()}

    def _fork(self, one: Header, other: Header) -> Dict[str, Any]:
        shows(one.height == other.height, "fork.height", "blocks of different heights")
        shows(one.digest != other.digest, "fork.same", "one block twice")
        return {"height": one.height}

    def _contradiction(self, block: Header, tip: Tip) -> Dict[str, Any]:
        shows(tip.height == block.height, "contradiction.height", "a tip of another height")
        shows(tip.digest != block.digest, "contradiction.same", "a tip that names the block")
        return {"height": block.height, "branch": tip.branch}

    def _rollback(self, first: Tip, second: Tip) -> Dict[str, Any]:
        shows(first.branch == second.branch, "rollback.branch", "tips of two branches")
        back = second.time > first.time and second.height < first.height
        shows(back, "rollback.forward", "tips that do not go back")
        return {"height": second.height, "branch": first.branch}

    def _forged(self, answer: Answer) -> Dict[str, Any]:
        for header, certificate in _headers_of(answer, self.chain_name):
            try:
                self._genuine(header, certificate)
            except Refused as refused:
                return {"branch": answer.branch, "fault": refused.code}
        raise Refuted("forged.genuine", "every header of the answer is a valid one")

    def _genuine(self, encoded: Any, certificate: Any) -> None:
        header = Header.decode(from_base64(encoded, "header.malformed", "header"))
        self.chain.check_header(header)
        if certificate is not None:
            self._certified(header, from_base64(certificate, "certificate.malformed", "certificate"))

    def _envelope(self, included: Included, answer: Answer) -> Tuple[Storage, Optional[bytes]]:
        """The storage transaction, and what the branch answered for its record."""
        storage = included.transaction.body
        if not isinstance(storage, Storage):
            raise Refuted("evidence.storage", "a transaction that stores nothing")
        _at(answer, "/v1/records/envelopes")
        assert answer.line is not None
        asked, body = _object(answer.asked, "records"), _object(answer.body, "envelopes")
        shows(len(asked) == len(body), "evidence.answer", "another number of envelopes than of records")
        record = storage.record.hex()
        shows(record in asked, "evidence.record", "a record that was not asked for")
        shows(answer.line.main_height >= included.header.height, "evidence.behind", "the branch need not have known the block")
        given = body[asked.index(record)]
        if given is None:
            return storage, None
        try:
            return storage, from_base64(given, "evidence.answer", "an envelope")
        except Refused as refused:
            raise Refuted(refused.code, refused.what) from None

    def _altered(self, block: Header, included: Included, answer: Answer) -> Dict[str, Any]:
        storage, given = self._envelope(included, answer)
        shows(given is not None, "altered.none", "no envelope was answered")
        assert given is not None
        shows(sha256(given) != storage.pointer, "altered.same", "the envelope is the agreed one")
        try:
            header = envelope.outer_form(given)
        except Refused:
            header = None
        wrong = header is None or header.object != storage.record or header.version == storage.version
        shows(wrong, "altered.version", "an envelope of another version, which may be right")
        return {"height": block.height, "branch": answer.branch}

    def _missing(self, block: Header, included: Included, answer: Answer) -> Dict[str, Any]:
        storage, given = self._envelope(included, answer)
        shows(given is None, "missing.given", "an envelope was answered")
        holders = [holder for holder, _ in storage.receipts]
        shows(answer.branch in holders, "missing.receipt", "the branch never said that it holds the envelope")
        return {"height": block.height, "branch": answer.branch}

    def _omission(self, answer: Answer) -> Dict[str, Any]:
        _at(answer, "/v1/patients/links")
        links = parse_json(answer.body, "evidence.answer")
        raise Refuted("omission.unspecified", "the pages do not print the JSON of Links")


_CLAIMS: Dict[str, Callable[..., Dict[str, Any]]] = {
    kind: getattr(Evidence, f"_{kind}") for kind in PARTS
}


def _at(answer: Answer, path: str) -> None:
    assert answer.line is not None
    shows(answer.line.path == path, "evidence.path", "an answer to another kind of request")


def _object(data: bytes, name: str) -> List[Any]:
    """The list that a JSON object has at a name."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    listed = value.get(name) if isinstance(value, dict) else None
    shows(isinstance(listed, list), "evidence.answer", f"a body without the list {name}")
    assert isinstance(listed, list)
    return listed


def _headers_of(answer: Answer, chain: str) -> List[Tuple[Any, Any]]:
    """Every header of an answer with the certificate beside it, by the path that was asked."""
    assert answer.line is not None
    try:
        body = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError):
        body = None
    path, prefix = answer.line.path, f"/v1/{chain}/"
    shows(path.startswith(prefix), "evidence.path", "an answer of another chain or to another kind of request")
    route = path[len(prefix) :]
    if route == "headers":
        items = body.get("headers") if isinstance(body, dict) else None
    elif route == "stream":
        items = [body.get("block")] if isinstance(body, dict) else None
        items = [] if items == [None] else items
    else:
        known = route == "proofs" or route.startswith("blocks/") and route[7:].isdigit()
        shows(known, "evidence.path", "an answer to another kind of request")
        items = [body]
    right = isinstance(items, list) and all(isinstance(item, dict) and "header" in item for item in items)
    shows(right, "evidence.answer", "an answer without the members that have headers")
    assert isinstance(items, list)
    return [(item["header"], item.get("certificate")) for item in items]


def verify(file: BinaryIO, network: bytes) -> Dict[str, Any]:
    """What the evidence shows, if it does."""
    require(file.seek(0, 2) <= LONGEST_FILE, "evidence.too-large", "a file that is too large")
    file.seek(0)
    return {"height": None, **Evidence(file, network).verify()}
