"""The answers beside the diff, for people: log, events, show, status, sources, check, read."""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Protocol

from monitor.render.about import line_of
from monitor.render.safe import one_line
from monitor.render.telling import plural, shown_time, shown_window
from monitor.render.terminal import PROSE_WIDTH, SEVERITY_ROLES, Role, Run, fit, padded, paint, painted, width_of, wrap
from storage.records import Event, EventKind, Found, Outcome, Severity, SourceState, Text, Version

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime, timedelta

    from monitor.read import Reading
    from monitor.render import Style


class CheckResult(Protocol):
    """What a check tells of itself; ``monitor.endings.Checked`` is one."""

    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> Outcome: ...  # noqa: D102
    @property
    def version(self) -> int | None: ...  # noqa: D102
    @property
    def severity(self) -> Severity | None: ...  # noqa: D102
    @property
    def silent(self) -> bool: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102
    @property
    def hint(self) -> str | None: ...  # noqa: D102
    @property
    def ms(self) -> int: ...  # noqa: D102
    @property
    def note(self) -> str | None: ...  # noqa: D102


_OUTCOME_ROLES: Final = {
    Outcome.NEW: Role.GOOD,
    Outcome.CHANGED: Role.WORDING,
    Outcome.GONE: Role.MAJOR,
    Outcome.FAILED: Role.MAJOR,
    Outcome.SUSPECT: Role.MAJOR,
}
_EVENT_ROLES: Final = {
    EventKind.NEW: Role.GOOD,
    EventKind.CHANGED: Role.WORDING,
    EventKind.REVERTED: Role.WORDING,
    EventKind.GONE: Role.MAJOR,
    EventKind.FAILING: Role.MAJOR,
    EventKind.RETURNED: Role.GOOD,
    EventKind.RECOVERED: Role.GOOD,
}


def log_lines(versions: Sequence[Version], style: Style, *, name: str | None = None) -> str:
    """Versions as given (newest first): number, severity, window; title and printed date where they are new.

    A blank line stands between two versions. ``name`` is that of the history, where it is a series.
    """
    pairs = zip_longest(versions, versions[1:])
    entries = (_log_entry(version, style, before, name) for version, before in pairs)
    return "\n".join(line for entry in entries for line in (*entry, ""))


def _log_entry(version: Version, style: Style, before: Version | None = None, name: str | None = None) -> list[str]:
    head = paint(f"{one_line(name or version.source)}@{version.number}", Role.STRONG, style.color)
    if name and name != version.source:
        head += f" ({one_line(version.source)})"
    if version.reread:
        head += "  " + paint("reread: our reader changed, not their page", Role.QUIET, style.color)
    elif version.severity is not None:
        head += "  " + paint(version.severity.label, SEVERITY_ROLES[version.severity], style.color)
    if version.pruned:
        head += "  " + paint("pruned: its text is no longer kept", Role.QUIET, style.color)
    if version.silent:
        head += "  " + paint("silent", Role.MAJOR, style.color)
    facts = [f"{shown_window(version.window)}; last seen {shown_time(version.last_seen)}"]
    if version.imported is not None:
        facts.append(f"captured {shown_time(version.captured)}; imported {shown_time(version.imported)}")
    if version.title and not (before and before.title == version.title):
        facts.append(one_line(version.title))
    if version.published and not (before and before.published == version.published):
        facts.append(f"dated {one_line(version.published)}")
    facts.append(f"text {version.digest[:12]}  chain {version.chain[:12]}")
    return [head, *(paint("  " + fit(fact, style.width - 2), _fact_role(fact), style.color) for fact in facts)]


def _fact_role(fact: str) -> Role:
    return Role.QUIET if fact.startswith("text ") else Role.SAME


def events_lines(events: Sequence[Event], style: Style) -> str:
    """Each event: when, what, which version, and why; a long reason goes on below."""
    return "".join(_event_lines(event, style) + "\n" for event in events)


def _event_lines(event: Event, style: Style) -> str:
    kind = paint(padded(event.kind.value, 9), _EVENT_ROLES.get(event.kind, Role.SAME), style.color)
    fixed = f"{shown_time(event.at)}  "
    words = [f"{one_line(event.source)}{f'@{event.version}' if event.version else ''}"]
    if event.severity is not None:
        words.append(event.severity.label)
    if event.silent:
        words.append("silent")
    words += _detail(event)
    indent = width_of(fixed) + 11
    told = wrap([(Run("  ".join(words)), -1)], max(20, style.width - indent))
    head = f"{paint(fixed, Role.QUIET, style.color)}{kind}  "
    return head + ("\n" + " " * indent).join(painted(line, style.color) for line in told)


