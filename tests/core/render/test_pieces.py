"""What every human format is written from: nothing changed may be lost, nothing unchanged may be marked."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.render import Comparison, Style, render
from monitor.render.pieces import LeftOut, Paragraph, Sign, items, paragraphs, pieces, unwrapped
from storage.records import EditKind, Severity
from tests.core.render.cases import CASES, E, K, comparison
from tests.core.render.random_comparisons import NASTY, WORDS, comparisons

ALL = Style(kinds=frozenset(EditKind))
"""Every edit is marked: with ``whitespace`` asked for, re-wrappings too."""

SIGNS_OF_SPACE = re.compile("[¶⏎·→⍽…]+")


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def side(shown: Comparison, other: Sign) -> str:
    """One text, put together again from the pieces that the other side does not own; white space apart."""
    return bare(
        "".join(
            piece.text
            for piece in pieces(shown, ALL)
            if piece.sign not in (other, Sign.QUIET) and not SIGNS_OF_SPACE.fullmatch(piece.text)
        )
    )


@settings(max_examples=100, deadline=None)
@given(comparisons(WORDS + NASTY))
def test_both_texts_can_be_read_from_the_pieces(shown: Comparison) -> None:
    assert side(shown, Sign.DELETED) == bare(shown.new.text.text)
    assert side(shown, Sign.INSERTED) == bare(shown.old.text.text)


@settings(max_examples=100, deadline=None)
@given(comparisons(WORDS), st.integers(0, 3))
def test_every_edit_is_shown_once_however_much_is_left_out(shown: Comparison, context: int) -> None:
    style = Style(kinds=ALL.kinds, context=context)
    started = [edit for item in items(shown, style) if isinstance(item, Paragraph) for edit in item.edits]
    assert started == list(shown.change.edits)
    assert started == [edit for paragraph in paragraphs(shown, style) for edit in paragraph.edits]


@settings(max_examples=100, deadline=None)
@given(comparisons(WORDS), st.integers(0, 3))
def test_what_is_left_out_and_what_is_shown_are_the_whole_new_text(shown: Comparison, context: int) -> None:
    style = Style(kinds=ALL.kinds, context=context)
    parts = []
    for item in items(shown, style):
        if isinstance(item, LeftOut):
            parts.append(item.text)
            continue
        parts += [
            piece.text
            for piece in item.pieces
            if piece.sign in (Sign.SAME, Sign.INSERTED) and not SIGNS_OF_SPACE.fullmatch(piece.text)
        ]
    assert bare("".join(parts)) == (bare(shown.new.text.text) if shown.change.edits else "")


def long_text(change: E) -> Comparison:
    before = " ".join(f"Sentence number {number} stands before." for number in range(5))
    after = " ".join(f"Sentence number {number} stands after." for number in range(5))
    return comparison([f"{before} The rate is ", change, f" percent. {after}"])


@pytest.mark.parametrize(("context", "kept"), [(0, 0), (1, 2), (2, 4), (9, 10)])
def test_context_is_counted_in_sentences_on_both_sides(context: int, kept: int) -> None:
    shown = render(long_text(E("4", "5", (K.NUMBER,))), "inline", Style(context=context, width=120))
    assert len(re.findall(r"Sentence number", shown)) == kept
    if kept < 10:
        assert shown.count(f"⋯ {5 - kept // 2} sentences unchanged") == 2


def test_filtered_edits_are_shown_as_the_new_text() -> None:
    shown = comparison(
        ["It is Ardonia", E("’", "'", (K.TYPOGRAPHY,), Severity.COSMETIC), "s ", E("4", "5", (K.NUMBER,)), " tariffs."]
    )
    for style in (Style(ignore_cosmetic=True), Style(kinds=frozenset({K.NUMBER}))):
        assert "Ardonia's [-4-]{+5+} tariffs." in render(shown, "words", style)
    assert "Ardonia[-’-]{+'+}s 5 tariffs." in render(shown, "words", Style(kinds=frozenset({K.TYPOGRAPHY})))


def test_json_filters_the_edits_and_keeps_the_counts_of_the_whole() -> None:
    shown = CASES["readout"]()
    whole = json.loads(render(shown, "json", Style(explain=True)))
    some = json.loads(render(shown, "json", Style(kinds=frozenset({K.NUMBER}))))
    assert [edit["kinds"] for edit in some["edits"]] == [["number"]]
    assert {key: some[key] for key in ("stats", "severity", "script")} == {
        key: whole[key] for key in ("stats", "severity", "script")
    }
    assert whole["edits"][0]["rules"] == ["number:words"]
    assert "rules" not in some["edits"][0]


def test_white_space_beside_a_paragraph_break_is_no_second_place_of_its_edit() -> None:
    page = render(comparison(["One.", E("", " \n\nTwo.", (K.INSERTED,))]), "html", Style())
    assert page.count('id="change-1"') == 1


def test_when_all_is_filtered_the_reader_is_told_so() -> None:
    shown = comparison(["It is Ardonia", E("’", "'", (K.TYPOGRAPHY,), Severity.COSMETIC), "s."])
    told = render(shown, "inline", Style(ignore_cosmetic=True))
    assert "no differences of the kinds asked for" in told
    assert "1 edit of other kinds not marked" in told


def test_a_rewrapped_file_does_not_drown_its_one_real_edit() -> None:
    told = render(CASES["rewrapped"](), "inline", Style())
    assert told.count("⏎") == 0
    assert "[-one-]{+two+}" in told
    assert "29 cosmetic" in told


def test_line_ends_of_hard_wrapped_prose_are_spaces_and_lists_stay_lists() -> None:
    wrapped = "This line was cut by an editor at some seventy columns or\nso and goes on.\n- item\n- item\nshort\nlines"
    assert unwrapped(wrapped) == wrapped.replace("or\nso", "or so")
    assert len(unwrapped(wrapped)) == len(wrapped)


def test_an_added_paragraph_leaves_its_neighbours_whole() -> None:
    shown = comparison(["First.", E("", "\n\nAdded.", (K.INSERTED,)), "\n\nLast."])
    assert render(shown, "words", Style()) == "{+Added.+}\n"


def test_halves_of_a_move_point_at_each_other() -> None:
    told = render(CASES["moved-and-split"](), "words", Style())
    assert "moved 1" not in told  # the words format is text and signs alone
    told = " ".join(render(CASES["moved-and-split"](), "inline", Style()).split())
    assert told.index("[-↓ moved 1:") < told.index("{+↑ moved 1:")
    assert told.index("{+↓ moved 2:") < told.index("[-↑ moved 2:")


def test_a_move_with_a_changed_word_in_it_is_one_move_with_one_anchor_at_each_end() -> None:
    half = (K.MOVED,)
    shown = comparison(
        [
            E("They spoke of ", "", half, move=1),
            E("trade", ""),
            E(" and fish.", "", half, move=1),
            " Lunch was served. ",
            E("", "They spoke of ", half, move=1),
            E("", "tariffs"),
            E("", " and fish.", half, move=1),
        ]
    )
    page = render(shown, "html", Style())
    assert [page.count(f'id="move-1-{end}"') for end in ("from", "to")] == [1, 1]
    assert [page.count(f'href="#move-1-{end}"') for end in ("from", "to")] == [1, 1]
    assert render(shown, "inline", Style()).count("moved 1") == 2


def test_a_word_changed_in_a_moved_sentence_is_counted_once() -> None:
    told = render(CASES["moved-in-pieces"](), "inline", Style())
    assert "\n3 wording changes: 1 negation, 1 number; 2 sentences moved\n" in told
    assert "| 5 edits," in render(CASES["moved-in-pieces"](), "stat", Style())


def test_a_half_in_pieces_has_one_arrow_and_says_where_it_goes_on() -> None:
    told = " ".join(render(CASES["moved-in-pieces"](), "inline", Style(width=200)).split())
    assert "[-forty-] [-↓1 bridges" in told
    assert "{+fifty+} {+↑1 bridges" in told
    page = render(CASES["moved-in-pieces"](), "html", Style())
    assert re.findall(r'id="(move-[^"]+)"', page) == ["move-1-from", "move-2-to", "move-1-to", "move-2-from"]
    assert page.count("<li ") == 9  # the pieces behind changed words are reached by key, not listed again


def test_texts_that_differ_are_never_said_to_be_equal() -> None:
    shown = comparison(["The ", E("one", "two"), " text."])
    almost = replace(shown, change=replace(shown.change, stats=replace(shown.change.stats, similarity=0.99999)))
    assert render(almost, "stat", Style()).endswith("similarity 0.99\n")
