"""The pages of the reading room as files with relative links, for any web server or none."""

from __future__ import annotations

import gc
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TYPE_CHECKING, Final

from monitor.render.addresses import folder
from monitor.web.app import ASSETS, read_asset
from monitor.web.feeds import Feeds
from monitor.web.pages import Room
from storage.archive import Archive
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from monitor.config import Settings

LEAST: Final = 20
"""Fewer sources are written by this process alone: another one takes half a second to come up."""


def write_report(settings: Settings, archive: Archive, out: Path, *, jobs: int | None = None) -> int:
    """Write every page below ``out``; returns how many. A file that would be the same is left as it is.

    ``jobs`` processes share the sources (None: as many as there are cores). Raises ``StorageError`` when the folder
    cannot be written.
    """
    room, feeds = _answering(settings, archive)
    try:
        for name in ASSETS:
            _write(out / "static" / name, read_asset(name))
        sources = archive.sources(retired=True)
        names = [*sorted({one.series for one in sources if one.series}), *(one.id for one in sources)]
        names = list(dict.fromkeys(names))  # a source may be called as a series is; the source has the address
        if (out / "STATIC").exists() and (same := _called_alike(names)):
            raise StorageError(
                f"{out}: {same[0]} and {same[1]} would share a folder",
                hint="This file system takes capital and small letters for the same; --out names a folder on another.",
            )
        workers = min(jobs or _cores(), -(-len(names) // LEAST))
        if workers <= 1:
            return _front(room, feeds, out) + sum(_below(room, feeds, name, out) for name in names)
        # Series are the longest pieces of work and come first; the rest is dealt in small hands, so that all end together.
        hands = [names[at : at + LEAST // 2] for at in range(0, len(names), LEAST // 2)]
        with ProcessPoolExecutor(workers, get_context("spawn"), _open, (settings, out)) as pool:
            below = pool.map(_hand, hands)
            return _front(room, feeds, out) + sum(below)
    except BrokenProcessPool:
        hint = "Memory may have run short. What is written stays, and is passed over the next time."
        raise StorageError(f"{out}: a process that wrote pages was killed", hint=hint) from None
    except OSError as error:
        raise StorageError(f"{error.filename or out}: {error.strerror}", hint="--out names a folder to fill.") from None


def _answering(settings: Settings, archive: Archive) -> tuple[Room, Feeds]:
    room = Room(lambda: settings, archive, live=False)
    return room, Feeds(room)


def _cores() -> int:
    """As many as this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _front(room: Room, feeds: Feeds, out: Path) -> int:
    pages = {"index.html": room.overview(), "status.html": room.status(), "sources.html": room.sources()}
    pages |= {f"sources-{number}.html": room.sources(number) for number in range(2, room.source_pages() + 1)}
    for name, page in pages.items():
        _write(out / name, page)
    _write(out / "feed.atom", feeds.everything())
    return len(pages)


def _below(room: Room, feeds: Feeds, name: str, out: Path) -> int:
    """The pages of one source or series, and its feed; how many pages."""
    below = out / "s" / folder(name)
    written = 0
    entry = room.entry(name)
    for written, (file, page) in enumerate(room.addresses(entry), 1):  # noqa: B007  (the count is wanted)
        _write(below / file, page)
    _write(below / "feed.atom", feeds.of(name, held=entry))
    return written


def _called_alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that differ in capital and small letters only; None: there are none."""
    known: dict[str, str] = {}
    for name in names:
        if (other := known.setdefault(name.casefold(), name)) != name:
            return other, name
    return None


_worker: tuple[Room, Feeds, Path]


def _open(settings: Settings, out: Path) -> None:
    """What each process has of its own: a connection to the archive."""
    global _worker  # noqa: PLW0603  (a process of a pool has no other place)
    gc.set_threshold(50_000, 50, 50)  # as the command line does: pages leave little garbage behind
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells every process; the first one ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    archive = Archive.open(settings.database, create=False, readonly=True)
    _worker = *_answering(settings, archive), out


def _end_with_parent() -> None:
    """A pool does not end when the process that made it is killed: it waits for work for ever."""
    parent = parent_process()
    assert parent is not None  # noqa: S101  (a process of a pool has one)
    parent.join()
    os._exit(1)


def _hand(names: list[str]) -> int:
    room, feeds, out = _worker
    return sum(_below(room, feeds, name, out) for name in names)


def _write(path: Path, page: str | bytes) -> None:
    body = page if isinstance(page, bytes) else page.encode("utf-8", "backslashreplace")
    try:
        with path.open("xb", buffering=0) as file:
            file.write(body)
    except FileExistsError:
        if path.read_bytes() != body:
            path.write_bytes(body)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
