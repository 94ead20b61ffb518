"""A backup is whole, proved, and opens as an archive; on both engines."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.backup import backup
from storage.errors import IntegrityError, StorageError
from storage.verify import verify
from tests.slow.test_kill import busy, killed
from tests.storage.filled import keep, text
from tests.storage.sabotage import Forger


def seals(url: str) -> dict[str, list[tuple[object, bytes]]]:
    with Archive.open(url, readonly=True) as archive:
        return {one.id: list(archive.seals(one.id)) for one in archive.sources(retired=True)}


def test_a_backup_restores_by_being_opened(filled_url: str, tmp_path: Path) -> None:
    made = backup(filled_url, str(tmp_path / "copy.db"))
    copy = f"sqlite:///{tmp_path / 'copy.db'}"
    assert (made.report.faults, made.report.versions, made.report.timestamps) == ([], 47, 2)
    assert made.size_bytes == (tmp_path / "copy.db").stat().st_size
    assert seals(copy) == seals(filled_url)
    with Archive.open(copy) as archive, Archive.open(filled_url) as old:
        assert archive.states() == old.states()
        assert archive.ledger("long") == old.ledger("long")
        assert archive.events() == old.events()
        # and goes on, append-only and in write-ahead mode
        keep(archive, "long", 42)
        assert archive.text("long", 42) == text("long", 42)
    assert verify(copy).faults == []
    with closing(sqlite3.connect(tmp_path / "copy.db")) as lite:
        assert lite.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            lite.execute("DELETE FROM versions")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".part")]


def test_an_archive_moves_to_postgresql_and_goes_on(filled_url: str, postgresql: str) -> None:
    if not filled_url.startswith("sqlite"):
        pytest.skip("the other way round is the test above")
    import psycopg

    with psycopg.connect(postgresql.format(name="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE moved")
    target = postgresql.format(name="moved")
    assert backup(filled_url, target).report.versions == 47
    assert seals(target) == seals(filled_url)
    with Archive.open(target) as archive:
        keep(archive, "long", 42)
    assert verify(target).faults == []
    with pytest.raises(StorageError, match="holds an archive already"):
        backup(filled_url, target)


@pytest.fixture
def small(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    Archive.open(url).close()
    return url


def test_a_backup_never_overwrites_and_leaves_nothing_behind(small: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    for target, said in (("there", "exists already"), ("none/copy.db", "no such folder")):
        with pytest.raises(StorageError, match=said):
            backup(small, str(tmp_path / target))
    assert (tmp_path / "there").read_text() == "mine"
    with pytest.raises(StorageError, match="no database yet"):
        backup(f"sqlite:///{tmp_path / 'nothing.db'}", str(tmp_path / "copy.db"))
    assert {path.name for path in tmp_path.iterdir()} == {"archive.db", "there"}


def test_a_damaged_archive_is_not_passed_on_as_a_good_one(filled_url: str, tmp_path: Path) -> None:
    Forger(filled_url)("UPDATE versions SET looks = 77 WHERE source = 1 AND number = 5")
    with pytest.raises(IntegrityError, match=r"does not prove whole \(long@5: "):
        backup(filled_url, str(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()


def backups_while_busy(url: str, folder: Path, count: int) -> None:
    dice = random.Random(1)
    with busy(url) as running:
        for number in range(count):
            acknowledged = dict[tuple[str, int], str]()
            copy = folder / f"copy{number}.db"

            def strike(pid: int, copy: Path = copy, acknowledged: dict[tuple[str, int], str] = acknowledged) -> None:
                acknowledged |= running.kept
                assert backup(url, str(copy)).report.faults == []
                killed(pid)

            running.round(dice.randrange(1 << 30), 3, 0.0, strike)
            with Archive.open(f"sqlite:///{copy}") as archive:
                for (name, version), digest in acknowledged.items():
                    assert archive.version(name, version).digest == digest


def test_a_backup_taken_while_others_write_is_one_moment_of_it(tmp_path: Path) -> None:
    backups_while_busy(f"sqlite:///{tmp_path / 'archive.db'}", tmp_path, 2)


@pytest.mark.slow
def test_backups_without_end_while_others_write(url: str, tmp_path: Path) -> None:
    backups_while_busy(url, tmp_path, 12)
