"""The wall around a browser: a proxy on this machine that every connection of a page must pass, judged by the guard.

A name is looked up once, here; the address that is dialled is one that was judged. The browser itself resolves nothing
and reaches nothing else: pages, scripts, WebSockets and whatever else a page opens come through this one door.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from monitor.fetch.guard import GuardedResolver, networks
from storage.errors import FetchError, FetchReason

if TYPE_CHECKING:
    from types import TracebackType

    from monitor.fetch.guard import Lookup

HEAD_BYTES: Final = 64 * 1024
HEAD_S: Final = 10.0
CONNECT_S: Final = 15.0
CONNECTIONS: Final = 100
"""Connections that one page may hold at once."""
_CHUNK: Final = 64 * 1024
_HOP: Final = (b"proxy-", b"connection:", b"keep-alive:")


class Wall:
    """A forward proxy for one page; an async context manager. ``url`` is where it listens.

    ``refused`` tells, by host, what was not let through; ``over`` that more than ``most_bytes`` wanted to come in.
    """

    def __init__(self, allow_private: tuple[str, ...], lookup: Lookup, *, most_bytes: int, proxy: str | None) -> None:
        """``proxy`` is the one that is asked in turn, if any; its own address is not judged."""
        self._resolver = GuardedResolver(networks(allow_private), lookup)
        self._most_bytes = most_bytes
        self._proxy = urlsplit(proxy) if proxy else None
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._came = 0
        self.refused: dict[str, FetchError] = {}
        self.over = False

    async def __aenter__(self) -> Self:
        """Listening."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=HEAD_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every connection is ended."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Its address, for the browser."""
        assert self._server is not None  # noqa: S101  (asked inside the context only)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._talks) >= CONNECTIONS or self.over:
            writer.close()
            return
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from the browser, to its end."""
        far: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(HEAD_S):
                head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            tunnel = method == "CONNECT"
            parts = urlsplit(f"//{target}" if tunnel else target)
            host, port = parts.hostname or "", parts.port or 80
            if not tunnel and parts.scheme != "http":
                raise FetchError(f"{parts.scheme}: only http and https are fetched", reason=FetchReason.PROTOCOL)
            try:
                from_far, far = await self._dialled(host, port)
            except FetchError as refusal:
                self.refused[host] = refusal
                await _answer(writer, b"403 Forbidden")
                return
            if tunnel and self._proxy is None:
                await _answer(writer, b"200 Connection established", close=False)
            else:
                far.write(self._forwarded(head, tunnel=tunnel))
            if not tunnel:
                await self._headed(from_far, writer)
            await self._pumped(reader, writer, from_far, far, most_out=None if tunnel else _length(head))
        except (OSError, ValueError, TimeoutError, FetchError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            with contextlib.suppress(OSError, RuntimeError):
                await _answer(writer, b"502 Bad Gateway")
        finally:
            for end in (writer, far):
                if end is not None:
                    end.close()

    async def _dialled(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to one of the host's judged addresses, or to the configured proxy. Raises ``FetchError``."""
        judged = await self._resolver.resolve(host, port)
        if self._proxy is not None:
            addresses = [(self._proxy.hostname or "", self._proxy.port or 80)]
        else:
            addresses = [(one["host"], port) for one in judged]
        last: OSError | None = None
        async with asyncio.timeout(CONNECT_S):
            for address in addresses:
                try:
                    return await asyncio.open_connection(*address)
                except OSError as error:
                    last = error
        from monitor.fetch.failures import told

        raise told(last or OSError(), host)

    def _forwarded(self, head: bytes, *, tunnel: bool) -> bytes:
        """The head as it goes on: to a proxy as it came, to a host with the path alone; never what concerns only us."""
        first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
        lines = [line for line in lines if not line.lower().startswith(_HOP)]
        if self._proxy is None:
            method, target, version = first.split(b" ", 2)
            parts = urlsplit(target.decode("latin-1"))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            first = b" ".join((method, path.encode("latin-1"), version))
        elif self._proxy.username is not None:
            name = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
            lines.append(b"Proxy-Authorization: Basic " + base64.b64encode(name.encode()))
        if not tunnel:
            lines.append(b"Connection: close")  # one exchange a connection: the next may be for another host
        return b"\r\n".join((first, *lines)) + b"\r\n\r\n"

    async def _headed(self, from_far: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        """The head of the answer, with word that the connection ends with it: the next request may be for another host."""
        while True:
            head = await from_far.readuntil(b"\r\n\r\n")
            first, *lines = head.rstrip(b"\r\n").split(b"\r\n")
            interim = b" 1" in first[:12]
            if not interim:
                lines = [line for line in lines if not line.lower().startswith(_HOP)] + [b"Connection: close"]
            to_near.write(b"\r\n".join((first, *lines)) + b"\r\n\r\n")
            if not interim:
                return

    async def _pumped(
        self,
        near: asyncio.StreamReader,
        to_near: asyncio.StreamWriter,
        from_far: asyncio.StreamReader,
        far: asyncio.StreamWriter,
        *,
        most_out: int | None,
    ) -> None:
        """Bytes go both ways until either end is done; outwards not more than ``most_out``."""
        ways = [
            asyncio.create_task(_copied(near, far, most_out)),
            asyncio.create_task(self._came_in(from_far, to_near)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _came_in(self, from_far: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        while chunk := await from_far.read(_CHUNK):
            self._came += len(chunk)
            if self._came > self._most_bytes:
                self.over = True
                return
            to_near.write(chunk)
            await to_near.drain()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    """What comes until the end, not more than ``most``: what is more is read and dropped, so that the end is seen."""
    while chunk := await reader.read(_CHUNK):
        if most is not None:
            chunk, most = chunk[:most], max(0, most - len(chunk))
        writer.write(chunk)
        await writer.drain()


def _length(head: bytes) -> int:
    """How long the body of a request is. Browsers announce it; a request that does not has none here."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:") and (words := line.partition(b":")[2].strip()).isdigit():
            return int(words[:15])
    return 0


async def _answer(writer: asyncio.StreamWriter, status: bytes, *, close: bool = True) -> None:
    # With a body: a browser shows no page, and so no address, for an error that has none.
    rest = b"Content-Type: text/plain\r\nContent-Length: 7\r\nConnection: close\r\n\r\nrefused" if close else b"\r\n"
    writer.write(b"HTTP/1.1 " + status + b"\r\n" + rest)
    await writer.drain()