def _detail(event: Event) -> list[str]:
    if event.kind is EventKind.REVERTED and "to" in event.detail:
        back = f"back to the wording of version {one_line(str(event.detail['to']))}"
        return [back, "it goes back and forth, which is not told again"] if event.detail.get("flapping") else [back]
    if event.kind is EventKind.MOVED and "to" in event.detail:
        return [f"to {one_line(str(event.detail['to']))}"]
    if event.kind is EventKind.PRUNED:
        return [f"texts of versions {one_line(str(event.detail.get('versions')))}; seals, digests and times are kept"]
    if event.kind in (EventKind.PHRASE, EventKind.DRIFT, EventKind.QUIET):
        return [one_line(line_of(event) or "")]
    return [one_line(str(event.detail["reason"]))] if event.detail.get("reason") else []


def show_lines(version: Version, text: Text, style: Style, *, name: str | None = None) -> str:
    """One version, whole: its log entry, then the text, wrapped for reading. ``name`` as in the log."""
    head = _log_entry(version, style, name=name)
    rule = paint("─" * min(style.width, PROSE_WIDTH), Role.QUIET, style.color)
    return "\n".join([*head, rule, *_prose(text, style)]) + "\n"


def reading_lines(reading: Reading, style: Style) -> str:
    """What a reader made of a page: the text, then how it was read and what was left out."""
    facts = [f"read by {one_line(reading.reader)}"]
    if reading.select:
        facts.append(f"from {one_line(reading.select)}")
    if reading.encoding:
        facts.append(f"encoding {one_line(reading.encoding)}")
    if reading.published_at:
        facts.append(f"dated {shown_time(reading.published_at)}")
    facts.append(f"{plural(len(reading.text.paragraphs), 'paragraph')}, {plural(len(reading.text.text), 'character')}")
    removed = ", ".join(f"{count:,} {one_line(name)}" for name, count in reading.removed.items() if count)
    if removed:
        facts.append(f"removed: {removed}")
    facts += [f"note: {one_line(note)}" for note in reading.notes]
    rule = paint("─" * min(style.width, PROSE_WIDTH), Role.QUIET, style.color)
    told = [paint(fit(fact, style.width), Role.QUIET, style.color) for fact in facts]
    return "\n".join([*_prose(reading.text, style), rule, *told]) + "\n"


def _prose(text: Text, style: Style) -> list[str]:
    width = min(style.width, PROSE_WIDTH)
    lines = []
    title_end = text.title_span[1]
    for role, part in ((Role.STRONG, text.text[:title_end]), (Role.SAME, text.text[title_end:])):
        if part:
            lines += [painted(line, style.color) for line in wrap([(Run(part.replace("\r\n", "\n"), role), -1)], width)]
    if title_end and len(lines) > 1 and text.text[title_end:].startswith("\n"):
        # The second part begins with the line feed that ends the title; its line is the title's own.
        lines.pop(len(wrap([(Run(text.text[:title_end], Role.STRONG), -1)], width)))
    return lines


def check_line(result: CheckResult, style: Style) -> str:
    """One check in one line: outcome, source, version, severity, or what went wrong and what to do."""
    outcome = padded(result.outcome.value, 12)
    line = paint(outcome, _OUTCOME_ROLES.get(result.outcome, Role.SAME), style.color) + one_line(result.source)
    if result.version is not None and result.error is None:
        line += f"@{result.version}"
    if result.severity is not None and result.severity.label != result.outcome.value:
        line += "  " + paint(result.severity.label, SEVERITY_ROLES[result.severity], style.color)
    if result.silent:
        line += "  " + paint("silent: no date on the page changed", Role.MAJOR, style.color)
    if result.error:
        line += f": {one_line(result.error)}"
    elif result.note:
        line += f": {one_line(result.note)}"
    if result.hint:
        line += "\n" + " " * 12 + paint(f"hint: {one_line(result.hint)}", Role.QUIET, style.color)
    return line


