"""The ledger grows with outcomes that are not well, never with checks, and not for ever when they come in turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage import runs as module
from storage.archive import Archive, Unchanged
from storage.engine import engine_for, reading
from storage.records import LedgerRun, Outcome
from tests.storage.conftest import Wordings

EXACT = 8


@pytest.fixture(autouse=True)
def few_are_told_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", EXACT)


def begin(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    keep(archive, wordings, "The first wording.", 0)


def keep(archive: Archive, wordings: Wordings, words: str, minute: float) -> None:
    number = archive.latest(["one"])["one"].number
    archive.record(
        "one", wordings.snapshot(words, minute), wordings.text(words), reader="r",
        outcome=Outcome.CHANGED if number else Outcome.NEW, expected=number,
    )  # fmt: skip


def well(archive: Archive, wordings: Wordings, *minutes: float) -> None:
    archive.note_unchanged([Unchanged("one", wordings.at(minute), Outcome.UNCHANGED) for minute in minutes])


def failed(archive: Archive, wordings: Wordings, minute: float, why: str = "HTTP 503") -> None:
    archive.note_failed("one", wordings.at(minute), Outcome.FAILED, why)


def rows(url: str) -> int:
    engine = engine_for(url)
    with reading(engine) as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM ledger").scalar_one()
    engine.dispose()
    return count


def test_a_healthy_source_costs_no_row_however_often_it_is_checked_and_changes(
    archive: Archive, url: str, wordings: Wordings
) -> None:
    begin(archive, wordings)
    for number in range(1, 6):
        well(archive, wordings, *(number * 100 + minute for minute in range(1, 51)))
        keep(archive, wordings, f"Wording number {number}.", number * 100 + 60)
    well(archive, wordings, 600, 601)
    assert rows(url) == 0
    runs = archive.ledger("one")
    assert [(run.outcome, run.count, run.version) for run in runs] == [
        (Outcome.NEW, 51, 1),
        *((Outcome.CHANGED, 51, version) for version in range(2, 6)),
        (Outcome.CHANGED, 3, 6),
    ]
    assert (runs[1].first, runs[1].last) == (wordings.at(160), wordings.at(250))
    assert (runs[-1].first, runs[-1].last) == (wordings.at(560), wordings.at(601))


def test_what_is_noted_twice_in_one_batch_begins_one_run(archive: Archive, url: str, wordings: Wordings) -> None:
    begin(archive, wordings)
    failed(archive, wordings, 1)
    well(archive, wordings, 2, 3, 4)
    assert [(run.outcome, run.count) for run in archive.ledger("one")] == [
        (Outcome.NEW, 1),
        (Outcome.FAILED, 1),
        (Outcome.UNCHANGED, 3),
    ]
    assert rows(url) == 2


def test_outages_are_told_one_by_one_until_there_are_too_many(archive: Archive, wordings: Wordings) -> None:
    begin(archive, wordings)
    for turn in range(EXACT // 2 - 1):
        failed(archive, wordings, 2 * turn + 1)
        well(archive, wordings, 2 * turn + 2)
    assert len(archive.ledger("one")) == EXACT - 1
    assert all(run.runs == 1 for run in archive.ledger("one"))


def test_back_and_forth_is_folded_by_month_and_no_check_is_lost(archive: Archive, url: str, wordings: Wordings) -> None:
    begin(archive, wordings)
    day = 4 * 24 * 60
    turns = 3 * EXACT
    for turn in range(turns):
        failed(archive, wordings, turn * day + 1, f"HTTP 50{turn % 3}")
        well(archive, wordings, turn * day + 2, turn * day + 3)
    runs = archive.ledger("one")
    assert sum(run.count for run in runs) == 1 + 3 * turns
    assert sum(run.count for run in runs if run.outcome is Outcome.FAILED) == turns
    folded = [run for run in runs if run.runs > 1]
    months = 1 + 4 * turns // 28
    assert rows(url) <= EXACT + 3 * months
    assert min(run.first for run in folded) == wordings.at(1)
    assert all(run.last - run.first <= timedelta(days=31) for run in folded)
    # The last ones are told as they were.
    assert runs[-1] == LedgerRun(
        Outcome.UNCHANGED, wordings.at((turns - 1) * day + 2), wordings.at((turns - 1) * day + 3), 2, 1
    )
    assert runs[-2] == LedgerRun(
        Outcome.FAILED, wordings.at((turns - 1) * day + 1), wordings.at((turns - 1) * day + 1), 1, 1,
        f"HTTP 50{(turns - 1) % 3}",
    )  # fmt: skip
    # And a change after all that has its true window.
    keep(archive, wordings, "The second wording.", turns * day)
    assert archive.version("one", 2).window.after == wordings.at((turns - 1) * day + 3)
    assert archive.version("one", 1).last_seen == wordings.at((turns - 1) * day + 3)
