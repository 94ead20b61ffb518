"""Who may read, by which name, and the headers of every answer.

On this machine everyone may, but only under the names of this machine: a page of somebody else's that has its own name
point at 127.0.0.1 (DNS rebinding) would otherwise read the archive through a visitor's browser. Beyond this machine a
token is needed, or a reverse proxy that signs its users in with a header; that header is believed only from the
addresses of the proxy. Where that is this machine, the name is looked at as well: a rebound page could set the header.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

from monitor.config.settings import LOOPBACK, is_this_machine
from storage.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from monitor.config.settings import Web

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How readers are let in: ``token``, or the ``header`` that a proxy at one of ``proxies`` (networks) sets.

    ``names`` are host names, beside those of this machine, under which an open page answers.
    """

    token: str | None = field(default=None, repr=False)
    header: str | None = None
    proxies: tuple[str, ...] = LOOPBACK
    names: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether everyone may read who reaches it."""
        return not (self.token or self.header)


def require_safe(host: str, access: Access) -> None:
    """Refuse to listen beyond this machine without a token or a trusted proxy header. Raises ``ConfigError``."""
    if access.open and not is_this_machine(host):
        raise ConfigError(
            f"{host}: the web page would be open to everyone",
            hint="Listen on 127.0.0.1, or set `token:` (--token) or the header that a reverse proxy signs its users in "
            "with, `trust_header:` (--trust-header).",
        )


def access_of(web: Web) -> Access:
    """What the configuration says of readers."""
    return Access(web.token, web.trust_header, web.proxies, name_of(web.public_url))


def name_of(address: str | None) -> tuple[str, ...]:
    """The host name in an address, for ``Access.names``."""
    name = urlsplit(address).hostname if address else None
    return (name,) if name else ()


class Guard:
    """Wraps an application: strict headers on every answer, and a refusal for who may not read."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access
        self._proxies = [ipaddress.ip_network(one, strict=False) for one in access.proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI puts it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        known = is_this_machine(name := _host_in(given)) or name in self._access.names
        signed_in = self._signed_in(scope, given)
        if self._has_token(given) or (known and (self._access.open or signed_in)):
            return None
        if signed_in and not is_this_machine(_peer_of(scope)):
            return None  # a proxy elsewhere: no browser of this machine can pose as it
        if self._access.open or signed_in:
            told = "This page answers to the names of its own machine only; `web: {public_url: …}` adds one.\n"
            return PlainTextResponse(told, 421)
        return PlainTextResponse(
            "sign in\n", 401, headers={"WWW-Authenticate": 'Basic realm="Variorum", charset="UTF-8"'}
        )

    def _has_token(self, given: dict[str, str]) -> bool:
        token = self._access.token
        return bool(token) and secrets.compare_digest(_token_in(given).encode(), (token or "").encode())

    def _signed_in(self, scope: Scope, given: dict[str, str]) -> bool:
        """Whether a proxy says that it signed this reader in."""
        header = self._access.header
        return bool(header and given.get(header.lower())) and self._from_proxy(scope)

    def _from_proxy(self, scope: Scope) -> bool:
        peer = _peer_of(scope)
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return not peer  # a Unix socket has no address, and whoever opens it was let through by its permissions
        return any(address in network for network in self._proxies)


def _peer_of(scope: Scope) -> str:
    """The address at the other end; '' at a Unix socket."""
    return (scope.get("client") or ("",))[0]


def _host_in(given: dict[str, str]) -> str:
    host = given.get("host", "")
    return host[: host.find("]") + 1].lower() if host.startswith("[") else host.partition(":")[0].lower()


def _token_in(given: dict[str, str]) -> str:
    scheme, _, value = given.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
