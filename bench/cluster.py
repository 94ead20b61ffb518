"""Workers on one PostgreSQL: checks a second by their number, what a check costs each process, WAL, connections, claims.

``python -m bench cluster 1 2 4`` runs rounds of unchanged checks (304) with so many workers on a durable server of its
own (``fsync`` on) and a loopback origin; with ``--delay-ms 300`` workers wait for servers, as in life, and not for each
other's CPU. ``python -m bench cluster queues`` runs empty tasks through procrastinate and
pgqueuer (where it is installed). ``python -m bench cluster claims 1000000`` claims among so many sources.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench.rounds import origin
from tests.storage.postgres import Cluster, binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 3
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=200", "shared_buffers=256MB")
TASKS = 1000


@contextmanager
def database(name: str) -> Iterator[str]:
    """A durable server with an empty database; yields its address."""
    folder = binaries()
    if folder is None:
        sys.exit("PostgreSQL is not installed")
    with Cluster(folder, *DURABLE) as server:
        with psycopg.connect(server.url.format(name="postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        yield server.url.format(name=name)


def cpu_s(pid: int) -> float:
    """User and system time of a process and of what it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(one) for one in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def postgres_cpu_s(url: str) -> float:
    """All of the server: its first process, those it waited for, and those at work."""
    with psycopg.connect(url) as connection:
        mine = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert mine is not None
        parent = int(Path(f"/proc/{mine[0]}/stat").read_text().rpartition(")")[2].split()[1])
    total = cpu_s(parent)
    for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            total += cpu_s(int(one))
        except OSError:
            continue
    return total


