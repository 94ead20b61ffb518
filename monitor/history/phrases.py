"""The registry of set phrases: where does each stand, where is it expected and missing, what is said in its place?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.history.grep import Seen


@dataclass(frozen=True, slots=True)
class Phrase:
    """A registered set phrase: its wordings in any language, and the sources or series in which it is expected."""

    id: str
    variants: tuple[str, ...]
    expect: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """How often one variant stands in one version."""

    version: int
    variant: str
    times: int


@dataclass(frozen=True, slots=True)
class NearMatch:
    """A wording close to a variant but not registered, where it stood first. Offsets into that version's text."""

    at: Seen
    start: int
    end: int
    text: str
    variant: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One phrase in one source or series. ``present`` says that the latest version has it.

    ``usage`` holds versions and variants with at least one match. ``missing`` lists the versions in which it is
    expected (``expected``) and absent. ``variant_changes`` are versions that say it otherwise than the last that did.
    """

    phrase: str
    source: str
    expected: bool
    present: bool
    first: Seen | None
    last: Seen | None
    usage: tuple[Usage, ...]
    missing: tuple[int, ...]
    variant_changes: tuple[int, ...]
    near: tuple[NearMatch, ...]


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The phrases that two texts share come in another order. ``against`` is the version before, None: the baseline."""

    source: str
    version: int
    against: int | None
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """The answer: a standing for each phrase and source (registry order, then the sources'), and changes of order."""

    standings: tuple[Standing, ...]
    orders: tuple[OrderChange, ...]
