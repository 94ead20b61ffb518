"""A loopback server that misbehaves on demand: pages that can be edited between requests, and answers that no server
should give.

    with Origin() as origin:
        url = origin.page("/readout", "<p>Hello</p>", etag='"1"')
        origin.bomb("/bomb", "gzip", 400_000_000)

It runs in a thread of its own, so that blocking tests and the command line can use it too. Standard library only.
``origin.asked`` is what was asked, in order. What is not set up answers 404.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """One request as it came in; ``headers`` in lower case; ``connection`` counts the connections from 1."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    connection: int

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


Behaviour = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Page:
    """What a path shows; assign to its fields between requests. Answers conditional requests by its validators."""

    body: bytes
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    etag: str | None = None
    last_modified: str | None = None

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        validators = [("ETag", self.etag), ("Last-Modified", self.last_modified)]
        headers = [*self.headers, *((name, value) for name, value in validators if value is not None)]
        if self.status == 200 and self._is_known(asked):
            writer.write(head(304, headers))
        else:
            writer.write(head(self.status, [*headers, ("Content-Length", str(len(self.body)))]) + self.body)

    def _is_known(self, asked: Asked) -> bool:
        known = asked.header("if-none-match")
        if known is not None:  # RFC 9110: when there is a tag, the date does not count
            return known == self.etag
        return self.last_modified is not None and asked.header("if-modified-since") == self.last_modified


class Origin:
    """The server. Every set-up method takes the path first and returns the full address of it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._tls = tls
        self._paths: dict[str, Behaviour] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._let_go = asyncio.Event()
        self._was_asked = threading.Event()
        self._connections = 0
        self._talks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def paths_asked(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def wait_for_request(self) -> None:
        """Block until the first request has come in."""
        assert self._was_asked.wait(60)

    def let_go(self) -> None:
        """End everything that hangs or drips."""
        self._loop.call_soon_threadsafe(self._let_go.set)

    # What a path does

    def behave(self, path: str, behaviour: Behaviour) -> str:
        """Anything else: ``behaviour`` gets the request and the writer; closing the writer ends the connection."""
        self._paths[path] = behaviour
        return self.url + path

    def page(
        self,
        path: str,
        body: str | bytes,
        *,
        status: int = 200,
        kind: str | None = "text/html; charset=utf-8",
        headers: Headers = (),
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> str:
        """An honest page; ``shown(path)`` gives it back for editing."""
        raw = body.encode() if isinstance(body, str) else body
        told = [*headers, *([("Content-Type", kind)] if kind else [])]
        return self.behave(path, Page(raw, status, told, etag, last_modified))

    def shown(self, path: str) -> Page:
        page = self._paths[path]
        assert isinstance(page, Page)
        return page

    def edit(self, path: str, body: str | bytes, *, etag: str | None = None) -> None:
        page = self.shown(path)
        page.body = body.encode() if isinstance(body, str) else body
        page.etag = etag or page.etag

    def remove(self, path: str, status: int = 410) -> None:
        self.page(path, "Gone", status=status)

    def robots(self, text: str, status: int = 200) -> str:
        return self.page("/robots.txt", text, status=status, kind="text/plain")

    def redirect(self, path: str, to: str, status: int = 302, headers: Headers = ()) -> str:
        return self.page(path, "", status=status, headers=[("Location", to), *headers])

    def busy(self, path: str, retry_after: str, status: int = 429) -> str:
        return self.page(path, "Slow down", status=status, headers=[("Retry-After", retry_after)])

    def coded(self, path: str, body: bytes, coding: str) -> str:
        """``body`` as it is, said to be in that content coding."""
        return self.page(path, body, headers=[("Content-Encoding", coding)])

    def bomb(self, path: str, coding: str, size_bytes: int) -> str:
        """Zeros that inflate to ``size_bytes``; ``coding`` is gzip, deflate, br or zstd."""
        return self.coded(path, zeros(coding, size_bytes), coding)

    def hang(self, path: str, first: bytes = b"") -> str:
        """Send ``first``, then nothing until ``let_go`` or the end of the server."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(first)
            await self._let_go.wait()
            writer.close()

        return self.behave(path, behaviour)

    def drip(self, path: str, every_s: float = 0.005) -> str:
        """A body that never ends, a byte at a time: each read succeeds, the whole never does."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(head(200, [("Content-Type", "text/html"), ("Content-Length", "100000")]))
            while not self._let_go.is_set() and not writer.is_closing():
                writer.write(b".")
                await asyncio.sleep(every_s)
            writer.close()

        return self.behave(path, behaviour)

    def flood(self, path: str) -> str:
        """A body without end and without announced length, as fast as it is taken."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(head(200, [("Content-Type", "text/html"), ("Connection", "close")]))
            with contextlib.suppress(ConnectionError):
                while not writer.is_closing():
                    writer.write(b"x" * 65536)
                    await writer.drain()

        return self.behave(path, behaviour)

    def raw(self, path: str, answer: bytes) -> str:
        """These bytes and the end of the connection: a wrong length, no HTTP at all, a 304 with a body."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            writer.close()

        return self.behave(path, behaviour)

    def cut(self, path: str, sent: bytes, announced_bytes: int) -> str:
        """Fewer bytes than announced."""
        return self.raw(path, head(200, [("Content-Length", str(announced_bytes))]) + sent)

    def reset(self, path: str, first: bytes = b"") -> str:
        """Send ``first``, then a TCP reset instead of an end."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(first)
            await writer.drain()
            line: socket.socket = writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        return self.behave(path, behaviour)

    def alternate(self, path: str, *bodies: str) -> str:
        """Each request shows the next body, round and round."""
        turn = 0

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            nonlocal turn
            body = bodies[turn % len(bodies)].encode()
            turn += 1
            told = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
            writer.write(head(200, told) + body)

        return self.behave(path, behaviour)

    def cookie_wall(self, path: str, body: str) -> str:
        """Redirects to itself until its cookie comes back."""

        async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if "seen=1" in (asked.header("cookie") or ""):
                writer.write(head(200, [("Content-Length", str(len(body.encode())))]) + body.encode())
            else:
                writer.write(head(302, [("Location", path), ("Set-Cookie", "seen=1; Path=/"), ("Content-Length", "0")]))

        return self.behave(path, behaviour)

    # The server itself

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls)

    async def _stop(self) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        self._connections += 1
        number = self._connections
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    first = await reader.readexactly(1)
                    if not first.isalpha():  # TLS spoken to a plain server
                        writer.write(head(400))
                        break
                    asked = _parsed(first + await reader.readuntil(b"\r\n\r\n"), number)
                    self.asked.append(asked)
                    self._was_asked.set()
                    await self._paths.get(asked.path, _absent)(asked, writer)
                    if not writer.is_closing():
                        await writer.drain()
        finally:
            self._talks.discard(talk)
            writer.close()


