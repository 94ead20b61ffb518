from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.history.drift import Drifted, Fate, Yardstick, drift
from storage.records import Text

from .making import fomc, version

if TYPE_CHECKING:
    from pathlib import Path

LEADERS = "The two leaders discussed the situation at the border."
AID = "They agreed that aid must reach all civilians without delay."
TRADE = "Trade between the two countries grew by 3.5 percent last year."
THANKS = "The President thanked his counterpart for the warm welcome."


def text(*paragraphs: str) -> Text:
    return Text.of(None, None, list(paragraphs))


def against(baseline: Text, member: Text) -> Drifted:
    (only,) = drift(baseline, [("one", version(3, member), member)]).members
    return only


def test_every_baseline_sentence_has_one_fate_and_what_is_new_stands_apart() -> None:
    reworded = "They agreed that aid should reach all civilians without delay."
    member = against(text(LEADERS, AID, TRADE), text(f"{LEADERS} {reworded}", THANKS))
    assert [(line.baseline.text, line.fate) for line in member.lines] == [
        (LEADERS, Fate.KEPT),
        (AID, Fate.REWORDED),
        (TRADE, Fate.DROPPED),
    ]
    assert member.lines[1].member is not None
    assert member.lines[1].member.text == reworded
    assert member.lines[1].similarity == pytest.approx(0.9)
    assert member.lines[2].member is None
    assert [span.text for span in member.new] == [THANKS]
    assert [member.count(fate) for fate in Fate] == [1, 1, 1]
    assert (member.label, member.version) == ("one", 3)


def test_distance_is_one_less_the_share_of_words_in_common() -> None:
    member = against(text("One two three four.", "Five six seven eight."), text("One two three four.", "Nine ten."))
    # kept: 4 of 8 words here, 4 of 6 there
    assert member.distance == pytest.approx(1 - 8 / 14)
    assert member.kept_share == pytest.approx(4 / 8)
    assert member.new_share == pytest.approx(2 / 6)


def test_a_reworded_sentence_counts_by_its_similarity_on_both_sides() -> None:
    member = against(text("One two three four five six."), text("One two three four five six seven eight."))
    assert member.lines[0].similarity == pytest.approx(12 / 14)
    assert member.distance == pytest.approx(1 - (12 / 14 * 6 + 12 / 14 * 8) / 14)


def test_a_cosmetic_change_is_no_drift() -> None:
    member = against(text(LEADERS, AID), text(LEADERS.replace("leaders", "Leaders"), AID.replace(".", " !")))
    assert member.distance == 0
    assert [line.fate for line in member.lines] == [Fate.KEPT, Fate.KEPT]


def test_a_reordered_sentence_is_kept_and_marked_and_costs_no_distance() -> None:
    member = against(text(LEADERS, AID, TRADE, THANKS), text(AID, TRADE, THANKS, LEADERS))
    assert [line.reordered for line in member.lines] == [True, False, False, False]
    assert member.reordered == 1
    assert member.distance == 0


def test_places_in_the_texts_are_true() -> None:
    baseline, new = text(LEADERS, f"{AID} {TRADE}"), text(TRADE, THANKS, AID)
    member = against(baseline, new)
    for line in member.lines:
        assert baseline.text[line.baseline.start : line.baseline.end] == line.baseline.text
        if line.member is not None:
            assert new.text[line.member.start : line.member.end] == line.member.text
    for span in member.new:
        assert new.text[span.start : span.end] == span.text


def test_a_text_with_nothing_in_common_is_as_far_as_can_be() -> None:
    member = against(text(LEADERS), text("Completely other words stand here."))
    assert member.distance == 1
    assert (member.kept_share, member.new_share) == (0, 1)


def test_an_empty_member_has_dropped_all_and_an_empty_baseline_is_no_error() -> None:
    assert against(text(LEADERS), Text("")).distance == 1
    assert against(Text(""), text(LEADERS)).distance == 1
    assert against(Text(""), Text("")).distance == 0


