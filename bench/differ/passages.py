"""Texts to edit: invented ones from the lists' own grammar, and real ones of the corpus; each as a row of sentences.

The corpus is parted by a checksum of the path, so that no text serves both for tuning and for judging.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.differ.segment import sentences

if TYPE_CHECKING:
    from pathlib import Path

    from bench.differ.lists import Lists

LANGUAGES = ("en", "zh", "fr")
CORPUS = {
    "en": ("pairs/whitehouse/*.old.*", "pairs/travel-*/*.old.*", "pairs/policies-en/*.old.*", "series/fomc-statements/*.txt"),
    "zh": ("pairs/laws-zh/*.old.*", "series/zh-government-work-reports/*", "series/zh-leader-calls/*"),
    "fr": ("pairs/policies-fr/*.old.*",),
}  # fmt: skip
MOST_FILES = 40
MOST_SENTENCES = 60


@dataclass(frozen=True)
class Passage:
    """Sentences of one text, all different, in order; ``origin`` says where they are from."""

    language: str
    origin: str
    sentences: tuple[str, ...]


def invented(lists: Lists, language: str, count: int = 40) -> list[Passage]:
    """Official prose that nobody said."""
    dice = random.Random(f"{lists.name}/{language}")
    grammar = lists.grammar(language)
    found = []
    for number in range(count):
        rows: dict[str, None] = {}
        for _ in range(dice.randint(14, 45)):
            parts = {part: dice.choice(grammar[part]) for part in ("who", "did", "what", "tail")}
            figures = {"n": dice.randint(12, 99), "m": dice.randint(12, 99), "y": dice.randint(1951, 2019)}
            rows[grammar["shape"].format(**parts).format(**figures)] = None
        found.append(Passage(language, f"invented {number}", tuple(rows)))
    return found


def real(corpus: Path, lists: Lists, language: str) -> list[Passage]:
    """Sentences of the corpus; headings, links, tables, short and repeated ones left out."""
    share = int(lists.name != "tuning")
    files = sorted({file for pattern in CORPUS[language] for file in corpus.glob(pattern)})
    mine = [file for file in files if zlib.crc32(file.relative_to(corpus).as_posix().encode()) % 2 == share]
    found = []
    for file in mine[:: max(1, len(mine) // MOST_FILES)]:
        text = file.read_text("utf-8", "replace")
        rows = [" ".join(text[one.start : one.end].split()) for one in sentences(text)]
        counted = Counter(rows)
        kept = [one for one in rows if counted[one] == 1 and _fit(one, language)]
        for start in range(0, min(len(kept), 3 * MOST_SENTENCES), MOST_SENTENCES):
            part = kept[start : start + MOST_SENTENCES]
            if len(part) >= 12:
                found.append(Passage(language, file.relative_to(corpus).as_posix(), tuple(part)))
    return found


_FURNITURE = re.compile(r"https?:|www\.|[|#*_\[\]<>\\\ufffd]|^\W*\d+[.)]|^[-•–]")


def _fit(sentence: str, language: str) -> bool:
    # what begins small is the rest of a sentence that its file breaks in two: no segmenter could cut before it
    least = 12 if language == "zh" else 30
    if language != "zh" and not re.match(r"[“\"‘«(]?[A-ZÀÂÉÈÊÎÔ]", sentence):
        return False
    return least <= len(sentence) <= 400 and sentence[-1] in ".!?。！？" and not _FURNITURE.search(sentence)
