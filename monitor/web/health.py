"""``/healthz`` and ``/metrics``: how the daemon is, for the machine that watches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request

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
