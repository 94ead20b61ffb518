"""Does the database hold together: SQLite's integrity check, the append-only triggers, references, and what nothing refers to?"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, except_, select

from storage import guard
from storage.proving.asking import Asking, raw
from storage.schema import bodies, headings, heads, metadata, snapshots, verdicts, versions


def database(asking: Asking) -> None:
    """The integrity check, the triggers, and references that lead nowhere."""
    if asking.connection.dialect.name == "sqlite":
        for (line,) in asking.connection.exec_driver_sql("PRAGMA integrity_check(100)"):
            for one in str(line).splitlines():
                if one != "ok" and not one.startswith("*** in database"):
                    asking.report.add("database", f"SQLite's integrity check: {one}")
    for name in guard.missing(asking.connection):
        asking.report.add("guard", f"the trigger {name} is not there, or altered: rows could be changed without it")
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            _lost(asking, table, key.parent, key.column)


def _lost(asking: Asking, table: Table, column: Any, target: Any) -> None:
    """Rows of ``table`` whose ``column`` names a row that is not there."""
    there = target.table.alias("target")
    at = [*table.primary_key.columns]
    query = select(*(raw(one) for one in at), raw(column).label("lost"))
    query = query.outerjoin(there, there.c[target.name] == column)
    for row in asking.stream(query.where(column.is_not(None), there.c[target.name].is_(None))):
        where = " ".join(f"{one.name} {value}" for one, value in zip(at, row, strict=False))
        said = f"{table.name} ({where}): {column.name} {row.lost} is not in {target.table.name}"
        asking.report.add("reference", said)


def orphans(asking: Asking) -> None:
    """Rows that nothing refers to: they were put in, or what referred to them was taken out."""
    for what, key, used in (
        ("body", bodies.c.key, snapshots.c.body),
        ("heading", headings.c.key, versions.c.heading),
        ("head", heads.c.key, snapshots.c.head),
        ("verdict", verdicts.c.key, versions.c.verdict),
    ):
        for (found,) in asking.connection.execute(except_(select(key), select(used))):
            asking.report.add(what, f"{what} {found}: nothing refers to it")
