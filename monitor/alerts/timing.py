"""When a letter goes out: at once, with a digest, after quiet hours, within a bound; and when a failed one is tried again.

Pure: the clock and the dice are the caller's.

- What is ``urgent`` goes at once, alone, whatever else is said.
- A digest collects all that came up to its hour into one letter.
- In quiet hours everything is held; what was held goes together, in one letter, when they end.
- A channel that is told ``at_most`` so many letters holds the rest until there is room, and tells it in one letter: the
  gravest :data:`SHOWN_MOST`, and the number of the others.
- A failure that ended before it could be told is not told, nor is its end.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass
from storage.records import Bundle, EventKind, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.schedule import Cron, Hours
    from storage.records import Severity, Waiting

SHOWN_MOST: Final = 50
"""Alerts that a letter shows when there was no room for more letters; the others are counted."""
DIGEST_MOST: Final = 100
"""Alerts in one digest; a longer one is sent in several letters."""

DELAYS_S: Final = (10.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0)
"""Seconds between attempts, growing; the last one again and again. A dropped connection is mended in seconds, a
greylisting in minutes (RFC 5321, section 4.5.4.1, asks for 30 minutes, and four to five days in all), a server in hours."""
GIVE_UP_S: Final = 3 * 86_400.0
"""After so long since the first attempt a letter is dead."""
JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Policy:
    """What is said of when a channel is used. ``at_most``: letters, and within how many seconds.

    ``digest`` names the moments of a digest, ``loud`` the hours outside the quiet ones, ``urgent`` the least severity
    that neither waits for.
    """

    digest: Cron | None = None
    at_most: tuple[int, float] | None = None
    loud: Hours | None = None
    urgent: Severity | None = None

    @property
    def window_s(self) -> float:
        """How far back letters count, in seconds; 0 when they do not."""
        return self.at_most[1] if self.at_most else 0.0


def plan(policy: Policy, waiting: Sequence[Waiting], lately: Sequence[datetime], now: datetime) -> Plan:
    """What becomes of what waits on a channel, where letters were made ``lately`` (oldest first, within the window)."""
    dropped = _over(waiting)
    rest = [one for one in waiting if one.key not in dropped]
    urgent = [one for one in rest if _urgent(policy, one)]
    held, ready = [], []
    for one in rest:
        if one not in urgent:
            until = moment(policy, one.at, now)
            if until > now:
                held.append((one.key, until))
            else:
                ready.append(one)
    letters = [Bundle((one.key,)) for one in urgent]
    room = policy.at_most[0] - len(lately) - len(letters) if policy.at_most else len(ready) + 1
    if room <= 0 and ready:
        # Letters that are being made in this very plan count from now.
        first = lately[max(0, len(lately) - (policy.at_most or (1, 0))[0])] if lately else now
        again = first + timedelta(seconds=policy.window_s)
        held += [(one.key, max(again, now + timedelta(seconds=1))) for one in ready]
        return Plan(tuple(letters), tuple(held), tuple(dropped))
    together = [one for one in ready if one.held or policy.digest is not None]
    alone = [one for one in ready if not (one.held or policy.digest is not None)]
    if together and policy.at_most:
        letters.append(_shortened(together))
        room -= 1
    else:
        letters += _collected(together)
    letters += [Bundle((one.key,)) for one in alone[:room]]
    if beyond := alone[max(0, room) :]:
        again = (lately[0] if lately else now) + timedelta(seconds=policy.window_s)
        held += [(one.key, max(again, now + timedelta(seconds=1))) for one in beyond]
    return Plan(tuple(letters), tuple(held), tuple(dropped))


def moment(policy: Policy, at: datetime, now: datetime) -> datetime:
    """From when on what happened ``at`` that moment may be told."""
    until = at
    if policy.digest is not None:
        until = next(policy.digest.after(at), at)
    if policy.loud is not None:
        until = policy.loud.opening(max(until, now))
    return until


def next_attempt(
    attempts: int, first_at: datetime, now: datetime, *, dice: float, retry_after_s: float | None = None
) -> datetime | None:
    """When a letter is tried again after so many failed attempts (this one included); None when it is given up.

    ``dice`` in [0, 1) spreads it by a fifth, so that letters that failed together do not come together again. A receiver
    that asks for more patience gets it, as far as there is any.
    """
    last = first_at + timedelta(seconds=GIVE_UP_S)
    delay_s = DELAYS_S[min(attempts, len(DELAYS_S)) - 1] * (1 - JITTER + 2 * JITTER * dice)
    if retry_after_s is not None and retry_after_s > delay_s:
        # What asks for longer than there is gets the last moment, not none.
        patience_s = (last - now).total_seconds()
        delay_s = max(delay_s, min(retry_after_s, patience_s))
    due = now + timedelta(seconds=delay_s)
    return due if due <= last else None


def _over(waiting: Sequence[Waiting]) -> list[int]:
    """Failures that were held back and have ended since, and their ends."""
    failing = {one.source: one for one in waiting if one.kind is EventKind.FAILING and one.held}
    dropped = []
    for one in waiting:
        begun = failing.get(one.source) if one.kind is EventKind.RECOVERED else None
        if begun is not None and begun.key < one.key:
            dropped += [begun.key, one.key]
            del failing[one.source]
    return dropped


def _urgent(policy: Policy, one: Waiting) -> bool:
    return policy.urgent is not None and one.severity is not None and one.severity >= policy.urgent


def _collected(ready: Sequence[Waiting]) -> list[Bundle]:
    parts = [ready[start : start + DIGEST_MOST] for start in range(0, len(ready), DIGEST_MOST)]
    return [Bundle(tuple(one.key for one in part), digest=len(part) > 1) for part in parts]


def _shortened(ready: Sequence[Waiting]) -> Bundle:
    """The gravest and oldest in order of their coming; the others counted."""
    ranked = sorted(ready, key=lambda one: (-(one.severity or 0), one.key))
    shown = sorted(ranked[:SHOWN_MOST], key=lambda one: one.key)
    return Bundle(
        tuple(one.key for one in shown), tuple(sorted(one.key for one in ranked[SHOWN_MOST:])), len(ready) > 1
    )
