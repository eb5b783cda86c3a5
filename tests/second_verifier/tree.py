"""The state tree and its proofs (ledger.md, section 6)."""

from __future__ import annotations

from typing import Optional

from codec import Reader, sha256, whole

PLACEHOLDER = b"SPARSE_MERKLE_PLACEHOLDER_HASH__"


def leaf_hash(key_hash: bytes, value_hash: bytes) -> bytes:
    return sha256(b"JMT::LeafNode", key_hash, value_hash)


def inner_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"JMT::IntrnalNode", left, right)


def bit(key_hash: bytes, index: int) -> int:
    return key_hash[index >> 3] >> (7 - (index & 7)) & 1


class Node:
    """A tree of at least one entry: a leaf has its key hash, an inner node its halves (nothing where one is empty)."""

    __slots__ = ("hash", "key", "halves")

    def __init__(self, hash: bytes, key: bytes | None, halves: tuple[Tree, Tree]) -> None:
        self.hash, self.key, self.halves = hash, key, halves


Tree = Optional[Node]
Changes = list[tuple[bytes, Optional[bytes]]]  # key hash, and the value's hash or nothing to take it away


def root(tree: Tree) -> bytes:
    return tree.hash if tree else PLACEHOLDER


def changed(tree: Tree, changes: dict[bytes, bytes | None]) -> Tree:
    """The tree after values were set (or, with nothing, removed) under canonical keys."""
    return _changed(tree, [(sha256(k), None if v is None else sha256(v)) for k, v in changes.items()], 0)


def _changed(tree: Tree, changes: Changes, depth: int) -> Tree:
    if not changes:
        return tree
    if tree is None or tree.key is not None:
        if len(changes) == 1 and (tree is None or tree.key == changes[0][0]):
            key, value = changes[0]
            return None if value is None else Node(leaf_hash(key, value), key, (None, None))
        halves: list[Tree] = [None, None]
        if tree is not None and tree.key is not None:
            halves[bit(tree.key, depth)] = tree
    else:
        halves = list(tree.halves)
    for side in (0, 1):
        halves[side] = _changed(halves[side], [c for c in changes if bit(c[0], depth) == side], depth + 1)
    left, right = halves
    for one, other in ((left, right), (right, left)):
        if one is None and (other is None or other.key is not None):
            return other
    return Node(inner_hash(root(left), root(right)), None, (left, right))


def _sibling(reader: Reader) -> bytes:
    kind = reader.u8()
    if kind == 0:
        return PLACEHOLDER
    if kind > 2:
        raise reader.fail("unknown sibling")
    return (inner_hash if kind == 1 else leaf_hash)(reader.take(32), reader.take(32))


def proves(proof: bytes, key: bytes, value: bytes | None, under: bytes, code: str) -> bool:
    """Whether a proof shows that the key has the value, or that it is absent, under the root."""

    def read(reader: Reader) -> tuple[tuple[bytes, bytes] | None, list[bytes]]:
        leaf = reader.option(lambda: (reader.take(32), reader.take(32)))
        return leaf, reader.many(256, lambda: _sibling(reader))

    leaf, siblings = whole(proof, code, read)
    key_hash, count = sha256(key), len(siblings)
    if value is not None:
        if leaf != (key_hash, sha256(value)):
            return False
    elif leaf is not None and (leaf[0] == key_hash or any(bit(leaf[0], i) != bit(key_hash, i) for i in range(count))):
        return False
    found = leaf_hash(*leaf) if leaf else PLACEHOLDER
    for index, sibling in enumerate(siblings):
        found = inner_hash(sibling, found) if bit(key_hash, count - 1 - index) else inner_hash(found, sibling)
    return found == under
