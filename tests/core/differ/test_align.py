"""Which sentence became which, and what the edits between them are: small texts, whole answers. All are invented."""

from __future__ import annotations

import pytest

from monitor.differ import compare
from monitor.differ.align import align, heaviest_chain
from storage.records import Stats, Text

A = "The council met in Geneva on the first day."
B = "Its members heard the report of the treasurer."
C = "A vote on the budget was put off until spring."
D = "Nobody spoke for the northern provinces."
X = "Fishing rights were left to the working group."
Y = "Three observers asked for copies of the minutes."


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ([A, B, C, D], [B, D], [(0, None), (1, 0), (2, None), (3, 1)]),
        ([A, B, C, D], [A, B], [(0, 0), (1, 1), (2, None), (3, None)]),
        ([B, D], [A, B, C, D, X], [(None, 0), (0, 1), (None, 2), (1, 3), (None, 4)]),
        ([X, A, B, C], [A, B, C, X, X], [(1, 0), (2, 1), (3, 2), (0, 3), (None, 4)]),
        ([X, A, B, C, X], [A, B, C, D, X], [(0, None), (1, 0), (2, 1), (3, 2), (None, 3), (4, 4)]),
        # one wording as often as 64 pairs of it are still tried all
        ([A, *[X] * 4], [*[X] * 12, A, *[X] * 4], [*((None, n) for n in range(12)), *((n, n + 12) for n in range(5))]),
    ],
)
def test_each_sentence_has_its_counterpart(
    old: list[str], new: list[str], pairs: list[tuple[int | None, int | None]]
) -> None:
    found = align(old, new)
    assert [(pair.old, pair.new) for pair in found] == pairs
    assert all(pair.similarity == (0.0 if None in (pair.old, pair.new) else 1.0) for pair in found)


def test_many_reworded_sentences_find_each_other_by_their_rare_words() -> None:
    names = [f"{a}{b}a" for a in "bdfgklm" for b in ("ar", "el", "in", "or", "us", "yp", "ol", "em")]
    old = [f"The province of {one} shall send two members to the council of {one}sk." for one in names]
    new = [f"The province of {one} may send no members to the council of {one}sk." for one in names]
    assert [(pair.old, pair.new) for pair in align(old, new)] == [(n, n) for n in range(len(names))]


def test_of_two_chains_of_one_weight_the_earlier_is_taken() -> None:
    assert heaviest_chain([(0, 0, 1.0), (1, 0, 1.0), (2, 1, 1.0)]) == [(0, 0), (2, 1)]


LONG = "He said that all is well, and the talks will go on for two more weeks."
SHORT = "He said that all is well. The talks will go on for two more weeks."


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (f"{A} {LONG} {B}", f"{A} {SHORT} {B}", [("split", ", and the", ". The")]),
        (f"{A} {SHORT} {B}", f"{A} {LONG} {B}", [("merged", ". The", ", and the")]),
        (f"{A} {B}", f"{A} {D} {B}", [("inserted", "", f"{D} ")]),
        (f"{A}\n\n{B}", f"{A}\n\nNone may come in May 2024. {B}", [("inserted", "", "None may come in May 2024. ")]),
        (f"{A} {B} {C}", f"{B.replace('heard', 'read')} {C}", [("deleted", f"{A} ", ""), ("wording", "heard", "read")]),
        (
            f"{A} The talks will go on for two more weeks.",
            f"{A} The talks will go on for three more weeks. {D}",
            [("number", "two", "three"), ("inserted", "", f" {D}")],
        ),
        (
            f"{X} {A} {B} {C}",
            f"{A} {B} {D} {X}",
            [("moved", f"{X} ", ""), ("deleted", C, ""), ("inserted", "", f"{D} "), ("moved", "", X)],
        ),
        (f"{A} ", f"{A}\n\n{D}\n\n", [("split", " ", "\n\n"), ("inserted", "", f"{D}\n\n")]),
        ("It was put off until spring.", "It was put\n\nout until spring.", [("split", " off", "\n\nout")]),
        (
            f"{A} Zeta spoke about fishing rights at length.",
            f"{A[:-1]} and spoke about fishing rights at length. Zeta slept.",
            [("merged", ". Zeta", " and"), ("inserted", "", ". Zeta slept")],
        ),
        # what is kept between the two lies within one grapheme cluster: they are one
        (
            "_aℹ\u200dℹa went to day and then.",
            "_bℹ\u200dℹb went to night and then.",
            [("wording", "_aℹ\u200dℹa", "_bℹ\u200dℹb"), ("wording", "day", "night")],
        ),
        ("\n\nThe talks go on.", "\n\nThe talks went on.", [("wording", "go", "went")]),
    ],
)
def test_what_changed_is_told_whole_and_in_order(old: str, new: str, told: list[tuple[str, str, str]]) -> None:
    edits = compare(Text(old), Text(new)).edits
    assert [(edit.kinds[0].value, edit.old.text, edit.new.text) for edit in edits] == told
    assert len({edit.move for edit in edits if edit.move is not None}) == any(kind == "moved" for kind, _, _ in told)


@pytest.mark.parametrize(
    ("old", "new", "stats"),
    [
        ("One two three.", "One two three four five.", Stats(3, 5, 0, 2, 0.75)),
        ("One two three.", "One three.", Stats(3, 2, 1, 0, 0.8)),
        ("\n", " ", Stats(0, 0, 0, 0, 1.0)),
        (f"{X} {A} {B}", f"{A} {B} {X}", Stats(25, 25, 0, 0, 1.0)),
    ],
)
def test_words_that_went_and_came_are_counted_and_those_that_moved_are_not(old: str, new: str, stats: Stats) -> None:
    assert compare(Text(old), Text(new)).stats == stats
