"""What a differ made of the cases, beside truth. Counts only; ``quality`` turns them into tables."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import regex

from bench.differ.edits import EXPECTED, NUMBERS
from bench.differ.tokens import Pieces, Span, Tokens, canonical, told
from monitor.differ.script import apply, undone
from storage.records import Change, EditKind, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.differ.cases import Case, Done
    from storage.records import Edit

SENSE = (*NUMBERS, "negation", "modality")
"""Types whose change is never below ``wording``."""
BOUNDS = {"sentence_split", "sentences_merged", "paragraph_split", "paragraphs_merged"}
_WHERE = (EditKind.TITLE, EditKind.PUBLISHED)
_WIDTH = 70


@dataclass
class Tokenwise:
    """Hits, told and true tokens, and pieces told and true edits; added up over cases."""

    hits: int = 0
    told: int = 0
    true: int = 0
    pieces: int = 0
    edits: int = 0

    @property
    def f1(self) -> float:
        """2·hits / (told + true); nan without any."""
        return 2 * self.hits / (self.told + self.true) if self.told + self.true else math.nan

    @property
    def fragments(self) -> float:
        """Pieces told for each true edit."""
        return self.pieces / self.edits if self.edits else math.nan

    def add(self, case: Case, pieces: Pieces) -> tuple[list[set[int]], list[set[int]]]:
        """Count one case; returns the tokens told too many and those missed, of each side."""
        words = case.tokens_old.words, case.tokens_new.words
        mine = told(*words, [(case.tokens_old.over(old), case.tokens_new.over(new)) for old, new in pieces])
        over, missed = min(
            (
                _beyond(found, must, case.may)
                for found, must in zip(mine, told(*words, case.truth), strict=True)
            ),
            key=lambda one: sum(map(len, (*one[0], *one[1]))),
        )  # fmt: skip
        true = sum(map(len, told(*words, case.truth)[0]))
        hits = true - sum(map(len, missed))
        self.hits += hits
        self.told += hits + sum(map(len, over))
        self.true += true
        self.pieces += len(pieces)
        self.edits += len(case.edits) + len(case.moves)
        return over, missed


def _beyond(
    found: tuple[set[int], set[int]], must: tuple[set[int], set[int]], may: tuple[set[int], set[int]]
) -> tuple[list[set[int]], list[set[int]]]:
    """Tokens told too many and tokens missed, of each side."""
    over = [one - true - free for one, true, free in zip(found, must, may, strict=True)]
    return over, [true - one for one, true in zip(found, must, strict=True)]


@dataclass
class Tally:
    """All that is counted of ours over some cases; ``misses`` are lines to read, ``(what, line)``."""

    kinds_true: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds_found: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds_told: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds_right: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    types: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    misses: list[tuple[str, str]] = field(default_factory=list)

    def add(self, case: Case, change: Change) -> None:
        """Count one case."""
        self._exact(case, change)
        self._moves(case, change.edits)
        met: set[int] = set()
        for done in case.edits:
            near = [one for one in change.edits if one.move is None and meets(case, done, one)]
            met.update(id(one) for one in near)
            if done.moved:
                self._within_move(case, done, near, change.edits)
            else:
                self._edit(case, done, near)
        for one in change.edits:
            for kind in (EditKind.SPLIT, EditKind.MERGED):
                if kind in one.kinds and id(one) not in met:
                    self.counts["bounds told"] += 1
                    self._miss(case, "false split or merge", one.old, one.new, [one])

    def _exact(self, case: Case, change: Change) -> None:
        self.counts["cases"] += 1
        rebuilt = apply(change.script, case.old) == case.new and undone(change.edits, case.new) == case.old
        self.counts["not reversible"] += not rebuilt
        for one in change.edits:
            for text, span in ((case.old, one.old), (case.new, one.new)):
                for at in (span.start, span.end):
                    if (what := cut(text, at)) is not None:
                        self.counts[f"cut {what}"] += 1
                        self._miss(case, f"cut {what}", one.old, one.new, [one])

    def _moves(self, case: Case, edits: Sequence[Edit]) -> None:
        halves: dict[int, tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
        for one in edits:
            number = one.move if one.move is not None else one.within  # what changed in a moved passage moved with it
            if number is not None:
                halves[number][0].update(range(*case.tokens_old.over((one.old.start, one.old.end))))
                halves[number][1].update(range(*case.tokens_new.over((one.new.start, one.new.end))))
        true_old, true_new = (set[int]().union(*(one[side] for one in case.moves)) for side in (0, 1))
        all_old, all_new = (set[int]().union(*(one[side] for one in halves.values())) for side in (0, 1))
        self.counts["moves"] += len(case.moves)
        self.counts["moves told"] += len(halves)
        for olds, news in case.moves:
            if len(olds & all_old) >= 0.9 * len(olds) and len(news & all_new) >= 0.9 * len(news):
                self.counts["moves found"] += 1
            else:
                self._line(case, "move missed", _words(case.tokens_new, case.new, news))
        for olds, news in halves.values():
            if len(olds & true_old) >= 0.9 * len(olds) and len(news & true_new) >= 0.9 * len(news):
                self.counts["moves right"] += 1
            else:
                self._line(case, "false move", _words(case.tokens_new, case.new, news))

    def _within_move(self, case: Case, done: Done, near: list[Edit], edits: Sequence[Edit]) -> None:
        """An edit inside a moved sentence counts as told where an edit of its own has its kind, or the move itself does."""
        must, _ = EXPECTED[done.kind]
        halves = [one for one in edits if one.move is not None and meets(case, done, one)]
        self.counts["edits in moves"] += 1
        told = {kind for one in (*near, *halves) for kind in one.kinds}
        if must <= told:
            self.counts["edits in moves told"] += 1
        else:
            self._miss(case, f"{done.kind} within a move not told", done.old, done.new, halves + near)
        if done.kind in SENSE and max((one.severity for one in (*near, *halves)), default=0) < Severity.WORDING:
            self.counts["below the floor within moves"] += 1

    def _edit(self, case: Case, done: Done, near: list[Edit]) -> None:
        must, besides = EXPECTED[done.kind]
        told = {kind for one in near for kind in one.kinds} - set(_WHERE)
        if done.kind in ("sentence_in", "sentence_out") and not near:
            self.counts["whole sentences missed"] += 1
        allowed = must | besides | ({EditKind(done.one_sided)} if done.one_sided else set())
        for kind in must:
            self.kinds_true[kind, done.language] += 1
            self.kinds_found[kind, done.language] += kind in told
        for kind in told:
            self.kinds_told[kind, done.language] += 1
            self.kinds_right[kind, done.language] += kind in allowed
        row = self.types[done.kind]
        row["edits"] += 1
        row["found"] += must <= told
        row["clean"] += must <= told <= allowed
        if not must <= told:
            self._miss(case, f"{done.kind} not told", done.old, done.new, near)
        elif not told <= allowed:
            extra = ", ".join(sorted(told - allowed))
            self._miss(case, f"{done.kind} told as {extra} besides", done.old, done.new, near)
        self._floor(case, done, near)
        if done.kind in BOUNDS:
            self.counts["bounds"] += 1
            self.counts["bounds found"] += must <= told
            self.counts["bounds told"] += bool(told & {EditKind.SPLIT, EditKind.MERGED})
            self.counts["bounds right"] += must <= told
            self.counts["bounds as wording"] += max((one.severity for one in near), default=0) >= Severity.WORDING

    def _floor(self, case: Case, done: Done, near: list[Edit]) -> None:
        highest = max((one.severity for one in near), default=0)
        if done.kind in SENSE:
            self.counts["sense"] += 1
            if highest < Severity.WORDING:
                self.counts["below the floor"] += 1
                self._miss(case, f"{done.kind} below wording", done.old, done.new, near)
        if done.kind == "quotes":
            self.counts["quotes"] += 1
            if highest > Severity.COSMETIC:
                self.counts["above the ceiling"] += 1
                self._miss(case, "quote above cosmetic", done.old, done.new, near)

    def _miss(self, case: Case, what: str, old: object, new: object, near: Sequence[Edit]) -> None:
        a, b = (old.start, old.end) if hasattr(old, "start") else old  # type: ignore[attr-defined]
        c, d = (new.start, new.end) if hasattr(new, "start") else new  # type: ignore[attr-defined]
        said = "; ".join(f"{one.old.text!r} → {one.new.text!r} {'+'.join(one.kinds)}" for one in near) or "nothing"
        line = f"{_shown(case.old, a, b)}\n      {_shown(case.new, c, d)}\n      told: {said[:300]}"
        self._line(case, what, line)

    def _line(self, case: Case, what: str, line: str) -> None:
        self.misses.append((what, f"({case.language}, {case.origin}) {line}"))

    def merge(self, other: Tally) -> None:
        """Take the counts of another in."""
        for name in ("kinds_true", "kinds_found", "kinds_told", "kinds_right", "counts"):
            getattr(self, name).update(getattr(other, name))
        for kind, row in other.types.items():
            self.types[kind].update(row)
        self.misses += other.misses


def _shown(text: str, start: int, end: int) -> str:
    before, after = text[max(0, start - _WIDTH // 2) : start], text[end : end + _WIDTH // 2]
    return f"…{before}[{text[start:end]}]{after}…".replace("\n", "⏎")


def _words(tokens: Tokens, text: str, numbers: set[int]) -> str:
    return text[slice(*tokens.span(min(numbers), max(numbers) + 1))][:200].replace("\n", "⏎") if numbers else ""


def meets(case: Case, done: Done, edit: Edit) -> bool:
    """Whether an edit told is at the place of a true one: they share a changed token, or the same break."""
    old, new = (edit.old.start, edit.old.end), (edit.new.start, edit.new.end)
    if not done.pieces:
        return _beside(old, done.old) and _beside(new, done.new)
    touched = (case.tokens_old.over(old), case.tokens_new.over(new))
    for (a, b), (c, d) in canonical(case.tokens_old.words, case.tokens_new.words, [touched]):
        for (i, j), (k, m) in done.pieces:
            if max(a, i) < min(b, j) or max(c, k) < min(d, m):
                return True
    return False


def _beside(span: Span, at: Span) -> bool:
    return span[0] - 2 <= at[0] <= span[1] + 2


_IN_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_FIGURE = regex.compile(r"\p{N}+(?:[.,:]\p{N}+)+")


def cut(text: str, at: int) -> str | None:
    """What an edit that ends at ``at`` cuts: ``grapheme``, ``number``, ``word``, or None."""
    if not 0 < at < len(text):
        return None
    low = max(0, at - 40)
    if all(one.end() != at - low for one in regex.finditer(r"\X", text[low : at + 40])):
        return "grapheme"
    for one in _FIGURE.finditer(text, low, at + 40):
        if one.start() < at < one.end():
            return "number"
    before, after = text[at - 1], text[at]
    if _UNSPACED.match(before) or _UNSPACED.match(after):
        return None
    return "word" if _IN_WORD.match(before) and _IN_WORD.match(after) else None


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (E. B. Wilson 1927)."""
    if not total:
        return (math.nan, math.nan)
    z, share = 1.96, right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (max(0.0, middle - half), min(1.0, middle + half))
