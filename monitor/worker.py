"""``variorum worker``: takes checks and letters from a shared PostgreSQL, beside a daemon that hands them out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from monitor import systemd
from monitor.cluster.tasks import require, tasks_at
from monitor.cluster.working import Alive, Working, forgetting
from monitor.compose import house, lease_owner
from monitor.daemon import told
from monitor.staying import collect_often, heed_signals
from storage.errors import VariorumError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.compose import House
    from monitor.config import Settings

log = logging.getLogger("variorum.worker")

LOOK_S: Final = 5.0
"""How often it looks whether the configuration changed, and tells the service manager that it lives."""


async def run(
    settings: Settings, *, reload: Callable[[], Settings] | None = None, stop: asyncio.Event | None = None
) -> None:
    """Run until SIGTERM or SIGINT (or ``stop`` is set); SIGHUP or a changed file calls ``reload``.

    Raises ``UsageError`` where workers cannot be, and ``StorageError`` at the start only.
    """
    require(settings.database)
    collect_often()
    stop, alive = stop or asyncio.Event(), Alive()
    again = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(forgetting)
    async with (
        tasks_at(settings.database) as tasks,
        house(settings, owner=lease_owner(), declares=False, still=alive.still) as parts,
    ):
        heed_signals(stop=stop.set, reload=again.set)
        working = Working(parts, tasks, alive, noted=told)
        looking = asyncio.create_task(_look(parts, working, reload, again), name="configuration")
        running = asyncio.create_task(working.run(), name="tasks")
        stopped = asyncio.create_task(stop.wait())
        log.info("working for database %s", settings.shown_database)
        systemd.notify("READY=1")
        await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        systemd.notify("STOPPING=1")
        looking.cancel()
        stopped.cancel()
        await working.stop()
        await running
    log.info("stopped")


async def _look(parts: House, working: Working, reload: Callable[[], Settings] | None, again: asyncio.Event) -> None:
    """Read the configuration again when its file changed or SIGHUP came; a wrong one is refused, the old one goes on."""
    seen = _stamp(parts.settings)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(again.wait(), min(LOOK_S, systemd.watchdog_s() or LOOK_S))
        systemd.notify("WATCHDOG=1")
        stamp = _stamp(parts.settings)
        if reload is None or not (again.is_set() or (stamp is not None and stamp != seen)):
            continue
        again.clear()
        seen = stamp
        try:
            settings = await asyncio.to_thread(reload)
        except VariorumError as error:
            log.error("the configuration is refused, the old one goes on: %s", error)
            continue
        working.adopt(settings)
        parts.deliverer.take(settings)
        log.info("configuration read again: %d watched", len(settings.declarations))


def _stamp(settings: Settings) -> object:
    try:
        found = settings.path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
