"""How a guest behaves: robots.txt, one host's turn, the pause a server asks for. Knows no HTTP client and no clock."""

from __future__ import annotations

import asyncio
import email.utils
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from storage.errors import FetchError, FetchReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from protego import Protego

MAX_PAUSE_S: Final = 86_400.0
"""No ``Retry-After`` binds us for longer than a day."""
MAX_CRAWL_DELAY_S: Final = 10.0
"""A longer ``Crawl-delay`` is honoured up to here: it is not in RFC 9309, and some sites ask for hours."""
ROBOTS_FRESH_S: Final = 3600.0
"""How long an answer about robots.txt holds; RFC 9309 allows a day."""
ROBOTS_RETRY_S: Final = 300.0
"""How long a refusal by a failing server holds before robots.txt is asked for again."""
ROBOTS_MAX_BYTES: Final = 512 * 1024  # RFC 9309, section 2.5: parse at least 500 KiB
ROBOTS_KEPT: Final = 2_000

_PARSE_IN_THREAD_BYTES: Final = 32 * 1024  # 5,000 rules take 0.1 s
_HOSTS_BEFORE_SWEEP: Final = 1_024


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a ``Retry-After`` header: a number of seconds or an HTTP date (RFC 9110, section 10.2.3).

    None when it is absent or neither of the two; at most ``MAX_PAUSE_S``.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
    else:
        try:
            when = email.utils.parsedate_to_datetime(value)
        except (ValueError, IndexError):
            return None
        seconds = (when - now).total_seconds() if when.tzinfo else (when - now.replace(tzinfo=None)).total_seconds()
    return min(max(seconds, 0.0), MAX_PAUSE_S)


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore
    guests: int = 0
    next_at: float = 0.0
    left_at: float | None = None
    crawl_delay_s: float = 0.0
    closed_until: float = 0.0
    closed_status: int = 0


class Turns:
    """Whose turn it is at each host: at most ``per_host`` at once, their starts ``spacing_s`` apart.

    A host is its name and port. Times are those of the ``monotonic`` clock, in seconds.
    """

    def __init__(
        self,
        *,
        per_host: int,
        spacing_s: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """``sleep`` waits that many seconds; a test brings its own pair of clock and sleep."""
        self._per_host = per_host
        self._spacing_s = spacing_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._hosts)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait for a place at the host and hold it. Raises ``FetchError`` while the host wants to be left alone."""
        host = self._host(name)
        host.guests += 1
        try:
            async with host.places:
                self.refuse_while_closed(name)
                await self._wait(host)
                yield
        finally:
            host.guests -= 1
            host.left_at = self._monotonic()

    def slow_down(self, name: str, crawl_delay_s: float | None) -> None:
        """Honour a ``Crawl-delay`` for the requests that follow, up to ``MAX_CRAWL_DELAY_S``."""
        host = self._host(name)
        delay_s = min(crawl_delay_s or 0.0, MAX_CRAWL_DELAY_S)
        if delay_s != host.crawl_delay_s:
            host.next_at += delay_s - host.crawl_delay_s
            host.crawl_delay_s = delay_s

    def left_s(self, name: str) -> float:
        """How long the host is to be left alone, counted from the end of its last exchange.

        So nobody who begins after that comes too early, however long the two take on their way.
        """
        host = self._hosts.get(name)
        if host is None or host.left_at is None:
            return 0.0
        return max(0.0, host.left_at + max(self._spacing_s, host.crawl_delay_s) - self._monotonic())

    def close(self, name: str, seconds: float, status: int) -> None:
        """Ask nothing more of the host for that long: it answered ``status`` with a ``Retry-After``."""
        host = self._host(name)
        host.closed_until = max(host.closed_until, self._monotonic() + seconds)
        host.closed_status = status

    def refuse_while_closed(self, name: str) -> None:
        """Raise ``FetchError`` while the pause that the host asked for lasts."""
        host = self._hosts.get(name)
        if host is None:
            return
        left_s = host.closed_until - self._monotonic()
        if left_s > 0:
            raise FetchError(
                f"{name} asked for a pause, {left_s:.0f} s of it are left (HTTP {host.closed_status})",
                reason=FetchReason.STATUS,
                status=host.closed_status,
                retry_after_s=left_s,
                hint="Checked again by itself afterwards; a longer 'every' asks less of the server.",
            )

    def _host(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            if len(self._hosts) >= _HOSTS_BEFORE_SWEEP:
                self._sweep()
            host = self._hosts[name] = _Host(asyncio.Semaphore(self._per_host))
        return host

    def _sweep(self) -> None:
        now = self._monotonic()
        for name, host in list(self._hosts.items()):
            if not host.guests and host.next_at <= now and self.left_s(name) <= 0 and host.closed_until <= now:
                del self._hosts[name]

    async def _wait(self, host: _Host) -> None:
        spacing_s = max(self._spacing_s, host.crawl_delay_s)
        now = self._monotonic()
        start = max(now, host.next_at)
        host.next_at = start + spacing_s
        if start > now:
            await self._sleep(start - now)


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """What came back for ``/robots.txt``: the status after redirects, the first ``ROBOTS_MAX_BYTES`` of the body."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Known:
    rules: Protego | None
    """None: nothing is forbidden."""
    closed_status: int | None
    until: float


