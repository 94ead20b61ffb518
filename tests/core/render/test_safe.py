from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.render.safe import one_line, visible


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("nul\x00", "nul␀"),
        ("a\tb\rc", "a␉b␍c"),
        ("\x7f", "␡"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("\u202eevil\u202c", "⟨U+202E⟩evil⟨U+202C⟩"),
        ("\u2066x\u2069\u061c\u200e", "⟨U+2066⟩x⟨U+2069⟩⟨U+061C⟩⟨U+200E⟩"),
        ("zero\u200bwidth\ufeff\u2060", "zero⟨U+200B⟩width⟨U+FEFF⟩⟨U+2060⟩"),
        ("line\u2028para\u2029nel\x85", "line⟨U+2028⟩para⟨U+2029⟩nel⟨U+0085⟩"),
        ("lone\ud800 smuggled\udc80", "lone⟨U+D800⟩ smuggled⟨U+DC80⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("Latin\u200dword", "Latin⟨U+200D⟩word"),
        ("\u200d", "⟨U+200D⟩"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_a_sign(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


@pytest.mark.parametrize(
    "innocent",
    [
        "plain text\nwith lines",
        "中文，“引号”。",
        "اتفاق الميناء",
        "می\u200cخواهم",
        "क्\u200dष",
        "👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ❤\ufe0f 👍🏽 🇳🇿",
        "e\u0301 Tie\u0302\u0301ng",
        "葛\U000e0100城",
        "a\u00a0b\u202fc",
    ],
)
def test_what_scripts_need_stays_as_it_is(innocent: str) -> None:
    assert visible(innocent) == innocent


def test_a_joiner_between_an_emoji_and_a_letter_is_shown() -> None:
    assert visible("👍\u200dx") == "👍⟨U+200D⟩x"


def test_every_control_and_format_character_of_unicode_is_shown() -> None:
    prepended = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}  # these are drawn
    hieroglyphs = set(range(0x13430, 0x13440))  # joiners of Egyptian quadrats: harmless
    leaked = [
        f"{point:04X}"
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and point not in prepended | hieroglyphs | {0x0A}
        and visible(chr(point)) == chr(point)
    ]
    assert leaked == []


@given(st.text(st.characters()))
def test_visible_is_idempotent(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_a_name_stays_on_one_line() -> None:
    assert one_line("a\nb") == "a⏎b"
