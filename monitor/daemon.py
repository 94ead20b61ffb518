"""The daemon: an APScheduler tick claims what is due and starts checks; a signal ends it cleanly.

Due times live in the database, not in the scheduler, so a restart loses none. APScheduler's own shutdown *cancels*
running coroutine jobs and logs each as an error; so its jobs only start our tasks, which we own and end ourselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from monitor import discover, systemd
from monitor.check import timed_check
from monitor.clock import utc_now
from monitor.cluster.tasks import installed, on_postgresql, require
from monitor.compose import House, declare, house, lease_owner, replan, rules_of
from monitor.config.settings import WITHIN_S
from monitor.gather import patience_s
from monitor.pulse import Pulse
from monitor.staying import collect_often, heed_signals
from monitor.stillness import judge_stillness
from monitor.transfer import stamping
from storage import outbox
from storage.archive import Archive
from storage.engine import sqlite_file
from storage.errors import VariorumError
from storage.instance import only_instance
from storage.records import Latest, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from monitor.cluster.dispatch import Dispatch
    from monitor.cluster.working import Working
    from monitor.config import Declaration, Settings
    from monitor.endings import Checked

log = logging.getLogger("variorum.daemon")

TICK_S: Final = 1.0
HEARTBEAT_S: Final = 5.0
ASLEEP_S: Final = 120.0
"""A tick so long after the last one: the machine slept, and what it slept through is spread over the next minutes."""
LEASE_MARGIN_S: Final = 60.0
"""Added to the longest timeout: after that a claim is another's to take."""
STAMP_LOOK_S: Final = 300.0
"""How often it is looked whether a time-stamp is due, and a failed one tried again."""
DELIVERIES_S: Final = 2.0
"""How often the outbox is looked at for what others put there; what our own checks put there is sent at once."""
DIGEST_S: Final = 30.0
"""How often it is looked whether what is held may go: for a digest, after quiet hours, within a bound."""
QUIET_S: Final = 300.0
"""How often it is looked what has not moved for as long as a rule says."""
RETENTION_S: Final = 3600.0
DAEMON: Final = "daemon "
"""So begins the name under which a daemon claims."""
TAKE_BACK_EVERY_S: Final = 5.0
"""How often it is looked whether a worker died, where there are workers."""
STOP_WITHIN_S: Final = 6.0
"""How long running checks may take to end after a signal, before they are given back: all in all it takes ten."""
CLAIMS: Final = 20
"""How many times one tick claims again because a crowded host's sources were put off."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again: ``wake`` returns at once, and starts what takes time as a task of its own."""

    name: str
    every_s: float
    wake: Callable[[], Awaitable[None]]


