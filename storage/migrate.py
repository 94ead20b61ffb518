"""Bringing a database to this program's schema, and refusing one that is not."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

from storage.engine import engine_for, prepare_file, shown, sqlite_file, told_plainly, writing
from storage.errors import StorageError
from storage.schema import KNOWN_REVISIONS, REVISION
from storage.search import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES: Final = Path(__file__).parent / "tables.sql"
"""A new SQLite archive; a test holds it equal to what the migrations make, and rewrites it with ``--golden-update``."""
TURN: Final = 0x766172696F72756C
"""The advisory lock of PostgreSQL under which a schema is made."""


def revision_of(engine: Engine) -> str | None:
    """The schema revision of a database; None for an empty one. Raises ``StorageError`` for one that is not ours."""
    with told_plainly(engine), engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" in tables:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise StorageError(
            f"{shown(str(engine.url))}: holds other tables, not an archive", hint="Name another database."
        )
    return None


def require_current(engine: Engine, revision: str | None) -> None:
    """Raise ``StorageError`` unless ``revision`` is the one this program works with."""
    place = shown(str(engine.url))
    if revision is not None and revision not in KNOWN_REVISIONS:
        raise StorageError(
            f"{place}: the database is newer than this program (schema {revision}, known up to {REVISION})",
            hint="Use the newer Variorum that wrote it; nothing was changed.",
        )
    if revision != REVISION:
        raise StorageError(
            f"{place}: the database has schema {revision}, this program needs {REVISION}",
            hint="Run `variorum migrate`; a backup is made first.",
        )


def create(engine: Engine) -> None:
    """Make the tables in an empty database."""
    with told_plainly(engine):
        prepare_file(engine)
        if engine.dialect.name == "sqlite":
            _write(engine)
        else:
            _upgrade(engine)


def words_of(connection: sqlite3.Connection) -> str:
    """An SQLite database in SQL, a paragraph for each statement: what ``tables.sql`` is for an empty archive."""
    return "\n\n".join(line for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")) + "\n"


def _write(engine: Engine) -> None:
    """Make the tables as the migrations would leave them, without Alembic: 8 MiB and 0.2 s of whoever looks first."""
    statements = TABLES.read_text(encoding="utf-8").strip().split("\n\n")
    with engine.connect() as connection, _one_transaction(connection):
        if not inspect(connection).get_table_names():  # another process may have come first
            for statement in statements:
                connection.exec_driver_sql(statement)


def migrate(url: str, now: datetime | None = None) -> tuple[str | None, str, Path | None]:
    """Bring the database at ``url`` to the newest schema: the revision before, the one after, and the backup's path.

    An SQLite file that holds something is copied beside itself first (PostgreSQL has its own tools for that: None).
    Raises ``StorageError`` when it is newer than this program.
    """
    engine = engine_for(url)
    try:
        before = revision_of(engine)
        if before == REVISION:
            return before, REVISION, None
        if before is not None and before not in KNOWN_REVISIONS:
            require_current(engine, before)
        backup = _backup(url, before, now or datetime.now(UTC)) if before is not None else None
        if before is None:
            create(engine)
        else:
            with told_plainly(engine):
                _upgrade(engine)
        with writing(engine) as connection:
            rebuild(connection)
        return before, REVISION, backup
    finally:
        engine.dispose()


def _backup(url: str, before: str, now: datetime) -> Path | None:
    file = sqlite_file(url)
    if file is None:
        return None
    copy = file.with_name(f"{file.name}.{before}.{now:%Y%m%dT%H%M%SZ}.backup")
    try:
        # SQLite's own backup: a plain copy would miss what is still in the write-ahead log.
        with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        shutil.copymode(file, copy)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{copy}: the backup could not be made ({error}); nothing was changed") from error
    return copy


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection, _one_transaction(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, REVISION)


@contextmanager
def _one_transaction(connection: Connection) -> Iterator[None]:
    """All of it or nothing: SQLite's data definition is transactional too.

    SQLite replaces a table by dropping it, which foreign keys would not survive; so they are looked at afterwards.
    """
    if connection.dialect.name != "sqlite":
        # Of workers that start at once on an empty database one makes the tables; the others find them made.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")
        yield
        connection.commit()
        return
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise StorageError(f"table {broken[0]} refers to rows that are not there; nothing was changed")
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
