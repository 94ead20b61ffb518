"""Claims of due sources among a million, on both engines: 200 at a time, and with 10,000 leased ones before them.

Times are of the claim as the daemon makes it, through ``Archive.claim``: one transaction that finds, leases and returns.
CPU is ours alone (SQLite runs in it, PostgreSQL beside it); wall time counts what the rest of the machine is doing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from storage.archive import Archive
from storage.due import due_query
from storage.engine import engine_for, reading, writing
from storage.schema import microseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 200


def main(arguments: Sequence[str]) -> int:
    """Fill a database on each engine and print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench claims", description=__doc__)
    options.add_argument("--sources", type=int, default=1_000_000)
    options.add_argument("--explain", action="store_true", help="show how each engine finds them")
    given = options.parse_args(arguments)
    print(f"{given.sources} sources, a third of them due, claims of {BATCH}\n")
    print(
        "| engine | situation | our CPU, median | the server's, mean | wall median | wall worst of 40 |\n|---|---|---|---|---|---|"
    )
    plans = []
    for engine in ("SQLite", "PostgreSQL"):
        with ExitStack() as stack:
            url = stack.enter_context(_database(engine))
            if url is None:
                print(f"| {engine} | not installed | | | |")
                continue
            plans.append((engine, _measure(engine, url, given.sources)))
    if given.explain:
        for engine, plan in plans:
            print(f"\n{engine}:\n\n```\n{plan}\n```")
    return 0


@contextmanager
def _database(engine: str) -> Iterator[str | None]:
    if engine == "SQLite":
        with tempfile.TemporaryDirectory(prefix="variorum-bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'claims.db'}"
        return
    from tests.storage.postgres import binaries, server

    folder = binaries()
    if folder is None:
        yield None
        return
    with server(folder) as pattern:
        yield pattern.format(name="postgres")


def _measure(engine: str, url: str, count: int) -> str:
    with Archive.open(url) as archive:
        _fill(url, count)
        pid = None
        if engine == "PostgreSQL":
            with reading(archive._engine) as connection:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

        def _row(situation: str, claim: Callable[[int], Sequence[object]], expected: int = BATCH) -> None:
            _timed(engine, pid, situation, claim, expected)

        _row("nothing leased", lambda turn: archive.claim(NOW, limit=BATCH, lease_s=600, owner=f"w{turn}"))
        leased = sum(len(archive.claim(NOW, limit=BATCH, lease_s=600, owner="other")) for _ in range(50))
        _row(
            f"{leased + 40 * BATCH} due ones leased before them",
            lambda turn: archive.claim(NOW, limit=BATCH, lease_s=600, owner=f"v{turn}"),
        )
        early = NOW - timedelta(days=30)
        _row("nothing due", lambda _: archive.claim(early, limit=BATCH, lease_s=600, owner="w"), expected=0)
        _row("when the next is due", lambda _: [archive.next_due_at()], expected=1)
        return _plan(url)


def _timed(
    engine: str, pid: int | None, situation: str, claim: Callable[[int], Sequence[object]], expected: int
) -> None:
    cpu, wall = [], []
    served = _server_ms(pid)
    for turn in range(40):
        started, began = time.process_time(), time.perf_counter()
        taken = claim(turn)
        cpu.append(1e3 * (time.process_time() - started))
        wall.append(1e3 * (time.perf_counter() - began))
        if len(taken) != expected:
            raise SystemExit(f"{engine}, {situation}: {len(taken)} were claimed instead of {expected}")
    told = f"{(_server_ms(pid) - served) / len(cpu):.1f} ms" if pid is not None else ""
    print(
        f"| {engine} | {situation} | {statistics.median(cpu):.1f} ms | {told} | {statistics.median(wall):.1f} ms "
        f"| {max(wall):.1f} ms |",
        flush=True,
    )


def _server_ms(pid: int | None) -> float:
    """What the server's process for our connection has used so far (to the clock tick: hence a mean of many)."""
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1e3 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _fill(url: str, count: int) -> None:
    """A row for each source, due in a mixed order around now, as wide as a live one."""
    engine = engine_for(url)
    start = microseconds(NOW)
    numbers = (
        f"SELECT generate_series(CAST(1 AS bigint), {count}) AS n"
        if engine.dialect.name == "postgresql"
        else f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c"
    )
    false = "false" if engine.dialect.name == "postgresql" else "0"
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO sources (id, url, declared_at, next_check, etag, last_good, last_check, last_outcome, number, "
                "failing, gone, run_outcome, run_first, run_count) "
                f"SELECT 's' || n, 'https://www.example.org/news/' || n || '.html', {start}, "
                f"{start} + (n * 7919 % {count} - {count // 3}) * 3600, '\"' || n || '\"', {start}, {start}, 'unchanged', 1, "
                f"{false}, {false}, 'new', {start}, 7 FROM ({numbers}) AS numbers"
            )
        )
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    engine.dispose()


def _plan(url: str) -> str:
    engine = engine_for(url)
    with reading(engine) as connection:
        asked = due_query(connection, NOW, BATCH).compile(
            dialect=engine.dialect, compile_kwargs={"literal_binds": True}
        )
        how = "EXPLAIN ANALYZE" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        # The tuple's last field is the line of text, on both engines.
        lines = [str(row[-1]) for row in connection.execute(text(f"{how} {asked}"))]
    engine.dispose()
    return "\n".join(lines)
