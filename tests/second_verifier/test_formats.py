"""Trees, certificates, envelopes and the smaller formats."""

from __future__ import annotations

import base64
import json
import unittest
from typing import Any

import ed25519
import envelope
import merkle
import sample
import tree
from certificate import Certificate, varint
from codec import Reader, Refused, sha256
from ledger import state_word
from registry import MAIN, SIDE
from state import PENDING_VALIDATORS, validators_key
from test_ed25519 import vectors

EXAMPLE = bytes.fromhex(
    "01ac02ab02d433f3baf2a01179586f805e856add28642f1255945e9f31d05eb974b3cef3e2"
    "00000000000000040d03"
    "2733662ca1df8c11104fbb1ad1aa79fb58bb4b3d742882ec3d467a33bd05c69e"
    "1ce8f1f6a29823693c697c01e3d3b5482f436034d5472132f9e651fb48e2c105"
    "168c1debf6b608d33e28551eee13fb92e759239579c6808563637a76b252cf73"
    "bf7edd9d0107454e6d65ce872aa4c68181502c4a7b81b797380fe7e1998e280c"
    "6212b7e2648ac2df187bdf1be838768b3c90004d8aa7fa406ff0178859052ba7"
    "85164d6ce6d7edcd45384983ec7d8f75ecfffc3218eae8f57b7def564ac19b05"
)


