"""Proofs of time: the chain heads stamped by an authority that is not us (RFC 3161). Needs the extra ``timestamp``.

What is stamped is one hash over all heads (``storage.merkle``), so one token a day covers any number of sources. Who
doubts the clock of this machine, or its operator, has the authority's signature that these seals existed at that time.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from storage.errors import FetchError, FetchReason, IntegrityError, UsageError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

    from monitor.config import Authority
    from monitor.fetch import FetchRules
    from storage.archive import Archive
    from storage.stamps import Timestamp

MAX_ANSWER_BYTES: Final = 1_000_000
_QUERY: Final = "application/timestamp-query"
_REPLY: Final = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time-stamp that was obtained: its number, the authority's time, how many heads it covers."""

    number: int
    at: datetime
    heads: int


def require_extra() -> Any:
    """The library of the extra. Raises ``UsageError`` that says how to get it."""
    try:
        import rfc3161_client
    except ImportError:
        raise UsageError("time-stamps need the extra 'timestamp'", hint="pip install 'variorum[timestamp]'") from None
    return rfc3161_client


def obtain(
    archive: Archive, url: str, rules: FetchRules, *, certificates: Path | None, only: Collection[str] | None = None
) -> Stamped:
    """Have the chain heads stamped, check the answer, keep it.

    Raises ``UsageError`` (no heads, no extra), ``FetchError`` (the authority does not answer, or refuses),
    ``IntegrityError`` (its answer is not a stamp of these heads, or not signed under ``certificates``).
    """
    library = require_extra()
    from storage import merkle

    heads = archive.heads(only)
    if not heads:
        raise UsageError("there is nothing to stamp yet", hint="`variorum check` makes the first versions.")
    root = merkle.root([head.leaf for head in heads])
    builder = library.TimestampRequestBuilder().data(root).hash_algorithm(library.HashAlgorithm.SHA256)
    request = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    answer = asyncio.run(_ask(url, request.as_bytes(), rules))
    told = _decoded(answer, url)
    if told.status not in (0, 1):
        said = "; ".join(told.status_string) or f"status {told.status}"
        raise FetchError(f"{url}: the authority refused ({said})", reason=FetchReason.PROTOCOL)
    if told.tst_info.nonce != request.nonce:
        raise IntegrityError(f"{url}: the answer is to another request (nonce)")
    fault = fault_of(answer, root, certificates)
    if fault is not None:
        raise IntegrityError(f"{url}: the answer is no good: {fault}")
    at = told.tst_info.gen_time
    return Stamped(archive.keep_timestamp(at, url, heads, answer), at, len(heads))


def obtain_when_due(archive: Archive, authority: Authority, rules: FetchRules, now: datetime) -> Stamped | None:
    """What the daemon calls: a stamp when the last is ``every_s`` old and there are new heads; None otherwise.

    Raises as :func:`obtain` does. The time of the last stamp is in the archive, so a restart asks for none too many.
    """
    last = archive.timestamps(last=1)
    if last and (now - last[0].at).total_seconds() < (authority.every_s or 0.0):
        return None
    heads = archive.heads()
    if not heads or (last and last[0].heads == heads):
        return None
    rules = replace(rules, allow_private=(*rules.allow_private, *authority.allow_private))
    return obtain(archive, authority.url, rules, certificates=authority.certificates)


def faults(archive: Archive, certificates: Path | None) -> list[str]:
    """One line for each fault: heads that the archive contradicts, tokens that do not prove them.

    Without ``certificates`` it is checked that each token is of its heads, not that an authority signed it.
    """
    require_extra()
    found = archive.timestamp_faults()
    for stamp in archive.timestamps():
        fault = fault_of(stamp.token, stamp.root, certificates) or _fault_of_time(stamp)
        if fault is not None:
            found.append(f"timestamp {stamp.number}: {fault}")
    return found


def fault_of(answer: bytes, root: bytes, certificates: Path | None) -> str | None:
    """Why an authority's answer does not prove ``root``; None when it does."""
    library = require_extra()
    try:
        told = library.decode_timestamp_response(answer)
        stamped = told.tst_info.message_imprint.message
    except ValueError as error:
        return f"it cannot be read ({error})"
    if stamped != hashlib.sha256(root).digest():
        return "it is a stamp of something else"
    if certificates is None:
        return None
    builder = library.VerifierBuilder()
    for certificate in _certificates(certificates):
        builder = builder.add_root_certificate(certificate)
    for certificate in _embedded(told):
        builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify(told, hashlib.sha256(root).digest())
    except (library.VerificationError, ValueError) as error:
        return f"its signature does not hold: {str(error).rstrip('.')}"
    return None


def _fault_of_time(stamp: Timestamp) -> str | None:
    told = require_extra().decode_timestamp_response(stamp.token)
    return None if told.tst_info.gen_time == stamp.at else "the time that is kept is not the token's"


def _decoded(answer: bytes, url: str) -> Any:
    try:
        return require_extra().decode_timestamp_response(answer)
    except ValueError:
        raise FetchError(f"{url}: the answer is no time-stamp", reason=FetchReason.PROTOCOL) from None


def _certificates(file: Path) -> list[Any]:
    from cryptography import x509

    try:
        return list(x509.load_pem_x509_certificates(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: no certificates in PEM ({error})") from None


def _embedded(told: Any) -> list[Any]:
    """The authority's intermediate certificates that came with the answer (its own is found by the library)."""
    from cryptography import x509

    found = []
    for der in sorted(told.signed_data.certificates):
        certificate = x509.load_der_x509_certificate(der)
        try:
            authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except x509.ExtensionNotFound:
            authority = False
        if authority and certificate.issuer != certificate.subject:
            found.append(certificate)
    return found


async def _ask(url: str, request: bytes, rules: FetchRules) -> bytes:
    """One POST through the guard: the same pools and the same judgement of addresses as a fetch, no redirects."""
    import ssl

    import aiohttp
    import httpx

    from monitor.fetch.client import REACH, Pools
    from monitor.fetch.failures import status, told
    from monitor.fetch.guard import SystemLookup, check_host, networks

    at = httpx.URL(url)
    if at.scheme not in ("http", "https"):
        raise FetchError(f"{url}: only http and https are asked", reason=FetchReason.PROTOCOL)
    check_host(at.host, networks(rules.allow_private))
    lookup = SystemLookup(threads=1)
    client = httpx.AsyncClient(transport=Pools(lookup, ssl.create_default_context), timeout=None, trust_env=False)  # noqa: S113  (asyncio.timeout holds the whole exchange)
    headers = {"content-type": _QUERY, "accept": _REPLY, "user-agent": rules.user_agent, "accept-encoding": "identity"}
    asked = httpx.Request("POST", at, headers=headers, content=request, extensions={REACH: rules.allow_private})
    try:
        async with asyncio.timeout(rules.timeout_s), client:
            response = await client.send(asked, stream=True, follow_redirects=False)
            try:
                if response.status_code != 200:
                    raise status(response.status_code, None)
                answer = bytearray()
                async for piece in response.aiter_raw():
                    answer += piece
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise FetchError(f"{url}: no time-stamp is so large", reason=FetchReason.TOO_LARGE)
                return bytes(answer)
            finally:
                await response.aclose()
    except TimeoutError:
        raise FetchError(f"{url}: took longer than {rules.timeout_s:g} s", reason=FetchReason.TIMEOUT) from None
    except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
        raise told(error, at.host) from error
    finally:
        lookup.close()
