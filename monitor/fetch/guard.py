"""Which addresses may be connected to: public ones, and private ones only where a source says so.

Used on every hop of every request, and on the address that is really connected to: a name is looked up once, all its
answers are judged, and one of these very answers is dialled. There is no second look-up that could answer differently.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from socket import SOCK_STREAM
from typing import Final

from monitor.fetch.lean import AbstractResolver, ResolveResult
from storage.errors import FetchError, FetchReason

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to its addresses; raises ``socket.gaierror``."""

MAX_ADDRESSES: Final = 16
"""More answers than this for one name are not tried."""

UNHEARD_S: Final = 20.0
"""After so long without word from the other side the system gives a connection up. It would go on for a quarter of an hour,
even after we have, and bring a request to a host that others ask by then."""
DIAL_S: Final = 10.0
"""How long one address of several is tried before the next."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_SIXTOFOUR: Final = ipaddress.IPv6Network("2002::/16")  # RFC 3056
_EMBEDDING: Final = (  # the IPv4 address stands in the last 32 bits
    ipaddress.IPv6Network("::ffff:0:0/96"),  # IPv4-mapped, RFC 4291
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible, RFC 4291, deprecated
    _NAT64,
)
_UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out for the public internet
_NOT_PUBLIC: Final = (  # what Python 3.11's is_global does not know; IANA special-purpose registries
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, RFC 6890
    ipaddress.ip_network("3fff::/20"),  # documentation, RFC 9637
)
_NUMERIC_LABEL: Final = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


@lru_cache(maxsize=1024)
def networks(allowed: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks of ``allow_private``, parsed. Raises ``FetchError`` for one that is none."""
    parsed: list[Network] = []
    for entry in allowed:
        try:
            parsed.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            raise FetchError(
                f"allow_private: '{entry}' is not a network",
                reason=FetchReason.REFUSED_ADDRESS,
                hint="Write an address with its prefix length, like 10.0.0.0/8 or fd00::/8.",
            ) from None
    return tuple(parsed)


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, translated, 6to4, NAT64), else the address itself."""
    if isinstance(address, ipaddress.IPv6Address) and int(address) > 1:
        if address in _SIXTOFOUR:
            return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFF_FFFF)
        if any(address in network for network in _EMBEDDING):
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet, whatever form it is written in."""
    meant = embedded(address)
    if not meant.is_global or meant.is_multicast or any(meant in network for network in _NOT_PUBLIC):
        return False
    return isinstance(meant, ipaddress.IPv4Address) or meant in _UNICAST_V6


