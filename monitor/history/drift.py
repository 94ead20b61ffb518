"""How far has a source, or each member of a series, drifted from its baseline, sentence by sentence?"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from storage.records import Span


class Fate(enum.StrEnum):
    """What became of a baseline sentence; cosmetic changes count as kept."""

    KEPT = "kept"
    REWORDED = "reworded"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Line:
    """One baseline sentence in one member. ``member`` is its counterpart there, None when dropped.

    ``similarity`` in [0, 1] is the share of words that the two have in common, in order; 1 when kept, 0 when dropped.
    ``reordered`` says that it stands out of the baseline's order.
    """

    baseline: Span
    member: Span | None
    fate: Fate
    reordered: bool
    similarity: float


@dataclass(frozen=True, slots=True)
class Drifted:
    """One member against the baseline. ``lines`` has every baseline sentence, in the baseline's order; ``new`` the rest.

    ``distance`` in [0, 1]: 0 the same words, 1 not one in common. ``kept_share`` is the share of the baseline's words that
    still stand, ``new_share`` the share of the member's words that the baseline does not have.
    """

    label: str
    version: int | None
    at: datetime | None
    distance: float
    kept_share: float
    new_share: float
    lines: tuple[Line, ...]
    new: tuple[Span, ...]

    def count(self, fate: Fate) -> int:
        """How many baseline sentences had that fate."""
        return sum(1 for line in self.lines if line.fate is fate)

    @property
    def reordered(self) -> int:
        """How many sentences stand out of the baseline's order."""
        return sum(1 for line in self.lines if line.reordered)


@dataclass(frozen=True, slots=True)
class Drift:
    """The baseline's sentences, and every member against them, in the order given."""

    baseline: tuple[Span, ...]
    members: tuple[Drifted, ...]
