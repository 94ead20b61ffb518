"""Bytes and time a version: many small edits of 6.4 KB statements, kept by the archive as a check would keep them.

Three figures for bytes: the text alone as zstd would pack it by itself, the database without bodies (what peers that keep
no raw bytes are to be compared with), and the whole database with the raw pages.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.origin import Statement
from monitor.differ import compare
from storage import texts
from storage.archive import Archive, Unchanged
from storage.engine import engine_for
from storage.records import Outcome, Snapshot, Source, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 1, 1, tzinfo=UTC)


def main(arguments: Sequence[str]) -> int:
    """Fill an archive and print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench storage", description=__doc__)
    options.add_argument("--statements", type=int, default=40)
    options.add_argument("--versions", type=int, default=50)
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        file = Path(name) / "archive.db"
        with Archive.open(f"sqlite:///{file}") as archive:
            _fill(archive, file, given.statements, given.versions)
    return 0


def _fill(archive: Archive, file: Path, statements: int, count: int) -> None:
    archive.declare([Source(f"s{number}", f"https://example.org/{number}") for number in range(statements)], START)
    raw = alone = 0
    write_s = differ_s = 0.0
    for number in range(statements):
        statement = Statement(number)
        before: Text | None = None
        for version in range(count):
            text = Text.of(f"Statement {number}", "1 January 2026", _paragraphs(statement))
            raw, alone = raw + len(text.text), alone + len(texts.pack(text.text.encode()))
            started = time.perf_counter()
            change = compare(before, text) if before else None
            differ_s += time.perf_counter() - started
            snapshot = _snapshot(number, version, text)
            started = time.perf_counter()
            archive.record(
                f"s{number}", snapshot, text, reader="html/1:0123456789ab",
                outcome=Outcome.CHANGED if before else Outcome.NEW, expected=version or None, change=change,
            )  # fmt: skip
            write_s += time.perf_counter() - started
            before = text
            statement.edit()
    total = statements * count
    sizes = _sizes(archive, file)
    print(f"{statements} statements, {count} versions each, {raw / total:.0f} bytes of text a version\n")
    print("| what | bytes a version |\n|---|---|")
    print(f"| the text alone, zstd by itself | {alone / total:.0f} |")
    print(f"| the database without raw pages and their headers | {sizes['database'] / total:.0f} |")
    print(f"| … of which packed texts | {sizes['texts'] / total:.0f} |")
    print(f"| … of which scripts of the changes | {sizes['scripts'] / total:.0f} |")
    print(f"| the whole database with raw pages | {sizes['whole'] / total:.0f} |\n")
    print("| operation | time |\n|---|---|")
    print(f"| keep a version (one durable transaction) | {1e3 * write_s / total:.2f} ms |")
    print(f"| differ | {1e3 * differ_s / total:.2f} ms |")
    print(f"| read any version | {_read_ms(archive, statements, count):.2f} ms |")
    print(f"| note an unchanged check, 200 at a time | {_note_us(archive, statements):.0f} µs |")
    print(f"| the ledger after 100,000 more checks of one source | {_ledger_bytes(archive, file)} bytes |")


def _paragraphs(statement: Statement) -> list[str]:
    groups = [statement.sentences[at : at + 4] for at in range(0, len(statement.sentences), 4)]
    return [" ".join(group) for group in groups]


def _snapshot(number: int, version: int, text: Text) -> Snapshot:
    page = f"<html><body><nav>{version:08d}</nav><article>{text.text}</article></body></html>".encode()
    headers = (("content-type", "text/html; charset=utf-8"), ("etag", f'"{number}-{version}"'))
    at = START + timedelta(minutes=15 * version)
    url = f"https://example.org/{number}"
    return Snapshot(url, url, 200, headers, (), at, page)


def _sizes(archive: Archive, file: Path) -> dict[str, int]:
    engine = engine_for(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        bodies = connection.exec_driver_sql("SELECT sum(length(packed) + 60) FROM bodies").scalar_one()
        heads = connection.exec_driver_sql("SELECT sum(length(headers) + length(url) + 30) FROM snapshots").scalar_one()
        packed = connection.exec_driver_sql("SELECT sum(length(packed)) FROM versions").scalar_one()
        scripts = connection.exec_driver_sql("SELECT sum(length(script)) FROM versions").scalar_one()
    engine.dispose()
    del archive
    whole = file.stat().st_size
    return {"whole": whole, "database": whole - bodies - heads, "texts": packed, "scripts": scripts}


def _read_ms(archive: Archive, statements: int, count: int) -> float:
    dice = random.Random(4)
    asked = [(f"s{dice.randrange(statements)}", dice.randint(1, count)) for _ in range(300)]
    started = time.perf_counter()
    for source, number in asked:
        archive.text(source, number)
    return 1e3 * (time.perf_counter() - started) / len(asked)


def _note_us(archive: Archive, statements: int) -> float:
    at = START + timedelta(days=30)
    notes = [Unchanged(f"s{number % statements}", at, Outcome.UNCHANGED, next_due=at) for number in range(200)]
    started = time.perf_counter()
    for _ in range(10):
        archive.note_unchanged(notes)
    return 1e6 * (time.perf_counter() - started) / (10 * len(notes))


def _ledger_bytes(archive: Archive, file: Path) -> int:
    before = len(archive.ledger("s0"))
    at = START + timedelta(days=31)
    for _ in range(500):
        archive.note_unchanged([Unchanged("s0", at, Outcome.UNCHANGED)] * 200)
    del file
    return 60 * (len(archive.ledger("s0")) - before)
