"""Blocks, and the light client that follows them (ledger.md, sections 2, 3 and 7)."""

from __future__ import annotations

from dataclasses import dataclass

import merkle
import tree
from certificate import Certificate, namespace
from codec import Reader, Refused, require, sha256, u16, u32, u64, whole
from registry import Genesis, Validators, read_validators

MOST_TRANSACTIONS, LARGEST_TRANSACTION, LARGEST_BODY = 1000, 65536, 1_048_576


@dataclass(frozen=True)
class Header:
    raw: bytes
    parent: bytes
    height: int
    network: bytes
    chain: int
    epoch: int
    time: int
    transactions: int
    transaction_root: bytes
    state_root: bytes

    @staticmethod
    def decode(data: bytes) -> Header:
        def read(r: Reader) -> Header:
            parent, height = r.take(32), r.u64()
            if r.u16() != 1:
                raise r.fail("another version")
            network, chain = r.take(32), r.code_of(2, "chain")
            return Header(data, parent, height, network, chain, r.u64(), r.u64(), r.u32(), r.take(32), r.take(32))

        return whole(data, "header.malformed", read)

    @staticmethod
    def is_later(data: bytes) -> bool:
        """Whether it is of a version after this one, which cannot be judged."""
        return int.from_bytes(data[40:42], "big") > 1 if len(data) >= 42 else False

    @property
    def digest(self) -> bytes:
        return sha256(self.raw)

    def ends_epoch(self, length: int) -> bool:
        return (self.height + 1) % length == 0

    def check_place(self, network: bytes, chain: int, epoch_length: int) -> None:
        """That it can be a header of this chain, wherever in it."""
        require(self.network == network, "header.network", "a header of another network")
        require(self.chain == chain, "header.chain", "a header of the other chain")
        require(self.epoch == self.height // epoch_length, "header.epoch", "another epoch than the height's")

    def check_follows(self, parent: Header) -> None:
        require(self.height == parent.height + 1, "header.height", "a height that is not the next one")
        require(self.parent == parent.digest, "header.parent", "another parent than the block before")
        require(self.time >= parent.time, "header.time", "a time before the parent's")


def state_word(network: bytes, chain: int, height: int, digest: bytes) -> str:
    """Three words that two people can compare by telephone (section 9)."""
    bits = int.from_bytes(sha256(b"wardline/1/state-word", network, bytes([chain]), u64(height), digest)[:6], "big")
    word = ""
    for place in range(48, 0, -16):
        quint = bits >> (place - 16)
        for letters, shift in (("bdfghjklmnprstvz", 12), ("aiou", 10), ("bdfghjklmnprstvz", 6), ("aiou", 4)):
            word += letters[quint >> shift & len(letters) - 1]
        word += "bdfghjklmnprstvz"[quint & 15] + "-"
    return word[:-1]


def genesis_header(genesis: Genesis, chain: int, state_root: bytes) -> bytes:
    where = bytes(32) + u64(0) + u16(1) + genesis.network + bytes([chain])
    return where + u64(0) + u64(genesis.created) + u32(0) + merkle.EMPTY + state_root


def read_body(data: bytes, header: Header) -> list[bytes]:
    """The body's transactions, which must be those of the header."""
    require(len(data) <= LARGEST_BODY, "body.too-large", "a body that is too large")

    def read(r: Reader) -> list[bytes]:
        return r.many(MOST_TRANSACTIONS, lambda: r.blob(LARGEST_TRANSACTION))

    transactions = whole(data, "body.malformed", read)
    require(len(transactions) == header.transactions, "body.count", "another number of transactions than the header's")
    require(
        merkle.root_of(transactions) == header.transaction_root, "body.root", "other transactions than the header's"
    )
    return transactions


class Chain:
    """What the genesis document says of a chain, as far as its headers and certificates need it."""

    def __init__(self, genesis: Genesis, chain: int) -> None:
        self.genesis, self.chain = genesis, chain
        self.network, self.epoch_length = genesis.network, genesis.epoch_length
        self.namespace = namespace(genesis.network, chain)

    def check_header(self, header: Header) -> None:
        header.check_place(self.network, self.chain, self.epoch_length)

    def check_certificate(self, data: bytes, header: Header, validators: Validators) -> None:
        Certificate(data).check(header.digest, header.epoch, [key for key, _ in validators], self.namespace)


def proven_validators(epoch: int, value: bytes, proof: bytes, state_root: bytes) -> Validators:
    """The validators of an epoch, as the state under this root names them."""
    validators = whole(value, "handover.malformed", read_validators)
    proven = tree.proves(proof, b"\x0b" + u64(epoch), value, state_root, "handover.malformed")
    require(proven, "handover.proof", "validators that the state does not name")
    return validators


class Follower:
    """Takes headers in their order from the genesis block on, and knows up to where they are final."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.validators = chain.genesis.validators(chain.chain)
        self.newest: Header | None = None
        self.final = -1  # the newest height that needs no certificate after it
        self.waits_for_validators = False

    def take(self, header: Header, certificate: bytes | None) -> None:
        require(not self.waits_for_validators, "handover.missing", "a block before its epoch's validators")
        self.chain.check_header(header)
        if self.newest is None:
            require(header.height == 0 and certificate is None, "genesis.block", "a genesis block with a certificate")
            self.final = 0  # its digest is known
        else:
            header.check_follows(self.newest)
        self.newest = header
        ends = header.ends_epoch(self.chain.epoch_length)
        if certificate is not None:
            self.chain.check_certificate(certificate, header, self.validators)
            self.final = header.height
        elif ends:
            raise Refused("certificate.missing", "the last block of an epoch without certificate")
        self.waits_for_validators = ends

    def hand_over(self, epoch: int, value: bytes, proof: bytes) -> None:
        header = self.newest
        expected = header is not None and self.waits_for_validators and epoch == header.epoch + 1
        require(expected, "handover.unexpected", "validators where no epoch ends, or of another epoch")
        assert header is not None
        self.validators = proven_validators(epoch, value, proof, header.state_root)
        self.waits_for_validators = False
