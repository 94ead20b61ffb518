from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.read.canonical import canonical, line

ODD = "\u200d\u200c\u200b\u00ad\u202e\u2066\ufeff\x00\x07\x85\u2028\u00a0\u3000\ud800\U000e0067\U0001f3f4\u0628e\u0301 "
anything = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cs", "Cf", "Cc", "Zs", "Mn"]), st.sampled_from(ODD))
)


@given(anything)
def test_canonical_form_is_idempotent(words: str) -> None:
    once = line(words)
    assert line(once) == once


@given(st.lists(anything, max_size=6), anything, anything)
def test_a_canonical_text_holds_no_control_and_can_be_written(paragraphs: list[str], title: str, date: str) -> None:
    text = canonical(title, date, paragraphs)
    text.text.encode("utf-8")
    assert unicodedata.is_normalized("NFC", text.text)
    assert not [char for char in text.text if unicodedata.category(char) == "Cc" and char != "\n"]
    again = canonical(text.title, text.published, text.paragraphs)
    assert again == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two \t\r\n words ", "two words"),
        ("10\u00a0000\u202f€", "10 000 €"),
        ("国家\u3000主席", "国家 主席"),
        ("so\u00adve\u00adreign", "sovereign"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("e\u0301galite\u0301", "égalité"),
        ("nul\x00 bell\x07 next\x85line", "nul bell next line"),
        ("a\u202eb\u2069c", "abc"),
        ("half \ud83d only", "half \ufffd only"),
        ("hidden\U000e0068\U000e0069", "hidden"),
    ],
)
def test_what_cannot_be_seen_goes_and_space_is_folded(raw: str, clean: str) -> None:
    assert line(raw) == clean


@pytest.mark.parametrize(
    "words",
    [
        "می\u200cخواهم",  # Persian
        "क्\u200dष",  # Devanagari
        "👨\u200d👩\u200d👧",
        "🏳\ufe0f\u200d🌈",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "“quoted” ‘so’ – and — so… „hier“ «ici»",
    ],
)
def test_what_carries_meaning_stays(words: str) -> None:
    assert line(words) == words


def test_a_joiner_that_joins_nothing_goes() -> None:
    assert line("a\u200db \u200c中\u200d") == "ab 中"


def test_what_was_dropped_is_counted_by_family() -> None:
    removed: Counter[str] = Counter()
    canonical("T\x00", None, ["a\u00ad\u200bb", "c\u202ed", "\udc00"], removed)
    assert dict(+removed) == {"control": 1, "invisible": 2, "bidi": 1, "surrogate": 1}


def test_empty_parts_are_left_out() -> None:
    assert canonical(" ", "\u200b", ["", "one", "\u00a0"]).text == "one"
