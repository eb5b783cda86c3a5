"""Ed25519 with the ZIP-215 rules of crypto.md, section 3, in plain integers.

Points are extended twisted Edwards coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z and xy = T/Z.
Nothing here is secret, so nothing takes care to run in constant time.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

Point = tuple[int, int, int, int]
Niels = tuple[int, int, int, int]  # y + x, y - x, 2 z, 2 d t: what an addition needs of its second operand

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY: Point = (0, 1, 1, 0)

COMB_AFTER = 6  # uses of a key after which a table that saves all doublings has paid for itself


def _double(p: Point) -> Point:
    x, y, z, _ = p
    a, b = x * x % P, y * y % P
    h, g = a + b, a - b
    e = h - (x + y) * (x + y)
    f = (2 * z * z + g) % P
    e %= P
    return e * f % P, g * h % P, f * g % P, e * h % P


def _niels(p: Point) -> Niels:
    x, y, z, t = p
    return y + x, y - x, 2 * z, 2 * D * t % P


def _add(p: Point, q: Niels) -> Point:
    x, y, z, t = p
    plus, minus, z2, t2 = q
    a, b, c, d = (y - x) * minus % P, (y + x) * plus % P, t * t2 % P, z * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _negative(p: Point) -> Point:
    return -p[0] % P, p[1], p[2], -p[3] % P


def decompress(encoded: bytes) -> Point | None:
    """The point that 32 bytes stand for. As ZIP-215 says, y may be above p and the x of 0 may carry a sign."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * ROOT_OF_MINUS_ONE % P
        if (v * x * x - u) % P:
            return None
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


def compress(p: Point) -> bytes:
    x, y, z, _ = p
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


class Multiples:
    """A point's tables: small ones at once, for a few products; a comb later, for many."""

    def __init__(self, point: Point, bits: int = 4, after: int = COMB_AFTER) -> None:
        self.point, self.bits, self.left = point, bits, after
        self.comb: list[list[Niels]] = []
        self.odd: list[Niels] = []

    def times(self, scalar: int, start: Point = IDENTITY) -> Point:
        """start + [scalar] point"""
        self.left -= 1
        if self.left < 0:
            return self._by_comb(scalar, start)
        return _add(self._by_window(scalar), _niels(start))

    def _by_comb(self, scalar: int, p: Point) -> Point:
        if not self.comb:
            self.comb = self._make_comb()
        mask, bits = (1 << self.bits) - 1, self.bits
        for row in self.comb:
            digit = scalar & mask
            if digit:
                p = _add(p, row[digit - 1])
            scalar >>= bits
        return p

    def _make_comb(self) -> list[list[Niels]]:
        rows, base = [], self.point
        for _ in range(0, 256, self.bits):
            step, multiple, row = _niels(base), base, []
            for _ in range((1 << self.bits) - 1):
                row.append(_niels(multiple))
                multiple = _add(multiple, step)
            rows.append(row)
            base = multiple
        return rows

    def _by_window(self, scalar: int) -> Point:
        if not self.odd:
            step, multiple = _niels(_double(self.point)), self.point
            for _ in range(8):
                self.odd.append(_niels(multiple))
                multiple = _add(multiple, step)
        digits = []  # signed digits: 0, or odd from -15 to 15 followed by at least four zeros
        while scalar:
            if scalar & 1:
                digit = (scalar & 31) - (scalar & 16) * 2
                scalar -= digit
                digits.append(digit)
            else:
                digits.append(0)
            scalar >>= 1
        p = IDENTITY
        for digit in reversed(digits):
            p = _double(p)
            if digit > 0:
                p = _add(p, self.odd[digit >> 1])
            elif digit < 0:
                plus, minus, z2, t2 = self.odd[-digit >> 1]
                p = _add(p, (minus, plus, z2, -t2))
        return p


_BASE_POINT = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
assert _BASE_POINT is not None
BASE = Multiples(_BASE_POINT, bits=8, after=0)


@lru_cache(maxsize=4096)
def _negative_key(public: bytes) -> Multiples | None:
    point = decompress(public)
    return Multiples(_negative(point)) if point else None


def _challenge(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


@lru_cache(maxsize=8192)
def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether [8]([s]B - [k]A - R) is the identity, s being below the group's order."""
    if len(public) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    key, r = _negative_key(public), decompress(signature[:32])
    if s >= L or key is None or r is None:
        return False
    k = _challenge(signature[:32], public, message)
    p = key.times(k, BASE.times(s, _negative(r)))
    x, y, z, _ = _double(_double(_double(p)))
    return x == 0 and y == z


def verify_in(domain: str, public: bytes, message: bytes, signature: bytes) -> bool:
    """A signature over a domain and a message (crypto.md, section 3)."""
    return verify(public, bytes([len(domain)]) + domain.encode() + message, signature)


@lru_cache(maxsize=65536)
def is_registrable(public: bytes) -> bool:
    """Whether a key is canonical, not of small order and without a small-order part."""
    point = decompress(public)
    if point is None or compress(point) != public or point[0] == 0 and point[1] == 1:
        return False
    x, y, z, _ = Multiples(point).times(L)
    return x == 0 and y == z


def public_key(seed: bytes) -> bytes:
    return compress(BASE.times(_secret(seed)))


def sign(seed: bytes, message: bytes) -> bytes:
    """RFC 8032, for the tests that make files of their own. Not in constant time: for no real key."""
    secret, prefix = _secret(seed), hashlib.sha512(seed).digest()[32:]
    nonce = _challenge(prefix, message)
    r = compress(BASE.times(nonce))
    s = (nonce + _challenge(r, public_key(seed), message) * secret) % L
    return r + s.to_bytes(32, "little")


def _secret(seed: bytes) -> int:
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & (2**254 - 8) | 2**254
