"""In and out: how long it takes, how large it is, and whether what comes back is the same.

Two real collections: the FOMC statements (a series, one version each) and the White House pairs (a source each, two
versions). Every export is brought into an empty archive again and compared: the texts with their times of capture, and
all that the seals cover but the time of import.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from monitor.quiet import hush
from monitor.read import ReadRules
from monitor.transfer.chosen import choose
from monitor.transfer.exhibit import export_exhibit
from monitor.transfer.folder import import_folder
from monitor.transfer.git import import_git
from monitor.transfer.placing import Brought, Fate, Placer
from monitor.transfer.texts import export_folder, export_jsonl
from monitor.transfer.to_git import export_git
from monitor.transfer.warc import export_warc, import_warc
from storage.archive import Archive
from storage.chain import first_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CORPUS = Path(__file__).resolve().parent.parent.parent / "shared" / "corpus"
T = TypeVar("T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main(arguments: Sequence[str]) -> int:
    """Move both collections in, out and in again; print the tables, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench transfer", description=__doc__)
    options.add_argument("--corpus", type=Path, default=CORPUS)
    corpus = options.parse_args(arguments).corpus
    if not corpus.is_dir():
        print(f"no corpus at {corpus}", file=sys.stderr)
        return 2
    hush()
    for name, bring in (("FOMC statements", _fomc), ("White House pairs", _pairs)):
        with tempfile.TemporaryDirectory(prefix="variorum-bench-") as folder:
            _collection(name, bring, corpus, Path(folder))
    return 0


def _fomc(placer: Placer, corpus: Path, _: Path) -> Iterable[Brought]:
    return import_folder(placer, corpus / "series" / "fomc-statements", series="fomc", source=None)


def _pairs(placer: Placer, corpus: Path, work: Path) -> Iterable[Brought]:
    for old in sorted((corpus / "pairs" / "whitehouse").glob("*.old.md")):
        name = old.name.removesuffix(".old.md")
        folder = work / "pairs" / name
        folder.mkdir(parents=True)
        for day, side in (("2022-01-01", "old"), ("2022-01-02", "new")):
            (folder / f"{day}.md").write_bytes(old.with_name(f"{name}.{side}.md").read_bytes())
        yield from import_folder(placer, folder, series=None, source=name)


def _collection(name: str, bring: Callable[[Placer, Path, Path], Iterable[Brought]], corpus: Path, work: Path) -> None:
    database = work / "a.db"
    with Archive.open(f"sqlite:///{database}") as archive:
        took_s, brought = _timed(lambda: list(bring(_placer(archive), corpus, work)))
        added = sum(one.fate is Fate.ADDED for one in brought)
        started = _cpu_s()
        faults = sum(first_fault(archive.seals(one.id)) is not None for one in archive.sources(retired=True))
        proved_s = _cpu_s() - started
        print(f"\n{name}: {added} versions, {len(archive.sources(retired=True))} sources, {faults} broken chains\n")
        print(
            "| way | CPU | bytes | texts and times come back | all that is sealed comes back |\n|---|---|---|---|---|"
        )
        archive.close()  # so that the log is folded into the file whose size is told
        _row("import (a durable transaction each)", took_s, database.stat().st_size)
        _row("every seal proved", proved_s, None)
        for way in (_warc, _folder, _git, _jsonl, _exhibits):
            way(archive, work)
    print()


def _warc(archive: Archive, work: Path) -> None:
    file = work / "a.warc.gz"
    took_s, _ = _timed(lambda: export_warc(archive, choose(archive, ()), file))
    with Archive.open(f"sqlite:///{work / 'warc.db'}") as other:
        back_s, _ = _timed(lambda: list(import_warc(_placer(other), file)))
        _row(
            "export --warc (gzipped)",
            took_s,
            _size(file),
            _texts(archive) == _texts(other),
            _seals(archive) == _seals(other),
        )
        _row("… and import warc", back_s, None)


def _folder(archive: Archive, work: Path) -> None:
    folder = work / "folder"
    took_s, _ = _timed(lambda: export_folder(archive, choose(archive, ()), folder))
    with Archive.open(f"sqlite:///{work / 'folder.db'}") as other:
        placer = _placer(other, as_is=True)
        series = {source.series for source in archive.sources(retired=True)}
        started = _cpu_s()
        for part in sorted(path for path in folder.iterdir() if path.is_dir()):
            named = (
                {"series": part.name, "source": None} if part.name in series else {"series": None, "source": part.name}
            )
            list(import_folder(placer, part, **named))
        back_s = _cpu_s() - started
        _row("export --folder", took_s, _size(folder), _texts(archive) == _texts(other))
        _row("… and import folder --as-is", back_s, None)


def _git(archive: Archive, work: Path) -> None:
    folder = work / "git"
    took_s, _ = _timed(lambda: export_git(archive, choose(archive, ()), folder))
    with Archive.open(f"sqlite:///{work / 'git.db'}") as other:
        placer = _placer(other, as_is=True)
        started = _cpu_s()
        for source in archive.sources(retired=True):
            list(import_git(placer, folder, path=f"{source.id}.txt", source=source.id))
        back_s = _cpu_s() - started
        _row("export --git (its objects)", took_s, _size(folder / ".git" / "objects"), _texts(archive) == _texts(other))
        _row("… and import git --as-is, a source at a time", back_s, None)


def _jsonl(archive: Archive, work: Path) -> None:
    file = work / "a.jsonl"
    with file.open("wb") as out:
        took_s, _ = _timed(lambda: export_jsonl(archive, choose(archive, ()), out))
    _row("export --jsonl", took_s, _size(file))


def _exhibits(archive: Archive, work: Path) -> None:
    folder = work / "exhibits"
    folder.mkdir()
    chosen = choose(archive, ())
    took_s, _ = _timed(lambda: [export_exhibit(archive, one, folder / f"{one.source.id}.zip") for one in chosen])
    _row(f"{len(chosen)} exhibits", took_s, _size(folder))


def _placer(archive: Archive, *, as_is: bool = False) -> Placer:
    return Placer(archive, NOW, lambda _: ReadRules(), as_is=as_is)


def _texts(archive: Archive) -> dict[str, list[tuple[str, datetime]]]:
    return {
        source.id: [(one.digest, one.captured) for one in archive.versions(source.id)]
        for source in archive.sources(retired=True)
    }


def _seals(archive: Archive) -> dict[str, list[object]]:
    return {
        source.id: [
            (
                *(one.body, one.text, one.captured, one.after, one.before, one.reader, one.reread),
                *(one.url, one.final_url, one.status, one.headers),
            )
            for one, _ in archive.seals(source.id)
        ]
        for source in archive.sources(retired=True)
    }


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    started = _cpu_s()
    result = work()
    return _cpu_s() - started, result


def _cpu_s() -> float:
    """Seconds of CPU so far, our own and that of programs we ran: what else the machine does counts for nothing."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _size(path: Path) -> int:
    return (
        path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    )


def _row(way: str, took_s: float, size: int | None, texts: bool | None = None, seals: bool | None = None) -> None:
    said = {True: "yes", False: "NO", None: ""}
    print(f"| {way} | {took_s:.2f} s | {f'{size:,}' if size is not None else ''} | {said[texts]} | {said[seals]} |")
