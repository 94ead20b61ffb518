"""Bytes and time a version: statements of about 6.4 KB, each version a small edit, beside git and zstd in one run.

Versions come as in life: one of every statement, then the next of every statement. Ours is the whole database file over
the versions in it: texts, raw bytes as received, headers, digests, seals, windows, ledger, indexes, all of it,
after a checkpoint and nothing else (no VACUUM); search signatures, which can be made again, are counted beside it. Three archives: statements served as plain text (the bytes
received are the text: what peers that keep no pages are to be compared with), the same as small HTML pages, and as pages
with 30 KB of navigation around. git keeps the texts alone, a commit a change, repacked with ``-a -d -f``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event

from bench.filling import keep_version
from bench.prose import Statement, vocabulary
from monitor.differ import compare
from storage import texts
from storage.archive import Archive, Unchanged
from storage.chain import first_fault
from storage.engine import writing
from storage.records import Event, EventKind, Outcome, Snapshot, Source, Text, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from storage.records import Change

START = datetime(2026, 1, 1, tzinfo=UTC)
READER = "html/1:0123456789ab"
KINDS: dict[str, Callable[[Statement, int], tuple[str, bytes]]] = {}
"""How a statement is served: media type and body."""
PARTS = ("peers", "plain", "page", "around", "ledger")
"""What can be measured apart: each kind by its last word."""


def main(arguments: Sequence[str]) -> int:
    """Fill the archives and print the tables, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench storage", description=__doc__)
    options.add_argument("--statements", type=int, default=1000)
    options.add_argument("--versions", type=int, default=50)
    options.add_argument("--pages", type=int, default=100, help="statements that are served as pages, too")
    options.add_argument("--events", action="store_true", help="with an event a change, as checks write them")
    options.add_argument("--folder", type=Path, help="keep the archives here")
    options.add_argument("--part", action="append", choices=PARTS, help="only this part of it (may be given again)")
    given = options.parse_args(arguments)
    wanted = given.part or PARTS
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        folder = given.folder or Path(name)
        if "peers" in wanted:
            raw = _peers(folder, given.statements, given.versions)
            print(
                f"\n{given.statements} statements, {given.versions} versions each, {raw:.0f} bytes of text a version\n"
            )
        for kind in KINDS:
            count = given.statements if kind == "plain" else min(given.pages, given.statements)
            if kind.split()[-1] in wanted:
                _archive(folder / f"{kind}.db", kind, count, given.versions, events=given.events)
        if "ledger" in wanted:
            _ledger(folder)
    return 0


def _history(statements: int, count: int) -> Iterator[tuple[int, int, Statement]]:
    """Statement, version, and the statement as it is then: one of each, then the next of each."""
    held = [Statement(number) for number in range(statements)]
    for version in range(count):
        for number, statement in enumerate(held):
            if version:
                statement.edit()
            yield number, version, statement


# the peers


def _peers(folder: Path, statements: int, count: int) -> float:
    raw = alone = total = 0
    git = folder / "git"
    importing = _git_begun(git)
    with closing(sqlite3.connect(folder / "zstd.db", isolation_level=None)) as rows:
        rows.executescript("PRAGMA page_size = 16384; CREATE TABLE v (doc, ver, body, PRIMARY KEY (doc, ver)); BEGIN")
        for number, version, statement in _history(statements, count):
            text = statement.text.encode()
            raw, total = raw + len(text), total + 1
            packed = texts.pack(text)
            alone += len(packed)
            rows.execute("INSERT INTO v VALUES (?, ?, ?)", (number, version, packed))
            if importing is not None and importing.stdin is not None:
                importing.stdin.write(
                    b"commit refs/heads/main\ncommitter b <b@example.org> %d +0000\ndata 1\n.\n"
                    b"M 100644 inline s%02d/%05d.txt\ndata %d\n%s\n"
                    % (1_760_000_000 + total, number % 20, number, len(text), text)
                )
        rows.execute("COMMIT")
    print("| peer | bytes a version |\n|---|---|")
    print(f"| zstd, each version by itself: the blobs alone | {alone / total:.0f} |")
    print(f"| zstd, each version by itself: an SQLite table | {(folder / 'zstd.db').stat().st_size / total:.0f} |")
    if importing is not None and importing.stdin is not None:
        importing.stdin.close()
        importing.wait()
        print(f"| git, a commit a change, as imported | {_size(git) / total:.0f} |", flush=True)
        subprocess.run(["git", "-C", git, "repack", "-a", "-d", "-f", "-q", "--window=20"], check=True)
        print(f"| git, a commit a change, repacked | {_size(git) / total:.0f} |", flush=True)
        shutil.rmtree(git)
    return raw / total


