"""Proxies: only where one is configured; what they are asked for was judged before."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from monitor.fetch import FetchRules
from monitor.fetch.client import Fetcher
from storage.errors import FetchError, FetchReason
from tests.edges.origin import Origin
from tests.edges.test_browser import RULES as RENDERED
from tests.edges.test_browser import has_chromium
from tests.edges.test_fetch_tls import authority, secure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

__all__ = ["authority", "secure"]  # fixtures

RULES = FetchRules(robots=False, allow_private=("127.0.0.0/8",), timeout_s=5)


@dataclass
class Proxy:
    """A forward proxy that takes every name for this machine, and notes what it is asked."""

    asked: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    wants: str | None = None
    url: str = ""
    talks: list[asyncio.Task[None]] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
            self.asked.append(f"{method} {target}")
            given = [
                line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("proxy-authorization")
            ]
            self.credentials += given
            if self.wants is not None and self.wants not in given:
                writer.write(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )
                await writer.drain()
                writer.close()
                return
            port = int((target if method == "CONNECT" else target.split("/")[2]).rpartition(":")[2])
            from_far, far = await asyncio.open_connection("127.0.0.1", port)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = "/" + target.split("/", 3)[3]
                far.write(head.replace(target, path, 1).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode())
            both = [asyncio.create_task(copied(reader, far)), asyncio.create_task(copied(from_far, writer))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for one in both:
                one.cancel()
            far.close()
            await far.wait_closed()
        writer.close()


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
        await writer.drain()


@asynccontextmanager
async def proxy(wants: str | None = None) -> AsyncIterator[Proxy]:
    made = Proxy(wants=wants)
    server = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
        await asyncio.gather(*made.talks)


async def elsewhere(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.9"] if host != "inner.test" else ["10.0.0.5"]


async def fetched(url: str, rules: FetchRules, context: ssl.SSLContext | None = None) -> bytes:
    own = {"ssl_context": lambda: context} if context is not None else {}
    async with Fetcher(lookup=elsewhere, **own) as fetcher:  # type: ignore[arg-type]
        got = await fetcher.fetch(url, rules)
    assert got.snapshot is not None
    return got.snapshot.body


def test_a_configured_proxy_is_asked_with_the_name_and_our_own_lookup_dials_nothing(origin: Origin) -> None:
    async def go() -> None:
        async with proxy() as made:
            url = origin.page("/a", "words").replace("127.0.0.1", "site.test")
            assert await fetched(url, replace(RULES, proxy=made.url)) == b"words"
            assert made.asked == [f"GET {url}"]

    asyncio.run(go())


def test_a_secure_page_goes_through_a_tunnel_and_its_certificate_is_checked(
    authority: Path,
    secure: ssl.SSLContext,
) -> None:
    async def go() -> None:
        with Origin(tls=secure) as origin:
            async with proxy() as made:
                url = origin.page("/a", "words").replace("127.0.0.1", "desk.test")
                roots = ssl.create_default_context(cafile=str(authority / "ca.pem"))
                with pytest.raises(FetchError) as refused:
                    await fetched(url.replace("desk.test", "other.test"), replace(RULES, proxy=made.url), roots)
                assert refused.value.reason is FetchReason.TLS
                assert await fetched(url, replace(RULES, proxy=made.url), roots) == b"words"
                assert made.asked[-1] == f"CONNECT {url.split('/')[2]}"

    asyncio.run(go())


def test_where_a_name_leads_is_judged_before_the_proxy_is_asked(origin: Origin) -> None:
    async def go() -> None:
        async with proxy() as made:
            away = origin.redirect("/away", "http://inner.test/secret").replace("127.0.0.1", "site.test")
            for url in ("http://inner.test/secret", "http://10.0.0.5/", "http://0x0a.5/", away):
                with pytest.raises(FetchError) as refused:
                    await fetched(url, replace(RULES, proxy=made.url))
                assert refused.value.reason is FetchReason.REFUSED_ADDRESS
            assert made.asked == [f"GET {away}"]

    asyncio.run(go())


def test_a_proxy_gets_its_password_and_says_plainly_when_it_is_wrong(origin: Origin) -> None:
    async def go() -> None:
        wanted = "Basic " + base64.b64encode(b"me:secret").decode()
        async with proxy(wanted) as made:
            url = origin.page("/a", "words").replace("127.0.0.1", "site.test")
            with pytest.raises(FetchError, match="407") as refused:
                await fetched(url, replace(RULES, proxy=made.url))
            assert "USER:PASSWORD" in (refused.value.hint or "")
            with pytest.raises(FetchError, match="the proxy refuses: HTTP 407"):
                await fetched(url.replace("http:", "https:"), replace(RULES, proxy=made.url))
            right = made.url.replace("//", "//me:secret@")
            assert await fetched(url, replace(RULES, proxy=right)) == b"words"
            assert made.credentials == [wanted]

    asyncio.run(go())


def test_a_proxy_that_is_not_there_is_told_as_such(origin: Origin) -> None:
    url = origin.page("/a", "words").replace("127.0.0.1", "site.test")
    with pytest.raises(FetchError, match="the proxy cannot be reached: connection refused"):
        asyncio.run(fetched(url, replace(RULES, proxy="http://127.0.0.1:9")))
    assert origin.paths_asked() == []


def test_proxies_of_the_environment_are_not_asked(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with proxy() as made:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
                monkeypatch.setenv(name, made.url)
            assert await fetched(origin.page("/a", "words"), RULES) == b"words"
            assert made.asked == []

    asyncio.run(go())


@pytest.mark.slow
@has_chromium
def test_a_rendered_page_goes_through_the_configured_proxy_too(origin: Origin) -> None:
    async def go() -> None:
        wanted = "Basic " + base64.b64encode(b"me:secret").decode()
        async with proxy(wanted) as made:
            url = origin.page("/a", "<p>words</p>").replace("127.0.0.1", "site.test")
            rules = replace(RENDERED, proxy=made.url.replace("//", "//me:secret@"), allow_private=("127.0.0.0/8",))
            assert b"words" in await fetched(url, rules)
            assert made.asked[0] == f"GET {url}"
            with pytest.raises(FetchError, match="private"):
                await fetched("http://inner.test/", rules)

    asyncio.run(go())
