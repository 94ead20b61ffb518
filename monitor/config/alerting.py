"""``alerts`` and ``channels``: what is told and when it is sent → the rules and policies that ``monitor.alerts`` goes by."""

from __future__ import annotations

import re
from typing import Any, Final

from monitor.alerts.rules import Rule
from monitor.alerts.timing import Policy
from monitor.config.document import Guarded, core_scalar
from monitor.config.rhythms import minute_of_day, zone_named
from monitor.config.shapes import (
    DURATION_JSON,
    FLAG,
    IDENTIFIER,
    TEXT,
    Key,
    Shape,
    duration,
    either,
    expected,
    many,
    one_of,
    parsed,
    seconds_of,
    section,
    wrong,
)
from monitor.schedule import Cron, Hours
from storage.records import EditKind, EventKind, Severity

_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}"
_ZONE: Final = r"(?: +(?P<zone>[A-Za-z0-9_+/-]+))?"
_QUIET: Final = re.compile(rf"(?P<from>{_CLOCK}) *- *(?P<to>{_CLOCK}){_ZONE}")
_DAILY: Final = re.compile(rf"daily(?: +(?P<at>{_CLOCK}))?{_ZONE}")
_AT_MOST: Final = re.compile(r"(?P<count>[0-9]+) per (?P<window>\S+)")
_EVERY_DAY: Final = frozenset(range(7))
LETTERS_MOST: Final = 1000
WINDOW_MOST_S: Final = 7 * 86_400.0


def _distance(value: object) -> float:
    value = core_scalar(str(value)) if isinstance(value, Guarded) else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise expected("a distance between 0 and 1 such as 0.2", value, "`variorum drift` shows how far a text is.")
    return float(value)


def _after(value: object) -> dict[str, float]:
    return {"after": seconds_of(value, 60.0)}


def _quiet_hours(value: object) -> Hours:
    found = _QUIET.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise expected("quiet hours such as '22:00-07:00 Europe/Berlin'", value)
    begins, ends = minute_of_day(found["from"], 24 * 60), minute_of_day(found["to"], 24 * 60)
    begins, ends = begins % (24 * 60), ends % (24 * 60)
    if begins == ends:
        raise wrong("the quiet hours begin when they end", "To send nothing at all, take the channel out of the rules.")
    return Hours(_EVERY_DAY, ends, begins or 24 * 60, zone_named(found["zone"] or "UTC"), str(value).strip())


def _digest(value: object) -> Cron | None:
    if value == "none":
        return None
    if value == "hourly":
        return Cron("0 * * * *")
    found = _DAILY.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise expected("none, hourly, daily or a time such as 'daily 08:00 Europe/Berlin'", value)
    minute = minute_of_day(found["at"] or "08:00", 23 * 60 + 59)
    return Cron(f"{minute % 60} {minute // 60} * * *", zone_named(found["zone"] or "UTC"))


def _at_most(value: object) -> tuple[int, float]:
    found = _AT_MOST.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise expected("a bound such as '10 per 1h'", value)
    count, window_s = int(found["count"]), seconds_of(found["window"], 1.0)
    if not 1 <= count <= LETTERS_MOST or window_s > WINDOW_MOST_S:
        raise expected(f"a bound of 1 to {LETTERS_MOST} letters per 1s to 7d", value)
    return count, window_s


_NAMES: Final = many(IDENTIFIER)
_WISHES: Final = {"appearing": "appeared", "vanishing": "vanished", "missing": "missing", "reworded": "reworded"}
"""What a rule calls it → what the event calls it."""

_PHRASES: Final[Shape] = either(
    {
        "<by what>": (
            lambda value: isinstance(value, dict),
            section(
                {
                    "appearing": Key(_NAMES, "Phrases that come into a text."),
                    "vanishing": Key(_NAMES, "Phrases that go out of a text."),
                    "missing": Key(_NAMES, "Phrases that are expected in a new text and not there."),
                    "reworded": Key(_NAMES, "Phrases that are said in another of their variants."),
                }
            ),
        ),
        "<ids>": (lambda value: isinstance(value, str | list), _NAMES),
    },
    "ids of phrases, or {appearing: …, vanishing: …, missing: …, reworded: …}",
)

