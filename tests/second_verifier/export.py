"""An export of a chain (export.md): everything that "Verifying one" asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import rules
from codec import Line, Refused, lines, require
from ledger import Chain, Follower, Header, genesis_header, read_body, state_word
from registry import CHAINS, Genesis
from state import PENDING_VALIDATORS, State
from transaction import Transaction

LONGEST_LINE = 4 << 20


class Export:
    """A file that is read once, line by line; what was learned so far is in its members."""

    digest: bytes  # of the block `to`

    def __init__(self, file: BinaryIO, network: bytes) -> None:
        self.lines = lines(file, LONGEST_LINE, "export")
        self.network = network
        self.sum = hashlib.sha256()
        self.height: int | None = None
        self.blocks = self.transactions = 0
        self.replayed = False

    def _next(self) -> Line:
        raw = next(self.lines, None)
        if raw is None:
            raise Refused("export.cut", "the file ends before its last line")
        line = Line(raw, "export")
        if "sha256" not in line.has:
            self.sum.update(raw + b"\n")
        return line

    def verify(self) -> dict[str, Any]:
        self._first()
        for line in self._until_sum():
            if "header" in line.has:
                self._block(line)
            else:
                line.names("epoch", "set", "proof")
                self.follower.hand_over(line.integer("epoch"), line.data("set"), line.data("proof"))
        return {
            "chain": self.chain_name,
            "from": self.first,
            "to": self.last,
            "certified": self.follower.final,
            "digest": self.digest.hex(),
            "word": state_word(self.network, self.chain.chain, self.last, self.digest),
            "blocks": self.blocks,
            "transactions": self.transactions,
            "replayed": self.replayed,
            "unchecked": [] if self.replayed else ["transactions", "state-roots"],
        }

    def _first(self) -> None:
        line = self._next()
        line.names("wardline", "version", "network", "chain", "genesis", "from", "to")
        right = line.text("wardline") == "chain export" and line.integer("version") == 1
        require(right, "export.version", "not a chain export of version 1")
        self.chain_name = line.text("chain")
        require(self.chain_name in CHAINS, "export.line", "no such chain")
        genesis = line.data("genesis")
        require(line.digest("network") == self.network, "export.network", "an export of another network")
        require(
            hashlib.sha256(genesis).digest() == self.network, "genesis.digest", "another genesis than the network's"
        )
        self.first, self.last = line.integer("from"), line.integer("to")
        require(self.first <= self.last, "export.range", "it ends before it begins")
        self.chain = Chain(Genesis.decode(genesis), CHAINS[self.chain_name])
        self.follower = Follower(self.chain)
        self.state = State(self.chain.genesis, self.chain.chain)
        self.replayed = self.first <= 1

    def _until_sum(self) -> Iterator[Line]:
        while True:
            line = self._next()
            if "sha256" in line.has:
                break
            yield line
        self._end(line)

    def _end(self, line: Line) -> None:
        self._whole()
        line.names("blocks", "sha256")
        require(line.digest("sha256") == self.sum.digest(), "export.sum", "another sum than the file's")
        require(line.integer("blocks") == self.blocks, "export.count", "another number of blocks than the file's")
        require(next(self.lines, None) is None, "export.after-end", "something follows the last line")

    def _whole(self) -> None:
        """That the last block is certified and the first such one from `to` on, with its handover."""
        newest = self.follower.newest
        certified = newest is not None and newest.height == self.follower.final >= self.last
        require(certified, "export.uncertified", "the last block, or `to`, has no certificate")
        require(not self.follower.waits_for_validators, "handover.missing", "an epoch's end without its validators")

    def _block(self, line: Line) -> None:
        line.names("height", "header", "body", "certificate")
        parent, self.height = self.follower.newest, line.integer("height")
        require(self.height == self.blocks, "export.height", "a block that is not the next one")
        require(
            self.blocks <= self.last or self.follower.final < self.last,
            "export.too-long",
            "more blocks than prove `to`",
        )
        header = Header.decode(line.data("header"))
        require(header.height == self.height, "export.height", "another height than the header's")
        self.follower.take(header, line.maybe_data("certificate"))
        self.blocks += 1
        if self.height == self.last:
            self.digest = header.digest
        self._body(line.maybe_data("body"), header, parent)

    def _body(self, body: bytes | None, header: Header, parent: Header | None) -> None:
        wanted = parent is None or self.first <= header.height <= self.last
        require(
            (body is not None) == wanted, "export.body", "a body outside, or none inside, of what the file says to have"
        )
        transactions = [] if body is None else read_body(body, header)
        self.transactions += len(transactions)
        if parent is None:
            expected = genesis_header(self.chain.genesis, self.chain.chain, self.state.root())
            require(header.raw == expected, "genesis.block", "another genesis block than the genesis document's")
        elif self.replayed and body is not None:
            self._replay(transactions, header, parent)
        else:
            for transaction in transactions:
                Transaction.decode(transaction)

    def _replay(self, transactions: list[bytes], header: Header, parent: Header) -> None:
        waiting = self.state.get(PENDING_VALIDATORS) is not None
        wanted = bool(transactions) or waiting or parent.transactions > 0 or parent.time < header.time
        require(wanted, "block.empty", "a block without transactions that nothing asks for")
        for index, transaction in enumerate(transactions):
            try:
                rules.apply(self.state, transaction, header)
            except Refused as refused:
                raise Refused(refused.code, f"transaction {index}: {refused.what}") from None
        rules.end_block(self.state, header, self.chain.epoch_length)
        require(self.state.root() == header.state_root, "block.state-root", "another state than the header's")


def verify(file: BinaryIO, network: bytes) -> dict[str, Any]:
    """What the export says, if all of it holds."""
    export = Export(file, network)
    try:
        result = export.verify()
    except Refused as refused:
        refused.height = export.height
        raise
    return {"height": export.last, **result}
