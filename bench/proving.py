"""How long it takes to prove an archive, to copy it, and how much memory that needs: many versions of 6.4 KB statements.

Each version has its event, as a check writes it. The archive is filled through the steps of a check (``bench.filling``), a hundred versions a transaction, so that filling
does not take longer than what is measured.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.filling import keep_version
from bench.origin import Statement
from storage.archive import Archive
from storage.backup import backup
from storage.engine import engine_for, writing
from storage.records import Event, EventKind, Snapshot, Source, Text, Window
from storage.verify import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOGETHER = 100


def main(arguments: Sequence[str]) -> int:
    """Fill an archive, prove it, copy it; print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench proving", description=__doc__)
    options.add_argument("--statements", type=int, default=20)
    options.add_argument("--versions", type=int, default=1000)
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        url = f"sqlite:///{Path(name) / 'archive.db'}"
        fill(url, given.statements, given.versions)
        count = given.statements * given.versions
        size = (Path(name) / "archive.db").stat().st_size
        before = _resident_mib()
        started, cpu = time.perf_counter(), time.process_time()
        report = verify(url)
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
        assert not report.faults, report.faults[:3]
        assert report.versions == count
        grown = _resident_mib() - before
        started, cpu = time.perf_counter(), time.process_time()
        backup(url, str(Path(name) / "copy.db"))
        copy_s = time.process_time() - cpu
        print("| | |\n|---|---|")
        print(f"| versions, sources, bytes | {count:,}, {given.statements:,}, {size:,} |")
        print(f"| verify: CPU, wall | {cpu_s:.1f} s, {wall_s:.1f} s |")
        print(f"| a version | {cpu_s / count * 1e6:.0f} µs CPU |")
        print(f"| memory beyond what filling took | {grown:.0f} MiB |")
        print(f"| backup, with its own verify: CPU, wall | {copy_s:.1f} s, {time.perf_counter() - started:.1f} s |")
    return 0


def fill(url: str, statements: int, count: int) -> None:
    """So many versions of so many statements, each a small edit of the one before."""
    with Archive.open(url) as archive:
        archive.declare([Source(f"s{number}", f"https://example.org/s{number}") for number in range(statements)], START)
    engine = engine_for(url)
    for number in range(statements):
        statement = Statement(number)
        for first in range(0, count, TOGETHER):
            with writing(engine) as connection:
                for place in range(first, min(first + TOGETHER, count)):
                    at = START + place * MINUTE
                    _keep(connection, f"s{number}", statement, at)
                    statement.edit()
    engine.dispose()


def _keep(connection: Connection, name: str, statement: Statement, at: datetime) -> None:
    groups = [statement.sentences[place : place + 4] for place in range(0, len(statement.sentences), 4)]
    text = Text.of("A statement", "1 January 2026", [" ".join(group) for group in groups])
    page = f"<html><body><nav>{at}</nav><article>{statement.html}</article></body></html>".encode()
    url = f"https://example.org/{name}"
    taken = Snapshot(url, url, 200, (("content-type", "text/html"),), (), at, page)
    number = (at - START) // MINUTE + 1
    kind, after = (EventKind.CHANGED, at - MINUTE) if number > 1 else (EventKind.NEW, None)
    told = Event(kind, name, at, number, window=Window(after, at))
    keep_version(connection, name, taken, text, "html/1", events=[told])


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
