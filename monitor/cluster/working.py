"""What a worker does: it runs errands, with the same functions as a daemon in one process.

Two things keep errands apart that are run twice, by one who was cut off and by who took over. The lease on the source
goes from hand to hand under names used once, so only one of them can write. And before each request a worker asks
itself whether it was seen alive all the time since the errand began; else its turn at the host may be another's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from monitor import discover
from monitor.check import timed_check
from monitor.cluster.dispatch import stalled_s
from monitor.cluster.tasks import BATCH, CHECKS, LETTERS, give_back, lease_of
from monitor.cluster.together import Together
from monitor.compose import rules_of
from monitor.gather import patience_s
from storage import outbox
from storage.archive import Archive, ClaimLost
from storage.due import HandedOver
from storage.errors import VariorumError
from storage.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from procrastinate import App, JobContext
    from procrastinate.jobs import Job
    from procrastinate.retry import BaseRetryStrategy

    from monitor.cluster.tasks import Tasks
    from monitor.compose import House
    from monitor.config import Declaration, Settings
    from monitor.endings import Checked
    from storage.records import Latest

log = logging.getLogger("variorum.worker")

BEAT_S: Final = 5.0
SURE_S: Final = 20.0
"""For so long after its last sign of life a worker may be sure that nobody took its tasks; less than ``STALLED_S``."""
POLL_S: Final = 0.25
"""How often an idle worker looks for tasks."""
AGAIN_S: Final = 1.0
"""How long it waits before it turns to a database again that did not answer."""
LEASE_MARGIN_S: Final = 60.0
LETTERS_S: Final = 600.0
"""How long one task sends letters; what is left then is another task's."""
TRIES: Final = 5
"""How often an errand is tried that could not be begun, as the database did not answer."""
STOP_WITHIN_S: Final = 6.0
JOBS: Final = 3
"""Errands under way for each place at the network: most of them let their host rest, and hold no place."""
UNKNOWN_S: Final = 5.0
AFTER_FAULT_S: Final = 30.0

_begun: ContextVar[float] = ContextVar("begun")


class Resting(Exception):
    """Stopped while a host is to be left alone: its lock must be held until then."""

    def __init__(self, left_s: float) -> None:
        super().__init__(f"{left_s:.1f} s are left")
        self.left_s = left_s


class Alive:
    """Whether this process was seen alive, by the database, for as long as its tasks depend on it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` goes on while the process is stopped."""
        self._monotonic = monotonic
        self._seen = monotonic()
        self._since = self._seen

    def seen(self, at: float) -> None:
        """A sign of life was taken; it was sent at that moment."""
        if at - self._seen > SURE_S:
            self._since = at  # what was begun before may be another's
        self._seen = at

    def lost(self) -> None:
        """The tasks begun so far are no longer ours."""
        self._since = self._monotonic()

    def still(self) -> None:
        """Raise ``ClaimLost`` when the task that this is called in may have been taken back."""
        now = self._monotonic()
        begun = _begun.get(None)
        if begun is None:
            return  # not in a task: nobody takes that over
        if now - self._seen > SURE_S or begun < self._since:
            raise ClaimLost("this worker was cut off meanwhile; others look instead")


class Hand(Protocol):
    """procrastinate's worker, which says in ``ending`` that it is to end."""

    ending: asyncio.Event
    worker_id: int | None

    async def run(self) -> None:
        """Run tasks until it is stopped, and those under way have ended."""

    def stop(self) -> None:
        """Take no more."""


