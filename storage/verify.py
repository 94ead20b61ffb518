"""Proves the whole archive, or some sources of it: names every row that is not what was written.

Five questions, each a stream over a table, in one consistent view of the database; each has a room in ``storage.proving``:

1. Does the database hold together: SQLite's integrity check, references that lead nowhere, the append-only triggers?
2. Does each body unpack, through its dictionary, to its digest and size?
3. Is each capture as it was written, and none of its source missing?
4. Is each version in its place, its text what its digest says, and its seal right after the one before?
5. Do the states of sources, the ledger, events and time-stamps agree with that?

Columns are read as they lie in the database, past every conversion, so that a damaged one is a line and no traceback.
Memory is bounded: one version and the few texts that may be its dictionary, 64 MiB of bodies, 32 bytes a source.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from storage.engine import engine_for, steady
from storage.errors import IntegrityError
from storage.proving.agreeing import Stamps, happened, runs
from storage.proving.asking import Asking, short
from storage.proving.bodies import Bodies
from storage.proving.captures import captures
from storage.proving.database import database, orphans
from storage.proving.report import Fault, Report
from storage.proving.versions import Versions
from storage.schema import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

__all__ = ["Fault", "Report", "prove", "unheard", "verify"]


def unheard(_what: str, _done: int) -> None:
    """Progress that nobody listens to."""


def verify(url: str, only: Collection[str] | None = None, progress: Callable[[str, int], None] = unheard) -> Report:
    """Prove the archive at ``url``, or the sources of the ids in ``only``; ``progress`` hears what and how many.

    Raises ``StorageError`` when it cannot be opened at all; a file that is damaged beyond reading is a fault.
    """
    engine = engine_for(url, readonly=True)
    try:
        return prove(engine, only, progress)
    finally:
        engine.dispose()


def prove(
    engine: Engine, only: Collection[str] | None = None, progress: Callable[[str, int], None] = unheard
) -> Report:
    """As :func:`verify`, by an engine that is there already."""
    report = Report()
    try:
        with steady(engine) as connection:
            if engine.dialect.name == "sqlite":
                driver: Any = connection.connection.driver_connection
                driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            _all_of_it(connection, report, progress, only)
    except IntegrityError as error:
        report.add("database", error.message)
    except DBAPIError as error:
        report.add("database", f"cannot be read: {_said_by(error)}")
    return report


def _all_of_it(
    connection: Connection, report: Report, progress: Callable[[str, int], None], names: Collection[str] | None
) -> None:
    """Ask every question; what stops one is a fault and does not stop the next."""
    only: list[int] | None = None
    if names is not None:
        with _told(connection, report, "sources"):
            only = list(connection.scalars(select(sources.c.key).where(sources.c.id.in_(list(names)))))
    asking = Asking(connection, report, progress, only)
    questions: dict[str, Callable[[], None]] = {
        "database": lambda: database(asking),
        "bodies": Bodies(asking).prove,
        "captures": lambda: captures(asking),
        "versions": Versions(asking).prove,
        "ledger": lambda: runs(asking),
        "events": lambda: happened(asking),
        "timestamps": Stamps(asking).prove,
        "orphans": lambda: orphans(asking),
    }
    for what, ask in questions.items():
        if names is None or what not in ("database", "orphans"):
            with _told(connection, report, what):
                ask()


@contextmanager
def _told(connection: Connection, report: Report, what: str) -> Iterator[None]:
    """Turn what stops a question into a fault."""
    try:
        yield
    except DBAPIError as error:
        report.add("database", f"{what}: cannot be read to the end: {_said_by(error)}")
        if connection.dialect.name == "postgresql":
            # Nothing more can be asked in a transaction that failed.
            connection.rollback()
    except UnicodeError as error:
        # A damaged column that refers to a row, and is no text either: the driver cannot ask for it.
        report.add("database", f"{what}: cannot be read to the end: {short(error)}")


def _said_by(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
