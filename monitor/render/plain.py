"""The short formats: ``words``, ``delta``, ``stat``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.render.marks import runs_of
from monitor.render.pieces import Sign, paragraphs
from monitor.render.safe import one_line, visible
from monitor.render.telling import NOTHING, counted, plural, told_edits
from monitor.render.terminal import fit_end, paint, width_of

if TYPE_CHECKING:
    from monitor.render import Comparison, Style

LEAST_NAMES: Final = 24
"""Columns that the two names of a ``stat`` line have at least, however narrow the terminal."""


def words(comparison: Comparison, style: Style) -> str:
    """Every changed paragraph, whole, with ``[-deleted-]`` and ``{+inserted+}`` as git's word diff writes them."""
    blocks = []
    for paragraph in paragraphs(comparison, style):
        if not paragraph.changed:
            continue
        runs = [run for piece in paragraph.pieces for run in runs_of(piece, whole=True, labels=False)]
        # Colour ends with each line: a pager that shows one screen must not tint the rest.
        shown = "".join(
            "\n".join(paint(line, run.role, style.color) for line in visible(run.text).split("\n")) for run in runs
        )
        blocks.append(shown.strip("\n") if paragraph.pieces[0].sign is not Sign.SAME else shown.strip())
    return "\n\n".join(blocks) + "\n" if blocks else NOTHING + "\n"


def delta(comparison: Comparison, style: Style) -> str:  # noqa: ARG001  (a script is whole or it is none)
    """The reversible script, one line; nothing when the texts are equal. Filters do not apply: it rebuilds the text."""
    return "" if comparison.change.identical else comparison.change.script + "\n"


def stat(comparison: Comparison, style: Style) -> str:
    """One line: ``old → new | 3 edits, +12 −4 words, wording, similarity 0.98``.

    Names that would make it wider than the terminal lose their beginnings: a path says most at its end.
    """
    told = _told(comparison, style)
    old, new = one_line(comparison.old.ref), one_line(comparison.new.ref)
    room = max(LEAST_NAMES, style.width - width_of(told) - 6)
    if width_of(old) + width_of(new) > room:
        half = room // 2
        old, new = fit_end(old, max(half, room - width_of(new))), fit_end(new, max(half, room - width_of(old)))
    return f"{old} → {new} | {told}\n"


def _told(comparison: Comparison, style: Style) -> str:
    change = comparison.change
    if change.identical or change.severity is None:
        return "identical"
    edits = told_edits(comparison, style)
    single = [edit for edit in counted(edits) if edit.move is None]
    count = len(single) + len({edit.move for edit in edits if edit.move})
    parts = [
        plural(count, "edit"),
        f"+{change.stats.words_inserted:,} −{change.stats.words_deleted:,} words",
        max(edit.severity for edit in edits).label if edits else "nothing of the kinds asked for",
        *(["silent"] if change.silent else []),
        f"similarity {_similarity(change.stats.similarity)}",
    ]
    return ", ".join(parts)


def _similarity(value: float) -> str:
    """Two decimals; texts that differ are never ``1.00``."""
    return f"{value if value >= 1 else min(value, 0.99):.2f}"
