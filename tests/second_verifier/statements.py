"""What branches sign beside the chain: tips (ledger.md, section 8) and answers (node.md) with the JSON in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from codec import Reader, Refused, from_base64, from_hex, whole

ANSWERED = 200
LONGEST_TARGET = 16_384


class Refuted(Refused):
    """What is in the file is authentic and does not show what the file claims."""


def shows(holds: bool, code: str, what: str) -> None:
    if not holds:
        raise Refuted(code, what)


@dataclass(frozen=True)
class Tip:
    network: bytes
    chain: int
    branch: int
    height: int
    digest: bytes
    time: int

    @staticmethod
    def decode(data: bytes) -> Tip:
        def read(r: Reader) -> Tip:
            tip = Tip(r.take(32), r.code_of(2, "chain"), r.u16(), r.u64(), r.take(32), r.u64())
            r.take(64)
            return tip

        return whole(data, "tip.malformed", read)


@dataclass(frozen=True)
class RequestLine:
    network: bytes
    branch: int
    main_height: int
    path: str
    body: bytes

    @staticmethod
    def decode(data: bytes) -> RequestLine:
        def read(r: Reader) -> RequestLine:
            network, branch, _nonce, _counter = r.take(32), r.u16(), r.take(16), r.u64()
            main_height, _side_height = r.u64(), r.u64()
            _method, path, body = r.text(LONGEST_TARGET), r.text(LONGEST_TARGET), r.take(32)
            return RequestLine(network, branch, main_height, path.split("?", 1)[0], body)

        return whole(data, "request.malformed", read)


@dataclass(frozen=True)
class SignedAnswer:
    network: bytes
    branch: int
    request: bytes
    part: int
    status: int
    body: bytes

    @staticmethod
    def decode(data: bytes) -> SignedAnswer:
        def read(r: Reader) -> SignedAnswer:
            network, branch, request, part, status = r.take(32), r.u16(), r.take(32), r.u32(), r.u16()
            answer = SignedAnswer(network, branch, request, part, status, r.take(32))
            r.u64()
            r.take(64)
            return answer

        return whole(data, "answer.malformed", read)


@dataclass(frozen=True)
class Answer:
    """An answer with what was asked."""

    branch: int
    part: int
    request: RequestLine
    asked: bytes
    body: bytes


class Json:
    """A JSON object of a request or an answer. Only the names that are asked for are looked at."""

    CODE = "answer.unreadable"

    def __init__(self, pairs: Any) -> None:
        shows(isinstance(pairs, _Pairs), self.CODE, "something that is not a JSON object")
        self._pairs: _Pairs = pairs

    @staticmethod
    def parse(data: bytes) -> Json:
        try:
            return Json(json.loads(data.decode("utf-8"), object_pairs_hook=_Pairs, parse_constant=_no_constant))
        except (ValueError, RecursionError):
            raise Refuted(Json.CODE, "a body that is not JSON") from None

    def value(self, name: str) -> Any:
        """The name's value; nothing when it is null or left out."""
        values = [value for other, value in self._pairs if other == name]
        shows(len(values) < 2, self.CODE, f"{name} is there twice")
        return values[0] if values else None

    def maybe_data(self, name: str) -> bytes | None:
        value = self.value(name)
        return None if value is None else read_bytes(value, name)

    def data(self, name: str) -> bytes:
        return read_bytes(self.value(name), name)

    def id(self, name: str) -> bytes:
        return read_id(self.value(name), name)

    def items(self, name: str, left_out: list[Any] | None = None) -> list[Any]:
        """A list; where it may be left out, and is, what it is then."""
        value: list[Any] = self.value(name)
        if left_out is not None and all(other != name for other, _ in self._pairs):
            return left_out
        shows(type(value) is list, self.CODE, f"{name} is not a list")
        return value


class _Pairs(list[tuple[str, Any]]):
    """An object's members in their order, so that names that are there twice can be seen."""


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def read_bytes(value: Any, name: str) -> bytes:
    try:
        return from_base64(value, Json.CODE, name)
    except Refused as refused:
        raise Refuted(refused.code, refused.what) from None


def read_id(value: Any, name: str) -> bytes:
    try:
        return from_hex(value, 16, Json.CODE, name)
    except Refused as refused:
        raise Refuted(refused.code, refused.what) from None


def read_branch(value: Any, name: str) -> int:
    number: int = value
    shows(type(value) is int and 0 <= number < 65536, Json.CODE, f"{name} is not a branch's number")
    return number


def headers_of(answer: Answer, chain: str) -> list[tuple[bytes, bytes | None]]:
    """Every header of an answer with the certificate beside it, by the path that was asked."""
    path, prefix = answer.request.path, f"/v1/{chain}/"
    route = path[len(prefix) :] if path.startswith(prefix) else ""
    height = route[len("blocks/") :]
    known = (
        route in ("headers", "stream", "proofs")
        or route.startswith("blocks/")
        and height.isascii()
        and height.isdigit()
    )
    shows(known, "evidence.path", "an answer of another chain or to another kind of request")
    shows((answer.part > 0) == (route == "stream"), "evidence.part", "a part of an answer for a whole one, or reverse")
    body = Json.parse(answer.body)
    if route == "headers":
        items = [Json(item) for item in body.items("headers")]
    elif route == "stream":
        block = body.value("block")
        items = [] if block is None else [Json(block)]
    else:
        items = [body]
    return [(item.data("header"), item.maybe_data("certificate")) for item in items]