class Daemon:
    """Claims due sources and checks them, never more at once than ``settings.concurrency``."""

    def __init__(
        self,
        parts: House,
        *,
        reload: Callable[[], Settings] | None = None,
        dispatch: Dispatch | None = None,
        working: Working | None = None,
    ) -> None:
        """``reload`` reads the configuration again, and raises ``ConfigError`` when it is wrong.

        With ``dispatch`` checks and letters are handed out to workers, of which ``working`` is the one in this process.
        """
        self._dispatch = dispatch
        self._working = working
        if working is not None:
            working.noted = self.noted
        self._parts = parts
        self._around = parts.around
        self._reload = reload
        self._running: dict[str, asyncio.Task[None]] = {}
        self._hosts: Counter[str] = Counter()
        self._ticking: asyncio.Task[int] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._reloading: asyncio.Task[bool] | None = None
        self._stamping: asyncio.Task[None] | None = None
        self._chores: dict[str, asyncio.Task[None]] = {}
        self._deliverer = parts.deliverer
        self._stopping = False
        health = parts.settings.health
        self.pulse = Pulse(self._around.now(), health.within_s if health else WITHIN_S)
        self._deliverer.pulse = self.pulse
        self._file_seen: object = None
        self._adopt(parts.settings)
        self._file_seen = self._file_stamp()

    def jobs(self) -> list[Job]:
        """What APScheduler is given."""
        every_s = min(HEARTBEAT_S, systemd.watchdog_s() or HEARTBEAT_S)
        jobs = [
            Job("tick", TICK_S, self.wake),
            Job("heartbeat", every_s, self.beat),
            Job("deliveries", DELIVERIES_S, self.deliver),
            Job("digest", DIGEST_S, partial(self._chore, "digest", self._digest)),
            Job("quiet", QUIET_S, partial(self._chore, "quiet", self._judge_quiet)),
            Job("retention", RETENTION_S, partial(self._chore, "retention", self._fold)),
        ]
        if self._dispatch is not None:
            take_back = partial(self._chore, "taking back", self._dispatch.take_back)
            jobs.append(Job("take back", TAKE_BACK_EVERY_S, take_back))
        authority = self._settings.timestamps
        if authority is not None and authority.every_s is not None:
            stamping.require_extra()
            jobs.append(Job("stamp", STAMP_LOOK_S, self.prove))
        return jobs

    @property
    def settings(self) -> Settings:
        """What it goes by now."""
        return self._settings

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The checks in flight."""
        return list(self._running.values())

    async def settled(self) -> None:
        """Return when the heartbeat that has begun, and the reload it asked for, have ended."""
        if self._beating is not None:
            await asyncio.wait([self._beating])
        if self._reloading is not None:
            await asyncio.wait([self._reloading])

    def _adopt(self, settings: Settings) -> None:
        self._settings = settings
        self._declared = {one.source.id: one for one in settings.declarations if one.enabled}
        self._around = replace(self._around, **rules_of(settings))
        if self._dispatch is not None:
            self._dispatch.adopt(settings)
        if self._working is not None:
            self._working.adopt(settings)
        slowest = max((patience_s(one) for one in self._declared.values()), default=30.0)
        self._lease_s = slowest + LEASE_MARGIN_S
        # No host may fill every place, so that a slow one never starves the others; one more each waits for its turn.
        self._per_host = max(1, min(settings.per_host * 2, self._parts.settings.concurrency // 2))
        if len({urlsplit(one.source.url).netloc for one in self._declared.values()}) <= 1:
            self._per_host = self._parts.settings.concurrency  # there is none to starve
        self.pulse.sources.set(len(self._declared))

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
        """Claim as many due sources as there are free places, and start their checks. Returns how many were started.

        Those of a host that has its share of places already are put off for as long as the host needs, and others are
        claimed in their stead.
        """
        now = self._around.now()
        passed_s = (now - self.pulse.ticked).total_seconds()
        if abs(passed_s) > ASLEEP_S:
            moved = await replan(self._settings, self._around.writer, now, self._around.dice)
            if passed_s > 0:
                log.warning("woke after %.0f s; %d overdue checks are spread", passed_s, moved)
            else:
                log.warning("the clock was set back by %.0f s; %d checks are planned anew", -passed_s, moved)
        if self._dispatch is not None:
            started = await self._dispatch.hand_out()
            self.pulse.tick(self._around.now(), self._dispatch.running)
            return started
        started = 0
        for _ in range(CLAIMS):
            free = self._parts.settings.concurrency - len(self._running)
            if self._stopping or free <= 0:
                break
            due = await self._around.writer.call(
                Archive.claim, self._around.now(), limit=free, lease_s=self._lease_s, owner=self._around.owner or ""
            )
            put_off = await self._start(due)
            started += len(due) - put_off
            if not put_off:
                break
        self.pulse.tick(self._around.now(), len(self._running))
        return started

    async def _start(self, due: list[str]) -> int:
        """Start checks of what was claimed; returns how many were put off because their host is crowded."""
        latest = await self._around.writer.call(Archive.latest, due)
        later: dict[str, datetime] = {}
        crowd: Counter[str] = Counter()
        now, gap_s = self._around.now(), max(1.0, self._settings.spacing_s)
        found = await self._found([source for source in due if source not in self._declared])
        for source in due:
            declared = self._declared.get(source) or found.get(source)
            if declared is None or source in self._running or self._stopping:
                later[source] = now + timedelta(seconds=HEARTBEAT_S)
                continue
            host = urlsplit(declared.source.url).netloc
            if host and self._hosts[host] >= self._per_host:
                crowd[host] += 1
                later[source] = now + timedelta(seconds=gap_s * (self._per_host + crowd[host]))
                continue
            self._hosts[host] += 1
            task = asyncio.create_task(self._check(declared, latest[source]), name=f"check {source}")
            self._running[source] = task
            task.add_done_callback(partial(self._ended, source, host))
        if later:
            await self._around.writer.call(Archive.postpone, later, self._around.owner or "")
        return len(later)

    async def _found(self, names: list[str]) -> dict[str, Declaration]:
        """How to look at sources that listings found, asked when they are due: they may be many, and come at any time."""
        if not names or not self._settings.listings:
            return {}
        found = await self._around.writer.call(Archive.found, ids=names)
        return {one.source.id: one for one in discover.declared(self._settings, found) if one.enabled}

    def _ended(self, source: str, host: str, _: asyncio.Task[None]) -> None:
        self._running.pop(source, None)
        self._hosts[host] -= 1
        if self._hosts[host] <= 0:
            del self._hosts[host]

    async def beat(self) -> None:
        """What the scheduler calls every few seconds: signs of life, and a look at whether the file changed."""
        if not self.pulse.faults(self._around.now()):
            # A loop that only pretends to live is what the watchdog is there to end.
            systemd.notify("WATCHDOG=1", f"STATUS={len(self._declared)} sources, {len(self._running)} checks running")
        if self._stopping or (self._beating is not None and not self._beating.done()):
            return
        self._beating = asyncio.create_task(self._beat(), name="heartbeat")

    async def deliver(self) -> None:
        """What the scheduler calls: look at the outbox."""
        if self._dispatch is not None:
            await self._chore("deliveries", self._dispatch.letters)
        else:
            self._deliverer.wake()

    async def _chore(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """What the scheduler calls: start a task of our own, unless the one before still runs; a failure is logged."""
        before = self._chores.get(name)
        if self._stopping or (before is not None and not before.done()):
            return

        async def done() -> None:
            try:
                await work()
            except VariorumError as error:
                log.error("%s failed; trying again later: %s", name, error)

        self._chores[name] = asyncio.create_task(done(), name=name)

    async def _digest(self) -> None:
        if await self._deliverer.collect():
            await self.deliver()
        self.pulse.outbox(await self._around.writer.call(outbox.states))

    async def _judge_quiet(self) -> None:
        if await judge_stillness(self._settings.alerts, self._around.writer, self._around.now()):
            await self.deliver()

    async def _fold(self) -> None:
        if count := await self._deliverer.fold():
            log.info("%d letters that were sent long ago are forgotten", count)

    async def prove(self) -> None:
        """What the scheduler calls: see on a thread, where it may wait for the authority, whether a stamp is due."""
        if self._stopping or (self._stamping is not None and not self._stamping.done()):
            return
        due = asyncio.to_thread(stamp, self._parts.archive, self._settings, self._around.now())
        self._stamping = asyncio.create_task(due, name="stamp")

    async def _beat(self) -> None:
        with contextlib.suppress(VariorumError):
            self.pulse.due(self._around.now(), await self._around.writer.call(Archive.next_due_at))
        if self._reload is not None and (stamp := self._file_stamp()) != self._file_seen and stamp is not None:
            self.ask_reload()

    def _file_stamp(self) -> object:
        try:
            found = self._settings.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def ask_reload(self) -> None:
        """Read the configuration again, soon; a second request while it is read is the first one's."""
        if self._stopping or self._reload is None or (self._reloading is not None and not self._reloading.done()):
            return
        self._reloading = asyncio.create_task(self.reload(), name="reload")

    async def reload(self) -> bool:
        """Read the configuration again and go by it; a wrong one is refused and told, and the old one goes on."""
        assert self._reload is not None  # noqa: S101  (asked for by ask_reload only)
        systemd.reloading()
        self._file_seen = self._file_stamp()
        try:
            settings = await asyncio.to_thread(self._reload)
            renamed = await declare(settings, self._around.writer, self._around.now(), self._around.dice)
            await self._deliverer.adopt(settings)
        except VariorumError as error:
            self.pulse.refused = error.message
            self.pulse.reloads.labels("refused").inc()
            hint = f" ({error.hint})" if error.hint else ""
            log.error("the configuration is refused, the old one goes on: %s%s", error.message, hint)
            return False
        except Exception:
            self.pulse.refused = "a fault of Variorum's"
            log.exception("reading the configuration failed in a way it should not; the old one goes on")
            return False
        finally:
            systemd.notify("READY=1")
        self._told_reload(settings, renamed)
        self._adopt(settings)
        self.pulse.refused = None
        self.pulse.reloads.labels("done").inc()
        return True

    def _told_reload(self, settings: Settings, renamed: list[str]) -> None:
        old = {one.source.id for one in self._settings.declarations}
        new = {one.source.id for one in settings.declarations}
        gone = len(old - new) - len(renamed)
        log.info("configuration read again: %d added, %d retired, %d renamed, %d watched",
                 len(new - old) - len(renamed), gone, len(renamed), len(new))  # fmt: skip
        for key in ("database", "concurrency", "per_host", "spacing_s", "health", "web"):
            if getattr(settings, key) != getattr(self._parts.settings, key):
                log.warning("%s was changed: it takes effect at the next start", key)

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """No more claims; let running checks end; give back those that do not within ``within_s`` seconds."""
        self._stopping = True
        systemd.notify("STOPPING=1")
        if self._working is not None:
            await self._working.stop()
        letters = asyncio.create_task(self._deliverer.stop(within_s), name="stop deliveries")
        try:
            await self._stop_checks(within_s)
        finally:
            await letters

    async def _stop_checks(self, within_s: float) -> None:
        begun = [task for task in (self._ticking, self._beating, self._reloading, self._stamping) if task is not None]
        begun += self._chores.values()
        if begun:
            await asyncio.wait(begun, timeout=within_s / 3)
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
            await self._around.writer.call(Archive.release, unfinished, self._around.owner or "")
            log.info("gave back %d unfinished checks", len(unfinished))

    def noted(self, checked: Checked) -> None:
        """A check has ended, in this process."""
        self.pulse.check(self._around.now(), checked.outcome, checked.ms)
        told(checked)

    async def _check(self, declared: Declaration, latest: Latest) -> None:
        checked = await timed_check(declared, latest, self._around)
        self.noted(checked)
        if checked.alerts:
            try:
                await self._around.writer.drain()  # what an unchanged check tells of is written with others
            except VariorumError as error:
                log.error("noting unchanged checks failed; they will be looked at again: %s", error)
            self._deliverer.wake()


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


