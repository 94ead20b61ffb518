"""``every:`` in its three forms → the rhythm that ``monitor.schedule`` computes with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from monitor.config.problems import nearest
from monitor.config.shapes import DURATION_JSON, TEXT, Key, Shape, either, parsed, seconds_of, section, wrong
from monitor.schedule import Ageing, Cron, Interval

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
