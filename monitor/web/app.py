"""The web page: read-only pages over the archive, as a Starlette application and as a server inside a running loop."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from monitor.web.feeds import Feeds
from monitor.web.pages import Room
from storage.errors import ConfigError, VariorumError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitor.config import Settings
    from storage.archive import Archive

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
ASSETS: Final = {"room.css": "text/css", "room.js": "text/javascript"}


def require_safe(host: str, token: str | None, trust_header: str | None) -> None:
    """Refuse to listen beyond this machine without a token or a trusted proxy header. Raises ``ConfigError``."""
    try:
        local = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = False
    if not (local or token or trust_header):
        raise ConfigError(
            f"{host}: the web page would be open to everyone",
            hint="Listen on 127.0.0.1, or set a token or the header that a reverse proxy signs its users in with.",
        )


def application(
    settings: Settings, archive: Archive, *, token: str | None = None, trust_header: str | None = None
) -> ASGIApp:
    """The pages. With ``token`` a request needs ``Authorization: Bearer TOKEN`` (or Basic with it as the password);
    with ``trust_header`` that header, which the proxy in front must set itself and strip from what users send.
    """
    room = Room(settings, archive)
    feeds = Feeds(settings, archive, settings.public_url)

    async def page(request: Request, answer: Callable[[], str]) -> Response:
        try:
            body = (await run_in_threadpool(answer)).encode("utf-8", "backslashreplace")
        except VariorumError as error:
            return PlainTextResponse(error.message, 404)
        return _tagged(request, body, "text/html; charset=utf-8")

    async def overview(request: Request) -> Response:
        return await page(request, room.overview)

    async def status(request: Request) -> Response:
        return await page(request, room.status)

    async def search(request: Request) -> Response:
        return await page(request, lambda: room.search(request.query_params.get("q", "")[:500]))

    async def source(request: Request) -> Response:
        return await page(request, lambda: room.source(request.path_params["name"]))

    async def version(request: Request) -> Response:
        return await page(request, lambda: room.version(request.path_params["name"], request.path_params["number"]))

    async def pair(request: Request) -> Response:
        given, asked = request.path_params, request.query_params
        beside, cosmetic = asked.get("view") == "beside", asked.get("cosmetic") != "hidden"
        return await page(
            request, lambda: room.pair(given["name"], given["old"], given["new"], beside=beside, cosmetic=cosmetic)
        )

    async def feed(request: Request) -> Response:
        return await atom(request, feeds.everything)

    async def feed_of(request: Request) -> Response:
        return await atom(request, lambda base: feeds.of(request.path_params["name"], base))

    async def atom(request: Request, answer: Callable[[str], bytes]) -> Response:
        try:
            body = await run_in_threadpool(answer, str(request.base_url))
        except VariorumError as error:
            return PlainTextResponse(error.message, 404)
        return _tagged(request, body, "application/atom+xml; charset=utf-8")

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return PlainTextResponse("not found", 404)
        return _tagged(request, read_asset(name), f"{ASSETS[name]}; charset=utf-8")

    async def front(_: Request) -> Response:
        return RedirectResponse("index.html")

    routes = [
        Route("/", front),
        Route("/index.html", overview),
        Route("/status.html", status),
        Route("/search", search),
        Route("/static/{name}", asset),
        Route("/feed.atom", feed),
        Route("/s/{name}/feed.atom", feed_of),
        Route("/s/{name}/index.html", source),
        Route("/s/{name}/{number:int}.html", version),
        Route("/s/{name}/{old:int}-{new:int}.html", pair),
    ]
    return _Guard(Starlette(routes=routes), token, trust_header)


async def serve(app: ASGIApp, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve in the running loop until ``stop`` is set; signals stay with the caller."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", server_header=False))

    async def stopping() -> None:
        await stop.wait()
        server.should_exit = True

    waiting = asyncio.create_task(stopping())
    try:
        await server._serve()
    finally:
        waiting.cancel()


def read_asset(name: str) -> bytes:
    """The style sheet or the script."""
    return files("monitor.web").joinpath("static", name).read_bytes()


def _tagged(request: Request, body: bytes, kind: str) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=kind, headers={"ETag": tag})


class _Guard:
    """Who may read, and the headers of every answer."""

    def __init__(self, app: ASGIApp, token: str | None, trust_header: str | None) -> None:
        self._app, self._token, self._header = app, token, trust_header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self._allowed(given):
            await self._app(scope, receive, sending)
        else:
            refusal = PlainTextResponse("sign in", 401, headers={"WWW-Authenticate": 'Basic realm="Variorum"'})
            await refusal(scope, receive, sending)

    def _allowed(self, given: dict[str, str]) -> bool:
        if not (self._token or self._header):
            return True
        if self._header and given.get(self._header.lower()):
            return True
        return bool(self._token) and secrets.compare_digest(_token_in(given).encode(), (self._token or "").encode())


def _token_in(given: dict[str, str]) -> str:
    import base64
    import binascii

    scheme, _, value = given.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