def stamp(archive: Archive, settings: Settings, now: datetime) -> None:
    """Have new chain heads stamped when it is time; a failure is logged, and tried again with the next look."""
    if settings.timestamps is None:
        return
    try:
        made = stamping.obtain_when_due(archive, settings.timestamps, settings.fetch, now)
    except VariorumError as error:
        log.warning("no time-stamp: %s", error)
    else:
        if made is not None:
            log.info("time-stamp %d over %d chain heads", made.number, made.heads)


async def run(
    settings: Settings,
    *,
    reload: Callable[[], Settings] | None = None,
    stop: asyncio.Event | None = None,
    now: Callable[[], datetime] = utc_now,
    works: bool = True,
) -> None:
    """Run until SIGTERM or SIGINT (or ``stop`` is set), then end cleanly; SIGHUP or a changed file calls ``reload``.

    On PostgreSQL with the extra ``cluster`` checks and letters become tasks; ``works`` says whether this process is one
    of those that run them. Raises ``StorageError`` at the start only, and ``UsageError`` when nobody would work.
    """
    collect_often()
    stop = stop or asyncio.Event()
    if not works:
        require(settings.database)
    with only_instance(settings.database):
        if on_postgresql(settings.database) and installed():
            await _lead(settings, reload, stop, now, works=works)
        else:
            if on_postgresql(settings.database):
                log.info("checks are made in this process; workers need the extra: pip install 'variorum[cluster]'")
            async with house(settings, now=now, owner=f"{DAEMON}{lease_owner()}") as parts:
                if sqlite_file(settings.database) is not None:
                    # We are the only daemon of this file: one that was killed left letters under leases nobody holds.
                    await parts.around.writer.call(outbox.release_of_kind, DAEMON)
                await _live(Daemon(parts, reload=reload), settings, stop, now)
    log.info("stopped")


