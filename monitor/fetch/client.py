"""One client for the whole process: asks conditionally, politely and within bounds; brings back the bytes of a page.

The only room that knows httpx. Its transport is aiohttp's (``httpx-aiohttp``): a fraction of the CPU of httpx's own
with many requests in flight, and public hooks for the guard (figures: ``docs/decisions/0001-http-transport.md``).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.clock import utc_now
from monitor.fetch import Fetched, FetchRules
from monitor.fetch.decode import DecodeError, decode, decoders
from monitor.fetch.failures import status, told
from monitor.fetch.guard import (
    GuardedResolver,
    Lookup,
    SystemLookup,
    admit,
    guarded_socket,
    is_private_host,
    networks,
)
from monitor.fetch.headers import NO_VALIDATORS, Fields, request_headers, travelling, unconditional
from monitor.fetch.lean import AiohttpTransport, aiohttp, httpx
from monitor.fetch.local import fetch_local, is_local
from monitor.fetch.politeness import ROBOTS_MAX_BYTES, Robots, RobotsAnswer, Turns, retry_after_s
from storage.errors import FetchError, FetchReason
from storage.records import Snapshot, Validators

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from datetime import datetime

    from monitor.fetch.browser import Browser

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
PERMANENT: Final = frozenset({301, 308})
PAUSING: Final = frozenset({429, 503})
TOO_MANY: Final = 429
UNNAMED_PAUSE_S: Final = 300.0
"""How long a host is left alone that says we ask too often, but not for how long."""
PAGE: Final = frozenset({200, 203})
"""The statuses of a page. The other 2xx are not one: 202 is a firewall's waiting room, 206 a part."""

REACH: Final = "variorum.allow_private"
"""The request extension that carries ``FetchRules.allow_private``."""
VIA: Final = "variorum.proxy"
"""The request extension that carries ``FetchRules.proxy``."""

EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
KEEP_ALIVE_S: Final = 3.0
"""Long enough for the next page of the same host, short enough that 1,000 hosts do not hold 1,000 idle sockets."""
HEADER_BYTES: Final = 64 * 1024
"""Of one header line; security policies on government sites pass aiohttp's default of 8 KiB."""

_ROBOTS_REDIRECTS: Final = 5  # RFC 9309, section 2.3.1.2


@dataclass(slots=True)
class _Answer:
    """The end of a chain of redirects. ``passed`` are the addresses that redirected, in order, the first included."""

    response: httpx.Response
    at: httpx.URL
    passed: list[str] = field(default_factory=list)
    permanent: bool = True


