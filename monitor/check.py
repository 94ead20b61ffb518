"""One look at one source, from due to recorded; and many of them, side by side.

``check_source`` is the way of the data. The command line, the daemon, the demonstration and the tests all call it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from monitor import discover, events
from monitor.alerts.rules import bounds, route
from monitor.differ import compare
from monitor.events import Judgement, Stamps
from monitor.gather import gather, gather_listing, read_pages
from monitor.read.gate import HOME, confirmed, gate
from monitor.schedule import next_due
from monitor.sides import pinned
from storage.archive import Archive, ClaimLost, Unchanged
from storage.errors import FetchError, ReadError, VariorumError
from storage.records import Change, Event, EventKind, Latest, Outcome, Severity, Snapshot, Text, Validators

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from datetime import datetime

    from monitor.alerts.rules import Rule
    from monitor.config import Declaration
    from monitor.differ.lexicon import Rules
    from monitor.fetch import Fetched
    from monitor.fetch.client import Fetcher
    from monitor.read import Reading, ReadRules
    from monitor.writer import Writer
    from storage.records import Phrase

log = logging.getLogger("variorum.check")

LARGE_BODY_BYTES: Final = 100_000
NEWS: Final = frozenset({EventKind.NEW, EventKind.CHANGED, EventKind.COSMETIC, EventKind.REVERTED})
"""Events that tell of a text."""
LISTED_WITHIN: Final = timedelta(days=1)
"""Listings date by the day, and name things a while after they are published."""
LARGE_TEXT_CHARS: Final = 20_000
"""From these sizes on, reading and differing leave the event loop, which must not be held for more than 50 ms."""


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


async def check_source(declared: Declaration, latest: Latest, around: Around) -> Checked:
    """One look at one source, from due to recorded.

    Expected failures (fetching, reading) come back as an outcome; a bug is raised.
    """
    try:
        latest = await _reread(declared, latest, around)
        got = await gather(declared.source.url, declared.fetch, declared.pages, latest.validators, around.fetcher)
        if got.snapshot is None or _same_bytes(got.snapshot, latest):
            return _unchanged(declared, latest, got, around)
        reading = await _read(got.snapshot, declared.read, known=latest.digest)
    except (FetchError, ReadError) as failure:
        return await _failed(declared, latest, failure, around)
    if reading.text.digest == latest.digest:
        return _unchanged(declared, latest, got, around)
    before = await around.writer.call(Archive.text, latest.source, latest.number) if latest.number else None
    verdict = gate(
        reading,
        url=got.snapshot.url,
        final_url=got.snapshot.final_url,
        status=got.snapshot.status,
        latest=latest,
        previous=before,
        rules=declared.gate,
    )
    if verdict.suspect and not (
        verdict.confirmable and confirmed(latest.suspicion, reading.text.digest, got.fetched_at, declared.gate)
    ):
        return await _suspect(declared, latest, got.snapshot, reading, verdict.reason or "suspect", around)
    change = await _compare(before, reading.text, around.rules) if before else None
    return await _record(declared, latest, got, reading, before, change, around)


async def check_listing(declared: Declaration, latest: Latest, around: Around) -> Checked:
    """One look at one listing: what it newly names becomes sources that are due at once. Like :func:`check_source`."""
    listing = declared.listing
    assert listing is not None  # noqa: S101  (timed_check dispatches on it)
    known = await around.writer.call(Archive.found, declared.source.id)
    named = {one.url for one in known}
    # Asked as a whole when our rules changed: what they choose now may have stood there before.
    validators = latest.validators if latest.reader == listing.rules.fingerprint else Validators()
    try:
        got, shown = await gather_listing(declared, validators, named, around.fetcher)
        if shown is None:
            return _unchanged(declared, latest, got, around)
        news = discover.news(
            declared.source.id,
            shown.items,
            known,
            max_new=listing.max_new,
            newest_first=shown.newest_first,
            whole=listing.rules.kind == "sitemap" and not shown.notes,
        )
    except (FetchError, ReadError) as failure:
        return await _failed(declared, latest, failure, around)
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
        reader=listing.rules.fingerprint,
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
        note=discover.told(news, len(kept), shown.notes),
        found=tuple(one.source for one in kept),
        alerts=len(alerts),
    )


async def check_all(
    declarations: Iterable[Declaration], latest: Mapping[str, Latest], around: Around, *, concurrency: int
) -> AsyncIterator[Checked]:
    """Check every source once, about ``concurrency`` at a time; yields each as it ends, in that order.

    Half as many again are started: the fetcher holds the number in flight, and a place at the network is not left empty
    while a page is being read.

    One failing source never stops the others. Everything is in the archive when the iteration ends.
    """
    waiting = iter(_by_turns(declarations))
    running: set[asyncio.Task[Checked]] = set()
    try:
        while True:
            while len(running) < concurrency + concurrency // 2 and (declared := next(waiting, None)) is not None:
                known = latest.get(declared.source.id, Latest(declared.source.id))
                running.add(asyncio.create_task(timed_check(declared, known, around)))
            if not running:
                break
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await around.writer.drain()


def _by_turns(declarations: Iterable[Declaration]) -> list[Declaration]:
    """One source of each host, then a second of each, and so on.

    Waiting for a host's turn takes up a place; so those of a crowded host come when the others have had theirs.
    """
    seen: Counter[str] = Counter()
    ranked = []
    for declared in declarations:
        host = urlsplit(declared.source.url).netloc
        ranked.append((seen[host], declared))
        seen[host] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [declared for _, declared in ranked]


async def timed_check(declared: Declaration, latest: Latest, around: Around) -> Checked:
    """:func:`check_source` with its wall time in ``ms``, and the boundary of one check: nothing is raised.

    Whatever goes wrong in it, the other sources are checked: a source that somebody else recorded meanwhile is skipped,
    a database that refuses this write is this source's failure, and a fault of ours is logged with its traceback.
    """
    started = time.perf_counter()
    source = declared.source.id
    try:
        look = check_source if declared.listing is None else check_listing
        checked = await look(declared, latest, around)
    except ClaimLost as lost:
        checked = Checked(source, Outcome.SKIPPED, latest.number, error=lost.message)
    except VariorumError as error:
        checked = Checked(source, Outcome.FAILED, latest.number, error=error.message, hint=error.hint)
    except Exception as bug:
        log.exception("%s: the check failed in a way it should not; please report this", source)
        checked = Checked(source, Outcome.FAILED, latest.number, error=f"unexpected {type(bug).__name__}: {bug}")
    return replace(checked, ms=round((time.perf_counter() - started) * 1000))


async def _reread(declared: Declaration, latest: Latest, around: Around) -> Latest:
    """When our reader changed, not their page: read the kept bytes again, so that the change is told as ours."""
    if latest.snapshot is None or latest.reader == declared.read.fingerprint:
        return latest
    snapshot = await around.writer.call(Archive.snapshot, latest.snapshot)
    try:
        reading: Reading | None = await _read(snapshot, declared.read)
    except ReadError:
        # The new rules find nothing in the old page; what they find in the new one is judged below.
        reading = None
    text = reading.text if reading is not None and reading.text.digest != latest.digest else None
    fingerprint, at = declared.read.fingerprint, around.now()
    told = (events.judge_reread(latest, at),) if text is not None else ()
    await around.writer.call(
        Archive.record_reread,
        latest.source,
        at,
        text,
        fingerprint,
        events=told,
        alerts=route(around.alerts, declared.source, told),
        owner=around.owner,
    )
    fresh = await around.writer.call(Archive.latest, [latest.source])
    # The validators belong to bytes that the new rules have perhaps never seen: ask for the whole page once.
    return replace(fresh[latest.source], validators=Validators())


def _unchanged(declared: Declaration, latest: Latest, got: Fetched, around: Around) -> Checked:
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


async def _failed(declared: Declaration, latest: Latest, failure: VariorumError, around: Around) -> Checked:
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


async def _suspect(
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


async def _record(
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


def _same_bytes(snapshot: Snapshot, latest: Latest) -> bool:
    """Whether the page is, to the byte, the one that the current text was read from: then so is its text.

    A header that names another encoding for the same bytes is no new wording.
    """
    same = len(snapshot.body) == latest.body_bytes and snapshot.body_digest == latest.body
    return same and not snapshot.pages


async def _read(snapshot: Snapshot, rules: ReadRules, known: str | None = None) -> Reading:
    selected = rules.select is not None or rules.xpath is not None
    if selected and len(snapshot.body) < LARGE_BODY_BYTES and not snapshot.pages:
        return read_pages(snapshot, rules, known)
    return await asyncio.to_thread(read_pages, snapshot, rules, known)


async def _compare(old: Text, new: Text, rules: Rules | None) -> Change:
    if max(len(old.text), len(new.text)) < LARGE_TEXT_CHARS:
        return compare(old, new, rules)
    return await asyncio.to_thread(compare, old, new, rules)
