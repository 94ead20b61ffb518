"""The reading room at its full size: how long a page takes from a server, and the report of everything.

``python -m bench rooms pages``: 1,000 sources of 100 versions (some sources recorded one by one, the others copies of
their rows; a series of 100 of them), asked for random pages of every kind over loopback HTTP; the median of each kind.
``python -m bench rooms report``: ``variorum report`` of 1,000 sources of 20 versions, each recorded for itself.
``python -m bench rooms view``: how long the terminal viewer takes until 1,000 sources stand on the screen.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.origin import Statement
from monitor.differ import compare
from storage.archive import Archive
from storage.records import Event, EventKind, Outcome, Snapshot, Source, Text, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START = datetime(2026, 1, 1, tzinfo=UTC)
GROWN_FROM = 20
"""So many sources are recorded one by one; the others of the page bench are copies of their rows."""
BASED = 10
"""Every so many-th source has a baseline: its first wording."""
SERIES = 100
"""So many of the sources of the page bench, the last, are members of a series."""
AROUND = "and the"
"""A phrase that stands in every source."""
PHRASES = """phrases:
  - {id: unforeseen, variants: ["unforeseen measure", "unforeseen market"]}
  - {id: renewed, variants: ["renewed dialogue"]}
"""


def main(arguments: Sequence[str]) -> int:
    """Build the archive (or take the one that ``--keep`` left) and print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench rooms", description=__doc__)
    options.add_argument("what", choices=["pages", "report", "view"])
    options.add_argument("--sources", type=int, default=1_000)
    options.add_argument("--versions", type=int)
    options.add_argument("--asks", type=int, default=60, help="Pages of each kind that are asked for.")
    options.add_argument("--keep", type=Path, help="A folder for the archive, used again by the next run.")
    given = options.parse_args(arguments)
    versions = given.versions or {"pages": 100, "report": 20, "view": 3}[given.what]
    with contextlib.ExitStack() as stack:
        folder = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="variorum-bench-")))
        if not (folder / "variorum.db").exists():
            _build(folder, given.sources, versions, grown=given.what == "pages")
        bench = {"pages": _pages, "report": _report, "view": _view}[given.what]
        bench(folder, given.sources, versions, given.asks)
    return 0


