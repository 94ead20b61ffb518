"""Quality of the differ on edits with known truth: ``python -m bench differ quality``.

Two suites: *mixed* cases, with one to eight edits of any types and moved sentences in half of them; and *pure* ones, one to
three edits of one type, for each type, in which every differ is scored alike. English, Chinese and French; invented text,
and the corpus where it is.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.differ.cases import MOVES, TYPES, make
from bench.differ.edits import EXPECTED
from bench.differ.lists import lists
from bench.differ.measure import Tally, Tokenwise, wilson
from bench.differ.passages import LANGUAGES, invented, real
from bench.differ.rivals import RIVALS
from monitor.differ import compare
from monitor.differ.lexicon import default_rules
from storage.records import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.differ.cases import Case
    from bench.differ.passages import Passage
    from bench.differ.tokens import Pieces
    from monitor.differ.lexicon import Rules
    from storage.records import Change

OURS = "**variorum**"
WORSE = 0.0005
"""A smaller difference of F1 is not called worse: it would not show in three digits."""
_SHORT = {
    OURS: "variorum",
    "dmp on words": "dmp",
    "dmp on words, semantic clean-up": "dmp, clean-up",
    "difflib on words": "difflib",
}


Differ = Callable[[str, str], "Pieces"]
"""From two texts to the pieces in which they differ."""


def _scores(names: Iterable[str]) -> dict[str, Tokenwise]:
    return {name: Tokenwise() for name in (OURS, *names)}


@dataclass
class Suite:
    """What was counted of the cases of one language and origin, by differ."""

    label: str
    everything: dict[str, Tokenwise]
    still: dict[str, Tokenwise]
    tally: Tally = field(default_factory=Tally)


@dataclass
class Result:
    """All suites: mixed ones by label, and by type what each differ scored in the pure ones."""

    which: str
    seed: int
    rivals: Mapping[str, Differ]
    mixed: list[Suite] = field(default_factory=list)
    pure: dict[str, dict[str, Tokenwise]] = field(default_factory=dict)
    types: Tally = field(default_factory=Tally)

    @property
    def names(self) -> tuple[str, ...]:
        """Ours and the others."""
        return (OURS, *self.rivals)


def measured(
    which: str,
    seed: int,
    cases: int,
    corpus: Path | None,
    languages: Sequence[str] = LANGUAGES,
    rivals: Mapping[str, Differ] = RIVALS,
) -> Result:
    """Make the cases of that list and seed, and score all differs on them. ``cases``: mixed ones of each text sort."""
    words = lists(which)
    rules = default_rules().extended(formulas=words.formulas)
    result = Result(which, seed, rivals, pure={kind: _scores(rivals) for kind in TYPES})
    for language in languages:
        for origin, passages in _sorts(which, language, corpus):
            label = f"{language}, {origin}"
            if not passages:
                print(f"{label}: no texts here, left out", file=sys.stderr)
                continue
            dice = random.Random(f"{which}/{seed}/{label}")
            suite = Suite(label, _scores(rivals), _scores(rivals))
            for number in range(cases):
                wanted = dice.choices([one for one in TYPES if one not in MOVES], k=dice.randint(1, 8))
                wanted += dice.choices(MOVES, k=dice.randint(1, 3)) if number % 2 else []
                _mixed(suite, make(dice.choice(passages), words, dice, wanted), rules, rivals)
            result.mixed.append(suite)
            for kind in TYPES:
                for _ in range(max(1, cases // 8)):
                    case = make(dice.choice(passages), words, dice, [kind] * dice.randint(1, 3))
                    if case.edits or case.moves:
                        _pure(result, kind, case, rules)
            print(f"{label}: done", file=sys.stderr)
    return result


def _sorts(which: str, language: str, corpus: Path | None) -> Iterator[tuple[str, list[Passage]]]:
    yield "invented", invented(lists(which), language)
    yield "corpus", real(corpus, lists(which), language) if corpus else []


def _ours(case: Case, rules: Rules) -> tuple[Change, Pieces]:
    change = compare(Text(case.old), Text(case.new), rules)
    return change, [((one.old.start, one.old.end), (one.new.start, one.new.end)) for one in change.edits]


def _told(case: Case, rules: Rules, rivals: Mapping[str, Differ]) -> tuple[Change, dict[str, Pieces]]:
    change, pieces = _ours(case, rules)
    return change, {OURS: pieces} | {name: rival(case.old, case.new) for name, rival in rivals.items()}


def _mixed(suite: Suite, case: Case, rules: Rules, rivals: Mapping[str, Differ]) -> None:
    change, told = _told(case, rules, rivals)
    for name, pieces in told.items():
        over, missed = suite.everything[name].add(case, pieces)
        if not case.moves:
            suite.still[name].add(case, pieces)
        if name == OURS:
            _token_misses(suite.tally, case, over, missed)
    suite.tally.add(case, change)


def _pure(result: Result, kind: str, case: Case, rules: Rules) -> None:
    change, told = _told(case, rules, result.rivals)
    for name, pieces in told.items():
        over, missed = result.pure[kind][name].add(case, pieces)
        if name == OURS:
            _token_misses(result.types, case, over, missed)
    result.types.add(case, change)


def _token_misses(tally: Tally, case: Case, over: Sequence[set[int]], missed: Sequence[set[int]]) -> None:
    for what, sides in (("tokens told too many", over), ("tokens missed", missed)):
        for side, tokens, text in zip(sides, (case.tokens_old, case.tokens_new), (case.old, case.new), strict=True):
            if side:
                low, high = tokens.span(min(side), max(side) + 1)
                words = " ".join(tokens.words[one] for one in sorted(side))
                around = text[max(0, low - 40) : min(high, low + 160) + 40].replace("\n", "⏎")
                tally.misses.append((what, f"({case.language}, {case.origin}) «{words[:160]}» in …{around}…"))


def report(result: Result) -> str:
    """The tables, as Markdown."""
    total = Tally()
    for suite in result.mixed:
        total.merge(suite.tally)
    total.merge(result.types)
    parts = [_overall(result), _kinds(total), _types(result), _guarantees(total)]
    return "\n".join(parts)


def _overall(result: Result) -> str:
    rows = [
        "### Mixed edits\n",
        "| text | differ | F1, halves of a move counted as changed | F1, cases without moves | pieces per true edit | moves found | moves right |",
        "|---|---|---|---|---|---|---|",
    ]
    for suite in result.mixed:
        for name in result.names:
            every, still = suite.everything[name], suite.still[name]
            counts = suite.tally.counts
            moves = (
                [_share(counts["moves found"], counts["moves"]), _share(counts["moves right"], counts["moves told"])]
                if name == OURS
                else ["0", "–"]
            )
            rows.append(
                f"| {suite.label if name == OURS else ''} | {name} | {every.f1:.3f} | {still.f1:.3f} "
                f"| {still.fragments:.2f} | {moves[0]} | {moves[1]} |"
            )
    cases = sum(suite.tally.counts["cases"] for suite in result.mixed)
    edits = sum(suite.everything[OURS].edits for suite in result.mixed)
    rows.append(f"\n{cases:,} cases, {edits:,} edits and moves; lists `{result.which}`, seed {result.seed}.\n")
    return "\n".join(rows)


def _kinds(total: Tally) -> str:
    rows = [
        "### Kinds\n",
        "Recall by language, and over all with its 95 % interval; precision counts every kind told at a true edit.\n",
        "| kind | " + " | ".join(LANGUAGES) + " | recall | of | precision | of |",
        "|---|" + "---|" * (len(LANGUAGES) + 4),
    ]
    for kind in sorted({kind for kind, _ in total.kinds_true} | {kind for kind, _ in total.kinds_told}):
        cells = [_share(total.kinds_found[kind, one], total.kinds_true[kind, one]) for one in LANGUAGES]
        true, found, told, right = (
            sum(counter[kind, one] for one in LANGUAGES)
            for counter in (total.kinds_true, total.kinds_found, total.kinds_told, total.kinds_right)
        )
        bars = f"{_barred(found, true)} | {true:,} | {_barred(right, told)} | {told:,}"
        rows.append(f"| {kind} | " + " | ".join(cells) + f" | {bars} |")
    return "\n".join(rows) + "\n"


def _types(result: Result) -> str:
    short = [_SHORT.get(name, name) for name in result.names]
    rows = [
        "### By type of edit\n",
        "F1 of changed tokens and pieces per true edit in cases with edits of that type alone; *told*: with the right kind, and *clean*: with no kind too many.\n",
        "| type | edits | " + " | ".join(f"F1 {one}" for one in short) + " | pieces | told | clean | worse than |",
        "|---|" + "---|" * (len(short) + 5),
    ]
    for kind in TYPES:
        row = result.pure[kind]
        ours, counts = row[OURS], result.types.types.get(kind, Counter())
        worse = [name for name in result.rivals if row[name].f1 > ours.f1 + WORSE]
        kinds = [_share(counts[one], counts["edits"]) for one in ("found", "clean")] if kind in EXPECTED else ["–", "–"]
        cells = [_f1(row[name]) for name in result.names]
        rows.append(
            f"| {kind} | {ours.edits} | " + " | ".join(cells)
            + f" | {ours.fragments:.2f} | {kinds[0]} | {kinds[1]} | {', '.join(worse) or '–'} |"
        )  # fmt: skip
    return "\n".join(rows) + "\n"


def _f1(one: Tokenwise) -> str:
    return "–" if math.isnan(one.f1) else f"{one.f1:.3f}"


def _guarantees(total: Tally) -> str:
    counts = total.counts
    cuts = ", ".join(f"{what}: {counts[f'cut {what}']}" for what in ("word", "number", "grapheme"))
    rows = [
        ("cases whose script does not rebuild both texts", f"{counts['not reversible']} of {counts['cases']:,}"),
        ("edit ends inside a word, number or grapheme", cuts),
        ("numbers, negations, modalities told below `wording`", f"{counts['below the floor']} of {counts['sense']:,}"),
        ("quotes told above `cosmetic`", f"{counts['above the ceiling']} of {counts['quotes']:,}"),
        ("edits inside a moved sentence told with their kind", _of(counts, "edits in moves told", "edits in moves")),
        ("… numbers, negations below `wording` there", str(counts["below the floor within moves"])),
        ("moves found, right", f"{_of(counts, 'moves found', 'moves')}; {_of(counts, 'moves right', 'moves told')}"),
        ("splits and merges found", _of(counts, "bounds found", "bounds")),
        ("splits and merges told that are right", _of(counts, "bounds right", "bounds told")),
        ("splits and merges told as wording", _of(counts, "bounds as wording", "bounds")),
    ]
    lines = ["### Guarantees\n", "| what | measured |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    return "\n".join(lines) + "\n"


def _of(counts: Counter[str], part: str, whole: str) -> str:
    return f"{_share(counts[part], counts[whole])} of {counts[whole]:,}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def _barred(part: int, whole: int) -> str:
    if not whole:
        return "–"
    low, high = wilson(part, whole)
    return f"{part / whole:.3f} ({low:.3f}–{high:.3f})"


def misses(result: Result) -> str:
    """Every miss, readable, by what was missed."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for tally in [*(suite.tally for suite in result.mixed), result.types]:
        for what, line in tally.misses:
            grouped[what].append(line)
    lines = []
    for what, found in sorted(grouped.items()):
        lines.append(f"\n## {what}: {len(found)}")
        lines += [f"  {number}. {line}" for number, line in enumerate(found, 1)]
    return "\n".join(lines)