class Working:
    """Runs tasks until it is stopped. ``alive`` is what the fetcher of ``parts`` asks before each request."""

    def __init__(
        self, parts: House, tasks: Tasks, alive: Alive, *, noted: Callable[[Checked], None] = lambda _: None
    ) -> None:
        self._parts = parts
        self._around = parts.around
        self._tasks = tasks
        self._alive = alive
        self.noted = noted
        self._worker: Hand | None = None
        self._stopping = False
        self._take_over = Together(self._taken_over, most=BATCH)
        self._suspected: set[int] = set()
        self._places = parts.settings.concurrency * JOBS
        tasks.hands.room = lambda: self._places - len(tasks.hands.held)
        tasks.hands.lost = self._end_worker
        parts.deliverer.only_asked = True
        self.adopt(parts.settings)
        again = _strategy()
        tasks.app.task(name="check", queue=CHECKS, pass_context=True, retry=again)(self._check)
        tasks.app.task(name="letters", queue=LETTERS, retry=again)(self._letters)

    def adopt(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._settings = settings
        self._declared = {one.source.id: one for one in settings.declarations if one.enabled}
        self._around = replace(self._around, **rules_of(settings))

    async def run(self) -> None:
        """Run tasks; when the database does not answer, wait until it does."""
        from procrastinate.exceptions import ConnectorException

        down = False
        while not self._stopping:
            self._worker = worker = _worker(
                self._tasks.app,
                queues=[CHECKS, LETTERS],
                concurrency=self._places,
                install_signal_handlers=False,
                shutdown_graceful_timeout=STOP_WITHIN_S,
                delete_jobs="always",
                listen_notify=False,
                fetch_job_polling_interval=POLL_S,
                stalled_worker_timeout=stalled_s(self._settings),
            )
            self._alive.seen(time.monotonic())
            beating = asyncio.create_task(self._beat(worker), name="signs of life")
            try:
                await self._ran(worker)
            except ConnectorException as error:
                if not down and not self._stopping:
                    log.warning("the task queue does not answer; trying again: %s", error.__cause__ or error)
                down = True
            else:
                down = False
            finally:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)
                await self._let_go()
            if not self._stopping:
                await asyncio.sleep(AGAIN_S)

    async def _ran(self, worker: Hand) -> None:
        """Run until the worker ends. Once it is to end that is bounded, whatever its tasks hang on.

        It is not only told so by us: procrastinate's own worker ends when one of its signs of life could not be given,
        or no task be taken.
        """
        running = asyncio.create_task(worker.run(), name="worker")
        ending = asyncio.create_task(worker.ending.wait())
        try:
            await asyncio.wait([running, ending], return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await asyncio.wait([running], timeout=STOP_WITHIN_S * 1.5)
            if running.done():
                await running
                return
            log.warning("some tasks do not end; others take them over")
            self._alive.lost()
        finally:
            ending.cancel()
            for _ in range(2):  # once for the worker, once for the loop that it awaits then
                running.cancel()
                await asyncio.wait([running], timeout=0.1)

    async def _let_go(self) -> None:
        """Give back what was taken and not begun. What cannot be given back now is taken back by the daemon."""
        hands = self._tasks.hands
        with suppress(VariorumError):
            while hands.unbegun:
                job = hands.unbegun.popleft()
                hands.held.discard(job.id or 0)
                await give_back(self._tasks, self._around.writer, job)
        hands.unbegun.clear()
        hands.held.clear()  # one that was cancelled before it began never says that it ended, and would fill a place

    async def stop(self) -> None:
        """Take no more tasks; ``run`` returns when those under way have ended, which is bounded."""
        self._stopping = True
        self._end_worker()

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()

    async def _beat(self, worker: Hand) -> None:
        """Give signs of life. Who was struck from the list meanwhile begins anew, under another number."""
        from procrastinate.exceptions import ConnectorException, NoResult

        sign = "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(id)s RETURNING id"
        while True:
            if worker.worker_id is not None:
                at = time.monotonic()
                try:
                    await self._tasks.app.connector.execute_query_one_async(sign, id=worker.worker_id)
                    self._alive.seen(at)
                    await self._reckon(worker.worker_id)
                except NoResult:
                    log.warning("was cut off for so long that others took over; beginning anew")
                    self._alive.lost()
                    worker.stop()
                    return
                except (ConnectorException, VariorumError):
                    pass  # the fetcher stops asking by itself, when it has lasted
            await asyncio.sleep(BEAT_S)

    async def _reckon(self, worker: int) -> None:
        """Give back what is written as ours though we are not at it: its end could not be noted.

        Seen twice, at two signs of life: what was fetched or ended just now is on its way between us and the list.
        """
        lost = {job.id: job for job in await self._tasks.of_worker(worker) if job.id not in self._tasks.hands.held}
        for number in self._suspected & lost.keys():
            await give_back(self._tasks, self._around.writer, lost.pop(number))
        self._suspected = {number for number in lost if number is not None}

    # tasks

    async def _check(self, context: JobContext, source: str, claim: str) -> None:
        owner = lease_of(claim, context.job.id or 0)
        try:
            # A second try takes over from the first, which may have looked and could not note it.
            await self._look(source, (claim, owner) if context.job.attempts else (claim,), owner)
        except asyncio.CancelledError:
            # Wherever it was: under the errand's lease still, or under its own.
            for held in (claim, owner):
                await self._around.writer.call(Archive.release, [source], held)
            declared = self._declared.get(source)
            left_s = self._around.fetcher.rest_s(declared.source.url) if declared is not None else 0.0
            if left_s > 0:
                raise Resting(left_s) from None
            raise

    async def _look(self, source: str, held_by: tuple[str, ...], owner: str) -> None:
        _begun.set(time.monotonic())
        now = self._around.now()
        declared = self._declared.get(source) or await self._found(source)
        if declared is None:  # our configuration is older than the daemon's, or newer
            later = {source: now + timedelta(seconds=UNKNOWN_S)}
            await self._around.writer.call(Archive.postpone, later, held_by[0])
            return
        lease_s = patience_s(declared) + LEASE_MARGIN_S
        latest = await self._take_over(HandedOver(source, held_by, owner, lease_s))
        if latest is None:
            return  # the errand is an old one
        checked = await timed_check(declared, latest, replace(self._around, owner=owner))
        try:
            await self._settle(checked, owner)
        except VariorumError:
            await self._rest(declared)
            raise
        await self._rest(declared)

    async def _settle(self, checked: Checked, owner: str) -> None:
        """The task ends when its check is on the disk: who is killed before leaves a task behind, which is taken back."""
        await self._around.writer.written()
        if checked.outcome is Outcome.SKIPPED:
            await self._around.writer.call(Archive.release, [checked.source], owner)
        elif checked.outcome is Outcome.FAILED:
            # Nothing, where it was noted. Where it could not be, or is a fault of ours, it is looked at again, not at
            # once; where that cannot be noted either, the errand is tried again.
            soon = {checked.source: self._around.now() + timedelta(seconds=AFTER_FAULT_S)}
            await self._around.writer.call(Archive.postpone, soon, owner)
        self.noted(checked)
        if checked.alerts:
            await self._tell()

    async def _rest(self, declared: Declaration) -> None:
        """Hold the lock on the host until it may be asked again, by whomever."""
        await asyncio.sleep(self._around.fetcher.rest_s(declared.source.url))

    async def _taken_over(self, wanted: Sequence[HandedOver]) -> list[Latest | None]:
        found = await self._around.writer.call(Archive.take_over, wanted, self._around.now())
        return [found.get(one.owner) for one in wanted]

    async def _found(self, source: str) -> Declaration | None:
        """How to look at what a listing found."""
        if not self._settings.listings:
            return None
        found = await self._around.writer.call(Archive.found, ids=[source])
        return next((one for one in discover.declared(self._settings, found) if one.enabled), None)

    async def _tell(self) -> None:
        """Have sent what a check tells of. What fails here is looked for by the daemon, every few seconds."""
        try:
            await self._around.writer.drain()  # what an unchanged check tells of is written with others
            due = await self._around.writer.call(outbox.channels_due, self._around.now())
            await self._tasks.ask_letters(due)
        except VariorumError as error:
            log.warning("alerts wait for the daemon's next look: %s", error)

    async def _letters(self, channel: str) -> None:
        await self._parts.deliverer.drain(LETTERS_S, only=channel)


def _worker(app: App, **how: Any) -> Hand:
    from procrastinate.worker import Worker

    class Ending(Worker):
        """Says that it is to end, whoever wants that."""

        def __init__(self) -> None:
            super().__init__(app, **how)
            self.ending = asyncio.Event()

        def stop(self) -> None:
            self.ending.set()
            super().stop()  # type: ignore[no-untyped-call]

    return Ending()


def _strategy() -> BaseRetryStrategy:
    from procrastinate import BaseRetryStrategy, RetryDecision

    from monitor.clock import utc_now

    class Again(BaseRetryStrategy):
        """What could not be begun is tried again, later and later; a host that rests keeps its lock until it has rested."""

        def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
            if isinstance(exception, Resting):
                return RetryDecision(retry_at=utc_now() + timedelta(seconds=exception.left_s), priority=SOON_ENOUGH)
            if isinstance(exception, VariorumError) and job.attempts < TRIES:
                return RetryDecision(retry_at=utc_now() + timedelta(seconds=2**job.attempts))
            return None

    return Again()


SOON_ENOUGH: Final = 1
"""Before what waits for the same host: procrastinate lets nothing past it, due or not."""


def forgetting(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the loop does with errors that nobody awaits: a task whose end could not be noted is taken back by itself."""
    from procrastinate.exceptions import ConnectorException

    if isinstance(error := context.get("exception"), ConnectorException | VariorumError):
        log.debug("not noted: %s", error.__cause__ or error)
        return
    loop.default_exception_handler(context)
