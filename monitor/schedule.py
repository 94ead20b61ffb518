"""From a rhythm, now and the last change to the next due time. Pure: the clock and the dice are the caller's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

JITTER_SHARE: Final = 0.1
"""Checks are spread over up to a tenth of their interval, so that sources declared together do not stay together …"""
JITTER_MOST_S: Final = 300.0
"""… and never over more than five minutes."""
BACKOFF_MOST_S: Final = 6 * 3600.0
"""A failing source is looked at every six hours at the least, unless its own interval is longer."""
RETRY_AFTER_MOST_S: Final = 7 * 86_400.0
"""A server may ask for a week of peace; a slip that asks for a century must not end the watch."""

OVERDUE_S: Final = 120.0
"""From this many seconds on a due time was slept through, rather than waited for a place."""

_YEAR: Final = timedelta(days=366)


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
    """Often while a text is young, less often later; age counts from the first sight or the last change.

    ``young_s`` up to the age ``for_s``, then ``then_s``; from the age ``until_s`` on ``finally_s`` (None: ``then_s``
    for ever). All in seconds.
    """

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
    """At the times a cron expression names (five fields), in an IANA time zone.

    Where clocks go forward, a time that does not exist comes as soon as it is over; where they go back, a time that
    comes twice counts once (as in Debian's cron, whose rules ``cronsim`` follows).
    """

    expression: str
    timezone: str = "UTC"

    @property
    def shown(self) -> str:
        """The rhythm in the words of the configuration."""
        return f"cron {self.expression} ({self.timezone})"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after ``moment``, in UTC and in order; none for a day that never comes (30 February).

        Raises ``ValueError`` when expression or time zone cannot be understood.
        """
        from zoneinfo import ZoneInfo

        from cronsim import CronSim, CronSimError

        try:
            zone = ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{self.timezone!r} is no IANA time zone") from None
        try:
            times = CronSim(self.expression, moment.astimezone(zone))
        except CronSimError as error:
            raise ValueError(f"{self.expression!r}: {str(error).lower()}") from None
        last = moment
        for found in times:
            # Asked within the hour that comes twice, cronsim first names a time of the first pass, which is over.
            if found.astimezone(UTC) > last:
                last = found.astimezone(UTC)
                yield last


@dataclass(frozen=True, slots=True)
class Hours:
    """Active hours: on these weekdays (0 is Monday), from minute ``opens`` up to minute ``closes`` of the day, in a zone.

    ``closes`` at or before ``opens`` is on the day after: 22:00-06:00 belongs to the weekday on which it begins.
    """

    weekdays: frozenset[int]
    opens: int
    closes: int
    timezone: str = "UTC"
    words: str = ""

    def opening(self, moment: datetime) -> datetime:
        """``moment`` itself when it is within the hours, else when they next begin; in UTC.

        Hours are those of the clock on the wall; one that the change to summer time leaves out counts from when it is over.
        """
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.timezone)
        moment = moment.astimezone(UTC)
        today = moment.astimezone(zone).date()
        later = self.closes <= self.opens
        for days in range(-1, 9):
            day = today + timedelta(days=days)
            if day.weekday() not in self.weekdays:
                continue
            begin = _wall(day, self.opens, zone)
            end = _wall(day + timedelta(days=1) if later else day, self.closes, zone)
            if moment < end:
                return max(moment, begin)
        return moment


def _wall(day: date, minute: int, zone: tzinfo) -> datetime:
    if minute == 24 * 60:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Planned:
    """A rhythm with more said about it: quicker for a while after each change, and only within active hours."""

    base: Interval | Ageing | Cron
    hours: Hours | None = None
    quick_s: float | None = None
    quick_for_s: float = 0.0
    words: str = ""

    @property
    def shown(self) -> str:
        """The rhythm in the words of the configuration."""
        return f"{self.base.shown}{self.words}"


Rhythm = Interval | Ageing | Cron | Planned


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
    """When to look next, in UTC: always later than ``now``.

    ``failures`` in a row double the interval each, up to six hours (or the interval, if that is longer); a cron rhythm
    leaves out as many of its times. ``retry_after_s`` is a floor that the server asked for. ``jitter`` in [0, 1) is the
    caller's dice: it moves the time later by up to a tenth of the wait, five minutes at most.
    """
    now = now.astimezone(UTC)
    if isinstance(rhythm, Planned):
        quick = _is_quick(rhythm, now, first_seen, last_change)
        due = next_due(
            rhythm.base,
            now,
            first_seen=first_seen,
            last_change=last_change,
            failures=failures,
            jitter=jitter,
            retry_after_s=retry_after_s,
        )
        if quick and rhythm.quick_s is not None and failures == 0 and not retry_after_s:
            due = min(due, now + timedelta(seconds=rhythm.quick_s + _spread(jitter, rhythm.quick_s)))
        return _within(rhythm.hours, due, jitter) if rhythm.hours is not None else due
    floor_s = min(max(retry_after_s or 0.0, 0.0), RETRY_AFTER_MOST_S)
    if isinstance(rhythm, Cron):
        return _next_cron(rhythm, now, failures, jitter, floor_s)
    interval_s = max(1.0, _interval_s(rhythm, now, first_seen, last_change))
    wait_s = max(_backed_off(interval_s, failures), floor_s)
    return now + timedelta(seconds=wait_s + _spread(jitter, wait_s))


