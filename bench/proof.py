"""Proof that workers on one PostgreSQL lose nothing and do nothing twice, whoever dies: the origin's own log is the truth.

``python -m bench cluster proof --sources 100000 --minutes 15``. Every source becomes due once within the time (and every
``--every`` seconds from then on); some pages are edited, and due at once. Workers are killed with ``kill -9``, one
is stopped for a minute (SIGSTOP), PostgreSQL is restarted and its first process killed. As root, half of the workers live
on a second host (a network namespace): its cable is pulled for a minute, so that its connections go stale.

It ends with a line of figures, or with what did not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from storage import outbox
from storage.archive import Archive
from storage.chain import first_fault
from storage.errors import StorageError
from storage.records import LetterState
from tests.slow.hosts import Hosts
from tests.slow.sinks import Sinks
from tests.storage.postgres import Cluster, binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NEAR: Final = "10.99.8.1"
FAR: Final = "10.99.8.2"
SPACING_S: Final = 1.0
CUT_OFF_S: Final = 60.0
LEAD_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is watched, for how long, and how often somebody dies."""

    sources: int
    hosts: int
    window_s: float
    """Within this time every source becomes due."""
    fresh: int
    """So many are looked at for the first time. The rest answer 304 from the first look on, as they mostly do later."""
    every_s: int = 7200
    edits: int = 300
    workers: int = 4
    kill_every_s: float = 20.0
    restarts: int = 2
    crashes: int = 1
    """How often the first process of PostgreSQL is killed with -9."""
    cut_s: float = CUT_OFF_S
    freezes: bool = True
    """Whether a worker is stopped for as long, too."""


class Elsewhere:
    """A second host: a network namespace at the end of a cable."""

    def __init__(self) -> None:
        self._name = f"variorum{os.getpid()}"
        self._ends = (f"vn{os.getpid()}", f"vf{os.getpid()}")
        self.within = ("ip", "netns", "exec", self._name)

    @staticmethod
    def reason() -> str | None:
        """Why there can be none here."""
        if shutil.which("ip") is None:
            return "no `ip` (iproute2)"
        if os.geteuid() != 0:
            return "only root may make network namespaces"
        made = subprocess.run(["ip", "netns", "add", "variorum-probe"], capture_output=True, text=True, check=False)
        subprocess.run(["ip", "netns", "delete", "variorum-probe"], capture_output=True, check=False)
        return made.stderr.strip() or None if made.returncode else None

    def __enter__(self) -> Elsewhere:
        near, far = self._ends
        self._ip(f"netns add {self._name}")
        self._ip(f"link add {near} type veth peer name {far} netns {self._name}")
        self._ip(f"address add {NEAR}/30 dev {near}")
        self._ip(f"link set {near} up")
        self._ip(f"-n {self._name} address add {FAR}/30 dev {far}")
        self._ip(f"-n {self._name} link set {far} up")
        self._ip(f"-n {self._name} link set lo up")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["ip", "link", "delete", self._ends[0]], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "delete", self._name], check=False, capture_output=True)

    def cut(self) -> None:
        """Pull the cable: nobody is told, packets are lost."""
        self._ip(f"link set {self._ends[0]} down")

    def mend(self) -> None:
        """Put it back."""
        self._ip(f"link set {self._ends[0]} up")

    @staticmethod
    def _ip(words: str) -> None:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)


