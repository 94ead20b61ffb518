"""What went wrong, in one line that a person understands. Decided from types and error numbers, never from words.

The transport's own map calls every connection failure a connect time-out; so we look at the aiohttp error below it.
"""

from __future__ import annotations

import errno
import os
import ssl
from http import HTTPStatus
from typing import Final

from monitor.fetch.lean import aiohttp
from storage.errors import FetchError, FetchReason

_RETRY_HINT: Final = "Checked again by itself; open the address in a browser to see whether the site is up."


def told(error: BaseException, host: str) -> FetchError:
    """The failure of an exchange with ``host`` as a ``FetchError``, by the deepest cause that says something."""
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
            return proxy(cause)
    for cause in causes:
        if isinstance(cause, FetchError):
            return cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return certificate(cause, host)
        if isinstance(cause, ssl.SSLError):
            said = (cause.reason or type(cause).__name__).replace("_", " ").lower()
            return FetchError(f"{host}: no secure connection ({said})", reason=FetchReason.TLS)
        if isinstance(cause, aiohttp.ServerDisconnectedError):
            return FetchError(
                f"{host}: the connection was closed without an answer", reason=FetchReason.CONNECT, hint=_RETRY_HINT
            )
        if isinstance(cause, aiohttp.ClientPayloadError):
            return FetchError(f"{host}: the answer broke off", reason=FetchReason.PROTOCOL, hint=_RETRY_HINT)
        if isinstance(cause, aiohttp.InvalidURL):
            return FetchError(f"{host}: not a valid address", reason=FetchReason.PROTOCOL)
        if isinstance(cause, OSError) and cause.errno is not None:
            return FetchError(f"{host}: {_said(cause)}", reason=FetchReason.CONNECT, hint=_RETRY_HINT)
        if isinstance(cause, aiohttp.ClientResponseError):
            return FetchError(f"{host}: the answer is not HTTP that can be read", reason=FetchReason.PROTOCOL)
    return FetchError(f"{host}: the exchange failed ({type(error).__name__})", reason=FetchReason.PROTOCOL)


def certificate(error: ssl.SSLCertVerificationError, host: str) -> FetchError:
    """A certificate that does not prove the host to be who it says."""
    return FetchError(
        f"{host}: certificate not valid: {error.verify_message.rstrip('.')}",
        reason=FetchReason.TLS,
        hint="Certificates are always checked; SSL_CERT_FILE names the roots of a private authority.",
    )


def proxy(error: OSError | aiohttp.ClientHttpProxyError) -> FetchError:
    """A proxy that cannot be reached, or will not take us to the host."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        hint = (
            "Put user name and password into 'proxy': http://USER:PASSWORD@HOST:PORT." if error.status == 407 else None
        )
        return FetchError(f"the proxy refuses: HTTP {error.status}", reason=FetchReason.CONNECT, hint=hint)
    return FetchError(
        f"the proxy cannot be reached: {_said(error)}", reason=FetchReason.CONNECT, hint="Is 'proxy' right?"
    )


def status(code: int, retry_after_s: float | None) -> FetchError:
    """An answer that is not the page."""
    try:
        phrase = f" {HTTPStatus(code).phrase}"
    except ValueError:
        phrase = ""
    return FetchError(
        f"HTTP {code}{phrase}",
        reason=FetchReason.STATUS,
        status=code,
        retry_after_s=retry_after_s,
        hint=_HINTS.get(code),
    )


_HINTS: Final = {
    401: "The page wants a login; 'headers:' on the source can carry one.",
    403: "The site refuses us; an honest user_agent with a contact address often helps.",
    404: "Open the address in a browser: has the page moved?",
    407: "Put user name and password into 'proxy': http://USER:PASSWORD@HOST:PORT.",
    410: "The site says that the page is gone for good.",
    429: "We ask too often; a longer 'every' on the sources of this host helps.",
}


def _causes(error: BaseException) -> list[BaseException]:
    """The error, deepest cause first."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    return chain[::-1]


def _said(error: OSError) -> str:
    plain = {
        errno.ECONNREFUSED: "connection refused",
        errno.ECONNRESET: "the connection was reset",
        errno.EPIPE: "the connection was closed while asking",
        errno.ENETUNREACH: "no way to that network",
        errno.EHOSTUNREACH: "no way to that host",
        errno.ETIMEDOUT: "no answer to the connection",
    }
    return plain.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