_QUIET_FOR: Final[Shape] = either(
    {
        "<section>": (
            lambda value: isinstance(value, dict),
            section({"after": Key(duration(60.0), "For how long.", required=True)}),
        ),
        "<duration>": (lambda value: not isinstance(value, dict | list), parsed(_after, DURATION_JSON)),
    },
    "a duration such as 30d, or {after: 30d}",
)

WHEN: Final = section(
    {
        "events": Key(many(one_of(one.value for one in EventKind)), "These events."),
        "phrases": Key(_PHRASES, "Set phrases that come, go, or are missed."),
        "drift": Key(
            parsed(_distance, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
            "A text that goes beyond this distance from its baseline.",
        ),
        "quiet": Key(_QUIET_FOR, "No change, and nothing new in a listing, for so long."),
        "severity": Key(one_of(one.label for one in Severity), "The least severity."),
        "kinds": Key(many(one_of(one.value for one in EditKind)), "Edits of these kinds."),
        "silent": Key(FLAG, "Silent edits only, or none of them."),
        "sources": Key(many(IDENTIFIER), "These sources."),
        "series": Key(many(IDENTIFIER), "Sources of these series."),
        "tags": Key(many(TEXT), "Sources with one of these tags."),
    }
)
"""``when``: the first four choose events, the others narrow them down."""

DIGEST: Final = parsed(
    _digest,
    {
        "type": "string",
        "pattern": r"^(none|hourly|daily( +[0-9]{1,2}:[0-9]{2})?( +\S+)?)$|\$\{",
        "examples": ["none", "hourly", "daily", "daily 08:00 Europe/Berlin"],
    },
)

TIMING: Final[dict[str, Key]] = {
    "digest": Key(DIGEST, "Collect alerts into one letter: none, hourly, daily (at 08:00 UTC, or daily HH:MM ZONE)."),
    "at_most": Key(
        parsed(_at_most, {"type": "string", "pattern": r"^[0-9]+ per \S+$|\$\{", "examples": ["10 per 1h"]}),
        "The most letters in some time, such as 10 per 1h; the rest is told in one letter, with a number.",
    ),
    "quiet_hours": Key(
        parsed(_quiet_hours, {"type": "string", "examples": ["22:00-07:00 Europe/Berlin"]}),
        "Hours in which nothing is sent; what was held goes out in one letter when they end.",
    ),
    "urgent": Key(
        one_of(one.label for one in Severity), "From this severity on it is sent at once, whatever else is said here."
    ),
}
"""When a channel is used: keys of every channel."""


def rule_of(found: dict[str, Any]) -> Rule:
    """One item of ``alerts``."""
    when: dict[str, Any] = found.get("when", {})
    severity = when.get("severity")
    return Rule(
        to=tuple(dict.fromkeys(found["to"])),
        events=frozenset(EventKind(one) for one in when.get("events", ())),
        phrases=_wishes(when.get("phrases", ())),
        drift=when.get("drift"),
        quiet_s=when["quiet"]["after"] if "quiet" in when else None,
        severity=Severity.of(severity) if severity else None,
        kinds=frozenset(EditKind(one) for one in when.get("kinds", ())),
        silent=when.get("silent"),
        sources=frozenset(when.get("sources", ())),
        series=frozenset(when.get("series", ())),
        tags=frozenset(when.get("tags", ())),
    )


def phrases_of(when: dict[str, Any]) -> list[str]:
    """The ids of the phrases that a rule names."""
    named = when.get("phrases", ())
    return [one for ids in named.values() for one in ids] if isinstance(named, dict) else list(named)


def _wishes(named: dict[str, tuple[str, ...]] | tuple[str, ...]) -> frozenset[tuple[str, str]]:
    if isinstance(named, dict):
        return frozenset((_WISHES[what], one) for what, ids in named.items() for one in ids)
    return frozenset((what, one) for what in _WISHES.values() for one in named)


def policy_of(found: dict[str, Any]) -> Policy:
    """When one of ``channels`` is used."""
    urgent = found.get("urgent")
    return Policy(
        digest=found.get("digest", found.get("email", {}).get("digest")),
        at_most=found.get("at_most"),
        loud=found.get("quiet_hours"),
        urgent=Severity.of(urgent) if urgent else None,
    )
