"""Two processes that begin at once on an empty database make one archive; on both engines."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier

import pytest

from storage.archive import Archive
from storage.engine import engine_for
from storage.migrate import revision_of
from storage.records import Source
from storage.schema import REVISION
from storage.verify import verify

DECLARED = [Source(f"s{number}", f"https://example.org/{number}") for number in range(40)]


def begin(url: str, start: Barrier) -> None:
    """As the daemon and ``check`` begin: open, declare, adopt."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    start.wait(30)
    with Archive.open(url) as archive:
        start.wait(30)
        archive.declare(DECLARED, now)
        archive.adopt(Source("brought", "https://example.org/brought"), now)


def test_processes_that_begin_at_once_make_one_archive(url: str) -> None:
    processes = multiprocessing.get_context("fork")
    start = processes.Barrier(3)
    begun = [processes.Process(target=begin, args=(url, start)) for _ in range(3)]
    for one in begun:
        one.start()
    for one in begun:
        one.join(60)
    assert [one.exitcode for one in begun] == [0, 0, 0]
    engine = engine_for(url)
    assert revision_of(engine) == REVISION
    engine.dispose()
    with Archive.open(url) as archive:
        assert len(archive.sources(retired=True)) == len(DECLARED) + 1
        assert archive.tally().sources == len(DECLARED)
    assert verify(url).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("_turn", range(20))
def test_again_and_again(url: str, _turn: int) -> None:
    test_processes_that_begin_at_once_make_one_archive(url)
