"""Every ``--json`` document of the commands that read, as they really write it, against its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.render.schemas import faults
from tests.journeys.conftest import Program

READOUT = "<html><body><div id=a><h1>Talks</h1><p>{}</p></div></body></html>"
STATEMENTS = {
    "2020-01-29.txt": "The Committee will keep the rate for a considerable time. Inflation was 2 percent.\n",
    "2020-03-18.txt": "The Committee will keep the rate for some time. Inflation was 2 percent.\n",
    "2020-04-29.txt": "The Committee will keep the rate for a considerable time. Inflation was 1 percent.\n",
}

STRICT = [
    ("diff", ("diff", "bank", "--explain")),
    ("diff", ("diff", "page@1", "page@2")),
    ("log", ("log", "page", "--events")),
    ("log", ("log", "bank")),
    ("show", ("show", "page@1")),
    ("show", ("show", "bank@2")),
    ("blame", ("blame", "page")),
    ("blame", ("blame", "bank", "--words")),
    ("grep", ("grep", "considerable time")),
    ("grep", ("grep", "considerable (time|period)", "bank", "--regex")),
    ("drift", ("drift", "bank", "--baseline", "@first")),
    ("drift", ("drift", "page", "--baseline", "@1")),
    ("phrases", ("phrases",)),
]
OTHERS = [
    ("read", ("read", "page.html")),
    ("sources", ("sources",)),
    ("status", ("status",)),
    ("check", ("check",)),
]


@pytest.fixture
def kept(variorum: Program) -> Program:
    """A source of two versions, a series of three members, two phrases."""
    variorum.write(
        "config.yaml",
        f"sources:\n  - {{id: page, url: '{(variorum.folder / 'page.html').as_uri()}', select: '#a', baseline: pinned.txt}}\n"
        "series: [{id: bank, title: Decisions}]\nphrases:\n  - {id: time, variants: [considerable time, some time], expect: [bank]}\n"
        "  - {id: shall, variants: [shall meet], expect: [page]}\n",
    )
    variorum.write("pinned.txt", "The parties shall meet in May.\n")
    for words in ("The parties shall meet in May.", "The parties may meet in May."):
        variorum.write("page.html", READOUT.format(words))
        assert variorum("check").code == 0
    for name, words in STATEMENTS.items():
        variorum.write(f"statements/{name}", words)
    assert variorum("import", "folder", "statements", "--series", "bank").code == 0
    return variorum


def test_every_document_fits_its_schema(kept: Program) -> None:
    for name, words in STRICT + OTHERS:
        ran = kept(*words, "--json")
        assert ran.code == 0, (words, ran.err)
        assert faults(name, ran.json, strict=(name, words) in STRICT) == [], words


def test_the_history_questions_are_answered_alike_for_a_series(kept: Program) -> None:
    log = kept("log", "bank", "--json").json
    assert [(one["number"], one["member"]) for one in log["versions"]] == [
        (3, "bank-2020-04-29"),
        (2, "bank-2020-03-18"),
        (1, "bank-2020-01-29"),
    ]
    blamed = kept("blame", "bank", "--json").json
    assert (blamed["source"], blamed["version"]) == ("bank", 3)
    came = {one["text"]: (one["since"]["label"], one["removed"]) for one in blamed["sentences"]}
    assert came == {
        "The Committee will keep the rate for a considerable time.": ("bank-2020-01-29", [2]),
        "Inflation was 1 percent.": ("bank-2020-04-29", []),
    }
    (found,) = kept("grep", "considerable time", "bank", "--json").json["sources"]
    assert (found["first"]["label"], found["gaps"][0]["versions"]) == ("bank-2020-01-29", [2])
    assert [one["times"] for one in found["counts"]] == [1, 0, 1]
    shown = kept("blame", "bank").out
    assert shown.startswith("bank@3 (bank-2020-04-29)\n")
    assert "bank@2 (bank-2020-03-18)" in kept("show", "bank@2").out
    assert "bank@1 (bank-2020-01-29)" in kept("log", "bank").out


def test_escapes_never_leave_a_document(kept: Program) -> None:
    kept.write("page.html", READOUT.format("The parties \u202emay meet \u2066 in May."))
    assert kept("check").code == 0
    for _, words in STRICT:
        out = kept(*words, "--json").out
        json.loads(out)
        assert not [char for char in out if char in "\x1b\x07\x00\u202e\u2066"]


def test_a_database_that_may_not_be_written_is_blamed_all_the_same(kept: Program) -> None:
    for day in range(1, 10):
        kept.write(f"many/2021-01-0{day}.txt", f"Day {day}. The clause stands.\n")
    assert kept("import", "folder", "many", "--source", "many").code == 0
    first = kept("blame", "many", "--json")
    assert first.code == 0
    Path("variorum.db").chmod(0o400)
    try:
        assert kept("blame", "many", "--json").out == first.out
    finally:
        Path("variorum.db").chmod(0o600)
