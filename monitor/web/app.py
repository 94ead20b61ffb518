"""The web page: read-only pages over the archive, as a Starlette application and as a server inside a running loop."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from monitor.render.addresses import named, number_of, pair_of
from monitor.web.feeds import Feeds
from monitor.web.guard import Access, Guard
from monitor.web.pages import Moved, Room
from storage.errors import UsageError, VariorumError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from monitor.config import Settings
    from storage.archive import Archive

ASSETS: Final = {"room.css": "text/css", "room.js": "text/javascript", "icon.svg": "image/svg+xml"}


def application(settings: Settings | Callable[[], Settings], archive: Archive, access: Access | None = None) -> ASGIApp:
    """The pages. ``settings`` may be a function, asked for each page, where a configuration is read again.

    With a token a request needs ``Authorization: Bearer TOKEN`` (or Basic with it as the password); with a header that
    header, which the proxy in front must set itself and strip from what users send.
    """
    current = settings if callable(settings) else lambda: settings
    room = Room(current, archive)
    feeds = Feeds(room)

    async def told(request: Request, answer: Callable[[], bytes], kind: str) -> Response:
        try:
            body = await run_in_threadpool(answer)
        except Moved as moved:
            return RedirectResponse(moved.address, 302)
        except UsageError as error:
            return missing(request, 404, "Not found", error.message)
        except VariorumError as error:  # the archive cannot be read just now
            return missing(request, 503, "Not now", error.message)
        return _tagged(request, body, f"{kind}; charset=utf-8")

    def missing(request: Request, status: int, heading: str, words: str) -> Response:
        page = room.missing(heading, words, max(0, request.url.path.count("/") - 1))
        return Response(page.encode("utf-8", "backslashreplace"), status, media_type="text/html")

    async def nowhere(request: Request, _: Exception) -> Response:
        return missing(request, 404, "Not found", "There is no page of that address.")

    async def page(request: Request, answer: Callable[[], str]) -> Response:
        return await told(request, lambda: answer().encode("utf-8", "backslashreplace"), "text/html")

    async def feed(request: Request) -> Response:
        return await told(request, lambda: feeds.everything(str(request.base_url)), "application/atom+xml")

    async def feed_of(request: Request) -> Response:
        name = named(request.path_params["name"])
        return await told(request, lambda: feeds.of(name, str(request.base_url)), "application/atom+xml")

    async def overview(request: Request) -> Response:
        return await page(request, room.overview)

    async def sources(request: Request) -> Response:
        number = number_of(request.path_params.get("number", "1"))
        if number is None:
            return missing(request, 404, "Not found", "There is no such page of sources.")
        if "number" in request.path_params and number < 2:
            return RedirectResponse("sources.html")
        return await page(request, lambda: room.sources(number))

    async def status(request: Request) -> Response:
        return await page(request, room.status)

    async def search(request: Request) -> Response:
        passed = number_of(request.query_params.get("from", "")) or 0
        return await page(request, lambda: room.search(request.query_params.get("q", "")[:500], passed))

    async def source(request: Request) -> Response:
        return await page(request, lambda: room.source(named(request.path_params["name"])))

    async def step(request: Request) -> Response:
        name, address = named(request.path_params["name"]), request.path_params["address"]
        asked = request.query_params
        beside, cosmetic = asked.get("view") == "beside", asked.get("cosmetic") != "hidden"
        return await page(request, lambda: room.step(name, address, beside=beside, cosmetic=cosmetic))

    async def compare(request: Request) -> Response:
        """What the form of two versions asks for, as the permanent address of that page."""
        old, new = (request.query_params.get(name, "")[:300] for name in ("old", "new"))
        address = pair_of(old, new)
        if not (old and new) or "/" in address or "\\" in address:
            return missing(request, 404, "Not found", "compare?old=…&new=… names two versions")
        return RedirectResponse(f"{address}.html", 303)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return missing(request, 404, "Not found", "There is no such file.")
        return _tagged(
            request, read_asset(name), ASSETS[name] if name.endswith(".svg") else f"{ASSETS[name]}; charset=utf-8"
        )

    async def front(_: Request) -> Response:
        return RedirectResponse("index.html")

    routes = [
        Route("/", front),
        Route("/index.html", overview),
        Route("/sources.html", sources),
        Route("/sources-{number}.html", sources),
        Route("/status.html", status),
        Route("/search", search),
        Route("/static/{name}", asset),
        Route("/feed.atom", feed),
        Route("/s/{name}/feed.atom", feed_of),
        Route("/s/{name}/index.html", source),
        Route("/s/{name}/compare", compare),
        Route("/s/{name}/{address}.html", step),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={404: nowhere}), access or Access())


def read_asset(name: str) -> bytes:
    """The style sheet or the script."""
    return files("monitor.web").joinpath("static", name).read_bytes()


def _tagged(request: Request, body: bytes, kind: str) -> Response:
    """An answer with its tag, or 304 to who has it already (RFC 9110, section 13.1.2: compared weakly)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=kind, headers={"ETag": tag})