def _build(folder: Path, count: int, versions: int, *, grown: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{folder / 'variorum.db'}"
    in_series = SERIES if grown else 0
    (folder / "config.yaml").write_text(_config(folder, count, in_series), encoding="utf-8")
    with Archive.open(database) as archive:
        names = [f"s{number:04d}" for number in range(count)]
        series = [None] * (count - in_series) + ["talks"] * in_series
        archive.declare(
            [Source(name, f"https://example.org/{name}", of) for name, of in zip(names, series, strict=True)], START
        )
        _hurry(archive)
        recorded = min(GROWN_FROM, count) if grown else count
        for number in range(recorded):
            _record(archive, names[number], number, versions)
        if grown:
            _copy(archive, recorded, count)


def _config(folder: Path, count: int, in_series: int) -> str:
    (folder / "seeds").mkdir(exist_ok=True)
    for n in range(0, count, BASED):
        first = "\n\n".join([f"Statement {n}", "1 January 2026", *_paragraphs(Statement(n))])
        (folder / "seeds" / f"{n}.txt").write_text(first, encoding="utf-8")
    lines = "".join(
        f"  - {{id: s{n:04d}, url: 'https://example.org/s{n:04d}'{f', baseline: seeds/{n}.txt' if n % BASED == 0 else ''}"
        f"{', series: talks' if n >= count - in_series else ''}}}\n"
        for n in range(count)
    )
    return f"database: sqlite:///variorum.db\n{PHRASES}sources:\n{lines}"


def _hurry(archive: Archive) -> None:
    """No waiting for the disk: what is measured comes later."""
    with archive._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")


def _record(archive: Archive, name: str, seed: int, versions: int) -> None:
    statement, before = Statement(seed), None
    for number in range(versions):
        text = Text.of(f"Statement {seed}", "1 January 2026", _paragraphs(statement))
        at = START + timedelta(hours=7 * number + seed % 7)
        change = compare(before, text) if before else None
        kind = EventKind.CHANGED if before else EventKind.NEW
        told = Event(kind, name, at, number + 1, change.severity if change else None, bool(change), Window(None, at))
        url = f"https://example.org/{name}"
        taken = Snapshot(url, url, 200, (("content-type", "text/html"),), (), at, f"{name} {number}".encode())
        archive.record(
            name, taken, text, reader="html/1:0123456789ab", outcome=Outcome.CHANGED if before else Outcome.NEW,
            expected=number or None, change=change, events=[told],
        )  # fmt: skip
        before = text
        statement.edit()


def _paragraphs(statement: Statement) -> list[str]:
    return [" ".join(statement.sentences[at : at + 4]) for at in range(0, len(statement.sentences), 4)]


def _copy(archive: Archive, recorded: int, count: int) -> None:
    """Give every further source the rows of a recorded one, under its own key."""
    with archive._engine.connect() as connection:
        run = connection.exec_driver_sql

        def columns(table: str) -> list[str]:
            return [row[1] for row in run(f"PRAGMA table_info({table})")]

        counted = {"versions": "key", "ledger": "number", "events": "number", "signatures": None}
        for table, key in counted.items():
            names = [f'"{one}"' for one in columns(table) if one not in ("source", key)]
            listed = ", ".join(names)
            for number in range(recorded, count):
                run(
                    f"INSERT INTO {table} (source, {listed}) SELECT {number + 1}, {listed} FROM {table} "
                    f"WHERE source = {number % recorded + 1}"
                )
        names = [one for one in columns("sources") if one not in ("key", "id", "url", "series", "tags", "baseline")]
        pairs = ", ".join(
            f'"{one}" = (SELECT o."{one}" FROM sources o WHERE o.key = (sources.key - 1) % {recorded} + 1)'
            for one in names
        )
        run(f"UPDATE sources SET {pairs} WHERE key > {recorded}")
        connection.commit()


# -- pages ---------------------------------------------------------------------------------------------------------


def _pages(folder: Path, count: int, versions: int, asks: int) -> None:
    import httpx

    dice = random.Random(7)

    def name(every: int = 1) -> str:
        return f"s{dice.randrange(0, count, every):04d}"

    def member(at: int) -> str:
        return f"s{count - SERIES + at:04d}@{versions}"

    def change_of_series() -> str:
        return f"s/talks/{member(at := dice.randrange(SERIES - 1))},{member(at + 1)}.html"

    def number() -> int:
        return dice.randint(2, versions)

    kinds = {
        "overview": lambda: "index.html",
        "sources, a page of the list": lambda: f"sources-{dice.randint(2, max(2, count // 100))}.html",
        "status": lambda: "status.html",
        "source, first look": lambda: f"s/{name()}/index.html",
        "source, seen before": lambda: "s/s0003/index.html",
        "source with a baseline": lambda: f"s/{name(BASED)}/index.html",
        "source, all versions": lambda: f"s/{name()}/all.html",
        "version (blame)": lambda: f"s/{name()}/{number()}.html",
        "change": lambda: f"s/{name()}/{(new := number()) - 1}-{new}.html",
        "change, side by side": lambda: f"s/{name()}/{(new := number()) - 1}-{new}.html?view=beside",
        "any two versions": lambda: f"s/{name()}/1-{number()}.html",
        "from the baseline": lambda: f"s/{name(BASED)}/baseline-{number()}.html",
        "series": lambda: "s/talks/index.html",
        "series, a member (blame)": lambda: f"s/talks/{member(dice.randrange(SERIES))}.html",
        "series, a change": change_of_series,
        "search, a phrase of one source": lambda: f"search?q=Statement+{dice.randrange(GROWN_FROM)}+",
        "search, a phrase that is everywhere": lambda: (
            f"search?q={AROUND.replace(' ', '+')}&from={dice.randrange(900)}"
        ),
        "search, a phrase that is nowhere": lambda: "search?q=and+the+zebra+of+growth",
        "feed of everything": lambda: "feed.atom",
        "feed of a source": lambda: f"s/{name()}/feed.atom",
    }
    with _served(folder) as (address, server), httpx.Client(base_url=address) as client:
        print(f"{count:,} sources × {versions} versions = {count * versions:,} versions; {asks} pages of each kind\n")
        print("| page | median | 95th of 100 | CPU of the server | bytes |\n|---|---|---|---|---|")
        every: list[float] = []
        for kind, path in kinds.items():
            client.get(path()).raise_for_status()  # imports and templates are loaded once
            took, size, cpu = [], 0, _cpu_s(server)
            for _ in range(asks):
                asked = path()
                started = time.perf_counter()
                answer = client.get(asked)
                took.append(1e3 * (time.perf_counter() - started))
                answer.raise_for_status()
                size += len(answer.content)
            every += took
            worst = statistics.quantiles(took, n=20)[-1]
            each = 1e3 * (_cpu_s(server) - cpu) / asks
            middle = statistics.median(took)
            print(f"| {kind} | {middle:.1f} ms | {worst:.1f} ms | {each:.1f} ms | {size // asks:,} |", flush=True)
        print(
            f"| all of these | {statistics.median(every):.1f} ms | {statistics.quantiles(every, n=20)[-1]:.1f} ms | |"
        )


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[tuple[str, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "monitor",
            "-q",
            "--config",
            str(folder / "config.yaml"),
            "web",
            "--listen",
            f"127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/", serving.pid
    finally:
        serving.terminate()
        serving.wait(20)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- report --------------------------------------------------------------------------------------------------------


def _report(folder: Path, count: int, versions: int, asks: int) -> None:
    del asks
    print(f"{count:,} sources × {versions} versions, {os.cpu_count()} cores\n")
    print("| `variorum report` | wall | CPU | pages | MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="variorum-bench-", dir=folder) as out:
        for run in ("into an empty folder", "again, nothing changed"):
            before, started = _children_s(), time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "monitor",
                "-q",
                "--config",
                str(folder / "config.yaml"),
                "report",
                "--out",
                out,
            ]
            subprocess.run(command, check=True)
            wall, cpu = time.perf_counter() - started, _children_s() - before
            files = list(Path(out).rglob("*.html"))
            size = sum(one.stat().st_size for one in files)
            print(f"| {run} | {wall:.1f} s | {cpu:.1f} s | {len(files):,} | {size / 1e6:.0f} |", flush=True)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- view ----------------------------------------------------------------------------------------------------------


def _standing() -> str:
    """The niceness of this session; '' where the system knows of none, or it is the usual one."""
    with contextlib.suppress(OSError):
        told = Path("/proc/self/autogroup").read_text().split()[-1]
        return "" if told == "0" else told
    return ""


def _view(folder: Path, count: int, versions: int, asks: int) -> None:
    """From the start of the process to the first screen, in a terminal of 80 × 24."""
    import pty

    took, cpu = [], []
    standing = _standing()
    for _ in range(max(3, asks // 20)):
        started = time.perf_counter()
        pid, terminal = pty.fork()
        if pid == 0:
            if standing:  # a terminal has a session of its own, and Linux weighs sessions before processes
                Path("/proc/self/autogroup").write_text(standing)
            os.environ |= {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
            os.execv(sys.executable, [sys.executable, "-m", "monitor", "--config", str(folder / "config.yaml"), "view"])
        seen = b""
        while b"s0007" not in seen:
            seen += os.read(terminal, 65536)
        took.append(time.perf_counter() - started)
        cpu.append(_cpu_s(pid))
        os.write(terminal, b"q")
        with contextlib.suppress(OSError):
            while os.read(terminal, 65536):
                pass
        os.waitpid(pid, 0)
    print(f"{count:,} sources × {versions} versions in a terminal of 80 × 24, median of {len(took)}:")
    print(
        f"the sources stand on the screen after {statistics.median(took):.2f} s, {statistics.median(cpu):.2f} s of CPU"
    )
