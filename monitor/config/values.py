"""The small languages of the configuration: durations, sizes, rhythms, ``${ENV}``. Pure; all raise ``ValueError``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from monitor.schedule import Ageing, Cron, Interval, Rhythm

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
BYTES: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_VARIABLE: Final = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_AGEING_KEYS: Final = ("young", "for", "then", "until", "finally")


def seconds(value: Any) -> float:
    """``15m``, ``1h30m``, ``7d`` or a number of seconds → seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    words = str(value).strip()
    parts = _DURATION.findall(words)
    if not parts or _DURATION.sub("", words).strip():
        raise ValueError(f"expected a duration such as 30s, 15m or 7d, got {value!r}")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def size_bytes(value: Any) -> int:
    """``5MB``, ``500 KB``, ``1MiB`` or a number of bytes → bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?i?B?)", str(value).strip(), re.IGNORECASE)
    unit = found.group(2).upper() if found else "?"
    unit = unit if unit in BYTES else f"{unit}B"
    if not found or unit not in BYTES:
        raise ValueError(f"expected a size such as 500KB or 5MB, got {value!r}")
    return int(float(found.group(1)) * BYTES[unit])


def rhythm(value: Any) -> Rhythm:
    """``15m``, ``{cron: …, timezone: …}`` or ``{young: …, for: …, then: …, until: …, finally: …}``."""
    if not isinstance(value, Mapping):
        every_s = seconds(value)
        if every_s < 1:
            raise ValueError(f"a source cannot be looked at more than once a second, got {value!r}")
        return Interval(every_s, str(value))
    if "cron" in value:
        return _cron(value)
    unknown = sorted(set(value) - set(_AGEING_KEYS))
    missing = [key for key in ("young", "for", "then") if key not in value]
    if unknown or missing:
        what = f"unknown key '{unknown[0]}'" if unknown else f"'{missing[0]}' is missing"
        raise ValueError(f"{what}; expected a duration, {{cron, timezone}} or {{young, for, then, until, finally}}")
    if ("until" in value) != ("finally" in value):
        raise ValueError("'until' and 'finally' belong together")
    times = {key: seconds(value[key]) for key in _AGEING_KEYS if key in value}
    if min(times[key] for key in ("young", "then", "finally") if key in times) < 1:
        raise ValueError("a source cannot be looked at more than once a second")
    words = f"{value['young']} for {value['for']}, then {value['then']}"
    if "until" in value:
        words += f" until {value['until']}, finally {value['finally']}"
    return Ageing(times["young"], times["for"], times["then"], times.get("until"), times.get("finally"), words)


def _cron(value: Mapping[str, Any]) -> Cron:
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    unknown = sorted(set(value) - {"cron", "timezone"})
    if unknown:
        raise ValueError(f"unknown key '{unknown[0]}' beside 'cron'")
    zone = str(value.get("timezone", "UTC"))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"expected an IANA time zone such as Europe/Berlin, got {zone!r}") from None
    try:
        CronSim(str(value["cron"]), datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise ValueError(f"expected a cron expression such as '*/15 7-19 * * 1-5', got {value['cron']!r}") from None
    return Cron(str(value["cron"]), zone)


def expanded(value: Any, env: Mapping[str, str]) -> Any:
    """``${NAME}`` and ``${NAME:-default}`` in every string below ``value``; ``$$`` is a dollar sign."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match, env), value) if "$" in value else value
    return value


def _variable(match: re.Match[str], env: Mapping[str, str]) -> str:
    name, default = match.group(1), match.group(2)
    if name is None:
        return "$"
    if env.get(name):
        return env[name]
    if default is None:
        raise ValueError(f"the environment variable {name} is not set")
    return str(default)
