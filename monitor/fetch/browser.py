"""Pages that only a browser can read: rendered by an installed Chromium, behind the same guard and bounds. An extra.

The only room that knows Playwright. One browser for all pages, started for the first of them; a context of its own for
each page, so that they share no cookies, no storage and no cache; every connection goes through a :class:`Wall`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.fetch import Fetched, FetchRules
from monitor.fetch.failures import status
from monitor.fetch.wall import Wall
from storage.errors import FetchError, FetchReason
from storage.records import Snapshot, Validators

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import playwright.async_api as playwright

    from monitor.fetch.guard import Lookup

PATH_VARIABLE: Final = "VARIORUM_CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
AT_ONCE: Final = 2
"""Pages rendered at once: each is a process of some 100 MB."""
REQUESTS: Final = 300
SETTLE_S: Final = 3.0
"""How long after its load a page may go on asking for things, where no ``wait_for`` says what is waited for."""
BYTES_PER_SIZE: Final = 10
"""A page's scripts and styles may weigh this many times what the page itself may (``max_size``)."""
CLOSE_S: Final = 5.0
_UNSEEN: Final = frozenset({"image", "media", "font"})
_PAGE: Final = frozenset({200, 203})
_ARGUMENTS: Final = (
    "--disable-quic",
    "--dns-prefetch-disable",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the wall resolves
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy",
    "--js-flags=--max-old-space-size=512",
)
_DEAD: Final = "http://127.0.0.1:9"
"""The proxy of whatever belongs to no context: it leads nowhere."""
_DROPPED: Final = frozenset({"content-encoding", "content-length", "content-type", "transfer-encoding", "connection"})


def executable(rules: FetchRules) -> str | None:
    """The Chromium to start: ``browser_path``, ``$VARIORUM_CHROMIUM``, the usual names, or None where there is none."""
    for named in (rules.browser_path, os.environ.get(PATH_VARIABLE)):
        if named:
            return named if Path(named).is_file() else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass(slots=True)
class _Page:
    """What one page asked for."""

    rules: FetchRules
    origin: str
    asked: int = 0
    failed: list[str] = field(default_factory=list)


def require_extra(rules: FetchRules) -> None:
    """Raise ``FetchError`` unless the extra and a Chromium are there."""
    if find_spec("playwright") is None:
        raise FetchError(
            "rendering needs the extra 'browser'",
            reason=FetchReason.PROTOCOL,
            hint="pip install 'variorum[browser]', and a Chromium (Debian: apt-get install chromium).",
        )
    if executable(rules) is None:
        named = rules.browser_path or os.environ.get(PATH_VARIABLE)
        raise FetchError(
            f"no Chromium at {named}" if named else "no Chromium is installed",
            reason=FetchReason.PROTOCOL,
            hint=f"Install one (Debian: apt-get install chromium), or name it: browser_path, or ${PATH_VARIABLE}.",
        )


