"""What each kind of evidence claims, and when it holds (evidence.md, "Parts by kind")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import envelope
import merkle
import tree
from certificate import is_of
from codec import Refused, sha256, u16, whole
from ledger import Header
from registry import MAIN, SIDE
from rules import read_patient
from state import patient_key
from statements import Answer, Json, Refuted, Tip, headers_of, read_branch, read_bytes, read_id, shows
from transaction import Storage, Transaction

if TYPE_CHECKING:
    from evidence import Evidence

Shown = dict[str, Any]


def inclusion(file: Evidence, block: Header, transaction: bytes) -> Shown:
    return {"height": block.height, "transaction": sha256(transaction).hex()}


def fork(file: Evidence, one: Header, other: Header) -> Shown:
    shows(one.height == other.height, "fork.height", "blocks of different heights")
    shows(one.digest != other.digest, "fork.same", "one block twice")
    return {"height": one.height}


def contradiction(file: Evidence, block: Header, tip: Tip) -> Shown:
    shows(tip.height == block.height, "contradiction.height", "a tip of another height")
    shows(tip.digest != block.digest, "contradiction.same", "a tip that names the block")
    return {"height": block.height, "branch": tip.branch}


def rollback(file: Evidence, first: Tip, second: Tip) -> Shown:
    shows(first.branch == second.branch, "rollback.branch", "tips of two branches")
    back = second.time > first.time and second.height < first.height
    shows(back, "rollback.forward", "tips that do not go back")
    return {"height": second.height, "branch": first.branch}


def forged(file: Evidence, answer: Answer) -> Shown:
    headers = headers_of(answer, file.chain_name)  # all of it is read before any of it is judged
    for header, certificate in headers:
        fault = None if Header.is_later(header) else _fault(file, header, certificate)
        if fault:
            return {"branch": answer.branch, "fault": fault}
    later = any(Header.is_later(header) for header, _ in headers)
    shows(not later, "forged.version", "a header of a later version, which cannot be judged")
    raise Refuted("forged.genuine", "no header of the answer is shown to be false")


def _fault(file: Evidence, encoded: bytes, certificate: bytes | None) -> str | None:
    """Why a header, or the certificate beside it, counts against the branch."""
    try:
        header = Header.decode(encoded)
        file.chain.check_header(header)
        if certificate is not None:
            of_another = is_of(certificate, header.epoch, header.digest) is False
            if of_another or file.has_validators_of(header.epoch):
                file.check_certificate(header, certificate)
    except Refused as refused:
        return refused.code
    return None


def altered(file: Evidence, block: Header, transaction: bytes, answer: Answer) -> Shown:
    storage, answers = _envelopes(file, block, transaction, answer)
    given = [sealed for sealed in answers if sealed is not None]
    shows(bool(given), "altered.none", "no envelope was answered")
    others = [sealed for sealed in given if sha256(sealed) != storage.pointer]
    shows(bool(others), "altered.same", "the envelope is the agreed one")
    wrong = any(_cannot_be_another_version(sealed, storage) for sealed in others)
    shows(wrong, "altered.version", "an envelope of another version, which may be right")
    return {"height": block.height, "branch": answer.branch}


def _cannot_be_another_version(sealed: bytes, storage: Storage) -> bool:
    try:
        header = envelope.outer_form(sealed)
    except Refused:
        return True
    named = (header.content, header.object) == (envelope.RECORD, storage.record)
    return not named or header.version == storage.version


def missing(file: Evidence, block: Header, transaction: bytes, answer: Answer) -> Shown:
    storage, answers = _envelopes(file, block, transaction, answer)
    shows(None in answers, "missing.given", "an envelope was answered")
    shows(answer.branch == storage.branch, "missing.branch", "the record was made at another branch")
    holders = [holder for holder, _ in storage.receipts]
    shows(answer.branch in holders, "missing.receipt", "the branch never said that it holds the envelope")
    return {"height": block.height, "branch": answer.branch}


def _envelopes(
    file: Evidence, block: Header, transaction: bytes, answer: Answer
) -> tuple[Storage, list[bytes | None]]:
    """The storage transaction's body, and all that the branch answered for its record."""
    try:
        storage = Transaction.decode(transaction).body
    except Refused:
        storage = None
    if file.chain.chain != MAIN or not isinstance(storage, Storage):
        raise Refuted("evidence.storage", "not a storage transaction of the main chain")
    _asked_at(answer, "/v1/records/envelopes")
    records = [read_id(id, "records") for id in Json.parse(answer.asked).items("records")]
    envelopes = Json.parse(answer.body).items("envelopes")
    shows(len(records) == len(envelopes), "answer.unreadable", "another number of envelopes than of records")
    shows(storage.record in records, "evidence.record", "a record that was not asked for")
    known = answer.request.main_height >= block.height
    shows(known, "evidence.behind", "the branch could answer without knowing the block")
    given = [None if sealed is None else read_bytes(sealed, "envelopes") for sealed in envelopes]
    return storage, [sealed for record, sealed in zip(records, given) if record == storage.record]


def omission(file: Evidence, block: Header, answer: Answer) -> Shown:
    shows(file.chain.chain == SIDE, "omission.chain", "not of the side chain")
    _asked_at(answer, "/v1/patients/links")
    patient, links = Json.parse(answer.asked).id("patient"), Json.parse(answer.body)
    shows(links.data("header") == block.raw, "omission.header", "an answer from another state than the block's")
    entry = Json(links.value("patient"))
    value, proof = entry.maybe_data("value"), entry.data("proof")
    records = [read_id(id, "records") for id in links.items("records")]
    branches = [read_branch(id, "branches") for id in links.items("branches", left_out=[])]
    result = {"height": block.height, "branch": answer.branch}
    try:
        proven = tree.proves(proof, patient_key(patient), value, block.state_root, "omission.proof")
    except Refused:
        proven = False
    if not proven:
        return {**result, "fault": "omission.proof"}
    frontier = merkle.Frontier.empty() if value is None else whole(value, "patient.malformed", read_patient)[2]
    leaves = [id + u16(branch) for id, branch in zip(records, branches)]
    as_proven = len(records) == len(branches) == frontier.size and merkle.root_of(leaves) == frontier.root()
    shows(not as_proven, "omission.same", "the list is the one that the state holds")
    return {**result, "fault": "omission.list"}


def _asked_at(answer: Answer, path: str) -> None:
    shows(answer.request.path == path, "evidence.path", "an answer to another kind of request")
    shows(answer.part == 0, "evidence.part", "a part of an answer for a whole one")


PARTS = {
    "inclusion": ["block", "transaction"],
    "fork": ["block", "block"],
    "contradiction": ["block", "tip"],
    "rollback": ["tip", "tip"],
    "forged": ["answer"],
    "altered": ["block", "transaction", "answer"],
    "missing": ["block", "transaction", "answer"],
    "omission": ["block", "answer"],
}

CLAIMS: dict[str, Callable[..., Shown]] = {
    "inclusion": inclusion,
    "fork": fork,
    "contradiction": contradiction,
    "rollback": rollback,
    "forged": forged,
    "altered": altered,
    "missing": missing,
    "omission": omission,
}
