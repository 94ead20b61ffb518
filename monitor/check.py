"""One look at one source, from due to recorded: ``check_source`` is the way of the data.

The command line, the daemon, workers, the demonstration and the tests all come here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor import discover, endings, events
from monitor.alerts.rules import route
from monitor.differ import compare
from monitor.endings import Around, Checked
from monitor.gather import gather, gather_listing, read_pages
from monitor.read.gate import confirmed, gate
from storage.archive import Archive, ClaimLost
from storage.errors import FetchError, ReadError, VariorumError
from storage.records import Change, Latest, Outcome, Snapshot, Text, Validators

if TYPE_CHECKING:
    from monitor.config import Declaration
    from monitor.differ.lexicon import Rules
    from monitor.read import Reading, ReadRules

log = logging.getLogger("variorum.check")

LARGE_BODY_BYTES: Final = 100_000
LARGE_TEXT_CHARS: Final = 20_000
"""From these sizes on, reading and differing leave the event loop, which must not be held for more than 50 ms."""


async def check_source(declared: Declaration, latest: Latest, around: Around) -> Checked:
    """One look at one source, from due to recorded.

    Expected failures (fetching, reading) come back as an outcome; a bug is raised.
    """
    try:
        latest = await _reread(declared, latest, around)
        got = await gather(declared.source.url, declared.fetch, declared.pages, latest.validators, around.fetcher)
        if got.snapshot is None or _same_bytes(got.snapshot, latest):
            return endings.unchanged(declared, latest, got, around)
        reading = await _read(got.snapshot, declared.read, known=latest.digest)
    except (FetchError, ReadError) as failure:
        return await endings.failed(declared, latest, failure, around)
    if reading.text.digest == latest.digest:
        return endings.unchanged(declared, latest, got, around)
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
        return await endings.suspect(declared, latest, got.snapshot, reading, verdict.reason or "suspect", around)
    change = await _compare(before, reading.text, around.rules) if before else None
    return await endings.recorded(declared, latest, got, reading, before, change, around)


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
            return endings.unchanged(declared, latest, got, around)
        news = discover.news(
            declared.source.id,
            shown.items,
            known,
            max_new=listing.max_new,
            newest_first=shown.newest_first,
            whole=listing.rules.kind == "sitemap" and not shown.notes,
        )
    except (FetchError, ReadError) as failure:
        return await endings.failed(declared, latest, failure, around)
    return await endings.listed(declared, latest, got, shown.notes, news, around)


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