def head(status: int, headers: Headers = ()) -> bytes:
    """The head of an answer, up to and with the blank line."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Date: {formatdate(usegmt=True)}", *(f"{k}: {v}" for k, v in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Squeezer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def zeros(coding: str, size_bytes: int) -> bytes:
    """``size_bytes`` zero bytes in a content coding, made without holding them."""
    return b"".join(_zeros(coding, size_bytes))


def _zeros(coding: str, size_bytes: int) -> Iterator[bytes]:
    block = bytes(1_000_000)
    if coding == "br":
        import brotli

        packer = brotli.Compressor(quality=1)
        for _ in range(size_bytes // len(block)):
            yield packer.process(block)
        yield packer.finish()
        return
    if coding == "zstd":
        import zstandard

        squeezer: Squeezer = zstandard.ZstdCompressor(level=1).compressobj()
    else:
        squeezer = zlib.compressobj(9, wbits=31 if coding == "gzip" else 15)
    for _ in range(size_bytes // len(block)):
        yield squeezer.compress(block)
    yield squeezer.flush()


def packed(coding: str, body: bytes) -> bytes:
    """``body`` in a content coding."""
    if coding == "gzip":
        return gzip.compress(body)
    if coding == "deflate":
        return zlib.compress(body)
    if coding == "br":
        import brotli

        return bytes(brotli.compress(body))
    import zstandard

    return zstandard.ZstdCompressor().compress(body)


def _parsed(raw: bytes, connection: int) -> Asked:
    first, *lines = raw.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    return Asked(method, path, tuple((key.strip().lower(), value.strip()) for key, _, value in pairs), connection)


async def _absent(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(head(404, [("Content-Type", "text/plain"), ("Content-Length", "9")]) + b"Not found")
