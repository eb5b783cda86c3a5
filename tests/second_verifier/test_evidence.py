"""Evidence of every kind: what holds, what is refuted, and what is no evidence."""

from __future__ import annotations

import io
import random
import unittest
from typing import Any

import evidence
import sample
from codec import Refused, sha256, to_base64
from registry import MAIN, SIDE
from sample import CREATED, answer_line, evidence_file
from state import participant_key, patient_key, staff_key
from statements import Refuted

NETWORK = sample.Network()
BUSY_MAIN, BUSY_SIDE = sample.busy_chains()
ENVELOPES = "/v1/records/envelopes"
LINKS = "/v1/patients/links"


def verify(data: bytes) -> dict[str, Any]:
    return evidence.verify(io.BytesIO(data), NETWORK.id)


def headers(*blocks: sample.Block, without: bool = False) -> list[Any]:
    return [
        {"header": to_base64(block.header), "certificate": None if without else to_base64(block.certificate or b"")}
        for block in blocks
    ]


class Evidence(unittest.TestCase):
    def holds(self, kind: str, *lines: Any, chain: str = "main", **other: Any) -> dict[str, Any]:
        return verify(evidence_file(NETWORK, chain, kind, *lines, **other))

    def refused(self, code: str, kind: str, *lines: Any, chain: str = "main", **other: Any) -> None:
        with self.assertRaises(Refused) as caught:
            self.holds(kind, *lines, chain=chain, **other)
        self.assertNotIsInstance(caught.exception, Refuted, caught.exception)
        self.assertEqual(caught.exception.code, code, caught.exception)

    def refuted(self, code: str, kind: str, *lines: Any, chain: str = "main", **other: Any) -> None:
        with self.assertRaises(Refuted) as caught:
            self.holds(kind, *lines, chain=chain, **other)
        self.assertEqual(caught.exception.code, code, caught.exception)

    def tip(self, branch: int, height: int, digest: bytes, time: int = CREATED, chain: int = MAIN) -> dict[str, str]:
        return {"tip": to_base64(NETWORK.tip(chain, branch, height, digest, time))}

    def member(self, chain: sample.Chain, name: str, key: bytes) -> dict[str, Any]:
        last = len(chain.blocks) - 1
        line = {name: to_base64(chain.state.values[key]), **chain.block_line(last)}
        return {**line, "proof": to_base64(sample.state_proof(chain.state, key))}

    def test_inclusion(self) -> None:
        found = self.holds("inclusion", BUSY_MAIN.block_line(1), BUSY_MAIN.transaction_line(1, 1))
        self.assertEqual(found["transaction"], sha256(BUSY_MAIN.blocks[1].transactions[1]).hex())
        self.holds(
            "inclusion", BUSY_MAIN.block_line(2), BUSY_MAIN.transaction_line(2, 0)
        )  # proven by the block after it
        self.refused("evidence.inclusion", "inclusion", BUSY_MAIN.block_line(2), BUSY_MAIN.transaction_line(1, 0))
        strange = sample.Chain(NETWORK, MAIN)
        strange.add(b"no transaction", forced=True)
        self.holds("inclusion", strange.block_line(1), strange.transaction_line(1, 0))
        answer = self.envelopes(None)[2]
        self.refuted("evidence.storage", "missing", strange.block_line(1), strange.transaction_line(1, 0), answer)
        moved = {**BUSY_MAIN.transaction_line(1, 1), "index": 0}
        self.refused("evidence.inclusion", "inclusion", BUSY_MAIN.block_line(1), moved)

    def test_steps_lead_to_the_validators_of_later_epochs(self) -> None:
        part = BUSY_MAIN.block_line(11), BUSY_MAIN.transaction_line(11, 1)
        one, two = BUSY_MAIN.step_line(3), BUSY_MAIN.step_line(7)
        self.holds("inclusion", one, two, *part)
        late = BUSY_MAIN.block_line(12), BUSY_MAIN.transaction_line(12, 0)
        three = BUSY_MAIN.step_line(11)
        self.holds("inclusion", two, three, *late)  # nothing changed at epoch 1
        with self.assertRaises(Refused):
            self.holds("inclusion", *late)
        self.refused("evidence.step", "inclusion", two, one, *part)
        self.refused("evidence.step", "inclusion", two, two, *part)
        self.refused("evidence.step", "inclusion", {**two, "step": 3}, *part)
        self.refused("handover.proof", "inclusion", {**two, "set": one["set"]}, *part)

    def test_forks(self) -> None:
        one, other = sample.Chain(NETWORK, MAIN), sample.Chain(NETWORK, MAIN)
        one.add(NETWORK.storage("a"))
        other.add(NETWORK.storage("b"), certified=False)
        other.add(NETWORK.storage("c"))
        self.assertEqual(self.holds("fork", one.block_line(1), other.block_line(1))["height"], 1)
        self.refuted("fork.same", "fork", one.block_line(1), one.block_line(1))
        self.refuted("fork.height", "fork", one.block_line(1), other.block_line(2))
        uncertified = {**other.block_line(2), "headers": other.block_line(1)["headers"][:1]}
        self.refused("certificate.payload", "fork", one.block_line(1), uncertified)
        self.refused("evidence.block", "fork", one.block_line(1), {**one.block_line(1), "headers": []})

    def test_tips(self) -> None:
        block = BUSY_MAIN.blocks[1]
        line = BUSY_MAIN.block_line(1)
        self.holds("contradiction", line, self.tip(3, 1, sha256(b"another")))
        self.refuted("contradiction.same", "contradiction", line, self.tip(3, 1, block.digest))
        self.refuted("contradiction.height", "contradiction", line, self.tip(3, 2, sha256(b"another")))
        self.refused("tip.chain", "contradiction", line, self.tip(3, 1, sha256(b"another"), chain=SIDE))
        self.refused("evidence.branch", "contradiction", line, self.tip(7, 1, sha256(b"another")))
        forged = NETWORK.tip(MAIN, 3, 1, sha256(b"another"), 1)[:-1] + b"\x00"
        self.refused("evidence.signature", "contradiction", line, {"tip": to_base64(forged)})
        self.holds("rollback", self.tip(2, 9, block.digest, 5), self.tip(2, 8, block.digest, 6))
        self.refuted("rollback.forward", "rollback", self.tip(2, 9, block.digest, 5), self.tip(2, 8, block.digest, 5))
        self.refuted("rollback.forward", "rollback", self.tip(2, 9, block.digest, 5), self.tip(2, 9, block.digest, 6))
        self.refuted("rollback.branch", "rollback", self.tip(2, 9, block.digest, 5), self.tip(1, 8, block.digest, 6))

    def test_members_have_the_keys_that_the_state_has(self) -> None:
        chain = sample.Chain(NETWORK, MAIN)
        chain.add(
            NETWORK.registry(1, b"\x01" + sample.participant(7)),
            NETWORK.registry(2, b"\x02" + sample.staff("ward", 1, 3, key="ward anew", epoch=2)),
        )
        branch = self.member(chain, "participant", participant_key(7))
        ward = self.member(chain, "staff", staff_key(sample.id16("ward")))
        tips = self.tip(7, 9, bytes(32), 5), self.tip(7, 8, bytes(32), 6)
        self.assertEqual(self.holds("rollback", branch, *tips, witness="ward 2")["branch"], 7)
        self.refused("evidence.branch", "rollback", *tips)
        self.refused("evidence.grant", "rollback", branch, ward, *tips)  # whose grant is by the key before
        self.refused("member.twice", "rollback", branch, branch, *tips)
        self.refused("member.proof", "rollback", {**branch, "proof": ward["proof"]}, *tips)

    def test_forged_answers(self) -> None:
        good, other = BUSY_MAIN.blocks[1], BUSY_SIDE.blocks[1]
        bad = sample.Block(good.header[:-1] + b"\x00", [], good.certificate)
        for path, wrap in (
            ("/v1/main/headers?from=1", lambda items: {"headers": items}),
            ("/v1/main/blocks/1", lambda items: {**items[-1], "more": 1.5}),
            ("/v1/main/stream", lambda items: {"block": items[-1], "tip": "x"}),
            ("/v1/main/proofs", lambda items: items[-1]),
        ):
            self.holds("forged", answer_line(NETWORK, 2, path, wrap(headers(good, bad))))
            self.holds("forged", answer_line(NETWORK, 2, path, wrap(headers(other, without=True))))
            self.refuted("forged.genuine", "forged", answer_line(NETWORK, 2, path, wrap(headers(good))))
            self.refuted("forged.genuine", "forged", answer_line(NETWORK, 2, path, wrap(headers(bad, without=True))))
        self.refuted("forged.genuine", "forged", answer_line(NETWORK, 2, "/v1/main/stream", {"block": None}))
        later = sample.Block(good.header[:40] + b"\x00\x02" + good.header[42:], [], good.certificate)
        zero = sample.Block(good.header[:40] + b"\x00\x00" + good.header[42:], [], good.certificate)
        path = "/v1/main/headers"
        self.refuted("forged.version", "forged", answer_line(NETWORK, 2, path, {"headers": headers(good, later)}))
        self.holds("forged", answer_line(NETWORK, 2, path, {"headers": headers(later, bad)}))
        self.holds("forged", answer_line(NETWORK, 2, path, {"headers": headers(later, zero)}))
        self.refuted("evidence.path", "forged", answer_line(NETWORK, 2, "/v1/side/headers", {"headers": headers(bad)}))
        self.refuted("evidence.path", "forged", answer_line(NETWORK, 2, "/v1/main/blocks/x", headers(bad)[0]))
        for body in (
            b"nonsense",
            b"[]",
            b'{"headers":1}',
            b'{"headers":[{}]}',
            b'{"headers":[],"headers":[]}',
            b"[" * 200_000,
        ):
            self.refuted("answer.unreadable", "forged", answer_line(NETWORK, 2, "/v1/main/headers", body))

    def test_a_certificate_counts_against_a_branch_only_with_its_epochs_validators(self) -> None:
        block, steps = BUSY_MAIN.blocks[12], [BUSY_MAIN.step_line(height) for height in (3, 7, 11)]
        assert block.certificate
        damaged = sample.Block(block.header, [], block.certificate[:-1] + bytes([block.certificate[-1] ^ 1]))
        of_another = sample.Block(block.header, [], BUSY_MAIN.blocks[11].certificate)

        def answer(*blocks: sample.Block) -> dict[str, Any]:
            return answer_line(NETWORK, 2, "/v1/main/headers", {"headers": headers(*blocks)})

        self.holds("forged", *steps, answer(damaged))
        self.refuted("forged.genuine", "forged", *steps, answer(block))
        self.refuted("forged.genuine", "forged", *steps[:2], answer(block))  # left out on purpose
        self.refuted("forged.genuine", "forged", answer(damaged))
        self.holds("forged", answer(of_another))
        assert of_another.certificate
        cut = sample.Block(block.header, [], of_another.certificate[:-1])  # says of which block it is
        nothing = sample.Block(block.header, [], b"\x80")
        self.holds("forged", answer(cut))
        self.refuted("forged.genuine", "forged", answer(nothing))
        self.holds("forged", *steps, answer(nothing))

    def test_answers_must_be_what_the_branch_signed(self) -> None:
        bad = sample.Block(BUSY_MAIN.blocks[1].header[:-1] + b"\x00", [], BUSY_MAIN.blocks[1].certificate)
        body = {"headers": headers(bad)}
        fine = answer_line(NETWORK, 2, "/v1/main/headers", body)
        self.holds("forged", fine)
        self.refused("answer.body", "forged", {**fine, "body": "AA"})
        self.refused("answer.asked", "forged", {**fine, "asked": "AA"})
        another = answer_line(NETWORK, 2, "/v1/main/headers?x", body)
        self.refused("answer.request", "forged", {**fine, "request": another["request"]})
        self.refused("answer.status", "forged", answer_line(NETWORK, 2, "/v1/main/headers", body, status=403))
        of_others = answer_line(NETWORK, 2, "/v1/main/headers", body, asked_of=sha256(b"another network"))
        self.refused("answer.network", "forged", of_others)
        self.refuted("evidence.part", "forged", answer_line(NETWORK, 2, "/v1/main/headers", body, part=1))
        item = {"block": body["headers"][0]}
        self.refuted("evidence.part", "forged", answer_line(NETWORK, 2, "/v1/main/stream", item, part=0))
        self.holds("forged", answer_line(NETWORK, 2, "/v1/main/stream", item, part=7))
        unreadable = {"headers": [*body["headers"], {"header": "?", "certificate": None}]}
        self.refuted("answer.unreadable", "forged", answer_line(NETWORK, 2, "/v1/main/headers", unreadable))
        long = answer_line(NETWORK, 2, "/v1/main/headers?" + "x" * 16_384, body)
        self.refused("request.malformed", "forged", long)
        self.refused("evidence.signature", "forged", answer_line(NETWORK, 2, "/v1/main/headers", body, key="signing 3"))

    def test_a_record_that_is_asked_for_twice_has_two_answers(self) -> None:
        right = to_base64(sample.envelope(sample.id16("mine")))
        for envelopes in ([None, right], [right, None]):
            self.holds("missing", *self.envelopes(None, record="mine", twice=True, body={"envelopes": envelopes}))
        for envelopes in (["AA", right], [right, "AA"], [None, "AA"]):
            self.holds("altered", *self.envelopes(None, record="mine", twice=True, body={"envelopes": envelopes}))
        both = {"envelopes": [right, right]}
        self.refuted("altered.same", "altered", *self.envelopes(None, record="mine", twice=True, body=both))
        self.refuted("missing.given", "missing", *self.envelopes(None, record="mine", twice=True, body=both))

    def envelopes(self, given: bytes | None, branch: int = 1, record: str = "mine", **other: Any) -> list[Any]:
        chain = sample.Chain(NETWORK, MAIN)
        pointer = sha256(sample.envelope(sample.id16("mine")))
        chain.add(NETWORK.storage("mine", pointer=pointer))
        first = record if other.pop("twice", False) else "other"
        asked = {"records": [sample.id16(first).hex(), sample.id16(record).hex()], "more": None}
        body = {"envelopes": [None, None if given is None else to_base64(given)]}
        answer = answer_line(NETWORK, branch, ENVELOPES, other.pop("body", body), asked, **other)
        return [chain.block_line(1), chain.transaction_line(1, 0), answer]

    def test_missing_envelopes(self) -> None:
        self.assertEqual(self.holds("missing", *self.envelopes(None))["branch"], 1)
        self.refuted("missing.given", "missing", *self.envelopes(b"x"))
        self.refuted("missing.branch", "missing", *self.envelopes(None, branch=2))
        self.refuted("evidence.record", "missing", *self.envelopes(None, record="third"))
        self.refuted("evidence.behind", "missing", *self.envelopes(None, main_height=0))
        self.holds("missing", *self.envelopes(None, main_height=1))
        self.refuted("evidence.part", "missing", *self.envelopes(None, part=1))
        for body in ({"envelopes": [None]}, {"envelopes": [1, None]}, {}, {"envelopes": None}):
            self.refuted("answer.unreadable", "missing", *self.envelopes(None, body=body))
        chain = BUSY_MAIN
        access = [chain.block_line(2), chain.transaction_line(2, 1), self.envelopes(None)[2]]
        self.refuted("evidence.storage", "missing", *access)

    def test_altered_envelopes(self) -> None:
        right = sample.envelope(sample.id16("mine"))
        self.refuted("altered.same", "altered", *self.envelopes(right))
        self.refuted("altered.none", "altered", *self.envelopes(None))
        self.refuted("altered.version", "altered", *self.envelopes(sample.envelope(sample.id16("mine"), 2)))
        of_identity = sample.envelope(sample.id16("mine"), 2, content=2)
        for wrong in (right[:-1] + b"\x01", right[:-1], b"", sample.envelope(sample.id16("third"), 2), of_identity):
            self.holds("altered", *self.envelopes(wrong))

    def test_omitted_links(self) -> None:
        block, key = BUSY_SIDE.blocks[-1], patient_key(sample.id16("mei"))
        entry = {
            "value": to_base64(BUSY_SIDE.state.values[key]),
            "proof": to_base64(sample.state_proof(BUSY_SIDE.state, key)),
        }
        nobody = {
            "value": None,
            "proof": to_base64(sample.state_proof(BUSY_SIDE.state, patient_key(sample.id16("no")))),
        }
        records, branches = [sample.id16(name).hex() for name in "abcd"], [1, 2, 1, 1]
        steps = [BUSY_SIDE.step_line(height) for height in (3, 7)]

        def lines(who: str, **changes: Any) -> list[Any]:
            body = {
                "header": to_base64(block.header),
                "patient": entry,
                "records": records,
                "branches": branches,
                **changes,
            }
            asked = {"patient": sample.id16(who).hex(), "purpose": "treatment"}
            answer = answer_line(NETWORK, 3, LINKS, {k: v for k, v in body.items() if v != "out"}, asked)
            return [*steps, BUSY_SIDE.block_line(9), answer]

        def omitted(who: str = "mei", **changes: Any) -> None:
            self.holds("omission", *lines(who, **changes), chain="side")

        def refuted(code: str, who: str = "mei", **changes: Any) -> None:
            self.refuted(code, "omission", *lines(who, **changes), chain="side")

        refuted("omission.same")
        refuted("omission.same", "no", patient=nobody, records=[], branches="out")
        omitted(records=records[:3], branches=branches[:3])
        omitted(records=records[::-1])
        omitted(branches=[1, 1, 1, 1])
        omitted(branches=[1, 2])
        omitted(branches="out")
        omitted(patient=nobody)
        omitted("no")
        omitted("no", patient=nobody)
        omitted(patient={**entry, "proof": "AA"})
        refuted("omission.header", header=to_base64(BUSY_SIDE.blocks[8].header))
        refuted("answer.unreadable", records=[1, 2, 3, 4])
        refuted("answer.unreadable", branches=[1, 2, 1, 65536])
        refuted("answer.unreadable", branches=None)
        refuted("answer.unreadable", patient=None)

    def test_the_witness(self) -> None:
        tips = self.tip(2, 9, bytes(32), 5), self.tip(2, 8, bytes(32), 6)
        self.holds("rollback", *tips, seen=CREATED)
        self.holds("rollback", *tips, seen=CREATED + 3600)
        self.refused("evidence.grant", "rollback", *tips, seen=CREATED + 3601)
        self.refused("evidence.grant", "rollback", *tips, seen=CREATED - 1)
        self.refused("evidence.grant", "rollback", *tips, witness="nobody")
        data = evidence_file(NETWORK, "main", "rollback", *tips)
        for old, new in ((b'"seen_s": 18', b'"seen_s": 17'), (str(CREATED + 9).encode(), str(CREATED + 8).encode())):
            with self.assertRaises(Refused):
                verify(data.replace(old, new))

    def test_every_changed_byte_is_refused(self) -> None:
        chance = random.Random(3)
        whole = evidence_file(NETWORK, "main", "missing", *self.envelopes(None))
        self.assertTrue(verify(whole))
        for _ in range(500):
            data = bytearray(whole)
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(2)] = bytes([chance.randrange(256)])
            if data != whole:
                with self.assertRaises(Refused, msg=f"byte {at}"):
                    verify(bytes(data))

    def test_no_line_is_too_many_or_too_few(self) -> None:
        tips = self.tip(2, 9, bytes(32), 5), self.tip(2, 8, bytes(32), 6)
        data = evidence_file(NETWORK, "main", "rollback", *tips)
        lines = data.splitlines(True)
        for bad in (data + b"{}\n", data[:-1], b"".join(lines[:-1]), b"", lines[0], b"".join(lines[:2] + lines[3:])):
            with self.assertRaises(Refused):
                verify(bad)
        with self.assertRaises(Refused):
            self.holds("rollback", *tips, tips[0])
        with self.assertRaises(Refused):
            self.holds("rollback", tips[0])
        self.refused("evidence.kind", "else")


if __name__ == "__main__":
    unittest.main()
