from __future__ import annotations

import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.history.blame import Blame, blame, blames, recalled
from monitor.history.remembering import made_of, read_back, written
from storage.errors import UsageError

from .making import fomc, history, version

if TYPE_CHECKING:
    from pathlib import Path

LEADERS = "The two leaders discussed the situation at the border."
AID = "They agreed that aid must reach all civilians without delay."
TRADE = "Trade between the two countries grew by 3.5 percent last year."
THANKS = "The President thanked his counterpart for the warm welcome."


def since(answer: Blame) -> list[int]:
    return [sentence.since.version for sentence in answer.sentences]


def words(answer: Blame, sentence: int = 0) -> dict[str, tuple[int, bool]]:
    return {word.text: (word.since.version, word.returned) for word in answer.sentences[sentence].words}


def test_each_sentence_knows_the_version_and_window_it_came_in() -> None:
    versions = history(LEADERS, f"{LEADERS} {AID}", f"{TRADE} {LEADERS} {AID}")
    answer = blame(versions)
    assert [one.text for one in answer.sentences] == [TRADE, LEADERS, AID]
    assert since(answer) == [3, 1, 2]
    assert [one.since.window for one in answer.sentences] == [versions[n - 1][0].window for n in (3, 1, 2)]
    assert (answer.source, answer.version) == ("mfa", 3)
    text = versions[-1][1].text
    assert all(text[one.start : one.end] == one.text for one in answer.sentences)


def test_title_and_printed_date_are_blamed_too() -> None:
    from storage.records import Text

    texts = [Text.of("Readout", date, [LEADERS]) for date in ("1 May 2024", "2 May 2024")]
    answer = blame([(version(number, text), text) for number, text in enumerate(texts, 1)])
    assert [(one.text, one.since.version) for one in answer.sentences] == [
        ("Readout", 1),
        ("2 May 2024", 2),
        (LEADERS, 1),
    ]


@pytest.mark.parametrize(
    "cosmetic",
    [
        "the two leaders discussed the situation at the border",
        "The two leaders discussed the situation, at the border.",
        "The  two\nleaders discussed the situation at the border.",
        "The two leaders discussed “the situation” at the border!",
    ],
)
def test_a_cosmetic_change_keeps_the_origin(cosmetic: str) -> None:
    assert since(blame(history(LEADERS, cosmetic))) == [1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Growth was 3.5 percent.", "Growth was 35 percent."),
        ("It cost $5 in all.", "It cost €5 in all."),
        ("The rate stood at -5 degrees.", "The rate stood at 5 degrees."),
        ("About 40% of them agreed.", "About 40 of them agreed."),
        ("双方同意合作。", "双方不同意合作。"),
    ],
)
def test_a_sign_that_means_something_is_not_cosmetic(before: str, after: str) -> None:
    assert since(blame(history(before, after))) == [2]


BRITISH = "The organisation recognised the programme of its neighbour at the harbour."
AMERICAN = "The organization recognized the program of its neighbor at the harbor."


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BRITISH, AMERICAN),
        ("The envoys cooperate with the harbour masters.", "The envoys co-operate with the harbour masters."),
        ("双方同意维护和平，发展关系。", "雙方同意維護和平，發展關係。"),
        ("The goverment of Ardonia replied to the letter.", "The government of Ardonia replied to the letter."),
    ],
)
def test_another_spelling_does_not_start_a_sentence_anew(before: str, after: str) -> None:
    answer = blame(history(before, after, after), words=True)
    assert since(answer) == [1]
    assert {word.since.version for word in answer.sentences[0].words} == {1}
    assert answer.sentences[0].text == after
    assert not answer.sentences[0].returned


def test_a_spelling_that_goes_back_and_forth_was_never_away() -> None:
    answer = blame(history(BRITISH, AMERICAN, BRITISH, AMERICAN, BRITISH), words=True)
    assert since(answer) == [1]
    assert not answer.sentences[0].returned
    assert not any(word.returned for word in answer.sentences[0].words)


