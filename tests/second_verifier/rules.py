"""The rules by which transactions apply, and what they change (ledger.md, section 4.4)."""

from __future__ import annotations

from typing import Callable

import envelope
import roles
import state as keys
from codec import U64, Reader, Refused, require, sha256, u16, u32, u64, whole
from ed25519 import verify_in
from ledger import LARGEST_TRANSACTION, Header
from merkle import EMPTY, Frontier, grew, leaf_hash
from registry import ALL_SUITES, SIDE, Participant, Policy, Staff, blank, write_validators
from state import State
from transaction import (
    BY_COMMITMENT,
    BY_POLICY,
    EMERGENCY,
    MOST_NAMED,
    NAMES,
    UNABLE,
    UNANSWERED,
    Access,
    BranchAuthor,
    ChainValidators,
    Enrol,
    Grant,
    Link,
    Lookup,
    Registry,
    SessionAuthor,
    StaffAuthor,
    Storage,
    Suites,
    Transaction,
    Verdict,
    custody,
)

LARGEST_ENVELOPE = 34_603_008
MOST_STAFF = 4096
REASONS = {EMERGENCY: 4, UNABLE: 6}
SCOPES = {Storage: 1, Access: 1, Registry: 3, Enrol: 2, Link: 2, Lookup: 2, Verdict: 1}


def apply(state: State, data: bytes, header: Header) -> None:
    """Checks a transaction against the state that the ones before it left, and changes the state."""
    require(len(data) <= LARGEST_TRANSACTION, "transaction.too-large", "a transaction that is too large")
    tx = Transaction.decode(data)
    require(tx.network == state.network, "transaction.network", "a transaction of another network")
    require(tx.scope == SCOPES[type(tx.body)], "transaction.scope", "another scope than the kind's")
    require(bool(tx.scope & state.chain), "transaction.chain", "a transaction of the other chain")
    if isinstance(tx.body, Registry):
        _registry(state, tx.body, _approvals(state, tx), header)
    elif isinstance(tx.body, Access):
        _signed_by_branch(state, tx, tx.body)
        _access(state, tx.body, header)
    else:
        person = _signed_in_session(state, tx, header)
        _SESSION_KINDS[type(tx.body)](state, tx.body, person, header)


def end_block(state: State, header: Header, epoch_length: int) -> None:
    if header.ends_epoch(epoch_length):
        state.end_epoch(header.epoch)


# Authors


def _staff(state: State, id: bytes) -> Staff:
    person = state.staff(id)
    if person is None:
        raise Refused("author.staff-unknown", "a person who is not registered")
    require(person.active, "author.staff-inactive", "a person who is not active")
    return person


def _branch(state: State, id: int) -> Participant:
    branch = state.participant(id)
    if branch is None or not branch.active:
        raise Refused("author.branch-inactive", "a branch that is not active")
    return branch


def grant_holds(grant: Grant, network: bytes, person: Staff, longest: int, time: int) -> bool:
    return (
        grant.network == network
        and person.active
        and grant.key_epoch == person.key_epoch
        and 0 <= grant.not_after - grant.not_before <= longest
        and grant.not_before <= time <= grant.not_after
        and verify_in("wardline/1/grant", person.signing, grant.signed, grant.signature)
    )


def _signed_in_session(state: State, tx: Transaction, header: Header) -> Staff:
    author = tx.author
    if not isinstance(author, SessionAuthor):
        raise Refused("author.kind", "not signed in a session")
    grant = author.grant
    person = _staff(state, grant.staff)
    branch = _branch(state, person.branch)
    holds = grant_holds(grant, state.network, person, state.policy().longest_grant, header.time)
    require(holds, "author.grant", "a grant that does not hold")
    signed = verify_in("wardline/1/tx", grant.session_key, tx.signed, author.signature)
    require(signed, "author.signature", "the session's signature does not verify")
    own = not isinstance(tx.body, (Storage, Link)) or tx.body.branch == person.branch
    require(own, "author.other-branch", "made for another branch than the author's")
    purpose = tx.body.purpose if isinstance(tx.body, Lookup) else 0
    allowed = roles.may_submit(NAMES[tx.kind], person.roles, branch.trusted, purpose)
    require(allowed, "author.not-allowed", "the author's roles do not allow it")
    return person


