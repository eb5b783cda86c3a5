"""Exports: chains that are made here by the rules, and against them."""

from __future__ import annotations

import copy
import io
import json
import random
import unittest
from typing import Any, Callable

import export
import roles
import sample
from codec import Refused, blob, from_base64, listed, sha256, to_base64, u16, u32
from registry import MAIN, SIDE

NETWORK = sample.Network()
BUSY_MAIN, BUSY_SIDE = sample.busy_chains()
Lines = list[dict[str, Any]]


def verify(data: bytes, network: bytes = NETWORK.id) -> dict[str, Any]:
    return export.verify(io.BytesIO(data), network)


class Exports(unittest.TestCase):
    def refused(self, data: bytes, code: str, height: int | None = None) -> None:
        with self.assertRaises(Refused) as caught:
            verify(data)
        self.assertEqual(caught.exception.code, code, caught.exception)
        if height is not None:
            self.assertEqual(caught.exception.height, height)

    def edited(self, edit: Callable[[Lines], Any], code: str, chain: sample.Chain = BUSY_MAIN) -> None:
        lines = copy.deepcopy(chain.export_lines())
        edit(lines)
        self.refused(sample.export_file(lines), code)

    def test_chains_with_everything_hold(self) -> None:
        for chain, height, transactions in ((BUSY_MAIN, 12, 19), (BUSY_SIDE, 9, 18)):
            found = verify(sample.export_file(chain.export_lines()))
            self.assertEqual((found["height"], found["transactions"], found["replayed"]), (height, transactions, True))

    def test_any_range_of_bodies_holds_but_is_replayed_from_the_beginning_alone(self) -> None:
        self.assertEqual(len(BUSY_MAIN.export_lines(0, 0)), 2)
        for first in range(13):
            for last in range(first, 13):
                found = verify(sample.export_file(BUSY_MAIN.export_lines(first, last)))
                self.assertEqual(found["replayed"], first <= 1)
                self.assertGreaterEqual(found["certified"], last)

    def test_an_epoch_may_end_the_file(self) -> None:
        verify(sample.export_file(BUSY_MAIN.export_lines(last=3)))
        lines = BUSY_MAIN.export_lines(last=3)
        self.refused(sample.export_file(lines[:-1]), "handover.missing")

    def test_every_flipped_byte_of_what_is_in_it_is_refused(self) -> None:
        chance = random.Random(1)
        for place, line in enumerate(BUSY_MAIN.export_lines()):
            for name in ("genesis", "header", "body", "certificate", "set", "proof"):
                data = from_base64(line[name], "", "") if line.get(name) else b""
                for at in chance.sample(range(len(data)), min(len(data), 12)):
                    lines = BUSY_MAIN.export_lines()
                    changed = bytearray(data)
                    changed[at] ^= 1 << chance.randrange(8)
                    lines[place] = {**line, name: to_base64(bytes(changed))}
                    with self.assertRaises(Refused, msg=f"{name} of line {place}, byte {at}"):
                        verify(sample.export_file(lines))

    def test_no_input_makes_it_stumble(self) -> None:
        chance, whole = random.Random(2), sample.export_file(BUSY_SIDE.export_lines())
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(data))
                data[at : at + chance.randrange(3)] = chance.choice(
                    [b"", b'"', b"{", b"\n", b"\xff", b"[", b"9", b"null"]
                )
            if data != whole:
                with self.assertRaises(Refused):
                    verify(bytes(data))
        for short in (b"", b"\n", b"{}\n", b"[]\n", b"null\n", b"\x00\n", b"[" * 200_000 + b"\n", b"9" * 5000 + b"\n"):
            with self.assertRaises(Refused):
                verify(short)

    def test_lines_are_what_the_page_says(self) -> None:
        self.edited(lambda lines: lines[0].update(version=2), "export.version")
        self.edited(lambda lines: lines[0].update(wardline="evidence"), "export.version")
        self.edited(lambda lines: lines[0].update(chain="Main"), "export.line")
        self.edited(lambda lines: lines[0].update(network="00" * 32), "export.network")
        self.edited(lambda lines: lines[0].update({"from": 6, "to": 5}), "export.range")
        self.edited(lambda lines: lines[0].update(to=13), "export.uncertified")
        self.edited(lambda lines: lines[0].update(to=True), "export.line")
        self.edited(lambda lines: lines[2].update(more=1), "export.line")
        self.edited(lambda lines: lines[2].pop("certificate"), "export.line")
        self.edited(lambda lines: lines[1].update(body="AAAAAA=="), "export.line")
        self.edited(lambda lines: lines[1].update(body="AAAAAB"), "export.line")
        self.edited(lambda lines: lines[2].update(height=2), "export.height")
        self.edited(lambda lines: lines[3].update(body=None), "export.body")
        self.edited(lambda lines: lines.pop(2), "export.height")
        whole = sample.export_file(BUSY_MAIN.export_lines())
        self.refused(whole + b"\n", "export.after-end")
        self.refused(whole[:-1], "export.cut")
        self.refused(b"".join(whole.splitlines(True)[:-1]), "export.cut")
        self.refused(whole.replace(b'"blocks": 13', b'"blocks": 12'), "export.count")
        self.refused(whole.replace(b'"height": 1,', b'"height":  1,'), "export.sum")
        self.refused(whole.replace(b'"height": 1,', b'"height": 1, "height": 1,'), "export.line")

    def test_json_keeps_its_own_freedom_within_a_line(self) -> None:
        lines = [json.dumps(line) for line in BUSY_MAIN.export_lines()]
        lines[2] = " " + lines[2].replace('"height": 1', '\t"heig\\u0068t" :1') + "\r"
        lines[0] = json.dumps(dict(reversed(json.loads(lines[0]).items())))
        data = "".join(line + "\n" for line in lines).encode()
        end = {"sha256": sha256(data).hex(), "blocks": 13}
        verify(data + json.dumps(end).encode() + b"\n")

    def test_lines_have_a_longest_length_with_their_end(self) -> None:
        whole = sample.export_file(BUSY_MAIN.export_lines()).splitlines(True)
        for length, code in ((4 << 20, "export.sum"), ((4 << 20) + 1, "export.line-long")):
            long = whole[1][:-1] + b" " * (length - len(whole[1])) + b"\n"
            self.assertEqual(len(long), length)
            self.refused(b"".join([whole[0], long, *whole[2:]]), code)

    def test_certificates_and_handovers_are_where_they_must_be(self) -> None:
        ends = [place for place, line in enumerate(BUSY_MAIN.export_lines()) if "epoch" in line]
        first, second = ends[0], ends[1]
        self.edited(lambda lines: lines[-1].update(certificate=None), "export.uncertified")
        self.edited(lambda lines: lines[first - 1].update(certificate=None), "certificate.missing")
        self.edited(lambda lines: lines[1].update(certificate=lines[2]["certificate"]), "genesis.block")
        self.edited(lambda lines: lines.pop(first), "handover.missing")
        self.edited(lambda lines: lines.insert(first, lines[first]), "handover.unexpected")
        self.edited(lambda lines: lines[first].update(epoch=2), "handover.unexpected")
        self.edited(lambda lines: lines[first].update(proof=lines[second]["proof"]), "handover.proof")
        self.edited(lambda lines: lines[0].update(to=11), "export.too-long")
        self.edited(lambda lines: lines[0].update(to=0), "export.too-long")

    def test_too_few_signers_certify_nothing(self) -> None:
        chain = sample.Chain(NETWORK, MAIN)
        block = chain.add(NETWORK.storage("a"))
        chain.blocks.pop()
        for signers, code in (((0, 1), "certificate.quorum"), ((), "certificate.quorum")):
            block.certificate = chain.certify(block.header, 0, signers)
            chain.blocks.append(block)
            self.refused(sample.export_file(chain.export_lines()), code)
            chain.blocks.pop()

    def chain_refused(self, code: str, *transactions: bytes, chain: int = MAIN, **other: Any) -> None:
        made = sample.Chain(NETWORK, chain)
        for transaction in transactions:
            made.add(transaction, forced=True, **other)
        self.refused(sample.export_file(made.export_lines()), code, len(transactions))

    def test_headers_follow_each_other(self) -> None:
        storage = NETWORK.storage("a")
        self.chain_refused("header.parent", storage, parent=bytes(32))
        self.chain_refused("header.epoch", storage, epoch=1)
        self.chain_refused("header.time", storage, later=-1)

    def test_empty_blocks_need_a_reason(self) -> None:
        chain = sample.Chain(NETWORK, MAIN)
        chain.add(NETWORK.storage("a"))
        chain.add(later=0)
        chain.add(later=0)
        self.refused(sample.export_file(chain.export_lines()), "block.empty", 3)
        waiting = sample.Chain(NETWORK, MAIN)
        waiting.add(NETWORK.registry(1, b"\x01" + sample.participant(4, votes=False)))
        waiting.add(later=0)
        waiting.add(later=0)
        verify(sample.export_file(waiting.export_lines()))

    def test_session_authors(self) -> None:
        created, body = sample.CREATED, sample.id16("m") + blob(sample.envelope(sample.id16("m"), 1, 3, 2))

        def enrol(**grant: Any) -> bytes:
            return NETWORK.in_session("ward", 2, 6, body, NETWORK.grant("ward", **grant))

        for grant in (
            {"not_before": created + 2}, {"not_after": created}, {"not_after": created + 3601},
            {"epoch": 2}, {"key": "another"}, {"not_before": created + 9, "not_after": created},
        ):  # fmt: skip
            self.chain_refused("author.grant", enrol(**grant), chain=SIDE)
        fine = enrol(not_before=created + 1, not_after=created + 1)
        self.chain_refused("author.signature", fine[:-1] + bytes([fine[-1] ^ 1]), chain=SIDE)
        self.chain_refused("author.staff-unknown", NETWORK.in_session("nobody", 2, 6, body), chain=SIDE)
        self.chain_refused("author.not-allowed", NETWORK.in_session("admin-a", 2, 6, body), chain=SIDE)
        self.chain_refused("transaction.chain", fine)
        self.chain_refused("transaction.scope", NETWORK.in_session("ward", 3, 6, body), chain=SIDE)
        self.chain_refused("transaction.malformed", NETWORK.in_session("ward", 2, 7, body), chain=SIDE)
        other = sample.Network(sample.genesis(9))
        self.chain_refused("transaction.network", other.storage("a"))

    def test_storage(self) -> None:
        made = NETWORK.storage
        self.chain_refused("storage.version", made("a", version=2))
        self.chain_refused("storage.version", made("a"), made("a"))
        self.chain_refused("storage.other-record", made("a"), made("a", version=2, kind=2))
        self.chain_refused("storage.size", made("a", size=0))
        self.chain_refused("storage.size", made("a", size=34_603_009))
        self.chain_refused("storage.assent-reason", made("a", assent=b"\x02\x05"))
        self.chain_refused("storage.assent-reason", made("a", assent=b"\x03\x00"))
        self.chain_refused("storage.policy-unknown", made("a", assent=b"\x04\x00\x00\x00\x02"))
        self.chain_refused("storage.commitment-unknown", made("a", assent=b"\x01" + bytes(32)))
        self.chain_refused("storage.receipts-too-few", made("a", holders=(1,)))
        self.chain_refused("storage.home-receipt-missing", made("a", holders=(2, 3)))
        self.chain_refused("storage.receipt-branch", made("a", holders=(1, 5)))
        self.chain_refused("transaction.malformed", made("a", holders=(2, 1)))
        self.chain_refused("author.other-branch", made("a", home=2))
        wrong = NETWORK.receipt(2, sample.id16("b"), 1, 1, sample.seed("envelope of a"), 610)
        right = NETWORK.receipt(2, sample.id16("a"), 1, 1, sample.seed("envelope of a"), 610)
        body = made("a")[34:].split(b"\x01" + NETWORK.id)[0].replace(right, wrong)
        self.chain_refused("storage.receipt-signature", NETWORK.in_session("ward", 1, 1, body))

    def test_verdicts(self) -> None:
        def refused(code: str, *verdicts: bytes) -> None:
            self.chain_refused(code, NETWORK.storage("a"), *verdicts)

        said, many = NETWORK.verdict, [(f"record {n}", 1, 1 + n % 3) for n in range(64)]
        one = [("a", 2, 1)]
        refused("verdict.height", said(2))
        refused("verdict.height", said(0, since=1))
        refused("verdict.not-newer", said(1, one), said(1))
        refused("verdict.counts", said(1, one, bad=2))
        refused("verdict.counts", said(1, one, unheard=1))
        refused("verdict.counts", said(1, one, records=0))
        refused("verdict.counts", said(1, one, bad=65))
        refused("verdict.counts", said(1, one, records=2**63))
        refused("verdict.counts", said(1, many, bad=41, unheard=24))
        refused("verdict.counts", said(1, many, records=99, bad=44, unheard=20))
        refused("verdict.record-unknown", said(1, many, records=99, bad=44, unheard=21))
        refused("verdict.record-unknown", said(1, [("b", 2, 1)]))
        refused("verdict.branch", said(1, [("a", 5, 1)]))
        refused("verdict.branch", said(1, [("a", 9, 3)]))
        refused("author.not-allowed", said(1, person="ward"))
        refused("transaction.malformed", said(1, one + one))
        refused("transaction.malformed", said(1, [("a", 2, 4)]))
        self.chain_refused("transaction.chain", said(0), chain=SIDE)
        chain = sample.Chain(NETWORK, MAIN)
        chain.add(NETWORK.storage("a"))
        chain.add(said(1, one))
        chain.add(said(2, since=2))
        verify(sample.export_file(chain.export_lines()))

    def test_access(self) -> None:
        log = [bytes([number]) for number in range(9)]
        self.chain_refused("access.not-grown", NETWORK.access(1, []))
        self.chain_refused("access.not-grown", NETWORK.access(1, log), NETWORK.access(1, log, 9))
        self.chain_refused("access.inconsistent", NETWORK.access(1, log[:4]), NETWORK.access(1, [b"x"] + log[1:], 4))
        self.chain_refused("access.inconsistent", NETWORK.access(1, log[:4]), NETWORK.access(1, log))

    def test_patients(self) -> None:
        enrol, link, lookup = NETWORK.enrol("mei"), NETWORK.link, NETWORK.lookup
        self.chain_refused("enrol.patient-exists", enrol, enrol, chain=SIDE)
        for wrong in ({"content": 1}, {"version": 2}):
            self.chain_refused("enrol.identity", NETWORK.enrol("mei", **wrong), chain=SIDE)
        self.chain_refused("enrol.suite", NETWORK.registry(1, b"\x03\x02"), enrol, chain=SIDE)
        self.chain_refused("link.patient-unknown", link("a", "mei"), chain=SIDE)
        self.chain_refused("link.exists", enrol, link("a", "mei"), link("a", "mei"), chain=SIDE)
        self.chain_refused("author.other-branch", enrol, link("a", "mei", branch=2), chain=SIDE)
        self.chain_refused("lookup.reason", enrol, lookup("l", "mei", reason="\u3000"), chain=SIDE)
        self.chain_refused("lookup.exists", enrol, lookup("l", "mei"), lookup("l", "mei"), chain=SIDE)
        self.chain_refused("lookup.patient-unknown", lookup("l", "mei"), chain=SIDE)
        self.chain_refused("transaction.malformed", enrol, lookup("l", "mei", reason="a\x85b"), chain=SIDE)
        self.chain_refused("author.not-allowed", enrol, lookup("l", "mei", purpose=3), chain=SIDE)

    def test_registry(self) -> None:
        made, participant, staff, ward = NETWORK.registry, sample.participant, sample.staff, roles.WARD

        def refused(code: str, *entries: bytes, by: Any = ("admin-a", "admin-b")) -> None:
            for chain in (MAIN, SIDE):
                self.chain_refused(code, *(made(1 + n, entry, by) for n, entry in enumerate(entries)), chain=chain)

        refused("registry.approvals-too-few", b"\x02" + staff("x", 3, ward), by=["admin-a"])
        refused("registry.approvals-too-few", b"\x02" + staff("x", 3, 0), by=[])
        refused("author.not-allowed", b"\x03\x06", by=["admin-a", "ward"])
        refused("author.staff-unknown", b"\x03\x06", by=["admin-a", "nobody"])
        refused("registry.entry", b"\x03\x00")
        refused("registry.entry", b"\x05\x01" + u32(0))
        refused("registry.entry", b"\x04" + sample.policy(2, copies=1))
        refused("registry.entry", b"\x01" + participant(7).replace(sample.agreement("wrap 7"), bytes(32)))
        refused("registry.branch-unknown", b"\x02" + staff("x", 9, ward))
        refused("registry.key-epoch", b"\x02" + staff("ward", 1, 3, key="anew"))
        refused("registry.key-epoch", b"\x02" + staff("ward", 1, 3, epoch=2))
        refused("registry.key-taken", b"\x02" + staff("x", 1, 3, key="main 2"))
        refused("registry.policy-version", b"\x04" + sample.policy(3))
        refused("registry.validator", b"\x05\x02" + listed([u16(5)]))
        refused("registry.administrators", b"\x01" + participant(2, active=False))
        refused("registry.administrators", b"\x02" + staff("admin-a", 1, ward))
        for version, code in ((0, "registry.version-old"), (2, "registry.version-ahead")):
            self.chain_refused(code, made(version, b"\x03\x06"))
        only, gone = b"\x05\x01" + listed([u16(4)]), b"\x01" + participant(4, votes=False)
        self.chain_refused("registry.no-validators", made(1, only), made(2, gone))
        side = sample.Chain(NETWORK, SIDE)
        side.add(made(1, b"\x05\x02" + listed([u16(4)])), made(2, gone))
        for _ in range(4):
            side.add()
        self.assertEqual([branch for _, branch in side.validators], [4])
        verify(sample.export_file(side.export_lines()))

    def test_transactions_need_one_spelling_even_where_they_cannot_be_judged(self) -> None:
        chain = sample.Chain(NETWORK, MAIN)
        chain.add(NETWORK.storage("a"))
        chain.add(b"nonsense", forced=True)
        self.refused(sample.export_file(chain.export_lines(first=2)), "transaction.malformed", 2)

    def test_genesis_documents_that_break_a_rule_begin_nothing(self) -> None:
        for edit in (
            lambda data: data.replace(sample.public("main 2"), sample.public("main 1")),
            lambda data: data.replace(sample.text("Branch 1"), sample.text("        ")),
            lambda data: data[:-18] + b"\x00" + data[-17:],
            lambda data: data + b"\x00",
        ):
            document = edit(sample.genesis())
            lines = BUSY_MAIN.export_lines()
            lines[0].update(genesis=to_base64(document), network=sha256(document).hex())
            with self.assertRaises(Refused) as caught:
                verify(sample.export_file(lines), sha256(document))
            self.assertIn(caught.exception.code, ("genesis.rules", "genesis.malformed"))


if __name__ == "__main__":
    unittest.main()
