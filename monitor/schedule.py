"""From a rhythm, now and the last change to the next due time. Pure: the clock and the dice are the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

JITTER_SHARE: Final = 0.1
"""Checks are spread over up to a tenth of their interval, so that a night asleep ends in no stampede …"""
JITTER_MOST_S: Final = 300.0
"""… and never over more than five minutes."""
BACKOFF_MOST_S: Final = 6 * 3600.0
"""A failing source is looked at every six hours at the latest, unless its own interval is longer."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Every so many seconds. ``words`` is how the configuration says it."""

    every_s: float
    words: str = ""

    @property
    def shown(self) -> str:
        """The rhythm in the words of the configuration."""
        return self.words or f"{self.every_s:g}s"


@dataclass(frozen=True, slots=True)
class Ageing:
    """Often while a text is young, less often later; age counts from the first sight or the last change."""

    young_s: float
    for_s: float
    then_s: float
    until_s: float | None = None
    finally_s: float | None = None
    words: str = ""

    @property
    def shown(self) -> str:
        """The rhythm in the words of the configuration."""
        return self.words or f"{self.young_s:g}s, then {self.then_s:g}s"

    def interval_s(self, age_s: float) -> float:
        """The interval at that age, in seconds."""
        if age_s < self.for_s:
            return self.young_s
        if self.until_s is None or self.finally_s is None or age_s < self.until_s:
            return self.then_s
        return self.finally_s


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times a cron expression names, in an IANA time zone (daylight saving as cronsim handles it)."""

    expression: str
    timezone: str = "UTC"

    @property
    def shown(self) -> str:
        """The rhythm in the words of the configuration."""
        return f"cron {self.expression} ({self.timezone})"


Rhythm = Interval | Ageing | Cron


def next_due(
    rhythm: Rhythm,
    now: datetime,
    *,
    first_seen: datetime | None,
    last_change: datetime | None,
    failures: int,
    jitter: float,
    retry_after_s: float | None = None,
) -> datetime:
    """When to look next: always later than ``now``.

    ``failures`` in a row double the interval each, up to six hours; ``retry_after_s`` is a floor that the server asked
    for; ``jitter`` in [0, 1) is the caller's dice.
    """
    if isinstance(rhythm, Cron):
        due = _next_cron(rhythm, now)
        spread_s = min(JITTER_MOST_S, JITTER_SHARE * (due - now).total_seconds())
        wait_s = (due - now).total_seconds() + jitter * min(spread_s, 60.0)
    else:
        interval_s = _interval_s(rhythm, now, first_seen, last_change)
        wait_s = _backed_off(interval_s, failures)
        wait_s += jitter * min(JITTER_MOST_S, JITTER_SHARE * wait_s)
    return now + timedelta(seconds=max(wait_s, retry_after_s or 0.0, 1.0))


def _interval_s(rhythm: Interval | Ageing, now: datetime, first_seen: datetime | None, last_change: datetime | None) -> float:
    if isinstance(rhythm, Interval):
        return rhythm.every_s
    young_since = max((moment for moment in (first_seen, last_change) if moment is not None), default=now)
    return rhythm.interval_s(max(0.0, (now - young_since).total_seconds()))


def _backed_off(interval_s: float, failures: int) -> float:
    # An exponent beyond 20 is past every bound and would only overflow.
    return min(interval_s * 2.0 ** min(failures, 20), max(interval_s, BACKOFF_MOST_S))


def _next_cron(rhythm: Cron, now: datetime) -> datetime:
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    found: datetime = next(CronSim(rhythm.expression, now.astimezone(ZoneInfo(rhythm.timezone))))
    return found.astimezone(now.tzinfo)
