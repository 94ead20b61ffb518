"""Which events are told to whom: pure, and called by the check, so that alerts are kept with what they tell of.

A rule *chooses* events and *narrows* them down. It chooses with ``events``, ``phrases``, ``drift`` and ``quiet``
(any of them); without one it chooses everything but what somebody must ask for: ``drift`` and ``quiet``, which are judged
against the bound of the rule that asks; rereads, which are changes of our reader and not of the page; and ``new`` texts
that were there before we looked (a source that was just declared, what a listing already named at its first look).
It narrows with all of ``severity``, ``kinds``, ``silent``, ``sources``, ``series`` and ``tags``. ``severity`` narrows only what has one: that a
page fails is told to a rule for ``wording`` too.

What one look at one source brings is one alert for a channel, however many events and rules led there: the first of
:data:`LEADS`; the others are told in it as lines of their own.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass
from storage.records import Alert, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.records import EditKind, Event, Severity, Source

ASKED_FOR: Final = frozenset({EventKind.DRIFT, EventKind.QUIET, EventKind.REREAD})

LEADS: Final = (
    EventKind.GONE,
    EventKind.REVERTED,
    EventKind.CHANGED,
    EventKind.NEW,
    EventKind.PHRASE,
    EventKind.DRIFT,
    EventKind.COSMETIC,
    EventKind.RETURNED,
    EventKind.FAILING,
    EventKind.RECOVERED,
    EventKind.MOVED,
    EventKind.QUIET,
    EventKind.REREAD,
)
"""Of several events of one look the first of these leads."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which events go to which channels. Empty sets and None say nothing.

    ``phrases`` holds pairs of what happened (``appeared``, ``vanished``, ``missing``, ``reworded``) and a phrase's id.
    ``drift`` is the distance from the baseline that must be crossed, ``quiet_s`` how long nothing may move, in seconds.
    """

    to: tuple[str, ...]
    events: frozenset[EventKind] = frozenset()
    phrases: frozenset[tuple[str, str]] = frozenset()
    drift: float | None = None
    quiet_s: float | None = None
    severity: Severity | None = None
    kinds: frozenset[EditKind] = frozenset()
    silent: bool | None = None
    sources: frozenset[str] = frozenset()
    series: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def watches(self, source: Source) -> bool:
        """Whether it is about that source at all."""
        return (
            (not self.sources or source.id in self.sources)
            and (not self.series or source.series in self.series)
            and (not self.tags or not self.tags.isdisjoint(source.tags))
        )

    def takes(self, event: Event, kinds: frozenset[EditKind] = frozenset()) -> bool:
        """Whether it tells an event of a source that it watches; ``kinds`` are those of the edits that led to it."""
        return self._chooses(event) and self._lets_through(event, kinds)

    def _chooses(self, event: Event) -> bool:
        if not (self.events or self.phrases or self.drift is not None or self.quiet_s is not None):
            return event.kind not in ASKED_FOR and not event.detail.get("backlog")
        if event.kind is EventKind.PHRASE and self.phrases:
            return (event.detail["what"], event.detail["phrase"]) in self.phrases
        if event.kind is EventKind.DRIFT and self.drift is not None:
            return bool(event.detail["beyond"] == self.drift)
        if event.kind is EventKind.QUIET and self.quiet_s is not None:
            return bool(event.detail["after_s"] == self.quiet_s)
        return event.kind in self.events

    def _lets_through(self, event: Event, kinds: frozenset[EditKind]) -> bool:
        if self.severity is not None and event.severity is not None and event.severity < self.severity:
            return False
        if self.kinds and self.kinds.isdisjoint(kinds):
            return False
        return self.silent is None or event.silent == self.silent


def route(
    rules: Iterable[Rule], source: Source, events: Sequence[Event], *, kinds: frozenset[EditKind] = frozenset()
) -> tuple[Alert, ...]:
    """The alerts that the events of one look at a source make: for each channel one, led by the foremost event it gets.

    ``kinds`` are those of the edits of the change, where there is one. Same input, same alerts, with the same ids.
    """
    if not events:
        return ()
    watching = [rule for rule in rules if rule.watches(source)]
    leads: dict[str, int] = {}
    for place in sorted(range(len(events)), key=lambda place: LEADS.index(events[place].kind)):
        for rule in watching:
            if rule.takes(events[place], kinds):
                for name in rule.to:
                    leads.setdefault(name, place)
    return tuple(
        Alert(alert_id(events[place]), events[place], tuple(name for name, led in leads.items() if led == place))
        for place in dict.fromkeys(sorted(leads.values()))
    )


def alert_id(event: Event) -> str:
    """The id of an alert: of what it tells. Receivers know repeats by it: this rule must not change.

    Long quiet is judged by whoever looks first: it is told by when it began, not by when it was noticed.
    """
    told: list[object] = [event.source, event.kind.value, event.version, event.detail]
    moment = event.window.after if event.kind is EventKind.QUIET and event.window else event.at
    told.append(moment.timestamp() if moment else None)
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def bounds(rules: Iterable[Rule], source: Source) -> tuple[float, ...]:
    """The distances from its baseline whose crossing is told of that source, the smallest first."""
    return tuple(sorted({one.drift for one in rules if one.drift is not None and one.watches(source)}))


def silences(rules: Iterable[Rule]) -> dict[float, tuple[Rule, ...]]:
    """The rules that tell of long quiet, by how long in seconds."""
    found: dict[float, tuple[Rule, ...]] = {}
    for rule in rules:
        if rule.quiet_s is not None:
            found[rule.quiet_s] = (*found.get(rule.quiet_s, ()), rule)
    return found
