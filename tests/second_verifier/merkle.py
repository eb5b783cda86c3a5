"""RFC 6962 trees: roots, inclusion and consistency proofs, frontiers (crypto.md, section 9)."""

from __future__ import annotations

from dataclasses import dataclass

from codec import Reader, sha256, u64

EMPTY = sha256(b"")


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00", entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


@dataclass
class Frontier:
    """A tree's right edge: the roots of its perfect subtrees, the largest first, one for each one-bit of the size."""

    size: int
    roots: list[bytes]

    @staticmethod
    def empty() -> Frontier:
        return Frontier(0, [])

    @staticmethod
    def read(reader: Reader) -> Frontier:
        size = reader.u64()
        if size >= 2**63:
            raise reader.fail("a frontier of too many leaves")
        return Frontier(size, [reader.take(32) for _ in range(bin(size).count("1"))])

    def write(self) -> bytes:
        return u64(self.size) + b"".join(self.roots)

    def append(self, leaf: bytes) -> Frontier:
        roots, size = list(self.roots), self.size
        while size & 1:
            leaf = node_hash(roots.pop(), leaf)
            size >>= 1
        return Frontier(self.size + 1, roots + [leaf])

    def root(self) -> bytes:
        if not self.roots:
            return EMPTY
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root


def root_of(entries: list[bytes]) -> bytes:
    frontier = Frontier.empty()
    for entry in entries:
        frontier = frontier.append(leaf_hash(entry))
    return frontier.root()


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes | None:
    """RFC 9162, 2.1.3.2: the root under which the leaf is at the index; nothing if the proof has no such shape."""
    if index >= size:
        return None
    fn, sn, root = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            root = node_hash(sibling, root)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, sibling)
        fn, sn = fn >> 1, sn >> 1
    return root if sn == 0 else None


def includes(root: bytes, leaf: bytes, index: int, size: int, proof: list[bytes]) -> bool:
    return root_by_inclusion(leaf, index, size, proof) == root


def grew(old_size: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, 2.1.4.2: whether the first tree is a beginning of the second one."""
    if old_size == 0:
        return not proof and old_root == EMPTY
    if old_size >= size:
        return old_size == size and not proof and old_root == root
    if old_size & (old_size - 1) == 0:
        proof = [old_root] + proof
    if not proof:
        return False
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for sibling in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(sibling, fr), node_hash(sibling, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root
