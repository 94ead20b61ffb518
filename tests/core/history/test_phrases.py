from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.history.phrases import PhraseTable, Standing, phrases
from storage.records import Phrase, Text

from .making import fomc, history

if TYPE_CHECKING:
    from pathlib import Path

SECURITY = Phrase("security", ("legitimate security concerns", "合理安全关切"), expect=("calls",))
PEACE = Phrase("peace", ("peace and stability", "peace"))


def table(*paragraphs: str, registry: tuple[Phrase, ...] = (SECURITY,), source: str = "calls") -> PhraseTable:
    return phrases(registry, {source: history(*paragraphs, source=source)})


def standing(*paragraphs: str, registry: tuple[Phrase, ...] = (SECURITY,)) -> Standing:
    (only,) = table(*paragraphs, registry=registry).standings
    return only


def test_a_phrase_is_told_by_variant_count_first_and_last_sight() -> None:
    told = standing(
        "Calm.",
        "Legitimate security concerns, legitimate security concerns.",
        "双方的合理安全关切。",
        "双方的合理安全关切!",
        "Calm.",
    )
    assert told.first is not None
    assert told.last is not None
    assert (told.first.version, told.last.version, told.present) == (2, 4, False)
    assert [(use.version, use.variant, use.times) for use in told.usage] == [
        (2, "legitimate security concerns", 2),
        (3, "合理安全关切", 1),
        (4, "合理安全关切", 1),
    ]
    assert told.variant_changes == (3,)


def test_where_it_is_expected_it_is_missing() -> None:
    told = standing("Calm.", "Legitimate security concerns.", "Calm.")
    assert told.expected
    assert told.missing == (1, 3)


def test_it_may_be_expected_of_the_series_of_a_source() -> None:
    histories = {"call-1": history("Calm.", source="call-1"), "other": history("Calm.", source="other")}
    told = phrases([SECURITY], histories, series={"call-1": "calls"}).standings
    assert [(one.source, one.expected, one.missing) for one in told] == [("call-1", True, (1,))]


def test_where_it_is_not_expected_it_is_not_missing() -> None:
    (told,) = table("Calm.", "Legitimate security concerns.", source="elsewhere").standings
    assert (told.expected, told.missing) == (False, ())


def test_where_it_neither_stands_nor_is_expected_nothing_is_told() -> None:
    assert table("Calm.", source="elsewhere").standings == ()


def test_of_overlapping_variants_the_longest_counts() -> None:
    told = standing("Peace and stability, then peace.", registry=(PEACE,))
    assert [(use.variant, use.times) for use in told.usage] == [("peace and stability", 1), ("peace", 1)]


def test_a_phrase_is_made_of_whole_words() -> None:
    assert table("The peaceful way.", registry=(PEACE,)).standings == ()


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("They took note of legitimate security interests today.", "legitimate security interests"),
        ("They took note of reasonable security concerns today.", "reasonable security concerns"),
        ("They took note of legitimate security concern today.", "legitimate security concern"),
        ("Their legitimate concerns were heard.", "legitimate concerns"),
        ("Russia's legitimate national security concerns matter.", "legitimate national security concerns"),
        ("They took note of its security concerns today.", "security concerns"),
        ("俄方的正当安全关切应当得到重视。", "安全关切"),
        ("俄方的合理的安全关切应当得到重视。", "合理的安全关切"),
    ],
)
def test_a_wording_near_to_a_variant_is_told(text: str, wording: str) -> None:
    versions = history("Calm.", text, text + " Again.", source="calls")
    (told,) = phrases([SECURITY], {"calls": versions}).standings
    (near,) = told.near
    assert (near.text, near.at.version) == (wording, 2)
    assert text[near.start : near.end] == wording
    assert 0.6 < near.similarity < 1


@pytest.mark.parametrize(
    "text",
    [
        "The security council met.",
        "They raised concerns about food.",
        "It is legitimate. Concerns were raised.",
        "安全形势严峻。",
        "Legitimate security concerns.",
    ],
)
def test_what_only_shares_a_word_is_not_near(text: str) -> None:
    assert standing(text).near == ()


def test_another_order_than_before_is_told_and_coming_or_going_is_not() -> None:
    registry = (SECURITY, PEACE, Phrase("trade", ("free trade",)))
    told = table(
        "Peace and legitimate security concerns.",
        "Peace, free trade and legitimate security concerns.",
        "Free trade, legitimate security concerns and peace.",
        "Legitimate security concerns.",
        registry=registry,
    )
    (change,) = told.orders
    assert (change.version, change.against) == (3, 2)
    assert change.before == ("peace", "trade", "security")
    assert change.after == ("trade", "security", "peace")


def test_another_order_than_the_baseline_is_told_when_it_begins() -> None:
    versions = history("Peace first.", "Legitimate security concerns, peace.", "Legitimate security concerns; peace!")
    baseline = Text.of(None, None, ["Peace, then legitimate security concerns."])
    told = phrases([SECURITY, PEACE], {"mfa": versions}, baselines={"mfa": baseline}).orders
    assert [(change.version, change.against) for change in told] == [(2, None)]


def test_standings_come_in_the_order_of_the_registry_then_of_the_sources() -> None:
    both = "Peace. Legitimate security concerns."
    told = phrases([PEACE, SECURITY], {"b": history(both, source="b"), "a": history(both, source="a")}).standings
    assert [(one.phrase, one.source) for one in told] == [
        ("peace", "b"),
        ("peace", "a"),
        ("security", "b"),
        ("security", "a"),
    ]


def test_a_source_without_versions_is_expected_to_have_it_but_misses_it_in_none() -> None:
    (told,) = phrases([SECURITY], {"calls": ()}).standings
    assert (told.present, told.first, told.missing) == (False, None, ())


@pytest.mark.corpus
def test_the_fomc_series_shows_the_wordings_nobody_registered(corpus: Path) -> None:
    balance = Phrase("balance", ("roughly balanced", "nearly balanced"))
    (told,) = phrases([balance], {"fomc": fomc(corpus)}).standings
    assert {near.text for near in told.near} == {"roughly in balance", "roughly balance"}
