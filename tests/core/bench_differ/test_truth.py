"""The scorer's cases: what it calls truth is true, and held apart."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.differ.cases import MOVES, TYPES, Case, make
from bench.differ.edits import EDITS
from bench.differ.lists import lists
from bench.differ.passages import CORPUS, LANGUAGES, invented, real
from bench.differ.tokens import told


def some_cases(which: str, language: str, count: int, wanted: list[str] | None = None) -> list[Case]:
    dice = random.Random(f"{which}{language}{wanted}")
    passages = invented(lists(which), language, 8)
    return [
        make(dice.choice(passages), lists(which), dice, wanted or dice.choices(TYPES, k=dice.randint(1, 8)))
        for _ in range(count)
    ]


@pytest.mark.parametrize("which", ["tuning", "judging"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_without_its_true_changes_the_old_text_is_the_new_one(which: str, language: str) -> None:
    for case in some_cases(which, language, 12):
        words = case.tokens_old.words, case.tokens_new.words
        for old, new in told(*words, case.truth):
            kept_old = [word for at, word in enumerate(words[0]) if at not in old]
            kept_new = [word for at, word in enumerate(words[1]) if at not in new]
            assert kept_old == kept_new


def test_a_move_has_the_same_words_on_both_sides() -> None:
    for case in some_cases("judging", "en", 10, ["moved", "paragraph_moved"]):
        for olds, news in case.moves:
            assert [case.tokens_old.words[at] for at in sorted(olds)] == [
                case.tokens_new.words[at] for at in sorted(news)
            ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_type_of_edit_can_be_made(language: str) -> None:
    impossible = {"zh": {"case"}, "fr": {"width"}}.get(language, set())
    for kind in set(TYPES) - impossible:
        cases = some_cases("judging", language, 4, [kind])
        assert any(case.moves if kind in MOVES else case.edits for case in cases), kind


def test_a_true_edit_stands_where_it_says() -> None:
    for case in some_cases("judging", "en", 30, ["name", "percent"]):
        for done in case.edits:
            pairs = lists("judging").pairs(done.kind, "en")
            assert (case.old[slice(*done.old)], case.new[slice(*done.new)]) in pairs


def test_a_merge_is_a_split_read_backwards() -> None:
    for split, merged in (("sentence_split", "sentences_merged"), ("paragraph_split", "paragraphs_merged")):
        for case in some_cases("judging", "en", 4, [split]):
            assert case.new.count(".") + case.new.count("\n\n") > case.old.count(".") + case.old.count("\n\n")
        for case in some_cases("judging", "en", 4, [merged]):
            assert case.new.count(".") + case.new.count("\n\n") < case.old.count(".") + case.old.count("\n\n")


def test_the_same_seed_makes_the_same_cases() -> None:
    first, second = (some_cases("judging", "zh", 5) for _ in range(2))
    assert [(one.old, one.new) for one in first] == [(one.old, one.new) for one in second]


def test_no_pair_of_words_both_tunes_and_judges() -> None:
    """Marks are few, and shared."""
    for kind in set(EDITS) - {"quotes", "dashes", "width"}:
        for language in LANGUAGES:
            shared = set(lists("tuning").pairs(kind, language)) & set(lists("judging").pairs(kind, language))
            assert not shared, (kind, language)


@pytest.mark.corpus
def test_no_text_of_the_corpus_both_tunes_and_judges(corpus: Path) -> None:
    for language in CORPUS:
        tuning, judging = (
            {one.origin for one in real(corpus, lists(which), language)} for which in ("tuning", "judging")
        )
        assert tuning
        assert judging
        assert not tuning & judging


def test_a_moved_sentence_passes_over_heavier_text() -> None:
    for case in some_cases("judging", "en", 20, ["moved"]):
        for olds, news in case.moves:
            assert abs(min(olds) - min(news)) >= 1.5 * len(olds)
