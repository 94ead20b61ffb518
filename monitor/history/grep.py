"""When did a phrase first stand in a source, when last, with what gaps, and how often in each version?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.records import Window


@dataclass(frozen=True, slots=True)
class Seen:
    """A version of one source. ``label`` is the source the version belongs to: in a series, the member."""

    version: int
    label: str
    window: Window


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of versions without the phrase between versions with it.

    ``vanished`` is the first version without it, ``returned`` the first with it again; ``versions`` those between.
    """

    vanished: Seen
    returned: Seen
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One place. ``text[start:end]`` of that version's text is ``match``; ``before`` and ``after`` are its surroundings."""

    version: int
    start: int
    end: int
    match: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one source knows of the phrase; only sources in which it ever stood have one.

    ``counts`` holds ``(version, times)`` for every version, in order, zeros too. ``present`` says that the latest version
    has it; else ``vanished`` is the version in which it was missing first after ``last``. ``wordings`` are the different
    true wordings matched, with counts over all versions, most frequent first. ``examples``: the first place of each run
    of versions that have it.
    """

    source: str
    first: Seen
    last: Seen
    present: bool
    vanished: Seen | None
    gaps: tuple[Gap, ...]
    counts: tuple[tuple[int, int], ...]
    wordings: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]

    @property
    def total(self) -> int:
        """How often it was matched over all versions."""
        return sum(times for _, times in self.counts)

    @property
    def versions(self) -> int:
        """In how many versions it stands."""
        return sum(1 for _, times in self.counts if times)