def test_a_sentence_comes_back_in_either_of_its_spellings() -> None:
    for spelling in (BRITISH, AMERICAN):
        answer = blame(history(BRITISH, AMERICAN, LEADERS, spelling), words=True)
        assert (since(answer), answer.sentences[0].removed) == ([1], (3,))
        assert {word.since.version for word in answer.sentences[0].words} == {1}


def test_a_word_changed_beside_another_spelling_is_wording() -> None:
    other = BRITISH.replace("harbour", "market").replace("recognised", "recognized")
    answer = blame(history(BRITISH, other), words=True)
    assert since(answer) == [2]
    assert words(answer)["market"] == (2, False)
    assert words(answer)["of"] == (1, False)


def test_a_moved_sentence_keeps_its_origin() -> None:
    answer = blame(history([LEADERS, AID, TRADE], [TRADE, LEADERS, AID]))
    assert since(answer) == [1, 1, 1]
    assert not any(one.returned for one in answer.sentences)


def test_a_sentence_taken_out_and_put_back_keeps_its_first_origin_and_says_where_it_was_absent() -> None:
    answer = blame(history([LEADERS, AID], LEADERS, [LEADERS, TRADE], [LEADERS, AID, TRADE], [AID, TRADE]))
    back, kept = answer.sentences
    assert (back.text, back.since.version, back.returned, back.removed) == (AID, 1, True, (2, 3))
    assert (kept.since.version, kept.returned, kept.removed) == (3, False, ())


def test_a_sentence_that_was_away_twice_lists_both_times() -> None:
    answer = blame(history([LEADERS, AID], LEADERS, [LEADERS, AID], LEADERS, LEADERS, [LEADERS, AID]))
    assert answer.sentences[1].removed == (2, 4, 5)


def test_a_reworded_sentence_starts_anew_but_its_words_keep_theirs() -> None:
    answer = blame(history(LEADERS, "The two leaders discussed the grave crisis at the border."), words=True)
    assert since(answer) == [2]
    came = words(answer)
    assert {came[word] for word in ("two", "leaders", "discussed", "border")} == {(1, False)}
    assert {came[word] for word in ("grave", "crisis")} == {(2, False)}


def test_a_word_taken_out_and_put_back_is_known_again() -> None:
    answer = blame(
        history(
            "The parties shall not use force in the region.",
            "The parties shall use force in the region.",
            "The parties shall not use force in the whole region.",
        ),
        words=True,
    )
    came = words(answer)
    assert came["not"] == (1, True)
    assert came["shall"] == (1, False)
    assert came["whole"] == (3, False)


def test_an_edit_that_is_undone_gives_back_the_sentence_and_every_word() -> None:
    answer = blame(history(LEADERS, LEADERS.replace("situation", "crisis"), LEADERS), words=True)
    (sentence,) = answer.sentences
    assert (sentence.since.version, sentence.removed) == (1, (2,))
    assert words(answer)["situation"] == (1, True)
    assert words(answer)["leaders"] == (1, False)


def test_words_keep_their_origin_when_a_sentence_is_split_or_merged() -> None:
    whole = "The two leaders discussed the situation at the border and they agreed that aid must reach all civilians."
    split = [
        "The two leaders discussed the situation at the border.",
        "They agreed that aid must reach all civilians.",
    ]
    parted = blame(history(whole, " ".join(split)), words=True)
    assert {word.since.version for one in parted.sentences for word in one.words} == {1}
    merged = blame(history(" ".join(split), whole), words=True)
    assert [word.text for word in merged.sentences[0].words if word.since.version == 2] == ["and"]


def test_words_keep_their_origin_when_a_sentence_is_split_and_edited() -> None:
    whole = (
        "Ardonia restated its legitimate security concerns, and it hopes that the talks on fish go on in the spring."
    )
    parts = "Ardonia restated its legitimate and reasonable security concerns. It hopes that the talks on fish go on in the spring."
    answer = blame(history(whole, parts), words=True)
    assert since(answer) == [2, 2]
    assert {text: came for text, (came, _) in words(answer).items() if came == 2} == {"and": 2, "reasonable": 2}
    assert {came for came, _ in words(answer, 1).values()} == {1}


