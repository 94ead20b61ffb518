"""No row of evidence can be changed, removed or replaced, in any of the ways SQL has for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from storage.engine import engine_for, writing
from storage.errors import IntegrityError, StorageError
from storage.guard import EVIDENCE, shared
from storage.prune import Chosen, prune
from storage.schema import metadata
from storage.verify import verify
from tests.storage.filled import at
from tests.storage.sabotage import Forger

Table = tuple[str, str, str, str]


def shape(name: str) -> Table:
    """Of a table: its columns, its key columns, one column that is no key, and a value for each column of its first row."""
    table = metadata.tables[name]
    keys = [f'"{column.name}"' for column in table.primary_key.columns]
    columns = [f'"{column.name}"' for column in table.columns]
    other = next((column for column in columns if column not in keys), columns[0])
    return ", ".join(columns), ", ".join(keys), other, name


@pytest.mark.parametrize("name", EVIDENCE)
def test_no_way_past_the_triggers(name: str, filled_url: str) -> None:
    columns, keys, other, _ = shape(name)
    first = f"SELECT {columns} FROM {name} WHERE true LIMIT 1"
    upsert = f"INSERT INTO {name} ({columns}) {first} ON CONFLICT ({keys}) DO UPDATE SET {other} = excluded.{other}"
    attempts = [f"UPDATE {name} SET {other} = {other}", f"DELETE FROM {name}", upsert]
    if filled_url.startswith("sqlite"):
        attempts += [
            f"INSERT OR REPLACE INTO {name} ({columns}) {first}",
            f"REPLACE INTO {name} ({columns}) {first}",
            f"UPDATE OR REPLACE {name} SET {other} = {other}",
        ]
        refused_by_sqlite(filled_url, name, attempts)
    else:
        attempts += [f"TRUNCATE {name}", f"TRUNCATE {name} CASCADE", "TRUNCATE sources CASCADE"]
        refused_by_postgresql(filled_url, name, attempts)


def refused_by_sqlite(url: str, name: str, attempts: list[str]) -> None:
    """By a connection of anybody's: no pragma of ours is set, and both values of those that matter are tried."""
    for recursive in (False, True):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as lite:
            lite.execute(f"PRAGMA recursive_triggers = {recursive}")
            before = lite.execute(f"SELECT * FROM {name}").fetchall()
            for attempt in attempts:
                with pytest.raises(sqlite3.IntegrityError, match=f"{name} is append-only"):
                    lite.execute(attempt)
            assert lite.execute(f"SELECT * FROM {name}").fetchall() == before


def refused_by_postgresql(url: str, name: str, attempts: list[str]) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        count = connection.execute(f"SELECT count(*) FROM {name}").fetchone()  # type: ignore[arg-type]
        assert count is not None
        assert count[0] > 0
        for attempt in attempts:
            # What others refer to cannot be emptied alone, triggers or not.
            refused = (psycopg.errors.RaiseException, psycopg.errors.FeatureNotSupported)
            with pytest.raises(refused, match=r"is append-only|in a foreign key constraint"):
                connection.execute(attempt)  # type: ignore[arg-type]
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == count  # type: ignore[arg-type]


def pruned(url: str, *versions: int) -> None:
    engine = engine_for(url)
    try:
        prune(engine, Chosen("long", versions), at(100))
    finally:
        engine.dispose()


def test_the_door_that_prune_goes_through_is_shut_afterwards_and_after_a_failure(filled_url: str) -> None:
    pruned(filled_url, 2, 3)
    Forger(filled_url)("UPDATE versions SET looks = 77 WHERE source = 1 AND number = 18")
    with pytest.raises(IntegrityError):
        pruned(filled_url, 17)
    engine = engine_for(filled_url)
    for table in ("versions", "bodies"):
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as connection:
            connection.execute(sql(f"UPDATE {table} SET packed = packed"))
    engine.dispose()
    assert not [line for line in (fault.said for fault in verify(filled_url).faults) if "trigger" in line]


def test_who_prunes_waits_for_who_records(filled_url: str) -> None:
    """Else the bytes could go that a version of another source is just being kept with."""
    if filled_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    engine = engine_for(filled_url)
    impatient = f"{filled_url}&options=-c%20lock_timeout%3D50ms"
    with writing(engine) as connection:
        shared(connection)
        with pytest.raises(StorageError, match="lock timeout"):
            pruned(impatient, 2)
    engine.dispose()
    pruned(impatient, 2)
    assert verify(filled_url).faults == []
