"""The outer form of an envelope (crypto.md, section 5): what can be seen of it without its key."""

from __future__ import annotations

from dataclasses import dataclass

from codec import Reader, require, whole

HEADER = 98
LARGEST = 34_118_656
SEGMENT = 1 << 20
ADDED = {1: 32, 2: 16, 3: 48}
RECORD, IDENTITY = 1, 2


def _buckets() -> frozenset[int]:
    sizes = [512, 1024, 2048, 4096, 16384, 65536]
    while sizes[-1] < LARGEST:
        grown = sizes[-1] + sizes[-1] // 4
        sizes.append((grown + 511) // 512 * 512)
    return frozenset(sizes)


BUCKETS = _buckets()


@dataclass(frozen=True)
class Header:
    suite: int
    content: int
    object: bytes
    version: int
    padded: int


def read_header(data: bytes) -> Header:
    """The first 98 bytes; what follows them is not looked at."""

    def read(reader: Reader) -> Header:
        if reader.take(8) != b"WARDENV\x01":
            raise reader.fail("another magic")
        suite, content = reader.code_of(3, "suite"), reader.code_of(2, "content")
        header = Header(suite, content, reader.take(16), reader.u32(), int.from_bytes(reader.data[94:98], "big"))
        reader.take(68)
        if header.padded not in BUCKETS:
            raise reader.fail("a padded length that is no bucket")
        return header

    return whole(data[:HEADER], "envelope.header", read)


def outer_form(data: bytes) -> Header:
    """The header and the exact total length (5.5, the first step)."""
    header = read_header(data)
    count = -(-header.padded // SEGMENT)
    length = HEADER + header.padded + count * _around(header)
    require(len(data) == length, "envelope.length", "another length than the header's")
    return header


def is_marked(data: bytes, header: Header) -> bool:
    """Whether each segment has its number and last flag, which only matters to who opens it (5.5, the third step)."""
    starts = range(HEADER, len(data), SEGMENT + _around(header))
    marks = [number.to_bytes(4, "big") + bytes([number == len(starts) - 1]) for number in range(len(starts))]
    return all(data[at : at + 5] == mark for at, mark in zip(starts, marks))


def _around(header: Header) -> int:
    """The bytes that a sealed segment has more than its plaintext."""
    return 5 + ADDED[header.suite]
