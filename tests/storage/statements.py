"""Statements are put into SQL once for all archives of a process, as in a program that keeps one open.

SQLAlchemy remembers what it has compiled for one engine; nearly every test opens an archive of its own, and compiling
the same few hundred statements for each was an eighth of the suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.engine.default import DefaultDialect

import storage.engine

if TYPE_CHECKING:
    import pytest
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

_compiled: dict[Any, Any] = {}


def compiled_once(patch: pytest.MonkeyPatch) -> None:
    """From now on, engines that speak the same dialect share what they compiled."""
    patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
    patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
    patch.setattr(storage.engine, "create_engine", _engine)


def _engine(address: URL, **more: Any) -> Engine:
    return sqlalchemy.create_engine(address, **more, execution_options={"compiled_cache": _compiled})