def _signed_by_branch(state: State, tx: Transaction, body: Access) -> None:
    author = tx.author
    if not isinstance(author, BranchAuthor):
        raise Refused("author.kind", "not signed by a branch")
    branch = _branch(state, author.branch)
    signed = verify_in("wardline/1/tx", branch.signing, tx.signed, author.signature)
    require(signed, "author.signature", "the branch's signature does not verify")
    require(body.branch == author.branch, "author.other-branch", "a log of another branch than the signer's")


def _approvals(state: State, tx: Transaction) -> int:
    """How many persons approve, each of whom may."""
    if not isinstance(tx.author, StaffAuthor):
        raise Refused("author.kind", "not approved by staff")
    for id, signature in tx.author.approvals:
        person = _staff(state, id)
        branch = _branch(state, person.branch)
        allowed = roles.may_submit("registry", person.roles, branch.trusted)
        require(allowed, "author.not-allowed", "an approver's roles do not allow it")
        signed = verify_in("wardline/1/approval", person.signing, tx.approved, signature)
        require(signed, "author.signature", "an approver's signature does not verify")
    return len(tx.author.approvals)


# Storage and access


def _storage(state: State, body: Storage, author: Staff, header: Header) -> None:
    _succeeds(state, body, author)
    require(0 < body.size <= LARGEST_ENVELOPE, "storage.size", "an envelope of no or too many bytes")
    if body.assent in REASONS:
        known = 1 <= body.assent_number <= REASONS[body.assent]
        require(known, "storage.assent-reason", "a reason that is not in its list")
    policy = state.policy()
    if body.assent == BY_POLICY:
        require(1 <= body.assent_number <= policy.version, "storage.policy-unknown", "no such policy")
    require(body.assent != BY_COMMITMENT, "storage.commitment-unknown", "a commitment to a policy of a patient")
    _kept(state, body, policy.copies)
    value = u16(body.branch) + bytes([body.kind]) + body.pointer + u32(body.size) + u32(body.version)
    state.set(keys.record_key(body.record), value + author.id + u64(header.height))


def _succeeds(state: State, body: Storage, author: Staff) -> None:
    """That the version is the next one of the same record by the same author."""

    def read(r: Reader) -> tuple[int, tuple[int, int], bytes]:
        place, _, _ = (r.u16(), r.u8()), r.take(32), r.u32()
        version, staff, _ = r.u32(), r.take(16), r.u64()
        return version, place, staff

    before = state.value(keys.record_key(body.record), read)
    version, place, staff = before or (0, (body.branch, body.kind), author.id)
    require(body.version == version + 1, "storage.version", "a version that is not the next one")
    require(place == (body.branch, body.kind), "storage.other-record", "a version of another branch or kind")
    require(staff == author.id, "storage.other-author", "a version by another person")


def _kept(state: State, body: Storage, copies: int) -> None:
    """That enough branches say that they hold the envelope, the record's own among them."""
    require(len(body.receipts) >= copies, "storage.receipts-too-few", "fewer copies than the policy's")
    at_home = any(holder == body.branch for holder, _ in body.receipts)
    require(at_home, "storage.home-receipt-missing", "no receipt of the record's own branch")
    for holder, signature in body.receipts:
        branch = state.participant(holder)
        if branch is None or not (branch.active and branch.trusted):
            raise Refused("storage.receipt-branch", f"a receipt of branch {holder}, which may not hold records")
        signed = verify_in("wardline/1/receipt", branch.signing, custody(state.network, body, holder), signature)
        require(signed, "storage.receipt-signature", f"the receipt of branch {holder} does not verify")


def _access(state: State, body: Access, header: Header) -> None:
    key = keys.access_key(body.branch)
    size, root = state.value(key, lambda r: (r.u64(), r.take(32), r.u64())[:2]) or (0, EMPTY)
    require(body.size > size, "access.not-grown", "a log that has not grown")
    require(
        grew(size, root, body.size, body.root, body.proof),
        "access.inconsistent",
        "a log that does not go on from before",
    )
    state.set(key, u64(body.size) + body.root + u64(header.height))


# Patients


