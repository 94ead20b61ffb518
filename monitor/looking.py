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


def _look_at_file(path: Path, rules: ReadRules) -> Seen:
    try:
        body = path.read_bytes()
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    url = path.resolve().as_uri()
    return Seen(Snapshot(url, url, None, (), (), changed, body), read(body, rules, url=url))
