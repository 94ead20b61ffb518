"""When a letter goes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor.alerts.timing import DIGEST_MOST, GIVE_UP_S, SHOWN_MOST, Policy, next_attempt, plan
from monitor.schedule import Cron, Hours
from storage.records import EventKind, Plan, Severity, Waiting

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
EVERY_DAY = frozenset(range(7))
NIGHT = Policy(loud=Hours(EVERY_DAY, 7 * 60, 22 * 60), urgent=Severity.MAJOR)
DAILY = Policy(digest=Cron("0 8 * * *"))
BOUND = Policy(at_most=(2, 3600.0))


def hour(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def waits(*keys: int, at: datetime = NOON, **more: object) -> list[Waiting]:
    one = Waiting(0, "", "s", EventKind.CHANGED, Severity.WORDING, at)
    return [replace(one, key=key, alert=f"a{key}", source=f"s{key}", **more) for key in keys]  # type: ignore[arg-type]


def keys(found: Plan) -> list[tuple[int, ...]]:
    return [one.keys for one in found.letters]


def test_without_more_said_each_goes_at_once_and_alone() -> None:
    found = plan(Policy(), waits(1, 2), [], NOON)
    assert keys(found) == [(1,), (2,)]
    assert not found.held
    assert not any(one.digest for one in found.letters)


def test_a_digest_holds_until_its_hour_and_then_is_one_letter() -> None:
    found = plan(DAILY, waits(1, 2), [], NOON)
    assert found == Plan(held=((1, hour(20)), (2, hour(20))))
    later = plan(DAILY, [*waits(1, 2, held=True), *waits(3, at=hour(20.01))], [], hour(20.02))
    assert keys(later) == [(1, 2)]
    assert later.letters[0].digest
    assert later.held == ((3, hour(44)),)


def test_a_long_digest_comes_in_several_letters_and_leaves_nothing_out() -> None:
    found = plan(DAILY, waits(*range(DIGEST_MOST + 7), held=True), [], hour(21))
    assert [len(one.keys) for one in found.letters] == [DIGEST_MOST, 7]
    assert not any(one.counted for one in found.letters)


def test_quiet_hours_hold_everything_but_the_urgent_and_end_with_one_letter() -> None:
    night = hour(12)
    found = plan(NIGHT, [*waits(1, 2, at=night), *waits(3, at=night, severity=Severity.MAJOR)], [], night)
    assert keys(found) == [(3,)]
    assert found.held == ((1, hour(19)), (2, hour(19)))
    morning = plan(NIGHT, [*waits(1, 2, at=night, held=True), *waits(4, at=hour(19))], [], hour(19))
    assert keys(morning) == [(1, 2), (4,)]


def test_a_bound_lets_so_many_through_and_tells_the_rest_in_one_letter() -> None:
    first = plan(BOUND, waits(1, 2, 3, 4), [], NOON)
    assert keys(first) == [(1,), (2,)]
    assert [key for key, _ in first.held] == [3, 4]
    full = plan(BOUND, waits(5), [NOON, hour(0.5)], hour(0.6))
    assert full == Plan(held=((5, hour(1)),))
    again = plan(BOUND, [*waits(3, 4, 5, held=True), *waits(6, 7)], [hour(0.5)], hour(1.1))
    assert keys(again) == [(3, 4, 5)]
    assert [key for key, _ in again.held] == [6, 7]


def test_a_storm_is_told_by_the_gravest_and_a_number() -> None:
    storm = waits(*range(200), held=True)
    storm[150] = replace(storm[150], severity=Severity.MAJOR)
    (letter,) = plan(BOUND, storm, [], hour(2)).letters
    assert letter.keys == (*range(SHOWN_MOST - 1), 150)
    assert len(letter.counted) == 200 - SHOWN_MOST


def test_a_failure_that_ended_while_it_was_held_is_not_told_nor_is_its_end() -> None:
    failing, recovered = (
        replace(waits(key)[0], source="s", kind=kind)
        for key, kind in ((1, EventKind.FAILING), (2, EventKind.RECOVERED))
    )
    held = replace(failing, held=True)
    assert plan(NIGHT, [held, recovered], [], NOON) == Plan(dropped=(1, 2))
    assert keys(plan(NIGHT, [failing, recovered], [], NOON)) == [(1,), (2,)], "told at once: both are"
    assert keys(plan(NIGHT, [recovered], [], NOON)) == [(2,)], "the failure was told: its end is too"
    others = replace(held, source="another")
    assert sorted(keys(plan(NIGHT, [others, recovered], [], NOON))) == [(1,), (2,)]


@examples(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(Severity), st.floats(0, 30)), max_size=30),
    st.sampled_from(
        [Policy(), DAILY, NIGHT, BOUND, replace(NIGHT, at_most=(1, 60.0)), replace(DAILY, loud=NIGHT.loud)]
    ),
    st.integers(0, 5),
    st.floats(0, 48),
)
def test_every_alert_is_put_into_a_letter_or_held_never_both_never_lost(
    drawn: list[tuple[bool, Severity, float]], policy: Policy, lately: int, at: float
) -> None:
    now = hour(at)
    waiting = [
        Waiting(key, f"a{key}", f"s{key}", EventKind.CHANGED, severity, min(now, hour(when)), held)
        for key, (held, severity, when) in enumerate(drawn)
    ]
    found = plan(policy, waiting, [now - timedelta(seconds=one) for one in range(lately, 0, -1)], now)
    placed = [key for one in found.letters for key in (*one.keys, *one.counted)] + [key for key, _ in found.held]
    assert sorted([*placed, *found.dropped]) == list(range(len(waiting)))
    assert all(until > now for _, until in found.held)


def test_attempts_grow_apart_for_three_days_and_then_end() -> None:
    now, waited = NOON, []
    for attempt in range(1, 20):
        due = next_attempt(attempt, NOON, now, dice=0.5)
        if due is None:
            break
        waited.append((due - now).total_seconds())
        now = due
    assert waited == [10, 60, 300, 1800, 7200, 28_800, 86_400, 86_400]
    assert (now - NOON).total_seconds() <= GIVE_UP_S
    assert next_attempt(1, NOON, NOON, dice=0.0) == NOON + timedelta(seconds=8)
    assert next_attempt(1, NOON, NOON, dice=1.0) == NOON + timedelta(seconds=12)


def test_a_receiver_that_asks_for_patience_gets_it_as_far_as_there_is_any() -> None:
    assert next_attempt(1, NOON, NOON, dice=0.5, retry_after_s=600) == hour(1 / 6)
    assert next_attempt(3, NOON, NOON, dice=0.5, retry_after_s=1) == NOON + timedelta(seconds=300)
    assert next_attempt(1, NOON, NOON, dice=0.5, retry_after_s=1e9) == NOON + timedelta(seconds=GIVE_UP_S)