class Certificates(unittest.TestCase):
    """The example at the end of certificate.md."""

    validators = sorted(ed25519.public_key(bytes([number]) * 32) for number in (1, 2, 3, 4))
    namespace = "wardline/" + "0" * 64 + "/main"

    def check(self, data: bytes, epoch: int = 1, payload: bytes = sha256(b"a block header")) -> None:
        Certificate(data).check(payload, epoch, self.validators, self.namespace)

    def test_the_example_holds(self) -> None:
        self.check(EXAMPLE)
        found = Certificate(EXAMPLE)
        self.assertEqual((found.epoch, found.view, found.parent_view), (1, 300, 299))
        self.assertEqual((found.n, found.signers), (4, [0, 2, 3]))

    def test_every_flipped_bit_is_refused(self) -> None:
        for place in range(8 * len(EXAMPLE)):
            data = bytearray(EXAMPLE)
            data[place // 8] ^= 1 << place % 8
            with self.assertRaises(Refused, msg=f"bit {place}"):
                self.check(bytes(data))

    def test_other_spellings_are_refused(self) -> None:
        long_epoch = b"\x81\x00" + EXAMPLE[1:]
        for data in (long_epoch, EXAMPLE + b"\x00", EXAMPLE[:-1], b"", EXAMPLE[:45]):
            with self.assertRaises(Refused):
                self.check(data)

    def test_varints_are_the_shortest_that_fit(self) -> None:
        for data, number in ((b"\x00", 0), (b"\x7f", 127), (b"\x80\x01", 128), (b"\xff" * 9 + b"\x01", 2**64 - 1)):
            self.assertEqual(varint(Reader(data, "varint"), 64), number)
        for data in (b"\x80\x00", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01", b"\x80", b"", b"\xff\xff\x00"):
            with self.assertRaises(Refused):
                varint(Reader(data, "varint"), 64)
        with self.assertRaises(Refused):
            varint(Reader(b"\xff\xff\xff\xff\x10", "varint"), 32)

    def test_another_block_epoch_or_chain_is_refused(self) -> None:
        with self.assertRaises(Refused):
            self.check(EXAMPLE, epoch=2)
        with self.assertRaises(Refused):
            self.check(EXAMPLE, payload=sha256(b"another"))
        with self.assertRaises(Refused):
            Certificate(EXAMPLE).check(sha256(b"a block header"), 1, self.validators, self.namespace[:-4] + "side")


class StateWords(unittest.TestCase):
    def test_examples_of_the_page(self) -> None:
        network, header = sha256(b"network"), sha256(b"header")
        self.assertEqual(state_word(network, MAIN, 7, header), "mafob-gujop-ratuh")
        self.assertEqual(state_word(network, SIDE, 7, header), "zajit-dihas-balan")
        self.assertEqual(state_word(network, MAIN, 8, header), "jiliz-kosov-nutis")
        self.assertEqual(state_word(header, MAIN, 7, network), "gikim-nizoz-gavoz")


class Merkle(unittest.TestCase):
    def test_the_reference_tree(self) -> None:
        reference = json.loads(vectors(self, "merkle/rfc6962-reference-tree.json"))
        entries = [bytes.fromhex(entry) for entry in reference["leaf_inputs_hex"]]
        for size, root in enumerate(reference["root_by_tree_size_hex"]):
            self.assertEqual(merkle.root_of(entries[:size]).hex(), root)

    def test_inclusion_proofs_of_others(self) -> None:
        for case in self._cases("merkle/inclusion.ndjson"):
            proof = [base64.b64decode(digest) for digest in case["proof"] or []]
            root, leaf = base64.b64decode(case["root"] or ""), base64.b64decode(case["leafHash"] or "")
            found = merkle.includes(root, leaf, case["leafIdx"], case["treeSize"], proof)
            found = found and len(leaf) == 32  # here a digest's length is the decoder's matter
            self.assertEqual(found, not case["wantErr"], case)

    def test_consistency_proofs_of_others(self) -> None:
        for case in self._cases("merkle/consistency.ndjson"):
            proof = [base64.b64decode(digest) for digest in case["proof"] or []]
            roots = [base64.b64decode(case[name] or "") for name in ("root1", "root2")]
            expected = not case["wantErr"]
            if case["size1"] == 0:  # ours alone: nothing is a beginning of everything, if its root is that of nothing
                expected = not proof and roots[0] == merkle.EMPTY
            found = merkle.grew(case["size1"], roots[0], case["size2"], roots[1], proof)
            self.assertEqual(found, expected, case)

    def _cases(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in vectors(self, name).splitlines()]

    def test_proofs_that_are_made_here(self) -> None:
        entries = [bytes([number]) for number in range(20)]
        for size in range(1, 21):
            part = entries[:size]
            root = merkle.root_of(part)
            for index in range(size):
                proof = sample.inclusion(part, index)
                self.assertTrue(merkle.includes(root, merkle.leaf_hash(part[index]), index, size, proof))
            for before in range(size):
                proof = sample.consistency(part, before)
                self.assertTrue(merkle.grew(before, merkle.root_of(part[:before]), size, root, proof))

    def test_frontiers_are_read_as_written(self) -> None:
        frontier = merkle.Frontier.empty()
        for number in range(11):
            self.assertEqual(merkle.Frontier.read(Reader(frontier.write(), "frontier")), frontier)
            frontier = frontier.append(merkle.leaf_hash(bytes([number])))


class StateTree(unittest.TestCase):
    def test_a_tree_is_its_definition_whatever_way_it_was_made(self) -> None:
        def root(entries: dict[bytes, bytes], depth: int = 0) -> bytes:
            if not entries:
                return tree.PLACEHOLDER
            if len(entries) == 1:
                return tree.leaf_hash(*next(iter(entries.items())))
            halves: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
            for key, value in entries.items():
                halves[tree.bit(key, depth)][key] = value
            return tree.inner_hash(root(halves[0], depth + 1), root(halves[1], depth + 1))

        values: dict[bytes, bytes] = {}
        made: tree.Tree = None
        for turn in range(40):
            changes: dict[bytes, bytes | None] = {}
            for step in range(turn % 9):
                changes[bytes([turn * 7 % 50 + step])] = sha256(bytes([turn, step]))
            for key in list(values)[: turn % 4]:
                changes[key] = None
            made = tree.changed(made, changes)
            values = {key: value for key, value in {**values, **changes}.items() if value is not None}
            self.assertEqual(tree.root(made), root({sha256(k): sha256(v) for k, v in values.items()}))

    def test_proofs_of_presence_and_absence(self) -> None:
        state = sample.Chain(sample.Network(), 1).state
        for key, value in state.values.items():
            proof = sample.state_proof(state, key)
            self.assertTrue(tree.proves(proof, key, value, state.root(), "proof"))
            self.assertFalse(tree.proves(proof, key, value + b"x", state.root(), "proof"))
            self.assertFalse(tree.proves(proof, key, None, state.root(), "proof"))
        for key in [PENDING_VALIDATORS, validators_key(1)] + [b"\x10" + bytes([number]) for number in range(40)]:
            proof = sample.state_proof(state, key)
            self.assertTrue(tree.proves(proof, key, None, state.root(), "proof"))
            self.assertFalse(tree.proves(proof, key, b"", state.root(), "proof"))
            with self.assertRaises(Refused):
                tree.proves(proof + b"\x00", key, None, state.root(), "proof")


class Envelopes(unittest.TestCase):
    def test_buckets_are_those_of_the_page(self) -> None:
        first = [512, 1024, 2048, 4096, 16384, 65536, 81920, 102400, 128000, 160256, 200704, 250880]
        self.assertEqual(sorted(envelope.BUCKETS)[:12], first)
        self.assertIn(7_154_688, envelope.BUCKETS)
        self.assertEqual(max(envelope.BUCKETS), envelope.LARGEST)

    def test_outer_forms(self) -> None:
        for suite in (1, 2, 3):
            data = sample.envelope(bytes(16), 7, suite)
            header = envelope.outer_form(data)
            self.assertEqual((header.suite, header.version, header.padded), (suite, 7, 512))
            self.assertTrue(envelope.is_marked(data, header))
            for bad in (
                data[:-1],
                data + b"\x00",
                data[:97],
                b"",
                b"X" + data[1:],
                data[:94] + b"\x00\x00\x02\x01" + data[98:],
            ):
                with self.assertRaises(Refused):
                    envelope.outer_form(bad)

    def test_several_segments(self) -> None:
        padded = next(size for size in sorted(envelope.BUCKETS) if size > 2 * envelope.SEGMENT)
        head = sample.envelope(bytes(16), 1, 2, 1, padded)[:98]
        parts = [envelope.SEGMENT, envelope.SEGMENT, padded - 2 * envelope.SEGMENT]
        marks = [number.to_bytes(4, "big") + bytes([number == 2]) for number in range(3)]
        data = head + b"".join(mark + bytes(part + 16) for mark, part in zip(marks, parts))
        self.assertTrue(envelope.is_marked(data, envelope.outer_form(data)))
        swapped = head + b"".join(mark + bytes(part + 16) for mark, part in zip(marks[1:] + marks[:1], parts))
        self.assertFalse(envelope.is_marked(swapped, envelope.outer_form(swapped)))


if __name__ == "__main__":
    unittest.main()
