"""What was kept, read back: states, versions, texts, captures, events, the ledger, seals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, select

from storage import browse, discovered, rows, runs, search
from storage.engine import reading, writing
from storage.errors import Pruned, StorageError
from storage.queries import EVENT, SILENT, all_versions, chunks, telling
from storage.schema import PRUNED, events, sources, versions
from storage.unpacking import Unpacking, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Engine, Select

    from storage.chain import Sealed
    from storage.records import Event, Found, LedgerRun, Snapshot, SourceState, Tally, Text, Version


class History:
    """The part of the archive that is asked what stood where, and when."""

    _engine: Engine

    def states(
        self,
        *,
        ids: Sequence[str] | None = None,
        series: str | None = None,
        troubled: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[SourceState]:
        """Every source as ``status`` shows it, by id; or some: of these ids, of a series, failing, a page of them all."""
        with reading(self._engine) as connection:
            return browse.states(connection, all_versions(), ids, series, limit, offset, troubled=troubled)

    def tally(self) -> Tally:
        """How many sources and versions there are, and how many sources are in trouble."""
        with reading(self._engine) as connection:
            return browse.tally(connection)

    def found(self, listing: str | None = None, *, ids: Sequence[str] | None = None) -> list[Found]:
        """What listings found: by one of them, or the sources of these ids, or everything; oldest finds first."""
        with reading(self._engine) as connection:
            return discovered.all_of(connection, listing, ids)

    def first_look(self, listing: str) -> datetime | None:
        """When a listing first named sources; None when it never did."""
        with reading(self._engine) as connection:
            return discovered.first_look(connection, listing)

    def candidates(self, wanted: Iterable[str]) -> set[str] | None:
        """The ids of the sources whose texts may hold every one of these strings; None when that is any of them."""
        with reading(self._engine) as connection:
            return search.candidates(connection, wanted)

    def index(self, *, anew: bool = False) -> int:
        """Make the search signatures of sources that have none, or all of them anew; returns of how many."""
        with writing(self._engine) as connection:
            return search.rebuild(connection, every=anew)

    def versions(self, source: str, *, limit: int | None = None) -> list[Version]:
        """The versions of a source, newest first."""
        query = all_versions().where(sources.c.id == source).order_by(versions.c.number.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [rows.version(row) for row in connection.execute(query)]

    def version(self, source: str, number: int) -> Version:
        """One version. Raises ``StorageError`` when there is none of that number."""
        query = all_versions().where(sources.c.id == source, versions.c.number == number)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise StorageError(f"{source}: no version {number}", hint=f"`variorum log {source}` lists what there is.")
        return rows.version(row)

    def text(self, source: str, number: int) -> Text:
        """The canonical text of a version. Raises ``StorageError`` when there is none of that number."""
        with reading(self._engine) as connection:
            found = text_of(connection, source, number)
        if found is None:
            raise StorageError(f"{source}: no version {number}", hint=f"`variorum log {source}` lists what there is.")
        return found

    def texts(self, source: str, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[Version, Text]]:
        """Versions with their texts, oldest first, but for pruned ones: those after number ``after``, as far as ``upto``.

        Each text is unpacked once, from the one before it; at most eighteen before ``after`` are, too.
        """
        query = all_versions().add_columns(versions.c.back, versions.c.packed)
        query = query.where(sources.c.id == source, versions.c.number > after).order_by(versions.c.number)
        if upto is not None:
            query = query.where(versions.c.number <= upto)
        with reading(self._engine) as connection:
            unpacking = Unpacking(connection)
            for row in connection.execute(query).all():
                if not row.pruned:
                    plain = unpacking.next_text(row.source, row.number, row.back, row.packed)
                    yield rows.version(row), rows.text(plain, row.title, row.published)

    def saying(self, wanted: Sequence[str], test: Callable[[bytes], bool], *, whole: bool = False) -> Iterator[str]:
        """The sources among these of which a text passes the test, in their order, each as soon as it is found.

        The test is asked of texts in UTF-8: of the first, and of each later one about the paragraphs that are new in it
        (a stretch of them); of all of each, when it is to be ``whole``.
        """
        for some in chunks(wanted, _AT_ONCE):
            packed: dict[str, list[Any]] = {}
            with reading(self._engine) as connection:
                for row in connection.execute(_PACKED, {"of": some}):
                    packed.setdefault(row.id, []).append(row)
                unpacking = Unpacking(connection)
                found = [one for one in some if _passes(unpacking, packed.get(one, ()), test, whole=whole)]
            yield from found

    def pruned(self) -> dict[str, list[int]]:
        """The versions whose texts were pruned, in order, by the id of their source: those of all sources that have any."""
        query = select(sources.c.id, versions.c.number).join(sources, sources.c.key == versions.c.source).where(PRUNED)
        found: dict[str, list[int]] = {}
        with reading(self._engine) as connection:
            for name, number in connection.execute(query.order_by(sources.c.id, versions.c.number)):
                found.setdefault(name, []).append(number)
        return found

    def earlier(self, source: str, digest: str) -> int | None:
        """The newest version of the source with that text digest; None when it never had that wording."""
        query = (
            select(func.max(versions.c.number))
            .join(sources, sources.c.key == versions.c.source)
            .where(sources.c.id == source, versions.c.digest == bytes.fromhex(digest))
        )
        with reading(self._engine) as connection:
            found: int | None = connection.scalar(query)
            return found

    def snapshot(self, number: int, *, bodiless: bool = False) -> Snapshot:
        """A snapshot with its body (or without), by the number that versions carry. ``Pruned``: the body is no more."""
        with reading(self._engine) as connection:
            return Unpacking(connection).snapshot(number, bodiless=bodiless)

    def events(self, source: str | None = None, *, limit: int | None = None, silent: bool = False) -> list[Event]:
        """What happened, newest first: to one source, or to all; with ``silent`` the silent edits only."""
        asked = select(*EVENT, sources.c.id.label("source_id")).join(sources, sources.c.key == events.c.source)
        query: Select[Any] = telling(asked)
        if source is not None:
            query = query.where(sources.c.id == source)
        if silent:
            query = query.where(SILENT)
        with reading(self._engine) as connection:
            return [rows.event(row) for row in connection.execute(query.order_by(events.c.number.desc()).limit(limit))]

    def ledger(self, source: str) -> list[LedgerRun]:
        """The runs of checks of a source, oldest first."""
        with reading(self._engine) as connection:
            return runs.told(connection, source)

    def seals(self, source: str) -> Iterator[tuple[Sealed, bytes]]:
        """What each seal of a source's chain covers, with the stored seal, oldest first: for ``chain.first_fault``.

        The digest of the raw bytes is taken of them; where they were pruned, it is the one that was kept.
        """
        with reading(self._engine) as connection:
            query = all_versions().where(sources.c.id == source).order_by(versions.c.number)
            unpacking = Unpacking(connection)
            for row in connection.execute(query).all():
                try:
                    snapshot, digests = unpacking.snapshot(row.snapshot), None
                except Pruned:
                    snapshot = unpacking.snapshot(row.snapshot, bodiless=True)
                    digests = unpacking.digests(row.snapshot)
                yield rows.sealed(row.sealed_as or row.source_id, row, snapshot, digests), row.chain


def _passes(unpacking: Unpacking, packed: Iterable[Any], test: Callable[[bytes], bool], *, whole: bool) -> bool:
    before = b""
    for _, source, number, back, blob in packed:
        plain = unpacking.next_text(source, number, back, blob)
        if test(plain if whole else search.fresh(plain, before)):
            return True
        before = plain
    return False


_AT_ONCE: Final = 16
"""Sources whose packed texts are fetched by one statement."""
# Built once: it is asked of many sources.
_PACKED: Final = (
    select(sources.c.id, versions.c.source, versions.c.number, versions.c.back, versions.c.packed)
    .join(sources, sources.c.key == versions.c.source)
    .where(sources.c.id.in_(bindparam("of", expanding=True)), ~PRUNED)
    .order_by(versions.c.source, versions.c.number)
)
