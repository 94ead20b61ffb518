"""A round: many sources looked at once each, side by side."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.check import timed_check
from storage.records import Latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from monitor.config import Declaration
    from monitor.endings import Around, Checked


async def check_all(
    declarations: Iterable[Declaration], latest: Mapping[str, Latest], around: Around, *, concurrency: int
) -> AsyncIterator[Checked]:
    """Check every source once, about ``concurrency`` at a time; yields each as it ends, in that order.

    Half as many again are started: the fetcher holds the number in flight, and a place at the network is not left empty
    while a page is being read.

    One failing source never stops the others. Everything is in the archive when the iteration ends.
    """
    waiting = iter(_by_turns(declarations))
    running: set[asyncio.Task[Checked]] = set()
    try:
        while True:
            while len(running) < concurrency + concurrency // 2 and (declared := next(waiting, None)) is not None:
                known = latest.get(declared.source.id, Latest(declared.source.id))
                running.add(asyncio.create_task(timed_check(declared, known, around)))
            if not running:
                break
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await around.writer.drain()


def _by_turns(declarations: Iterable[Declaration]) -> list[Declaration]:
    """One source of each host, then a second of each, and so on.

    Waiting for a host's turn takes up a place; so those of a crowded host come when the others have had theirs.
    """
    seen: Counter[str] = Counter()
    ranked = []
    for declared in declarations:
        host = urlsplit(declared.source.url).netloc
        ranked.append((seen[host], declared))
        seen[host] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [declared for _, declared in ranked]
