"""One hash for many chain heads, and the short proof that one of them is in it: a Merkle tree (RFC 6962, section 2.1). Pure.

So one time-stamp covers every source, and an exhibit of one source proves its own head without naming the others.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAF: Final = b"\x00"
NODE: Final = b"\x01"


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash over all leaves, in their order: 32 bytes. No leaves: the hash of nothing, as in the RFC."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(LEAF + leaves[0]).digest()
    half = _half(len(leaves))
    return _node(root(leaves[:half]), root(leaves[half:]))


def path(leaves: Sequence[bytes], place: int) -> list[tuple[str, bytes]]:
    """The hashes beside the way from the leaf at ``place`` up to the root, each with the side it stands on."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if place < half:
        return [*path(leaves[:half], place), ("right", root(leaves[half:]))]
    return [*path(leaves[half:], place - half), ("left", root(leaves[:half]))]


def root_of(leaf: bytes, way: Sequence[tuple[str, bytes]]) -> bytes:
    """The root that a leaf leads to by its path."""
    at = hashlib.sha256(LEAF + leaf).digest()
    for side, beside in way:
        at = _node(beside, at) if side == "left" else _node(at, beside)
    return at


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()


def _half(count: int) -> int:
    """The largest power of two below ``count``."""
    return int(1 << ((count - 1).bit_length() - 1))
