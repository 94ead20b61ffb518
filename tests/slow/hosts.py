"""Many public hosts played by one loopback server, which is asked as a proxy: it keeps when each was asked, and by how many.

``http://1.1.HIGH.LOW/NUMBER`` is never connected to. Pages carry a revision that can be raised; answers take ``delay_s``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from itertools import pairwise

from monitor.demo.page import page


def wording(number: int, revision: int) -> bytes:
    said = f"The parties shall meet again in place {number}. Growth was {revision}.5 percent. All agreed on that point."
    return page(f"Readout {number}\n\n2026-03-01\n\n{said}", 1).encode()


class Hosts:
    """The server; source ``number`` lives at host ``number % hosts``."""

    def __init__(self, sources: int, hosts: int, *, delay_s: float = 0.05, at: str = "127.0.0.1") -> None:
        self.at = at
        self.revisions = dict.fromkeys(range(sources), 1)
        self.hosts, self.delay_s = hosts, delay_s
        self.asked: dict[str, list[float]] = defaultdict(list)
        """When each host was asked, on one clock."""
        self.looked: Counter[int] = Counter()
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}
        self.epoch = time.time() - time.monotonic()
        """Added to these times it gives the time on the wall."""
        self.together: Counter[str] = Counter()
        self.crowded: list[str] = []
        """Hosts that were asked while they were answering another."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def url(self, number: int) -> str:
        host = number % self.hosts
        return f"http://1.1.{host // 250}.{host % 250 + 1}/{number}"

    def __enter__(self) -> Hosts:
        self._thread.start()
        starting = asyncio.start_server(self._talk, self.at, 0, backlog=1000)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                await self._answer(head, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # it went, or we do
        finally:
            writer.close()

    async def _answer(self, head: list[str], writer: asyncio.StreamWriter) -> None:
        now = time.monotonic()
        _, _, host, number = head[0].split()[1].split("/")
        self.asked[host].append(now)
        self.looked[int(number)] += 1
        self.first.setdefault(int(number), now)
        self.last[int(number)] = now
        if self.together[host]:
            self.crowded.append(host)
        self.together[host] += 1
        try:
            revision = self.revisions[int(number)]
            known = next((one.split()[1] for one in head[1:] if one.lower().startswith("if-none-match:")), None)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
        finally:
            self.together[host] -= 1
        tag = f'"{revision}"'
        if known == tag:
            writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
        else:
            body = wording(int(number), revision)
            fields = f"Content-Type: text/html\r\nETag: {tag}\r\nContent-Length: {len(body)}"
            writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode() + body)
        await writer.drain()

    def shortest_gap_s(self) -> float:
        """The shortest time between two requests to one host."""
        return min((b - a for times in self.asked.values() for a, b in pairwise(times)), default=9e9)
