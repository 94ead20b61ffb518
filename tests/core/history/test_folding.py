from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.history.folding import fold


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("The “Committee’s” view", 'the "committee\'s" view'),
        ("2010–2015 — now", "2010-2015 - now"),
        ("ﬁnally", "finally"),
        ("２０２２", "2022"),
        ("a  b\tc\u00a0d\ne", "a b c d e"),
        ("mortgage-\nbacked", "mortgage-backed"),
        ("one\n\n  two", "one\ntwo"),
        ("合理 安全\n关切", "合理安全关切"),
        ("合理\n\n安全", "合理\n安全"),
        ("co\u00adoper\u200bate", "cooperate"),
        ("cafe\u0301", "café"),
        ("Straße", "strasse"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("ㄱㅏ", "가"),
        ("a ¯ b", "a ¯ b"),
    ],
)
def test_what_is_only_typography_folds_away(written: str, folded: str) -> None:
    assert fold(written).text == folded


def test_case_stays_when_asked() -> None:
    assert fold("The ＢＡＮＫ", ignore_case=False).text == "The BANK"


ODD = st.text(
    st.one_of(
        st.characters(blacklist_categories=["Cs"]),
        st.sampled_from("  \n\n\t-‐—“”’\u0301\u0308\u200b\u00adﬁß合理安全ＡＢｃ１가\u1100\u1161İ😀\u064b"),
    ),
    max_size=40,
)


@given(ODD)
@example("e\u0301")
@example("合\n\n理")
@example("\u0301x")
@example("-\n-\n")
def test_every_place_of_a_folded_text_leads_back_to_where_it_came_from(text: str) -> None:
    folded = fold(text)
    previous = 0
    for place in range(len(folded.text)):
        start, end = folded.span(place, place + 1)
        assert 0 <= start < end <= len(text)
        assert start >= previous  # in order
        previous = start
        assert folded.text[place] in fold(text[start:end]).text or text[start:end].isspace()


@given(ODD)
@example("0\r¯")
@example("ʼn ŉ")
@example("ΐΰ")
def test_folding_a_folded_line_changes_nothing(text: str) -> None:
    once = fold(" ".join(text.split())).text
    assert fold(once).text == once
