"""Widths and wrapping."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.render import Style, render, terminal
from monitor.render.safe import visible
from monitor.render.terminal import Role, Run, fit, padded, width_of, wrap
from tests.core.render.cases import CASES

TEXT = st.lists(
    st.sampled_from(
        [
            "a",
            "word",
            " ",
            "  ",
            "\n",
            "中",
            "文",
            "。",
            "“",
            "é",
            "e\u0301",
            "👨\u200d👩\u200d👧",
            "🇳🇿",
            "נ",
            "-",
            "\u202e",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("中文", 4),
        ("e\u0301", 1),
        ("👨\u200d👩\u200d👧", 2),
        ("🇳🇿", 2),
        ("❤\ufe0f", 2),
        ("שלום", 4),
        ("", 0),
        ("，", 2),
    ],
)
def test_widths_are_those_of_a_terminal(text: str, columns: int) -> None:
    assert width_of(text) == columns
    assert width_of(padded(text, 12)) == 12


@settings(max_examples=100, deadline=None)
@given(TEXT, st.integers(10, 60))
def test_no_line_is_wider_than_asked_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrap([(Run(text), -1)], width)
    assert all(line.width == width_of(line.text) <= width for line in lines)
    assert "".join("".join(line.text.split()) for line in lines) == "".join(visible(text).split())


@settings(max_examples=100, deadline=None)
@given(TEXT, st.integers(10, 40))
def test_graphemes_are_never_cut(text: str, width: int) -> None:
    whole = set(regex.findall(r"\X", visible(text)))
    for line in wrap([(Run(text), -1)], width):
        assert set(regex.findall(r"\X", line.text)) <= whole


def test_what_needs_no_table_of_graphemes_has_none_of_several_characters() -> None:
    single = "".join(one for one in map(chr, range(0x3000)) if terminal._SINGLE.fullmatch(one))
    assert {"a", "é", "“", "–", "\n"} < set(single)
    text = "".join(one + other for one, other in zip(single, reversed(single), strict=True)) + single
    assert regex.findall(r"\X", text) == list(text)
    assert [one.group() for one in terminal._found_tokens(text)] == terminal._any_token().findall(text)


@given(TEXT, st.integers(2, 30))
def test_a_fitted_text_fits(text: str, width: int) -> None:
    assert width_of(fit(text.replace("\n", " "), width)) <= width


def test_chinese_breaks_anywhere_but_before_closing_and_after_opening_marks() -> None:
    lines = [line.text for line in wrap([(Run("双方同意，“继续沟通”。"), -1)], 10)]
    assert lines == ["双方同", "意，“继续", "沟通”。"] or all(line[0] not in "，。”" for line in lines)
    assert all(not line.endswith("“") for line in lines)


def test_signs_stay_with_their_words() -> None:
    runs = [Run("a"), Run(" "), Run("[-", Role.DELETED, opens=True), Run("b c", Role.DELETED), Run("-]", closes=True)]
    assert [line.text for line in wrap([(run, -1) for run in runs], 5)] == ["a [-b", "c-]"]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("form", ["inline", "side-by-side"])
@pytest.mark.parametrize("case", CASES)
def test_every_case_fits_the_terminal(case: str, form: str, width: int) -> None:
    for line in render(CASES[case](), form, Style(width=width, explain=True)).splitlines():
        assert width_of(line) <= width


@pytest.mark.parametrize("case", ["chinese", "right-to-left", "combining", "emoji", "moved-and-split"])
def test_the_right_column_starts_in_the_same_place_on_every_line(case: str) -> None:
    lines = render(CASES[case](), "side-by-side", Style(width=100)).splitlines()
    bars = {width_of(line.split(" | ")[0]) for line in lines if " | " in line}
    assert len(bars) == 1
