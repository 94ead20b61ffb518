"""Which events are told to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerts.rules import Rule, alert_id, bounds, route, silences
from monitor.events import judge_drift, judge_phrases, judge_quiet
from storage.records import Alert, EditKind, Event, EventKind, Severity, Source, Window

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = Source("one", "https://example.org/one", series="calls", tags=("ukraine", "mfa"))


def event(kind: EventKind = EventKind.CHANGED, severity: Severity | None = None, **more: object) -> Event:
    return replace(Event(kind, "one", AT, 2, severity), **more)  # type: ignore[arg-type]


def told(rule: Rule, *events: Event, kinds: frozenset[EditKind] = frozenset()) -> list[EventKind]:
    return [one.event.kind for one in route([rule], ONE, events, kinds=kinds)]


DESK = Rule(("desk",))
PHRASE = event(EventKind.PHRASE, Severity.WORDING, detail={"phrase": "sec", "what": "vanished", "was": ["x"], "is": []})


@pytest.mark.parametrize(
    ("rule", "takes", "leaves"),
    [
        (Rule(("desk",), severity=Severity.WORDING), event(severity=Severity.MAJOR), event(severity=Severity.MINOR)),
        (Rule(("desk",), events=frozenset({EventKind.GONE})), event(EventKind.GONE), event()),
        (Rule(("desk",), silent=True), event(silent=True), event()),
        (Rule(("desk",), silent=False), event(), event(silent=True)),
        (DESK, event(EventKind.NEW), event(EventKind.NEW, detail={"backlog": True})),
        (DESK, event(EventKind.FAILING), event(EventKind.REREAD)),
        (
            Rule(("desk",), phrases=frozenset({("vanished", "sec")})),
            PHRASE,
            replace(PHRASE, detail={**PHRASE.detail, "what": "appeared"}),
        ),
        (
            Rule(("desk",), drift=0.2),
            event(EventKind.DRIFT, detail={"beyond": 0.2}),
            event(EventKind.DRIFT, detail={"beyond": 0.4}),
        ),
        (
            Rule(("desk",), quiet_s=60.0),
            event(EventKind.QUIET, detail={"after_s": 60.0}),
            event(EventKind.QUIET, detail={"after_s": 90.0}),
        ),
        (Rule(("desk",), phrases=frozenset({("vanished", "sec")}), events=frozenset({EventKind.NEW})),
         event(EventKind.NEW), event()),
    ],
)  # fmt: skip
def test_a_rule_takes_what_it_says_and_nothing_else(rule: Rule, takes: Event, leaves: Event) -> None:
    assert told(rule, takes) == [takes.kind]
    assert told(rule, leaves) == []


def test_what_has_no_severity_is_told_to_a_rule_for_a_severity_too() -> None:
    rule = Rule(("desk",), severity=Severity.MAJOR)
    assert told(rule, event(EventKind.FAILING)) == [EventKind.FAILING]
    assert told(rule, event(EventKind.RECOVERED)) == [EventKind.RECOVERED]


def test_kinds_of_edits_are_those_of_the_change() -> None:
    rule = Rule(("desk",), kinds=frozenset({EditKind.NUMBER, EditKind.DATE}))
    assert told(rule, event(), kinds=frozenset({EditKind.DATE, EditKind.WORDING})) == [EventKind.CHANGED]
    assert told(rule, event(), kinds=frozenset({EditKind.WORDING})) == []
    assert told(rule, event(EventKind.FAILING)) == []


@pytest.mark.parametrize("field", ["sources", "series", "tags"])
def test_a_rule_is_about_the_sources_it_names(field: str) -> None:
    mine = {"sources": "one", "series": "calls", "tags": "mfa"}[field]
    assert told(replace(DESK, **{field: frozenset({mine, "x"})}), event()) == [EventKind.CHANGED]
    assert told(replace(DESK, **{field: frozenset({"another"})}), event()) == []


def test_rereads_and_backlog_are_told_to_who_asks_for_them_by_name() -> None:
    rule = Rule(("desk",), events=frozenset({EventKind.REREAD, EventKind.NEW}))
    assert told(rule, event(EventKind.REREAD)) == [EventKind.REREAD]
    assert told(rule, event(EventKind.NEW, detail={"backlog": True})) == [EventKind.NEW]


def test_one_look_is_one_alert_for_a_channel_led_by_the_foremost_event_it_gets() -> None:
    everything = [event(), event(EventKind.RETURNED), PHRASE]
    phrases = Rule(("hook",), phrases=frozenset({("vanished", "sec")}))
    made = route([DESK, replace(DESK, to=("desk", "chat")), phrases], ONE, everything)
    assert [(one.event.kind, one.channels) for one in made] == [
        (EventKind.CHANGED, ("desk", "chat")),
        (EventKind.PHRASE, ("hook",)),
    ]


def test_an_alert_has_the_same_id_whenever_it_is_made_and_another_for_another_event() -> None:
    (first,), (again,) = route([DESK], ONE, [event()]), route([replace(DESK, to=("b",))], ONE, [event()])
    assert first.id == again.id == "0faf44cb81875f550a03912990c9b865"
    others = [event(EventKind.GONE), replace(event(), version=3), replace(event(), at=AT + timedelta(microseconds=1))]
    assert len({alert_id(one) for one in others} | {first.id}) == 4
    assert isinstance(first, Alert)


def test_long_quiet_has_the_id_of_when_it_began() -> None:
    first, later = (judge_quiet("one", AT, AT + timedelta(days=days), 60.0) for days in (30, 31))
    assert alert_id(first) == alert_id(later)
    assert alert_id(judge_quiet("one", AT + timedelta(days=1), AT + timedelta(days=31), 60.0)) != alert_id(first)


def test_bounds_and_silences_are_gathered_from_the_rules() -> None:
    rules = [
        Rule((), drift=0.4),
        Rule((), drift=0.2),
        Rule((), drift=0.1, tags=frozenset({"x"})),
        Rule((), quiet_s=9.0),
    ]
    assert bounds(rules, ONE) == (0.2, 0.4)
    assert silences([*rules, Rule(("b",), quiet_s=9.0)]) == {9.0: (rules[3], Rule(("b",), quiet_s=9.0))}


def _phrases(
    before: dict[str, tuple[str, ...]] | None, after: dict[str, tuple[str, ...]]
) -> list[tuple[str, str, str]]:
    found = judge_phrases(event(), before, after, frozenset({"due"}))
    return [(one.detail["phrase"], one.detail["what"], (one.severity or Severity.MINOR).label) for one in found]


def test_phrases_appear_vanish_are_reworded_or_missing() -> None:
    assert _phrases({"a": ("x",)}, {"a": ("x",)}) == []
    assert _phrases({}, {"a": ("x",)}) == [("a", "appeared", "wording")]
    assert _phrases({"a": ("x",)}, {}) == [("a", "vanished", "wording")]
    assert _phrases({"a": ("x",)}, {"a": ("y",)}) == [("a", "reworded", "wording")]
    assert _phrases({"due": ("x",)}, {}) == [("due", "vanished", "major")]
    assert _phrases({}, {}) == []
    assert _phrases(None, {"a": ("x",)}) == [("a", "appeared", "wording"), ("due", "missing", "major")]
    assert _phrases(None, {"due": ("x",)}) == [("due", "appeared", "wording")]


def test_a_bound_is_crossed_once_going_away_from_the_baseline() -> None:
    def crossed(was: float | None, now: float) -> list[float]:
        return [one.detail["beyond"] for one in judge_drift(event(), (was, now), (0.2, 0.4), "seeds/a.txt")]

    assert crossed(0.1, 0.25) == [0.2]
    assert crossed(0.25, 0.3) == []
    assert crossed(0.1, 0.5) == [0.2, 0.4]
    assert crossed(0.5, 0.1) == []
    assert crossed(None, 0.25) == [0.2]


def test_what_follows_from_backlog_is_backlog() -> None:
    old = event(EventKind.NEW, detail={"backlog": True}, window=Window(None, AT))
    followers = (*judge_phrases(old, None, {"a": ("x",)}), *judge_drift(old, (None, 0.5), (0.2,), "b"))
    assert [one.detail["backlog"] for one in followers] == [True, True]
    assert route([DESK], ONE, [old, *followers]) == ()
