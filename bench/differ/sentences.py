"""Kinds told on whole sentence pairs of somebody's own wording: ``python -m bench differ sentences``.

``lists/sentences.toml`` holds them by language and kind, ``{old|new}`` for what differs. Each pair is compared alone, as a
reader would compare two sentences, and everything told of it counts: recall is the share of pairs told with the kind they
stand under, precision the share of tellings that are of it. ``inserted`` and ``deleted`` may stand beside another kind where
the pair itself leaves one side empty, ``wording`` beside a set phrase, the half of a move beside the move.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.differ.measure import wilson
from bench.differ.passages import LANGUAGES
from monitor.differ import compare
from monitor.differ.lexicon import default_rules
from storage.records import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.records import Edit

PAIRS = Path(__file__).parent / "lists" / "sentences.toml"
_SLOT = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
_EITHER = {"formula": {"wording"}, "moved": {"inserted", "deleted"}}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sentences and the one kind of what differs between them."""

    language: str
    kind: str
    marked: str

    @property
    def sides(self) -> tuple[str, str]:
        """The old text and the new one."""
        return _SLOT.sub(r"\1", self.marked), _SLOT.sub(r"\2", self.marked)

    @property
    def allowed(self) -> set[str]:
        """The kinds that may be told of it."""
        slots = _SLOT.findall(self.marked)
        beside = {"inserted"} if all(not old for old, _ in slots) else set()
        beside |= {"deleted"} if all(not new for _, new in slots) else set()
        return {self.kind} | beside | _EITHER.get(self.kind, set())


@dataclass
class Score:
    """By kind and language: pairs, those told rightly; tellings, and those that are right; the misses to read."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def add(self, pair: Pair, edits: tuple[Edit, ...]) -> None:
        """Count what was told of one pair."""
        told = {str(kind.value) for one in edits for kind in one.kinds}
        at = pair.kind, pair.language
        self.pairs[at] += 1
        self.found[at] += pair.kind in told
        for kind in told:
            self.told[kind, pair.language] += 1
            self.right[kind, pair.language] += kind in pair.allowed
        if pair.kind not in told or not told <= pair.allowed:
            self.misses.append(
                f"{pair.language} {pair.kind}, told {'+'.join(sorted(told)) or 'nothing'}: {pair.marked}"
            )

    @cached_property
    def kinds(self) -> list[str]:
        """Every kind met, in order."""
        return sorted({kind for kind, _ in (*self.pairs, *self.told)})


def pairs(path: Path = PAIRS) -> Iterator[Pair]:
    """All pairs of the list."""
    for language, kinds in _read(path).items():
        if language in LANGUAGES:
            for kind, marked in kinds.items():
                yield from (Pair(language, kind, one) for one in marked)


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(path.read_text("utf-8"))


def measured(path: Path = PAIRS) -> Score:
    """Compare every pair, with the set phrases of its language registered."""
    score = Score()
    registered = _read(path)["phrases"]
    rules = {
        language: default_rules().extended(formulas={f"p{n}": [one] for n, one in enumerate(phrases)})
        for language, phrases in registered.items()
    }
    for pair in pairs(path):
        old, new = pair.sides
        score.add(pair, compare(Text(old), Text(new), rules[pair.language]).edits)
    return score


def report(score: Score) -> str:
    """The table, as Markdown: all kinds together first."""
    rows = [
        "| kind | " + " | ".join(f"{one}, found" for one in LANGUAGES) + " | recall | precision | tellings |",
        "|---|" + "---|" * (len(LANGUAGES) + 3),
        _row("**all**", score, score.kinds),
        *(_row(kind, score, [kind]) for kind in score.kinds),
    ]
    return "\n".join(rows) + "\n"


def _row(name: str, score: Score, kinds: list[str]) -> str:
    def total(counter: Counter[tuple[str, str]], languages: tuple[str, ...]) -> int:
        return sum(counter[kind, one] for kind in kinds for one in languages)

    every = tuple(LANGUAGES)
    cells = [f"{total(score.found, (one,))}/{total(score.pairs, (one,))}" for one in LANGUAGES]
    recall = _barred(total(score.found, every), total(score.pairs, every))
    precision = _barred(total(score.right, every), total(score.told, every))
    return f"| {name} | " + " | ".join(cells) + f" | {recall} | {precision} | {total(score.told, every)} |"


def _barred(part: int, whole: int) -> str:
    if not whole:
        return "–"
    low, high = wilson(part, whole)
    return f"{part / whole:.3f} ({low:.3f}–{high:.3f})"
