"""A web server as one more task in a loop that is not its own: uvicorn, which leaves signals alone and ends no process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import uvicorn

from storage.errors import StorageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Serves ``app`` from :meth:`begin` until ``should_exit``; ``signals`` says whether those of this process end it."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, signals: bool = False) -> None:
        """Nothing listens before :meth:`begin`."""
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
        self._signals = signals
        self._listening = asyncio.Event()

    async def begin(self) -> asyncio.Task[None]:
        """Serve as a task, which is returned once the address is ours. Raises ``StorageError`` when it cannot be had."""
        serving = asyncio.create_task(self._until_ended(), name=f"serving {self.config.port}")
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if serving.done():
            await serving
        return serving

    async def _until_ended(self) -> None:
        try:
            await self.serve()
        except SystemExit:
            place = f"{self.config.host}:{self.config.port}"
            raise StorageError(f"{place}: cannot listen there", hint="Is it taken? Another 'listen:' helps.") from None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, without a log line for an address that cannot be had: that is told by ``begin``."""
        log = logging.getLogger("uvicorn.error")
        level = log.level
        log.setLevel(logging.CRITICAL)
        try:
            await super().startup(sockets)
        finally:
            log.setLevel(level)
        if self.started:
            self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's, unless they are ours."""
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield
