"""How a look ends: what is recorded of it, what it tells, and when the source is due again.

Each ending answers with the ``Checked`` of its look; all but an unchanged one, which is noted with others, are in the
archive when it returns.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from monitor import discover, events
from monitor.alerts.rules import bounds, route
from monitor.events import Judgement, Stamps
from monitor.read.gate import HOME
from monitor.schedule import next_due
from monitor.sides import pinned
from storage.archive import Archive, Unchanged
from storage.errors import FetchError, VariorumError
from storage.records import Change, Event, EventKind, Latest, Outcome, Severity, Snapshot, Text, Validators

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.alerts.rules import Rule
    from monitor.config import Declaration
    from monitor.differ.lexicon import Rules
    from monitor.discover import News
    from monitor.fetch import Fetched
    from monitor.fetch.client import Fetcher
    from monitor.read import Reading
    from monitor.writer import Writer
    from storage.records import Phrase

NEWS: Final = frozenset({EventKind.NEW, EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED})
"""Events that tell of a text."""
LISTED_WITHIN: Final = timedelta(days=1)
"""Listings date by the day, and name things a while after they are published."""


@dataclass(frozen=True, slots=True)
class Checked:
    """How one check ended. ``ms`` is its wall time in milliseconds; ``error`` one line, where there is one."""

    source: str
    outcome: Outcome
    version: int | None = None
    severity: Severity | None = None
    silent: bool = False
    error: str | None = None
    hint: str | None = None
    ms: int = 0
    note: str | None = None
    found: tuple[str, ...] = ()
    """The ids of what a listing newly named; ``note`` says it in words."""
    alerts: int = 0
    """How many alerts it made."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a check works with: the two edges, the clock and the dice."""

    fetcher: Fetcher
    writer: Writer
    now: Callable[[], datetime]
    dice: Callable[[], float] = random.random
    rules: Rules | None = None
    """What the differ classifies with, where phrases are registered."""
    taken: frozenset[str] = frozenset()
    """Ids that the configuration uses: what a listing finds is called otherwise."""
    owner: str | None = None
    """Who holds the lease on the source, where there is one: a record under a lost lease is refused."""
    alerts: tuple[Rule, ...] = ()
    """What is told to whom."""
    phrases: tuple[Phrase, ...] = ()
    """The registered phrases, whose coming and going is told."""


def unchanged(declared: Declaration, latest: Latest, got: Fetched, around: Around) -> Checked:
    """The text is as it was: noted with others, soon (``Writer.note_unchanged``)."""
    judgement = events.judge_unchanged(
        latest, at=got.fetched_at, not_modified=got.not_modified, moved_to=got.permanent_url
    )
    alerts = route(around.alerts, declared.source, judgement.events)
    around.writer.note_unchanged(
        Unchanged(
            latest.source,
            got.fetched_at,
            judgement.outcome,
            validators=got.validators,
            next_due=_due(declared, latest, got.fetched_at, around),
            events=judgement.events,
            final_url=got.permanent_url,
            alerts=alerts,
            owner=around.owner,
        )
    )
    return Checked(latest.source, judgement.outcome, latest.number, alerts=len(alerts))


async def listed(
    declared: Declaration, latest: Latest, got: Fetched, notes: tuple[str, ...], news: News, around: Around
) -> Checked:
    """A listing was read: what it newly names becomes sources, in the transaction that notes the look."""
    assert declared.listing is not None  # noqa: S101  (a page never comes here)
    judgement = events.judge_unchanged(latest, at=got.fetched_at, not_modified=False, moved_to=got.permanent_url)
    outcome = Outcome.NEW if news.fresh else judgement.outcome
    alerts = route(around.alerts, declared.source, judgement.events)
    kept = await around.writer.call(
        Archive.note_listed,
        declared.source,
        Unchanged(
            latest.source,
            got.fetched_at,
            outcome,
            # What waits was never taken up: the next answer must be whole.
            validators=Validators() if news.waiting else got.validators,
            next_due=_due(declared, latest, got.fetched_at, around),
            events=judgement.events,
            final_url=got.permanent_url,
            alerts=alerts,
        ),
        reader=declared.listing.rules.fingerprint,
        fresh=news.fresh,
        stamps=news.stamps,
        missing=news.missing,
        back=news.back,
        taken=around.taken,
        owner=around.owner,
    )
    outcome = Outcome.NEW if kept else judgement.outcome
    return Checked(
        latest.source,
        outcome,
        note=discover.told(news, len(kept), notes),
        found=tuple(one.source for one in kept),
        alerts=len(alerts),
    )


async def failed(declared: Declaration, latest: Latest, failure: VariorumError, around: Around) -> Checked:
    """Fetching or reading failed."""
    at = around.now()
    judgement = events.judge_failure(latest, failure, at=at, rules=declared.gate)
    retry_after_s = failure.retry_after_s if isinstance(failure, FetchError) else None
    alerts = route(around.alerts, declared.source, judgement.events)
    await around.writer.call(
        Archive.note_failed,
        latest.source,
        at,
        judgement.outcome,
        failure.message,
        events=judgement.events,
        suspicion=judgement.suspicion,
        next_due=_due_after_doubt(declared, latest, judgement, at, around, retry_after_s),
        gone=judgement.gone,
        failing=judgement.failing,
        alerts=alerts,
        owner=around.owner,
    )
    return Checked(
        latest.source,
        judgement.outcome,
        latest.number,
        error=failure.message,
        hint=failure.hint,
        alerts=len(alerts),
    )


