"""Comparisons of random texts full of what goes wrong, for properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from storage.records import EditKind, Severity
from tests.core.render.cases import E, comparison

if TYPE_CHECKING:
    from monitor.render import Comparison

NASTY = [
    *"ab .\n\t\r\x00\x07\x1b\x7f\x85\x9b\u00a0\u00ad\u061c\u200b\u200d\u200e\u2028\u2029\u202e\u2066\ufeff\ufffe",
    *"中，。é\u0301👍<&>\"'`*_~[]|\\{+-}@#",
]
NASTY += [
    "\n\n",
    "\r\n",
    "\x1b[31m",
    "\x1b]0;x\x07",
    "word ",
    "</p><script>",
    "👨\u200d👩",
    "\ud800",
    "\udc80",
    "++",
    "---",
]
WORDS = [
    "one",
    " ",
    "two",
    "\n",
    "\n\n",
    "three. ",
    "  ",
    "\t",
    "é",
    "中",
    "\r",
    "\\ No newline",
    "--- a",
    "@@ -1 +1 @@",
]


def _edits(text: st.SearchStrategy[str]) -> st.SearchStrategy[E]:
    pairs = st.tuples(text, text).filter(lambda pair: pair[0] != pair[1])
    kinds = st.lists(st.sampled_from(EditKind), min_size=1, max_size=3, unique=True).map(tuple)
    moves = st.one_of(st.none(), st.none(), st.integers(1, 3))
    return st.builds(_edit, pairs, kinds, st.sampled_from(Severity), moves)


def _edit(pair: tuple[str, str], kinds: tuple[EditKind, ...], severity: Severity, move: int | None) -> E:
    """Halves of moves are pure: only an edit with an empty side has a move number."""
    return E(*pair, kinds, severity, move if "" in pair else None)


def comparisons(alphabet: list[str] = NASTY) -> st.SearchStrategy[Comparison]:
    """Random unchanged strings and edits in turns."""
    text = st.lists(st.sampled_from(alphabet), max_size=12).map("".join)
    refs = st.tuples(text, text)
    parts = st.lists(st.tuples(text, _edits(text)), max_size=6)
    return st.builds(
        lambda pairs, last, refs, silent: comparison(
            [*(part for pair in pairs for part in pair), last], refs=refs, silent=silent
        ),
        parts,
        text,
        refs,
        st.booleans(),
    )