class Fetcher:
    """Fetches addresses, as many at once as ``concurrency`` allows; an async context manager.

    At most ``per_host`` exchanges with one host (name and port) run at once, their starts at least ``spacing_s`` apart;
    hosts given as a private address are not bound by these two. ``clock`` is the time on the wall. The rest is for
    tests: ``monotonic`` and ``sleep`` time the spacing, ``lookup`` answers names, ``ssl_context`` makes the context.
    """

    def __init__(
        self,
        *,
        concurrency: int = 50,
        per_host: int = 2,
        spacing_s: float = 0.0,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        lookup: Lookup | None = None,
        ssl_context: Callable[[], ssl.SSLContext] = httpx.create_ssl_context,
        still: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is opened before the first fetch; the SSL context (26 ms) is made for the first ``https`` address.

        ``still`` is called before each request, and raises when it must not be made any more: who shares hosts with
        others says so when its turns may be theirs by now.
        """
        self._clock = clock
        self._still = still
        self._places = asyncio.Semaphore(concurrency)
        self._turns = Turns(per_host=per_host, spacing_s=spacing_s, monotonic=monotonic, sleep=sleep)
        self._robots = Robots(monotonic)
        self._own_lookup: SystemLookup | None = None
        if lookup is None:
            lookup = self._own_lookup = SystemLookup()
        self._lookup = lookup
        self._browser: Browser | None = None
        self._pools = Pools(lookup, ssl_context)

    async def __aenter__(self) -> Fetcher:
        """The fetcher itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        if self._browser is not None:
            await self._browser.aclose()
        await self._pools.aclose()
        if self._own_lookup is not None:
            self._own_lookup.close()

    def rest_s(self, url: str) -> float:
        """How long the host of an address is to be left alone after what was asked of it; 0 where spacing binds nobody."""
        host = host_of(url)
        return self._turns.left_s(host) if host is not None else 0.0

    async def fetch(self, url: str, rules: FetchRules, validators: Validators = NO_VALIDATORS) -> Fetched:
        """The page at ``url``, or word that it is not modified since ``validators`` were given.

        Raises ``FetchError`` only. ``url`` is ``http``, ``https``, ``file:`` or a local path. ``Snapshot.redirects`` lists the addresses that
        redirected, ``url`` first; it is empty when ``url`` itself answered. Waits for its turn at the host of ``url``;
        hosts that it is redirected to are asked without waiting.
        """
        if is_local(url):
            return await asyncio.to_thread(fetch_local, url, rules, validators, self._clock())
        at, credentials = _address(url)
        if rules.browser:
            return await self._rendered(at, rules)
        headers = request_headers(rules, credentials, validators)
        if is_private_host(at.host):
            return await self._in_time(at, headers, rules, validators)
        async with self._turns.turn(_authority(at)):
            return await self._in_time(at, headers, rules, validators)

    async def _rendered(self, at: httpx.URL, rules: FetchRules) -> Fetched:
        """The page as a browser shows it; its first request passes robots.txt like any other, every one the guard."""
        from monitor.fetch.browser import Browser

        browser = self._browser = self._browser or Browser(self._lookup, self._clock)
        browser.require(rules)
        # Its own time is counted once it has a place: rendering is slow, and only a few pages are rendered at once.
        async with self._turns.turn(_authority(at)) if not is_private_host(at.host) else nullcontext():
            try:
                async with asyncio.timeout(rules.timeout_s):
                    await self._admit(at, rules)
            except TimeoutError:
                raise _too_slow(rules) from None
            self._still()
            return await browser.render(str(at), rules)

    async def _in_time(self, at: httpx.URL, headers: Fields, rules: FetchRules, validators: Validators) -> Fetched:
        async with self._places:
            try:
                async with asyncio.timeout(rules.timeout_s):
                    async with self._answer(at, headers, rules) as answer:
                        return await self._fetched(str(at), answer, rules, validators)
            except TimeoutError:
                raise _too_slow(rules) from None

    @asynccontextmanager
    async def _answer(self, at: httpx.URL, headers: Fields, rules: FetchRules) -> AsyncIterator[_Answer]:
        """The first answer that is no redirect, its body still to come. Every hop passes guard and robots.txt."""
        passed: list[str] = []
        permanent = True
        cookies: httpx.Cookies | None = None
        while True:
            await self._admit(at, rules)
            response = await self._ask(at, headers, rules, cookies)
            try:
                location = response.headers.get("location") if response.status_code in REDIRECTS else None
                if location is None:
                    yield _Answer(response, at, passed, permanent)
                    return
                if "set-cookie" in response.headers:
                    # Some sites redirect to themselves until a cookie comes back. It lives as long as this exchange.
                    cookies = cookies or httpx.Cookies()
                    cookies.extract_cookies(response)
            finally:
                await response.aclose()
            if len(passed) >= rules.follow_redirects:
                raise FetchError(
                    f"redirected more than {rules.follow_redirects} times",
                    reason=FetchReason.REDIRECTS,
                    hint="Open the address in a browser and use the one where it ends.",
                )
            passed.append(str(at))
            permanent = permanent and response.status_code in PERMANENT
            target = _target(at, location)
            if _origin(target) != _origin(at):
                headers = travelling(headers)
            at = target

    async def _admit(self, at: httpx.URL, rules: FetchRules) -> None:
        """Raise ``FetchError`` for a refused address, a host that wants a pause, a page that robots.txt keeps back."""
        admit(at.host, rules.allow_private)
        if rules.proxy is not None:
            # The proxy looks the name up itself; where it leads is judged before it is asked.
            await GuardedResolver(networks(rules.allow_private), self._lookup).resolve(at.host, at.port or 0)
        self._turns.refuse_while_closed(_authority(at))
        if not rules.robots:
            return

        async def ask(url: str) -> RobotsAnswer:
            return await self._robots_txt(url, rules)

        delay_s = await self._robots.check(
            str(at), origin=_origin(at), user_agent=rules.user_agent, reach=rules.allow_private, ask=ask
        )
        if delay_s and not is_private_host(at.host):
            self._turns.slow_down(_authority(at), delay_s)

    async def _robots_txt(self, url: str, rules: FetchRules) -> RobotsAnswer:
        plain = replace(
            rules, headers=(), robots=False, max_size_bytes=ROBOTS_MAX_BYTES, follow_redirects=_ROBOTS_REDIRECTS
        )
        try:
            async with self._answer(httpx.URL(url), request_headers(plain), plain) as answer:
                if answer.response.status_code not in PAGE:
                    return RobotsAnswer(answer.response.status_code, b"")
                return RobotsAnswer(200, await _body(answer, plain, cut=True))
        except FetchError as failure:
            if failure.reason in (FetchReason.REDIRECTS, FetchReason.PROTOCOL):
                return RobotsAnswer(404, b"")  # RFC 9309: too many redirects, or nothing readable, is 'unavailable'
            raise

    async def _ask(
        self, at: httpx.URL, headers: Fields, rules: FetchRules, cookies: httpx.Cookies | None
    ) -> httpx.Response:
        self._still()
        request = httpx.Request("GET", at, headers=headers, extensions={REACH: rules.allow_private, VIA: rules.proxy})
        if cookies is not None:
            cookies.set_cookie_header(request)
        try:
            return await self._pools.handle_async_request(request)
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            failure = told(error, at.host)
            plain = unconditional(headers)
            if failure.reason is FetchReason.PROTOCOL and len(plain) < len(headers):
                # Some servers send a body with a 304, which no parser can tell from a broken answer: ask plainly.
                return await self._ask(at, plain, rules, cookies)
            raise failure from error

    async def _fetched(self, url: str, answer: _Answer, rules: FetchRules, validators: Validators) -> Fetched:
        code, headers = answer.response.status_code, answer.response.headers
        now = self._clock()
        permanent_url = str(answer.at) if answer.passed and answer.permanent else None
        if code == 304 and validators:
            renewed = Validators(
                headers.get("etag") or validators.etag, headers.get("last-modified") or validators.last_modified
            )
            return Fetched(None, True, renewed, now, permanent_url)
        if code not in PAGE:
            pause_s = retry_after_s(headers.get("retry-after"), now) if code in PAUSING else None
            if code == TOO_MANY and pause_s is None:
                pause_s = UNNAMED_PAUSE_S
            if pause_s:
                self._turns.close(_authority(answer.at), pause_s, code)
            raise status(code, pause_s)
        snapshot = Snapshot(
            url=url,
            final_url=str(answer.at),
            status=code,
            headers=tuple(headers.multi_items()),
            redirects=tuple(answer.passed),
            fetched_at=now,
            body=await _body(answer, rules),
        )
        return Fetched(snapshot, False, snapshot.validators, now, permanent_url)


async def _body(answer: _Answer, rules: FetchRules, *, cut: bool = False) -> bytes:
    """The body, decoded, at most ``max_size_bytes`` long: beyond that ``cut`` off, or an error."""
    headers, bound = answer.response.headers, rules.max_size_bytes
    announced = headers.get("content-length", "")
    if not cut and announced.isdigit() and int(announced[:20]) > bound:
        raise _too_large(bound, f"the server announces {int(announced[:20]):,}")
    pieces: list[bytes] = []
    received = kept = 0
    try:
        chain = decoders(headers.get("content-encoding"))
        async for chunk in answer.response.aiter_raw():
            received += len(chunk)
            for piece in decode(chain, chunk):
                kept += len(piece)
                pieces.append(piece)
                if kept > bound:
                    break
            if max(received, kept) > bound:
                if cut:
                    return b"".join(pieces)[:bound]
                raise _too_large(bound, "once decompressed" if kept > received else "the rest was not read")
        for decoder in chain:
            decoder.finish()
    except DecodeError as error:
        raise FetchError(f"{answer.at.host}: the answer {error}", reason=FetchReason.PROTOCOL) from None
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise told(error, answer.at.host) from error
    return b"".join(pieces)


def _too_slow(rules: FetchRules) -> FetchError:
    return FetchError(
        f"took longer than {rules.timeout_s:g} s",
        reason=FetchReason.TIMEOUT,
        hint="Checked again by itself; 'timeout' on the source allows more.",
    )


def _too_large(bound: int, how: str) -> FetchError:
    return FetchError(
        f"larger than {bound:,} bytes ({how})",
        reason=FetchReason.TOO_LARGE,
        hint="Raise max_size on the source if this is meant.",
    )


@lru_cache(maxsize=8192)
def _address(url: str) -> tuple[httpx.URL, bytes | None]:
    """The address without user name and password, and these as a header value. Raises ``FetchError``."""
    try:
        at = _parsed(url.strip())
    except httpx.InvalidURL as error:
        raise FetchError(f"not a valid address: {error}", reason=FetchReason.PROTOCOL) from None
    if at.scheme not in ("http", "https"):
        raise FetchError(f"{at.scheme or 'no scheme'}: only http and https are fetched", reason=FetchReason.PROTOCOL)
    if not at.userinfo:
        return _bare(at), None
    import base64

    return _bare(at), b"Basic " + base64.b64encode(f"{at.username}:{at.password}".encode())


def _parsed(url: str | httpx.URL) -> httpx.URL:
    """The address, its host decoded once: httpx finds a bad ``xn--`` label only then. Raises ``httpx.InvalidURL``."""
    at = httpx.URL(url)
    try:
        _ = at.host
    except UnicodeError:
        raise httpx.InvalidURL("no valid international host name") from None
    return at


def _bare(at: httpx.URL) -> httpx.URL:
    """Without user name, password and fragment, none of which belong into a request line or a record."""
    if at.userinfo:
        at = at.copy_with(username=None, password=None)
    return at.copy_with(fragment=None) if at.fragment else at


def _target(at: httpx.URL, location: str) -> httpx.URL:
    try:
        target = _parsed(at.join(location))
    except httpx.InvalidURL:
        raise _nowhere(at) from None
    if target.scheme not in ("http", "https") or not target.host:
        raise _nowhere(at)
    return _bare(target)


def _nowhere(at: httpx.URL) -> FetchError:
    return FetchError(
        f"{at.host}: redirects to no web address; only http and https are followed",
        reason=FetchReason.REFUSED_ADDRESS,
    )


def _origin(at: httpx.URL) -> str:
    return f"{at.scheme}://{at.netloc.decode('ascii')}"


def host_of(url: str) -> str | None:
    """The name and port under which turns are taken at the host of an address; None where no turns are taken.

    That is so for files, for private addresses, and for what is no address at all.
    """
    if is_local(url):
        return None
    try:
        at = _parsed(url)
    except httpx.InvalidURL:
        return None
    return None if not at.host or is_private_host(at.host) else _authority(at)


def _authority(at: httpx.URL) -> str:
    return f"{at.host}:{at.port}" if at.port else at.host


def _proxy(url: str) -> httpx.Proxy:
    """The proxy at that address; its user name and password as the header that it reads."""
    at = httpx.URL(url)
    if not at.userinfo:
        return httpx.Proxy(at)
    import base64

    name = base64.b64encode(f"{at.username}:{at.password}".encode()).decode()
    return httpx.Proxy(at.copy_with(username=None, password=None), headers={"Proxy-Authorization": f"Basic {name}"})


@dataclass(frozen=True, slots=True)
class Posted:
    """What came back for a POST: the status, ``Retry-After`` in seconds (None: absent), the beginning of the body."""

    status: int
    retry_after_s: float | None
    beginning: bytes = field(repr=False)


class Poster:
    """Sends bodies to addresses, each through the guard, following no redirect: for web hooks. Close it after use.

    ``clock`` is the time on the wall; ``lookup`` and ``ssl_context`` are for tests.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        lookup: Lookup | None = None,
        ssl_context: Callable[[], ssl.SSLContext] = httpx.create_ssl_context,
    ) -> None:
        """Nothing is opened before the first post."""
        self._clock = clock
        self._own_lookup: SystemLookup | None = None
        if lookup is None:
            lookup = self._own_lookup = SystemLookup(threads=1)
        self._pools = Pools(lookup, ssl_context)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pools.aclose()
        if self._own_lookup is not None:
            self._own_lookup.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], rules: FetchRules) -> Posted:
        """The answer, whatever its status; at most ``max_size_bytes`` of its body, the rest is not read.

        ``headers`` are sent over those of the rules. Raises ``FetchError`` when no answer came: a refused address, no
        connection, no certificate that holds, longer than ``timeout_s`` in all.
        """
        at, credentials = _address(url)
        admit(at.host, rules.allow_private)
        sent = {**dict(rules.headers), **headers, "accept-encoding": "identity"}
        fields = request_headers(replace(rules, headers=tuple(sent.items())), credentials)
        fields = [(name, value) for name, value in fields if name != b"accept-encoding"]
        request = httpx.Request(
            "POST",
            at,
            headers=[*fields, (b"accept-encoding", b"identity")],
            content=body,
            extensions={REACH: rules.allow_private},
        )
        try:
            async with asyncio.timeout(rules.timeout_s):
                response = await self._pools.handle_async_request(request)
                try:
                    return await self._posted(response, rules.max_size_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise FetchError(f"took longer than {rules.timeout_s:g} s", reason=FetchReason.TIMEOUT) from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise told(error, at.host) from error

    async def _posted(self, response: httpx.Response, bound: int) -> Posted:
        beginning = bytearray()
        try:
            async for piece in response.aiter_raw():
                beginning += piece[: bound - len(beginning)]
                if len(beginning) >= bound:
                    break
        except (httpx.HTTPError, aiohttp.ClientError):
            pass  # the status has been said; how the rest of the answer ends changes nothing
        pause_s = retry_after_s(response.headers.get("retry-after"), self._clock())
        return Posted(response.status_code, pause_s, bytes(beginning))


class Pools(httpx.AsyncBaseTransport):
    """aiohttp's connection pools below httpx: one for each list of allowed networks, plain and secure.

    A pooled connection was admitted under the rules of the source that opened it. Pools that are apart cannot lend a
    connection to a private address to a source that may not go there. Made when first needed, like the SSL context.
    """

    def __init__(self, lookup: Lookup, ssl_context: Callable[[], ssl.SSLContext]) -> None:
        """``lookup`` answers names, ``ssl_context`` makes the context of every secure pool."""
        self._lookup = lookup
        self._make_context = ssl_context
        self._context: ssl.SSLContext | None = None
        self._pools: dict[tuple[bool, tuple[str, ...], str | None], AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange, without redirects and without decoding."""
        kind = (request.url.scheme == "https", request.extensions.get(REACH, ()), request.extensions.get(VIA))
        pool = self._pools.get(kind)
        if pool is None:
            pool = self._pools[kind] = self._pool(*kind)
        if not kind[0] and pool.proxy is not None:
            request.headers.update(pool.proxy.headers)  # aiohttp sends a proxy's own headers for tunnels only
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all pools."""
        while self._pools:
            _, pool = self._pools.popitem()
            await pool.aclose()

    def _pool(self, secure: bool, allow_private: tuple[str, ...], proxy: str | None) -> AiohttpTransport:
        # Through a proxy only the proxy is dialled, and who configured it may have it anywhere; the target was judged.
        allowed = networks(allow_private if proxy is None else EVERYWHERE)
        context = self._secure_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(allowed, self._lookup),
            socket_factory=guarded_socket(allowed),
            use_dns_cache=False,
            ssl=context,
            limit=0,  # the fetcher counts
            keepalive_timeout=KEEP_ALIVE_S,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        return AiohttpTransport(verify=context, client=session, proxy=_proxy(proxy) if proxy else None)

    def _secure_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._make_context()
        return self._context
