"""``log``, ``show`` and ``grep`` on an archive of 100,000 versions: the CPU of each whole process, from start to end.

2,000 sources with 50 versions each, statements of about 6.4 KB, one in twenty of them partly Chinese. A tenth is recorded
as checks would record it; the rest are copies of those rows under other ids (their chains are not looked at here). Two
phrases are put into one source alone, two into one in a hundred; with ``--everywhere``, words of nearly every text are asked for, too.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.prose import Statement
from bench.rounds import as_installed
from bench.storage import START, _snapshot, _url, not_waiting_for_the_disk
from storage.archive import Archive
from storage.engine import engine_for, writing
from storage.records import Outcome, Source, Text
from storage.schema import bodies, signatures, snapshots, sources, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

COPIES = 10
RARE = ("an unambiguous undertaking of restraint", "克制")
COMMON = ("legitimate security concerns", "关切")


def main(arguments: Sequence[str]) -> int:
    """Fill the archive, ask, and print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench archive", description=__doc__)
    options.add_argument("--sources", type=int, default=2000)
    options.add_argument("--versions", type=int, default=50)
    options.add_argument("--database", type=Path, help="keep it here, and use it again when it is there")
    options.add_argument("--everywhere", action="store_true", help="ask for words of nearly every text, too: minutes")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        file = (given.database or Path(name) / "archive.db").absolute()
        if not file.exists():
            _fill(file, given.sources, given.versions)
        (Path(name) / "config.yaml").write_text("sources: []\n")
        total = given.sources * given.versions
        print(f"{given.sources} sources, {total} versions, {file.stat().st_size / 1e6:.0f} MB\n")
        print("| command | CPU | wall | lines |\n|---|---|---|---|")
        for words in (
            ("log", "s7"),
            ("log", "s7", "--json"),
            ("show", "s7"),
            ("show", f"s7@{given.versions * 2 // 3}", "--raw"),
            ("grep", RARE[0]),
            ("grep", RARE[1]),
            ("grep", COMMON[0]),
            ("grep", COMMON[1]),
            ("grep", "nobody ever said this"),
            ("grep", "战争"),
            ("grep", "unambiguous (undertaking|promise)", "--regex"),
            ("grep", RARE[0], "s7"),
            *([("grep", "the object")] if given.everywhere else []),
        ):
            _ask(words, file, Path(name))
    return 0


def _ask(words: Sequence[str], file: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "monitor", "--database", f"sqlite:///{file}", *words]
    best_cpu = best_wall = float("inf")
    lines = 0
    for _ in range(1 if words[-1] == "the object" else 3):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        environment = {**as_installed(), "PYTHONPATH": str(Path.cwd())}
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
        best_cpu = min(best_cpu, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        best_wall = min(best_wall, wall)
        lines = ran.stdout.count(b"\n")
    print(f"| `{' '.join(words)}` | {best_cpu:.2f} s | {best_wall:.2f} s | {lines} |", flush=True)


def _fill(file: Path, count: int, versions_each: int) -> None:
    kept = count // COPIES
    url = f"sqlite:///{file}"
    with Archive.open(url) as archive:
        archive.declare([Source(f"s{number}", _url(number)) for number in range(kept)], START)
        held = [Statement(number, chinese=0.2 if number % 20 == 0 else 0.0) for number in range(kept)]
        # A copy of the last one would have its phrases, too: it is left out of the copying.
        for number, statement in enumerate(held):
            planted = COMMON if number % 100 == 3 else RARE if number == kept - 1 else ()
            statement.paragraphs = [
                [one.replace("克制", "冷静").replace("关切", "关注") for one in part] for part in statement.paragraphs
            ]
            if planted:
                statement.paragraphs[1].insert(0, f"The parties named {planted[0]} once more; 双方谈到{planted[1]}。")
        not_waiting_for_the_disk(archive)
        for version in range(versions_each):
            for number, statement in enumerate(held):
                _keep(archive, number, version, statement)
        _copy(url, kept, versions_each)


def _keep(archive: Archive, number: int, version: int, statement: Statement) -> None:
    if version:
        statement.edit()
        for part in statement.paragraphs:
            part[:] = [
                one.replace("克制", "冷静").replace("关切", "关注") if "双方谈到" not in one else one for one in part
            ]
    text = Text.of(statement.title, None, statement.blocks)
    snapshot = _snapshot(number, version, "text/plain; charset=utf-8", statement.text.encode())
    archive.record(
        f"s{number}", snapshot, text, reader="html/1:0123456789ab",
        outcome=Outcome.CHANGED if version else Outcome.NEW, expected=version or None,
    )  # fmt: skip


def _copy(url: str, kept: int, versions_each: int) -> None:
    """The same rows under other ids, but for the last source."""
    engine = engine_for(url)
    with writing(engine) as connection:
        newest = {
            table.name: connection.exec_driver_sql(f"SELECT max({key}) FROM {table.name}").scalar_one()
            for table, key in ((sources, "key"), (snapshots, "number"), (bodies, "key"), (versions, "key"))
        }
        for copy in range(1, COPIES):
            moved = {name: f"+ {most * copy}" for name, most in newest.items()}
            for table, changed in (
                (sources, {"key": moved["sources"], "id": f"|| '-{copy}'", "snapshot": moved["snapshots"]}),
                (bodies, {"key": moved["bodies"], "base": moved["bodies"], "source": moved["sources"]}),
                (snapshots, {"number": moved["snapshots"], "source": moved["sources"], "body": moved["bodies"]}),
                (versions, {"key": moved["versions"], "source": moved["sources"], "snapshot": moved["snapshots"]}),
                (signatures, {"source": moved["sources"]}),
            ):
                names = [column.name for column in table.c]
                values = [f'{table.name}."{name}" {changed.get(name, "")}' for name in names]
                of = "key" if table is sources else "source"
                where = f"{of} < {kept} AND {of} <= {newest['sources']}"
                quoted = ", ".join(f'"{name}"' for name in names)
                if table is sources:
                    values[names.index("lease_owner")] = "NULL"
                connection.exec_driver_sql(
                    f"INSERT INTO {table.name} ({quoted}) SELECT {', '.join(values)} FROM {table.name} WHERE {where}"
                )
    engine.dispose()
    del versions_each
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
