"""Ed25519 against vectors that others made."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import unittest

import ed25519
from registry import is_agreement_key

VECTORS = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def vectors(test: unittest.TestCase, name: str) -> str:
    path = VECTORS / name
    if path.exists():
        return path.read_text()
    if os.environ.get("CI"):
        test.fail(f"{path} is missing")
    print(f"\nNOT TESTED: {test.id()}: {path} is missing", file=sys.stderr)
    raise unittest.SkipTest(f"{path} is missing")


def check(key: str, message: bytes, signature: str) -> bool:
    return ed25519.verify(bytes.fromhex(key), message, bytes.fromhex(signature))


class Ed25519(unittest.TestCase):
    def test_signatures_of_others_verify_and_are_made_alike(self) -> None:
        for line in vectors(self, "x25519-ed25519/ed25519-sign.input.first256").split():
            secret, key, message, signed = line.split(":")[:4]
            self.assertTrue(check(key, bytes.fromhex(message), signed[:128]))
            self.assertFalse(check(key, bytes.fromhex(message) + b"x", signed[:128]))
            self.assertEqual(ed25519.sign(bytes.fromhex(secret)[:32], bytes.fromhex(message)).hex(), signed[:128])

    def test_edge_cases_are_taken_as_zip_215_says(self) -> None:
        """All are taken but those whose challenge is over keys or nonces that were encoded anew."""
        for case in json.loads(vectors(self, "x25519-ed25519/cctv-ed25519vectors.json")):
            flags = case["flags"] or []
            expected = "reencoded_k" not in flags or "low_order_A" in flags
            self.assertEqual(check(case["key"], case["msg"].encode(), case["sig"]), expected, case)

    def test_wycheproof_agrees_but_for_one_encoding_that_zip_215_takes(self) -> None:
        negative_zero = "R encodes y = 1 with the sign bit of x set."
        for group in json.loads(vectors(self, "wycheproof/ed25519_test.json"))["testGroups"]:
            for case in group["tests"]:
                expected = case["result"] == "valid" or case["comment"].startswith(negative_zero)
                found = check(group["publicKey"]["pk"], bytes.fromhex(case["msg"]), case["sig"])
                self.assertEqual(found, expected, case)

    def test_a_key_that_is_used_often_gives_the_same_answers(self) -> None:
        seed = bytes(31) + b"\x07"
        key = ed25519.public_key(seed)
        for number in range(3 * ed25519.COMB_AFTER):
            message = bytes([number])
            signature = ed25519.sign(seed, message)
            self.assertTrue(ed25519.verify(key, message, signature))
            self.assertFalse(ed25519.verify(key, message, signature[:63] + bytes([signature[63] ^ 1])))

    def test_only_whole_canonical_keys_are_registrable(self) -> None:
        key = ed25519.public_key(bytes(32))
        torsion = ed25519.decompress(bytes(32))
        point = ed25519.decompress(key)
        assert torsion and point
        mixed = ed25519.compress(ed25519._add(point, ed25519._niels(torsion)))
        self.assertTrue(ed25519.is_registrable(key))
        one = b"\x01" + bytes(31)
        above = (ed25519.P + 3).to_bytes(32, "little")
        for bad in (mixed, one, bytes(32), one[:31] + b"\x80", above, b"\x02" + bytes(31)):
            self.assertFalse(ed25519.is_registrable(bad), bad.hex())

    def test_agreement_keys_of_low_order_are_known(self) -> None:
        order_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504
        twisted = 39382357235489614581723060781553021112529911719440698176882885853963445705823
        for u in (0, 1, ed25519.P - 1, ed25519.P, ed25519.P + 9, order_8, twisted, 2**255 + 9):
            self.assertFalse(is_agreement_key(u.to_bytes(32, "little")), u)
        self.assertTrue(is_agreement_key((9).to_bytes(32, "little")))


if __name__ == "__main__":
    unittest.main()
