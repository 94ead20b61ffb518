"""The daemon: an APScheduler tick claims what is due and starts checks; a signal ends it cleanly.

Due times live in the database, not in the scheduler, so a restart loses none. APScheduler's own shutdown *cancels*
running coroutine jobs and logs each as an error; so its jobs only start our tasks, which we own and end ourselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from functools import partial
from typing import TYPE_CHECKING, Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor import discover
from monitor.check import Checked, timed_check
from monitor.clock import utc_now
from monitor.compose import House, house, lease_owner
from monitor.gather import patience_s
from monitor.transfer import stamping
from storage.archive import Archive
from storage.errors import VariorumError
from storage.records import Latest, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from monitor.config import Declaration, Settings

log = logging.getLogger("variorum.daemon")

TICK_S: Final = 1.0
LEASE_MARGIN_S: Final = 60.0
"""Added to the longest timeout: after that a claim is another's to take."""
STAMP_LOOK_S: Final = 300.0
"""How often it is looked whether a time-stamp is due, and a failed one tried again."""
STOP_WITHIN_S: Final = 10.0
"""How long running checks may take to end after a signal, before they are given back."""


class Daemon:
    """Claims due sources and checks them, never more at once than ``settings.concurrency``."""

    def __init__(self, parts: House) -> None:
        self._parts = parts
        self._declared = {one.source.id: one for one in parts.settings.declarations if one.enabled}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._ticking: asyncio.Task[int] | None = None
        self._stopping = False
        slowest = max((patience_s(one) for one in self._declared.values()), default=30.0)
        self._lease_s = slowest + LEASE_MARGIN_S

    async def wake(self) -> None:
        """What the scheduler calls: start a tick of our own, unless one is still claiming or we are stopping.

        A coroutine, because APScheduler runs plain functions on a thread; it returns at once, so that its shutdown
        has nothing to cancel.
        """
        if self._stopping or (self._ticking is not None and not self._ticking.done()):
            return
        self._ticking = asyncio.create_task(self.tick(), name="tick")
        self._ticking.add_done_callback(_log_failed_tick)

    async def tick(self) -> int:
        """Claim as many due sources as there are free places, and start their checks. Returns how many."""
        free = self._parts.settings.concurrency - len(self._running)
        if self._stopping or free <= 0:
            return 0
        around = self._parts.around
        due = await around.writer.call(
            Archive.claim, around.now(), limit=free, lease_s=self._lease_s, owner=around.owner or ""
        )
        latest = await around.writer.call(Archive.latest, due)
        found = await self._found([source for source in due if source not in self._declared])
        for source in due:
            declared = self._declared.get(source) or found.get(source)
            if declared is None or source in self._running:
                continue
            task = asyncio.create_task(self._check(declared, latest[source]), name=f"check {source}")
            self._running[source] = task
            task.add_done_callback(partial(self._ended, source))
        return len(due)

    async def _found(self, names: list[str]) -> dict[str, Declaration]:
        """How to look at sources that listings found, asked when they are due: they may be many, and come at any time."""
        if not names or not self._parts.settings.listings:
            return {}
        found = await self._parts.around.writer.call(Archive.found, ids=names)
        return {one.source.id: one for one in discover.declared(self._parts.settings, found) if one.enabled}

    def _ended(self, source: str, _: asyncio.Task[None]) -> None:
        self._running.pop(source, None)

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """No more claims; let running checks end; give back those that do not within ``within_s`` seconds."""
        self._stopping = True
        if self._ticking is not None:
            await asyncio.wait([self._ticking])
        running = dict(self._running)
        if not running:
            return
        log.info("stopping: %d checks are still running", len(running))
        _, late = await asyncio.wait(running.values(), timeout=within_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        unfinished = [source for source, task in running.items() if task in late]
        if unfinished:
            around = self._parts.around
            await around.writer.call(Archive.release, unfinished, around.owner or "")
            log.info("gave back %d unfinished checks", len(unfinished))

    async def _check(self, declared: Declaration, latest: Latest) -> None:
        told(await timed_check(declared, latest, self._parts.around))


def _log_failed_tick(tick: asyncio.Task[int]) -> None:
    if not tick.cancelled() and (error := tick.exception()) is not None:
        log.error("claiming due sources failed; trying again in %g s: %s", TICK_S, error)


def told(checked: Checked) -> None:
    """Log one check: loudly when it found something, quietly when it did not."""
    if checked.error:
        log.warning("%s: %s: %s", checked.source, checked.outcome.value, checked.error)
    elif checked.note is not None:
        log.info("%s: %s", checked.source, checked.note)
    elif checked.outcome in (Outcome.UNCHANGED, Outcome.NOT_MODIFIED):
        log.debug("%s: %s in %d ms", checked.source, checked.outcome.value, checked.ms)
    else:
        severity = f", {checked.severity.label}" if checked.severity else ""
        silent = ", silently" if checked.silent else ""
        log.info("%s: %s, version %s%s%s", checked.source, checked.outcome.value, checked.version, severity, silent)


def stamp(parts: House, now: Callable[[], datetime]) -> None:
    """Have new chain heads stamped when it is time; a failure is logged, and tried again with the next look."""
    settings = parts.settings
    assert settings.timestamps is not None  # noqa: S101  (the job is only made with one)
    try:
        made = stamping.obtain_when_due(parts.archive, settings.timestamps, settings.fetch, now())
    except VariorumError as error:
        log.warning("no time-stamp: %s", error)
    else:
        if made is not None:
            log.info("time-stamp %d over %d chain heads", made.number, made.heads)


async def run(settings: Settings, *, stop: asyncio.Event | None = None, now: Callable[[], datetime] = utc_now) -> None:
    """Run until SIGTERM or SIGINT (or ``stop`` is set), then end cleanly. Raises ``StorageError`` at the start only."""
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, ValueError):  # not the main thread, or no signals here
            loop.add_signal_handler(number, stop.set)
    async with house(settings, now=now, owner=lease_owner()) as parts:
        daemon = Daemon(parts)
        scheduler = AsyncIOScheduler(timezone="UTC")
        # Without a grace time APScheduler drops a run that starts a second late, with no more than a warning.
        scheduler.add_job(
            daemon.wake, "interval", seconds=TICK_S, coalesce=True, max_instances=1, misfire_grace_time=None, id="tick"
        )
        if settings.timestamps is not None and settings.timestamps.every_s is not None:
            stamping.require_extra()
            # A plain function: APScheduler runs it on a thread, where it may wait for the authority.
            scheduler.add_job(
                partial(stamp, parts, now), "interval", seconds=STAMP_LOOK_S, coalesce=True, max_instances=1,
                misfire_grace_time=None, id="stamp", next_run_time=utc_now(),
            )  # fmt: skip
        scheduler.start()
        log.info("watching %d sources, database %s", len(settings.declarations), settings.shown_database)
        await daemon.wake()
        await stop.wait()
        scheduler.shutdown(wait=False)
        await daemon.stop()
    log.info("stopped")
