"""The command line."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import Any

import sample
from codec import sha256

PROGRAM = pathlib.Path(__file__).with_name("verify.py")


def run(*arguments: str) -> tuple[int, list[Any]]:
    done = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


class CommandLine(unittest.TestCase):
    def test_every_file_has_a_line_and_its_kind_is_guessed(self) -> None:
        main, _ = sample.busy_chains()
        network = main.network.id.hex()
        sealed = sample.envelope(bytes(16))
        files = {
            "export": sample.export_file(main.export_lines()),
            "evidence": sample.evidence_file(
                main.network, "main", "inclusion", main.block_line(1), main.transaction_line(1, 0)
            ),
            "envelope": sealed,
            "cut": sealed[:-1],
            "nonsense": b"\xff\x00",
            "empty": b"",
        }
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, data in files.items():
                paths.append(str(pathlib.Path(folder, name)))
                pathlib.Path(paths[-1]).write_bytes(data)
            status, found = run(*paths[:3], "--network", network)
            self.assertEqual((status, [line["accepted"] for line in found]), (0, [True] * 3))
            self.assertEqual([line["kind"] for line in found], ["export", "evidence", "envelope"])
            self.assertEqual([line["height"] for line in found], [12, 1, None])
            self.assertEqual(found[2]["pointer"], sha256(sealed).hex())
            status, found = run(*paths, folder, folder + "/none", "--network", network)
            self.assertEqual((status, len(found)), (4, 8))
            reasons = [line["reason"] for line in found[3:]]
            self.assertEqual(
                reasons, ["envelope.length", "file.kind", "file.kind", "file.unreadable", "file.unreadable"]
            )
            for kind in ("export", "evidence", "envelope"):
                for path in paths:
                    _, (line,) = run(path, "--network", network, "--kind", kind)
                    self.assertEqual(line["accepted"], path.endswith(kind), line)
                    self.assertNotEqual(line["reason"], "verifier.fault", line)
            self.assertEqual(run(paths[0], "--network", "00" * 32)[1][0]["reason"], "export.network")

    def test_wrong_usage_is_told_from_a_refusal(self) -> None:
        for arguments in ([], ["x"], ["x", "--network", "12"], ["x", "--network", "G" * 64], ["--network", "00" * 32]):
            self.assertEqual(run(*arguments), (2, []))


if __name__ == "__main__":
    unittest.main()