def replanned(
    rhythm: Rhythm,
    now: datetime,
    *,
    next_check: datetime,
    last_check: datetime | None,
    first_seen: datetime | None,
    last_change: datetime | None,
    failures: int,
    jitter: float,
) -> datetime | None:
    """A better due time than the one that is planned, for a program that starts, reloads or wakes; None: it is good.

    What a new rhythm would have planned earlier is brought forward (not for a failing source: its wait is the pause it
    was given). What is overdue for long, after a night asleep, is spread over the next minutes, five at most: a
    stampede would keep its sources together from then on. ``jitter`` in [0, 1) is the caller's dice.
    """
    if next_check < now - timedelta(seconds=OVERDUE_S):
        if last_check is None:
            return None
        usual = next_due(rhythm, now, first_seen=first_seen, last_change=last_change, failures=0, jitter=0.0)
        over_s = min(JITTER_MOST_S, (usual - now).total_seconds() / 2)
        return _within(
            rhythm.hours if isinstance(rhythm, Planned) else None, now + timedelta(seconds=jitter * over_s), 0
        )
    if last_check is not None and last_check > now:
        # The clock was set back: what was planned by the old one may be far away.
        return min(
            next_check,
            next_due(rhythm, now, first_seen=first_seen, last_change=last_change, failures=failures, jitter=jitter),
        )
    if failures or last_check is None:
        return None
    latest = next_due(rhythm, last_check, first_seen=first_seen, last_change=last_change, failures=0, jitter=1.0)
    if next_check <= latest:
        return None
    wait = next_due(rhythm, now, first_seen=first_seen, last_change=last_change, failures=0, jitter=0.0) - now
    spread_s = jitter * min(JITTER_MOST_S, JITTER_SHARE * wait.total_seconds())
    return min(next_check, max(latest, now) + timedelta(seconds=spread_s if latest < now else 0.0))


def _is_quick(rhythm: Planned, now: datetime, first_seen: datetime | None, last_change: datetime | None) -> bool:
    # The first sight is recorded as a change too, and is none.
    if rhythm.quick_s is None or last_change is None or first_seen is None or last_change == first_seen:
        return False
    return (now - last_change).total_seconds() < rhythm.quick_for_s


def _within(hours: Hours | None, due: datetime, jitter: float) -> datetime:
    if hours is None:
        return due
    opening = hours.opening(due)
    # At the opening all that waited for it would come at once.
    spread = timedelta(seconds=jitter * min(JITTER_MOST_S, _length_s(hours) / 2))
    return opening + spread if opening > due else due


def _length_s(hours: Hours) -> float:
    return 60.0 * ((hours.closes - hours.opens) % (24 * 60) or 24 * 60)


def _interval_s(
    rhythm: Interval | Ageing, now: datetime, first_seen: datetime | None, last_change: datetime | None
) -> float:
    if isinstance(rhythm, Interval):
        return rhythm.every_s
    young_since = max((moment for moment in (first_seen, last_change) if moment is not None), default=now)
    return rhythm.interval_s(max(0.0, (now - young_since).total_seconds()))


def _backed_off(interval_s: float, failures: int) -> float:
    # An exponent beyond 20 is past every bound and would only overflow.
    return min(interval_s * 2.0 ** min(max(failures, 0), 20), max(interval_s, BACKOFF_MOST_S))


def _spread(jitter: float, wait_s: float) -> float:
    return jitter * min(JITTER_MOST_S, JITTER_SHARE * wait_s)


def _next_cron(rhythm: Cron, now: datetime, failures: int, jitter: float, floor_s: float) -> datetime:
    # The configuration refuses days that never come; one that is too far off to be found counts as a year away.
    coming = rhythm.after(now)
    due = next(coming, now + _YEAR)
    gap_s = (next(coming, due + _YEAR) - due).total_seconds()
    skipped_s = max(_backed_off(gap_s, failures) - gap_s, floor_s)
    if skipped_s > 0.0:
        start = now + timedelta(seconds=skipped_s)
        due = next(rhythm.after(start), start + _YEAR)
    # Who names a time means it: the spread is of the gap, so that no time slides past the next one, and small.
    return due + timedelta(seconds=min(60.0, _spread(jitter, gap_s)))
