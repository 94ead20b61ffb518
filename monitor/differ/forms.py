"""What two forms of one text have in common: quotes, dashes, ellipses and widths made alike. Words of the classifier."""

from __future__ import annotations

import unicodedata
from typing import Final

import regex

QUOTES: Final = str.maketrans(
    dict.fromkeys("‘’‚‛′´`ʼ", "'") | dict.fromkeys("“”„‟«»″〝〞「」『』", '"') | dict.fromkeys("‐‑‒–—―−", "-")
)
_TYPOGRAPHIC: Final = frozenset({"<wide>", "<narrow>", "<compat>", "<noBreak>", "<font>", "<small>", "<vertical>"})
WORDS: Final = regex.compile(r"\p{Han}|[[\p{L}\p{N}\p{M}]--\p{Han}]+", regex.V1)
"""Words and figures; each Chinese character is one."""


def folded(text: str) -> str:
    """Quotes, dashes, ellipses and the width of characters made alike; superscripts and fractions are left alone."""
    text = text.translate(QUOTES)
    if not text.isascii():
        folded = "".join(unicodedata.normalize("NFKC", char) if _only_form(char) else char for char in text)
        text = unicodedata.normalize("NFC", folded).translate(QUOTES).replace("…", "...").translate(_CJK_MARKS)
    return str(_RUNS.sub(_one_mark, text))


def _one_mark(found: regex.Match[str]) -> str:
    """Several signs that stand for one: ``--`` for a dash, ``……`` for an ellipsis, ``''`` and ``<<`` for quotes."""
    first = found.group()[0]
    return "..." if first == "." else "-" if first == "-" else '"'


_CJK_MARKS: Final = str.maketrans("，。；：！？（）〈〉", ",.;:!?()<>")
"""The enumeration comma ``、`` is left out: it is no form of ``，`` but another mark."""
_RUNS: Final = regex.compile(r"-{2,}|\.{3,}|''|<<|>>")


def _only_form(char: str) -> bool:
    kind = unicodedata.decomposition(char).split(" ", 1)[0]
    return kind in _TYPOGRAPHIC


def quotes_only(old: str, new: str) -> bool:
    """Whether nothing but quotes and dashes differs."""
    return old.translate(QUOTES) == new.translate(QUOTES)
