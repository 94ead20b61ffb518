"""What search signatures weigh and how well they choose: of 2,000 sources, how many are read for nothing, by kind of phrase.

Sources are statements of prose (bench/prose.py), a fifth of them partly Chinese; with ``--folder`` the text files below it,
cut into pieces of 6,400 bytes at paragraphs: real statements, where there are some. Phrases are drawn from the texts
themselves, such as stand in at most one source of fifty. Beside what the signatures let through stands what filters
that never err would: those have every gram of the phrase, and still not the phrase.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import TYPE_CHECKING

from bench.prose import Statement
from storage import search

if TYPE_CHECKING:
    from collections.abc import Sequence

PIECE = 6_400
OF = 2_000
KINDS = {
    "a word of 3 or 4 letters": r"\b[A-Za-z]{3,4}\b",
    "a word of 8 letters or more": r"\b[A-Za-z]{8,}\b",
    "two words": r"\b[A-Za-z]+ [A-Za-z]+\b",
    "three words": r"\b[A-Za-z]+ [A-Za-z]+ [A-Za-z]+\b",
    "two ideographs": r"[\u4e00-\u9fff]{2}",
    "four ideographs": r"[\u4e00-\u9fff]{4}",
}


def main(arguments: Sequence[str]) -> int:
    """Make the signatures, ask, and print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench signatures", description=__doc__)
    options.add_argument(
        "--folder", type=Path, action="append", help="text files instead of prose (may be given again)"
    )
    options.add_argument("--phrases", type=int, default=200, help="of each kind")
    given = options.parse_args(arguments)
    texts = _pieces(given.folder) if given.folder else [_statement(number) for number in range(400)]
    letters = ["\n".join(part.translate(search._LETTERS) for part in text) for text in texts]
    grams = [search._all_grams(text) for text in texts]
    layers = [_layer(one) for one in grams]
    size = mean(sum(len(part.encode()) for part in text) for text in texts)
    print(f"{len(texts)} sources of {size:.0f} bytes, each with {mean(map(len, grams)):.0f} grams", end="")
    print(f" and a signature of {mean(map(len, layers)):.0f} bytes\n")
    print(
        f"| phrase | of {OF} sources read for nothing, median and 9th decile | if filters never erred |\n|---|---|---|"
    )
    for kind, pattern in KINDS.items():
        counted = []
        for phrase in _drawn(texts, pattern, given.phrases):
            wanted, folded = search.grams(phrase), phrase.translate(search._LETTERS)
            has = [folded in one for one in letters]
            if wanted and sum(has) <= len(texts) / 50:
                marks = [search._marks(gram) for gram in wanted]
                led = sum(all(search._held([layer], one) for one in marks) for layer in layers) - sum(has)
                counted.append((led, sum(wanted <= one for one in grams) - sum(has)))
        if counted:
            ours, exact = (sorted(OF * one / len(texts) for one in column) for column in zip(*counted, strict=True))
            shown = [f"{median(column):.0f}, {column[len(column) * 9 // 10]:.0f}" for column in (ours, exact)]
            print(f"| {kind} ({len(counted)} phrases) | {' | '.join(shown)} |", flush=True)
    return 0


def _statement(number: int) -> list[str]:
    statement = Statement(number, chinese=0.3 if number % 5 == 0 else 0.0)
    return [statement.title, *statement.blocks]


def _pieces(folders: Sequence[Path]) -> list[list[str]]:
    found: list[list[str]] = []
    for file in sorted(one for folder in folders for one in folder.rglob("*") if one.suffix in (".txt", ".md")):
        piece: list[str] = []
        for part in re.split(r"\n\s*\n", file.read_text(errors="replace")):
            piece.append(part)
            if sum(len(one.encode()) for one in piece) > PIECE:
                found.append(piece)
                piece = []
        if sum(len(one.encode()) for one in piece) > PIECE / 3:
            found.append(piece)
    return found


def _layer(grams: set[str]) -> bytes:
    many = sum(search.PLACES[len(gram)] for gram in grams)
    return search._made(search.size_for(many, 0), grams)


def _drawn(texts: Sequence[Sequence[str]], pattern: str, many: int) -> list[str]:
    dice = Random(1)
    phrases = [one for text in texts for part in text for one in re.findall(pattern, part)]
    return dice.sample(phrases, min(many * 4, len(phrases)))
