"""Opening, making and refusing databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text as sql

from storage.archive import Archive
from storage.engine import engine_for, shown, writing
from storage.errors import StorageError
from storage.migrate import migrate
from storage.schema import REVISION, metadata
from storage.verify import verify
from tests.storage.conftest import Wordings


def test_the_migrations_make_the_schema_of_the_program(archive: Archive, url: str) -> None:
    del archive
    engine = engine_for(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_newer_database_is_refused_and_left_alone(archive: Archive, url: str) -> None:
    archive.close()
    engine = engine_for(url)
    with writing(engine) as connection:
        connection.execute(sql("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for opened in (Archive.open, migrate):
        with pytest.raises(StorageError, match="newer than this program"):
            opened(url)


def test_migrating_an_up_to_date_database_changes_nothing(archive: Archive, url: str) -> None:
    archive.close()
    assert migrate(url) == (REVISION, REVISION, None)


def test_an_empty_database_is_migrated_to_the_newest_schema(url: str) -> None:
    assert migrate(url) == (None, REVISION, None)
    with Archive.open(url, create=False) as opened:
        assert opened.sources() == []


def test_a_missing_database_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database yet"):
        Archive.open(f"sqlite:///{tmp_path / 'none.db'}", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda path: path.write_bytes(b"this is no database at all" * 100), "not an SQLite database"),
        (lambda path: path.mkdir(), "cannot be opened"),
    ],
)
def test_what_is_no_database_is_told_in_one_line(tmp_path: Path, made: object, said: str) -> None:
    path = tmp_path / "archive.db"
    made(path)  # type: ignore[operator]
    with pytest.raises(StorageError, match=said) as caught:
        Archive.open(f"sqlite:///{path}")
    assert "\n" not in str(caught.value)


def test_a_strange_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    with pytest.raises(StorageError, match="not an archive"):
        Archive.open(f"sqlite:///{path}")


@pytest.mark.parametrize("address", ["mysql://u@h/d", "nonsense", "sqlit:///x"])
def test_an_address_of_another_kind_is_refused_with_the_right_form(address: str) -> None:
    with pytest.raises(StorageError) as caught:
        Archive.open(address)
    assert caught.value.hint is not None
    assert "sqlite:///" in caught.value.hint


def test_a_password_is_never_shown() -> None:
    assert shown("postgresql://me:s3cret@db/name") == "postgresql://me:***@db/name"


def test_a_reader_cannot_write(tmp_path: Path, wordings: Wordings) -> None:
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    Archive.open(url).close()
    with Archive.open(url, readonly=True) as opened, pytest.raises(StorageError, match="may not be written"):
        opened.declare([wordings.source()], wordings.at(0))


def test_an_archive_kept_before_there_were_marks_is_marked_and_proved(filled_url: str) -> None:
    """Back to schema 0007, as far as it differs, and forward again with all its rows."""
    engine = engine_for(filled_url)
    sqlite = engine.dialect.name == "sqlite"
    with writing(engine) as connection:
        for table in ("bodies", "snapshots", "headings", "versions", "events", "pages", "timestamps") if sqlite else ():
            connection.execute(sql(f"DROP TRIGGER {table}_no_replace"))
        for table in ("bodies", "snapshots", "versions", "timestamps"):
            connection.execute(sql(f"ALTER TABLE {table} DROP COLUMN mark"))
        connection.execute(sql("ALTER TABLE sources DROP COLUMN held"))
        connection.execute(sql("UPDATE ledger SET last = first - 1 WHERE number = 1"))
        connection.execute(sql("UPDATE alembic_version SET version_num = '0007'"))
    engine.dispose()
    before, after, backup = migrate(filled_url)
    assert (before, after, backup is not None) == ("0007", REVISION, sqlite)
    report = verify(filled_url)
    assert ([fault.said for fault in report.faults], report.versions) == ([], 47)
