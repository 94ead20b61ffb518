"""What stands in the two lists of the viewer: one line for each source and for each version. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.render.answers import state_word
from monitor.render.safe import one_line
from monitor.render.terminal import Role, fit, padded, width_of
from storage.records import Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from storage.records import SourceState, Version

Runs = tuple[tuple[str, Role], ...]
"""A line: characters with their roles."""

LEVEL_ROLES: Final = {Severity.MAJOR: Role.MAJOR, Severity.WORDING: Role.WORDING}
TROUBLES: Final = frozenset({"gone", "failing", "doubtful"})


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source or a series. ``changed`` is when its latest wording was captured, ``level`` what that change amounted to."""

    name: str
    versions: int
    state: str
    is_series: bool = False
    changed: datetime | None = None
    level: Severity | None = None
    silent: bool = False


def source_rows(states: Sequence[SourceState]) -> list[SourceRow]:
    """The series, then the sources, each by name; a member that has one version stands under its series only."""
    members: dict[str, list[SourceState]] = {}
    for state in states:
        if state.source.series and state.versions:
            members.setdefault(state.source.series, []).append(state)
    rows = []
    for name, of_series in sorted(members.items()):
        latest = max(state.latest.captured for state in of_series if state.latest)
        worst = next((word for word in ("gone", "failing") if any(state_word(one) == word for one in of_series)), "")
        rows.append(SourceRow(name, len(of_series), worst, is_series=True, changed=latest))
    return rows + [_row(state) for state in states if not (state.source.series in members and state.versions == 1)]


def _row(state: SourceState) -> SourceRow:
    latest = state.latest
    return SourceRow(
        name=state.source.id,
        versions=state.versions,
        state="" if state.retired else state_word(state),
        changed=latest.captured if latest else None,
        level=latest.severity if latest else None,
        silent=latest.silent if latest else False,
    )


def filtered(rows: Sequence[SourceRow], words: str) -> list[SourceRow]:
    """The rows whose name has every one of the words, whatever their case."""
    wanted = words.casefold().split()
    return [row for row in rows if all(word in row.name.casefold() for word in wanted)]


def source_line(row: SourceRow, width: int) -> Runs:
    """Name, ``◆`` after a silent edit, number of versions, and the date of the latest wording or what is wrong."""
    parts: list[tuple[str, Role]] = []
    troubled, dated = row.state in TROUBLES, width >= 34
    if troubled and not dated:
        parts.append((f" {row.state}", Role.MAJOR))
    if row.silent:
        parts.append((" ◆", Role.MAJOR))
    if row.level is not None and width >= 56:
        parts.append((" " + row.level.label, LEVEL_ROLES.get(row.level, Role.QUIET)))
    parts.append((f" {row.versions:>4,}", Role.QUIET))
    if dated and troubled:
        parts.append((f"  {row.state:<10}", Role.MAJOR))
    elif dated:
        parts.append((f"  {row.changed:%Y-%m-%d}" if row.changed else " " * 12, Role.QUIET))
    room = max(8, width - sum(width_of(text) for text, _ in parts))
    mark = "▤ " if row.is_series else "  "
    name = padded(fit(mark + one_line(row.name), room), room)
    return ((name, Role.STRONG if row.is_series else Role.SAME), *parts)


def version_line(
    version: Version,
    width: int,
    *,
    date: datetime | None = None,
    series: str | None = None,
    marked: bool = False,
    phrase: Mapping[int, int] | None = None,
) -> Runs:
    """A point of the timeline: its sign, number or member, date, severity; how often a phrase stands in it.

    ``date`` and ``series`` are given for a member of a series. ``●`` from wording up, ``◆`` a silent edit, ``○`` else.
    """
    loud = version.severity is not None and version.severity >= Severity.WORDING
    sign = "◆" if version.silent and not series else "●" if loud or series else "○"
    role = Role.MAJOR if version.silent and not series else Role.WORDING if loud else Role.QUIET
    lead = ("▶" if marked else " ") + sign + " "
    parts: list[tuple[str, Role]] = []
    if phrase is not None:
        times = phrase.get(version.number, 0)
        parts.append((f" {times:>2}×" if times else "  ·", Role.INSERTED if times else Role.QUIET))
    if series is not None:
        shown = version.source.removeprefix(f"{series}-")
        when = f"{date:%Y-%m-%d}" if date else ""
        if when != shown:
            parts.insert(0, (f" {when}", Role.QUIET))
        head = one_line(shown)
    else:
        head = f"{version.number:>3}  {version.captured:%Y-%m-%d}"
        if width >= 34 or (phrase is None and width >= len(head) + 9):
            head += f"{version.captured: %H:%M}"
        word = "reread" if version.reread else version.severity.label if version.severity else "first"
        if width >= 34:
            parts.insert(0, (f" {word}", role if loud else Role.QUIET))
    room = max(6, width - width_of(lead) - sum(width_of(text) for text, _ in parts))
    return ((lead, role), (padded(fit(head, room), room), Role.SAME), *parts)


def stops(marked: Iterable[bool]) -> list[int]:
    """The lines at which a stretch of marked lines begins: where next and previous change lead."""
    found, before = [], False
    for place, now in enumerate(marked):
        if now and not before:
            found.append(place)
        before = now
    return found


def next_stop(places: Sequence[int], at: int, step: int) -> int | None:
    """The place after (or before) ``at``; None beyond the last."""
    if step > 0:
        return next((place for place in places if place > at), None)
    return next((place for place in reversed(places) if place < at), None)


def position(place: int, rows: Collection[object]) -> str:
    """``3 / 20``."""
    return f"{place + 1:,} / {len(rows):,}" if rows else "0"
