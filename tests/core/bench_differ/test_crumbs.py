"""The measure of crumbs on real pairs."""

from __future__ import annotations

from bench.differ.crumbs import OURS, RIVAL, crumbs, measured, report
from tests.conftest import CORPUS


def test_a_lone_small_word_between_two_edits_of_words_is_a_crumb() -> None:
    old, new = "They met in the hall of a town.", "They sat in one hall of our town."
    apart = [((5, 8), (5, 8)), ((12, 15), (12, 15)), ((24, 25), (24, 27))]
    assert len(crumbs(old, new, apart)) == 1
    assert crumbs(old, new, apart[1:]) == []


def test_brackets_and_whole_paragraphs_are_none() -> None:
    assert crumbs("(a) b", "[a] b", [((0, 1), (0, 1)), ((2, 3), (2, 3))]) == []
    assert crumbs("the x", "new\n\nthe y", [((0, 0), (0, 5)), ((4, 5), (9, 10))]) == []


def test_the_table_names_both_differs() -> None:
    if not CORPUS.is_dir():
        return
    table = report(measured(CORPUS, every=60))
    assert OURS in table
    assert RIVAL in table
