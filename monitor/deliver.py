"""The outbox emptied: what waits is put into letters, letters are attempted, failures are tried again or given up.

Every channel has places of its own, so that a slow one never starves the others; every attempt is bounded in time. A
letter is claimed under a lease before it is sent and noted after: a crash in between repeats it, with the same id, when
the lease has run out. Nothing here is lost by a crash, and nothing is sent by two processes at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from monitor.alerts import Letter, Links, Notice
from monitor.alerts.timing import Policy, next_attempt, plan
from monitor.render.about import about_of
from monitor.render.addresses import folder
from monitor.sides import compared, differ_rules, kept_side
from storage import outbox
from storage.errors import DeliveryError, VariorumError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.alerts import Channel
    from monitor.config import Settings
    from monitor.differ.lexicon import Rules
    from monitor.pulse import Pulse
    from monitor.writer import Writer
    from storage.records import Alert, Delivery

    Opener = Callable[[str, Mapping[str, Any]], Channel]

log = logging.getLogger("variorum.deliver")

PLACES: Final = 4
"""Letters that one channel sends at once."""
ATTEMPT_S: Final = 60.0
"""How long an attempt may take in all, whatever the channel thinks of it."""
LEASE_S: Final = ATTEMPT_S + 30.0
LOOK_S: Final = 2.0
"""How often ``drain`` looks at the outbox while letters are being sent."""
STOP_WITHIN_S: Final = 6.0
KEPT_FOR: Final = timedelta(days=30)
"""Letters that were sent are forgotten after so long: they are no evidence, the alerts in them are, and stay."""


def open_channel(name: str, told: Mapping[str, Any]) -> Channel:
    """The channel that its validated mapping in the configuration describes. Loads what that kind needs, and no more."""
    opener = import_module("monitor.alerts.channels").open_channel
    return cast("Channel", opener(name, told))


@dataclass(frozen=True, slots=True)
class Tried:
    """How one attempt ended. ``state``: ``sent``, ``failed`` (it is tried again) or ``dead``."""

    letter: str
    channel: str
    state: str
    error: str | None = None


class Deliverer:
    """Empties the outbox over the channels of the settings. Belongs to one event loop; close it with ``stop``."""

    def __init__(
        self,
        settings: Settings,
        writer: Writer,
        *,
        now: Callable[[], datetime],
        owner: str,
        dice: Callable[[], float] = random.random,
        opener: Opener = open_channel,
        attempt_s: float = ATTEMPT_S,
    ) -> None:
        self._writer = writer
        self._now = now
        self._owner = owner
        self._dice = dice
        self._opener = opener
        self._attempt_s = attempt_s
        self._open: dict[str, Channel] = {}
        self._running: dict[asyncio.Task[None], Delivery] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._stopping = False
        self._again = False
        self._round: asyncio.Task[int] | None = None
        self.tried: list[Tried] | None = None
        """Where attempts are noted, for who wants to tell of them; None: nowhere."""
        self.pulse: Pulse | None = None
        self.only_asked = False
        """Whether it looks at the outbox only when it is asked to; else also when a place became free."""
        self._take(settings)

    def _take(self, settings: Settings) -> None:
        self._settings = settings
        self._told = dict(settings.channels_told)
        policies = dict(settings.policies)
        self._planners = {
            name: (policy.window_s, self._planner(policy))
            for name, policy in ((name, policies.get(name, Policy())) for name in self._told)
        }
        self._rules: Rules | None = differ_rules(settings)
        self._pages = {one.source.id: one.shown_url for one in settings.declarations if one.shown_url}

    def _planner(self, policy: Policy) -> outbox.Planner:
        return lambda waiting, lately: plan(policy, waiting, lately, self._now())

    async def adopt(self, settings: Settings) -> None:
        """Go by these settings from now on: at the start, and when they were read again. Raises ``StorageError``."""
        told_as = {name: _digest(told) for name, told in settings.channels_told}
        for name in await self._writer.call(outbox.declare, told_as, self._now()):
            log.warning("%s: not a channel any more; what waited for it is kept as dead letters", name)
        self.take(settings)

    def take(self, settings: Settings) -> None:
        """Go by these settings from now on, and leave what the archive knows of the channels as it is."""
        before = self._told
        self._take(settings)
        # By all that is told of it: a password that was changed is another channel.
        for name in [name for name in self._open if self._told.get(name) != before.get(name)]:
            self._close_later(name)

    def _close_later(self, name: str) -> None:
        """Close a channel when what it is sending now has ended; the next letter opens it anew."""
        channel = self._open.pop(name)
        busy = [task for task, letter in self._running.items() if letter.channel == name]

        async def close() -> None:
            if busy:
                await asyncio.wait(busy)
            await channel.aclose()

        task = asyncio.create_task(close(), name=f"close {name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # rounds

    def wake(self) -> None:
        """Look at the outbox now; while it is being looked at, once more after that."""
        if self._stopping:
            return
        if self._round is not None and not self._round.done():
            self._again = True
            return
        self._round = asyncio.create_task(self.round(), name="deliveries")
        self._round.add_done_callback(self._ended_round)

    def _ended_round(self, task: asyncio.Task[int]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("looking at the outbox failed; trying again soon: %s", error)
        elif self._again:
            self._again = False
            self.wake()

    async def round(self, only: str | None = None) -> int:
        """Put what is fresh into letters and start sending what is due. Returns how many attempts were started.

        Here and below: ``only`` names the one channel that is looked at; None is all of them.
        """
        async with self._turn:
            if not self._told or self._stopping:
                return 0
            await self._writer.call(outbox.prepare, self._now(), self._planned(only), held=False)
            return await self._claim(only)

    async def collect(self, only: str | None = None) -> int:
        """Look at what was held back: for a digest, by quiet hours, by a bound. Returns how many letters were made."""
        async with self._turn:
            if not self._told or self._stopping:
                return 0
            return await self._writer.call(outbox.prepare, self._now(), self._planned(only), held=True)

    def _planned(self, only: str | None) -> Mapping[str, tuple[float, outbox.Planner]]:
        return {name: planner for name, planner in self._planners.items() if only is None or name == only}

    async def _claim(self, only: str | None) -> int:
        free = {name: PLACES for name in self._told if only is None or name == only}
        for letter in self._running.values():
            free[letter.channel] = free.get(letter.channel, 0) - 1
        free = {name: places for name, places in free.items() if places > 0}
        if self._stopping or not free:
            return 0
        lease_s = self._attempt_s + LEASE_S - ATTEMPT_S
        claimed = await self._writer.call(outbox.claim, self._now(), free=free, lease_s=lease_s, owner=self._owner)
        for letter in claimed:
            task = asyncio.create_task(self._deliver(letter), name=f"deliver {letter.id}")
            self._running[task] = letter
            task.add_done_callback(self._ended)
        return len(claimed)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("noting a delivery failed; it will be repeated: %s", error)
            return
        if not self.only_asked:
            self.wake()  # the place is free

    async def drain(self, within_s: float, only: str | None = None) -> bool:
        """Send all that is due now, and return; False when it took longer than that, and what is left is for later.

        Looks again every ``LOOK_S`` seconds while something is being sent: a slow receiver holds up its own letter only.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    await self.collect(only)
                    await self.round(only)
                    running = [task for task, letter in self._running.items() if only in (None, letter.channel)]
                    if not running:
                        return True
                    await asyncio.wait(running, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return False

    async def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Claim nothing more; let attempts end that are under way; give back those that do not; close the channels."""
        self._stopping = True
        if self._round is not None:
            await asyncio.wait([self._round], timeout=within_s)
        running = dict(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            if unfinished := [running[task].id for task in late]:
                await self._writer.call(outbox.release, unfinished, self._owner)
                log.warning("%d deliveries were not finished; they are due again", len(unfinished))
        opened, self._open = self._open, {}
        if self._closing:
            await asyncio.wait(self._closing, timeout=within_s)
        for name, channel in opened.items():
            try:
                async with asyncio.timeout(within_s):
                    await channel.aclose()
            except (OSError, TimeoutError, VariorumError) as error:
                log.warning("%s: closing failed: %s", name, str(error) or type(error).__name__)

    async def fold(self) -> int:
        """Forget old letters; returns how many went."""
        return await self._writer.call(outbox.fold, self._now() - KEPT_FOR)

    # one letter

    async def _deliver(self, letter: Delivery) -> None:
        try:
            async with asyncio.timeout(self._attempt_s):
                said = await self._letter(letter)
                await self._channel(letter.channel).send(said)
        except DeliveryError as error:
            await self._failed(letter, error)
        except TimeoutError:
            await self._failed(letter, DeliveryError(f"no answer within {self._attempt_s:g} s"))
        except VariorumError as error:
            await self._failed(letter, DeliveryError(error.message, hint=error.hint))
        except Exception as bug:
            log.exception("%s: sending failed in a way it should not; please report this", letter.channel)
            await self._failed(letter, DeliveryError(f"unexpected {type(bug).__name__}: {bug}"))
        else:
            await self._writer.call(outbox.note_sent, letter.id, self._now())
            self._told_of(letter, Tried(letter.id, letter.channel, "sent"))
            log.info("%s: told of %s", letter.channel, _what(letter))

    def _channel(self, name: str) -> Channel:
        if name not in self._told:
            raise DeliveryError(f"there is no channel '{name}' in the configuration any more", final=True)
        if name not in self._open:
            self._open[name] = self._opener(name, self._told[name])
        return self._open[name]

    async def _failed(self, letter: Delivery, error: DeliveryError) -> None:
        now = self._now()
        due = None
        if not (error.final or error.stops_channel):
            first_at = letter.first_at or now
            due = next_attempt(letter.attempts + 1, first_at, now, dice=self._dice(), retry_after_s=error.retry_after_s)
        left_to = [recipient for recipient, _ in error.refused]
        await self._writer.call(
            outbox.note_undelivered,
            letter.id,
            now,
            error.message,
            owner=self._owner,
            due=due,
            left_to=left_to,
        )
        if error.stops_channel:
            await self._writer.call(outbox.stop, letter.channel, now, error.message)
            log.error("%s: stopped: %s (`variorum alerts retry` starts it again)", letter.channel, error.message)
        state = "failed" if due is not None else "dead"
        self._told_of(letter, Tried(letter.id, letter.channel, state, error.message))
        then = f"tried again at {due:%Y-%m-%d %H:%M:%SZ}" if due else "kept as a dead letter"
        log.warning("%s: not told of %s: %s; %s", letter.channel, _what(letter), error.message, then)

    def _told_of(self, letter: Delivery, tried: Tried) -> None:
        if self.tried is not None:
            self.tried.append(tried)
        if self.pulse is not None:
            waited = (
                max((self._now() - one.event.at).total_seconds() for one in letter.alerts) if letter.alerts else 0.0
            )
            self.pulse.delivery(tried.channel, tried.state, waited)

    # what a letter says

    async def _letter(self, letter: Delivery) -> Letter:
        notices = [await self._notice(alert) for alert in letter.alerts]
        return Letter(
            id=letter.id,
            notices=tuple(notices),
            at=letter.made_at,
            more=letter.counted,
            digest=letter.digest,
            thread=letter.thread,
            only=letter.left_to,
        )

    async def _notice(self, alert: Alert) -> Notice:
        told = await self._writer.call(outbox.told, alert)
        # Differing takes its time for long texts, and the loop has other things to do.
        page = self._pages.get(told.source.id, told.source.url)
        return await asyncio.to_thread(notice_of, told, self._rules, self._settings.public_url, page)


def notice_of(told: outbox.Told, rules: Rules | None, public_url: str | None, page: str) -> Notice:
    """What is said of one alert, from what the archive knows of it. ``page`` is the address that people are sent to."""
    event, source, comparison = told.alert.event, told.source, None
    if told.texts is not None and told.before is not None and told.version is not None:
        old, new = told.texts
        silent = told.version.silent
        comparison = compared(
            kept_side(source, told.before, old), kept_side(source, told.version, new), silent=silent, rules=rules
        )
    return Notice(
        id=told.alert.id,
        event=event,
        source=source,
        links=links_of(source.id, page, public_url, event.version if comparison is not None else None),
        title=told.title,
        version=told.version,
        comparison=comparison,
        chain=told.alert.chain,
        about=about_of(event, told.beside),
    )


def links_of(source: str, page: str, public_url: str | None, changed: int | None) -> Links:
    """Where a reader goes on: the page, and in the reading room the change (or the source) and the source's feed."""
    if public_url is None:
        return Links(page)
    room = f"{public_url}s/{folder(source)}/"
    step = f"{changed - 1}-{changed}.html" if changed is not None and changed > 1 else "index.html"
    return Links(page, change=room + step, feed=f"{room}feed.atom")


def _what(letter: Delivery) -> str:
    count = len(letter.alerts) + letter.counted
    if count != 1:
        return f"{count} alerts"
    event = letter.alerts[0].event
    return f"{event.source}: {event.kind.value}"


def _digest(told: Mapping[str, Any]) -> str:
    """What a channel is configured as, without its secrets (they show themselves as what they are called)."""
    return hashlib.sha256(repr(told).encode("utf-8", "backslashreplace")).hexdigest()[:16]
