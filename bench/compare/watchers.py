"""Every program under the bench as one thing that looks once at all pages: a process a round, or a daemon that is asked."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.compare import OURS
from bench.peers import DAEMON, ChangeDetection, cpu_s, installed, memory_mib, peer
from bench.rounds import measured, ours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.contender import Contender

CONCURRENCY = 50
LOOK_S = 900.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything: what it cost, and the pages it told as changed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    told: frozenset[int]
    checked: int


class Watcher(Protocol):
    """A program that is set up for some pages."""

    def look(self) -> Look:
        """Let it look at everything once."""


class OneShot:
    """A process a round, start-up included."""

    def __init__(self, contender: Contender, folder: Path, base: str, pages: int) -> None:
        self._contender, self._folder, self._pages = contender, folder, pages
        contender.set_up(folder, base, pages)
        self._command = contender.command(folder, base, pages)

    def look(self) -> Look:
        """Run it."""
        cost = measured(self._command, self._folder)
        told = self._contender.changed(cost.printed) if cost.printed.strip() else set()
        return Look(cost.wall_s, cost.cpu_s, cost.peak_mib, frozenset(told), self._pages if cost.code == 0 else 0)


class Asked:
    """changedetection.io: the daemon stays, a round is asked for; its start is not counted."""

    def __init__(self, daemon: ChangeDetection, base: str, pages: int) -> None:
        self._daemon, self._pages = daemon, pages
        self._new = [f"{base}/p/{number}" for number in range(pages)]

    def look(self) -> Look:
        """Ask, and wait until all is done."""
        time.sleep(1.1)  # it tells its times in whole seconds
        since, cpu, started = time.time(), cpu_s(self._daemon.pid), time.perf_counter()
        if self._new:
            self._daemon.watch(self._new)
            self._new = []
        else:
            self._daemon.recheck()
        checked = self._daemon.settled(since, self._pages, LOOK_S)
        wall = time.perf_counter() - started
        told = self._daemon.changed(since)
        used = cpu_s(self._daemon.pid) - cpu
        return Look(wall, used, memory_mib(self._daemon.pid, "VmHWM"), frozenset(told), checked)


@contextmanager
def watcher(program: str, base: str, pages: int) -> Iterator[tuple[Watcher, Path] | None]:
    """The program, set up in a folder of its own; None where it cannot be installed."""
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        folder = Path(name)
        if program != DAEMON:
            contender = ours(CONCURRENCY) if program == OURS else peer(program)
            yield (OneShot(contender, folder, base, pages), folder) if contender is not None else None
            return
        programs = installed(program)
        if programs is None:
            yield None
            return
        daemon = ChangeDetection(programs, folder)
        try:
            yield Asked(daemon, base, pages), folder
        finally:
            daemon.close()


def stored_bytes(folder: Path) -> int:
    """What the program keeps: all its files but the configuration and its own log."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".yaml", ".log", ".py")
    )
