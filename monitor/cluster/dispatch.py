"""What the daemon does where workers share the work: it hands out what is due, and takes back what was left lying."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from monitor.cluster.tasks import Errand, give_back
from monitor.fetch.client import host_of
from storage import outbox
from storage.archive import Archive
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.cluster.tasks import Tasks
    from monitor.compose import House
    from monitor.config import Settings
    from storage.due import Claimed

log = logging.getLogger("variorum.daemon")

WAITING_MOST: Final = 1000
"""Errands that wait for a worker; what else is due waits in ``sources``, where it costs nothing."""
HOST_MOST: Final = 20
"""Errands for one host, waiting or run: it is asked by one at a time, and others must not wait behind."""
CLAIM: Final = 250
LEASE_S: Final = 300.0
"""How long an errand may wait before the source is handed out again; a worker that takes it takes the lease over.

Longer than most checks may take, so that this need not be written twice.
"""
STALLED_S: Final = 30.0
"""A worker that gave no sign of life for so long is dead or cut off, and its tasks are taken back."""


class Dispatch:
    """Belongs to a daemon. Any number of them may run on one database."""

    def __init__(self, parts: House, tasks: Tasks) -> None:
        self._around = parts.around
        self._tasks = tasks
        self._numbers = itertools.count(1)
        self._adopted = parts.settings
        self.running = 0
        """Checks that all workers had under way at the last look."""

    def adopt(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._adopted = settings

    async def hand_out(self) -> int:
        """Claim what is due and put an errand for each, in one transaction; returns how many were put."""
        queued = await self._tasks.queued()
        self.running = queued.running
        room, hosts, put = WAITING_MOST - queued.waiting, Counter(queued.locks), 0
        while room > 0:
            now, claim = self._around.now(), f"{self._around.owner}/{next(self._numbers)}"

            def to(
                connection: Any, due: Sequence[Claimed], now: datetime = now, claim: str = claim
            ) -> dict[str, datetime]:
                errands, later = self._sorted_out(due, hosts, claim, now)
                return later | self._tasks.put(connection, errands)

            claimed, back = await self._around.writer.call(
                Archive.hand_out, now, limit=min(room, CLAIM), lease_s=LEASE_S, owner=claim, to=to
            )
            put += claimed - back
            room -= claimed - back
            if claimed < CLAIM:
                break
        return put

    def _sorted_out(
        self, due: Sequence[Claimed], hosts: Counter[str], claim: str, now: datetime
    ) -> tuple[list[Errand], dict[str, datetime]]:
        """An errand for each, but for those of a crowded host: when they are due instead."""
        errands, later, crowd = [], {}, Counter[str]()
        gap_s = max(1.0, self._adopted.spacing_s)
        for one in due:
            host = host_of(one.url)
            lock = f"host {host}" if host is not None else f"source {one.source}"
            if hosts[lock] >= HOST_MOST:
                crowd[lock] += 1
                later[one.source] = now + timedelta(seconds=gap_s * (HOST_MOST / 2 + crowd[lock]))
                continue
            hosts[lock] += 1
            errands.append(Errand(one.source, claim, lock))
        return errands, later

    async def letters(self) -> None:
        """Have the letters sent that are due."""
        if self._adopted.channels_told:
            due = await self._around.writer.call(outbox.channels_due, self._around.now())
            configured = {name for name, _ in self._adopted.channels_told}
            await self._tasks.ask_letters([name for name in due if name in configured])

    async def take_back(self) -> None:
        """Give back what dead workers held: it is due as before, and handed out with the next tick."""
        stalled = await self._tasks.stalled(stalled_s(self._adopted))
        back = 0
        for job in stalled:
            try:
                back += await give_back(self._tasks, self._around.writer, job)
            except StorageError as error:
                # The dead may hold it for some seconds more; others do not wait behind it.
                log.debug("a task is taken back later: %s", error)
        if back:
            log.warning("took back %d tasks of workers that gave no sign of life", back)


def stalled_s(settings: Settings) -> float:
    """After how long tasks are taken back: the hosts that the dead had just asked have had their pause by then."""
    return STALLED_S + settings.spacing_s
