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

    from monitor.history.blame import Blame, Blamed, Origin
    from monitor.history.drift import Drift, Drifted
    from monitor.history.grep import Found, Seen
    from monitor.history.phrases import PhraseTable, Standing
    from monitor.read import Reading
    from monitor.render import Comparison, Side, Style
    from monitor.render.answers import CheckResult
    from storage.records import Edit, Event, SourceState, Span, Text, Version, Window
    from storage.records import Found as Listed

FORMAT: Final = 1
"""Version of the documents: raised when a key changes its meaning or goes."""

_UNSEEN: Final = re.compile(f"[{INVISIBLE}]")


def encode(document: Mapping[str, object]) -> str:
    """One document as UTF-8-able JSON with a final line feed.

    What cannot be seen (controls, direction overrides, zero-width characters, unpaired surrogates) is written as
    ``\\uXXXX``: the same value to a program, harmless on a terminal.
    """
    return _UNSEEN.sub(_escaped, json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def encode_compact(document: Mapping[str, object]) -> bytes:
    """The same on one line without spaces, for a machine at the other end of a wire."""
    told = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return _UNSEEN.sub(_escaped, told).encode()


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
                "note": one.note,
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
        "versions": [version_json(version, of=source) for version in versions],
    }
    if events is not None:
        document["events"] = [event_json(event) for event in events]
    return document


def version_json(version: Version, *, of: str | None = None) -> dict[str, object]:
    """One version as ``log --json`` tells it; ``member`` is its source where ``of`` is a series."""
    return {
        "number": version.number,
        "member": version.source if of is not None and of != version.source else None,
        "sha256": version.digest,
        "title": version.title,
        "published": version.published,
        "first_seen": instant(version.first_seen),
        "last_seen": instant(version.last_seen),
        "window": window_json(version.window),
        "severity": version.severity.label if version.severity is not None else None,
        "silent": version.silent,
        "reread": version.reread,
        "pruned": version.pruned,
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


def show_json(version: Version, text: Text, *, name: str | None = None) -> dict[str, object]:
    """``show --json``: the version as in the log, with its text. ``name`` is that of the history, where it is a series."""
    return {
        "format": FORMAT,
        "source": name or version.source,
        **version_json(version, of=name),
        "paragraphs": list(text.paragraphs),
        "text": text.text,
    }


def status_json(
    states: Sequence[SourceState], now: datetime, found: Mapping[str, Listed] | None = None
) -> dict[str, object]:
    """``status --json``; ``found`` tells of those that listings named, by id."""
    told = [_state(state, (found or {}).get(state.source.id)) for state in states]
    return {"format": FORMAT, "at": instant(now), "sources": told}


def _state(state: SourceState, found: Listed | None) -> dict[str, object]:
    listed = (
        {
            "listing": found.listing,
            "title": found.title,
            "published_at": instant(found.published_at),
            "listed_stamp": found.stamp,
            "first_listed": instant(found.first_listed),
            "missing_since": instant(found.missing_since),
        }
        if found is not None
        else None
    )
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
        "found": listed,
    }


def blame_json(blame: Blame) -> dict[str, object]:
    """``blame --json``; ``words`` only where they were asked for."""
    return {
        "format": FORMAT,
        "source": blame.source,
        "version": blame.version,
        "sentences": [_blamed(sentence) for sentence in blame.sentences],
    }


def _blamed(sentence: Blamed) -> dict[str, object]:
    document: dict[str, object] = {
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "since": _origin(sentence.since),
        "returned": sentence.returned,
        "removed": list(sentence.removed),
    }
    if sentence.words:
        document["words"] = [
            {
                "start": word.start,
                "end": word.end,
                "text": word.text,
                "since": _origin(word.since),
                "returned": word.returned,
            }
            for word in sentence.words
        ]
    return document


def _origin(origin: Origin) -> dict[str, object]:
    return {
        "version": origin.version,
        "label": origin.label,
        "window": window_json(origin.window),
        "reread": origin.reread,
    }


def grep_json(phrase: str, found: Sequence[Found]) -> dict[str, object]:
    """``grep --json``: one entry for each source in which the phrase ever stood."""
    return {"format": FORMAT, "phrase": phrase, "sources": [_found(one) for one in found]}


def _found(found: Found) -> dict[str, object]:
    return {
        "source": found.source,
        "present": found.present,
        "first": seen_json(found.first),
        "last": seen_json(found.last),
        "vanished": seen_json(found.vanished),
        "total": found.total,
        "gaps": [
            {
                "vanished": seen_json(gap.vanished),
                "returned": seen_json(gap.returned),
                "versions": list(gap.versions),
            }
            for gap in found.gaps
        ],
        "counts": [{"version": version, "times": times} for version, times in found.counts],
        "wordings": [{"text": text, "times": times} for text, times in found.wordings],
        "examples": [
            {
                "version": example.version,
                "start": example.start,
                "end": example.end,
                "match": example.match,
                "before": example.before,
                "after": example.after,
            }
            for example in found.examples
        ],
    }


def seen_json(seen: Seen | None) -> dict[str, object] | None:
    """``{"version": …, "label": …, "window": …}``; ``label`` is the source, in a series the member."""
    if seen is None:
        return None
    return {"version": seen.version, "label": seen.label, "window": window_json(seen.window)}


def drift_json(drift: Drift) -> dict[str, object]:
    """``drift --json``: the baseline's sentences, then each member against them."""
    return {
        "format": FORMAT,
        "baseline": [span_json(span) for span in drift.baseline],
        "members": [_drifted(member) for member in drift.members],
    }


def _drifted(member: Drifted) -> dict[str, object]:
    return {
        "label": member.label,
        "version": member.version,
        "at": instant(member.at),
        "distance": member.distance,
        "kept_share": member.kept_share,
        "new_share": member.new_share,
        "sentences": [
            {
                "fate": line.fate.value,
                "reordered": line.reordered,
                "split": line.split,
                "merged": line.merged,
                "similarity": line.similarity,
                "baseline": span_json(line.baseline),
                "member": span_json(line.member) if line.member is not None else None,
            }
            for line in member.lines
        ],
        "new": [span_json(span) for span in member.new],
    }


def phrases_json(answer: PhraseTable) -> dict[str, object]:
    """``phrases --json``."""
    return {
        "format": FORMAT,
        "phrases": [_standing(one) for one in answer.standings],
        "orders": [
            {
                "source": order.source,
                "version": order.version,
                "against": order.against,
                "before": list(order.before),
                "after": list(order.after),
            }
            for order in answer.orders
        ],
    }


def _standing(one: Standing) -> dict[str, object]:
    return {
        "phrase": one.phrase,
        "source": one.source,
        "expected": one.expected,
        "present": one.present,
        "first": seen_json(one.first),
        "last": seen_json(one.last),
        "usage": [{"version": use.version, "variant": use.variant, "times": use.times} for use in one.usage],
        "missing": list(one.missing),
        "variant_changes": list(one.variant_changes),
        "near": [
            {
                "at": seen_json(near.at),
                "start": near.start,
                "end": near.end,
                "text": near.text,
                "variant": near.variant,
                "similarity": near.similarity,
            }
            for near in one.near
        ],
    }
