"""A clock that is set back: windows, ledger and due times stay sane, on both engines."""

from __future__ import annotations

from datetime import timedelta

from monitor.schedule import Interval, replanned
from storage.archive import Archive, Unchanged
from storage.records import Outcome, Window
from storage.verify import verify
from tests.storage.conftest import Wordings


def test_no_window_is_turned_round_and_no_run_ends_before_it_begins(
    archive: Archive, url: str, wordings: Wordings
) -> None:
    archive.declare([wordings.source()], wordings.at(0))

    def keep(words: str, minute: float, number: int | None) -> None:
        snapshot, text = wordings.snapshot(words, minute), wordings.text(words)
        outcome = Outcome.CHANGED if number else Outcome.NEW
        archive.record("one", snapshot, text, reader="r", outcome=outcome, expected=number)

    keep("The first.", 100, None)
    archive.note_unchanged([Unchanged("one", wordings.at(110), Outcome.UNCHANGED)])
    # an hour back
    archive.note_unchanged([Unchanged("one", wordings.at(50), Outcome.UNCHANGED)])
    archive.note_failed("one", wordings.at(52), Outcome.FAILED, "HTTP 500")
    archive.note_failed("one", wordings.at(40), Outcome.FAILED, "HTTP 500")
    archive.note_unchanged([Unchanged("one", wordings.at(55), Outcome.UNCHANGED)])
    keep("The second.", 54, 1)
    archive.record_reread("one", wordings.at(30), wordings.text("The second, read anew."), "r/2")
    windows = [one.window for one in reversed(archive.versions("one"))]
    assert windows[1:] == [Window(wordings.at(54), wordings.at(54)), Window(wordings.at(30), wordings.at(30))]
    assert all(run.first <= run.last for run in archive.ledger("one"))
    # It ends where the next window begins, and that is not after the end of it.
    assert archive.version("one", 1).last_seen == archive.version("one", 1).first_seen
    assert verify(url).faults == []


def test_a_lease_from_before_the_clock_went_back_is_nobodys(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    assert archive.claim(wordings.at(100_000), limit=1, lease_s=60, owner="x") == ["one"]
    archive.replan(
        wordings.at(1), lambda _: None
    )  # as the daemon does at its start, and when it sees the clock go back
    assert archive.claim(wordings.at(1), limit=1, lease_s=60, owner="y") == ["one"]
    assert archive.claim(wordings.at(1.5), limit=1, lease_s=60, owner="z") == []


def test_what_was_planned_by_a_clock_that_was_ahead_is_planned_anew(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    ahead = wordings.at(100_000)
    archive.note_failed("one", ahead, Outcome.FAILED, "HTTP 500", next_due=ahead + timedelta(minutes=30))
    now = wordings.at(5)
    moved = archive.replan(
        now,
        lambda pace: replanned(
            Interval(900.0),
            now,
            next_check=pace.next_check,
            last_check=pace.last_check,
            first_seen=pace.first_seen,
            last_change=pace.last_change,
            failures=pace.failures,
            jitter=0.0,
        ),
    )
    assert moved == 1
    assert now < (archive.next_due_at() or ahead) < now + timedelta(hours=1)
