"""A safe copy of an archive that is in use: one file, proved before it gets its name.

SQLite copies itself (``VACUUM INTO``: one consistent view, while others write; without free pages, so nothing that was
pruned is left in it). PostgreSQL is read in one REPEATABLE READ transaction into a fresh SQLite file, so that a backup is
restored by being opened, whatever it was made from; the same copying, the other way round, moves a file to PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, func, insert, select, text

from storage.engine import engine_for, prepare_file, shown, sqlite_file, steady, told_plainly, writing
from storage.errors import IntegrityError, StorageError
from storage.migrate import create, require_current, revision_of
from storage.schema import metadata
from storage.verify import Report, unheard, verify

if TYPE_CHECKING:
    from collections.abc import Callable

PART: Final = 500


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and proved. ``size_bytes`` is None for one on PostgreSQL."""

    place: str
    size_bytes: int | None
    report: Report


def backup(url: str, target: str, *, progress: Callable[[str, int], None] = unheard) -> Backup:
    """Copy the archive at ``url`` to ``target``: a file that is not there, or the address of an empty database.

    Raises ``StorageError`` (there is something already, it cannot be written, the disk is full) and ``IntegrityError``
    (the copy does not prove whole: then the archive does not either); nothing is left behind then.
    """
    source = engine_for(url, readonly=True)
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():
            raise StorageError(f"{file}: no database yet", hint="`variorum check` makes it with the first look.")
        revision = revision_of(source)
        if revision is None:
            raise StorageError(f"{shown(url)}: an empty database; there is nothing to copy")
        require_current(source, revision)
        if target.startswith(("postgres://", "postgresql://", "postgresql+psycopg://")):
            return _to_database(source, target, progress)
        path = sqlite_file(target) if target.startswith("sqlite:") else Path(target)
        if path is None:
            raise StorageError(f"{target}: not a file")
        return _to_file(source, path, progress)
    finally:
        source.dispose()


def _to_file(source: Engine, path: Path, progress: Callable[[str, int], None]) -> Backup:
    if path.exists():
        raise StorageError(f"{path}: exists already", hint="A backup never overwrites: name another file.")
    if not path.parent.is_dir():
        raise StorageError(f"{path.parent}: no such folder", hint="Make it first.")
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        # Evidence is nobody else's to read: the file is made with the rights of the archive, or of its owner alone.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if source.dialect.name == "sqlite":
            with told_plainly(source), source.connect() as connection:
                # A connection that may only query may not do this; what it writes to is the copy.
                connection.exec_driver_sql("PRAGMA query_only = OFF")
                connection.exec_driver_sql("VACUUM INTO ?", (str(part),))
            shutil.copymode(str(source.url.database), part)
        else:
            _fresh_copy(source, f"sqlite:///{part}", progress)
        report = _require_proved(f"sqlite:///{part}", source, progress)
        _into_place(part, path)
    except OSError as error:
        raise StorageError(f"{error.filename or path}: {error.strerror}; nothing was written") from error
    finally:
        for rest in (part, part.with_name(f"{part.name}-wal"), part.with_name(f"{part.name}-shm")):
            rest.unlink(missing_ok=True)
    return Backup(str(path), path.stat().st_size, report)


def _into_place(part: Path, path: Path) -> None:
    """Give the finished file its name, durably, and never over another."""
    _settle(part)
    with part.open("rb+") as written:
        os.fsync(written.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        raise StorageError(f"{path}: exists already", hint="A backup never overwrites: name another file.") from None
    except OSError:  # a file system without links
        part.rename(path)
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _settle(part: Path) -> None:
    """Into write-ahead mode, as an archive is, with everything in the one file."""
    engine = engine_for(f"sqlite:///{part}")
    try:
        prepare_file(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def _require_proved(url: str, source: Engine, progress: Callable[[str, int], None]) -> Report:
    report = verify(url, None, progress)
    if report.faults:
        raise IntegrityError(
            f"{shown(str(source.url))}: the copy does not prove whole ({report.faults[0].said}); nothing was kept of it",
            hint="`variorum verify` names every fault of the archive; copy the file by hand to save what is left.",
        )
    return report


def _to_database(source: Engine, target: str, progress: Callable[[str, int], None]) -> Backup:
    engine = engine_for(target)
    try:
        if revision_of(engine) is not None:
            raise StorageError(f"{shown(target)}: holds an archive already", hint="Name an empty database.")
    finally:
        engine.dispose()
    _fresh_copy(source, target, progress)
    return Backup(shown(target), None, _require_proved(target, source, progress))


def _fresh_copy(source: Engine, target: str, progress: Callable[[str, int], None]) -> None:
    """Make the tables at ``target`` and copy every row, in one transaction."""
    engine = engine_for(target)
    try:
        create(engine)
        with steady(source) as old, writing(engine) as new:
            if engine.dialect.name == "sqlite":
                # A body may come before its dictionary; references are proved when all is there.
                new.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for table in metadata.sorted_tables:
                done = 0
                query = select(table).order_by(*table.primary_key.columns)
                rows = old.execute(query.execution_options(stream_results=True, yield_per=PART))
                for part in rows.partitions(PART):
                    new.execute(insert(table), [dict(row._mapping) for row in part])
                    done += len(part)
                    progress(table.name, done)
            if engine.dialect.name == "postgresql":
                _count_on(new)
    finally:
        engine.dispose()


def _count_on(connection: Connection) -> None:
    """Let the sequences of PostgreSQL go on after the rows that were copied."""
    for table in metadata.sorted_tables:
        (key, *more) = table.primary_key.columns
        if more or not key.autoincrement or key.foreign_keys:
            continue
        sequence: Any = connection.scalar(text(f"SELECT pg_get_serial_sequence('{table.name}', '{key.name}')"))
        highest = connection.scalar(select(func.max(key)))
        if sequence is not None and highest is not None:
            connection.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
