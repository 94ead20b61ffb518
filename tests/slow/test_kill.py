"""kill -9 at any moment of a busy run: nothing acknowledged is lost, nothing half-written is seen, verify is clean.

A few rounds always; ``-m slow`` for 200 and more on SQLite, and PostgreSQL with its client killed and its server stopped
in the middle (``pg_ctl stop -m immediate``).
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.records import Source
from storage.verify import verify
from tests.slow.busy import SOURCES
from tests.storage.filled import START
from tests.storage.postgres import Cluster, binaries

ROOT = Path(__file__).parents[2]


class Busy:
    """The program that is killed, and what it acknowledged."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pipe = subprocess.Popen(
            [sys.executable, "-m", "tests.slow.busy", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        self._rest = b""
        self.kept: dict[tuple[str, int], str] = {}
        self.said = 0

    def close(self) -> None:
        assert self._pipe.stdin is not None
        self._pipe.stdin.close()
        self._pipe.wait(30)
        assert self._pipe.stdout is not None
        self._pipe.stdout.close()

    def round(self, seed: int, least: int, after_s: float, strike: Callable[[int], None]) -> None:
        """One life: ``least`` acknowledgements, ``after_s`` seconds more, then the strike; all it said is remembered."""
        assert self._pipe.stdin is not None
        self._pipe.stdin.write(b"%d\n" % seed)
        self._pipe.stdin.flush()
        pid, said = 0, 0
        while said <= least:
            for line in self._lines(None):
                assert not line.startswith(("died", "dead")), line
                pid = int(line.split()[1]) if line.startswith("pid") else pid
                said += 1
        until = time.monotonic() + after_s
        while (left := until - time.monotonic()) > 0:
            list(self._lines(left))
        strike(pid)
        while not self._dead:
            list(self._lines(None))

    def _lines(self, timeout_s: float | None) -> Iterator[str]:
        self._dead = False
        assert self._pipe.stdout is not None
        if not select.select([self._pipe.stdout], [], [], timeout_s)[0]:
            return
        got = os.read(self._pipe.stdout.fileno(), 65536)
        assert got, "the program ended"
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in map(bytes.decode, lines):
            if line.startswith("kept"):
                _, name, number, digest = line.split()
                self.kept[name, int(number)] = digest
            self.said += 1
            self._dead = self._dead or line == "dead"
            yield line

    def prove(self) -> None:
        """Everything acknowledged is there, nothing else is wrong."""
        with Archive.open(self._url, create=False, readonly=True) as archive:
            found = {(name, one.number): one.digest for name in SOURCES for one in archive.versions(name)}
        assert {key: found.get(key) for key in self.kept} == self.kept
        # What was being committed when it struck may be there too: at most one a life, and whole.
        report = verify(self._url)
        assert [fault.said for fault in report.faults] == []
        assert report.versions == len(found)


@contextmanager
def busy(url: str) -> Iterator[Busy]:
    with Archive.open(url) as archive:
        archive.declare([Source(name, f"https://example.org/{name}") for name in SOURCES], START)
    running = Busy(url)
    try:
        yield running
    finally:
        running.close()


def killed(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def rounds(url: str, count: int, seed: int) -> int:
    dice = random.Random(seed)
    with busy(url) as running:
        for _ in range(count):
            running.round(dice.randrange(1 << 30), dice.randrange(4), dice.random() * 0.02, killed)
            running.prove()
        return running.said


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert rounds(f"sqlite:///{tmp_path / 'archive.db'}", 4, 1) > 4


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_kills_without_end(tmp_path: Path, seed: int) -> None:
    assert rounds(f"sqlite:///{tmp_path / 'archive.db'}", 21, 10 + seed) > 21


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = binaries()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run this on PostgreSQL, but it is not installed")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with Cluster(folder, durable=True) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_client_of_postgresql_loses_nothing(cluster: Cluster) -> None:
    assert rounds(cluster.url.format(name="postgres"), 20, 3) > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_postgresql_that_is_stopped_in_the_middle_loses_nothing(cluster: Cluster) -> None:
    dice = random.Random(4)

    def stopped(pid: int) -> None:
        cluster.crash()
        with suppress(ProcessLookupError):  # who lost the server ends by itself
            os.kill(pid, signal.SIGKILL)

    with busy(cluster.url.format(name="postgres")) as running:
        for _ in range(6):
            running.round(dice.randrange(1 << 30), 2 + dice.randrange(4), dice.random() * 0.05, stopped)
            cluster.start()
            running.prove()