def test_a_long_run_put_back_in_another_sentence_is_known_again_also_when_going_on() -> None:
    clause = "respect the sovereignty and territorial integrity of every state without exception"
    versions = history(
        [LEADERS, f"All parties must {clause}."],
        LEADERS,
        [LEADERS, f"The Minister recalled in Geneva, once more, the duty to {clause}."],
    )
    answer = blame(versions, words=True)
    came = words(answer, sentence=1)
    assert {came[word] for word in clause.split() if word != "the"} == {(1, True)}
    assert came["Minister"] == (3, False)
    assert blame(versions[2:], words=True, before=blame(versions[:2])) == answer


def test_words_have_their_place_in_the_whole_text() -> None:
    versions = history([LEADERS, AID])
    (_, second) = blame(versions, words=True).sentences
    assert [word.text for word in second.words] == AID.rstrip(".").split()
    assert all(versions[0][1].text[word.start : word.end] == word.text for word in second.words)


def test_a_copy_of_a_sentence_that_still_stands_takes_nothing_from_it() -> None:
    answer = blame(history(LEADERS, [LEADERS, AID], [LEADERS, AID, LEADERS]), words=True)
    assert since(answer) == [1, 2, 3]
    assert {word.since.version for word in answer.sentences[2].words} == {3}


def test_of_equal_sentences_the_one_between_the_same_neighbours_is_the_same() -> None:
    answer = blame(history([AID, "Background.", TRADE], ["Background.", THANKS, AID, "Background.", TRADE]))
    assert [(one.text, one.since.version) for one in answer.sentences] == [
        ("Background.", 2),
        (THANKS, 2),
        (AID, 1),
        ("Background.", 1),
        (TRADE, 1),
    ]


def test_chinese_is_blamed_by_character() -> None:
    answer = blame(history("双方讨论了乌克兰局势。", "双方深入讨论了乌克兰危机。"), words=True)
    came = [(word.text, word.since.version) for word in answer.sentences[0].words]
    assert "".join(text for text, since in came if since == 1) == "双方讨论了乌克兰"
    assert "".join(text for text, since in came if since == 2) == "深入危机"


def test_what_came_by_a_reread_says_so() -> None:
    from storage.records import Text

    first, second = Text.of(None, None, [LEADERS]), Text.of(None, None, [LEADERS, AID])
    answer = blame([(version(1, first), first), (version(2, second, reread=True), second)])
    assert [one.since.reread for one in answer.sentences] == [False, True]


def test_words_are_left_out_unless_asked_for() -> None:
    assert blame(history(LEADERS)).sentences[0].words == ()


def test_no_version_at_all_is_told() -> None:
    with pytest.raises(UsageError, match="no version to blame"):
        blame([])
    with pytest.raises(UsageError, match="nothing came after version 1"):
        blame([], before=blame(history(LEADERS)))


WORDS = ["not", "the", "two", "sides", "agreed", "peace", "3.5", "talks", "may", "上", "海"]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(lambda one: " ".join(one).capitalize() + ".")
TEXTS = st.lists(SENTENCES, min_size=1, max_size=5)
SPELT = st.lists(
    st.one_of(SENTENCES, st.sampled_from([BRITISH, AMERICAN, BRITISH.replace("harbour", "harbor"), LEADERS])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(SPELT, min_size=2, max_size=7), st.data())
def test_going_on_from_an_earlier_blame_is_the_same_as_from_scratch(
    texts: list[list[str]], data: st.DataObject
) -> None:
    versions = history(*texts)
    whole = blame(versions, words=True)
    cut = data.draw(st.integers(1, len(versions) - 1))
    before = blame(versions[:cut])
    kept = read_back(written(before.memory))
    assert kept == before.memory
    assert blame(versions[cut:], words=True, before=before) == whole
    assert recalled(*versions[-1], whole.origins, whole.memory, words=True) == whole


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=7))
def test_origins_lie_in_versions_that_have_the_words(texts: list[list[str]]) -> None:
    versions = history(*texts)
    answer = blame(versions, words=True)
    for sentence in answer.sentences:
        assert 1 <= sentence.since.version <= len(versions)
        assert sentence.returned == bool(sentence.removed)
        assert all(sentence.since.version < number < len(versions) for number in sentence.removed)
        assert sentence.text.lower() in versions[sentence.since.version - 1][1].text.lower()
        for word in sentence.words:
            assert word.text.lower() in versions[word.since.version - 1][1].text.lower()
            assert word.since.version <= sentence.since.version or sentence.returned


