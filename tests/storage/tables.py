"""The tables of an empty SQLite archive, made by the migrations once and written from their words afterwards.

Nearly every test outside the core opens an archive of its own; eight migrations each time were a fifth of the suite.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import inspect

import storage.migrate
from storage.engine import sqlite_file

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine

by_migration = storage.migrate._upgrade
_words: list[str] = []


def from_words_made_once(patch: pytest.MonkeyPatch) -> None:
    """From now on, write tables so."""
    patch.setattr(storage.migrate, "_upgrade", from_words)


def from_words(engine: Engine) -> None:
    """In place of :func:`by_migration`, which makes the first archive and all that are not empty files of SQLite."""
    file = sqlite_file(str(engine.url))
    if file is None or inspect(engine).get_table_names():
        by_migration(engine)
    elif not _words:
        by_migration(engine)
        with closing(sqlite3.connect(file)) as made:
            _words.extend(made.iterdump())
    else:
        with engine.connect() as connection, storage.migrate._one_transaction(connection):
            if not inspect(connection).get_table_names():  # another may have come first
                for statement in _words[1:-1]:  # without BEGIN and COMMIT
                    connection.exec_driver_sql(statement)
