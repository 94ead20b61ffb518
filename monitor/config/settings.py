"""What leaves this room: the settings and the declared sources, as plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.fetch import FetchRules
    from monitor.read import ReadRules
    from monitor.read.gate import GateRules
    from monitor.schedule import Rhythm
    from storage.records import Phrase, Source

CONCURRENCY: Final = 50
PER_HOST: Final = 2
SPACING_S: Final = 1.0
"""Between the starts of two requests to one public host, unless `spacing:` says otherwise."""


@dataclass(frozen=True, slots=True)
class Series:
    """A run of sources of one kind; ``baseline`` is the file with the text its members are compared with."""

    id: str
    title: str | None = None
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """One source as it is configured: what it is, and how it is fetched, read, judged and looked at again.

    ``baseline`` is the file of its baseline (None: it has none, or it is a pinned version, ``source.baseline``).
    ``where`` is the line it stands on: ``config.yaml:12``.
    """

    source: Source
    read: ReadRules
    fetch: FetchRules
    rhythm: Rhythm
    gate: GateRules
    baseline: Path | None
    enabled: bool
    where: str


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
class Settings:
    """All that a configuration says. ``notes``: one line for each thing that is accepted and not acted upon yet.

    ``fetch`` holds the defaults, for addresses that no source declares.
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
    notes: tuple[str, ...] = ()
    timestamps: Authority | None = None

    @property
    def shown_database(self) -> str:
        """The address of the database as it may be logged: without its password."""
        from storage.engine import shown

        return shown(self.database)
