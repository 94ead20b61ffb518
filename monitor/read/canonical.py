"""What canonical text is, and nothing else. Pure.

NFC (Unicode Standard Annex 15); one space for every run of white space (what Unicode calls so: NBSP and its kin, too);
a paragraph is one line. Dropped, and counted: control characters, soft hyphens, byte-order marks, zero-width characters, bidirectional
controls, language tags (which can hide text) and noncharacters. Unpaired surrogates become U+FFFD. Zero-width joiners
stay where they carry meaning: between letters of the scripts that join (Arabic, Indic, Khmer, Mongolian …) and between
the parts of an emoji. Quotes and dashes stay as they are: a changed quote is a cosmetic change, not nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from storage.records import Text

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

_FAMILIES: Final = {
    "control": r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff",
    "invisible": r"\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffc\U000e0001",
    "bidi": r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f",
}
_DROPPED: Final = {name: re.compile(f"[{family}]") for name, family in _FAMILIES.items()}
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_TAGS: Final = re.compile(r"(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+")
"""Tag characters but after the black flag, where they spell the flag of a region."""
_JOINERS: Final = "\u200c\u200d"
_ODD: Final = re.compile(f"[{''.join(_FAMILIES.values())}{_JOINERS}\ud800-\udfff\U000e0020-\U000e007f]")
_JOINING: Final = (
    (0x0600, 0x08FF),  # Arabic, Syriac, Thaana, NKo, Mandaic
    (0x0900, 0x109F),  # Brahmic scripts of India and Tibet, Thai, Lao, Myanmar
    (0x1780, 0x18AF),  # Khmer, Mongolian
    (0x1900, 0x1CFF),  # Limbu to Vedic extensions
    (0x2190, 0x21FF),  # arrows in emoji
    (0x2600, 0x27BF),  # symbols in emoji
    (0x2B00, 0x2BFF),
    (0xA800, 0xABFF),  # Syloti Nagri to Meetei Mayek
    (0xFB50, 0xFDCF),  # Arabic presentation forms
    (0xFE0F, 0xFE0F),  # the emoji variation selector
    (0xFE70, 0xFEFC),
    (0x10A00, 0x11FFF),  # Kharoshthi and the younger Brahmic scripts
    (0x1F000, 0x1FAFF),  # emoji
)


def line(words: str, removed: Counter[str] | None = None) -> str:
    """One paragraph in canonical form; what was dropped is added to ``removed`` under the name of its family."""
    words = " ".join(words.split())
    if words.isprintable() and words.isascii():
        return words
    if not words.isprintable() and _ODD.search(words):
        words = " ".join(_cleaned(words, removed).split())
    return unicodedata.normalize("NFC", words)


def canonical(
    title: str | None, published: str | None, paragraphs: Sequence[str], removed: Counter[str] | None = None
) -> Text:
    """A text in canonical form: each part cleaned, empty parts left out. Idempotent."""
    clean = [cleaned for paragraph in paragraphs if (cleaned := line(paragraph, removed))]
    return Text.of(line(title or "", removed) or None, line(published or "", removed) or None, clean)


def _cleaned(words: str, removed: Counter[str] | None) -> str:
    found: dict[str, int] = {}
    for name, pattern in _DROPPED.items():
        words, found[name] = pattern.subn("", words)
    words, found["surrogate"] = _SURROGATES.subn("\ufffd", words)
    length = len(words)
    words = _without_idle_joiners(_TAGS.sub("", words))
    found["invisible"] += length - len(words)
    if removed is not None:
        for name, count in found.items():
            removed[name] += count
    return words


def _without_idle_joiners(words: str) -> str:
    """Drop zero-width (non-)joiners that join nothing: beside a space, an end, ASCII, CJK or each other."""
    if not any(joiner in words for joiner in _JOINERS):
        return words
    kept: list[str] = []
    for place, char in enumerate(words):
        if char in _JOINERS:
            after = words[place + 1 : place + 2]
            if not (kept and after and _joins(kept[-1]) and _joins(after)):
                continue
        kept.append(char)
    return "".join(kept)


def _joins(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _JOINING)