def _enrol(state: State, body: Enrol, author: Staff, header: Header) -> None:
    require(state.get(keys.patient_key(body.patient)) is None, "enrol.patient-exists", "a patient who is enrolled")
    try:
        sealed = envelope.outer_form(body.identity)
    except Refused as refused:
        raise Refused("enrol.identity", refused.what) from None
    right = sealed.content == envelope.IDENTITY and sealed.object == body.patient and sealed.version == 1
    require(right, "enrol.identity", "an envelope of something else than this identity")
    require(bool(state.suites() >> (sealed.suite - 1) & 1), "enrol.suite", "a suite that is not allowed")
    state.set_patient(body.patient, sha256(body.identity), header.height, Frontier.empty())


def _link(state: State, body: Link, author: Staff, header: Header) -> None:
    require(state.get(keys.link_key(body.record)) is None, "link.exists", "a record that is linked")
    patient = state.value(keys.patient_key(body.patient), read_patient)
    if patient is None:
        raise Refused("link.patient-unknown", "no such patient")
    identity, height, links = patient
    state.set(keys.link_key(body.record), body.patient + u64(links.size) + u16(body.branch))
    state.set_patient(body.patient, identity, height, links.append(leaf_hash(body.record + u16(body.branch))))


def read_patient(r: Reader) -> tuple[bytes, int, Frontier]:
    """SHA-256 of the identity, height of the enrolment, and the frontier of the links."""
    identity, height, links = r.take(32), r.u64(), r.blob(2056)
    return identity, height, whole(links, r.code, Frontier.read)


def _lookup(state: State, body: Lookup, author: Staff, header: Header) -> None:
    require(not blank(body.reason), "lookup.reason", "no reason")
    require(state.get(keys.lookup_key(body.id)) is None, "lookup.exists", "a lookup that was made")
    require(state.get(keys.patient_key(body.patient)) is not None, "lookup.patient-unknown", "no such patient")
    value = body.patient + author.id + bytes([body.purpose]) + u64(header.time) + u64(header.height)
    state.set(keys.lookup_key(body.id), value)


# Auditors


def _verdict(state: State, body: Verdict, author: Staff, header: Header) -> None:
    there = body.since <= body.height < header.height
    require(there, "verdict.height", "a verdict on blocks that are not before its own")
    before = state.value(keys.verdict_key(author.id), lambda r: (Verdict.read(r), r.u64(), r.u64()))
    newer = before is None or body.height > before[0].height
    require(newer, "verdict.not-newer", "a verdict that goes no further than the last one")
    require(_counts_fit(body), "verdict.counts", "counts that are not those of the list")
    for record, branch_id, _ in body.named:
        known = state.get(keys.record_key(record)) is not None
        require(known, "verdict.record-unknown", "a record that is not in the state")
        branch = state.participant(branch_id)
        require(branch is not None and branch.trusted, "verdict.branch", "a branch that keeps no records")
    auditors = state.staff_ids(keys.VERDICTS)
    if author.id not in auditors:
        require(len(auditors) < MOST_STAFF, "registry.full", "too many auditors")
        state.set_staff_ids(keys.VERDICTS, auditors + [author.id])
    state.set(keys.verdict_key(author.id), body.raw + u64(header.time) + u64(header.height))


def _counts_fit(body: Verdict) -> bool:
    unheard = sum(lack == UNANSWERED for _, _, lack in body.named)
    bad = len(body.named) - unheard
    if body.bad + body.unheard > 2 * body.records or max(body.bad + body.unheard, 2 * body.records) >= U64:
        return False
    if body.bad + body.unheard <= MOST_NAMED:
        return (bad, unheard) == (body.bad, body.unheard)
    return len(body.named) == MOST_NAMED and bad <= body.bad and unheard <= body.unheard


_SESSION_KINDS: dict[type, Callable[..., None]] = {
    Storage: _storage, Enrol: _enrol, Link: _link, Lookup: _lookup, Verdict: _verdict,
}  # fmt: skip


# Registry


def _registry(state: State, body: Registry, approvals: int, header: Header) -> None:
    entry = body.entry
    needed = 1 if isinstance(entry, Staff) and _one_person_is_enough(entry, state.staff(entry.id)) else 2
    require(approvals >= needed, "registry.approvals-too-few", f"fewer than {needed} approvals")
    version = state.registry_version() + 1
    require(body.version >= version, "registry.version-old", "a version that was taken")
    require(body.version <= version, "registry.version-ahead", "a version that is ahead")
    if isinstance(entry, Participant):
        _participant(state, entry, header)
    elif isinstance(entry, Staff):
        _staff_entry(state, entry)
    elif isinstance(entry, Suites):
        require(1 <= entry.mask <= ALL_SUITES, "registry.entry", "no or unknown suites")
        state.set(keys.SUITES, bytes([entry.mask]))
    elif isinstance(entry, Policy):
        require(entry.stands(), "registry.entry", "a policy that cannot stand by itself")
        right = entry.version == state.policy().version + 1
        require(right, "registry.policy-version", "a policy whose version is not the next one")
        state.set(keys.POLICY, entry.raw)
    else:
        _validators(state, entry)
    state.set_registry_version(version)