def check_summary(results: Sequence[CheckResult]) -> str:
    """``12 checked: 1 changed, 10 unchanged, 1 failed``."""
    counts: Counter[str] = Counter(_outcome_word(one.outcome) for one in results)
    order = [outcome.value for outcome in Outcome]
    told = ", ".join(f"{counts[word]:,} {word}" for word in sorted(counts, key=order.index))
    return f"{len(results):,} checked" + (f": {told}" if told else "")


def _outcome_word(outcome: Outcome) -> str:
    """A 304 says to a person what an equal text says."""
    return Outcome.UNCHANGED.value if outcome is Outcome.NOT_MODIFIED else outcome.value


def sources_table(rows: Sequence[tuple[str, str, str, str]], style: Style) -> str:
    """What is watched: id, how often, selector, address. Long addresses are cut at the width of the terminal."""
    return table(("SOURCE", "EVERY", "READ FROM", "ADDRESS"), rows, style)


def status_table(states: Sequence[SourceState], now: datetime, style: Style) -> str:
    """How each source stands: state, versions, last good check, next check, the head of its chain; then what goes wrong."""
    rows = [
        (
            state.source.id,
            state_word(state),
            f"{state.versions:,}",
            _ago(state.last_good, now),
            _until(state.next_check, now) if not state.retired else "–",
            state.chain[:12] if state.chain else "–",
        )
        for state in states
    ]
    shown = table(("SOURCE", "STATE", "VERSIONS", "LAST GOOD", "NEXT", "CHAIN"), rows, style, colors={1: _STATE_ROLES})
    troubles = [
        f"{one_line(state.source.id)}: {plural(state.failures, 'failure')} in a row: {one_line(state.last_error)}"
        for state in states
        if state.failures and state.last_error and not state.retired
    ]
    return shown + ("\n" + "\n".join(troubles) + "\n" if troubles else "")


def listed_lines(states: Sequence[SourceState], found: Mapping[str, Found], now: datetime) -> str:
    """What the listings of these sources name no more, each with its listing and since when."""
    missing = [
        f"{one_line(one.source)}: no longer listed by {one_line(one.listing)}, noticed {_ago(one.missing_since, now)}"
        for state in states
        if (one := found.get(state.source.id)) is not None and one.missing_since is not None and not state.retired
    ]
    return "\n" + "\n".join(missing) + "\n" if missing else ""


_STATE_ROLES: Final = {"gone": Role.MAJOR, "failing": Role.MAJOR, "doubtful": Role.WORDING, "ok": Role.GOOD}


def state_word(state: SourceState) -> str:
    """How the checks of a source go, in a word."""
    if state.retired:
        return "retired"
    if state.gone:
        return "gone"
    if state.failing:
        return "failing"
    if state.failures:
        return "doubtful"
    return "ok" if state.last_good else "waiting"


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    return "now" if at >= now else f"{_span(now - at)} ago"


def _until(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "–"
    return "now" if at <= now else f"in {_span(at - now)}"


def _span(span: timedelta) -> str:
    """A duration in its largest fitting unit: ``45 s``, ``12 min``, ``3 h``, ``5 d``."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= (2 * size if unit != "min" else size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    style: Style,
    *,
    colors: Mapping[int, Mapping[str, Role]] | None = None,
    right: Container[int] = (),
) -> str:
    """Columns as wide as their widest cell; the widest gives way when the terminal is narrow.

    ``colors`` gives, for a column, the role of each value; ``right`` names the columns that are set to the right.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(width_of(line[column]) for line in (list(heads), *cells)) for column in range(len(heads))]
    gaps = 2 * (len(widths) - 1)
    while sum(widths) + gaps > style.width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    lines = [paint("  ".join(_cells(heads, widths, right)).rstrip(), Role.QUIET, style.color)]
    for row in cells:
        shown = _cells(row, widths, right)
        for column, roles in (colors or {}).items():
            shown[column] = paint(shown[column], roles.get(row[column], Role.SAME), style.color)
        lines.append("  ".join(shown).rstrip())
    return "\n".join(lines) + "\n"


def _cells(cells: Sequence[str], widths: Sequence[int], right: Container[int]) -> list[str]:
    shown = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = fit(cell, width)
        shown.append(" " * (width - width_of(text)) + text if column in right else padded(text, width))
    return shown
