"""What canonical text is, and nothing else.

NFC; one space for every run of white space (NBSP and its kin included); zero-width characters, soft hyphens, byte-order
marks, bidirectional controls and other control characters dropped, and counted. Zero-width joiners stay where they
carry meaning: between letters of scripts that join (Persian, Indic) and inside emoji. Quotes and dashes stay as they
are: a changed quote is a cosmetic change, not nothing. A paragraph is one line.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from storage.records import Text

_SPACES: Final = re.compile(r"[ \t\n\r\f\v\x1c-\x1f\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_INVISIBLE: Final = re.compile(r"[\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]")
_BIDI: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_JOINERS: Final = re.compile(r"[\u200c\u200d]")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_ODD: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")


def line(words: str, removed: Counter[str] | None = None) -> str:
    """One paragraph in canonical form; what was dropped is added to ``removed`` by its name."""
    if _ODD.search(words):
        words = _cleaned(words, Counter() if removed is None else removed)
    words = _SPACES.sub(" ", words).strip(" ")
    return words if words.isascii() else unicodedata.normalize("NFC", words)


def _cleaned(words: str, removed: Counter[str]) -> str:
    for name, pattern in (("control", _CONTROLS), ("invisible", _INVISIBLE), ("bidi", _BIDI)):
        words, count = pattern.subn("", words)
        removed[name] += count
    words, count = _SURROGATES.subn("\ufffd", words)
    removed["surrogate"] += count
    words, count = _without_idle_joiners(words)
    removed["invisible"] += count
    return words


def _without_idle_joiners(words: str) -> tuple[str, int]:
    """Drop zero-width (non-)joiners that join nothing: next to a space, an end, ASCII or CJK."""
    kept: list[str] = []
    dropped = 0
    for place, char in enumerate(words):
        if char in "\u200c\u200d":
            before = kept[-1] if kept else " "
            after = words[place + 1] if place + 1 < len(words) else " "
            if not (_joins(before) and _joins(after)):
                dropped += 1
                continue
        kept.append(char)
    return "".join(kept), dropped


def _joins(char: str) -> bool:
    code = ord(char)
    scripts = 0x0600 <= code <= 0x08FF or 0x0900 <= code <= 0x0DFF or 0x1780 <= code <= 0x18AF or 0xFB50 <= code <= 0xFEFC
    return scripts or code >= 0x1F000 or char == "\ufe0f" or 0x2600 <= code <= 0x27BF


def canonical(
    title: str | None, published: str | None, paragraphs: Sequence[str], removed: Counter[str] | None = None
) -> Text:
    """A text in canonical form: each part cleaned, empty parts left out. Idempotent."""
    clean = [cleaned for paragraph in paragraphs if (cleaned := line(paragraph, removed))]
    return Text.of(line(title or "", removed) or None, line(published or "", removed) or None, clean)
