"""How rows are asked for when they are proved: as they lie in the database, in one view of it, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import zstandard
from sqlalchemy import Connection, Row, Select, Table, func, select, type_coerce
from sqlalchemy.types import NullType

from storage import texts
from storage.errors import IntegrityError, StorageError
from storage.rows import headers_plain
from storage.schema import EPOCH, MICROSECOND, bodies, heads, pages, snapshots, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from storage.proving.report import Report

MOST_BYTES: Final = 2 << 30
"""No body is larger: that is the most that can be configured."""
STEP: Final = 1_000
"""So many rows lie between two words of progress."""
BROKEN: Final = (
    zstandard.ZstdError,
    StorageError,
    IntegrityError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
)
"""What unpacking and reading a damaged value can raise; ``ValueError`` holds the errors of Unicode and JSON."""


class Asking:
    """One view of the database, and who hears what is found. ``only``: the keys of the sources to prove; None: all."""

    def __init__(
        self,
        connection: Connection,
        report: Report,
        progress: Callable[[str, int], None],
        only: Sequence[int] | None = None,
    ) -> None:
        self.connection = connection
        self.report = report
        self.only = only
        self._progress = progress

    def of_only(self, query: Select[Any], column: Any) -> Select[Any]:
        """The query, for the sources that are to be proved; ``column`` has the key of the source."""
        return query if self.only is None else query.where(column.in_(self.only))

    def stream(self, query: Select[Any]) -> Iterator[Row[Any]]:
        """The rows, a few hundred of them in memory at a time."""
        yield from self.connection.execute(query.execution_options(stream_results=True, yield_per=500))

    def counted(self, what: str, query: Select[Any]) -> Iterator[Row[Any]]:
        """As :meth:`stream`, and whoever listens hears how many there were."""
        done = 0
        for row in self.stream(query):
            yield row
            done += 1
            if done % STEP == 0:
                self._progress(what, done)
        self._progress(what, done)

    def further(self, first: int, column: Any) -> list[Any]:
        """A column of the further pages of a capture, in their order."""
        query = select(raw(column)).select_from(pages).join(snapshots, snapshots.c.number == pages.c.snapshot)
        query = query.outerjoin(bodies, bodies.c.key == snapshots.c.body).where(pages.c.first == first)
        return list(self.connection.scalars(query.order_by(pages.c.place)))


def raw(column: Any) -> Any:
    """A column as it lies in the database."""
    return type_coerce(column, NullType())


def raws(table: Table) -> list[Any]:
    """All columns of a table as they lie there."""
    return [raw(column).label(column.name) for column in table.c]


FURTHER: Final = (
    select(func.count())
    .select_from(pages)
    .where(pages.c.first == snapshots.c.number)
    .scalar_subquery()
    .label("further")
)
"""How many further pages a capture has."""
ANSWER: Final = ("url", "final_url", "status", "redirects")
VERDICT: Final = tuple(column.name for column in verdicts.c if column.name != "key")
RECEIVED: Final = (*(raw(heads.c[name]).label(name) for name in ANSWER), raw(heads.c.packed).label("head_packed"))


def headers_of(row: Row[Any], fetched_at: Any) -> bytes:
    """The headers of a capture as they were packed; what cannot be unpacked is other headers than were written."""
    try:
        return headers_plain(row.head_packed, row.headers, EPOCH + fetched_at * MICROSECOND)
    except BROKEN:
        return b"broken"


def unpacked(packed: bytes, base: bytes | None = None) -> bytes:
    """As ``texts.unpack``; a damaged head that promises gigabytes is not believed."""
    promised = zstandard.get_frame_parameters(
        packed if packed.startswith(texts.MAGIC) else texts.MAGIC + packed
    ).content_size
    if promised > MOST_BYTES:
        raise ValueError(f"it promises {promised:,} bytes")
    return texts.unpack(packed, base)


def short(error: BaseException) -> str:
    """The first words of an error."""
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__
