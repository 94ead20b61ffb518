"""SQLite and PostgreSQL: every difference between the two engines is in this file.

SQLite: write-ahead log, ``synchronous=FULL`` (durable against power loss), 16 KiB pages (half the waste on small rows),
``recursive_triggers`` (without it ``INSERT OR REPLACE`` walks past the append-only triggers), and ``BEGIN IMMEDIATE``
for writes, so that two processes queue up instead of failing half-way.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import QueuePool

from storage.errors import IntegrityError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection

STEADFAST: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""libpq's side of a connection to another machine: one that was cut says so within 20 s, and not after a quarter of an
hour, as the system would have it. What the address says itself goes before."""
_STEADFAST_SERVER: Final = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""The server's side: what a worker that was cut off had locked is free again as soon. Nothing on a socket of the machine."""
_HELD_S: Final = 30
"""How long a process that was stopped in the middle of a transaction may hold what it locked."""
BUSY_MS: Final = 5_000
PAGE_BYTES: Final = 16_384


def engine_for(url: str, *, readonly: bool = False) -> Engine:
    """An engine for ``sqlite:///FILE`` or ``postgresql://…``. Raises ``StorageError`` for any other address."""
    address = parsed(url)
    if address.get_backend_name() == "postgresql":
        return create_engine(
            address.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args=_steadfast(address, readonly=readonly),
        )
    engine = create_engine(address, **_unwritable(address)) if readonly else create_engine(address)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _record: object) -> None:
        # SQLAlchemy's own "begin" would be a deferred one; writing() and reading() below say which they want.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA recursive_triggers = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        if readonly:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    return engine


def _steadfast(address: URL, *, readonly: bool) -> dict[str, str]:
    settings = dict(_STEADFAST_SERVER)
    if not readonly:
        settings["idle_in_transaction_session_timeout"] = f"{_HELD_S}s"
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    given = {key: value for key, value in STEADFAST.items() if key not in address.query}
    return {**given, "options": f"{options} {address.query.get('options', '')}".strip()}


def _unwritable(address: URL) -> dict[str, Any]:
    """How to read a file where nothing may be written: even a reader makes files beside one with a write-ahead log.

    Only where no log lies beside it: then nobody is writing, and it can be taken for unchanging.
    """
    file = Path(address.database or "")
    if not file.is_file() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return {}
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        return {}
    place = f"file:{quote(str(file.absolute()))}?immutable=1"
    return {"creator": lambda: sqlite3.connect(place, uri=True, check_same_thread=False), "poolclass": QueuePool}


def parsed(url: str) -> URL:
    """The address of a database, understood. Raises ``StorageError`` naming what is wrong, never a password."""
    hint = "Write sqlite:///FILE or postgresql://USER@HOST/NAME."
    try:
        address = make_url(re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url))
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise StorageError(f"{shown(url)}: not the address of a database", hint=hint) from None
    if address.get_backend_name() == "sqlite" and address.host:
        raise StorageError(f"{shown(url)}: two slashes name a host, and SQLite has none", hint=hint)
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError(f"{shown(url)}: {address.get_backend_name()} is not supported", hint=hint)
    return address


def shown(url: str) -> str:
    """The address as it may be shown and logged: without its password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL and for one in memory."""
    address = parsed(url)
    if address.get_backend_name() != "sqlite" or not address.database or address.database == ":memory:":
        return None
    return Path(address.database)


def prepare_file(engine: Engine) -> None:
    """Give a new SQLite file its page size and its write-ahead log, which stay with it. Nothing on PostgreSQL."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA page_size = {PAGE_BYTES}")
        until = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except OperationalError as error:
                # Here SQLite waits for nobody; another process may be making the same file.
                if "locked" not in str(error.orig) or time.monotonic() > until:
                    raise
                time.sleep(0.01)


@contextmanager
def writing(engine: Engine, *, patience_ms: int | None = None) -> Iterator[Connection]:
    """One transaction that writes: all of it or nothing. Database errors come out as ``StorageError``.

    ``patience_ms`` is how long it waits for another writer, where that is not :data:`BUSY_MS`.
    """
    with told_plainly(engine), engine.connect() as connection, _patient(connection, patience_ms):
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def relaxed(connection: Connection) -> None:
    """Do not wait for the disk at the end of this transaction, where the engine can be asked for that."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


@contextmanager
def _patient(connection: Connection, patience_ms: int | None) -> Iterator[None]:
    """Wait so long for others; a connection of SQLite is given back as patient as it was."""
    if patience_ms is None:
        yield
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_MS}")
    else:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {patience_ms}")
        yield


def alone_in(connection: Connection, table: str) -> None:
    """Let nobody else write to a table until the transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the database."""
    with told_plainly(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def steady(engine: Engine) -> Iterator[Connection]:
    """One view of the database for many questions, however long they take, while others write."""
    with told_plainly(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True, postgresql_deferrable=False
            )
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def told_plainly(engine: Engine) -> Iterator[None]:
    """Turn the driver's errors into one line that says what to do."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig)
        if any(words in said for words in _DAMAGED):
            raise IntegrityError(
                f"{_place(engine)}: the database is damaged ({_first_line(said)})", hint=_MEND
            ) from error
        if "file is not a database" in said:
            raise StorageError(f"{_place(engine)}: not an SQLite database", hint="Name another file.") from error
        if not isinstance(error, OperationalError):
            raise
        raise _plainly(engine, error) from error
    except UnicodeDecodeError as error:
        # Of a text, or of SQLite's own words about a schema that it cannot read.
        said = error.object.decode("utf-8", "replace")
        raise IntegrityError(f"{_place(engine)}: the database is damaged ({said[:100]!r})", hint=_MEND) from error


_DAMAGED: Final = ("malformed", "Could not decode to UTF-8", "invalid page in block", "unsupported file format")
"""What SQLite, its driver and PostgreSQL say of a file that holds what they never wrote."""
_MEND: Final = "`variorum verify` names what is lost; put a backup in its place (docs/archives.md)."


def _first_line(said: str) -> str:
    return said.strip().splitlines()[0] if said.strip() else "unknown error"


def _plainly(engine: Engine, error: OperationalError) -> StorageError:
    said = _first_line(str(error.orig))
    if said.startswith(("connection failed", "connection is bad")):
        hint = "Is the server running, and are host, port, user and password right?"
        return StorageError(f"{_place(engine)}: {said}", hint=hint)
    if said == "disk I/O error" and _full(engine):
        said = "database or disk is full"
    words = {
        "unable to open database file": "cannot be opened or created; does the folder exist, and may you write there?",
        "attempt to write a readonly database": "may not be written",
        "database is locked": f"is locked by another process (waited {BUSY_MS // 1000} s)",
        "database or disk is full": "the disk is full; nothing was written",
        "disk I/O error": "the disk gave an error",
    }
    return StorageError(f"{_place(engine)}: {words.get(said, said)}")


def _full(engine: Engine) -> bool:
    """Whether an error of the disk is that there is no room left for the files that SQLite makes beside its own."""
    try:
        return shutil.disk_usage(Path(engine.url.database or ".").absolute().parent).free < 65_536
    except OSError:
        return False


def _place(engine: Engine) -> str:
    return engine.url.database or "database" if engine.dialect.name == "sqlite" else shown(str(engine.url))
