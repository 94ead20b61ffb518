"""Opening, making and refusing databases."""

from __future__ import annotations

import re
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

import storage.migrate
from storage.archive import Archive
from storage.chain import first_fault
from storage.due import due_query
from storage.engine import PAGE_BYTES, engine_for, prepare_file, shown, writing
from storage.errors import IntegrityError, StorageError
from storage.migrate import TABLES, migrate, words_of
from storage.outbox import list_letters
from storage.records import Outcome, Snapshot, Text
from storage.schema import (
    BODY_PREFIX,
    BY_HAND,
    KNOWN_REVISIONS,
    PREFIX_BYTES,
    PRUNED,
    REVISION,
    bodies,
    metadata,
    microseconds,
    versions,
)
from storage.verify import verify
from tests.storage import older
from tests.storage.conftest import Wordings
from tests.storage.filled import keep
from tests.storage.putback import put_back


@pytest.fixture
def migrated(url: str) -> str:
    """The address of an empty archive that the migrations made, one after the other."""
    engine = engine_for(url)
    prepare_file(engine)
    storage.migrate._upgrade(engine)
    engine.dispose()
    return url


def test_a_new_archive_is_written_as_the_migrations_leave_one(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    file = tmp_path / "archive.db"
    engine = engine_for(f"sqlite:///{file}")
    prepare_file(engine)
    storage.migrate._upgrade(engine)
    engine.dispose()
    with closing(sqlite3.connect(file)) as made:
        words = words_of(made)
    if request.config.getoption("--golden-update"):
        TABLES.write_text(words, encoding="utf-8")
    assert TABLES.read_text(encoding="utf-8") == words
    Archive.open(f"sqlite:///{tmp_path / 'new.db'}").close()
    with closing(sqlite3.connect(tmp_path / "new.db")) as written:
        assert words_of(written) == words
        assert written.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)


def test_the_migrations_make_the_schema_of_the_program(migrated: str) -> None:
    engine = engine_for(migrated)
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index")
        options = {"include_object": lambda _one, name, kind, *_: kind != "index" or name not in BY_HAND}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        for name, wanted in BY_HAND.items():
            catalogue = "sqlite_master" if engine.dialect.name == "sqlite" else "pg_indexes"
            column, key = ("sql", "name") if engine.dialect.name == "sqlite" else ("indexdef", "indexname")
            made = connection.exec_driver_sql(f"SELECT {column} FROM {catalogue} WHERE {key} = '{name}'").scalar_one()
            assert _essence(made) == _essence(wanted)
    engine.dispose()


def _essence(definition: str) -> str:
    """A definition without what the engines write each in their own way."""
    plain = re.sub(r"\bON (public\.)?(\w+)( USING btree)?", r"ON \2", definition).lower().replace("::text", "")
    return re.sub(r"[\s()\"]+", "", plain)


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


@pytest.mark.parametrize(
    "revision",
    [
        pytest.param(one, marks=[] if one in ("0001", "0008") else pytest.mark.slow)
        for one in KNOWN_REVISIONS
        if one <= "0008"
    ],
)
def test_an_older_archive_is_brought_forward_whole(url: str, revision: str, tmp_path: Path, wordings: Wordings) -> None:
    kept = older.make(url, revision)
    with pytest.raises(StorageError, match=f"schema {revision}"):
        Archive.open(url)
    before, after, backup = migrate(url)
    assert (before, after) == (revision, REVISION)
    if url.startswith("sqlite"):
        assert backup is not None
        assert sqlite3.connect(backup).execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
    assert [fault.said for fault in verify(url).faults] == []
    with Archive.open(url) as archive:
        # The chain: the seals are the same, to the byte, and hold over what is there now.
        assert [stored for _, stored in archive.seals("one")] == kept.seals
        assert first_fault(archive.seals("one")) is None
        assert [text.text for _, text in archive.texts("one")] == kept.texts
        versions = archive.versions("one")[::-1]
        assert [archive.text("one", number).text for number in range(1, 21)] == kept.texts
        assert [version.number for version in versions if version.reread] == [7]
        assert versions[2].imported is not None
        assert versions[1].silent
        for version in versions:
            snapshot = archive.snapshot(version.snapshot)
            assert snapshot.body == kept.bodies[version.snapshot - 1]
            assert [list(pair) for pair in snapshot.headers] == kept.headers[version.snapshot - 1]
        assert (archive.snapshot(5).redirects, archive.snapshot(5).final_url) == (
            ("https://example.org/one?",),
            "https://example.org/one/",
        )
        runs = [
            (run.outcome.value, microseconds(run.first), microseconds(run.last), run.count, run.version, run.error)
            for run in archive.ledger("one")
        ]
        assert runs == kept.ledger
        assert [event.detail for event in archive.events("one")] == [{}, {"a": 1}]
        if revision == "0008":
            (letter,) = list_letters(archive)
            assert [alert.event for alert in letter.alerts] == archive.events("one")[1:]
        assert archive.snapshot(99).status == 503
        assert archive.candidates(["合理安全"]) == {"one"}
        assert archive.candidates(["military"]) == set()
        if revision >= "0006":
            assert archive.timestamp_faults() == []
        # And it goes on: versions are put onto what was migrated, once as far as to the next full text.
        for number in range(21, 67 if revision == "0008" else 23):
            text = Text(kept.texts[-1].replace("20 points", f"{number} points"))
            body = f"<p>{text.text}</p>".encode()
            snapshot = Snapshot(
                "https://example.org/one", "https://example.org/one", 200, (), (), wordings.at(number), body
            )
            archive.record("one", snapshot, text, reader="r", outcome=Outcome.CHANGED, expected=number - 1)
            assert archive.text("one", number) == text
        assert archive.snapshot(archive.version("one", 22).snapshot).body.startswith(b"<p>A title")
        assert first_fault(archive.seals("one")) is None
    engine = engine_for(url)
    for table in ("versions", "snapshots", "bodies", "headings", "heads", "verdicts"):
        with pytest.raises((DBAPIError, StorageError), match="append-only"), writing(engine) as connection:
            connection.execute(sql(f"DELETE FROM {table}"))
    engine.dispose()


