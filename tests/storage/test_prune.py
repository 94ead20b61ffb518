"""What is pruned leaves a tombstone, and nothing else moves; on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.engine import engine_for
from storage.errors import IntegrityError, Pruned
from storage.prune import Chosen, choose, prune, pruned_numbers, ranges, vacuum
from storage.records import EventKind
from storage.verify import verify
from tests.storage.filled import at, keep, snapshot, text
from tests.storage.sabotage import Forger


@pytest.fixture
def filled(filled_url: str) -> Iterator[Archive]:
    with Archive.open(filled_url) as opened:
        yield opened


def pruned(url: str, source: str, *versions: int) -> None:
    engine = engine_for(url)
    try:
        prune(engine, Chosen(source, versions), at(100))
    finally:
        engine.dispose()


# A sample of the other engine is in test_append_only.py; all of it is in the slow part.
pytestmark = pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)


def faults(url: str) -> list[str]:
    return [fault.said for fault in verify(url).faults]


@pytest.mark.parametrize(
    "gone",
    [
        (5, 9, 13, 20, 33),
        tuple(range(2, 41)),
        *(pytest.param(one, marks=pytest.mark.slow) for one in ((2, 3, 4), (16, 17), (40,), tuple(range(2, 40, 2)))),
    ],
)
def test_what_stays_is_readable_and_proved_whatever_went(
    filled: Archive, filled_url: str, gone: tuple[int, ...]
) -> None:
    before = {one.number: one.chain for one in filled.versions("long")}
    pruned(filled_url, "long", *gone)
    assert faults(filled_url) == []
    assert {one.number: one.chain for one in filled.versions("long")} == before
    assert {one.number for one in filled.versions("long") if one.pruned} == set(gone)
    kept = [number for number in range(1, 42) if number not in gone]
    assert [version.number for version, _ in filled.texts("long")] == kept
    for number in kept:
        assert filled.text("long", number) == text("long", number)
        assert filled.snapshot(filled.version("long", number).snapshot) == snapshot("long", number)
    for number in gone:
        with pytest.raises(Pruned, match=f"long@{number}: the text was pruned"):
            filled.text("long", number)
        with pytest.raises(Pruned):
            filled.snapshot(filled.version("long", number).snapshot)
    # and life goes on
    keep(filled, "long", 42)
    assert filled.text("long", 42) == text("long", 42)
    assert faults(filled_url) == []


def test_what_was_pruned_is_told_by_an_event(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 2, 3, 7)
    (event,) = [one for one in filled.events("long") if one.kind is EventKind.PRUNED]
    assert (event.at, event.detail["versions"], event.detail["bodies"]) == (at(100), "2-3,7", 3)
    assert pruned_numbers(event.detail) == {2, 3, 7}


def test_a_search_is_made_anew_without_what_was_pruned(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 2, 3, 7)
    assert filled.pruned() == {"long": [2, 3, 7]}
    assert filled.index(anew=True) == 3
    assert filled.candidates(["long parties agreed"]) == {"long"}


def test_pruning_what_is_pruned_says_nothing(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 2, 3)
    pruned(filled_url, "long", 2, 3)
    assert len([one for one in filled.events("long") if one.kind is EventKind.PRUNED]) == 1


def test_a_text_that_is_gone_without_an_event_is_a_fault(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 2, 3)
    Forger(filled_url)("DELETE FROM events WHERE kind = 'pruned'")
    assert "long@2: the text is gone, and no pruning says so" in faults(filled_url)


def test_first_and_latest_are_never_pruned(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 1, 2, 41)
    assert [one.number for one in filled.versions("long") if one.pruned] == [2]


def test_the_rule_spares_first_latest_newest_pinned_and_young(filled: Archive) -> None:
    def chosen(older_than: float | None = None, newest: int | None = None, pinned: tuple[int, ...] = ()) -> str:
        moment = at(older_than) if older_than is not None else None
        found = list(choose(filled, ["long"], older_than=moment, newest=newest, pinned={"long": pinned}))
        return ranges(found[0].versions) if found else ""

    assert chosen(newest=1) == "2-40"
    assert chosen(newest=30) == "2-11"
    assert chosen(newest=41) == ""
    # Version 7 was last seen half a minute after it came: what counts is when it last stood.
    assert chosen(older_than=7.5) == "2-6"
    assert chosen(older_than=7.6) == "2-7"
    assert chosen(older_than=30, newest=35, pinned=(3,)) == "2,4-6"


def test_bytes_that_another_version_needs_stay(filled: Archive, filled_url: str) -> None:
    """The second and third version of ``short`` share a capture with nothing; its fourth rereads that of the third."""
    pruned(filled_url, "short", 3)
    with pytest.raises(Pruned):
        filled.text("short", 3)
    assert filled.snapshot(filled.version("short", 3).snapshot) == snapshot("short", 3)
    assert faults(filled_url) == []


def test_many_are_pruned_in_several_transactions(
    filled: Archive, filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.prune.AT_ONCE", 7)
    pruned(filled_url, "long", *range(3, 39))
    told = [one.detail["versions"] for one in filled.events("long") if one.kind is EventKind.PRUNED]
    assert told == ["38", "31-37", "24-30", "17-23", "10-16", "3-9"]
    assert [version.number for version, _ in filled.texts("long")] == [1, 2, 39, 40, 41]
    assert faults(filled_url) == []


def test_every_page_of_a_text_goes_with_it(filled: Archive, filled_url: str) -> None:
    archive, url = filled, filled_url
    keep(archive, "pages", 3)
    further = (snapshot("second", 4), snapshot("third", 4))
    keep(archive, "pages", 4, snapshot("pages", 4, pages=further))
    keep(archive, "pages", 5)
    pruned(url, "pages", 4)
    number = archive.version("pages", 4).snapshot
    with pytest.raises(Pruned):
        archive.snapshot(number)
    assert len(archive.snapshot(number, bodiless=True).pages) == 2
    assert faults(url) == []


def test_bytes_that_come_again_are_kept_again(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", *range(2, 41))
    again = snapshot("long", 5)
    keep(filled, "long", 42, again)
    assert filled.snapshot(filled.version("long", 42).snapshot) == again
    assert faults(filled_url) == []


def test_pruning_twice_and_in_parts_is_the_same(filled: Archive, filled_url: str) -> None:
    pruned(filled_url, "long", 2, 3)
    pruned(filled_url, "long", 3, 4, 30)
    assert [one.number for one in filled.versions("long") if one.pruned] == [30, 4, 3, 2]
    assert faults(filled_url) == []


def test_evidence_that_is_damaged_already_is_not_covered_up(filled: Archive, filled_url: str) -> None:
    Forger(filled_url)("UPDATE versions SET looks = 77 WHERE source = 1 AND number = 18")
    with pytest.raises(IntegrityError, match="long@18: what is kept is not what was written; nothing was pruned"):
        pruned(filled_url, "long", 17)
    assert not any(one.pruned for one in filled.versions("long"))


def test_what_was_pruned_is_not_left_in_the_file(filled: Archive, filled_url: str) -> None:
    archive, url = filled, filled_url
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL's vacuum sees to that in its own time")
    # zstd leaves a rare word as it is in a full text, so it can be looked for.
    secret = b"Zyzzogeton-haldemani-1847"
    keep(archive, "long", 42, replace(snapshot("long", 42), body=secret + bytes(range(256))))
    keep(archive, "long", 43)
    archive.close()
    path = Path(url.removeprefix("sqlite:///"))
    assert secret in path.read_bytes()
    pruned(url, "long", 42)
    engine = engine_for(url)
    vacuum(engine)
    engine.dispose()
    assert secret not in path.read_bytes()
    assert faults(url) == []
