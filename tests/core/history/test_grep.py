from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.history import grep as module
from monitor.history.grep import Found, grep
from storage.errors import UsageError

from .making import fomc, history

if TYPE_CHECKING:
    from pathlib import Path


def one(*paragraphs: str, phrase: str, regex: bool = False, ignore_case: bool = True) -> Found | None:
    answers = grep({"mfa": history(*paragraphs)}, phrase, regex=regex, ignore_case=ignore_case)
    return answers[0] if answers else None


def matched(text: str, phrase: str, **options: bool) -> list[str]:
    answers = grep({"mfa": history(text)}, phrase, **options)
    return [wording for found in answers for wording, _ in found.wordings]


def test_first_and_last_sight_gaps_and_counts_are_told_with_windows() -> None:
    versions = history("calm", "peace and peace", "calm", "calm", "peace", "peace", "calm", "calm")
    (found,) = grep({"mfa": versions}, "peace")
    windows = [version.window for version, _ in versions]
    assert (found.first.version, found.first.window) == (2, windows[1])
    assert (found.last.version, found.last.window) == (6, windows[5])
    assert not found.present
    assert found.vanished is not None
    assert (found.vanished.version, found.vanished.window) == (7, windows[6])
    (gap,) = found.gaps
    assert (gap.vanished.version, gap.returned.version, gap.versions) == (3, 5, (3, 4))
    assert gap.vanished.window == windows[2]
    assert found.counts == ((1, 0), (2, 2), (3, 0), (4, 0), (5, 1), (6, 1), (7, 0), (8, 0))
    assert (found.total, found.versions) == (4, 3)
    assert [example.version for example in found.examples] == [2, 5]


def test_a_gap_may_be_one_version_long() -> None:
    found = one("peace", "calm", "peace", phrase="peace")
    assert found is not None
    assert [gap.versions for gap in found.gaps] == [(2,)]


def test_a_phrase_that_still_stands_has_not_vanished() -> None:
    found = one("calm", "peace", phrase="peace")
    assert found is not None
    assert found.present
    assert found.vanished is None
    assert found.gaps == ()


def test_sources_that_never_had_it_have_no_answer() -> None:
    histories = {"a": history("calm"), "b": history("peace", source="b"), "c": ()}
    assert [found.source for found in grep(histories, "peace")] == ["b"]


@pytest.mark.parametrize(
    ("text", "phrase", "wording"),
    [
        ("for a Considerable\nTime after", "considerable time", "Considerable\nTime"),
        ("the “legitimate  security” concerns", '"legitimate security"', "“legitimate  security”"),
        ("2010–2015", "2010-2015", "2010–2015"),
        ("俄方的合理安全关切应当", "合理安全关切", "合理安全关切"),
        ("俄方的合理\n安全 关切应当", "合理安全关切", "合理\n安全 关切"),
        ("２０２２年", "2022年", "２０２２年"),
        ("the ﬁnal text", "final", "ﬁnal"),
        ("mortgage-\nbacked", "mortgage-backed", "mortgage-\nbacked"),
        ("cafe\u0301 talks", "café", "cafe\u0301"),
        ("the president's view", "president’s", "president's"),
    ],
)
def test_typography_makes_no_difference_and_the_true_words_are_shown(text: str, phrase: str, wording: str) -> None:
    assert matched(text, phrase) == [wording]


def test_no_phrase_crosses_a_paragraph() -> None:
    assert matched("a considerable\n\ntime", "considerable time") == []


def test_case_counts_when_asked() -> None:
    assert matched("Peace", "peace", ignore_case=False) == []
    assert matched("Peace", "Peace", ignore_case=False) == ["Peace"]


def test_a_phrase_is_found_inside_words_unless_whole_words_are_asked_for() -> None:
    assert matched("sanctions", "sanction") == ["sanction"]
    assert matched("sanctions", "sanction", whole_words=True) == []
    assert matched("a sanction.", "sanction", whole_words=True) == ["sanction"]
    assert matched("俄方的合理安全关切", "安全", whole_words=True) == ["安全"]


def test_a_pattern_is_matched_on_folded_text_and_counts_its_wordings() -> None:
    found = one("shall not; shall; may not", "shall not", phrase=r"(shall|may)\s+not", regex=True)
    assert found is not None
    assert found.wordings == (("shall not", 2), ("may not", 1))
    assert matched("the “two” sides", "“tw.”", regex=True) == ["“two”"]
    assert matched("a – b", "[–x] b", regex=True) == ["– b"]


def test_the_characters_of_a_phrase_are_no_pattern() -> None:
    assert matched("it rose (a lot)", "(a lot)") == ["(a lot)"]
    assert matched("it rose a lot", "a.lot") == []


@pytest.mark.parametrize(("pattern", "place"), [("(peace", "7"), ("pe[ace", ""), ("*a", "1")])
def test_a_wrong_pattern_is_told_with_its_position(pattern: str, place: str) -> None:
    with pytest.raises(UsageError, match=rf"not a regular expression: .* at position {place}"):
        grep({}, pattern, regex=True)


@pytest.mark.parametrize("phrase", ["", "  ", "\u200b"])
def test_an_empty_phrase_is_refused(phrase: str) -> None:
    with pytest.raises(UsageError, match="empty phrase"):
        grep({}, phrase)


def test_a_pattern_that_works_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.05)
    with pytest.raises(UsageError, match="mfa@1: the pattern worked longer"):
        grep({"mfa": history("a" * 200 + "!")}, r"^(?:a|aa)+$", regex=True)


def test_a_match_of_nothing_is_no_match() -> None:
    assert matched("peace", "x*", regex=True) == []


def test_an_example_has_whole_words_around_it_and_stays_in_its_paragraph() -> None:
    text = "Before.\n\n" + "word " * 30 + "peace" + " word" * 30 + "\n\nAfter."
    found = one(text, phrase="peace")
    assert found is not None
    (example,) = found.examples
    assert text[example.start : example.end] == example.match == "peace"
    assert set(example.before.split()) == set(example.after.split()) == {"word"}
    assert text[example.start - len(example.before) : example.start] == example.before


@given(
    st.text(alphabet="aA“”\"'– \n-éﬁ合理Ｂ\u0301", max_size=20),
    st.text(alphabet="bc d", max_size=10),
    st.text(alphabet="bc d", max_size=10),
)
def test_what_stands_in_a_text_is_found_there(phrase: str, before: str, after: str) -> None:
    if "\n\n" in phrase or not phrase.strip():
        return
    text = f"{before} {phrase.strip()} {after}"
    try:
        (found,) = grep({"mfa": history(text)}, phrase)
    except UsageError:
        return  # nothing is left of it when it is folded
    assert found.total >= 1
    assert all(text[one.start : one.end] == one.match for one in found.examples)


@pytest.mark.corpus
def test_the_fomc_series_says_considerable_time_from_2012_to_2014(corpus: Path) -> None:
    series = fomc(corpus)
    (time,) = grep({"fomc": series}, "considerable time")
    assert (time.first.label, time.last.label) == ("fomc-2012-09-13", "fomc-2014-12-17")
    assert time.vanished is not None
    assert time.vanished.label == "fomc-2015-01-28"
    (period,) = grep({"fomc": series}, "considerable period")
    assert (period.first.label, period.last.label) == ("fomc-2003-08-12", "fomc-2003-12-09")
