"""When a source is looked at again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.schedule import (
    BACKOFF_MOST_S,
    RETRY_AFTER_MOST_S,
    Ageing,
    Cron,
    Hours,
    Interval,
    Planned,
    Rhythm,
    next_due,
    replanned,
)

NOW = datetime(2022, 2, 25, 12, 0, tzinfo=UTC)
DAY_S = 86_400.0
BY_AGE = Ageing(300.0, DAY_S, 3_600.0, 7 * DAY_S, DAY_S)


def due(
    rhythm: Rhythm,
    now: datetime = NOW,
    *,
    first_seen: datetime | None = None,
    last_change: datetime | None = None,
    failures: int = 0,
    jitter: float = 0.0,
    retry_after_s: float | None = None,
) -> datetime:
    return next_due(
        rhythm,
        now,
        first_seen=first_seen,
        last_change=last_change,
        failures=failures,
        jitter=jitter,
        retry_after_s=retry_after_s,
    )


def wait_s(rhythm: Rhythm, now: datetime = NOW, **known: object) -> float:
    return (due(rhythm, now, **known) - now).total_seconds()  # type: ignore[arg-type]


moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001  (bounds take no zone)
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Berlin")]),
)
intervals = st.builds(Interval, st.floats(1.0, 400 * DAY_S))
ageings = st.builds(
    Ageing, *[st.floats(1.0, 40 * DAY_S)] * 3, until_s=st.floats(1.0, DAY_S), finally_s=st.floats(1.0, 9 * DAY_S)
)
expressions = ["* * * * *", "*/15 8-18 * * 1-5", "30 2 * * *", "0 * * * *", "0 0 29 2 *", "30 1,2 25-31 3,10 0"]
zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Casablanca"]
crons = st.builds(Cron, st.sampled_from(expressions), st.sampled_from(zones))
dice = st.floats(0.0, 1.0, exclude_max=True)
known = st.none() | moments


@given(
    rhythm=intervals | ageings | crons,
    now=moments,
    first_seen=known,
    last_change=known,
    failures=st.integers(0, 10_000),
    jitter=dice,
    retry_after_s=st.none() | st.floats(0, 1e18),
)
def test_the_next_look_is_always_later_than_now_and_in_utc(
    rhythm: Rhythm,
    now: datetime,
    first_seen: datetime | None,
    last_change: datetime | None,
    failures: int,
    jitter: float,
    retry_after_s: float | None,
) -> None:
    found = due(
        rhythm,
        now,
        first_seen=first_seen,
        last_change=last_change,
        failures=failures,
        jitter=jitter,
        retry_after_s=retry_after_s,
    )
    assert found > now
    assert found.utcoffset() == timedelta(0)
    assert (found - now).total_seconds() >= min(retry_after_s or 0.0, RETRY_AFTER_MOST_S) - 1e-6


@given(rhythm=intervals | crons, now=moments, failures=st.integers(0, 40))
def test_one_more_failure_never_brings_the_next_look_forward(rhythm: Rhythm, now: datetime, failures: int) -> None:
    assert due(rhythm, now, failures=failures + 1) >= due(rhythm, now, failures=failures)


@given(rhythm=intervals, now=moments, failures=st.integers(0, 10_000), jitter=dice)
def test_a_wait_is_at_least_the_interval_and_bounded(
    rhythm: Interval, now: datetime, failures: int, jitter: float
) -> None:
    waited_s = (due(rhythm, now, failures=failures, jitter=jitter) - now).total_seconds()
    longest_s = max(rhythm.every_s, BACKOFF_MOST_S)
    assert rhythm.every_s - 1e-5 <= waited_s <= longest_s + min(300.0, longest_s / 10) + 1e-5


def test_jitter_moves_a_look_later_by_up_to_a_tenth_and_five_minutes() -> None:
    assert wait_s(Interval(600.0)) == 600.0
    assert wait_s(Interval(600.0), jitter=0.5) == 630.0
    assert wait_s(Interval(DAY_S), jitter=0.5) == DAY_S + 150.0


def test_failures_double_the_interval_up_to_six_hours() -> None:
    assert [wait_s(Interval(900.0), failures=times) for times in (0, 1, 2, 3)] == [900.0, 1800.0, 3600.0, 7200.0]
    assert wait_s(Interval(900.0), failures=9) == BACKOFF_MOST_S
    assert wait_s(Interval(DAY_S), failures=9) == DAY_S


def test_retry_after_is_a_floor_and_no_ceiling() -> None:
    assert wait_s(Interval(900.0), failures=1, retry_after_s=5_000.0) == 5_000.0
    assert wait_s(Interval(900.0), failures=1, retry_after_s=60.0) == 1_800.0


def test_a_server_that_asks_for_a_century_of_peace_gets_a_week() -> None:
    assert wait_s(Interval(900.0), retry_after_s=3e9) == RETRY_AFTER_MOST_S


@pytest.mark.parametrize(
    ("age", "interval_s"),
    [
        (timedelta(0), 300.0),
        (timedelta(hours=23), 300.0),
        (timedelta(days=1), 3_600.0),
        (timedelta(days=6, hours=23), 3_600.0),
        (timedelta(days=7), DAY_S),
        (timedelta(days=900), DAY_S),
        (timedelta(days=-5), 300.0),
    ],
)
def test_an_old_text_is_looked_at_less_often(age: timedelta, interval_s: float) -> None:
    assert wait_s(BY_AGE, first_seen=NOW - age) == interval_s


def test_a_change_makes_an_old_source_young_again() -> None:
    seen = NOW - timedelta(days=100)
    assert wait_s(BY_AGE, first_seen=seen, last_change=NOW - timedelta(hours=1)) == 300.0
    assert wait_s(BY_AGE, first_seen=seen, last_change=seen) == DAY_S


def test_a_source_that_was_never_seen_is_young() -> None:
    assert wait_s(BY_AGE) == 300.0


def test_without_until_the_second_interval_holds_for_ever() -> None:
    assert wait_s(Ageing(300.0, DAY_S, 3_600.0), first_seen=NOW - timedelta(days=900)) == 3_600.0


def test_cron_means_the_wall_clock_of_its_time_zone() -> None:
    nine = Cron("0 9 * * *", "Europe/Berlin")
    assert due(nine, datetime(2022, 3, 26, 12, tzinfo=UTC)) == datetime(2022, 3, 27, 7, tzinfo=UTC)
    assert due(nine, datetime(2022, 3, 25, 12, tzinfo=UTC)) == datetime(2022, 3, 26, 8, tzinfo=UTC)
    assert due(Cron("0 9 * * *", "America/New_York"), NOW) == NOW + timedelta(hours=2)


def test_a_time_that_the_clocks_leave_out_comes_right_after_the_gap() -> None:
    half_past_two = Cron("30 2 * * *", "Europe/Berlin")
    assert due(half_past_two, datetime(2022, 3, 26, 12, tzinfo=UTC)) == datetime(2022, 3, 27, 1, tzinfo=UTC)


def test_a_time_that_comes_twice_is_kept_once() -> None:
    half_past_two = Cron("30 2 * * *", "Europe/Berlin")
    first = due(half_past_two, datetime(2022, 10, 29, 12, tzinfo=UTC))
    assert first == datetime(2022, 10, 30, 0, 30, tzinfo=UTC)
    assert due(half_past_two, first) == datetime(2022, 10, 31, 1, 30, tzinfo=UTC)


def test_asked_in_the_hour_that_comes_twice_a_time_of_its_first_pass_is_over() -> None:
    half_past_two = Cron("30 2 * * *", "Europe/Berlin")
    second_pass = datetime(2022, 10, 30, 1, 10, tzinfo=UTC)
    assert due(half_past_two, second_pass) == datetime(2022, 10, 31, 1, 30, tzinfo=UTC)


def test_a_failing_cron_source_leaves_out_times_and_keeps_to_the_others() -> None:
    every_quarter = Cron("*/15 * * * *")
    assert due(every_quarter, NOW, failures=2) == NOW + timedelta(hours=1)
    assert due(every_quarter, NOW, failures=50) == NOW + timedelta(hours=6)
    assert due(every_quarter, NOW, retry_after_s=1_000.0) == NOW + timedelta(minutes=30)


def test_cron_jitter_stays_within_a_minute_and_before_the_next_time() -> None:
    assert due(Cron("* * * * *"), NOW, jitter=0.5) == NOW + timedelta(seconds=63)
    assert due(Cron("0 0 * * *"), NOW, jitter=0.999) == NOW + timedelta(hours=12, seconds=60)


@pytest.mark.parametrize(
    ("rhythm", "words"),
    [
        (Interval(900.0, "15m"), "15m"),
        (Interval(900.0), "900s"),
        (BY_AGE, "300s, then 3600s"),
        (Cron("0 9 * * *", "Asia/Shanghai"), "cron 0 9 * * * (Asia/Shanghai)"),
    ],
)
def test_a_rhythm_says_itself_in_the_words_of_the_configuration(rhythm: Rhythm, words: str) -> None:
    assert rhythm.shown == words


WORKDAYS = Hours(frozenset(range(5)), 8 * 60, 20 * 60, "Europe/Berlin")


@pytest.mark.parametrize(
    ("asked", "opening"),
    [
        ("2026-11-24T09:00+00:00", "2026-11-24T09:00+00:00"),  # a Tuesday, within
        ("2026-11-24T05:00+00:00", "2026-11-24T07:00+00:00"),  # before the office opens, in winter time
        ("2026-11-27T19:30+00:00", "2026-11-30T07:00+00:00"),  # Friday evening to Monday
        ("2026-03-28T12:00+00:00", "2026-03-30T06:00+00:00"),  # over the change to summer time
    ],
)
def test_outside_active_hours_the_next_look_waits_for_the_opening(asked: str, opening: str) -> None:
    assert WORKDAYS.opening(datetime.fromisoformat(asked)) == datetime.fromisoformat(opening)


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = Hours(frozenset({4}), 22 * 60, 6 * 60)
    saturday = datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert night.opening(saturday) == saturday
    assert night.opening(datetime(2026, 11, 28, 7, tzinfo=UTC)) == datetime(2026, 12, 4, 22, tzinfo=UTC)


@given(
    st.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1439),
)
def test_an_opening_is_never_past_never_over_a_week_away_and_stays(
    moment: datetime, days: frozenset[int], opens: int, length: int
) -> None:
    hours = Hours(days, opens, (opens + length) % 1440, "Europe/Berlin")
    found = hours.opening(moment)
    assert moment <= found <= moment + timedelta(days=8)
    assert hours.opening(found) == found


def test_after_a_change_it_is_looked_at_more_often_for_a_while_but_not_after_the_first_sight() -> None:
    rhythm = Planned(Interval(3600), quick_s=300, quick_for_s=6 * 3600)
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    first = now - timedelta(days=3)

    def wait_s(last_change: datetime) -> float:
        due = next_due(rhythm, now, first_seen=first, last_change=last_change, failures=0, jitter=0.0)
        return (due - now).total_seconds()

    assert wait_s(now - timedelta(hours=5)) == 300
    assert wait_s(now - timedelta(hours=7)) == 3600
    assert wait_s(first) == 3600


def _replanned(
    rhythm: Interval, now: datetime, next_check: datetime, jitter: float, failures: int = 0
) -> datetime | None:
    return replanned(
        rhythm,
        now,
        next_check=next_check,
        last_check=now - timedelta(minutes=10),
        first_seen=None,
        last_change=None,
        failures=failures,
        jitter=jitter,
    )


def test_a_night_asleep_does_not_stampede() -> None:
    now = datetime(2026, 11, 24, 8, tzinfo=UTC)
    moved = [_replanned(Interval(900), now, now - timedelta(hours=8), share / 100) for share in range(100)]
    waits = sorted((one - now).total_seconds() for one in moved if one is not None)
    assert len(waits) == 100
    assert 290 < waits[-1] <= 300
    assert max(later - before for before, later in pairwise(waits)) < 4
    assert _replanned(Interval(900), now, now - timedelta(seconds=30), 0.5) is None  # only late, not slept through


def test_a_quicker_rhythm_takes_effect_at_once_but_not_for_a_failing_source() -> None:
    now = datetime(2026, 11, 24, 8, tzinfo=UTC)
    far = now + timedelta(hours=23)
    moved = _replanned(Interval(900), now, far, 0.0)
    assert moved is not None
    assert moved <= now + timedelta(minutes=10)
    assert _replanned(Interval(900), now, far, 0.0, failures=3) is None
    assert _replanned(Interval(86_400), now, far, 0.0) is None