def _git_begun(git: Path) -> subprocess.Popen[bytes] | None:
    if shutil.which("git") is None:
        print("git is not installed, so it is left out\n")
        return None
    subprocess.run(["git", "init", "-q", "-b", "main", git], check=True)
    return subprocess.Popen(["git", "-C", git, "fast-import", "--quiet"], stdin=subprocess.PIPE)


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


# ours


def _plain(statement: Statement, _: int) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", statement.text.encode()


def _page(statement: Statement, _: int) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", statement.html().encode()


def _laden(statement: Statement, version: int) -> tuple[str, bytes]:
    dice = random.Random(7)
    link = '<li class="nav-item"><a href="/{}/{}" data-token="{:08x}">{} {}</a></li>'
    words = vocabulary()
    filler = "\n".join(
        link.format(dice.choice(words), place, version * 2654435761 % 2**32, dice.choice(words), dice.choice(words))
        for place in range(380)
    )
    return "text/html; charset=utf-8", statement.html(f"<nav><ul>{filler}</ul></nav>").encode()


KINDS |= {"plain": _plain, "page": _page, "page with 30 KB around": _laden}


def _archive(file: Path, kind: str, statements: int, count: int, *, events: bool = False) -> None:
    write_s = differ_s = 0.0
    before: dict[int, Text] = {}
    total = statements * count
    with Archive.open(f"sqlite:///{file}") as archive:
        archive.declare([Source(f"s{number}", _url(number)) for number in range(statements)], START)
        not_waiting_for_the_disk(archive)
        for _, part in groupby(_history(statements, count), key=lambda one: one[1]):
            # All but the last of each statement in one transaction: the rows are the same, and the bench is done sooner.
            with ExitStack() as together:
                connection: Connection | None = None
                for number, version, statement in part:
                    if connection is None and version < count - 1:
                        connection = together.enter_context(writing(archive.engine))
                    text = Text.of(statement.title, None, statement.blocks)
                    media, body = KINDS[kind](statement, version)
                    started = time.process_time()
                    change = compare(before[number], text) if version else None
                    differ_s += time.process_time() - started
                    snapshot = _snapshot(number, version, media, body)
                    told = _told(number, version, change) if events else ()
                    started = time.process_time()
                    if connection is not None:
                        keep_version(
                            connection, f"s{number}", snapshot, text, READER, change=change, events=told,
                            validators=snapshot.validators,
                        )  # fmt: skip
                    else:
                        archive.record(
                            f"s{number}", snapshot, text, reader=READER, outcome=Outcome.CHANGED, change=change,
                            expected=version or None, events=told, validators=snapshot.validators,
                        )  # fmt: skip
                        write_s += time.process_time() - started
                    before[number] = text
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = file.stat().st_size
        print(f"\n{kind}: {statements} statements, {total} versions\n")
        print("| what | bytes a version |\n|---|---|")
        signatures = sum(size for name, size in _parts(file) if name.startswith("signatures"))
        print(
            f"| **the whole database file, but for the search signatures** | **{(whole - signatures) / total:.0f}** |"
        )
        print(f"| the whole database file | {whole / total:.0f} |")
        for name, size in _parts(file):
            print(f"| … {name} | {size / total:.0f} |")
        print("\n| operation | CPU |\n|---|---|")
        print(f"| keep a version (one transaction) | {1e3 * write_s / statements:.2f} ms |")
        print(f"| differ | {1e3 * differ_s / total:.2f} ms |")
        mean, worst = _read_ms(archive, statements, count)
        print(f"| read any version | {mean:.2f} ms (worst place in the chain {worst:.2f} ms) |")
        started = time.process_time()
        faults = [number for number in range(min(50, statements)) if first_fault(archive.seals(f"s{number}"))]
        proved_ms = 1e3 * (time.process_time() - started) / (min(50, statements) * count)
        print(f"| prove a seal, its bytes unpacked | {proved_ms:.2f} ms ({len(faults)} broken) |")
        print(f"| note an unchanged check, 200 at a time | {_note_us(archive, statements):.0f} µs |", flush=True)


def _told(number: int, version: int, change: Change | None) -> Sequence[Event]:
    """The event of a change, as a check writes it: its window begins at the last look before."""
    at = _at(number, version)
    kind = EventKind.CHANGED if version else EventKind.NEW
    severity = change.severity if change is not None else None
    window = Window(_at(number, version - 1) if version else None, at)
    return [Event(kind, f"s{number}", at, version + 1, severity, window=window)]


