"""The answers beside the diff."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from monitor.render import Style, answers, summary
from monitor.render.json_forms import check_json, encode, instant, log_json, show_json, status_json
from monitor.render.telling import is_passage, shown_window
from storage.records import (
    Event,
    EventKind,
    Outcome,
    Severity,
    Source,
    SourceState,
    Text,
    Version,
    Window,
)
from tests.core.render.cases import CASES, E, K, comparison

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = Style()

FIRST = Version(
    "mfa",
    1,
    "ab" * 32,
    "A title \x1b[2J",
    "20 November",
    NINE,
    NINE + timedelta(hours=2),
    Window(None, NINE),
    NINE,
    None,
    None,
    False,
    False,
    "html/1",
    1,
    "cd" * 32,
)
SECOND = replace(
    FIRST,
    number=2,
    first_seen=NINE + timedelta(hours=2, minutes=15),
    last_seen=NINE + timedelta(hours=5),
    window=Window(NINE + timedelta(hours=2), NINE + timedelta(hours=2, minutes=15)),
    severity=Severity.MAJOR,
    silent=True,
)


@pytest.mark.parametrize(
    ("after", "before", "words"),
    [
        (None, NINE, "first seen 2026-11-23 09:00 UTC"),
        (NINE, NINE + timedelta(minutes=15), "between 2026-11-23 09:00 and 09:15 UTC"),
        (NINE, NINE + timedelta(days=1), "between 2026-11-23 09:00 and 2026-11-24 09:00 UTC"),
        (NINE, NINE + timedelta(seconds=9), "between 2026-11-23 09:00:00 and 09:00:09 UTC"),
        (NINE, NINE + timedelta(seconds=90), "between 2026-11-23 09:00:00 and 09:01:30 UTC"),
        (NINE, NINE + timedelta(milliseconds=9), "at 2026-11-23 09:00:00 UTC"),
        (
            NINE.astimezone(timezone(timedelta(hours=8))),
            (NINE + timedelta(minutes=15)).astimezone(timezone(timedelta(hours=-5))),
            "between 2026-11-23 09:00 and 09:15 UTC",
        ),
    ],
)
def test_a_window_is_said_as_a_span_never_as_one_instant(after: datetime | None, before: datetime, words: str) -> None:
    assert shown_window(Window(after, before)) == words


def test_the_log_names_version_window_severity_and_silence() -> None:
    shown = answers.log_lines([SECOND, FIRST], PLAIN)
    assert "mfa@2  major  silent" in shown
    assert "between 2026-11-23 11:00 and 11:15 UTC; last seen 2026-11-23 14:00 UTC" in shown
    assert shown.index("mfa@2") < shown.index("mfa@1")
    assert "\x1b" not in shown


def test_the_log_repeats_no_title_that_stayed() -> None:
    assert answers.log_lines([SECOND, FIRST], PLAIN).count("A title") == 1
    assert answers.log_lines([replace(SECOND, title="Another"), FIRST], PLAIN).count("title") == 1
    assert "Another" in answers.log_lines([replace(SECOND, title="Another"), FIRST], PLAIN)


def test_a_reread_is_told_as_ours() -> None:
    assert "our reader changed, not their page" in answers.log_lines([replace(SECOND, reread=True)], PLAIN)


def test_an_imported_version_keeps_its_true_capture_time_apart() -> None:
    shown = answers.log_lines([replace(FIRST, imported=NINE + timedelta(days=9))], PLAIN)
    assert "captured 2026-11-23 09:00 UTC; imported 2026-12-02 09:00 UTC" in shown


def test_events_are_told_with_their_reason() -> None:
    shown = answers.events_lines(
        [
            Event(EventKind.FAILING, "mfa", NINE, 2, detail={"reason": "HTTP 503\x1b[2J"}),
            Event(EventKind.REVERTED, "mfa", NINE, 3, Severity.WORDING, detail={"to": 1}),
        ],
        PLAIN,
    )
    assert shown.startswith("2026-11-23 09:00 UTC  failing    mfa@2  HTTP 503␛[2J\n")
    assert "reverted   mfa@3  wording  back to the wording" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_version_is_shown_whole_under_its_header() -> None:
    text = Text.of("A title", "20 November", ["First paragraph.", "Second paragraph."])
    shown = answers.show_lines(FIRST, text, PLAIN)
    assert shown.endswith("A title\n\n20 November\n\nFirst paragraph.\n\nSecond paragraph.\n")


def test_a_text_is_wrapped_to_the_terminal_without_losing_a_word() -> None:
    text = Text.of("A title of several words that does not fit", None, ["word " * 40 + "end"])
    shown = answers.show_lines(FIRST, text, Style(width=40))
    body = shown.split("─\n")[-1]
    assert body.split() == text.text.split()
    assert max(map(len, shown.splitlines())) <= 40


@dataclass(frozen=True)
class Checked:
    source: str
    outcome: Outcome
    version: int | None = None
    severity: Severity | None = None
    silent: bool = False
    error: str | None = None
    hint: str | None = None
    ms: int = 0
    note: str | None = None


def test_a_check_says_what_changed_or_what_went_wrong() -> None:
    changed = Checked("mfa", Outcome.CHANGED, 3, Severity.WORDING, silent=True)
    failed = Checked("mfa", Outcome.FAILED, 3, error="connect: refused", hint="Is it up?")
    assert answers.check_line(changed, PLAIN) == "changed     mfa@3  wording  silent: no date on the page changed"
    assert answers.check_line(failed, PLAIN) == "failed      mfa: connect: refused\n            hint: Is it up?"


def test_the_count_of_checks_takes_not_modified_for_unchanged() -> None:
    results = [Checked("a", Outcome.UNCHANGED), Checked("b", Outcome.NOT_MODIFIED), Checked("c", Outcome.NEW)]
    assert answers.check_summary(results) == "3 checked: 1 new, 2 unchanged"
    assert answers.check_summary([]) == "0 checked"


def state(**known: object) -> SourceState:
    base = SourceState(
        Source("mfa", "https://mfa.example/"),
        2,
        SECOND,
        NINE,
        Outcome.UNCHANGED,
        None,
        NINE,
        NINE + timedelta(hours=3),
        0,
        False,
        False,
        False,
        "cd" * 32,
    )
    return replace(base, **known)  # type: ignore[arg-type]


def test_status_says_how_each_source_stands() -> None:
    states = [
        state(),
        state(source=Source("gone-page", "x"), gone=True, failures=3, last_error="HTTP 404"),
        state(source=Source("fresh", "x"), versions=0, latest=None, last_good=None),
        state(source=Source("old", "x"), retired=True, failures=2, last_error="never mind"),
    ]
    shown = answers.status_table(states, NINE + timedelta(minutes=12), PLAIN)
    rows = [line.split() for line in shown.splitlines()]
    assert rows[1] == ["mfa", "ok", "2", "12", "min", "ago", "in", "2", "h", "cd" * 6]
    assert rows[2][:2] == ["gone-page", "gone"]
    assert rows[3][:4] == ["fresh", "waiting", "0", "never"]
    assert rows[4][1] == "retired"
    assert "gone-page: 3 failures in a row: HTTP 404" in shown
    assert "never mind" not in shown


def test_a_table_fits_the_terminal_and_wide_characters_keep_the_columns() -> None:
    rows = [("外交部", "15m", "#article", "https://example.org/" + "x" * 200), ("abc", "1h", "automatic", "short")]
    lines = answers.sources_table(rows, Style(width=60)).splitlines()
    from monitor.render.terminal import width_of

    assert all(width_of(line) <= 60 for line in lines)
    assert width_of(lines[1].split("15m")[0]) == width_of(lines[2].split("1h")[0])


def test_json_times_are_utc_with_z() -> None:
    assert instant(NINE.astimezone(timezone(timedelta(hours=8)))) == "2026-11-23T09:00:00Z"


def test_json_documents_hold_the_promised_keys() -> None:
    log = log_json("mfa", [SECOND, FIRST])
    assert log["source"] == "mfa"
    promised = {
        "number",
        "sha256",
        "first_seen",
        "last_seen",
        "window",
        "severity",
        "reread",
        "captured",
        "imported",
        "chain",
    }
    versions = log["versions"]
    assert isinstance(versions, list)
    assert promised <= set(versions[0])
    assert versions[1]["window"] == {"after": None, "before": "2026-11-23T09:00:00Z"}
    check = check_json(NINE, [Checked("mfa", Outcome.NOT_MODIFIED, 2, ms=7)])
    assert check["results"] == [
        {
            "source": "mfa",
            "outcome": "not-modified",
            "version": 2,
            "severity": None,
            "silent": False,
            "error": None,
            "note": None,
            "ms": 7,
        }
    ]
    for document in (log, check, show_json(FIRST, Text("x")), status_json([state()], NINE)):
        assert json.loads(encode(document)) == document


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("identical", "identical"),
        ("emptied", "1 wording change: 1 passage deleted"),
        (
            "moved-and-split",
            "2 wording changes: 1 sentence deleted, 1 passage inserted; 1 paragraph split, 1 paragraph merged; 2 sentences moved",
        ),
        ("only-rewrapped", "3 cosmetic"),
    ],
)
def test_a_change_is_summed_up_in_a_line(case: str, words: str) -> None:
    assert summary(CASES[case]().change) == words


def test_the_summary_of_the_issue() -> None:
    change = comparison(
        [
            E("1", "2", (K.NUMBER,)),
            " ",
            E("", "not ", (K.NEGATION, K.INSERTED), Severity.MAJOR),
            E("dispute", "crisis"),
            E("’", "'", (K.TYPOGRAPHY,), Severity.COSMETIC),
            " ",
            E("Red", "red", (K.CASE,), Severity.COSMETIC),
            E("Moved. ", "", (K.MOVED,), Severity.MINOR, move=1),
            "x",
            E("", "Moved. ", (K.MOVED,), Severity.MINOR, move=1),
        ]
    ).change
    assert summary(change) == "3 wording changes: 1 negation, 1 number; 2 cosmetic; 1 sentence moved"


def test_the_registry_imports_nothing_of_weight() -> None:
    heavy = ["wcwidth", "regex", "json", "html", "importlib.resources", "monitor.differ", "sqlalchemy", "rich"]
    program = (
        "import sys; before = set(sys.modules); import monitor.render; "  # a measurement may have come first
        f"print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("The border remains closed. ", False),
        ("The U.S. border remains closed.", False),
        ("It rose by 4.5 percent to $2.1 million.", False),
        ("He said “no.” She left.", True),
        ("One. Two three four. Five.", True),
        ("A heading\nand a line", True),
        ("边界仍然关闭。", False),
        ("边界仍然关闭。谈判继续。", True),
        ("他说：“不。”", False),
    ],
)
def test_a_passage_is_more_than_a_sentence(text: str, passage: bool) -> None:
    assert is_passage(text) is passage
