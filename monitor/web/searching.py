"""Where a phrase ever stood, a part of the answer at a time: what changed last comes first, and no part takes long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import regex

from monitor.history.folding import fold
from monitor.history.grep import grep, literals
from monitor.web.shelf import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from monitor.history.grep import Found
    from monitor.web.shelf import Entry, Shelf
    from storage.archive import Archive
    from storage.records import SourceState

HITS: Final = 10
"""So many sources and series at most in one part of the answer."""
EXAMPLES: Final = 5
"""So many places of one source or series are shown."""
BUDGET_S: Final = 0.5
"""After so many seconds the part ends with the source at hand, even where none was found: a page that says so comes at once."""
FEW: Final = 500
"""So many sources are asked for by name; of more, all are asked for."""
_FOLDED_OTHERWISE: Final = regex.compile(r"[-\u2010]\n|[\ufb00-\ufb06\uff00-\uffef\U0001d400-\U0001d7ff]")


@dataclass(frozen=True, slots=True)
class Hits:
    """A part of the answer. ``start`` sources and series were passed over; the next part begins at ``later``, None: no more.

    ``possible`` is how many there are in which the phrase may stand, ``later - start`` of which were looked through.
    """

    found: tuple[tuple[Entry, Found], ...] = ()
    start: int = 0
    later: int | None = None
    possible: int = 0


def search(archive: Archive, shelf: Shelf, phrase: str, start: int = 0, *, budget_s: float = BUDGET_S) -> Hits:
    """Look through sources and series for a phrase, from the ``start``-th of those in which it may stand.

    Raises ``UsageError`` for a phrase of nothing.
    """
    until = time.monotonic() + budget_s
    needle = _needle(phrase)
    possible = _possible(archive, shelf, phrase)
    found: list[tuple[Entry, Found]] = []
    for place, (_, entry_of) in enumerate(possible[start:], start + 1):
        entry = entry_of()
        pairs = entry.pairs
        if any(_may_have(text.text, needle) for _, text in pairs):
            found += [(entry, one) for one in grep({entry.name: pairs}, phrase)]
        if place < len(possible) and (len(found) == HITS or time.monotonic() > until):
            return Hits(tuple(found), start, place, len(possible))
    return Hits(tuple(found), start, None, len(possible))


def _possible(archive: Archive, shelf: Shelf, phrase: str) -> list[tuple[float, Callable[[], Entry]]]:
    """Every series, and the sources that have a history beside that of their series, what changed last first."""
    candidates = archive.candidates(literals(phrase))
    if candidates is not None and len(candidates) <= FEW:
        states = archive.states(ids=sorted(candidates))
    else:
        states = [one for one in archive.states() if candidates is None or one.source.id in candidates]
    series: dict[str, list[SourceState]] = {}
    for state in states:
        if state.source.series and state.versions:
            series.setdefault(state.source.series, []).append(state)
    known: list[tuple[float, Callable[[], Entry]]] = [
        (_changed(of_series), lambda name=name: shelf.entry(name))  # type: ignore[misc]  # mypy has no lambda defaults
        for name, of_series in sorted(series.items())
    ]
    known += [
        (_changed([state]), lambda state=state: Kept(archive, state))  # type: ignore[misc]
        for state in states
        if state.versions > (1 if state.source.series else 0)
    ]
    return sorted(known, key=lambda one: -one[0])


def _changed(states: Iterable[SourceState]) -> float:
    """When the latest wording among them was captured."""
    return max((state.latest.captured.timestamp() for state in states if state.latest), default=0.0)


def _needle(phrase: str) -> str:
    """A word of the folded phrase that a text must have to be worth folding: the longest, or one ideograph; or ''."""
    words = regex.findall(r"[a-z0-9]+|\p{Han}", fold(phrase).text)
    return max(words, key=len, default="")


def _may_have(text: str, needle: str) -> bool:
    """Whether a text has the needle as it stands, or letters and line ends that folding makes others of."""
    if text.isascii():
        return needle in text.lower() or "-\n" in text
    return needle in text.casefold() or _FOLDED_OTHERWISE.search(text) is not None
