"""The servers that stand beside other work in one loop: the daemon's health page, and its reading room."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from starlette.types import ASGIApp

    from monitor.config import Settings
    from monitor.config.settings import Health
    from monitor.pulse import Pulse

log = logging.getLogger("variorum.web")


@contextlib.asynccontextmanager
async def health_served(health: Health | None, pulse: Pulse, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Serve health and metrics meanwhile, where they are asked for. Raises ``StorageError`` when the port is taken."""
    if health is None:
        yield
        return
    from monitor.web.health import health_app

    async with _served(health_app(pulse, now), health.host, health.port):
        yield


@contextlib.asynccontextmanager
async def room_served(settings: Settings, current: Callable[[], Settings]) -> AsyncIterator[None]:
    """Serve the reading room meanwhile, where it is asked for, from a connection that only reads.

    ``current`` gives the settings as they are after a reload. Raises ``StorageError`` when the port is taken.
    """
    if settings.web is None:
        yield
        return
    from monitor.web.app import application
    from monitor.web.guard import access_of, require_safe
    from storage.archive import Archive

    web, access = settings.web, access_of(settings.web)
    require_safe(web.host, access)
    with Archive.open(settings.database, create=False, readonly=True) as archive:
        async with _served(application(current, archive, access), web.host, web.port):
            log.info("the web page is at http://%s:%d/", f"[{web.host}]" if ":" in web.host else web.host, web.port)
            yield


@contextlib.asynccontextmanager
async def _served(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    from monitor.web.server import Server  # uvicorn weighs: who serves nothing does not load it

    server = Server(app, host, port)
    serving = await server.begin()
    try:
        yield
    finally:
        server.should_exit = True
        await serving
