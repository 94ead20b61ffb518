"""What counts as a changed token, for every differ alike.

Two tellings that give the same texts are the same: “very [very ]big” is “[very ]very big”. So insertions and deletions,
of truth and of each differ, are slid as far as they go, and equal tokens at the ends of a replacement are taken off,
before anything is counted. White space is no token.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")
Span = tuple[int, int]
Pieces = list[tuple[Span, Span]]
"""Edits as ``(old span, new span)``; in characters or in tokens, as the function says."""


class Tokens:
    """The tokens of one text: ``words``, and where each starts and ends in code points."""

    def __init__(self, text: str) -> None:
        found = list(TOKEN.finditer(text))
        self.words = [one.group() for one in found]
        self.starts = [one.start() for one in found]
        self.ends = [one.end() for one in found]

    def over(self, span: Span) -> Span:
        """Numbers of the tokens that a span of characters touches; an empty range at its place where it touches none."""
        first = bisect_right(self.ends, span[0])
        last = bisect_left(self.starts, span[1]) if span[1] > span[0] else first
        return (first, max(first, last))

    def span(self, first: int, last: int) -> Span:
        """The characters of tokens ``first`` to ``last - 1``; an empty span where there are none."""
        if first < last:
            return (self.starts[first], self.ends[last - 1])
        at = self.starts[first] if first < len(self.starts) else (self.ends[-1] if self.ends else 0)
        return (at, at)


def canonical(old: Sequence[str], new: Sequence[str], pieces: Iterable[tuple[Span, Span]]) -> Pieces:
    """Pieces in token numbers: touching ones joined, trimmed, slid left, empty ones left out. In order of the new text."""
    joined: Pieces = []
    for (a, b), (c, d) in pieces:
        if joined and joined[-1][0][1] == a and joined[-1][1][1] == c:
            joined[-1] = ((joined[-1][0][0], b), (joined[-1][1][0], d))
        else:
            joined.append(((a, b), (c, d)))
    out: Pieces = []
    for (a, b), (c, d) in joined:
        while a < b and c < d and old[b - 1] == new[d - 1]:
            b, d = b - 1, d - 1
        while a < b and c < d and old[a] == new[c]:
            a, c = a + 1, c + 1
        if a == b and c == d:
            continue
        low_old, low_new = (out[-1][0][1], out[-1][1][1]) if out else (0, 0)
        if a == b or c == d:
            side, end = (new, d) if a == b else (old, b)
            steps = 0
            while a - steps > low_old and c - steps > low_new and old[a - steps - 1] == new[c - steps - 1] == side[end - steps - 1]:  # fmt: skip
                steps += 1
            a, b, c, d = a - steps, b - steps, c - steps, d - steps
        out.append(((a, b), (c, d)))
    return out


def told(
    old: Sequence[str], new: Sequence[str], pieces: Sequence[tuple[Span, Span]]
) -> list[tuple[set[int], set[int]]]:
    """The changed token numbers of both sides, once slid all to the left and once all to the right.

    Where two edits stand in each other's way, one of the two ways round still makes equal tellings equal.
    """
    size_old, size_new = len(old), len(new)
    back = [((size_old - b, size_old - a), (size_new - d, size_new - c)) for (a, b), (c, d) in reversed(pieces)]
    left = canonical(old, new, pieces)
    right = canonical(old[::-1], new[::-1], back)
    return [
        ({one for (a, b), _ in left for one in range(a, b)}, {one for _, (c, d) in left for one in range(c, d)}),
        (
            {size_old - 1 - one for (a, b), _ in right for one in range(a, b)},
            {size_new - 1 - one for _, (c, d) in right for one in range(c, d)},
        ),
    ]


def coded(old: Sequence[str], new: Sequence[str], *, clean: bool = False) -> list[tuple[int, str]]:
    """diff-match-patch over one character a token: ``(sign, run of characters)``."""
    from diff_match_patch import diff_match_patch

    engine = diff_match_patch()
    engine.Diff_Timeout = 0
    code: dict[str, str] = {}
    # from 0x100, over the surrogates
    first, second = (
        "".join(code.setdefault(one, chr(0x100 + len(code) + (0x800 if len(code) >= 0xD700 else 0))) for one in side)
        for side in (old, new)
    )
    runs: list[tuple[int, str]] = engine.diff_main(first, second, False)
    if clean:
        engine.diff_cleanupSemantic(runs)
    return runs


def least(old: Sequence[str], new: Sequence[str]) -> Pieces:
    """The smallest edits between two short runs of tokens (Myers, by diff-match-patch), in token numbers."""
    a = b = 0
    out: Pieces = []
    for sign, run in coded(old, new):
        size = len(run)
        if sign == 0:
            a, b = a + size, b + size
            continue
        more_old, more_new = (size, 0) if sign < 0 else (0, size)
        if out and out[-1][0][1] == a and out[-1][1][1] == b:
            out[-1] = ((out[-1][0][0], a + more_old), (out[-1][1][0], b + more_new))
        else:
            out.append(((a, a + more_old), (b, b + more_new)))
        a, b = a + more_old, b + more_new
    return out
