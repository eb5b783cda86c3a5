#!/usr/bin/env python3
"""Judges exports, evidence and envelopes from the pages under docs/format alone; one line of JSON for each file.

Exit status: 0 all accepted, 4 one refused, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, BinaryIO, Callable

import envelope
import evidence
import export
from codec import Refused, parse_json, sha256
from statements import Refuted

Judge = Callable[[BinaryIO, bytes], dict[str, Any]]


def _envelope(file: BinaryIO, network: bytes) -> dict[str, Any]:
    data = file.read(envelope.LARGEST + (1 << 20))
    header = envelope.outer_form(data)
    seen = {"pointer": sha256(data).hex(), "size": len(data), "segments_marked": envelope.is_marked(data, header)}
    return {**vars(header), "object": header.object.hex(), **seen}


JUDGES: dict[str, Judge] = {"export": export.verify, "evidence": evidence.verify, "envelope": _envelope}
NAMES = {"chain export": "export", "evidence": "evidence"}


def guess(file: BinaryIO) -> str:
    """The kind of a file, by its first bytes or its first line."""
    first = file.readline(export.LONGEST_LINE)
    file.seek(0)
    if first.startswith(b"WARDENV"):
        return "envelope"
    line = parse_json(first, "file.kind")
    name = line.get("wardline") if isinstance(line, dict) else None
    if not isinstance(name, str) or name not in NAMES:
        raise Refused("file.kind", "neither an export nor evidence nor an envelope")
    return NAMES[name]


def judge(path: str, network: bytes, kind: str | None) -> dict[str, Any]:
    verdict: dict[str, Any] = {"file": path, "accepted": False, "kind": kind, "height": None}
    try:
        with open(path, "rb") as file:
            verdict["kind"] = kind = kind or guess(file)
            verdict.update(JUDGES[kind](file, network))
        verdict.update(accepted=True, reason="ok", what="everything that was checked holds")
    except Refuted as refuted:
        verdict.update(reason=refuted.code, what=refuted.what, refuted=True)
    except Refused as refused:
        verdict.update(reason=refused.code, what=refused.what, height=refused.height)
    except OSError as error:
        verdict.update(reason="file.unreadable", what=str(error.strerror))
    except Exception as error:  # a fault of this program must not look like an answer
        verdict.update(accepted=False, reason="verifier.fault", what=f"{type(error).__name__}: {error}"[:200])
    return verdict


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--network", required=True, metavar="HEX64", help="SHA-256 of the genesis document")
    parser.add_argument("--kind", choices=sorted(JUDGES), help="else guessed from the file's beginning")
    options = parser.parse_args(arguments)
    if len(options.network) != 64 or set(options.network) - set("0123456789abcdef"):
        parser.error("--network takes 64 lower-case hexadecimal digits")
    status = 0
    for path in options.files:
        verdict = judge(path, bytes.fromhex(options.network), options.kind)
        print(json.dumps(verdict), flush=True)
        status = status if verdict["accepted"] else 4
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