@settings(max_examples=150, deadline=None)
@given(st.lists(SPELT, min_size=1, max_size=7))
@example([["Two sides agreed."], ["Two sides agreed peace."], ["Two sides agreed.", "Two sides agreed peace talks."]])
def test_what_stands_is_remembered_as_standing_and_no_word_stands_twice(texts: list[list[str]]) -> None:
    memory = blame(history(*texts)).memory
    standing = [word for place in memory.standing for word in memory.sentences[place].words]
    assert len(set(standing)) == len(standing)
    for place, sentence in enumerate(memory.sentences):
        assert (sentence.lost is None) == (place in memory.standing)
    for place, word in enumerate(memory.words):
        assert (word.lost is None) == (place in standing)


def test_what_a_memory_is_made_of_changes_with_text_reader_reread_and_member() -> None:
    one, two = (version for version, _ in history(LEADERS, AID))
    others = (
        replace(two, digest=one.digest),
        replace(two, reader="r2"),
        replace(two, reread=True),
        replace(two, source="b"),
    )
    digests = {made_of((one, other)) for other in (two, *others)}
    assert len(digests) == 1 + len(others)
    assert made_of((one, two)) == made_of([one, replace(two, last_seen=one.last_seen)])


def edited(count: int, sentences: int, seed: int) -> list[list[str]]:
    """Versions of one text of nonsense, each with one to three small edits, moves or returns among them."""
    chance = random.Random(seed)
    vocabulary = ["".join(chance.choices("abcdefghijklmno", k=chance.randint(2, 9))) for _ in range(600)]
    text = [" ".join(chance.choices(vocabulary, k=20)).capitalize() + "." for _ in range(sentences)]
    versions = []
    for _ in range(count):
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(text))
            if chance.random() < 0.7:
                words = text[place].split()
                words[chance.randrange(len(words))] = chance.choice(vocabulary)
                text[place] = " ".join(words)
            else:
                text.insert(chance.randrange(len(text)), text.pop(place))
        versions.append([" ".join(text[start : start + 4]) for start in range(0, len(text), 4)])
    return versions


@pytest.mark.slow
def test_blame_of_twice_the_versions_is_far_from_four_times_the_work() -> None:
    """Sentences that went are looked at again for each that comes: so a little more than twice."""

    def calls(count: int) -> int:
        versions, made = history(*edited(count, 75, seed=1)), 0

        def counted(*_: object) -> None:
            nonlocal made
            made += 1

        before = sys.getprofile()
        sys.setprofile(counted)
        try:
            blame(versions, words=True)
        finally:
            sys.setprofile(before)
        return made

    assert calls(400) < 3.5 * calls(200)


@pytest.mark.corpus
def test_the_fomc_series_tells_since_which_meeting_a_sentence_stands(corpus: Path) -> None:
    answer = blame(fomc(corpus, "20*.txt"), words=True)
    came = {sentence.text: sentence for sentence in answer.sentences}
    mandate = next(one for text, one in came.items() if text.startswith("Consistent with its statutory mandate"))
    assert mandate.since.label == "fomc-2010-11-03"
    assert not mandate.returned
    phrase = [word.since.label for word in mandate.words if word.text in ("maximum", "employment", "stability")]
    assert set(phrase) == {"fomc-2010-09-21"}


def test_the_versions_on_the_way_are_blamed_as_if_asked_for() -> None:
    versions = history(LEADERS, f"{LEADERS} {AID}", AID, f"{TRADE} {LEADERS} {AID}", TRADE)
    passed: list[tuple[int, object]] = []
    first = blame(versions[:2], passed=lambda one, said: passed.append((one.number, said)))
    blame(versions[2:], before=first, passed=lambda one, said: passed.append((one.number, said)))
    whole = {one.number: said for one, said in blames(versions)}
    assert passed == [(number, whole[number]) for number in (1, 3, 4)]
    assert all(whole[number] == blame(versions[:number]).sentences for number in whole)
