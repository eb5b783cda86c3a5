"""An evidence file (evidence.md): its frame, who signs, and its parts; claims.py says what they show."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

import merkle
import tree
from claims import CLAIMS, PARTS
from codec import Line, lines, require, sha256, u64, whole
from ed25519 import verify_in
from ledger import Chain, Header, proven_validators
from registry import CHAINS, Genesis, Participant, Staff, Validators
from rules import grant_holds
from state import participant_key, staff_key
from statements import ANSWERED, Answer, RequestLine, SignedAnswer, Tip
from transaction import decode_grant

LONGEST_FILE = 64 << 20
LONGEST_GRANT = 43_200


class Evidence:
    block: Header  # the one of the line before

    def __init__(self, file: BinaryIO, network: bytes) -> None:
        self.lines = [Line(raw, "evidence") for raw in lines(file, LONGEST_FILE, "evidence")]
        self.at = 0
        self.network = network

    def _next(self) -> Line:
        require(self.at < len(self.lines), "evidence.cut", "lines are missing")
        self.at += 1
        return self.lines[self.at - 1]

    def _next_has(self, *names: str) -> bool:
        return self.at < len(self.lines) and any(name in self.lines[self.at].has for name in names)

    def verify(self) -> dict[str, Any]:
        self._first()
        while self._next_has("step"):
            self._step(self._next())
        while self._next_has("participant", "staff"):
            self._member(self._next())
        readers = {"block": self._block, "transaction": self._transaction, "tip": self._tip, "answer": self._answer}
        parts = [readers[part](self._next()) for part in PARTS[self.kind]]
        seen = self._last(self._next())
        require(self.at == len(self.lines), "evidence.after-end", "something follows the last line")
        return {"chain": self.chain_name, "claim": self.kind, "seen_s": seen, **CLAIMS[self.kind](self, *parts)}

    def _first(self) -> None:
        line = self._next()
        line.names("wardline", "version", "kind", "network", "chain", "genesis")
        right = line.text("wardline") == "evidence" and line.integer("version") == 1
        require(right, "evidence.version", "not evidence of version 1")
        self.kind, self.chain_name = line.text("kind"), line.text("chain")
        require(self.kind in PARTS, "evidence.kind", "no such kind of evidence")
        require(self.chain_name in CHAINS, "evidence.line", "no such chain")
        genesis = line.data("genesis")
        require(line.digest("network") == self.network, "evidence.network", "evidence of another network")
        require(sha256(genesis) == self.network, "genesis.digest", "another genesis than the network's")
        document = Genesis.decode(genesis)
        self.chain = Chain(document, CHAINS[self.chain_name])
        self.steps: list[tuple[int, Validators]] = [(0, document.validators(self.chain.chain))]
        self.branch_keys = {entry.id: entry.signing for entry in document.participants}
        self.staff = {entry.id: entry for entry in document.staff}
        self.members: list[bytes] = []

    # Who signs

    def has_validators_of(self, epoch: int) -> bool:
        """Whether the file has the very validators of an epoch, not only those of one before it."""
        return any(step == epoch for step, _ in self.steps)

    def check_certificate(self, header: Header, certificate: bytes) -> None:
        validators = [validators for epoch, validators in self.steps if epoch <= header.epoch][-1]
        self.chain.check_certificate(certificate, header, validators)

    def _step(self, line: Line) -> None:
        line.names("step", "header", "certificate", "set", "proof")
        epoch, header = line.integer("step"), Header.decode(line.data("header"))
        self.chain.check_header(header)
        ends = header.ends_epoch(self.chain.epoch_length) and epoch == header.epoch + 1
        require(ends, "evidence.step", "a step where its epoch does not begin")
        require(epoch > self.steps[-1][0], "evidence.step", "steps that do not ascend")
        self.check_certificate(header, line.data("certificate"))
        self.steps.append((epoch, proven_validators(epoch, line.data("set"), line.data("proof"), header.state_root)))

    def _member(self, line: Line) -> None:
        name = "staff" if "staff" in line.has else "participant"
        line.names(name, "headers", "certificate", "proof")
        value, header = line.data(name), self._final(line)
        if name == "staff":
            person = whole(value, "member.malformed", Staff.read)
            key = staff_key(person.id)
            self.staff[person.id] = person
        else:
            branch = whole(value, "member.malformed", Participant.read)
            key = participant_key(branch.id)
            self.branch_keys[branch.id] = branch.signing
        require(key not in self.members, "member.twice", "a member who has two lines")
        self.members.append(key)
        proven = tree.proves(line.data("proof"), key, value, header.state_root, "member.malformed")
        require(proven, "member.proof", "an entry that the state does not have")

    def _check_signature(self, domain: str, branch: int, data: bytes) -> None:
        """That a statement's last 64 bytes are its branch's signature over all before them."""
        require(branch in self.branch_keys, "evidence.branch", f"branch {branch} is not known")
        signed = verify_in(domain, self.branch_keys[branch], data[:-64], data[-64:])
        require(signed, "evidence.signature", f"not signed by branch {branch}")

    # Parts

    def _final(self, line: Line) -> Header:
        headers = [Header.decode(data) for data in line.data_list("headers")]
        require(bool(headers), "evidence.block", "a block without header")
        for header in headers:
            self.chain.check_header(header)
            require(header.epoch == headers[0].epoch, "evidence.block", "headers of different epochs")
        for parent, header in zip(headers, headers[1:]):
            header.check_follows(parent)
        self.check_certificate(headers[-1], line.data("certificate"))
        return headers[0]

    def _block(self, line: Line) -> Header:
        line.names("headers", "certificate")
        self.block = self._final(line)
        return self.block

    def _transaction(self, line: Line) -> bytes:
        line.names("transaction", "index", "inclusion")
        data, header = line.data("transaction"), self.block
        proof, leaf = line.digest_list("inclusion"), merkle.leaf_hash(data)
        included = merkle.includes(header.transaction_root, leaf, line.integer("index"), header.transactions, proof)
        require(included, "evidence.inclusion", "a transaction that is not in the block")
        return data

    def _tip(self, line: Line) -> Tip:
        line.names("tip")
        data = line.data("tip")
        tip = Tip.decode(data)
        require(tip.network == self.network and tip.chain == self.chain.chain, "tip.chain", "a tip of another chain")
        self._check_signature("wardline/1/tip", tip.branch, data)
        return tip

    def _answer(self, line: Line) -> Answer:
        line.names("answer", "request", "asked", "body")
        data, asking, asked, body = (line.data(name) for name in ("answer", "request", "asked", "body"))
        answer, request = SignedAnswer.decode(data), RequestLine.decode(asking)
        same = answer.network == request.network == self.network
        require(same, "answer.network", "an answer of another network, or a request to one")
        require(answer.request == sha256(asking), "answer.request", "an answer to another request")
        require(request.body == sha256(asked), "answer.asked", "another body of the request")
        require(answer.body == sha256(body), "answer.body", "another body of the answer")
        require(answer.status == ANSWERED, "answer.status", "an answer that is a refusal")
        require(request.branch == answer.branch, "answer.branch", "a request to another branch")
        self._check_signature("wardline/1/answer", answer.branch, data)
        return Answer(answer.branch, answer.part, request, asked, body)

    def _last(self, line: Line) -> int | None:
        line.names("sha256", "seen_s", "grant", "signature")
        total = hashlib.sha256()
        for before in self.lines[: self.at - 1]:
            total.update(before.raw + b"\n")
        require(line.digest("sha256") == total.digest(), "evidence.sum", "another sum than the file's")
        if self.kind == "inclusion":
            empty = all(line.has[name] is None for name in ("seen_s", "grant", "signature"))
            require(empty, "evidence.witness", "a witness where none is needed")
            return None
        seen, grant = line.integer("seen_s"), decode_grant(line.data("grant"), "evidence.grant")
        person = self.staff.get(grant.staff)
        holds = person is not None and grant_holds(grant, self.network, person, LONGEST_GRANT, seen)
        require(holds, "evidence.grant", "a grant that does not hold when it was seen")
        signed = verify_in("wardline/1/evidence", grant.session_key, total.digest() + u64(seen), line.data("signature"))
        require(signed, "evidence.signature", "the witness's signature does not verify")
        return seen


def verify(file: BinaryIO, network: bytes) -> dict[str, Any]:
    """What the evidence shows, if it does."""
    require(file.seek(0, 2) <= LONGEST_FILE, "evidence.too-large", "a file that is too large")
    file.seek(0)
    return {"height": None, **Evidence(file, network).verify()}
