"""Marks on every row of evidence, what each source holds chained, and no way around the triggers by REPLACE.

The triggers refuse updates, so they are lifted while rows kept before are marked: in the same transaction as the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import sqlalchemy as sa
import zstandard
from alembic import op

from storage.marks import held, mark_of  # the format of marks is frozen: variorum/mark/1

# ruff: noqa: S608  (the names of tables are those below)

revision = "0010"
down_revision = "0009"

MARKED = ("snapshots", "versions", "timestamps")
# SQLite looks for these before a row is put in; NEW of a key that is counted up is no key that exists.
SAME_ROW = {
    "heads": "key = NEW.key",
    "verdicts": "key = NEW.key",
    "bodies": "key = NEW.key",
    "snapshots": "number = NEW.number",
    "headings": "key = NEW.key",
    "versions": "key = NEW.key OR (source = NEW.source AND number = NEW.number)",
    "events": "number = NEW.number",
    "pages": "first = NEW.first AND place = NEW.place",
    "timestamps": "number = NEW.number",
    "alerts": "key = NEW.key OR id = NEW.id",
}
PART = 500


def upgrade() -> None:
    for table in MARKED:
        op.add_column(table, sa.Column("mark", sa.LargeBinary))
    op.add_column("sources", sa.Column("held", sa.LargeBinary))
    # A clock that was set back could leave a run that ends before it begins.
    op.execute("UPDATE ledger SET last = first WHERE last < first")
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    lifted = lift(bind, sqlite)
    mark_rows(bind)
    for statement in lifted:
        op.execute(statement)
    if sqlite:
        # Not left to the delete trigger: that fires on REPLACE only where a connection asked for recursive triggers.
        for table, same in SAME_ROW.items():
            op.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def lift(bind: sa.Connection, sqlite: bool) -> list[str]:
    """Take the update triggers away; returns what puts them back."""
    if not sqlite:
        for table in MARKED:
            op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        return [f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only" for table in MARKED]
    back = []
    for table in MARKED:
        name = f"{table}_no_update"
        back.append(bind.execute(sa.text(f"SELECT sql FROM sqlite_master WHERE name = '{name}'")).scalar_one())
        op.execute(f"DROP TRIGGER {name}")
    return back


def mark_rows(bind: sa.Connection) -> None:
    columns = {table: [one["name"] for one in sa.inspect(bind).get_columns(table)] for table in MARKED}
    mark_snapshots(bind, columns)
    before = b""
    for rows in parts(bind, "timestamps", "number", "x.*", ""):
        for row in rows:
            made = mark_of("timestamps", columns["timestamps"], row, before=before)
            bind.execute(sa.text("UPDATE timestamps SET mark = :m WHERE number = :n"), {"m": made, "n": row["number"]})
            before = made
    mark_versions(bind, columns)


def mark_snapshots(bind: sa.Connection, columns: dict[str, list[str]]) -> None:
    """Further pages first: the mark of the first page covers theirs. Then what each source holds, in their order."""
    what = "x.*, b.digest AS body_digest, h.url, h.final_url, h.status, h.redirects, h.packed AS head_packed"
    join = "JOIN bodies b ON b.key = x.body JOIN heads h ON h.key = x.head"
    of_page = "x.number IN (SELECT snapshot FROM pages)"
    for which in (of_page, f"NOT ({of_page})"):
        for rows in parts(bind, "snapshots", "number", what, join, which):
            write(bind, "snapshots", "number", rows, columns, lambda row: linked(bind, row))
    chains: dict[int, bytes] = {}
    for rows in parts(bind, "snapshots", "number", "x.number, x.source, x.mark", ""):
        for row in rows:
            chains[row["source"]] = held(chains.get(row["source"]), row["number"], row["mark"])
    for source, chain in chains.items():
        bind.execute(sa.text("UPDATE sources SET held = :h WHERE key = :k"), {"h": chain, "k": source})


def linked(bind: sa.Connection, row: sa.RowMapping) -> dict[str, object]:
    query = "SELECT s.mark FROM pages p JOIN snapshots s ON s.number = p.snapshot WHERE p.first = :n ORDER BY p.place"
    marks = bind.execute(sa.text(query), {"n": row["number"]}).scalars()
    headers = unpacked(row["head_packed"])
    if row["headers"] is not None:
        fetched_at = datetime.fromtimestamp(row["fetched_at"] // 1_000_000, UTC)
        headers = unpacked(row["headers"], headers + format_datetime(fetched_at, usegmt=True).encode())
    answer = {name: row[name] for name in ("url", "final_url", "status", "redirects")}
    return {**answer, "head": None, "headers": headers, "body": row["body_digest"], "pages": b"".join(marks)}


def unpacked(packed: bytes, base: bytes | None = None) -> bytes:
    dictionary = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if base else None
    reader = zstandard.ZstdDecompressor(dict_data=dictionary, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    return reader.decompress(bytes(packed))


def mark_versions(bind: sa.Connection, columns: dict[str, list[str]]) -> None:
    told = ("outcome", "severity", "silent", "reread", "differ", "kinds")
    what = f"x.*, n.title, n.published, n.reader, s.mark AS snapshot_mark, {', '.join(f'd.{name}' for name in told)}"
    join = (
        "JOIN headings n ON n.key = x.heading JOIN snapshots s ON s.number = x.snapshot "
        "JOIN verdicts d ON d.key = x.verdict"
    )

    def more(row: sa.RowMapping) -> dict[str, object]:
        plain = {name: row[name] for name in ("title", "published", "reader", *told)}
        return {**plain, "heading": None, "verdict": None, "snapshot": row["snapshot_mark"]}

    for rows in parts(bind, "versions", "key", what, join):
        write(bind, "versions", "key", rows, columns, more)


def parts(
    bind: sa.Connection, table: str, key: str, what: str, join: str, which: str = "1 = 1"
) -> Iterator[Sequence[sa.RowMapping]]:
    """The rows of a table by their key, some hundreds at a time."""
    query = sa.text(
        f"SELECT {what} FROM {table} x {join} WHERE x.{key} > :last AND {which} ORDER BY x.{key} LIMIT {PART}"
    )
    last = 0
    while rows := bind.execute(query, {"last": last}).mappings().all():
        yield rows
        last = rows[-1][key]


def write(
    bind: sa.Connection,
    table: str,
    key: str,
    rows: Sequence[sa.RowMapping],
    columns: dict[str, list[str]],
    more: Callable[[sa.RowMapping], dict[str, Any]],
) -> None:
    marks = [{"mark": mark_of(table, columns[table], row, **more(row)), "key": row[key]} for row in rows]
    bind.execute(sa.text(f"UPDATE {table} SET mark = :mark WHERE {key} = :key"), marks)
