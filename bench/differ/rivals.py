"""Other differs over the same tokens as ours, on the whole texts at once."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bench.differ.tokens import coded
from monitor.differ.words import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.differ.tokens import Pieces, Span


def dmp(old: str, new: str, *, clean: bool = False) -> Pieces:
    """diff-match-patch over tokens."""
    a, b = tokens(old), tokens(new)
    runs = coded(a, b, clean=clean)
    sizes: list[tuple[int, int]] = []
    at = [0, 0]
    for sign, run in runs:
        side = 1 if sign > 0 else 0
        words = (b if side else a)[at[side] : at[side] + len(run)]
        sizes.append((sign, sum(map(len, words))))
        if sign <= 0:
            at[0] += len(run)
        if sign >= 0:
            at[1] += len(run)
    return _collected(sizes)


def dmp_clean(old: str, new: str) -> Pieces:
    """The same with semantic clean-up."""
    return dmp(old, new, clean=True)


def difflib(old: str, new: str) -> Pieces:
    """The standard library's matcher over tokens, ``autojunk`` off."""
    a, b = tokens(old), tokens(new)
    sizes: list[tuple[int, int]] = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            sizes.append((0, sum(map(len, a[i:j]))))
        else:
            sizes += [(-1, sum(map(len, a[i:j]))), (1, sum(map(len, b[k:m])))]
    return _collected(sizes)


def _collected(sizes: Iterable[tuple[int, int]]) -> Pieces:
    """``(sign, characters)`` → pieces in code points."""
    found: Pieces = []
    a = b = 0
    open_at: Span | None = None
    for sign, size in [*sizes, (0, 0)]:
        if sign == 0:
            if open_at is not None:
                found.append(((open_at[0], a), (open_at[1], b)))
            open_at = None
            a, b = a + size, b + size
            continue
        open_at = open_at or (a, b)
        a, b = (a + size, b) if sign < 0 else (a, b + size)
    return [one for one in found if one[0][0] < one[0][1] or one[1][0] < one[1][1]]


RIVALS: dict[str, Callable[[str, str], Pieces]] = {
    "dmp on words": dmp,
    "dmp on words, semantic clean-up": dmp_clean,
    "difflib on words": difflib,
}