class Crew:
    """The daemon and its workers, as processes that write into one log; those at odd places live elsewhere."""

    def __init__(self, folder: Path, workers: int, elsewhere: Elsewhere | None) -> None:
        self._folder, self._elsewhere = folder, elsewhere
        self.daemon = self._start("daemon", "--no-work")
        self.workers = [self._worker(place) for place in range(workers)]
        self.away: dict[int, float] = {}
        """Workers that are stopped or cut off, and until when."""

    def _start(self, *words: str, within: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        command = [*within, sys.executable, "-m", "monitor", *words]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, stderr=log)

    def _worker(self, place: int) -> subprocess.Popen[bytes]:
        return self._start("worker", within=self._elsewhere.within if self._is_far(place) and self._elsewhere else ())

    def _is_far(self, place: int) -> bool:
        return self._elsewhere is not None and place % 2 == 1

    def kill_worker(self, dice: random.Random) -> None:
        """Kill -9 one that is not away anyway, and start another in its place."""
        place = dice.choice([n for n in range(len(self.workers)) if n not in self.away])
        self.workers[place].kill()
        self.workers[place].wait(120)
        self.workers[place] = self._worker(place)

    def kill_daemon(self) -> None:
        """Kill -9 the one that hands out."""
        self.daemon.kill()
        self.daemon.wait(120)
        self.daemon = self._start("daemon", "--no-work")

    def freeze(self, dice: random.Random, for_s: float) -> None:
        """Stop a worker on this host for a while."""
        place = dice.choice([n for n in range(len(self.workers)) if not self._is_far(n)])
        self.workers[place].send_signal(signal.SIGSTOP)
        self.away[place] = time.monotonic() + for_s

    def cut(self, for_s: float) -> None:
        """Cut the other host off for a while."""
        assert self._elsewhere is not None
        self._elsewhere.cut()
        self.away |= {n: time.monotonic() + for_s for n in range(len(self.workers)) if self._is_far(n)}

    def mend(self, *, all_of_them: bool = False) -> None:
        """Bring back who is due to come back; start again who ended, as a service manager does."""
        due = [place for place, until in self.away.items() if all_of_them or until < time.monotonic()]
        for place in due:
            del self.away[place]
            if self._is_far(place) and self._elsewhere is not None:
                self._elsewhere.mend()
            else:
                self.workers[place].send_signal(signal.SIGCONT)
        for place, worker in enumerate(self.workers):
            if worker.poll() is not None and place not in self.away:
                self.workers[place] = self._worker(place)
        if self.daemon.poll() is not None:
            self.daemon = self._start("daemon", "--no-work")

    def stop(self) -> list[int]:
        """Ask all to end, and return their exit codes."""
        self.mend(all_of_them=True)
        everybody = [*self.workers, self.daemon]
        for process in everybody:
            process.terminate()
        return [process.wait(60) for process in everybody]

    def end(self) -> None:
        """Leave nobody behind."""
        for process in (*self.workers, self.daemon):
            process.kill()
            process.wait()


