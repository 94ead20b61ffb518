"""Blame, grep, drift and phrases as people and programs read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.history.blame import Blame, Blamed, BlamedWord, Origin
from monitor.history.drift import Drift, Drifted, Fate, Line
from monitor.history.grep import Example, Found, Gap, Seen
from monitor.history.phrases import NearMatch, OrderChange, PhraseTable, Standing, Usage
from monitor.render import Style
from monitor.render.history import blame_lines, drift_chart, drift_lines, phrases_lines
from monitor.render.json_forms import blame_json, drift_json, encode, grep_json, phrases_json
from monitor.render.safe import visible
from monitor.render.seen import grep_lines
from storage.records import Phrase, Span, Window

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = Style()


def window(number: int) -> Window:
    return Window(NINE + timedelta(hours=number - 1) if number > 1 else None, NINE + timedelta(hours=number))


def origin(number: int) -> Origin:
    return Origin(number, window(number), "mfa")


def seen(number: int, label: str = "mfa") -> Seen:
    return Seen(number, label, window(number))


def blame() -> Blame:
    text = "The talks go on. They last fifty minutes. Lunch was served."
    words = tuple(
        BlamedWord(start, end, text[start:end], origin(number))
        for start, end, number in ((17, 21, 1), (22, 26, 1), (27, 32, 3), (33, 40, 1))
    )
    return Blame(
        "mfa",
        3,
        (
            Blamed(0, 16, text[:16], origin(1), returned=False, removed=()),
            Blamed(17, 41, text[17:41], origin(3), returned=False, removed=(), words=words),
            Blamed(42, 59, text[42:], origin(1), returned=True, removed=(2,)),
        ),
    )


def test_blame_says_since_when_each_sentence_stands() -> None:
    assert blame_lines(blame(), PLAIN) == (
        "mfa@3\n"
        "Words before a small figure are older than their sentence: they came in the\n"
        "version it names.\n"
        "\n"
        "@1  first seen 2026-11-23 10:00 UTC\n"
        "     The talks go on.\n"
        "\n"
        "@3  between 2026-11-23 11:00 and 12:00 UTC\n"
        "     They last¹ fifty minutes¹.\n"
        "\n"
        "@1  first seen 2026-11-23 10:00 UTC\n"
        "     Lunch was served.\n"
        "     ↺ was gone in @2 and came back\n"
    )


def test_blame_as_json_holds_the_contract() -> None:
    document = blame_json(blame())
    assert document["source"] == "mfa"
    assert document["version"] == 3
    sentences = document["sentences"]
    assert isinstance(sentences, list)
    assert sentences[0] == {
        "start": 0,
        "end": 16,
        "text": "The talks go on.",
        "since": {
            "version": 1,
            "label": "mfa",
            "window": {"after": None, "before": "2026-11-23T10:00:00Z"},
            "reread": False,
        },
        "returned": False,
        "removed": [],
    }
    assert "words" in sentences[1]


def found(*, present: bool = False) -> Found:
    return Found(
        source="fomc",
        first=seen(1, "fomc-2003-08-12"),
        last=seen(6, "fomc-2014-01-29"),
        present=present,
        vanished=None if present else seen(7, "fomc-2014-03-19"),
        gaps=(Gap(seen(3, "fomc-2004-01-28"), seen(5, "fomc-2013-12-18"), (3, 4)),),
        counts=((1, 1), (2, 2), (3, 0), (4, 0), (5, 1), (6, 4), (7, 0)),
        wordings=(("considerable period", 7), ("Considerable period", 1)),
        examples=(Example(1, 10, 29, "considerable period", "maintained for a ", " after\x1b[2J the end"),),
    )


def test_grep_says_first_last_gone_gaps_and_counts() -> None:
    shown = grep_lines([found()], "considerable period", PLAIN)
    assert shown.startswith("fomc  8 times in 4 versions of 7\n")
    assert "  first seen  fomc-2003-08-12 (@1), 2026-11-23 10:00 UTC\n" in shown
    assert "  gone since  fomc-2014-03-19 (@7), between 2026-11-23 15:00 and 16:00 UTC\n" in shown
    assert "2 versions (@3–@4)" in shown
    assert "  in each     ▂▄··▂█·\n" in shown
    assert "maintained for a »considerable period« after␛[2J the end" in " ".join(shown.split())
    assert "stands in the latest version" in grep_lines([found(present=True)], "x", PLAIN)
    assert grep_lines([], "no such\nphrase", PLAIN) == "“no such⏎phrase”: never seen\n"


def test_grep_as_json_is_one_document() -> None:
    document = grep_json("considerable period", [found()])
    assert json.loads(encode(document)) == document
    sources = document["sources"]
    assert isinstance(sources, list)
    assert sources[0]["counts"][1] == {"version": 2, "times": 2}


def member(label: str, distance: float, *, changed: bool = True) -> Drifted:
    one, two, three = Span(0, 4, "One."), Span(5, 9, "Two."), Span(10, 16, "Three.")
    lines = (
        Line(one, one, Fate.KEPT, reordered=changed, similarity=1.0),
        Line(two, Span(5, 11, "Twain."), Fate.REWORDED, reordered=False, similarity=0.5),
        Line(three, None, Fate.DROPPED, reordered=False, similarity=0.0),
    )
    kept = tuple(Line(span, span, Fate.KEPT, reordered=False, similarity=1.0) for span in (one, two, three))
    if changed:
        return Drifted(label, 1, NINE, distance, 0.5, 0.2, lines, (Span(12, 16, "New."),))
    return Drifted(label, 1, NINE, distance, 1.0, 0.0, kept, ())


def drift(*members: Drifted) -> Drift:
    return Drift((Span(0, 4, "One."), Span(5, 9, "Two."), Span(10, 16, "Three.")), members)


def test_drift_draws_a_bar_for_each_member_and_tells_the_last_in_full() -> None:
    shown = drift_lines(drift(member("call-1", 0.0, changed=False), member("会谈-2", 0.5)), Style(width=60))
    bars = shown.splitlines()[1:3]
    assert bars[0] == "call-1  0.00"
    assert bars[1] == "会谈-2  0.50  " + "█" * 23
    assert "MEMBER  DATE        KEPT  REWORDED  DROPPED  NEW  REORDERED" in shown
    assert "会谈-2: 0 baseline sentences kept; the others" in shown
    assert "reordered      One." in shown
    assert "reworded 0.50  [-Two" in shown
    assert "{+Twain" in shown
    assert "dropped        [-Three.-]" in shown
    assert "new            {+New.+}" in shown


def test_drift_of_an_unchanged_text_is_calm() -> None:
    assert "every sentence of the baseline stands as it was" in drift_lines(
        drift(member("a", 0.0, changed=False)), PLAIN
    )
    assert drift_lines(drift(), PLAIN) == "nothing to compare with the baseline\n"


@given(st.floats(0, 1), st.integers(20, 200), st.booleans())
def test_a_bar_never_leaves_the_chart(distance: float, width: int, ascii_only: bool) -> None:
    chart = list(drift_chart([member("label", distance)], Style(width=width), ascii_only=ascii_only))
    assert len(chart[1]) <= max(width, 30)
    assert not ascii_only or chart[1].isascii()


def test_drift_as_json_is_one_document() -> None:
    document = drift_json(drift(member("a", 0.5)))
    assert json.loads(encode(document)) == document


def phrase_table() -> PhraseTable:
    phrase = Phrase("security-concerns", ("legitimate security concerns",), ("xi-putin-calls",))
    return PhraseTable(
        standings=(
            Standing(
                phrase.id,
                "xi-putin-calls",
                expected=True,
                present=False,
                first=seen(1),
                last=seen(2),
                usage=(Usage(1, phrase.variants[0], 1), Usage(2, phrase.variants[0], 2)),
                missing=(3, 4, 6),
                variant_changes=(2,),
                near=(NearMatch(seen(3), 0, 10, "legitimate\u202e concerns", phrase.variants[0], 0.81),),
            ),
        ),
        orders=(OrderChange("xi-putin-calls", 4, None, ("a", "b"), ("b", "a")),),
    )


def test_an_expected_phrase_that_is_missing_is_said_loudly() -> None:
    shown = phrases_lines(phrase_table(), PLAIN)
    assert "security-concerns  xi-putin-calls  MISSING" in shown
    assert "expected and missing in @3–@4, @6" in shown
    assert "another variant from @2 on" in shown
    assert "another order than the baseline: b → a (was a → b)" in " ".join(shown.split())
    assert "legitimate⟨U+202E⟩ concerns" in shown
    assert phrases_lines(PhraseTable((), ()), PLAIN) == "no phrases are registered\n"
    document = phrases_json(phrase_table())
    assert json.loads(encode(document)) == document


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_history_answers_are_harmless_at_every_width(width: int) -> None:
    style = Style(width=width)
    for shown in (
        blame_lines(blame(), style),
        grep_lines([found()], "\x1b[2J", style),
        drift_lines(drift(member("a\x1b[2J", 0.3)), style),
        phrases_lines(phrase_table(), style),
    ):
        assert visible(shown) == shown