def test_members_stand_in_the_order_given_and_a_text_without_a_version_may_be_one() -> None:
    answer = drift(text(LEADERS), [("b", None, text(LEADERS)), ("a", None, text(AID))])
    assert [(member.label, member.version, member.at) for member in answer.members] == [
        ("b", None, None),
        ("a", None, None),
    ]
    assert [span.text for span in answer.baseline] == [LEADERS]


WHOLE = "They agreed that aid must reach all civilians, and that the border stays open to convoys."
HALVES = ("They agreed that aid must reach all civilians.", "And that the border stays open to convoys.")


def test_a_split_sentence_is_one_line_and_nothing_new() -> None:
    member = against(text(LEADERS, WHOLE), text(LEADERS, " ".join(HALVES)))
    line = member.lines[1]
    assert (line.fate, line.split, line.merged, line.reordered, line.similarity) == (Fate.KEPT, True, False, False, 1)
    assert line.member is not None
    assert line.member.text == " ".join(HALVES)
    assert (member.new, member.distance) == ((), 0)


def test_a_split_sentence_that_was_reworded_too_is_reworded() -> None:
    member = against(text(WHOLE), text(HALVES[0].replace("must", "should"), HALVES[1]))
    assert (member.lines[0].fate, member.lines[0].split, member.new) == (Fate.REWORDED, True, ())
    assert 0 < member.distance < 0.1


def test_merged_sentences_have_the_one_sentence_in_common() -> None:
    member = against(text(LEADERS, " ".join(HALVES), TRADE), text(LEADERS, WHOLE, TRADE))
    first, second = member.lines[1:3]
    assert [(one.fate, one.merged, one.split, one.reordered) for one in (first, second)] == [
        (Fate.KEPT, True, False, False)
    ] * 2
    assert first.member == second.member
    assert first.member is not None
    assert first.member.text == WHOLE
    assert (member.new, member.distance, member.count(Fate.DROPPED)) == ((), 0, 0)


def test_a_new_sentence_beside_a_reworded_one_is_no_part_of_it() -> None:
    member = against(text(AID), text(AID.replace("must", "should"), THANKS))
    assert [span.text for span in member.new] == [THANKS]
    assert not member.lines[0].split


def test_another_spelling_is_no_drift() -> None:
    member = against(text("They recognised the programme."), text("They recognized the program."))
    assert (member.lines[0].fate, member.distance) == (Fate.KEPT, 0)


def test_chinese_is_compared_by_character() -> None:
    member = against(text("双方讨论了乌克兰局势。"), text("双方讨论了乌克兰危机。"))
    assert member.lines[0].fate is Fate.REWORDED
    assert member.lines[0].similarity == pytest.approx(8 / 10)


SENTENCES = st.sampled_from(
    [LEADERS, AID, TRADE, THANKS, LEADERS.replace("two", "three"), AID.replace("must", "may"), "Yes.", "不。"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(SENTENCES, max_size=6), st.lists(SENTENCES, max_size=6))
def test_every_sentence_of_both_texts_is_told_once(old: list[str], new: list[str]) -> None:
    baseline, changed = text(*old), text(*new)
    member = against(baseline, changed)
    assert [line.baseline.text for line in member.lines] == old
    told = [line.member for line in member.lines if line.member is not None] + list(member.new)
    assert sorted(span.text for span in told) == sorted(new)
    assert len({span.start for span in told}) == len(new)
    assert 0 <= member.distance <= 1
    assert (member.distance == 0) == (sorted(old) == sorted(new))
    yardstick = Yardstick(baseline)
    for one in (changed, baseline, changed):
        assert yardstick.distance(one) == against(baseline, one).distance


@pytest.mark.corpus
def test_the_fomc_series_drifts_by_a_leap_when_rates_rise(corpus: Path) -> None:
    series = fomc(corpus, "2015-*.txt")
    baseline = next(text for version, text in series if version.source == "fomc-2015-04-29")
    answer = drift(baseline, [(version.source[5:], version, text) for version, text in series])
    distances = {member.label: member.distance for member in answer.members}
    assert distances["2015-06-17"] < 0.15
    assert distances["2015-12-16"] > 2.5 * distances["2015-10-28"]  # the first rise since 2006
