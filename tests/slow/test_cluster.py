"""Workers in processes of their own on one PostgreSQL: killed, stopped for a while, their database restarted.

2,000 sources and two minutes by default; ``VARIORUM_CLUSTER_SOURCES=100000 VARIORUM_CLUSTER_MINUTES=20`` for more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from storage import outbox
from storage.archive import Archive
from storage.chain import first_fault
from storage.records import LetterState
from tests.slow.hosts import Hosts
from tests.slow.sinks import Sinks
from tests.storage.postgres import Cluster, binaries

SOURCES = int(os.environ.get("VARIORUM_CLUSTER_SOURCES", "2000"))
HOSTS = max(20, SOURCES // 4)
MINUTES = float(os.environ.get("VARIORUM_CLUSTER_MINUTES", "2"))
EVERY_S = int(os.environ.get("VARIORUM_CLUSTER_EVERY_S", "30"))
WORKERS = 4
SPACING_S = 1.0
CUT_OFF_S = 60.0


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    folder = binaries()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the workers on PostgreSQL, but it is not installed")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with Cluster(folder, "max_connections=200", "synchronous_commit=on") as found:
        yield found


class Crew:
    """The daemon and its workers, as processes that write into one log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: list[int] = []
        self.daemon = self._start("daemon", "--no-work")
        self.workers = [self._start("worker") for _ in range(WORKERS)]
        self.cut_off: dict[int, float] = {}

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "monitor", *words], cwd=self.folder, stderr=log)

    def kill_worker(self, dice: random.Random) -> None:
        place = dice.choice([n for n in range(WORKERS) if n not in self.cut_off])
        self.workers[place].kill()
        self.ended.append(self.workers[place].wait(20))
        self.workers[place] = self._start("worker")

    def kill_daemon(self) -> None:
        self.daemon.kill()
        self.daemon.wait(20)
        self.daemon = self._start("daemon", "--no-work")

    def cut(self, dice: random.Random) -> None:
        if not self.cut_off:
            place = dice.randrange(WORKERS)
            self.workers[place].send_signal(signal.SIGSTOP)
            self.cut_off[place] = time.monotonic() + CUT_OFF_S

    def revive(self) -> None:
        """What a service manager does: who began while the database was away ended with one line, and begins again."""
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[place] = self._start("worker")
        if self.daemon.poll() is not None:
            self.daemon = self._start("daemon", "--no-work")

    def mend(self, *, all_of_them: bool = False) -> int:
        self.revive()
        due = [place for place, until in self.cut_off.items() if all_of_them or until < time.monotonic()]
        for place in due:
            del self.cut_off[place]
            self.workers[place].send_signal(signal.SIGCONT)
        return len(due)

    def stop(self) -> list[int]:
        self.mend(all_of_them=True)
        everybody = [*self.workers, self.daemon]
        for process in everybody:
            process.terminate()
        return [process.wait(30) for process in everybody]


def configured(folder: Path, url: str, hosts: Hosts, sinks: Sinks) -> None:
    lines = "".join(
        f"  - {{id: s{number}, url: '{hosts.url(number)}', select: '#article'}}\n" for number in hosts.revisions
    )
    options = f"every: {EVERY_S}s, timeout: 10s, robots: false, proxy: 'http://127.0.0.1:{hosts.port}'"
    head = f"database: '{url}'\nspacing: {SPACING_S:g}s\ndefaults: {{{options}}}\n"
    (folder / "config.yaml").write_text(f"{head}sources:\n{lines}{sinks.configuration}")


def versions(url: str) -> dict[int, int]:
    with Archive.open(url, readonly=True) as archive:
        return {int(one.source.id[1:]): one.versions for one in archive.states()}


def await_until(what: str, within_s: float, done) -> float:  # type: ignore[no-untyped-def]
    began = time.monotonic()
    while (left := done()) is not True:
        assert time.monotonic() - began < within_s, f"{what}: {left}"
        time.sleep(1)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 1800)
