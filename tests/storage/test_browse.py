"""What pages and ``status`` show of many sources: states, counts, events; on both engines."""

from __future__ import annotations

import pytest

from storage.archive import Archive
from storage.records import Event, EventKind, Outcome, Source
from tests.storage.filled import at, keep


@pytest.fixture
def three(archive: Archive) -> Archive:
    """Two sources of a series and one outside: ``a`` with two versions, ``b`` in trouble, ``c`` failing."""
    urls = {name: f"https://example.org/{name}" for name in "abc"}
    archive.declare([Source(name, url, "run" if name != "c" else None) for name, url in urls.items()], at(0))
    keep(archive, "a", 1)
    keep(archive, "a", 2)
    keep(archive, "c", 1)
    archive.note_failed("b", at(3), Outcome.FAILED, "HTTP 503")
    archive.note_failed("c", at(4), Outcome.FAILED, "HTTP 503", failing=True)
    return archive


def names(archive: Archive, **asked: object) -> list[str]:
    return [one.source.id for one in archive.states(**asked)]  # type: ignore[arg-type]


def test_states_are_every_source_by_id_with_its_latest_version(three: Archive) -> None:
    a, b, c = three.states()
    assert (a.source.id, a.versions, a.latest) == ("a", 2, three.version("a", 2))
    assert (a.chain, a.last_outcome, a.failures) == (three.version("a", 2).chain, Outcome.CHANGED, 0)
    assert (b.versions, b.latest, b.chain, b.last_error, b.failures) == (0, None, None, "HTTP 503", 1)
    assert (c.failing, b.failing, c.latest) == (True, False, three.version("c", 1))
    assert (a.retired, a.gone) == (False, False)


def test_states_can_be_some_of_them(three: Archive) -> None:
    assert names(three, ids=["c", "a", "nobody"]) == ["a", "c"]
    assert names(three, ids=[]) == []
    assert names(three, series="run") == ["a", "b"]
    assert names(three, troubled=True) == ["b", "c"]
    assert names(three, series="run", troubled=True) == ["b"]
    assert names(three, limit=2) == ["a", "b"]
    assert names(three, limit=2, offset=2) == ["c"]
    assert three.states(limit=1, offset=2)[0].latest == three.version("c", 1)
    three.declare([Source("a", "https://example.org/a")], at(5))
    assert names(three, troubled=True) == []  # who is watched no more is in no trouble
    assert [one.retired for one in three.states()] == [False, True, True]


def test_the_tally_counts_what_is_watched(three: Archive) -> None:
    tally = three.tally()
    assert (tally.sources, tally.versions, tally.gone, tally.failing, tally.doubtful) == (3, 3, 0, 1, 1)
    three.note_failed("b", at(6), Outcome.GONE, "HTTP 410", gone=True)
    tally = three.tally()
    assert (tally.gone, tally.failing, tally.doubtful) == (1, 1, 0)
    three.declare([Source("c", "https://example.org/c")], at(7))
    assert (three.tally().sources, three.tally().failing, three.tally().gone) == (1, 1, 0)


def test_an_empty_archive_has_nothing_to_count(archive: Archive) -> None:
    tally = archive.tally()
    assert (tally.sources, tally.versions, tally.gone, tally.failing, tally.doubtful) == (0, 0, 0, 0, 0)
    assert archive.states() == []


def test_silent_edits_can_be_asked_for_alone(three: Archive) -> None:
    silent = Event(EventKind.CHANGED, "a", at(8), 2, silent=True, detail={"why": "no new date"})
    (before,) = three.events(silent=True)
    three.note_failed("a", at(8), Outcome.FAILED, "HTTP 503", events=[silent])
    assert three.events(silent=True) == [silent, before]
    assert three.events("a", silent=True) == [silent, before]
    assert three.events("c", silent=True) == []
    assert [one.source for one in three.events()] == ["a", "c", "a", "a"]
    assert three.events(limit=1) == [silent]
