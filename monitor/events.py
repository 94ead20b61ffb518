"""From what a check found, and what was known before, to the outcome and the events worth telling. Pure.

The rules, in one place:

- A first text is ``new``. A different text is ``changed``, or ``cosmetic`` when no edit is above that severity, or
  ``reverted`` beside it when the wording is one that stood before.
- A page that goes back and forth between wordings (a flapping cache, two variants served in turn) is told so once: the
  first return is told like any other, the second within ``FLAPPING_WITHIN`` as ``reverted`` with ``flapping`` in its
  detail, and no further one, until a wording comes that is new.
- A failure is believed only when it is seen again: ``confirm_times`` more times and at least ``confirm_after_s`` after
  the first. Then it is told once as ``failing``, and not again until it ends (``recovered``).
- A page that was there and is missing (404, 410, or it leads home) is believed ``gone`` after a longer time
  (``gone_after_s``), as a site that is being rebuilt misses pages for minutes; until then nothing is told. What is
  found again has ``returned``.
- A first text is *backlog* when it stood there before we looked: a source that somebody just declared, or what a listing
  named at its first look. Its event says so, and rules leave it out unless they ask for it.
- Beside a new text that is told: ``phrase`` for each registered phrase that appeared, vanished, is said in other variants
  than before, or is expected in a first text and missing; ``drift`` for each bound beyond which it went from its baseline.
- ``quiet`` is told when nothing moved for as long as a rule says, once until something moves.
- An edit is *silent* when the wording changed while no stamp of the page did: the printed date, ``Last-Modified``, and
  the date in its listing (a sitemap's ``lastmod``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from storage.errors import FetchError, FetchReason, VariorumError
from storage.frozen import dataclass
from storage.records import Change, Event, EventKind, Latest, Outcome, Severity, Suspicion, Version, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from monitor.read.gate import GateRules

GONE_STATUSES: Final = frozenset({404, 410})
"""RFC 9110, sections 15.5.5 and 15.5.11."""

FLAPPING_WITHIN: Final = timedelta(days=7)
RECENT: Final = 12
"""So many versions are looked at for going back and forth."""


@dataclass(frozen=True, slots=True)
class Stamps:
    """What is said of a page's date: printed on it, in its ``Last-Modified`` header, by its listing. None: nothing."""

    published: str | None
    last_modified: str | None
    listed: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check amounts to: its outcome, the events to tell, and the state of the source afterwards."""

    outcome: Outcome
    events: tuple[Event, ...] = ()
    change: Change | None = None
    suspicion: Suspicion | None = None
    failing: bool = False
    gone: bool = False


def is_silent(change: Change, before: Stamps, after: Stamps) -> bool:
    """Whether the wording changed (``wording`` or above) while every stamp the page shows stayed as it was.

    A page without any stamp cannot be silent: it never claimed a date.
    """
    if change.severity is None or change.severity < Severity.WORDING or after == Stamps(None, None):
        return False
    return before == after


def returns(recent: Sequence[Version], at: datetime) -> int:
    """How many of the ``recent`` versions (newest first) went back to an older wording within ``FLAPPING_WITHIN``."""
    own = [one for one in recent if not one.reread]
    older = [{one.digest for one in own[place + 1 :]} for place in range(len(own))]
    return sum(
        one.digest in known and at - one.first_seen <= FLAPPING_WITHIN for one, known in zip(own, older, strict=True)
    )


def judge(
    latest: Latest,
    *,
    at: datetime,
    change: Change | None,
    before: Stamps,
    after: Stamps,
    earlier: int | None = None,
    returned: int = 0,
    moved_to: str | None = None,
    backlog: bool = False,
) -> Judgement:
    """Judge a capture whose text is new: the first (``change`` is None) or another than the latest.

    ``before`` and ``after`` are the stamps of the latest version and of this capture; ``earlier`` is the number of an
    earlier version with this very wording, ``returned`` how often the page went back lately (:func:`returns`).
    ``backlog``: a first text was there before we looked.
    """
    number = (latest.number or 0) + 1
    window = Window(latest.last_good, at)
    if change is None:
        first = Event(EventKind.NEW, latest.source, at, number, window=window)
        if backlog:
            first = replace(first, detail={"backlog": True})
        return Judgement(Outcome.NEW, (first, *_moved(latest, at, moved_to)))
    change = replace(change, silent=is_silent(change, before, after))
    cosmetic = change.severity is None or change.severity <= Severity.COSMETIC
    outcome = Outcome.COSMETIC if cosmetic else Outcome.CHANGED
    kind = EventKind.COSMETIC if cosmetic else EventKind.CHANGED
    told = Event(kind, latest.source, at, number, change.severity, change.silent, window)
    events = [told] if earlier is None or not returned else []
    if earlier is not None and returned <= 1:
        back = {"to": earlier, "flapping": True} if returned else {"to": earlier}
        events.append(replace(told, kind=EventKind.REVERTED, detail=back))
    events += [*_back(latest, at, number), *_moved(latest, at, moved_to)]
    return Judgement(outcome, tuple(events), change)


def judge_reread(latest: Latest, at: datetime) -> Event:
    """Our reader changed and sees another text in the same page: kept as a version, told to nobody unless asked for."""
    return Event(EventKind.REREAD, latest.source, at, (latest.number or 0) + 1)


def judge_phrases(
    new: Event,
    before: Mapping[str, Sequence[str]] | None,
    after: Mapping[str, Sequence[str]],
    expected: frozenset[str] = frozenset(),
) -> tuple[Event, ...]:
    """What came and went with the text that ``new`` tells of, by the ids of the phrases.

    ``before`` and ``after`` hold the variants that stand in each text (``before`` None: it is the first); ``expected``
    phrases are those that this source should say. That one of these is not said is major, the rest is wording.
    """
    found = []
    for phrase in sorted({*(before or {}), *after, *(expected if before is None else ())}):
        old, now = tuple((before or {}).get(phrase, ())), tuple(after.get(phrase, ()))
        if old == now and not (before is None and not now):
            continue
        what = "reworded" if old and now else "appeared" if now else "vanished" if old else "missing"
        detail = {"phrase": phrase, "what": what, "was": list(old), "is": list(now)}
        if new.detail.get("backlog"):
            detail["backlog"] = True
        missed = not now and phrase in expected
        severity = Severity.MAJOR if missed else Severity.WORDING
        found.append(replace(new, kind=EventKind.PHRASE, severity=severity, detail=detail))
    return tuple(found)


def judge_drift(
    new: Event, distances: tuple[float | None, float], bounds: Sequence[float], baseline: str
) -> tuple[Event, ...]:
    """The bounds that the text that ``new`` tells of crossed, going away from its baseline.

    ``distances`` of the text before (None: there was none) and of this one. Who comes back and goes again crosses again.
    """
    was, now = distances
    crossed = [bound for bound in bounds if now >= bound and (was is None or was < bound)]
    common: dict[str, Any] = {"distance": round(now, 4), "was": None if was is None else round(was, 4)}
    if new.detail.get("backlog"):
        common["backlog"] = True
    return tuple(
        replace(
            new,
            kind=EventKind.DRIFT,
            severity=Severity.WORDING,
            detail={**common, "beyond": bound, "baseline": baseline},
        )
        for bound in crossed
    )


def judge_quiet(source: str, since: datetime, at: datetime, after_s: float) -> Event:
    """Nothing moved for ``after_s`` seconds and more."""
    return Event(EventKind.QUIET, source, at, window=Window(since, at), detail={"after_s": after_s})


def judge_unchanged(latest: Latest, *, at: datetime, not_modified: bool, moved_to: str | None = None) -> Judgement:
    """Judge a check that saw the text as it was: nothing to tell, unless it ends a failure or the page moved."""
    outcome = Outcome.NOT_MODIFIED if not_modified else Outcome.UNCHANGED
    return Judgement(outcome, (*_back(latest, at, latest.number), *_moved(latest, at, moved_to)))


def judge_failure(latest: Latest, failure: VariorumError, *, at: datetime, rules: GateRules) -> Judgement:
    """Judge a check that could not fetch or read. 404 and 410 lead to ``gone``, everything else to ``failing``."""
    vanished = isinstance(failure, FetchError) and failure.status in GONE_STATUSES
    outcome = Outcome.FAILED
    if isinstance(failure, FetchError) and failure.reason is FetchReason.ROBOTS:
        outcome = Outcome.SKIPPED
    return _doubt(latest, failure.message, outcome, vanished, None, at=at, rules=rules)


def judge_suspect(
    latest: Latest, reason: str, digest: str, *, vanished: bool, at: datetime, rules: GateRules
) -> Judgement:
    """Judge a capture that the quality gate held back. ``vanished``: it leads home, so the statement may be gone."""
    return _doubt(latest, reason, Outcome.SUSPECT, vanished, digest, at=at, rules=rules)


def _doubt(
    latest: Latest, reason: str, outcome: Outcome, vanished: bool, digest: str | None, *, at: datetime, rules: GateRules
) -> Judgement:
    """The one rule of belief for failures and suspect captures: seen again, and not too soon."""
    before = latest.suspicion
    if before is not None and before.reason == reason and before.digest == digest:
        suspicion = replace(before, times=before.times + 1)
    else:
        suspicion = Suspicion(reason, digest, at, 1)
    # A server that fails in turns for different reasons fails all the same: the count of failures, not of one reason.
    since = latest.failing_since or at
    believed = latest.failures >= rules.confirm_times and (at - since).total_seconds() >= rules.confirm_after_s
    # Gone needs every failure in the run to say so; the suspicion restarts when the reason changes.
    missed = vanished and latest.number is not None
    sure = suspicion.times > rules.confirm_times and (at - suspicion.first_at).total_seconds() >= rules.gone_after_s
    gone = latest.gone or (missed and sure)
    failing = latest.failing or (believed and not gone and not missed)
    events: tuple[Event, ...] = ()
    detail = {"reason": reason}
    window = Window(latest.last_good, latest.failing_since or at)
    if gone and not latest.gone:
        events = (
            Event(EventKind.GONE, latest.source, at, latest.number, Severity.MAJOR, window=window, detail=detail),
        )
    elif failing and not latest.failing and not gone:
        events = (Event(EventKind.FAILING, latest.source, at, latest.number, window=window, detail=detail),)
    if gone and vanished:
        outcome = Outcome.GONE
    return Judgement(outcome, events, suspicion=suspicion, failing=failing, gone=gone)


def _back(latest: Latest, at: datetime, number: int | None) -> tuple[Event, ...]:
    window = Window(latest.failing_since, at)
    if latest.gone:
        return (Event(EventKind.RETURNED, latest.source, at, number, window=window),)
    if latest.failing:
        return (Event(EventKind.RECOVERED, latest.source, at, number, window=window),)
    return ()


def _moved(latest: Latest, at: datetime, moved_to: str | None) -> tuple[Event, ...]:
    """A permanent redirect to an address we did not end at before is worth telling; the history stays with the source."""
    if moved_to is None or moved_to == latest.final_url:
        return ()
    return (
        Event(EventKind.MOVED, latest.source, at, latest.number, detail={"to": moved_to, "from": latest.final_url}),
    )
