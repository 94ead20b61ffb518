"""A web server as one more task in a loop that is not its own: uvicorn, which leaves signals alone and ends no process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import uvicorn

from storage.errors import StorageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from starlette.types import ASGIApp


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
