from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.read import ReadRules, read
from monitor.read.plain import parse, verbatim
from storage.errors import ReadError


def test_the_seed_has_title_date_and_five_paragraphs(seed: Path) -> None:
    text = parse(seed.read_text("utf-8"))
    assert text.title == "President Xi Jinping Speaks with Russian President Vladimir Putin on the Phone"
    assert text.published == "2022-02-26 12:05"
    assert len(text.paragraphs) == 5
    assert parse(text.text) == text


def test_a_raw_file_stays_as_it_is_with_its_title_and_date_named(seed: Path) -> None:
    raw = seed.read_text("utf-8")
    text = verbatim(raw)
    assert text.text == raw
    assert (text.title, text.published) == (parse(raw).title, "2022-02-26 12:05")
    assert verbatim("Just\nwords.").title is None


def test_wrapped_lines_are_joined_and_rewrapping_changes_nothing() -> None:
    narrow = "The Committee\ndecided on long-\nterm rates.\n\nAll\nagreed."
    assert parse(narrow) == parse("The Committee decided on long-term\nrates.\n\n\n All agreed.\n")
    assert parse("国家主席\n习近平\n\n同 Putin\n通话").paragraphs == ("国家主席习近平", "同 Putin 通话")


def test_lines_of_a_file_that_is_not_wrapped_are_paragraphs() -> None:
    long = "A long line that nobody wrapped. " * 10
    assert parse(f"{long}\nShort.\n{long}").paragraphs == (long.strip(), "Short.", long.strip())


def test_items_and_headings_stand_alone() -> None:
    assert parse("Intro\n- one\n  wrapped\n- two\n## Part ##\ntext\nmore").paragraphs == (
        "Intro", "- one wrapped", "- two", "Part", "text more",
    )  # fmt: skip


def test_front_matter_gives_title_and_date() -> None:
    raw = "---\ndate: '2022-10-31'\ntags: [a, b]\ntitle: \"Readout of Joe\\_Biden\\u2019s \\\n  Call\"\n---\n\nThey spoke.\n"
    text = parse(raw)
    assert (text.title, text.published, text.paragraphs) == (
        "Readout of Joe Biden’s Call",
        "2022-10-31",
        ("They spoke.",),
    )
    assert parse("---\n: [broken\n---\nWords.").paragraphs[-1] == "Words."


@pytest.mark.parametrize(
    "raw",
    [
        "# A call\n\n2022-02-26\n\nThey **spoke** of [it](https://x.example/).",
        "A call\n===\n\n2022-02-26\n\nThey spoke of it.",
    ],
)
def test_a_first_heading_is_the_title_and_marks_go(raw: str) -> None:
    text = parse(raw)
    assert (text.title, text.published, text.paragraphs) == ("A call", "2022-02-26", ("They spoke of it.",))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_read_and_verbatim_keeps_it(raw: str) -> None:
    assert verbatim(raw).text == raw
    parse(raw).text.encode()


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ReadError, match="binary"):
        read(bytes(range(256)) * 20, ReadRules(kind="plain"))
    with pytest.raises(ReadError, match="empty"):
        read(b"  \n", ReadRules(), content_type="text/plain")
