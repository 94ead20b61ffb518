"""A change, or an answer, as characters. Pure: nothing here knows a terminal, a file or the time of day.

Cheap to import: each renderer is imported when its format is asked for. To add a format: one module with a function
``(Comparison, Style) -> str`` and one line in :data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from storage.errors import UsageError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from storage.records import Change, EditKind, Text, Window


@dataclass(frozen=True, slots=True)
class Side:
    """One of two texts that are compared. ``ref`` is what a person calls it: ``SOURCE@3``, a file name, an address."""

    ref: str
    text: Text
    source: str | None = None
    url: str | None = None
    window: Window | None = None
    captured: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two texts and what leads from one to the other."""

    old: Side
    new: Side
    change: Change


@dataclass(frozen=True, slots=True)
class Style:
    """How to show it.

    ``width`` is in terminal columns; ``context`` in unchanged sentences kept around a change. ``ignore_cosmetic`` and
    ``kinds`` (empty: all) choose the edits that are marked; the others are shown as the new text. ``explain`` names the
    rule behind each kind. ``raw`` is for ``unified`` only: bytes for ``patch``, control characters as they are.
    """

    width: int = 80
    color: bool = False
    context: int = 1
    ignore_cosmetic: bool = False
    kinds: frozenset[EditKind] = frozenset()
    explain: bool = False
    raw: bool = False


Renderer = Callable[[Comparison, Style], str]

FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    "inline": ("monitor.render.inline", "inline"),
    "side-by-side": ("monitor.render.side_by_side", "side_by_side"),
    "unified": ("monitor.render.unified", "unified"),
    "words": ("monitor.render.plain", "words"),
    "markdown": ("monitor.render.markdown", "markdown"),
    "html": ("monitor.render.html", "html"),
    "json": ("monitor.render.json_forms", "comparison_document"),
    "delta": ("monitor.render.plain", "delta"),
    "stat": ("monitor.render.plain", "stat"),
}
"""Format name → (module, function), imported when it is asked for."""


def render(comparison: Comparison, format: str, style: Style) -> str:  # noqa: A002  (the word users type)
    """The comparison in that format; ends with a newline unless empty. ``UsageError`` for an unknown one."""
    if format not in FORMATS:
        raise UsageError(f"{format}: no such format", hint=f"One of: {', '.join(FORMATS)}.")
    module, function = FORMATS[format]
    return cast("Renderer", getattr(import_module(module), function))(comparison, style)


def summary(change: Change) -> str:
    """One line: ``3 wording changes: 1 number, 1 negation; 2 cosmetic; 1 sentence moved``, or ``identical``."""
    from monitor.render.telling import summary_of

    return summary_of(change.edits, identical=change.identical)
