"""Canonical bytes (ledger.md, section 1) and the JSON lines of exports and evidence (export.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import unicodedata
from collections.abc import Iterator
from typing import Any, BinaryIO, Callable, TypeVar

T = TypeVar("T")
U64 = 2**64


class Refused(Exception):
    """What is wrong with a file: a stable code, words for people, and the height where it was found."""

    def __init__(self, code: str, what: str, height: int | None = None) -> None:
        super().__init__(f"{code}: {what}")
        self.code, self.what, self.height = code, what, height


def require(holds: bool, code: str, what: str) -> None:
    if not holds:
        raise Refused(code, what)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Reader:
    """Reads values from bytes; whatever is not the one spelling is refused under the reader's code."""

    def __init__(self, data: bytes, code: str) -> None:
        self.data, self.at, self.code = data, 0, code

    def fail(self, what: str) -> Refused:
        return Refused(self.code, f"{what}, before byte {self.at}")

    def take(self, length: int) -> bytes:
        if len(self.data) - self.at < length:
            raise self.fail("bytes end too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def uint(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return self.uint(2)

    def u32(self) -> int:
        return self.uint(4)

    def u64(self) -> int:
        return self.uint(8)

    def code_of(self, last: int, what: str) -> int:
        """One byte of a closed list that has the codes from 1 on."""
        number = self.u8()
        if not 1 <= number <= last:
            raise self.fail(f"unknown {what} {number}")
        return number

    def boolean(self) -> bool:
        number = self.u8()
        if number > 1:
            raise self.fail("neither 0 nor 1")
        return number == 1

    def blob(self, most: int) -> bytes:
        length = self.u32()
        if length > most:
            raise self.fail(f"{length} bytes where {most} are the most")
        return self.take(length)

    def text(self, most: int) -> str:
        try:
            text = self.blob(most).decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("text that is not UTF-8") from None
        if any(unicodedata.category(c) == "Cc" for c in text):
            raise self.fail("control character in a text")
        return text

    def option(self, read: Callable[[], T]) -> T | None:
        return read() if self.boolean() else None

    def many(self, most: int, read: Callable[[], T]) -> list[T]:
        count = self.u32()
        if count > most:
            raise self.fail(f"{count} items where {most} are the most")
        return [read() for _ in range(count)]

    def ordered(self, most: int, read: Callable[[], T], key: Callable[[T], Any]) -> list[T]:
        items = self.many(most, read)
        keys = [key(item) for item in items]
        if any(a >= b for a, b in zip(keys, keys[1:])):
            raise self.fail("set that is not strictly ascending")
        return items

    def end(self) -> None:
        if self.at != len(self.data):
            raise self.fail("bytes left over")


def whole(data: bytes, code: str, read: Callable[[Reader], T]) -> T:
    """A value that has all the bytes."""
    reader = Reader(data, code)
    value = read(reader)
    reader.end()
    return value


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def blob(data: bytes) -> bytes:
    return u32(len(data)) + data


def listed(items: list[bytes]) -> bytes:
    return u32(len(items)) + b"".join(items)


# JSON lines


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _integer(digits: str) -> int:
    if digits.startswith("-") or len(digits) > 20:
        raise ValueError("a number below 0 or too large")
    return int(digits)


def _no_number(text: str) -> Any:
    raise ValueError(f"the number {text[:20]}")


def parse_json(data: bytes, code: str) -> Any:
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(code, f"not the JSON of a line: {str(error)[:100]}") from None


class Line:
    """One line: an object that has exactly the names that are asked for."""

    def __init__(self, data: bytes, what: str) -> None:
        self.raw, self.code = data, f"{what}.line"
        self.has = parse_json(data, self.code)
        require(isinstance(self.has, dict), self.code, "a line is not an object")

    def names(self, *names: str) -> None:
        require(set(self.has) == set(names), self.code, f"names other than {', '.join(names)}")

    def text(self, name: str) -> str:
        value: str = self.has[name]
        require(isinstance(value, str), self.code, f"{name} is not text")
        return value

    def integer(self, name: str) -> int:
        value: int = self.has[name]
        require(type(value) is int and value < U64, self.code, f"{name} is not an integer")
        return value

    def data(self, name: str) -> bytes:
        return from_base64(self.has[name], self.code, name)

    def maybe_data(self, name: str) -> bytes | None:
        return None if self.has[name] is None else self.data(name)

    def digest(self, name: str) -> bytes:
        return from_hex(self.has[name], 32, self.code, name)

    def items(self, name: str) -> list[Any]:
        value: list[Any] = self.has[name]
        require(isinstance(value, list), self.code, f"{name} is not a list")
        return value

    def data_list(self, name: str) -> list[bytes]:
        return [from_base64(item, self.code, name) for item in self.items(name)]

    def digest_list(self, name: str) -> list[bytes]:
        return [from_hex(item, 32, self.code, name) for item in self.items(name)]


def from_base64(text: Any, code: str, name: str) -> bytes:
    """base64url without padding, in its one spelling."""
    require(isinstance(text, str), code, f"{name} is not bytes")
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(code, f"{name} is not base64url") from None
    require(to_base64(data) == text, code, f"{name} is not base64url without padding")
    return data


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_hex(text: Any, length: int, code: str, name: str) -> bytes:
    right = isinstance(text, str) and len(text) == 2 * length and all(c in "0123456789abcdef" for c in text)
    require(right, code, f"{name} is not {2 * length} lower-case hexadecimal digits")
    return bytes.fromhex(text)


def lines(file: BinaryIO, most: int, what: str) -> Iterator[bytes]:
    """The lines of a file without their ends, which count to their length."""
    while True:
        line = file.readline(most + 1)
        if not line:
            return
        require(len(line) <= most, f"{what}.line-long", "a line is too long")
        require(line.endswith(b"\n"), f"{what}.cut", "the last line is not ended")
        yield line[:-1]