@pytest.mark.parametrize(
    "revision",
    [
        pytest.param(one, marks=[] if one in ("0009", KNOWN_REVISIONS[-2]) else pytest.mark.slow)
        for one in KNOWN_REVISIONS[:-1]
        if one > "0008"
    ],
)
def test_an_archive_of_each_later_schema_is_brought_forward_whole(short_url: str, revision: str) -> None:
    """With all that an archive can hold: one of today, put back."""
    with Archive.open(short_url) as archive:
        marks, said = told(short_url), everything(archive)
    put_back(short_url, revision)
    with pytest.raises(StorageError, match=f"schema {revision}"):
        Archive.open(short_url)
    assert migrate(short_url)[:2] == (revision, REVISION)
    assert told(short_url) == marks
    assert [fault.said for fault in verify(short_url).faults] == []
    with Archive.open(short_url) as archive:
        assert everything(archive) == said
        keep(archive, "long", 22)
    assert verify(short_url).faults == []


def everything(archive: Archive) -> list[Any]:
    """What an archive says: seals, texts, events, and what was sent of them."""
    names = [one.id for one in archive.sources(retired=True)]
    seals = {name: list(archive.seals(name)) for name in names}
    return [seals, {name: list(archive.texts(name)) for name in names}, archive.events(), list_letters(archive)]


def test_events_that_say_no_more_than_their_version_keep_only_its_number(short_url: str) -> None:
    engine = engine_for(short_url)
    asked = "SELECT version FROM events WHERE kind IS NULL ORDER BY number"
    with engine.connect() as connection:
        before = connection.exec_driver_sql(asked).scalars().all()
    put_back(short_url, "0012")
    migrate(short_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(asked).scalars().all() == before == [6, 12, 18]
        kept = "SELECT count(*) FROM events WHERE kind IS NULL AND coalesce(at, severity, after, before) IS NOT NULL"
        assert connection.exec_driver_sql(kept).scalar() == 0
    engine.dispose()


def told(url: str) -> list[Any]:
    """The marks of evidence, and how sources chain them."""
    engine = engine_for(url)
    with engine.connect() as connection:
        found = [
            [tuple(row) for row in connection.execute(sql(query))]
            for query in (
                "SELECT number, mark FROM events ORDER BY number",
                "SELECT key, mark FROM alerts ORDER BY key",
                "SELECT key, told, sent, held FROM sources ORDER BY key",
                "SELECT key, mark FROM versions ORDER BY key",
                "SELECT number, mark FROM snapshots ORDER BY number",
            )
        ]
    engine.dispose()
    return found


def test_a_migration_that_would_lose_something_changes_nothing(url: str) -> None:
    older.make(url, "0007")
    engine = engine_for(url)
    trigger = "versions_no_update" if engine.dialect.name == "sqlite" else "versions_append_only ON versions"
    with writing(engine) as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql("UPDATE versions SET captured = captured + 1 WHERE number = 3")
    with pytest.raises(IntegrityError, match="one@3"):
        migrate(url)
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0007"
        assert connection.exec_driver_sql("SELECT count(*) FROM versions").scalar() == 20
    engine.dispose()


def test_the_indexes_over_expressions_are_used(archive: Archive, url: str, wordings: Wordings) -> None:
    del archive
    engine = engine_for(url)
    asked: list[tuple[str, Any]] = []
    digest = bytes(32)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET enable_seqscan = off")  # it would scan tables as small as these
        event.listen(engine, "before_cursor_execute", lambda _c, _u, query, values, *_: asked.append((query, values)))
        connection.execute(due_query(connection, wordings.at(0), 5))
        connection.execute(select(bodies.c.key).where(bodies.c.digest == digest, digest[:PREFIX_BYTES] == BODY_PREFIX))
        connection.execute(select(versions.c.number).where(PRUNED))
        how = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        for (query, values), index in zip(asked[:3], ("sources_due", "bodies_prefix", "versions_pruned"), strict=True):
            plan = [str(row) for row in connection.exec_driver_sql(f"{how} {query}", values)]
            assert index in " ".join(plan)
            assert "sort" not in " ".join(plan).lower()
    engine.dispose()
