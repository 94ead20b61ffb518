"""Answers as JSON-able documents: stable keys, times in RFC 3339 UTC with ``Z``. The contract is in ``docs/``."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.render.safe import INVISIBLE
from monitor.render.telling import told_edits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.read import Reading
    from monitor.render import Comparison, Side, Style
    from monitor.render.answers import CheckResult
    from storage.records import Edit, Event, SourceState, Span, Text, Version, Window

FORMAT: Final = 1
"""Version of the documents: raised when a key changes its meaning or goes."""

_UNSEEN: Final = re.compile(f"[{INVISIBLE}]")


def encode(document: Mapping[str, object]) -> str:
    """One document as UTF-8-able JSON with a final line feed.

    What cannot be seen (controls, direction overrides, zero-width characters, unpaired surrogates) is written as
    ``\\uXXXX``: the same value to a program, harmless on a terminal.
    """
    return _UNSEEN.sub(_escaped, json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _escaped(match: re.Match[str]) -> str:
    # Outside of strings JSON has no such character but the line feeds of its layout, which are not in the class.
    return json.dumps(match.group())[1:-1]


def instant(at: datetime | None) -> str | None:
    """``2026-11-23T09:15:00Z``; fractions of a second only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def window_json(window: Window | None) -> dict[str, object] | None:
    """``{"after": …, "before": …}``; ``after`` is null for a first version."""
    return {"after": instant(window.after), "before": instant(window.before)} if window else None


def comparison_document(comparison: Comparison, style: Style) -> str:
    """The format ``json`` of ``diff``."""
    return encode(comparison_json(comparison, style))


def comparison_json(comparison: Comparison, style: Style) -> dict[str, object]:
    """``diff --format json``. Filters choose among ``edits``; ``stats`` and ``script`` are of the whole."""
    change = comparison.change
    stats = change.stats
    return {
        "format": FORMAT,
        "old": _side(comparison.old),
        "new": _side(comparison.new),
        "identical": change.identical,
        "severity": change.severity.label if change.severity is not None else None,
        "silent": change.silent,
        "stats": {
            "words_old": stats.words_old,
            "words_new": stats.words_new,
            "words_deleted": stats.words_deleted,
            "words_inserted": stats.words_inserted,
            "similarity": stats.similarity,
        },
        "edits": [_edit(edit, style) for edit in told_edits(comparison, style)],
        "script": change.script,
    }


def _side(side: Side) -> dict[str, object]:
    return {"ref": side.ref, "sha256": side.text.digest, "text": side.text.text}


def _edit(edit: Edit, style: Style) -> dict[str, object]:
    document: dict[str, object] = {
        "kinds": [kind.value for kind in edit.kinds],
        "severity": edit.severity.label,
        "old": span_json(edit.old),
        "new": span_json(edit.new),
        "sentence_old": edit.sentence_old,
        "sentence_new": edit.sentence_new,
        "move": edit.move,
    }
    if style.explain:
        document["rules"] = list(edit.rules)
    return document


def span_json(span: Span) -> dict[str, object]:
    """``{"start": …, "end": …, "text": …}``, in code points."""
    return {"start": span.start, "end": span.end, "text": span.text}


def check_json(started: datetime, results: Sequence[CheckResult]) -> dict[str, object]:
    """``check --json``."""
    return {
        "format": FORMAT,
        "started": instant(started),
        "checked": len(results),
        "results": [
            {
                "source": one.source,
                "outcome": one.outcome.value,
                "version": one.version,
                "severity": one.severity.label if one.severity is not None else None,
                "silent": one.silent,
                "error": one.error,
                "ms": one.ms,
            }
            for one in results
        ],
    }


def reading_json(reading: Reading) -> dict[str, object]:
    """``read --json``."""
    text = reading.text
    return {
        "format": FORMAT,
        "title": text.title,
        "published": text.published,
        "published_at": instant(reading.published_at),
        "paragraphs": list(text.paragraphs),
        "text": text.text,
        "sha256": text.digest,
        "encoding": reading.encoding,
        "select": reading.select,
        "reader": reading.reader,
        "notes": list(reading.notes),
        "removed": dict(reading.removed),
    }


def log_json(source: str, versions: Sequence[Version], events: Sequence[Event] | None = None) -> dict[str, object]:
    """``log --json``: versions newest first; with ``events``, what else was told."""
    document: dict[str, object] = {
        "format": FORMAT,
        "source": source,
        "versions": [version_json(version) for version in versions],
    }
    if events is not None:
        document["events"] = [event_json(event) for event in events]
    return document


def version_json(version: Version) -> dict[str, object]:
    """One version as ``log --json`` tells it."""
    return {
        "number": version.number,
        "sha256": version.digest,
        "title": version.title,
        "published": version.published,
        "first_seen": instant(version.first_seen),
        "last_seen": instant(version.last_seen),
        "window": window_json(version.window),
        "severity": version.severity.label if version.severity is not None else None,
        "silent": version.silent,
        "reread": version.reread,
        "captured": instant(version.captured),
        "imported": instant(version.imported),
        "reader": version.reader,
        "chain": version.chain,
    }


def event_json(event: Event) -> dict[str, object]:
    """One event."""
    return {
        "kind": event.kind.value,
        "source": event.source,
        "at": instant(event.at),
        "version": event.version,
        "severity": event.severity.label if event.severity is not None else None,
        "silent": event.silent,
        "window": window_json(event.window),
        "detail": event.detail,
    }


def show_json(version: Version, text: Text) -> dict[str, object]:
    """``show --json``: the version as in the log, with its text."""
    return {
        "format": FORMAT,
        "source": version.source,
        **version_json(version),
        "paragraphs": list(text.paragraphs),
        "text": text.text,
    }


def status_json(states: Sequence[SourceState], now: datetime) -> dict[str, object]:
    """``status --json``."""
    return {"format": FORMAT, "at": instant(now), "sources": [_state(state) for state in states]}


def _state(state: SourceState) -> dict[str, object]:
    return {
        "id": state.source.id,
        "url": state.source.url,
        "series": state.source.series,
        "tags": list(state.source.tags),
        "versions": state.versions,
        "latest": version_json(state.latest) if state.latest else None,
        "last_check": instant(state.last_check),
        "last_outcome": state.last_outcome.value if state.last_outcome else None,
        "last_error": state.last_error,
        "last_good": instant(state.last_good),
        "next_check": instant(state.next_check),
        "failures": state.failures,
        "failing": state.failing,
        "gone": state.gone,
        "retired": state.retired,
        "chain": state.chain,
    }