def asked(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def crews(counts: list[int], pages: int, delay_ms: float) -> None:
    """A table row for each number of workers."""
    print(f"{pages} sources, all due at once, unchanged (304) after {delay_ms:g} ms, no two at one host")
    print(f"{ROUNDS} rounds; CPU in ms a check")
    print("workers  checks/s  CPU workers  CPU daemon  CPU PostgreSQL  WAL bytes  connections  MiB a worker")
    for count in counts:
        with (
            origin(pages, delay_ms=delay_ms, etag=True) as at,
            database("bench") as url,
            tempfile.TemporaryDirectory() as name,
        ):
            folder = Path(name)
            lines = "".join(f"  - {{id: s{n}, url: '{at}/p/{n:04d}', select: '#statement'}}\n" for n in range(pages))
            options = "every: 1d, robots: false, allow_private: [127.0.0.0/8]"
            (folder / "config.yaml").write_text(f"database: '{url}'\ndefaults: {{{options}}}\nsources:\n{lines}")
            print(_row(folder, url, count, pages), flush=True)


def _row(folder: Path, url: str, count: int, pages: int) -> str:
    def started(*words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "monitor", "-q", *words], cwd=folder, stderr=subprocess.DEVNULL)

    daemon, workers = started("daemon", "--no-work"), [started("worker") for _ in range(count)]
    try:
        left = "SELECT count(*) FROM sources WHERE last_check IS NULL"
        while True:
            time.sleep(1)
            try:
                if asked(url, left) == 0 and asked(url, "SELECT count(*) FROM sources") == pages:
                    break
            except psycopg.Error:
                continue
        time.sleep(2)
        before = [cpu_s(one.pid) for one in workers], cpu_s(daemon.pid), postgres_cpu_s(url)
        wal, wall_s = asked(url, "SELECT pg_current_wal_lsn() - '0/0'"), 0.0
        for _ in range(ROUNDS):
            began = time.perf_counter()
            mark = asked(
                url,
                "UPDATE sources SET next_check = (extract(epoch FROM now()) * 1e6)::bigint - 1 RETURNING next_check",
            )
            left = f"SELECT count(*) FROM sources WHERE last_check < {mark}"
            while asked(url, left):
                time.sleep(0.1)
            wall_s += time.perf_counter() - began
        after = [cpu_s(one.pid) for one in workers], cpu_s(daemon.pid), postgres_cpu_s(url)
        wal = asked(url, "SELECT pg_current_wal_lsn() - '0/0'") - wal
        connections = asked(url, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'") - 1
        status = Path(f"/proc/{workers[0].pid}/status").read_text().splitlines()
        mib = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
    finally:
        for one in (*workers, daemon):
            one.terminate()
        for one in (*workers, daemon):
            one.wait(30)
    checks = pages * ROUNDS
    mine = (sum(after[0]) - sum(before[0])) / checks * 1000
    rest = [(b - a) / checks * 1000 for a, b in zip(before[1:], after[1:], strict=True)]
    return (
        f"{count:7}  {checks / wall_s:8.0f}  {mine:11.2f}  {rest[0]:10.2f}  {rest[1]:14.2f}  {float(wal) / checks:9.0f}"
        f"  {connections:11}  {mib:12.0f}"
    )


# empty tasks


def queues() -> None:
    """Empty tasks through each queue: put in batches of 250, run by one process, 20 at once."""
    print(f"{TASKS} empty tasks, put in batches of 250, run by one process, 20 at once (durable server)")
    for name, runs in (("procrastinate", _procrastinate), ("pgqueuer", _pgqueuer)):
        with database("queue") as url:
            try:
                cpu, server = time.process_time(), postgres_cpu_s(url)
                put_s, run_s = asyncio.run(runs(url))
                cpu, server = time.process_time() - cpu, postgres_cpu_s(url) - server
            except ImportError:
                print(f"{name:14} not installed")
                continue
        each = 1000 / TASKS
        print(
            f"{name:14} put {TASKS / put_s:6.0f}/s, run {TASKS / run_s:6.0f}/s,"
            f" CPU a task: {cpu * each:.2f} ms here, {server * each:.2f} ms PostgreSQL",
            flush=True,
        )


async def _procrastinate(url: str) -> tuple[float, float]:
    from monitor.cluster.tasks import Errand, tasks_at

    async with tasks_at(url) as tasks:

        @tasks.app.task(name="check")
        async def check(source: str, claim: str) -> None:
            """Nothing."""

        began = time.perf_counter()
        with psycopg.connect(url) as connection:
            for start in range(0, TASKS, 250):
                numbers = range(start, min(start + 250, TASKS))
                tasks.put(connection, [Errand(f"s{n}", "x", f"host {n}") for n in numbers])
                connection.commit()
        put = time.perf_counter()
        await tasks.app.run_worker_async(
            concurrency=20, wait=False, delete_jobs="always", listen_notify=False, install_signal_handlers=False
        )
        return put - began, time.perf_counter() - put


async def _pgqueuer(url: str) -> tuple[float, float]:
    import pgqueuer
    from pgqueuer.db import PsycopgDriver

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        queue = pgqueuer.PgQueuer(PsycopgDriver(connection))
        await queue.qm.queries.install()

        done = 0

        @queue.entrypoint("check")
        async def check(job: Any) -> None:  # noqa: ARG001  (asked for by its type)
            nonlocal done
            done += 1
            if done == TASKS:
                queue.qm.shutdown.set()

        began = time.perf_counter()
        for start in range(0, TASKS, 250):
            count = min(250, TASKS - start)
            await queue.qm.queries.enqueue(["check"] * count, [b"{}"] * count, [0] * count)
        put = time.perf_counter()
        await queue.qm.run(batch_size=20, dequeue_timeout=timedelta(seconds=1))
        return put - began, time.perf_counter() - put


# claims


def claims(count: int) -> None:
    """Batches of 200 claimed among so many due sources, and what they weigh in the table."""
    from storage.archive import Archive

    with database("claims") as url, Archive.open(url) as archive:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sources (id, url, declared_at, next_check) SELECT 's' || n, 'http://h' || n %% 50000 ||"
                " '.example/' || n, 0, (extract(epoch FROM now()) * 1e6)::bigint - (9e8 * random())::bigint FROM generate_series(1, %s) n",
                [count],
            )
            # As a table that has been there for a while: autovacuum and the checkpoint after so many rows are done.
            connection.execute("VACUUM (ANALYZE) sources")
            connection.execute("CHECKPOINT")
        now, took = datetime.now(UTC), []
        for number in range(100):
            began = time.perf_counter()
            got = archive.claim(now + timedelta(seconds=number), limit=200, lease_s=600, owner="bench")
            took.append(time.perf_counter() - began)
            assert len(got) == 200
        took.sort()
        size = asked(url, "SELECT pg_total_relation_size('sources')")
        print(
            f"{count} sources due: 200 claimed in {took[50] * 1000:.1f} ms (median; p95 {took[95] * 1000:.1f}),"
            f" {size / count:.0f} bytes a source"
        )


def main(arguments: list[str]) -> int:
    """``queues``, ``claims N …``, ``proof …``, or numbers of workers with their options."""
    if arguments[:1] == ["proof"]:
        from bench.proof import main as proof

        return proof(arguments[1:])
    if arguments[:1] == ["queues"]:
        queues()
    elif arguments[:1] == ["claims"]:
        for count in map(int, arguments[1:] or ["100000", "1000000"]):
            claims(count)
    else:
        options = argparse.ArgumentParser(prog="python -m bench cluster")
        options.add_argument("workers", type=int, nargs="*", default=[1, 2, 4])
        options.add_argument("--pages", type=int, default=2000)
        options.add_argument("--delay-ms", type=float, default=0.0, help="how long the pages take to answer")
        given = options.parse_args(arguments)
        crews(given.workers, given.pages, given.delay_ms)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