class Robots:
    """What each origin's robots.txt allows (RFC 9309), asked once an hour.

    4xx means that all is allowed, 5xx that nothing is for now. An origin that cannot be reached raises its own error,
    which says more than 'robots.txt' would, and nothing is fetched either way.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """``monotonic`` tells how old an answer is, in seconds."""
        self._monotonic = monotonic
        self._known: OrderedDict[tuple[object, ...], _Known] = OrderedDict()
        self._asking: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def check(
        self,
        url: str,
        *,
        origin: str,
        user_agent: str,
        reach: tuple[str, ...],
        ask: Callable[[str], Awaitable[RobotsAnswer]],
    ) -> float | None:
        """Raise ``FetchError`` unless ``user_agent`` may fetch ``url``; returns the ``Crawl-delay`` in seconds, if any.

        ``ask`` fetches an address; ``reach`` is what it may connect to (answers are shared among equals only).
        """
        key = (origin, reach)
        known = self._fresh(key)
        if known is None:
            # One asks, the others wait. A lock, not a shared task: if the one is cancelled, the next one asks.
            lock = self._asking.setdefault(key, asyncio.Lock())
            async with lock:
                known = self._fresh(key) or await self._ask(key, origin, ask)
        if known.closed_status is not None:
            raise FetchError(
                f"{origin}/robots.txt answers HTTP {known.closed_status}, so nothing there may be fetched for now",
                reason=FetchReason.ROBOTS,
                hint="Asked again by itself; 'robots: false' on the source ignores robots.txt.",
            )
        if known.rules is None:
            return None
        if not known.rules.can_fetch(url, user_agent):
            raise FetchError(
                f"{origin}/robots.txt does not allow this page",
                reason=FetchReason.ROBOTS,
                hint="Ask the site for leave, then set 'robots: false' on the source.",
            )
        delay_s: float | None = known.rules.crawl_delay(user_agent)
        return delay_s

    def _fresh(self, key: tuple[object, ...]) -> _Known | None:
        known = self._known.get(key)
        return known if known is not None and known.until > self._monotonic() else None

    async def _ask(self, key: tuple[object, ...], origin: str, ask: Callable[[str], Awaitable[RobotsAnswer]]) -> _Known:
        answer = await ask(f"{origin}/robots.txt")
        now = self._monotonic()
        if answer.status >= 500 or answer.status == 429:
            known = _Known(None, answer.status, now + ROBOTS_RETRY_S)
        elif answer.status >= 300:
            known = _Known(None, None, now + ROBOTS_FRESH_S)
        else:
            known = _Known(await _parse(answer.body), None, now + ROBOTS_FRESH_S)
        self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > ROBOTS_KEPT:
            self._known.popitem(last=False)
        return known


async def _parse(body: bytes) -> Protego | None:
    from protego import Protego

    text = body.decode("utf-8-sig", "replace")
    if not text.strip():
        return None
    if len(body) < _PARSE_IN_THREAD_BYTES:
        return Protego.parse(text)
    return await asyncio.to_thread(Protego.parse, text)