def test_nothing_is_lost_or_done_twice_whoever_dies(tmp_path: Path, database: Cluster) -> None:
    dice = random.Random(8)
    with psycopg.connect(database.url.format(name="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE cluster")
    url = database.url.format(name="cluster")
    with Sinks() as sinks, Hosts(SOURCES, HOSTS) as hosts:
        sinks.good = True
        configured(tmp_path, url, hosts, sinks)
        crew = Crew(tmp_path)
        kills = cuts = restarts = 0
        try:
            await_until(
                "all were looked at", 120 + SOURCES / 20, lambda: len(hosts.looked) == SOURCES or len(hosts.looked)
            )
            ends = time.monotonic() + MINUTES * 60
            restart_at = time.monotonic() + MINUTES * 30
            crew.cut(dice)
            while time.monotonic() < ends:
                known = versions(url)
                settled = [number for number, revision in hosts.revisions.items() if known.get(number) == revision]
                for number in dice.sample(settled, min(30, len(settled))):
                    hosts.revisions[number] += 1
                time.sleep(dice.uniform(3, 8))
                cuts += crew.mend()
                if time.monotonic() > restart_at:
                    time.sleep(2)  # whoever was just started is up
                    database.stop(signal.SIGQUIT if restarts % 2 else signal.SIGINT)
                    time.sleep(3)
                    database.start()
                    restarts += 1
                    restart_at = time.monotonic() + MINUTES * 20
                elif dice.random() < 0.15:
                    crew.kill_daemon()
                else:
                    crew.kill_worker(dice)
                    kills += 1
            crew.mend(all_of_them=True)
            cuts += 1

            def kept() -> object:
                known = versions(url)
                late = {n: (known.get(n), count) for n, count in hosts.revisions.items() if known.get(n) != count}
                return True if not late else f"{len(late)} differ (kept, published): {dict(list(late.items())[:5])}"

            await_until("all wordings are kept", 300 + SOURCES / 20, kept)
            now = time.monotonic()
            await_until(
                "all are looked at as before",
                EVERY_S * 3 + 120 + SOURCES / 20,
                lambda: min(hosts.last.values()) > now or sum(one <= now for one in hosts.last.values()),
            )
            with Archive.open(url, readonly=True) as archive:
                await_until(
                    "all alerts are sent",
                    300,
                    lambda: not (w := sum(s.held + s.waiting for s in outbox.states(archive))) or w,
                )
            assert all(process.poll() is None for process in [*crew.workers, crew.daemon])
        finally:
            codes = crew.stop()
        assert codes == [0] * (WORKERS + 1)
        said = (tmp_path / "log").read_text()
        assert "Traceback" not in said
        assert hosts.crowded == [], "two asked one host at once"
        assert hosts.shortest_gap_s() >= SPACING_S
        with Archive.open(url, readonly=True) as archive:
            for number, count in hosts.revisions.items():
                told = [text.paragraphs[-1] for _, text in archive.texts(f"s{number}")] if count > 1 else []
                assert [f"was {one}.5 percent" in words for one, words in enumerate(told, 1)] == [True] * len(told)
                assert len(archive.versions(f"s{number}")) == count
            for number in dice.sample(sorted(hosts.revisions), 100):
                assert first_fault(archive.seals(f"s{number}")) is None
            letters = outbox.list_letters(archive)
            happened = {(one.source, one.version) for one in archive.events() if one.kind.value == "changed"}
        assert len(happened) == sum(hosts.revisions.values()) - SOURCES
        for channel, taken in (("desk", sinks.mails), ("hook", sinks.hooks)):
            mine = [one for one in letters if one.channel == channel]
            assert {one.state for one in mine} == {LetterState.SENT}
            assert happened <= {(alert.event.source, alert.event.version) for one in mine for alert in one.alerts}
            assert {one.id for one in mine} == set(taken)
        print(
            f"{SOURCES} sources at {HOSTS} hosts, {WORKERS} workers: {sum(hosts.looked.values())} looks, "
            f"{len(happened)} changes, each kept and told once; {kills} kills, {cuts} cut off, {restarts} restarts; "
            f"shortest gap at a host {hosts.shortest_gap_s():.2f} s; letters again: "
            f"{sum(sinks.mails.values()) + sum(sinks.hooks.values()) - len(sinks.mails) - len(sinks.hooks)}"
        )