def not_waiting_for_the_disk(archive: Archive) -> None:
    """Let the bench fill its archive without waiting for the disk, which costs no CPU and no bytes."""

    @event.listens_for(archive._engine, "checkout")
    def _quick(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")


def _url(number: int) -> str:
    return f"https://www.example.org/news/2026/{number:05d}-statement.html"


def _at(number: int, version: int) -> datetime:
    return START + timedelta(minutes=15 * version, milliseconds=number * 7 + version)


def _snapshot(number: int, version: int, media: str, body: bytes) -> Snapshot:
    at = _at(number, version)
    headers = (
        ("date", format_datetime(at, usegmt=True)),
        ("server", "nginx"),
        ("content-type", media),
        ("last-modified", format_datetime(at - timedelta(minutes=5), usegmt=True)),
        ("etag", f'"{number * 7919 + version * 104729:x}-{len(body):x}"'),
        ("cache-control", "public, max-age=300"),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("vary", "Accept-Encoding"),
    )
    return Snapshot(_url(number), _url(number), 200, headers, (), at, body)


def _parts(file: Path) -> list[tuple[str, int]]:
    """Bytes by table and index, from SQLite's own accounting where it was built with it."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            return list(
                connection.execute(
                    "SELECT name, sum(pgsize) s FROM dbstat GROUP BY name HAVING s > 40000 ORDER BY s DESC"
                )
            )
        except sqlite3.OperationalError:
            columns = {"versions": "packed", "bodies": "packed", "snapshots": "headers", "signatures": "bits"}
            return [
                (f"{table}.{column}", connection.execute(f"SELECT total(length({column})) FROM {table}").fetchone()[0])
                for table, column in columns.items()
            ]


def _read_ms(archive: Archive, statements: int, count: int) -> tuple[float, float]:
    dice = random.Random(4)
    archive.text("s0", 1)

    def mean_ms(numbers: Sequence[int]) -> float:
        asked = [(f"s{dice.randrange(statements)}", number) for number in numbers]
        started = time.process_time()
        for source, number in asked:
            archive.text(source, number)
        return 1e3 * (time.process_time() - started) / len(asked)

    deepest = max(range(1, count + 1), key=lambda number: len(texts.run_to(number)))
    return mean_ms([dice.randint(1, count) for _ in range(300)]), mean_ms([deepest] * 300)


def _note_us(archive: Archive, statements: int) -> float:
    at = START + timedelta(days=30)
    notes = [Unchanged(f"s{number % statements}", at, Outcome.UNCHANGED, next_due=at) for number in range(200)]
    started = time.process_time()
    for _ in range(10):
        archive.note_unchanged(notes)
    return 1e6 * (time.process_time() - started) / (10 * len(notes))


# the ledger


def _ledger(folder: Path) -> None:
    """A year of checks every five minutes of one source that stays as it is, in three sorts of weather."""
    print(
        "\n| a year of checks every 5 minutes, one source | rows | bytes of rows | the file grew by |\n|---|---|---|---|"
    )
    for weather, failed in (
        ("always well", lambda _: False),
        ("down for an hour every day", lambda turn: turn % 288 < 12),
        ("well and failing in turn", lambda turn: turn % 2 == 1),
    ):
        file = folder / "ledger.db"
        with Archive.open(f"sqlite:///{file}") as archive:
            archive.declare([Source("s", _url(0))], START)
            statement = Statement(0)
            snapshot = _snapshot(0, 0, "text/plain", statement.text.encode())
            archive.record(
                "s", snapshot, Text.of(statement.title, None, statement.blocks), reader="r", outcome=Outcome.NEW,
                expected=None,
            )  # fmt: skip
            before = _folded(file)
            well: list[Unchanged] = []
            for turn in range(365 * 288):
                at = START + timedelta(days=1, minutes=5 * turn)
                if failed(turn):
                    archive.note_unchanged(well)
                    well = []
                    archive.note_failed("s", at, Outcome.FAILED, "https://www.example.org/: HTTP 503")
                else:
                    well.append(Unchanged("s", at, Outcome.UNCHANGED))
                if len(well) == 500:
                    archive.note_unchanged(well)
                    well = []
            archive.note_unchanged(well)
            after = _folded(file)
            checks = sum(run.count for run in archive.ledger("s"))
            with closing(sqlite3.connect(file)) as connection:
                rows, size = connection.execute(
                    "SELECT count(*), total(length(outcome) + length(coalesce(error, '')) + 34) FROM ledger"
                ).fetchone()
        print(f"| {weather} ({checks} checks) | {rows} | {size:.0f} | {after - before} |", flush=True)
        file.unlink()


def _folded(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size
