"""What was worked out from a history is kept, and believed only where it fits; nothing leans on it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from monitor.histories import LEAST_KEPT, History, history_of
from monitor.history.blame import blame
from storage import rows, texts
from storage.archive import Archive
from storage.engine import engine_for, writing
from storage.memories import Kept
from storage.records import Outcome, Source
from tests.storage.conftest import Wordings

MEMORY = Kept("source:one", 3, b"\x01" * 32, "blame 1", b'{"words":[]}' * 40)
COUNT = 20


def test_a_memory_is_kept_until_another_takes_its_place(archive: Archive) -> None:
    assert archive.memory("source:one") is None
    assert archive.keep_memory(MEMORY)
    assert archive.memory("source:one") == MEMORY
    later = replace(MEMORY, number=4, made_of=b"\x02" * 32, plain=b"{}")
    assert archive.keep_memory(later)
    assert archive.memory("source:one") == later
    assert archive.memory("series:one") is None


@pytest.mark.parametrize("column", ["number", "made_of", "made_by", "packed", "seal"])
def test_a_damaged_memory_is_none(archive: Archive, url: str, column: str) -> None:
    archive.keep_memory(MEMORY)
    engine = engine_for(url)
    other = {"number": 2, "made_by": "blame 2"}.get(column, b"\x28\xb5\x2f\xfd\x00")
    with writing(engine) as connection:
        connection.execute(sql(f"UPDATE memories SET {column} = :other"), {"other": other})
    engine.dispose()
    assert archive.memory("source:one") is None


def test_who_may_only_read_keeps_nothing_and_fails_at_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    Archive.open(url).close()
    with Archive.open(url, readonly=True) as opened:
        assert not opened.keep_memory(MEMORY)
        assert opened.memory("source:one") is None


def test_a_busy_database_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.memories.PATIENCE_MS", 1)
    path = tmp_path / "archive.db"
    with Archive.open(f"sqlite:///{path}") as opened:
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert not opened.keep_memory(MEMORY)
        writer.execute("ROLLBACK")
        writer.close()
        assert opened.keep_memory(MEMORY)


def test_of_two_that_keep_at_once_one_stands_whole(archive: Archive) -> None:
    ours = [replace(MEMORY, number=number, plain=bytes([number]) * 5_000) for number in range(1, 9)]
    threads = [threading.Thread(target=archive.keep_memory, args=(one,)) for one in ours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert archive.memory("source:one") in ours


# -- blame, which is what is kept so far --------------------------------------------------------------------------


def filled(archive: Archive, wordings: Wordings, count: int, *, first: int = 1, name: str = "one") -> None:
    """Versions of one source, a sentence more in each, every seventh without one that the next has again."""
    if first == 1:
        archive.declare([Source(name, f"https://example.org/{name}")], wordings.at(0))
    for number in range(first, count + 1):
        said = " ".join(f"Sentence number {one} of the statement stands." for one in range(1, number + 1))
        words = said.replace("number 1 ", "one ") if number % 7 == 0 else said
        archive.record(
            name,
            wordings.snapshot(words, number, name),
            wordings.text(words),
            reader="r1",
            outcome=Outcome.CHANGED,
            expected=number - 1 or None,
        )


class Count:
    """How many texts were made, and how many blobs unpacked for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts = self.unpacked = 0
        monkeypatch.setattr("storage.rows.text", self._counting("texts", rows.text))
        monkeypatch.setattr("storage.texts.unpack", self._counting("unpacked", texts.unpack))

    def _counting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            setattr(self, name, getattr(self, name) + 1)
            return function(*arguments)

        return counted

    def since(self) -> tuple[int, int]:
        """Both, and from nought again."""
        told = self.texts, self.unpacked
        self.texts = self.unpacked = 0
        return told


def anew(history: History, number: int) -> object:
    """The blame from every text, as if nothing had been kept."""
    return blame(history.pairs(upto=number), words=True).sentences