def _one_person_is_enough(entry: Staff, before: Staff | None) -> bool:
    if before is None:
        return not entry.roles & ~(roles.RESEARCHER | roles.PATIENT)
    return before.active and not entry.active and before.ended() == entry.ended()


def _participant(state: State, entry: Participant, header: Header) -> None:
    require(entry.stands(), "registry.entry", "a participant's entry that cannot stand by itself")
    before = state.participant(entry.id)
    had = before.places() if before else [b"", b"", b""]
    new = [key for key, old in zip(entry.places(), had) if key and key != old]
    require(
        all(state.get(keys.owner_key(key)) is None for key in new), "registry.key-taken", "a key that is somebody's"
    )
    ids = state.participants()
    if before is None:
        require(len(ids) < 200, "registry.full", "too many participants")
    following = state.next_validators(header.epoch)
    key = entry.validator_key(state.chain)
    changed = [(key, id) if id == entry.id and key else (old, id) for old, id in following if id != entry.id or key]
    if not changed:
        require(state.chain == SIDE, "registry.no-validators", "no validators would be left")
        changed = following

    state.set(keys.participant_key(entry.id), entry.raw)
    for public in new:
        state.own_key(public, b"\x01" + u16(entry.id))
    if before is None:
        state.set_participants(ids + [entry.id])
    if sorted(changed) != sorted(following):
        state.set(keys.PENDING_VALIDATORS, write_validators(changed))
    _still_administered(state)


def _staff_entry(state: State, entry: Staff) -> None:
    require(entry.stands(), "registry.entry", "a staff entry that cannot stand by itself")
    branch = state.participant(entry.branch)
    known = branch is not None and (branch.active or not entry.active)
    require(known, "registry.branch-unknown", "staff of no or no active participant")
    before = state.staff(entry.id)
    same = before is not None and (before.signing, before.agreement) == (entry.signing, entry.agreement)
    epoch = before.key_epoch + (not same) if before else 1
    require(entry.key_epoch == epoch, "registry.key-epoch", "a key epoch that is not the right one")
    new = before is None or before.signing != entry.signing
    taken = new and state.get(keys.owner_key(entry.signing)) is not None
    require(not taken, "registry.key-taken", "a key that is somebody's")

    state.set(keys.staff_key(entry.id), entry.raw)
    if new:
        state.own_key(entry.signing, b"\x02" + entry.id)
    for id in {entry.branch} | ({before.branch} if before else set()):
        _list(state, keys.staff_of_key(id), entry, entry.active and id == entry.branch)
    _list(state, keys.ADMINISTRATORS, entry, entry.active and roles.may_administer(entry.roles))
    _still_administered(state)


def _list(state: State, key: bytes, person: Staff, belongs: bool) -> None:
    """Puts a person in a list of staff, or takes the person out."""
    ids: list[bytes] = [id for id in state.staff_ids(key) if id != person.id]
    ids += [person.id] if belongs else []
    require(len(ids) <= MOST_STAFF, "registry.full", "too many people")
    state.set_staff_ids(key, ids)


def _still_administered(state: State) -> None:
    administrators = [state.staff(id) for id in state.staff_ids(keys.ADMINISTRATORS)]
    branches = [state.participant(person.branch) for person in administrators if person]
    active = [branch for branch in branches if branch and branch.active and branch.trusted]
    require(len(active) >= 2, "registry.administrators", "fewer than two persons could approve the next change")


def _validators(state: State, entry: ChainValidators) -> None:
    require(bool(entry.branches), "registry.entry", "no validators")
    validators = []
    for id in entry.branches:
        branch = state.participant(id)
        key = branch.validator_key(entry.chain) if branch else None
        if key is None:
            raise Refused("registry.validator", f"branch {id} may not validate")
        validators.append((key, id))
    if entry.chain == state.chain:
        state.set(keys.PENDING_VALIDATORS, write_validators(validators))
