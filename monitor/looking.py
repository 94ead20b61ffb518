"""A look at one address outside the archive: fetched and read through the same parts, nothing stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.quiet import hush
from monitor.read import Reading, ReadRules, read
from storage.errors import ReadError, UsageError
from storage.records import Snapshot

if TYPE_CHECKING:
    from monitor.fetch import FetchRules
    from monitor.read.listing import Listed, ListRules


@dataclass(frozen=True, slots=True)
class Seen:
    """What came and what was read from it."""

    snapshot: Snapshot
    reading: Reading


async def look(where: str, fetch: FetchRules, rules: ReadRules) -> Seen:
    """Fetch (or open) ``where`` and read it. Raises ``FetchError``, ``ReadError``, ``UsageError`` (no such file)."""
    hush()
    if not where.startswith(("http://", "https://", "file:")):
        return _look_at_file(Path(where), rules)
    from monitor.fetch.client import Fetcher

    fetcher = Fetcher(concurrency=1, per_host=1)
    try:
        got = await fetcher.fetch(where, fetch)
    finally:
        await fetcher.aclose()
    if got.snapshot is None:
        raise ReadError(f"{where}: the server says 'not modified' to a first request")
    content_type = got.snapshot.header("content-type")
    return Seen(got.snapshot, read(got.snapshot.body, rules, content_type=content_type, url=got.snapshot.final_url))


async def look_at_listing(where: str, fetch: FetchRules, rules: ListRules) -> Listed:
    """What the address or file ``where`` lists. Raises ``FetchError``, ``ReadError``, ``UsageError`` (no such file)."""
    hush()
    if not where.startswith(("http://", "https://", "file:")):
        return _list_of_file(Path(where), rules)
    from monitor.fetch.client import Fetcher

    async with Fetcher(concurrency=1, per_host=1) as fetcher:
        got = await fetcher.fetch(where, fetch)
    if got.snapshot is None:
        raise ReadError(f"{where}: the server says 'not modified' to a first request")
    from monitor.read.listing import listed

    page = got.snapshot
    return listed(page.body, rules, content_type=page.header("content-type"), url=page.final_url)


def _list_of_file(path: Path, rules: ListRules) -> Listed:
    from monitor.read.listing import listed

    return listed(_file(path)[0], rules, url=path.resolve().as_uri())


def _file(path: Path) -> tuple[bytes, datetime]:
    try:
        return path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except IsADirectoryError:
        raise UsageError(f"{path}: a folder, not a file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="An address begins with http:// or https://.") from None


def _look_at_file(path: Path, rules: ReadRules) -> Seen:
    body, changed = _file(path)
    url = path.resolve().as_uri()
    return Seen(Snapshot(url, url, None, (), (), changed, body), read(body, rules, url=url))
