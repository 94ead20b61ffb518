"""``every:`` in its three forms → the rhythm that ``monitor.schedule`` computes with."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from monitor.config.problems import nearest
from monitor.config.shapes import DURATION_JSON, TEXT, Key, Shape, either, parsed, seconds_of, section, wrong
from monitor.schedule import Ageing, Cron, Hours, Interval, Planned

SHORTEST_S: Final = 1.0
_ANY_MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)
_EXAMPLE: Final = "For example: {young: 5m, for: 1d, then: 1h, until: 7d, finally: 24h}"


def _interval(value: object) -> Interval:
    return Interval(seconds_of(value, SHORTEST_S), str(value))


def _ageing(found: dict[str, Interval]) -> Ageing:
    young, age, then = found["young"], found["for"], found["then"]
    later, last = found.get("until"), found.get("finally")
    words = f"{young.words} for {age.words}, then {then.words}"
    if later is None and last is None:
        return Ageing(young.every_s, age.every_s, then.every_s, words=words)
    if later is None or last is None:
        raise wrong("'until' and 'finally' go together", _EXAMPLE)
    if later.every_s <= age.every_s:
        raise wrong(f"'until' ({later.words}) must be a greater age than 'for' ({age.words})", _EXAMPLE)
    words += f" until {later.words}, then {last.words}"
    return Ageing(young.every_s, age.every_s, then.every_s, later.every_s, last.every_s, words)


def _cron(found: dict[str, Any]) -> Cron:
    rhythm = Cron(str(found["cron"]), str(found.get("timezone", "UTC")))
    try:
        first = next(rhythm.after(_ANY_MOMENT), None)
    except ValueError as error:
        from zoneinfo import available_timezones

        hint = "Five fields: minute hour day month weekday, such as '*/15 8-18 * * 1-5'."
        if "time zone" in str(error):
            hint = nearest(rhythm.timezone, available_timezones()) or "A name such as Europe/Berlin."
        raise wrong(str(error), hint) from None
    if first is None:
        raise wrong(f"{rhythm.expression!r} names a day that never comes")
    return rhythm


_EVERY: Final = parsed(_interval, DURATION_JSON)

RHYTHM: Final[Shape] = either(
    {
        "<interval>": (lambda value: not isinstance(value, dict | list) and value is not None, _EVERY),
        "<cron>": (
            lambda value: isinstance(value, dict) and ("cron" in value or "timezone" in value),
            section(
                {
                    "cron": Key(TEXT, "Five cron fields: minute hour day month weekday.", required=True),
                    "timezone": Key(TEXT, "IANA time zone of the fields, such as Europe/Berlin; UTC if absent."),
                },
                after=_cron,
            ),
        ),
        "<ageing>": (
            lambda value: isinstance(value, dict),
            section(
                {
                    "young": Key(_EVERY, "The interval of a young text …", required=True),
                    "for": Key(_EVERY, "… up to this age since the first sight or the last change.", required=True),
                    "then": Key(_EVERY, "The interval after that.", required=True),
                    "until": Key(_EVERY, "The age up to which 'then' holds (for ever if absent)."),
                    "finally": Key(_EVERY, "The interval from that age on."),
                },
                after=_ageing,
            ),
        ),
    },
    "a duration such as 15m, {young: …, for: …, then: …} or {cron: …, timezone: …}",
)
"""``every``: an interval, an ageing rhythm or cron."""


_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(
    r"(?:(?P<days>[A-Za-z]{3}(?:[-,][A-Za-z]{3})*) +)?(?P<from>[0-9]{1,2}:[0-9]{2}) *- *(?P<to>[0-9]{1,2}:[0-9]{2})"
    r"(?: +(?P<zone>[A-Za-z0-9_+/-]+))?"
)
_ACTIVE: Final = "active hours such as 'Mon-Fri 08:00-20:00 Europe/Berlin'"


def _active(value: object) -> Hours:
    found = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"expected {_ACTIVE}", "Days, hours and time zone; days and zone may be left out.")
    opens, closes = minute_of_day(found["from"], 23 * 60 + 59), minute_of_day(found["to"], 24 * 60)
    if opens == closes:
        raise wrong("the active hours begin when they end", "For the whole day write 00:00-24:00.")
    return Hours(_weekdays(found["days"]), opens, closes, zone_named(found["zone"] or "UTC"), str(value).strip())


def minute_of_day(clock: str, most: int) -> int:
    """``08:30`` → 510; refused beyond ``most``."""
    hour, _, minute = clock.partition(":")
    whole = int(hour) * 60 + int(minute)
    if int(minute) > 59 or whole > most:
        raise wrong(f"{clock} is no time of day", "From 00:00 to 24:00.")
    return whole


def _weekdays(days: str | None) -> frozenset[int]:
    found: set[int] = set()
    for part in (days or "Mon-Sun").lower().split(","):
        ends = part.split("-")
        if len(ends) > 2 or any(end not in _DAYS for end in ends):
            raise wrong(f"{part!r} names no days of the week", "Mon Tue Wed Thu Fri Sat Sun, as in Mon-Fri or Mon,Thu.")
        first, last = _DAYS.index(ends[0]), _DAYS.index(ends[-1])
        found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(found)


def zone_named(name: str) -> str:
    """The name of an IANA time zone, as it is; any other is refused."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones()) or "A name such as Europe/Berlin."
        raise wrong(f"{name!r} is no IANA time zone", hint) from None
    return name


ACTIVE: Final[Shape] = parsed(
    _active, {"type": "string", "examples": ["Mon-Fri 08:00-20:00 Europe/Berlin", "06:00-22:00"]}
)
"""``active``: when it may be looked at."""

AFTER_CHANGE: Final[Shape] = section(
    {
        "every": Key(_EVERY, "The interval for a while after each change …", required=True),
        "for": Key(_EVERY, "… for this long.", required=True),
    }
)
"""``after_change``: quicker for a while. A mapping of two intervals."""


def planned(
    base: Interval | Ageing | Cron, hours: Hours | None, quick: dict[str, Interval] | None
) -> Interval | Ageing | Cron | Planned:
    """The rhythm with what else is said about it; itself when nothing is."""
    if hours is None and quick is None:
        return base
    words = f", {quick['every'].words} for {quick['for'].words} after a change" if quick else ""
    words += f", {hours.words}" if hours else ""
    return Planned(
        base, hours, quick["every"].every_s if quick else None, quick["for"].every_s if quick else 0.0, words
    )