def test_a_second_blame_reads_only_what_is_new(
    archive: Archive, wordings: Wordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(archive, wordings, COUNT)
    count = Count(monkeypatch)
    history = history_of(archive, "one")
    first = history.blame(history.latest(), words=True)
    assert count.since() == (COUNT, COUNT)
    again = history.blame(history.latest(), words=True)
    made, unpacked = count.since()
    assert (made, again) == (1, first)  # the text it is asked about
    assert unpacked <= texts.FULL_EVERY + 1  # and the memory
    filled(archive, wordings, COUNT + 3, first=COUNT + 1)
    count.since()
    history = history_of(archive, "one")
    newer = history.blame(history.latest(), words=True)
    made, unpacked = count.since()
    assert made == 3
    assert unpacked <= texts.FULL_EVERY + 3
    assert newer.sentences == anew(history, COUNT + 3)
    older = history.blame(history.versions[COUNT // 2 - 1], words=True)
    assert older.sentences == anew(history, COUNT // 2)


def test_a_blame_at_hand_of_the_same_history_is_gone_on_from(
    archive: Archive, wordings: Wordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(archive, wordings, COUNT)
    history = history_of(archive, "one")
    before = history.blame(history.versions[COUNT // 2 - 1])
    count = Count(monkeypatch)
    later = history.blame(history.versions[COUNT // 2 + 1], words=True, before=before)
    assert count.since()[0] == 2
    assert later.sentences == anew(history, COUNT // 2 + 2)
    earlier = history.blame(history.versions[1], words=True, before=before)
    assert earlier.sentences == anew(history, 2)
    changed = replace(history, versions=(replace(history.versions[0], reread=True), *history.versions[1:]))
    count.since()
    changed.blame(changed.versions[COUNT // 2], before=before)
    assert count.since()[0] == COUNT // 2 + 1


def test_a_series_is_remembered_too_and_made_again_when_a_member_changed(
    archive: Archive, wordings: Wordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"call-2020-01-{day:02}" for day in range(1, LEAST_KEPT + 1)]
    archive.declare([Source(name, f"https://example.org/{name}", series="calls") for name in names], wordings.at(0))
    for day, name in enumerate(names, 1):
        words = f"Day {day} came. The clause stands."
        archive.record(
            name,
            wordings.snapshot(words, day, name),
            wordings.text(words),
            reader="r1",
            outcome=Outcome.NEW,
            expected=None,
        )
    count = Count(monkeypatch)
    history = history_of(archive, "calls")
    first = history.blame(history.latest())
    assert first.source == "calls"
    assert [one.since.label for one in first.sentences[-2:]] == [names[-1], names[0]]
    assert count.since()[0] == len(names)
    history = history_of(archive, "calls")
    assert history.blame(history.latest()) == first
    assert count.since()[0] == 1
    words = "Day 3 came. Another clause stands."
    archive.record(
        names[2],
        wordings.snapshot(words, 60, names[2]),
        wordings.text(words),
        reader="r1",
        outcome=Outcome.CHANGED,
        expected=1,
    )
    count.since()
    history = history_of(archive, "calls")
    answer = history.blame(history.latest())
    assert count.since()[0] == len(names)
    assert answer.sentences[-1].removed == (3,)


@pytest.mark.parametrize("spoiled", ["damaged", "of another program", "of another history", "of no use"])
def test_a_memory_that_does_not_fit_is_made_again(archive: Archive, wordings: Wordings, spoiled: str) -> None:
    filled(archive, wordings, LEAST_KEPT)
    history = history_of(archive, "one")
    first = history.blame(history.latest())
    kept = archive.memory("source:one")
    assert kept is not None
    bad = {
        "damaged": replace(kept, plain=kept.plain[:-9]),
        "of another program": replace(kept, made_by="blame 0", plain=b"{}"),
        "of another history": replace(kept, made_of=b"\0" * 32, plain=b"{}"),
        "of no use": replace(kept, plain=b'{"words":[[7]]}'),
    }[spoiled]
    assert archive.keep_memory(bad)
    assert history.blame(history.latest()) == first
    assert archive.memory("source:one") == kept


def test_texts_can_begin_and_end_anywhere(archive: Archive, wordings: Wordings) -> None:
    filled(archive, wordings, COUNT)
    everything = list(archive.texts("one"))
    for after, upto in ((0, None), (15, None), (16, None), (17, 20), (COUNT, None), (3, 3), (0, 1)):
        assert list(archive.texts("one", after=after, upto=upto)) == everything[after:upto]
