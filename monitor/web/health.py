"""``/healthz`` and ``/metrics``, and the server they stand on: one more task in the daemon's loop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from storage.errors import StorageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from monitor.pulse import Pulse


def health_app(pulse: Pulse, now: Callable[[], datetime]) -> Starlette:
    """The two pages. ``/healthz`` answers 200, or 503 with the reasons."""

    async def healthz(_: Request) -> Response:
        faults = pulse.faults(now())
        told = {"format": 1, "healthy": not faults, "reasons": faults, "configuration_refused": pulse.refused}
        return JSONResponse(told, status_code=503 if faults else 200, headers={"Cache-Control": "no-store"})

    async def metrics(_: Request) -> Response:
        return Response(pulse.metrics(), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", metrics)])


class Server(uvicorn.Server):
    """uvicorn inside a loop that is not its own: it leaves the signals alone and never ends the process."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """``app`` is served at ``host`` and ``port`` once :meth:`serve` runs."""
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                log_config=None,
                proxy_headers=False,  # else the guard would see the reader's address in place of the proxy's
                server_header=False,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=2,
            )
        )

        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; then ``listening`` is set."""
        await super().startup(sockets)
        if self.started:
            self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield

    async def listen(self) -> None:
        """Serve until ``should_exit``. Raises ``StorageError`` when the address cannot be had."""
        try:
            await self.serve()
        except SystemExit:
            place = f"{self.config.host}:{self.config.port}"
            raise StorageError(f"{place}: cannot listen there", hint="Is it taken? Another 'listen:' helps.") from None
