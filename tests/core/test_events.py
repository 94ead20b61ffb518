"""From what was found and what was known to what is told: the rules, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.differ import compare
from monitor.events import Judgement, Stamps, is_silent, judge, judge_failure, judge_suspect, judge_unchanged, returns
from monitor.read.gate import GateRules
from storage.errors import FetchError, FetchReason, ReadError
from storage.records import EventKind, Latest, Outcome, Text, Version, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
RULES = GateRules(confirm_after_s=60, confirm_times=1)
KNOWN = Latest("one", number=3, digest="ab", last_good=START, final_url="https://example.org/a")
DATED = Stamps("2026-03-01", None)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def missing(status: int = 404) -> FetchError:
    return FetchError(f"HTTP {status}", reason=FetchReason.STATUS, status=status)


def failed(
    latest: Latest, error: FetchError | ReadError, minute: float, rules: GateRules = RULES
) -> tuple[Judgement, Latest]:
    judgement = judge_failure(latest, error, at=at(minute), rules=rules)
    after = replace(
        latest,
        failures=latest.failures + 1,
        failing_since=latest.failing_since or at(minute),
        failing=judgement.failing,
        gone=judgement.gone,
        suspicion=judgement.suspicion,
    )
    return judgement, after


def kinds(judgement: Judgement) -> list[EventKind]:
    return [event.kind for event in judgement.events]


def test_a_first_text_is_new() -> None:
    judgement = judge(Latest("one"), at=at(0), change=None, before=DATED, after=DATED)
    assert (judgement.outcome, kinds(judgement)) == (Outcome.NEW, [EventKind.NEW])
    assert judgement.events[0].version == 1


def test_a_cosmetic_change_is_told_as_one() -> None:
    change = compare(Text("It’s so."), Text("It's so."))
    judgement = judge(KNOWN, at=at(5), change=change, before=DATED, after=DATED)
    assert (judgement.outcome, kinds(judgement)) == (Outcome.COSMETIC, [EventKind.COSMETIC])


def test_a_return_to_an_earlier_wording_is_told_beside_the_change() -> None:
    change = compare(Text("We may go."), Text("We shall go."))
    judgement = judge(KNOWN, at=at(5), change=change, before=DATED, after=DATED, earlier=1)
    assert kinds(judgement) == [EventKind.CHANGED, EventKind.REVERTED]
    assert judgement.events[1].detail == {"to": 1}
    window = judgement.events[0].window
    assert window is not None
    assert (window.after, window.before) == (START, at(5))


def version(number: int, wording: str, hour: float, *, reread: bool = False) -> Version:
    moment = at(60 * hour)
    window = Window(None, moment)
    return Version(
        "one", number, wording, None, None, moment, moment, window, moment, None, None, False, reread, "html/1", 1, "c"
    )


@pytest.mark.parametrize(
    ("wordings", "times"),
    [("a", 0), ("ab", 0), ("aba", 1), ("abab", 2), ("abcab", 2), ("abc", 0), ("abcde", 0)],
)
def test_the_returns_of_a_page_are_counted(wordings: str, times: int) -> None:
    recent = [version(number, one, number) for number, one in enumerate(wordings, 1)][::-1]
    assert returns(recent, at(60 * 10)) == times
    assert returns(recent, at(60 * 24 * 9)) == 0, "after a week nobody speaks of flapping"


def test_our_own_rereading_is_no_return() -> None:
    assert returns([version(3, "a", 3, reread=True), version(2, "b", 2), version(1, "a", 1)], at(240)) == 0


def test_a_page_that_goes_back_and_forth_is_told_so_once() -> None:
    change = compare(Text("We may go."), Text("We shall go."))
    told = [
        judge(KNOWN, at=at(5), change=change, before=DATED, after=DATED, earlier=1, returned=times)
        for times in range(4)
    ]
    assert [kinds(one) for one in told] == [[EventKind.CHANGED, EventKind.REVERTED], [EventKind.REVERTED], [], []]
    assert told[1].events[0].detail == {"to": 1, "flapping": True}
    assert {one.outcome for one in told} == {Outcome.CHANGED}


def test_a_new_wording_of_a_flapping_page_is_told_like_any_other() -> None:
    change = compare(Text("We may go."), Text("We shall go."))
    judgement = judge(KNOWN, at=at(5), change=change, before=DATED, after=DATED, earlier=None, returned=0)
    assert kinds(judgement) == [EventKind.CHANGED]


@pytest.mark.parametrize(
    ("before", "after", "silent"),
    [
        (Stamps("1 May", None), Stamps("1 May", None), True),
        (Stamps("1 May", None), Stamps("2 May", None), False),
        (Stamps(None, "Mon"), Stamps(None, "Mon"), True),
        (Stamps("1 May", "Mon"), Stamps("1 May", "Tue"), False),
        (Stamps(None, None), Stamps(None, None), False),
    ],
)
def test_an_edit_is_silent_when_no_stamp_moved_with_it(before: Stamps, after: Stamps, silent: bool) -> None:
    change = compare(Text("We may go."), Text("We shall go."))
    assert is_silent(change, before, after) is silent


def test_a_new_date_in_the_sitemap_is_a_stamp_like_any_other() -> None:
    change = compare(Text("We may go."), Text("We shall go."))
    assert is_silent(change, replace(DATED, listed="2026-03-01"), replace(DATED, listed="2026-03-01"))
    assert not is_silent(change, replace(DATED, listed="2026-03-01"), replace(DATED, listed="2026-03-02"))


def test_a_cosmetic_edit_is_never_silent() -> None:
    assert not is_silent(compare(Text("It’s so."), Text("It's so.")), DATED, DATED)


def test_a_failure_is_told_once_when_it_is_seen_again_and_late_enough() -> None:
    error = missing(500)
    first, latest = failed(KNOWN, error, 1)
    soon, latest = failed(latest, error, 1.5)
    second, latest = failed(latest, error, 3)
    third, _ = failed(latest, error, 4)
    assert [kinds(one) for one in (first, soon, second, third)] == [[], [], [EventKind.FAILING], []]


def test_a_failure_is_not_believed_before_it_was_seen_often_enough() -> None:
    often = GateRules(confirm_after_s=60, confirm_times=2)
    first, latest = failed(KNOWN, missing(500), 1, often)
    late, latest = failed(latest, missing(500), 60, often)
    third, _ = failed(latest, missing(500), 61, often)
    assert [kinds(one) for one in (first, late, third)] == [[], [], [EventKind.FAILING]]


def test_a_missing_page_is_gone_when_it_stays_missing_for_ten_times_as_long_as_another_doubt() -> None:
    first, latest = failed(KNOWN, missing(), 1)
    soon, latest = failed(latest, missing(), 10.9)
    second, latest = failed(latest, missing(), 11)
    third, _ = failed(latest, missing(), 15)
    told = (first, soon, second, third)
    assert [one.outcome for one in told] == [Outcome.FAILED, Outcome.FAILED, Outcome.GONE, Outcome.GONE]
    assert [kinds(one) for one in told] == [[], [], [EventKind.GONE], []]


def test_a_page_that_is_back_before_it_was_believed_gone_was_never_gone() -> None:
    _, latest = failed(KNOWN, missing(), 1)
    _, latest = failed(latest, missing(), 3)
    assert not latest.failing
    assert kinds(judge_unchanged(latest, at=at(4), not_modified=False)) == []


def test_a_page_that_never_was_cannot_be_gone() -> None:
    _, latest = failed(Latest("one"), missing(), 1)
    judgement, _ = failed(latest, missing(), 3)
    assert not judgement.gone
    assert kinds(judgement) == [EventKind.FAILING]


def test_two_different_failures_are_a_failing_source_all_the_same() -> None:
    _, latest = failed(KNOWN, missing(500), 1)
    judgement, _ = failed(latest, ReadError("the text is empty"), 3)
    assert kinds(judgement) == [EventKind.FAILING]


def test_the_end_of_a_failure_is_told_once() -> None:
    assert kinds(judge_unchanged(replace(KNOWN, failing=True), at=at(9), not_modified=True)) == [EventKind.RECOVERED]
    assert kinds(judge_unchanged(replace(KNOWN, gone=True), at=at(9), not_modified=False)) == [EventKind.RETURNED]
    assert kinds(judge_unchanged(KNOWN, at=at(9), not_modified=False)) == []


def test_a_suspect_capture_is_counted_by_reason_and_text() -> None:
    first = judge_suspect(KNOWN, "much shorter", "aa", vanished=False, at=at(1), rules=RULES)
    again = judge_suspect(
        replace(KNOWN, suspicion=first.suspicion, failures=1, failing_since=at(1)),
        "much shorter", "bb", vanished=False, at=at(3), rules=RULES,
    )  # fmt: skip
    assert first.suspicion is not None
    assert again.suspicion is not None
    assert (first.suspicion.times, again.suspicion.times) == (1, 1)
    assert first.outcome is Outcome.SUSPECT


def test_a_permanent_move_is_told_and_only_once() -> None:
    moved = "https://example.org/b"
    assert kinds(judge_unchanged(KNOWN, at=at(1), not_modified=False, moved_to=moved)) == [EventKind.MOVED]
    settled = replace(KNOWN, final_url=moved)
    assert kinds(judge_unchanged(settled, at=at(2), not_modified=False, moved_to=moved)) == []


def test_what_robots_txt_forbids_is_skipped() -> None:
    refused = FetchError("robots.txt forbids it", reason=FetchReason.ROBOTS)
    assert judge_failure(KNOWN, refused, at=at(1), rules=RULES).outcome is Outcome.SKIPPED
