"""Told without a look: that a source has not moved, or a listing named nothing new, for as long as a rule says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.alerts.rules import route, silences
from monitor.events import judge_quiet
from storage import still

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from monitor.alerts.rules import Rule
    from monitor.writer import Writer

TOLD_AT_ONCE = 200
"""So many at a time: the first look at an old archive may find thousands."""


async def judge_stillness(rules: Sequence[Rule], writer: Writer, now: datetime) -> int:
    """Note what stands still, once until it moves again; returns how many alerts that made."""
    made = 0
    for after_s, asking in silences(rules).items():
        found = await writer.call(still.still, now - timedelta(seconds=after_s), after_s)
        watched = [(source, since) for source, since in found if any(rule.watches(source) for rule in asking)]
        for start in range(0, len(watched), TOLD_AT_ONCE):
            part = watched[start : start + TOLD_AT_ONCE]
            told = [judge_quiet(source.id, since, now, after_s) for source, since in part]
            alerts = [
                one for (source, _), event in zip(part, told, strict=True) for one in route(rules, source, [event])
            ]
            await writer.call(still.note, told, alerts)
            made += len(alerts)
    return made
