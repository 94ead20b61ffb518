"""The sentence pairs and their score; what programs of their own tell, laid on the texts."""

from __future__ import annotations

from collections import Counter

from bench.differ.programs import laid
from bench.differ.sentences import PAIRS, Pair, Score, pairs
from monitor.differ import compare
from storage.records import Text


def test_there_are_five_pairs_of_each_kind_and_language() -> None:
    counted = Counter((one.language, one.kind) for one in pairs(PAIRS))
    assert len(counted) == 3 * 18
    assert min(counted.values()) >= 5
    assert counted.total() >= 200


def test_the_marks_of_a_pair_differ_and_nothing_else_is_marked() -> None:
    for one in pairs(PAIRS):
        old, new = one.sides
        assert old != new, one.marked
        assert not set("{}|") & set(old + new), one.marked


def test_a_miss_and_a_kind_too_many_are_both_counted() -> None:
    score = Score()
    for kind in ("number", "date"):
        pair = Pair("en", kind, "It took {three|four} days.")
        score.add(pair, compare(*map(Text, pair.sides)).edits)
    assert score.found["number", "en"] == 1
    assert score.found["date", "en"] == 0
    assert (score.told["number", "en"], score.right["number", "en"]) == (2, 1)
    assert len(score.misses) == 1


def test_an_insertion_may_be_told_beside_the_kind() -> None:
    assert Pair("en", "negation", "It is {|not }so.").allowed == {"negation", "inserted"}
    assert Pair("en", "negation", "It is {so|otherwise}.").allowed == {"negation"}


def test_what_a_program_tells_is_laid_on_the_texts_by_their_ink() -> None:
    old, new = "The  cat sat.\n\nIt slept.", "The  dog sat.\n\nIt slept well."
    runs = [(0, "The "), (-1, "cat"), (1, "dog"), (0, "sat. It"), (-1, "slept."), (1, "slept well.")]
    told = [(old[a:b], new[c:d]) for (a, b), (c, d) in laid(old, new, runs)]
    assert told == [("cat", "dog"), ("slept.", "slept well.")]


def test_an_insertion_at_the_end_has_an_empty_place_in_the_old_text() -> None:
    (old, new), *more = laid("One.", "One. Two.", [(0, "One."), (1, "Two.")])
    assert not more
    assert (old, new) == ((4, 4), (5, 9))
