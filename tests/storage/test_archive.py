"""What the archive promises, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from monitor.differ import compare
from storage.archive import Archive, ClaimLost, Unchanged
from storage.chain import first_fault
from storage.engine import engine_for, writing
from storage.errors import StorageError
from storage.records import Event, EventKind, Outcome, Severity, Source, Suspicion, Validators, Version, Window
from tests.storage.conftest import Wordings


@pytest.fixture
def keep(archive: Archive, wordings: Wordings) -> Callable[[str, float], Version]:
    """Keep a wording of source ``one``, compared with the one before."""
    archive.declare([wordings.source()], wordings.at(0))

    def kept(words: str, minute: float) -> Version:
        number = archive.latest(["one"])["one"].number
        text = wordings.text(words)
        change = compare(archive.text("one", number), text) if number else None
        snapshot = wordings.snapshot(words, minute)
        outcome = Outcome.CHANGED if number else Outcome.NEW
        event = Event(EventKind.CHANGED if number else EventKind.NEW, "one", wordings.at(minute), (number or 0) + 1)
        return archive.record(
            "one", snapshot, text, reader="r/1", outcome=outcome, expected=number, change=change, events=[event],
            validators=snapshot.validators, next_due=wordings.at(minute + 15),
        )  # fmt: skip

    return kept


def test_every_wording_is_kept_and_comes_back(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    said = [f"The parties agreed on {number} points, and 合理安全关切 was named." for number in range(40)]
    for minute, words in enumerate(said):
        keep(words, minute)
    assert [version.number for version in archive.versions("one")] == list(range(40, 0, -1))
    assert [text.paragraphs[0] for _, text in archive.texts("one")] == said
    assert archive.text("one", 17) == wordings.text(said[16])
    assert archive.snapshot(archive.version("one", 23).snapshot) == wordings.snapshot(said[22], 22)
    assert first_fault(archive.seals("one")) is None


def test_a_window_lies_between_the_last_look_at_the_old_and_the_first_at_the_new(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    first = keep("Old words stand here.", 0)
    archive.note_unchanged([Unchanged("one", wordings.at(15), Outcome.UNCHANGED)])
    archive.note_failed("one", wordings.at(30), Outcome.FAILED, "HTTP 503")
    second = keep("New words stand here.", 45)
    assert first.window == Window(None, wordings.at(0))
    assert second.window == Window(wordings.at(15), wordings.at(45))
    assert archive.version("one", 1).last_seen == wordings.at(15)


def test_the_ledger_grows_with_outcomes_and_not_with_checks(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    keep("The words stay as they are.", 0)
    for minute in range(1, 201):
        outcome = Outcome.NOT_MODIFIED if minute % 2 else Outcome.UNCHANGED
        archive.note_unchanged([Unchanged("one", wordings.at(minute), outcome)])
    for minute in (201, 202, 203):
        archive.note_failed("one", wordings.at(minute), Outcome.FAILED, "HTTP 500")
    archive.note_unchanged([Unchanged("one", wordings.at(204), Outcome.UNCHANGED)])
    runs = archive.ledger("one")
    assert [(run.outcome, run.count) for run in runs] == [
        (Outcome.NEW, 201),
        (Outcome.FAILED, 3),
        (Outcome.UNCHANGED, 1),
    ]
    assert runs[0].last == wordings.at(200)
    assert runs[1].error == "HTTP 500"


def test_a_return_to_an_earlier_wording_is_a_version_of_its_own(
    archive: Archive, keep: Callable[[str, float], Version]
) -> None:
    first = keep("The first wording.", 0)
    keep("The second wording.", 1)
    assert archive.earlier("one", first.digest) == 1
    third = keep("The first wording.", 2)
    assert (third.number, third.digest) == (3, first.digest)
    assert archive.text("one", 3) == archive.text("one", 1)


def test_what_is_kept_cannot_be_changed_removed_or_replaced(
    archive: Archive, keep: Callable[[str, float], Version], url: str
) -> None:
    keep("Evidence.", 0)
    engine = engine_for(url)
    attempts = [
        statement.format(table=table, column=column)
        for table, column in (
            ("versions", "number"),
            ("snapshots", "head"),
            ("bodies", "size"),
            ("events", "kind"),
            ("heads", "url"),
            ("headings", "reader"),
            ("verdicts", "kinds"),
        )
        for statement in ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}")
    ]
    if engine.dialect.name == "sqlite":
        attempts.append("INSERT OR REPLACE INTO versions SELECT * FROM versions")
    else:
        attempts.append("TRUNCATE versions, snapshots, bodies, events, heads, headings, verdicts CASCADE")
    for attempt in attempts:
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.execute(sql(attempt))
    engine.dispose()
    assert len(archive.versions("one")) == 1


def test_a_flipped_character_breaks_the_chain(archive: Archive, keep: Callable[[str, float], Version]) -> None:
    for minute, words in enumerate(("One.", "Two.", "Three.")):
        keep(words, minute)
    sealed = list(archive.seals("one"))
    assert first_fault(sealed) is None
    record, stored = sealed[1]
    assert first_fault([sealed[0], (replace(record, reader="r/2"), stored), sealed[2]]) == 2
    assert first_fault([sealed[0], sealed[2]]) == 2


def test_two_recorders_of_one_source_cannot_both_win(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    keep("The first wording.", 0)
    with pytest.raises(ClaimLost):
        archive.record(
            "one", wordings.snapshot("Late.", 1), wordings.text("Late."), reader="r", outcome=Outcome.NEW, expected=None
        )
    assert len(archive.versions("one")) == 1


def test_a_claim_is_exclusive_until_its_lease_ends(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source(name) for name in "abcde"], wordings.at(0))
    assert archive.claim(wordings.at(1), limit=3, lease_s=60, owner="x") == ["a", "b", "c"]
    assert archive.claim(wordings.at(1), limit=9, lease_s=60, owner="y") == ["d", "e"]
    assert archive.claim(wordings.at(1.5), limit=9, lease_s=60, owner="z") == []
    archive.release(["a", "d"], "x")
    assert archive.claim(wordings.at(1.5), limit=9, lease_s=60, owner="z") == ["a"]
    assert archive.claim(wordings.at(10), limit=9, lease_s=60, owner="w") == ["a", "b", "c", "d", "e"]
    with pytest.raises(ClaimLost):
        archive.record(
            "a", wordings.snapshot("Late.", 11), wordings.text("Late."), reader="r", outcome=Outcome.NEW, expected=None,
            owner="x",
        )  # fmt: skip


def test_a_source_that_is_no_longer_declared_is_retired_with_its_history(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    keep("Some words.", 0)
    archive.declare([wordings.source("two")], wordings.at(1))
    assert [source.id for source in archive.sources()] == ["two"]
    assert len(archive.versions("one")) == 1
    moved = replace(wordings.source(), url="https://example.org/elsewhere")
    archive.declare([moved, wordings.source("two")], wordings.at(2))
    assert archive.sources() == [moved, wordings.source("two")]
    assert archive.latest(["one"])["one"].number == 1


def test_an_idle_source_is_declared_and_never_due(archive: Archive, wordings: Wordings) -> None:
    both = [wordings.source("one"), wordings.source("two")]
    archive.declare(both, wordings.at(0), idle={"two"})
    assert archive.sources() == both
    assert archive.claim(wordings.at(9), limit=9, lease_s=1, owner="x") == ["one"]
    archive.declare(both, wordings.at(10), idle={"one"})
    assert archive.claim(wordings.at(20), limit=9, lease_s=1, owner="x") == ["two"]


def test_a_doubt_is_remembered_and_ends_with_a_good_look(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    keep("Some words.", 0)
    doubt = Suspicion("much shorter", "ab" * 32, wordings.at(1), 2)
    archive.note_suspect("one", wordings.snapshot("Short.", 1), "much shorter", doubt, failing=True)
    archive.note_suspect("one", wordings.snapshot("Short.", 2), "much shorter", doubt, failing=True)
    known = archive.latest(["one"])["one"]
    assert (known.failures, known.failing, known.suspicion, known.number) == (2, True, doubt, 1)
    fresh = Validators('"x"', None)
    archive.note_unchanged([Unchanged("one", wordings.at(3), Outcome.UNCHANGED, validators=fresh)])
    known = archive.latest(["one"])["one"]
    assert (known.failures, known.failing, known.suspicion, known.validators) == (0, False, None, fresh)


def test_a_reread_is_a_new_base_from_the_old_bytes(
    archive: Archive, keep: Callable[[str, float], Version], wordings: Wordings
) -> None:
    keep("Some words, and furniture.", 0)
    version = archive.record_reread("one", wordings.at(5), wordings.text("Some words."), "r/2")
    assert version is not None
    assert (version.number, version.reread, version.severity) == (2, True, None)
    assert version.captured == wordings.at(0)
    assert archive.record_reread("one", wordings.at(6), None, "r/3") is None
    assert archive.latest(["one"])["one"].reader == "r/3"
    assert first_fault(archive.seals("one")) is None


def test_events_come_back_newest_first(archive: Archive, wordings: Wordings) -> None:
    archive.declare([wordings.source("one"), wordings.source("two")], wordings.at(0))
    window = Window(wordings.at(0), wordings.at(1))
    event = Event(
        EventKind.GONE, "one", wordings.at(1), None, Severity.MAJOR, window=window, detail={"reason": "HTTP 404"}
    )
    other = Event(EventKind.RECOVERED, "two", wordings.at(2), 1)
    archive.note_unchanged([Unchanged("two", wordings.at(2), Outcome.UNCHANGED, events=(other,))])
    archive.note_failed("one", wordings.at(1), Outcome.GONE, "HTTP 404", events=[event], gone=True)
    assert archive.events() == [event, other]
    assert archive.events("two") == [other]
    assert archive.states()[0].gone


def test_a_naive_time_is_refused(archive: Archive, wordings: Wordings) -> None:
    with pytest.raises(Exception, match="without a zone"):
        archive.declare([wordings.source()], wordings.at(0).replace(tzinfo=None))


def test_nothing_of_a_failed_transaction_is_seen(archive: Archive, wordings: Wordings, url: str) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    bad = Event(EventKind.NEW, "nowhere", wordings.at(0))
    with pytest.raises(KeyError):
        archive.record(
            "one", wordings.snapshot("Words.", 0), wordings.text("Words."), reader="r", outcome=Outcome.NEW,
            expected=None, events=[bad],
        )  # fmt: skip
    assert archive.versions("one") == []
    engine = engine_for(url)
    with writing(engine) as connection:
        assert connection.execute(sql("SELECT count(*) FROM bodies")).scalar() == 0
    engine.dispose()


def test_an_unknown_source_or_version_is_told_plainly(archive: Archive) -> None:
    with pytest.raises(StorageError, match="nobody: no version 3"):
        archive.text("nobody", 3)
    with pytest.raises(StorageError, match="nobody: not a declared source"):
        archive.note_failed("nobody", Wordings.start, Outcome.FAILED, "x")
    assert archive.versions("nobody") == []
    assert archive.latest(["nobody"]) == {}


def test_a_thousand_declared_sources_are_written_once(archive: Archive, wordings: Wordings) -> None:
    many = [Source(f"s{number}", f"https://example.org/{number}") for number in range(1000)]
    archive.declare(many, wordings.at(0))
    due = archive.next_due_at()
    archive.declare(many, wordings.at(9))
    assert archive.next_due_at() == due == wordings.at(0)
    assert len(archive.states()) == 1000
