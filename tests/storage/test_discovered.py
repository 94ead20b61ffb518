"""What listings found, and texts on several pages, on both engines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from storage.archive import Archive, ClaimLost
from storage.chain import first_fault
from storage.engine import engine_for, writing
from storage.keep import Unchanged
from storage.records import Found, Outcome, Source, Validators
from tests.storage.conftest import Wordings

LISTING = Source("press", "https://example.org/feed", "calls", ("desk",))


def note(wordings: Wordings, minute: float) -> Unchanged:
    return Unchanged("press", wordings.at(minute), Outcome.UNCHANGED, Validators('"1"'), wordings.at(minute + 15))


def item(name: str, path: str, stamp: str | None = None) -> Found:
    return Found(name, "press", f"https://example.org/{path}", name.title(), None, stamp)


@pytest.fixture
def listed(archive: Archive, wordings: Wordings) -> Archive:
    archive.declare([LISTING], wordings.at(0))
    archive.note_listed(LISTING, note(wordings, 1), reader="feed/1", fresh=[item("call", "a", "1"), item("call", "b")])
    return archive


def test_what_is_found_is_due_at_once_and_belongs_to_its_listing(listed: Archive, wordings: Wordings) -> None:
    first, second = listed.found()
    assert (first.source, first.stamp, first.first_listed) == ("call", "1", wordings.at(1))
    assert second.source.startswith("call-")
    assert {one.series for one in listed.sources()} == {"calls"}
    due = listed.claim(wordings.at(1), limit=9, lease_s=60, owner="me")
    assert due == sorted([first.source, second.source])
    assert listed.latest(["press"])["press"].validators.etag == '"1"'
    assert [one.outcome for one in listed.ledger("press")] == [Outcome.UNCHANGED]


def test_a_moved_stamp_makes_a_source_due_and_a_kept_version_takes_it_for_its_own(
    listed: Archive, wordings: Wordings
) -> None:
    taken = wordings.snapshot("one", 2, "a")
    listed.record(
        "call", taken, wordings.text("one"), reader="r", outcome=Outcome.NEW, expected=None, next_due=wordings.at(60)
    )
    assert listed.found()[0].kept_stamp == "1"
    listed.note_listed(LISTING, note(wordings, 3), reader="feed/1", stamps={"call": "2"})
    assert (listed.found()[0].stamp, listed.found()[0].kept_stamp) == ("2", "1")
    assert listed.claim(wordings.at(3), limit=1, lease_s=1, owner="me")
    states = {one.source.id: one.next_check for one in listed.states()}
    assert states["call"] == wordings.at(3)


def test_what_is_missing_and_back_is_noted(listed: Archive, wordings: Wordings) -> None:
    listed.note_listed(LISTING, note(wordings, 2), reader="feed/1", missing=["call"])
    assert listed.found(ids=["call"])[0].missing_since == wordings.at(2)
    listed.note_listed(LISTING, note(wordings, 3), reader="feed/1", back=["call"])
    assert listed.found("press")[0].missing_since is None
    assert listed.found("other") == []


def test_a_lost_lease_keeps_nothing(listed: Archive, wordings: Wordings) -> None:
    with pytest.raises(ClaimLost):
        listed.note_listed(LISTING, note(wordings, 2), reader="feed/1", fresh=[item("c", "c")], owner="nobody")
    assert len(listed.found()) == 2


def test_the_pages_of_a_text_are_sealed_and_cannot_be_changed(archive: Archive, url: str, wordings: Wordings) -> None:
    archive.declare([wordings.source()], wordings.at(0))
    first = replace(wordings.snapshot("one", 1), pages=(wordings.snapshot("two", 1), wordings.snapshot("three", 1)))
    archive.record("one", first, wordings.text("one"), reader="r", outcome=Outcome.NEW, expected=None)
    kept = archive.snapshot(archive.version("one", 1).snapshot)
    assert [page.body for page in kept.pages] == [page.body for page in first.pages]
    (sealed, seal) = next(archive.seals("one"))
    assert first_fault([(sealed, seal)]) is None
    assert first_fault([(replace(sealed, body=sealed.body[:32]), seal)]) == 1
    engine = engine_for(url)
    for words in ("DELETE FROM pages", "UPDATE pages SET place = 9"):
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as connection:
            connection.execute(sql(words))
    engine.dispose()
