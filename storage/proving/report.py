"""What was proved, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MOST_FAULTS: Final = 1_000
"""So many are named; of an archive that is damaged all over, the rest is counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One row that is not what was written. ``what`` is the kind of thing, ``said`` the line for people."""

    what: str
    said: str
    source: str | None = None
    version: int | None = None


@dataclass(slots=True)
class Report:
    """What was proved, and what could not be."""

    sources: int = 0
    versions: int = 0
    captures: int = 0
    bodies: int = 0
    pruned: int = 0
    timestamps: int = 0
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    """Faults beyond those that are named."""

    def add(self, what: str, said: str, source: str | None = None, version: int | None = None) -> None:
        """Note a fault."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(what, said, source, version))
        else:
            self.more += 1