async def suspect(
    declared: Declaration, latest: Latest, snapshot: Snapshot, reading: Reading, reason: str, around: Around
) -> Checked:
    """The capture is kept as evidence, but is no version: not yet, or never."""
    vanished = reason == HOME
    judgement = events.judge_suspect(
        latest, reason, reading.text.digest, vanished=vanished, at=snapshot.fetched_at, rules=declared.gate
    )
    assert judgement.suspicion is not None  # noqa: S101  (judge_suspect always names one)
    alerts = route(around.alerts, declared.source, judgement.events)
    await around.writer.call(
        Archive.note_suspect,
        latest.source,
        snapshot,
        reason,
        judgement.suspicion,
        outcome=judgement.outcome,
        events=judgement.events,
        next_due=_due_after_doubt(declared, latest, judgement, snapshot.fetched_at, around),
        failing=judgement.failing,
        gone=judgement.gone,
        alerts=alerts,
        owner=around.owner,
    )
    return Checked(latest.source, judgement.outcome, latest.number, error=reason, alerts=len(alerts))


async def recorded(
    declared: Declaration,
    latest: Latest,
    got: Fetched,
    reading: Reading,
    before: Text | None,
    change: Change | None,
    around: Around,
) -> Checked:
    """One transaction: snapshot, version, change, events and alerts."""
    assert got.snapshot is not None  # noqa: S101  (a 304 never comes here)
    earlier = await around.writer.call(Archive.earlier, latest.source, reading.text.digest) if before else None
    returned = 0
    if earlier is not None:
        recent = await around.writer.call(Archive.versions, latest.source, limit=events.RECENT)
        returned = events.returns(recent, got.fetched_at)
    judgement = events.judge(
        latest,
        at=got.fetched_at,
        change=change,
        before=Stamps(
            before.published if before else None,
            latest.validators.last_modified,
            declared.found.kept_stamp if declared.found else None,
        ),
        after=Stamps(
            reading.text.published, got.validators.last_modified, declared.found.stamp if declared.found else None
        ),
        earlier=earlier,
        returned=returned,
        moved_to=got.permanent_url,
        backlog=latest.number is None and await _backlog(declared, around),
    )
    told = (*judgement.events, *await _beside(declared, before, reading.text, judgement, around))
    kinds = frozenset(kind for edit in change.edits for kind in edit.kinds) if change else frozenset()
    alerts = route(around.alerts, declared.source, told, kinds=kinds)
    version = await around.writer.call(
        Archive.record,
        latest.source,
        got.snapshot,
        reading.text,
        reader=reading.reader,
        outcome=judgement.outcome,
        expected=latest.number,
        change=judgement.change,
        events=told,
        validators=got.validators,
        next_due=_due(declared, replace(latest, last_change=got.fetched_at), got.fetched_at, around),
        owner=around.owner,
        alerts=alerts,
    )
    return Checked(
        latest.source, judgement.outcome, version.number, version.severity, version.silent, alerts=len(alerts)
    )


async def _backlog(declared: Declaration, around: Around) -> bool:
    """Whether a first text was there before we looked: it is no news, unless its listing named it later than others."""
    found = declared.found
    if found is None or found.first_listed is None:
        return True
    since = await around.writer.call(Archive.first_look, found.listing)
    if since is None or found.first_listed <= since:
        return True
    # More than a look takes up (max_new) come later; their dates tell them from what is new.
    return found.published_at is not None and found.published_at < since - LISTED_WITHIN


async def _beside(
    declared: Declaration, before: Text | None, after: Text, judgement: Judgement, around: Around
) -> tuple[Event, ...]:
    """The phrases that came and went with a new text, and how far it went from its baseline; nothing where it is not told."""
    new = next((one for one in judgement.events if one.kind in NEWS), None)
    source = declared.source
    limits = bounds(around.alerts, source)
    if new is None or not (around.phrases or limits):
        return ()
    found: tuple[Event, ...] = ()
    if around.phrases:
        from monitor.history.phrases import said

        expected = frozenset(one.id for one in around.phrases if {source.id, source.series} & set(one.expect))
        was = await asyncio.to_thread(said, around.phrases, before) if before else None
        now = await asyncio.to_thread(said, around.phrases, after)
        found += events.judge_phrases(new, was, now, expected)
    if limits and (baseline := await around.writer.call(pinned, declared)) is not None:
        from monitor.history.drift import distance

        far = await asyncio.to_thread(distance, baseline, after)
        was_far = await asyncio.to_thread(distance, baseline, before) if before else None
        found += events.judge_drift(new, (was_far, far), limits, str(source.baseline))
    return found


def _due(
    declared: Declaration,
    latest: Latest,
    at: datetime,
    around: Around,
    *,
    failures: int = 0,
    retry_after_s: float | None = None,
) -> datetime:
    """When the source is looked at again, by its rhythm."""
    return next_due(
        declared.rhythm,
        at,
        first_seen=latest.first_seen,
        last_change=latest.last_change,
        failures=failures,
        jitter=around.dice(),
        retry_after_s=retry_after_s,
    )


def _due_after_doubt(
    declared: Declaration,
    latest: Latest,
    judgement: Judgement,
    at: datetime,
    around: Around,
    retry_after_s: float | None = None,
) -> datetime:
    """After a doubt: soon, to confirm it, while it is not believed; then with growing patience."""
    confirming = not (judgement.failing or judgement.gone)
    if confirming and retry_after_s is None and declared.gate.confirm_times > 0:
        soon = at + declared.gate.confirm_after
        return min(soon, _due(declared, latest, at, around))
    return _due(declared, latest, at, around, failures=latest.failures + 1, retry_after_s=retry_after_s)
