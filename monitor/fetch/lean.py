"""aiohttp and httpx, imported without what they load for nothing: 95 ms of every start.

httpx imports a command line of its own (rich, click, pygments) unless it is missing. aiohttp reads the system's
certificates twice for contexts that stand ready in case nobody brings one; our pools always bring theirs
(``client.Pools``), so these two are left without roots: they would trust nobody.
"""

# ruff: noqa: E402  (the order is the point)

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _no_roots() -> Iterator[None]:
    """The names by which OpenSSL finds the roots lead nowhere, as long as the import takes."""
    before = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    os.environ.update(dict.fromkeys(before, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # how Python writes "there is no such module"
with _no_roots():
    import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

__all__ = ["AbstractResolver", "AiohttpTransport", "ResolveResult", "aiohttp", "httpx"]
