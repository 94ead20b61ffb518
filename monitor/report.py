"""The pages of the reading room as files with relative links, for any web server or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.web.app import ASSETS, read_asset
from monitor.web.feeds import Feeds
from monitor.web.pages import Room, folder

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.config import Settings
    from storage.archive import Archive


def write_report(settings: Settings, archive: Archive, out: Path) -> int:
    """Write every page below ``out``; returns how many. A file that would be the same is left as it is."""
    room = Room(settings, archive, live=False)
    pages = {"index.html": room.overview(), "status.html": room.status()}
    for name, page in pages.items():
        _write(out / name, page.encode("utf-8", "backslashreplace"))
    for name in ASSETS:
        _write(out / "static" / name, read_asset(name))
    feeds = Feeds(settings, archive, settings.public_url)
    _write(out / "feed.atom", feeds.everything())
    written = len(pages)
    states = archive.states()
    for name in [*(state.source.id for state in states), *sorted({s.source.series for s in states if s.source.series})]:
        below = out / "s" / folder(name)
        _write(below / "feed.atom", feeds.of(name))
        _write(below / "index.html", room.source(name).encode("utf-8", "backslashreplace"))
        for number in range(1, len(room.history(name).versions) + 1):
            _write(below / f"{number}.html", room.version(name, number).encode("utf-8", "backslashreplace"))
            if number > 1:
                page = room.pair(name, number - 1, number)
                _write(below / f"{number - 1}-{number}.html", page.encode("utf-8", "backslashreplace"))
                written += 1
            written += 1
        written += 1
    return written


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != body:
        path.write_bytes(body)
