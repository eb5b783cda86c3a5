"""The engine's finality certificate (certificate.md)."""

from __future__ import annotations

from codec import Reader, Refused, require, whole
from ed25519 import verify

CODE = "certificate.malformed"


def varint(reader: Reader, bits: int) -> int:
    """Unsigned LEB128 in its shortest form."""
    number = shift = 0
    while True:
        byte = reader.u8()
        number |= (byte & 127) << shift
        if number >> bits or shift and byte == 0:
            raise reader.fail("a varint that is too large or not the shortest")
        if byte < 128:
            return number
        shift += 7


def is_of(data: bytes, epoch: int, digest: bytes) -> bool | None:
    """Whether a certificate says that it is of this epoch and block; nothing when it does not say it at all."""
    reader = Reader(data, CODE)
    try:
        said, _view, _parent_view = (varint(reader, 64) for _ in range(3))
        return (said, reader.take(32)) == (epoch, digest)
    except Refused:
        return None


class Certificate:
    def __init__(self, data: bytes) -> None:
        whole(data, CODE, self._read)

    def _read(self, reader: Reader) -> None:
        self.epoch, self.view, self.parent_view = (varint(reader, 64) for _ in range(3))
        self.payload = reader.take(32)
        self.proposal = reader.data[: reader.at]
        self.n = reader.u64()
        if self.n > 8 * len(reader.data):
            raise reader.fail("bytes end too early")
        bits = int.from_bytes(reader.take((self.n + 7) // 8), "little")
        if bits >> self.n:
            raise reader.fail("a signer above the last one")
        self.signers = [i for i in range(self.n) if bits >> i & 1]
        if varint(reader, 32) != len(self.signers):
            raise reader.fail("not as many signatures as signers")
        self.signatures = [reader.take(64) for _ in self.signers]

    def check(self, digest: bytes, epoch: int, validators: list[bytes], namespace: str) -> None:
        """Refuses what does not certify the digest; validators are the epoch's keys, ascending."""
        require(self.epoch == epoch, "certificate.epoch", "a certificate of another epoch")
        require(self.payload == digest, "certificate.payload", "a certificate of another block")
        require(self.n == len(validators), "certificate.validators", "a certificate of another number of validators")
        quorum = self.n - (self.n - 1) // 3
        require(len(self.signers) >= quorum, "certificate.quorum", f"{len(self.signers)} signers, {quorum} are needed")
        domain = namespace.encode() + b"_FINALIZE"
        message = bytes([len(domain)]) + domain + self.proposal
        for index, signature in zip(self.signers, self.signatures):
            require(verify(validators[index], message, signature), "certificate.signature", f"signature of {index}")


def namespace(network: bytes, chain: int) -> str:
    return f"wardline/{network.hex()}/{'main' if chain == 1 else 'side'}"