def is_permitted(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the address may be connected to: public, or inside one of the allowed networks."""
    return is_public(address) or any(form in network for network in allowed for form in {address, embedded(address)})


def check_address(written: str, allowed: Sequence[Network], host: str | None = None) -> None:
    """Raise ``FetchError`` unless the address may be connected to. ``host`` is the name that led there, if any."""
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        raise _unclear(written) from None
    if not is_permitted(address, allowed):
        what = f"the address {written} is private" if host is None else f"{host} leads to {written}, which is private"
        meant = embedded(address)
        raise FetchError(
            f"{what}; add it to allow_private if this is meant",
            reason=FetchReason.REFUSED_ADDRESS,
            hint=f"allow_private: [{meant}/{meant.max_prefixlen}]",
        )


def check_host(host: str, allowed: Sequence[Network]) -> None:
    """Raise ``FetchError`` for a host that is a refused address, or a number that only some programs take for one.

    ``0x7f.1``, ``2130706433`` and ``0177.0.0.1`` are loopback to ``getaddrinfo`` and nothing to others; no honest
    address is written so. As in the WHATWG URL standard, a host whose last label is a number must be an IPv4 address.
    Names pass: their addresses are judged when they are looked up.
    """
    if not host:
        raise FetchError("the address names no host", reason=FetchReason.PROTOCOL)
    if ":" in host:
        check_address(host, allowed)
    elif _NUMERIC_LABEL.fullmatch(host.rstrip(".").rpartition(".")[2]):
        check_address(host.removesuffix("."), allowed)


@lru_cache(maxsize=4096)
def admit(host: str, allow_private: tuple[str, ...]) -> None:
    """:func:`check_host`, remembered for hosts that pass: every hop of every fetch asks."""
    check_host(host, networks(allow_private))


@lru_cache(maxsize=4096)
def is_private_host(host: str) -> bool:
    """Whether the host is given as an address that is not public (then it is somebody's own machine)."""
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return False


class GuardedResolver(AbstractResolver):
    """aiohttp's resolver for one list of allowed networks: every answer is judged, and one bad answer refuses all.

    A name that leads to public and private addresses at once is either a mistake or an attack.
    """

    def __init__(self, allowed: Sequence[Network], lookup: Lookup) -> None:
        """``lookup`` answers the names; the tests bring one that changes its mind."""
        self._allowed = allowed
        self._lookup = lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  (aiohttp's signature; we take every family)
    ) -> list[ResolveResult]:
        """The addresses of a name, all permitted. Raises ``FetchError``."""
        check_host(host, self._allowed)
        try:
            found = await self._lookup(host, port)
        except socket.gaierror as error:
            raise _not_found(host, error) from None
        except UnicodeError:
            raise _not_found(host) from None
        if not found:
            raise _not_found(host)
        for address in found:
            check_address(address, self._allowed, host)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in found[:MAX_ADDRESSES]
        ]

    async def close(self) -> None:
        """Nothing is held open."""


def guarded_socket(allowed: Sequence[Network]) -> Callable[[tuple[object, ...]], socket.socket]:
    """The last wall: makes the socket for an address just before it is dialled, and judges that very address.

    For aiohttp's ``socket_factory``. It holds even if a host should one day reach the connector past the resolver.
    """

    def open_socket(address_info: tuple[object, ...]) -> socket.socket:
        family, kind, proto, _, where = address_info
        assert isinstance(family, int)  # noqa: S101  (aiohttp types the tuple loosely)
        assert isinstance(kind, int)  # noqa: S101
        assert isinstance(proto, int)  # noqa: S101
        assert isinstance(where, tuple)  # noqa: S101
        try:
            check_address(str(where[0]), allowed)
        except FetchError as refusal:
            # An OSError, as from a connection that fails: what tries the addresses in turn knows how to go on from it.
            raise PermissionError(errno.EACCES, refusal.message) from refusal
        found = socket.socket(family, kind, proto)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNHEARD_S * 1000))
        return found

    return open_socket


async def dial(host: str, port: int, allowed: Sequence[Network], lookup: Lookup) -> socket.socket:
    """A connection to one of the addresses of ``host``, all judged; tried in turn, each at most ``DIAL_S``.

    For protocols other than HTTP, whose connector dials for itself. Raises ``FetchError`` for a refused address or an
    unknown name, ``OSError`` (``TimeoutError``) when the last of them could not be reached.
    """
    loop = asyncio.get_running_loop()
    found = await GuardedResolver(allowed, lookup).resolve(host, port)
    for left, place in zip(range(len(found) - 1, -1, -1), found, strict=True):
        sock = guarded_socket(allowed)((place["family"], SOCK_STREAM, place["proto"], "", (place["host"], port)))
        sock.setblocking(False)
        try:
            async with asyncio.timeout(DIAL_S if left else None):
                await loop.sock_connect(sock, (place["host"], port))
        except OSError:
            sock.close()
            if not left:
                raise
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise _not_found(host)


class SystemLookup:
    """The system's resolver in threads of its own: a silent name server must not hold up the reading of pages."""

    def __init__(self, threads: int = 16) -> None:
        """At most ``threads`` names are looked up at once."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dns")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name in the system's order of preference, each once."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, partial(socket.getaddrinfo, host, port, type=SOCK_STREAM))
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Let the threads go; look-ups that still wait are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _unclear(written: str) -> FetchError:
    return FetchError(
        f"'{written}' is not an address in its usual form",
        reason=FetchReason.REFUSED_ADDRESS,
        hint="Write an IPv4 address as four decimal numbers, or use the host's name.",
    )


def _not_found(host: str, error: socket.gaierror | None = None) -> FetchError:
    if error is not None and error.errno == socket.EAI_AGAIN:
        return FetchError(f"{host}: name could not be looked up just now (DNS)", reason=FetchReason.DNS)
    return FetchError(
        f"{host}: name not found (DNS)", reason=FetchReason.DNS, hint="Check the spelling and this machine's DNS."
    )
