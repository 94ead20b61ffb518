"""One contract on both engines."""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.archive import Archive
from storage.records import Snapshot, Source, Text
from tests.storage.filled import fill
from tests.storage.postgres import binaries, server

if TYPE_CHECKING:
    from psycopg import Connection

_names = itertools.count(1)
_HELD = {"filled_url": "filled", "short_url": "short", "archive": "tables"}
_LONG = {"filled": 40, "short": 20}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL the quick part runs a third of each file's contract, the slow part the rest: a database of its own for
    each test costs ten times what a file does."""
    seen: Counter[Path] = Counter()
    for item in items:
        called = getattr(item, "callspec", None)
        if called is not None and called.params.get("url") == "postgresql":
            if seen[item.path] % 3:
                item.add_marker("slow")
            seen[item.path] += 1


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Where to find a running PostgreSQL: a URL with ``{name}`` for the database. CI fails where there is none."""
    folder = binaries()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the storage tests on PostgreSQL, but it is not installed")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def administrator(postgresql: str) -> Iterator[Connection[Any]]:
    """A connection that makes and drops databases."""
    import psycopg

    with psycopg.connect(postgresql.format(name="postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """The addresses of archives that are made once and copied for each test, by engine and by what they hold."""
    folder = tmp_path_factory.mktemp("templates")
    return {("sqlite", held): f"sqlite:///{folder / held}.db" for held in ("tables", "filled", "short")}


def _made(url: str, held: str) -> str:
    with Archive.open(url) as made:
        if held in _LONG:
            fill(made, long=_LONG[held])
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, templates: dict[tuple[str, str], str]) -> Iterator[str]:
    """The address of a database: an empty one, or a copy of what the fixtures of the test ask for."""
    asked = request.fixturenames
    held = next((held for fixture, held in _HELD.items() if fixture in asked), None)
    if request.param == "sqlite":
        file = tmp_path / "archive.db"
        if held is not None:
            template = Path(templates["sqlite", held].removeprefix("sqlite:///"))
            if not template.exists():
                _made(templates["sqlite", held], held)
            shutil.copy(template, file)
        yield f"sqlite:///{file}"
        return
    place: str = request.getfixturevalue("postgresql")
    administrator: Connection[Any] = request.getfixturevalue("administrator")
    copied = "TEMPLATE template1"
    if held is not None:
        if ("postgresql", held) not in templates:
            administrator.execute(f"CREATE DATABASE {held}")
            templates["postgresql", held] = _made(place.format(name=held), held)
        copied = f"TEMPLATE {held}"
    name = f"archive{next(_names)}"
    administrator.execute(f"CREATE DATABASE {name} {copied} STRATEGY FILE_COPY")
    yield place.format(name=name)
    administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def filled_url(url: str) -> str:
    """The address of an archive with one of everything, and 41 versions of ``long``."""
    return url


@pytest.fixture
def short_url(url: str) -> str:
    """As ``filled_url``, with 21 versions."""
    return url


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    """An open archive: an empty one, or what ``filled_url`` holds."""
    with Archive.open(url) as opened:
        yield opened


class Wordings:
    """Snapshots and texts of one source, a minute apart."""

    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def at(self, minute: float) -> datetime:
        return self.start + timedelta(minutes=minute)

    def source(self, name: str = "one") -> Source:
        return Source(name, f"https://example.org/{name}", tags=("a", "b"))

    def text(self, words: str) -> Text:
        return Text.of("A title", "2026-03-01", [words])

    def snapshot(self, words: str, minute: float, name: str = "one") -> Snapshot:
        body = f"<html><p>{words}</p></html>".encode()
        url = f"https://example.org/{name}"
        headers = (("content-type", "text/html"), ("etag", f'"{minute}"'))
        return Snapshot(url, url, 200, headers, (), self.at(minute), body)


@pytest.fixture
def wordings() -> Wordings:
    return Wordings()
