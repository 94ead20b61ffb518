"""The answers beside the diff, asked of one invented history (and of one full of what goes wrong), for golden files."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitor.history.blame import blame
from monitor.history.drift import drift
from monitor.history.grep import grep
from monitor.history.phrases import PhraseTable, phrases
from monitor.render import Style
from monitor.render.answers import events_lines, log_lines, show_lines
from monitor.render.history import blame_lines, drift_lines, phrases_lines
from monitor.render.json_forms import (
    blame_json,
    drift_json,
    grep_json,
    log_json,
    phrases_json,
    show_json,
)
from monitor.render.seen import grep_lines
from storage.records import Event, EventKind, Phrase, Severity, Text, Version
from tests.core.history.making import at, version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TITLE = "Ministers of Ardonia and Belmark speak by telephone"
OPENING = "On the morning of 20 November the two ministers spoke by telephone."
HARBOUR = "Both sides praised the harbour agreement and recalled their legitimate security concerns."
HARBOR = "Both sides praised the harbor agreement and recalled their legitimate security concerns."
BALANCED = "Both sides praised the harbor agreement and recalled their legitimate and reasonable security concerns."
TARIFF = "Ardonia will not accept a new tariff, and it hopes that the talks on fish go on in the spring."
TARIFF_SPLIT = ("Ardonia will not accept a new tariff.", "It hopes that the talks on fish go on in the spring.")
THANKS = "They thanked the mediators."
CHINESE = "双方重申合理安全关切，愿通过对话解决分歧。"

WORDINGS: Sequence[Sequence[str]] = (
    (OPENING, HARBOUR, TARIFF, THANKS),
    (OPENING.replace("two", "three"), HARBOR, TARIFF, THANKS),
    (OPENING, HARBOR, TARIFF),
    (OPENING, BALANCED, " ".join(TARIFF_SPLIT), CHINESE),
    (OPENING, THANKS, BALANCED, " ".join(TARIFF_SPLIT), CHINESE),
)

PHRASES = (
    Phrase("security-concerns", ("legitimate security concerns", "合理安全关切"), ("calls",)),
    Phrase("mediators", ("thanked the mediators",), ("calls",)),
    Phrase("fish", ("talks on fish",), ()),
)

History = tuple[tuple[Version, Text], ...]


def history(wordings: Sequence[Sequence[str]] = WORDINGS, *, title: str = TITLE, name: str = "mfa") -> History:
    """One version a day; the second is a silent edit, the fourth was read anew by another reader."""
    made = []
    for number, paragraphs in enumerate(wordings, 1):
        text = Text.of(title, "2026-11-20 18:30", list(paragraphs))
        one = version(number, text, source=name, reread=number == 4)
        severity = None if number in (1, 4) else Severity.WORDING
        made.append((replace(one, severity=severity, silent=number == 2), text))
    return tuple(made)


def series(history: History) -> History:
    """The same as a series: each version is that of a member."""
    return tuple((replace(one, source=f"call-{one.number}"), text) for one, text in history)


def events(source: str, reason: str) -> tuple[Event, ...]:
    """One event of several kinds, newest first."""
    return (
        Event(EventKind.RETURNED, source, at(5), 5),
        Event(EventKind.FAILING, source, at(4) - timedelta(hours=3), detail={"reason": reason}),
        Event(EventKind.CHANGED, source, at(2), 2, Severity.WORDING, silent=True),
    )


def answers(told: History, phrase: str, registry: Sequence[Phrase], style: Style) -> Mapping[str, str]:
    """Every answer for people, by name."""
    newest = [one for one, _ in reversed(told)]
    name = told[0][0].source
    calls = series(told)
    return {
        "log": log_lines(newest, style),
        "log-series": log_lines([one for one, _ in reversed(calls)], style, name=name),
        "events": events_lines(events(name, phrase), style),
        "show": show_lines(*told[-1], style),
        "blame": blame_lines(blame(told), style),
        "blame-words": blame_lines(blame(told, words=True), style),
        "blame-series": blame_lines(replace(blame(calls), source=name), style),
        "grep": grep_lines(grep({name: told}, phrase), phrase, style),
        "drift": drift_lines(drift(told[0][1], [(f"{name}@{one.number}", one, text) for one, text in told]), style),
        "phrases": phrases_lines(table(told, registry), style),
    }


def documents(told: History, phrase: str, registry: Sequence[Phrase]) -> Mapping[str, Mapping[str, object]]:
    """Every answer for programs, by name; up to a dash that of its schema."""
    newest = [one for one, _ in reversed(told)]
    name = told[0][0].source
    return {
        "log": log_json(name, newest, events(name, phrase)),
        "log-series": log_json("calls", [one for one, _ in reversed(series(told))]),
        "show": show_json(*told[-1]),
        "blame": blame_json(blame(told)),
        "blame-words": blame_json(blame(told, words=True)),
        "grep": grep_json(phrase, grep({name: told}, phrase)),
        "drift": drift_json(drift(told[0][1], [(f"{name}@{one.number}", one, text) for one, text in told])),
        "phrases": phrases_json(table(told, registry)),
    }


def table(told: History, registry: Sequence[Phrase]) -> PhraseTable:
    """Where the phrases stand in it, as a member of the series ``calls``."""
    name = told[0][0].source
    return phrases(registry, {name: told}, series={name: "calls"}, baselines={name: told[0][1]})
