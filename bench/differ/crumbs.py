"""Real pairs, where no truth is known: how many edits a reader meets, and how many of them are crumbs.

``python -m bench differ real``. A *crumb* is an edit that only a lone small word, or one Chinese character, parts from the
edit before it, words changing in both: “in [the] [new] of [a] [old]”. Moved passages are left out. diff-match-patch on words
with its semantic clean-up is measured on the same pairs in the same run.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.differ.rivals import dmp_clean
from bench.differ.tokens import TOKEN
from monitor.differ import compare
from monitor.differ.align import SMALL
from monitor.read.plain import verbatim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bench.differ.tokens import Pieces

EVERY = 1
"""Every third pair is measured: diff-match-patch takes up to twelve seconds for one."""
OURS, RIVAL = "**variorum**", "dmp on words, semantic clean-up"
_WORD = re.compile(r"[^\W_]")


@dataclass
class Row:
    """What one differ made of the pairs of one folder."""

    pairs: int = 0
    edits: int = 0
    crumbs: int = 0
    tokens: int = 0
    milliseconds: list[float] = field(default_factory=list)


def crumbs(old: str, new: str, pieces: Pieces) -> list[str]:
    """For each crumb, the few characters around it. ``pieces``: in order, without moves."""
    return [
        old[max(0, a - 20) : d + 20]
        for ((a, b), (e, f)), ((c, d), (g, h)) in pairwise(pieces)
        if _lone(old[b:c]) and _worded(old[a:b] + new[e:f]) and _worded(old[c:d] + new[g:h])
    ]


def _worded(changed: str) -> bool:
    """Whether words changed, within a paragraph: a bracket is no crumb, nor is a sentence beside whole new paragraphs."""
    return "\n" not in changed and _WORD.search(changed) is not None


def _lone(kept: str) -> bool:
    words = TOKEN.findall(kept)
    return len(words) == 1 and (words[0].lower() in SMALL or "\u3400" <= words[0] <= "\u9fff")


def measured(corpus: Path, every: int = EVERY) -> dict[str, dict[str, Row]]:
    """Folder of pairs → differ → row."""
    table: dict[str, dict[str, Row]] = {}
    for folder, old_file, new_file in _pairs(corpus, every):
        old, new = (verbatim(one.read_text("utf-8")).text for one in (old_file, new_file))
        rows = table.setdefault(folder, {OURS: Row(), RIVAL: Row()})
        before = time.process_time()
        ours = compare(verbatim(old), verbatim(new)).edits
        took = time.process_time() - before
        kept = [((one.old.start, one.old.end), (one.new.start, one.new.end)) for one in ours if not _apart(one)]
        _count(rows[OURS], old, new, kept, took)
        before = time.process_time()
        theirs = dmp_clean(old, new)
        _count(rows[RIVAL], old, new, theirs, time.process_time() - before)
    return table


def _apart(edit: object) -> bool:
    return getattr(edit, "move", None) is not None or getattr(edit, "within", None) is not None


def _pairs(corpus: Path, every: int) -> Iterator[tuple[str, Path, Path]]:
    for old in sorted((corpus / "pairs").rglob("*.old.*"))[::every]:
        yield old.parent.name, old, old.with_name(old.name.replace(".old.", ".new."))


def _count(row: Row, old: str, new: str, pieces: Pieces, took_s: float) -> None:
    worded = [(a, b) for a, b in pieces if old[slice(*a)].strip() or new[slice(*b)].strip()]
    row.pairs += 1
    row.edits += len(worded)
    row.crumbs += len(crumbs(old, new, worded))
    row.tokens += sum(len(TOKEN.findall(old[slice(*a)])) + len(TOKEN.findall(new[slice(*b)])) for a, b in worded)
    row.milliseconds.append(1000 * took_s)


def report(table: dict[str, dict[str, Row]]) -> str:
    """The table, as Markdown."""
    lines = [
        "| pairs | differ | number | edits a pair | crumbs a pair | changed tokens a pair | ms a pair | longest, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for folder, rows in [*sorted(table.items()), ("all", _summed(table.values()))]:
        for name, row in rows.items():
            label = folder if name == OURS else ""
            shares = " | ".join(f"{number / max(1, row.pairs):.2f}" for number in (row.edits, row.crumbs))
            lines.append(
                f"| {label} | {name} | {row.pairs} | {shares} | {row.tokens / max(1, row.pairs):.0f} "
                f"| {sum(row.milliseconds) / max(1, row.pairs):.0f} | {max(row.milliseconds, default=0):,.0f} |"
            )
    return "\n".join(lines)


def _summed(tables: Iterable[dict[str, Row]]) -> dict[str, Row]:
    whole = {OURS: Row(), RIVAL: Row()}
    for rows in tables:
        for name, row in rows.items():
            one = whole[name]
            one.pairs, one.edits, one.crumbs = one.pairs + row.pairs, one.edits + row.edits, one.crumbs + row.crumbs
            one.tokens += row.tokens
            one.milliseconds += row.milliseconds
    return whole
