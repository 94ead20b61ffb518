"""What leaves this room: the settings and the declared sources, as plain frozen records."""

from __future__ import annotations

import ipaddress
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from storage.frozen import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.alerts.rules import Rule
    from monitor.alerts.timing import Policy
    from monitor.fetch import FetchRules
    from monitor.read import ReadRules
    from monitor.read.gate import GateRules
    from monitor.read.listing import ListRules
    from monitor.schedule import Rhythm
    from storage.records import EditKind, Found, Phrase, Source

CONCURRENCY: Final = 50
PER_HOST: Final = 2
MAX_PAGES: Final = 20
MAX_NEW: Final = 100
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
SPACING_S: Final = 1.0
"""Between the starts of two requests to one public host, unless `spacing:` says otherwise."""
WITHIN_S: Final = 600.0
"""So long may the last fetch be ago, while something is due, before the daemon calls itself unhealthy."""


@dataclass(frozen=True, slots=True)
class Series:
    """A run of sources of one kind; ``baseline`` is the file with the text its members are compared with."""

    id: str
    title: str | None = None
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class PageRules:
    """Which documents make up one text: its own address, then ``pages``, then what ``next`` links to.

    ``print_view`` is ``auto`` or the selector of the link to a print view, which is read instead of the page.
    """

    pages: tuple[str, ...] = ()
    next: str | None = None
    print_view: str | None = None
    max_pages: int = MAX_PAGES

    @property
    def several(self) -> bool:
        """Whether more than the page itself may be asked for."""
        return bool(self.pages or self.next or self.print_view)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a listing is read, and how the sources are looked at that it finds. At most ``max_new`` are taken up a look."""

    rules: ListRules
    rhythm: Rhythm
    pages: PageRules
    max_new: int = MAX_NEW


@dataclass(frozen=True, slots=True)
class Declaration:
    """One source as it is configured: what it is, and how it is fetched, read, judged and looked at again.

    ``baseline`` is the file of its baseline (None: it has none, or it is a pinned version, ``source.baseline``).
    ``where`` is the line it stands on: ``config.yaml:12``. ``listing`` is set for a listing, which has no text of its
    own; ``found`` for a source that one found. ``was`` is the id under which its history was kept before.
    ``shown_url`` is where people are sent, where that is not the address that is fetched.
    """

    source: Source
    read: ReadRules
    fetch: FetchRules
    rhythm: Rhythm
    gate: GateRules
    baseline: Path | None
    enabled: bool
    where: str
    pages: PageRules = PageRules()
    listing: Listing | None = None
    found: Found | None = None
    was: str | None = None
    shown_url: str | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority (RFC 3161), and the file of root certificates that its answers are checked against.

    ``every_s``: how often the daemon asks it, in seconds; None: only `variorum timestamp` does.
    """

    url: str
    certificates: Path | None = None
    allow_private: tuple[str, ...] = ()
    every_s: float | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Where health and metrics are served; ``within_s``: how old the last fetch may be while something is due."""

    host: str
    port: int
    within_s: float = WITHIN_S


@dataclass(frozen=True, slots=True)
class Web:
    """Where the daemon serves the web page, and who may read: who knows ``token``, or comes through a proxy.

    ``trust_header`` is what that proxy sets, believed from ``proxies`` (networks) only.
    """

    host: str
    port: int
    public_url: str | None = None
    token: str | None = field(default=None, repr=False)
    trust_header: str | None = None
    proxies: tuple[str, ...] = LOOPBACK

    @property
    def safe(self) -> bool:
        """Whether it is not open to everyone who reaches it from elsewhere."""
        return bool(self.token or self.trust_header) or is_this_machine(self.host)


def is_this_machine(host: str) -> bool:
    """Whether a name or address always means the machine itself. RFC 6761, 6.3: localhost needs no name server."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Logging:
    """How the daemon logs: ``text`` or ``json``, from ``level`` on (None: as the command line says)."""

    format: str = "text"
    level: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a configuration says. ``notes``: one line for each thing that is right and yet worth a second look.

    ``fetch`` holds the defaults, for addresses that no source declares. ``secrets``: the values that no log may show.
    """

    path: Path
    database: str
    declarations: tuple[Declaration, ...]
    series: tuple[Series, ...]
    fetch: FetchRules
    user_agent: str
    concurrency: int = CONCURRENCY
    per_host: int = PER_HOST
    spacing_s: float = SPACING_S
    phrases: tuple[Phrase, ...] = ()
    kinds: tuple[tuple[EditKind, tuple[str, ...]], ...] = ()
    """More words for kinds of edits, beside the lists that are shipped."""
    health: Health | None = None
    web: Web | None = None
    log: Logging = Logging()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    channels_told: tuple[tuple[str, dict[str, Any]], ...] = field(default=(), repr=False)
    """The channels as they are written, by name: for who opens or examines them."""
    alerts: tuple[Rule, ...] = ()
    policies: tuple[tuple[str, Policy], ...] = ()
    """When each channel is used, by name."""
    public_url: str | None = None
    """Where people reach the web page, with a slash at its end."""
    notes: tuple[str, ...] = ()
    timestamps: Authority | None = None

    @property
    def listings(self) -> tuple[Declaration, ...]:
        """The declarations that are listings."""
        return tuple(one for one in self.declarations if one.listing is not None)

    @property
    def shown_database(self) -> str:
        """The address of the database as it may be logged: without its password."""
        from storage.engine import shown

        return shown(self.database)