@contextlib.contextmanager
def _database(at: str) -> Iterator[tuple[Cluster, str]]:
    """A server that listens at ``at``, where that is not this host alone; yields it and the address of a database."""
    folder = binaries()
    if folder is None:
        raise LookupError("PostgreSQL is not installed")
    settings = ["max_connections=200", "synchronous_commit=on", "shared_buffers=256MB"]
    if at == NEAR:
        settings.append(f"listen_addresses={NEAR}")
    with Cluster(folder, *settings, port=54318 if at == NEAR else 5432) as server:
        with psycopg.connect(server.url.format(name="postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE proof")
            row = connection.execute("SHOW hba_file").fetchone()
            assert row is not None
            with Path(row[0]).open("a") as rules:
                rules.write(f"host all all {NEAR}/30 trust\n")
            connection.execute("SELECT pg_reload_conf()")
        yield server, f"postgresql://test@{NEAR}:54318/proof" if at == NEAR else server.url.format(name="proof")


def _configured(folder: Path, url: str, plan: Plan, hosts: Hosts, sinks: Sinks) -> None:
    lines = "".join(
        f"  - {{id: s{number}, url: '{hosts.url(number)}', select: '#article'}}\n" for number in hosts.revisions
    )
    options = f"every: {plan.every_s}s, timeout: 10s, robots: false, proxy: 'http://{hosts.at}:{hosts.port}'"
    head = f"database: '{url}'\nconcurrency: 100\nspacing: {SPACING_S:g}s\ndefaults: {{{options}}}\n"
    (folder / "config.yaml").write_text(f"{head}sources:\n{lines}{sinks.configuration}")


def _declared(folder: Path, url: str) -> None:
    """What the daemon would do at its first start, before anything is due."""
    from monitor.config import load

    settings = load(folder / "config.yaml", os.environ)
    with Archive.open(url) as archive:
        archive.declare([one.source for one in settings.declarations], datetime.now(UTC))
    _asked(url, "UPDATE sources SET next_check = next_check + 86400 * 1000000::bigint RETURNING key")


def _asked(url: str, query: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def _planned(url: str, plan: Plan) -> dict[int, float]:
    """Make every source due once within the time; returns when, as seconds since 1970."""
    begins = time.time() + LEAD_S
    spread = f"((key::bigint * 2654435761 % 4294967296) / 4294967296.0 * {plan.window_s} + {begins}) * 1e6"
    known = f"CASE WHEN substr(id, 2)::int < {plan.fresh} THEN NULL ELSE '\"1\"' END"
    rows = _asked(url, f"UPDATE sources SET next_check = ({spread})::bigint, etag = {known} RETURNING id, next_check")
    return {int(name[1:]): moment / 1e6 for name, moment in rows}


# the run


@dataclass(slots=True)
class Run:
    """What happened while it ran."""

    plan: Plan
    folder: Path
    url: str
    hosts: Hosts
    sinks: Sinks
    server: Cluster
    far: bool
    due: dict[int, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def disturb(self, crew: Crew, dice: random.Random) -> None:
        """Until the time is over: edit pages, kill, restart, cut off."""
        plan, began = self.plan, time.monotonic()
        ends = began + LEAD_S + plan.window_s
        stops = [("restart", signal.SIGINT)] * plan.restarts + [("crash", signal.SIGKILL)] * plan.crashes
        # In turn, each with its part of the time to itself: first the cable, a frozen worker, then the server.
        moments: list[tuple[str, Any]] = [("cut", None)] if self.far else []
        moments += [("freeze", None)] if plan.freezes else []
        moments += stops
        strikes = [(began + LEAD_S + plan.window_s * (n + 0.3) / len(moments), *one) for n, one in enumerate(moments)]
        next_kill = began + plan.kill_every_s
        while time.monotonic() < ends:
            time.sleep(1)
            crew.mend()
            done = min(1.0, (time.monotonic() - began) / (LEAD_S + plan.window_s))
            self._edit(round(plan.edits * done) - self.counts["edits"])
            if strikes and time.monotonic() > strikes[0][0]:
                self._strike(crew, dice, *strikes.pop(0)[1:])
            elif time.monotonic() > next_kill:
                next_kill = time.monotonic() + plan.kill_every_s * dice.uniform(0.5, 1.5)
                if dice.random() < 0.15:
                    crew.kill_daemon()
                    self.counts["daemons killed"] += 1
                else:
                    crew.kill_worker(dice)
                    self.counts["workers killed"] += 1
        while crew.away:
            time.sleep(1)
            crew.mend()

    def _strike(self, crew: Crew, dice: random.Random, what: str, how: Any) -> None:
        self.counts[what] += 1
        if what == "cut":
            crew.cut(self.plan.cut_s)
        elif what == "freeze":
            crew.freeze(dice, self.plan.cut_s)
        else:
            self.server.stop(how)
            time.sleep(3)
            self._start_server()

    def _start_server(self) -> None:
        """After kill -9 of its first process the others end a moment later, and it cannot be started before."""
        for _ in range(30):
            with contextlib.suppress(RuntimeError):
                self.server.start()
                return
            time.sleep(1)
        raise RuntimeError("PostgreSQL does not start again")

    def _edit(self, many: int) -> None:
        """Edit pages whose last wording was kept, and have them looked at now."""
        if many <= 0:
            return
        due = (
            "UPDATE sources SET next_check = ((extract(epoch FROM now()) + 3) * 1e6)::bigint WHERE key IN (SELECT key FROM"
            f" sources WHERE number > 0 AND lease_owner IS NULL ORDER BY random() LIMIT {many} FOR UPDATE SKIP LOCKED)"
        )
        with contextlib.suppress(psycopg.Error):
            for name, number in _asked(self.url, f"{due} RETURNING id, number"):
                if self.hosts.revisions[int(name[1:])] == number:
                    self.hosts.revisions[int(name[1:])] += 1
                    self.counts["edits"] += 1

    def settle(self, crew: Crew) -> None:
        """Wait until all that was due is looked at, kept and told. Raises ``AssertionError`` when it is not."""
        within_s = 300 + self.plan.sources / 50
        self._await("looked at", within_s, crew, lambda: len(self.due) - len(self.hosts.looked))
        self._await("kept", within_s, crew, lambda: len(self.unkept()))
        self._await("told", within_s, crew, self._untold)
        waiting = "SELECT count(*) FROM sources WHERE next_check < (extract(epoch FROM now()) - 30) * 1e6"
        self._await("not overdue", within_s, crew, lambda: _asked(self.url, waiting)[0][0])

    def _await(self, what: str, within_s: float, crew: Crew, left: Callable[[], int]) -> None:
        until = time.monotonic() + within_s
        while many := left():
            assert time.monotonic() < until, f"{many} are not {what} {within_s:.0f} s after the last disturbance"
            time.sleep(1)
            crew.mend()

    def unkept(self) -> dict[int, tuple[int | None, int | None]]:
        """Pages of which another number of wordings is kept than was published: number, kept, published."""
        known = {int(name[1:]): number for name, number in _asked(self.url, "SELECT id, number FROM sources")}
        wanted = {n: count if n < self.plan.fresh else None for n, count in self.hosts.revisions.items()}
        return {n: (known[n], count) for n, count in wanted.items() if known[n] != count}

    def _untold(self) -> int:
        with Archive.open(self.url, readonly=True) as archive:
            return sum(one.held + one.waiting for one in outbox.states(archive))

    def judge(self, dice: random.Random) -> None:
        """Hold what is in the archive against what the origin and the receivers saw. Raises ``AssertionError``."""
        assert self.hosts.crowded == [], "a host was asked by two at once"
        assert self.hosts.shortest_gap_s() >= SPACING_S, (
            f"two requests to a host {self.hosts.shortest_gap_s():.3f} s apart"
        )
        assert "Traceback" not in (self.folder / "log").read_text(), f"a fault, see {self.folder / 'log'}"
        edited = [number for number, count in self.hosts.revisions.items() if count > 1]
        with Archive.open(self.url, readonly=True) as archive:
            wordings = sum(count for n, count in self.hosts.revisions.items() if n < self.plan.fresh)
            twice = _asked(self.url, "SELECT count(*) FROM versions")[0][0] - wordings
            assert twice == 0, f"{twice} versions more than wordings"
            for number in edited:
                told = [text.paragraphs[-1] for _, text in archive.texts(f"s{number}")]
                assert [f"was {one}.5 percent" in words for one, words in enumerate(told, 1)] == [True] * len(told)
            for number in dice.sample(range(self.plan.fresh), min(500, self.plan.fresh)):
                assert first_fault(archive.seals(f"s{number}")) is None
            letters = outbox.list_letters(archive)
            happened = {(one.source, one.version) for one in archive.events() if one.kind.value == "changed"}
        assert len(happened) == wordings - self.plan.fresh
        for channel, taken in (("desk", self.sinks.mails), ("hook", self.sinks.hooks)):
            mine = [one for one in letters if one.channel == channel]
            assert {one.state for one in mine} <= {LetterState.SENT}
            lost = happened - {(alert.event.source, alert.event.version) for one in mine for alert in one.alerts}
            assert not lost, f"not told at {channel}: {sorted(lost)[:5]}"
            assert {one.id for one in mine} == set(taken), f"{channel} took other letters than were sent"
        early = [n for n, at in self.firsts().items() if at < self.due[n] - 0.001]
        assert not early, f"looked at before it was due: {early[:5]}"

    def firsts(self) -> dict[int, float]:
        """When each page was looked at first, as seconds since 1970."""
        return {number: at + self.hosts.epoch for number, at in self.hosts.first.items()}

    def told(self) -> str:
        """The figures of a run that held."""
        looks, late = sum(self.hosts.looked.values()), sorted(at - self.due[n] for n, at in self.firsts().items())
        again = sum(self.sinks.mails.values()) + sum(self.sinks.hooks.values())
        again -= len(self.sinks.mails) + len(self.sinks.hooks)
        gaps = [b - a for times in self.hosts.asked.values() for a, b in pairwise(times)]
        return (
            f"{self.plan.sources} sources at {self.plan.hosts} hosts, {self.plan.workers} workers"
            f"{' on two hosts' if self.far else ''}, {self.plan.window_s / 60:.0f} min: {looks} looks,"
            f" {len(self.due)} of them the first ({self.plan.fresh} of those new pages, the rest 304); {dict(self.counts)}; shortest time between two requests to"
            f" one host {min(gaps, default=9e9):.3f} s (median {statistics.median(gaps) if gaps else 0:.1f});"
            f" looked at {late[len(late) // 2]:.1f} s after it was due (p95 {late[len(late) * 95 // 100]:.0f},"
            f" longest {late[-1]:.0f}); {again} letters came again, with their ids; held: every due check done, none"
            f" twice at once, no version twice, spacing kept, no alert lost"
        )


def prove(plan: Plan, folder: Path, *, two_hosts: bool, dice: random.Random | None = None) -> str:
    """Run it; returns the figures. Raises ``AssertionError`` with what did not hold, ``LookupError`` without PostgreSQL."""
    dice = dice or random.Random(8)
    with contextlib.ExitStack() as stack:
        elsewhere = stack.enter_context(Elsewhere()) if two_hosts else None
        at = NEAR if two_hosts else "127.0.0.1"
        server, url = stack.enter_context(_database(at))
        sinks, hosts = stack.enter_context(Sinks(at)), stack.enter_context(Hosts(plan.sources, plan.hosts, at=at))
        sinks.good = True
        _configured(folder, url, plan, hosts, sinks)
        _declared(folder, url)
        run = Run(plan, folder, url, hosts, sinks, server, far=two_hosts)
        crew = Crew(folder, plan.workers, elsewhere)
        stack.callback(crew.end)
        run._await("at work", 600, crew, lambda: plan.workers + 1 - _ready(folder))
        run.due = _planned(url, plan)
        print("all are at work", file=sys.stderr, flush=True)
        run.disturb(crew, dice)
        print(f"undisturbed again; {len(hosts.looked)} looked at", file=sys.stderr, flush=True)
        try:
            run.settle(crew)
        finally:
            codes = crew.stop()
        assert codes == [0] * (plan.workers + 1), f"exit codes {codes}"
        run.judge(dice)
        return run.told()


def _ready(folder: Path) -> int:
    said = (folder / "log").read_text()
    return said.count("working for database") + said.count("watching ")


def main(arguments: list[str]) -> int:
    """Prove it once."""
    options = argparse.ArgumentParser(prog="python -m bench cluster proof", description=__doc__)
    options.add_argument("--sources", type=int, default=2000)
    options.add_argument("--hosts", type=int, help="default: one for 100 sources, at least 20")
    options.add_argument("--minutes", type=float, default=4.0)
    options.add_argument("--fresh", type=int, default=2000, help="looked at for the first time; the rest answer 304")
    options.add_argument("--every", type=int, default=7200, help="seconds")
    options.add_argument("--edits", type=int, default=300)
    options.add_argument("--kill-every", type=float, default=20.0, help="seconds, about")
    options.add_argument("--one-host", action="store_true", help="no network namespace")
    options.add_argument("--folder", type=Path, help="keep the log there")
    given = options.parse_args(arguments)
    reason = "asked for" if given.one_host else Elsewhere.reason()
    if reason is not None:
        print(f"one host only: {reason}", file=sys.stderr)
    plan = Plan(
        given.sources,
        given.hosts or max(20, given.sources // 100),
        given.minutes * 60,
        min(given.fresh, given.sources),
        every_s=given.every,
        edits=given.edits,
        kill_every_s=given.kill_every,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            print(prove(plan, folder, two_hosts=reason is None))
        except (AssertionError, LookupError, StorageError) as error:
            print(f"it does not hold: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