async def _lead(
    settings: Settings,
    reload: Callable[[], Settings] | None,
    stop: asyncio.Event,
    now: Callable[[], datetime],
    *,
    works: bool,
) -> None:
    """Hand out checks and letters as tasks, and run some of them."""
    from monitor.cluster.dispatch import Dispatch
    from monitor.cluster.tasks import tasks_at
    from monitor.cluster.working import Alive, Working, forgetting

    alive = Alive()
    asyncio.get_running_loop().set_exception_handler(forgetting)
    async with (
        tasks_at(settings.database) as tasks,
        house(settings, now=now, owner=lease_owner(), still=alive.still) as parts,
    ):
        working = Working(parts, tasks, alive) if works else None
        daemon = Daemon(parts, reload=reload, dispatch=Dispatch(parts, tasks), working=working)
        running = asyncio.create_task(working.run(), name="tasks") if working is not None else None
        try:
            await _live(daemon, settings, stop, now)
        finally:
            if working is not None and running is not None:
                await working.stop()
                await running


async def _live(daemon: Daemon, settings: Settings, stop: asyncio.Event, now: Callable[[], datetime]) -> None:
    from monitor.web.serving import health_served, room_served

    heed_signals(stop=stop.set, reload=daemon.ask_reload)
    async with health_served(settings.health, daemon.pulse, now), room_served(settings, lambda: daemon.settings):
        scheduler = AsyncIOScheduler(timezone="UTC")
        for job in daemon.jobs():
            # Without a grace time APScheduler drops a run that starts a second late, with no more than a warning.
            scheduler.add_job(
                job.wake,
                "interval",
                seconds=job.every_s,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
                id=job.name,
            )
        scheduler.start()
        log.info("watching %d sources, database %s", len(settings.declarations), settings.shown_database)
        systemd.notify("READY=1")
        for job in daemon.jobs():
            await job.wake()  # the scheduler's first time is an interval away
        await stop.wait()
        scheduler.pause()
        for _ in range(3):  # a job that was begun this very moment ends: shutdown would cancel it, and log an error
            await asyncio.sleep(0)
        scheduler.shutdown(wait=False)
        await daemon.stop()