class Browser:
    """Renders pages, at most ``AT_ONCE`` at once. Close it."""

    def __init__(self, lookup: Lookup, clock: Callable[[], datetime]) -> None:
        """Nothing is started before the first page."""
        self._lookup = lookup
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._starting = asyncio.Lock()
        self._driver: playwright.Playwright | None = None
        self._running: dict[str, playwright.Browser] = {}

    async def aclose(self) -> None:
        """End the browser."""
        for running in self._running.values():
            with contextlib.suppress(Exception):
                await asyncio.wait_for(running.close(), CLOSE_S)
        self._running.clear()
        if self._driver is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._driver.stop(), CLOSE_S)
            self._driver = None

    async def render(self, url: str, rules: FetchRules) -> Fetched:
        """The page at ``url`` as it stands when its scripts are done; the body is the document tree written out.

        Raises ``FetchError`` only. There is no asking conditionally: a page that scripts make has no validators.
        """
        from playwright.async_api import Error

        async with self._places:
            most = rules.max_size_bytes * BYTES_PER_SIZE
            try:
                async with (
                    asyncio.timeout(rules.timeout_s),
                    Wall(rules.allow_private, self._lookup, most_bytes=most, proxy=rules.proxy) as wall,
                ):
                    running = await self._started(executable(rules) or "")
                    context = await running.new_context(
                        proxy={"server": wall.url, "bypass": "<-loopback>"},
                        user_agent=rules.user_agent,
                        service_workers="block",
                        accept_downloads=False,
                        permissions=[],
                    )
                    try:
                        return await self._page(context, url, rules, wall)
                    except Error as error:
                        raise _told(error, url, wall, most) from None
                    finally:
                        await self._closed(context)
            except TimeoutError:
                raise FetchError(
                    f"took longer than {rules.timeout_s:g} s in the browser",
                    reason=FetchReason.TIMEOUT,
                    hint="Checked again by itself; 'timeout' on the source allows more.",
                ) from None
            except Error as error:
                raise FetchError(
                    f"the browser does not work: {_first_line(error)}",
                    reason=FetchReason.PROTOCOL,
                    hint="Does the Chromium start by itself? `browser_path` names another.",
                ) from None

    async def _started(self, path: str) -> playwright.Browser:
        async with self._starting:
            running = self._running.get(path)
            if running is not None and running.is_connected():
                return running
            if self._driver is None:
                from playwright.async_api import async_playwright

                self._driver = await async_playwright().start()
            running = self._running[path] = await self._driver.chromium.launch(
                executable_path=path,
                chromium_sandbox=os.geteuid() != 0,  # Chromium refuses its sandbox to root
                args=list(_ARGUMENTS),
                proxy={"server": _DEAD, "bypass": "<-loopback>"},
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
            return running

    async def _closed(self, context: playwright.BrowserContext) -> None:
        """A page that does not let itself be closed costs the browser: the next page gets a new one."""
        try:
            await asyncio.wait_for(context.close(), CLOSE_S)
        except Exception:  # noqa: BLE001  (whatever it is, the browser behind it is not to be used again)
            for path, running in list(self._running.items()):
                if running is context.browser:
                    del self._running[path]
                    with contextlib.suppress(Exception):
                        await asyncio.wait_for(running.close(), CLOSE_S)

    async def _page(self, context: playwright.BrowserContext, url: str, rules: FetchRules, wall: Wall) -> Fetched:
        from playwright.async_api import TimeoutError as TooSlow

        asked = _Page(rules, _origin(url))
        await context.route("**/*", lambda route: _judged(route, asked))
        page = await context.new_page()
        context.on("page", lambda other: asyncio.ensure_future(other.close()) if other is not page else None)
        response = await page.goto(url, wait_until="load", timeout=0)
        if response is None:
            raise FetchError("the browser got no answer", reason=FetchReason.PROTOCOL)
        _require_let_through(page.url, wall)
        if response.status not in _PAGE:
            raise status(response.status, None)
        if rules.wait_for is not None:
            try:
                await page.wait_for_selector(rules.wait_for, state="attached", timeout=rules.timeout_s * 900)
            except TooSlow:
                raise FetchError(
                    f"the page never showed {rules.wait_for!r} ('wait_for')", reason=FetchReason.TIMEOUT
                ) from None
        else:
            with contextlib.suppress(TooSlow):
                await page.wait_for_load_state("networkidle", timeout=SETTLE_S * 1000)
        body = (await page.content()).encode("utf-8", "replace")
        _require_let_through(page.url, wall)
        if wall.over:
            raise _too_large(rules.max_size_bytes * BYTES_PER_SIZE)
        if len(body) > rules.max_size_bytes:
            raise _too_large(rules.max_size_bytes)
        headers = [(one["name"].lower(), one["value"]) for one in await response.headers_array()]
        passed, permanent = await _redirects(response.request)
        now = self._clock()
        snapshot = Snapshot(
            url=url,
            final_url=page.url.partition("#")[0],
            status=response.status,
            headers=(
                ("content-type", "text/html; charset=utf-8"),
                ("x-variorum-rendered", f"chromium {context.browser.version if context.browser else ''}".strip()),
                *((name, value) for name, value in headers if name not in _DROPPED),
            ),
            redirects=passed,
            fetched_at=now,
            body=body,
        )
        return Fetched(snapshot, False, Validators(), now, response.url if passed and permanent else None)


async def _judged(route: playwright.Route, page: _Page) -> None:
    """One request of a page: pictures are not seen, the headers of the source stay with its origin."""
    from playwright.async_api import Error

    page.asked += 1
    request = route.request
    with contextlib.suppress(Error):  # a page that is being closed has no more routes
        if request.resource_type in _UNSEEN or page.asked > REQUESTS or not request.url.startswith("http"):
            await route.abort()
        elif page.rules.headers and _origin(request.url) == page.origin:
            own = {name.lower(): value for name, value in page.rules.headers}
            await route.continue_(headers={**await request.all_headers(), **own})
        else:
            await route.continue_()


async def _redirects(request: playwright.Request) -> tuple[tuple[str, ...], bool]:
    """The addresses passed through, in order, and whether every hop was permanent."""
    passed: list[str] = []
    permanent = True
    at = request.redirected_from
    while at is not None:
        answer = await at.response()
        permanent = permanent and answer is not None and answer.status in (301, 308)
        passed.append(at.url)
        at = at.redirected_from
    return tuple(reversed(passed)), permanent


def _require_let_through(url: str, wall: Wall) -> None:
    if (refusal := wall.refused.get(_host(url))) is not None:
        raise refusal


def _told(error: Exception, url: str, wall: Wall, most: int) -> FetchError:
    """What Playwright could not do, by what the wall saw; else in the browser's own word (``net::ERR_…``)."""
    if wall.over:
        return _too_large(most)
    if (refusal := wall.refused.get(_host(url))) is not None or (wall.refused and "ERR_TUNNEL" in str(error)):
        return refusal or next(iter(wall.refused.values()))
    said = _first_line(error)
    reason = FetchReason.TLS if "ERR_CERT" in said or "ERR_SSL" in said else FetchReason.CONNECT
    return FetchError(f"{_host(url)}: the browser says {said}", reason=reason)


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return line.rpartition("net::")[2].partition(" at ")[0] if "net::" in line else line


def _too_large(bound: int) -> FetchError:
    return FetchError(
        f"larger than {bound:,} bytes in the browser",
        reason=FetchReason.TOO_LARGE,
        hint="Raise max_size on the source if this is meant.",
    )


def _origin(url: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or ""
