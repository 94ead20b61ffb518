"""One contract on both engines."""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.records import Snapshot, Source, Text
from tests.storage.postgres import binaries, server

_names = itertools.count(1)


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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'archive.db'}"
    pattern: str = request.getfixturevalue("postgresql")
    import psycopg

    name = f"archive{next(_names)}"
    with psycopg.connect(
        pattern.format(name="postgres").replace("postgresql://", "postgresql://"), autocommit=True
    ) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return pattern.format(name=name)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Filled archives (``tests.storage.filled``) by engine: made once, copied for each test."""
    return {"folder": str(tmp_path_factory.mktemp("templates"))}


@pytest.fixture
def filled_url(url: str, templates: dict[str, str]) -> str:
    """The address of an archive with one of everything, and 41 versions of ``long``."""
    from tests.storage.filled import fill

    engine = "sqlite" if url.startswith("sqlite") else "postgresql"
    if engine not in templates:
        templates[engine] = f"sqlite:///{templates['folder']}/filled.db" if engine == "sqlite" else url
        with Archive.open(templates[engine]) as made:
            fill(made, long=40)
    if engine == "sqlite":
        shutil.copy(templates[engine].removeprefix("sqlite:///"), url.removeprefix("sqlite:///"))
        return url
    import psycopg

    name = f"filled{next(_names)}"
    old = re.search(r"/(\w+)\?", templates[engine])
    assert old is not None
    with psycopg.connect(re.sub(r"/\w+\?", "/postgres?", url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{old[1]}"')
    return re.sub(r"/\w+\?", f"/{name}?", url)


@pytest.fixture
def archive(url: str) -> Iterator[Archive]:
    """An open, empty archive."""
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
