"""Every answer against files that a person has read, and against its schema; hostile texts come out harmless in all.

``pytest tests/core/render --golden-update`` rewrites the files; the differences are for review.
"""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.history.folding import fold
from monitor.render import Style, render
from monitor.render.json_forms import comparison_json, encode
from monitor.render.safe import INVISIBLE, visible
from storage.records import Phrase
from tests.core.render.answers_made import PHRASES, answers, documents, history
from tests.core.render.cases import CASES
from tests.core.render.random_comparisons import NASTY
from tests.core.render.schemas import FOLDER, faults
from tests.core.render.test_golden import check

CONCERNS = "security concerns"
UNSEEN = re.compile(f"[{INVISIBLE}]")
COLORS = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("name", answers(history(), CONCERNS, PHRASES, Style()))
def test_an_answer_is_the_one_that_was_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    shown = answers(history(), CONCERNS, PHRASES, Style())[name]
    check(f"answer.{name}.txt", shown, bool(request.config.getoption("golden_update")))


@pytest.mark.parametrize("name", ["blame-words", "drift"])
def test_an_answer_in_colour_is_the_one_that_was_reviewed(name: str, request: pytest.FixtureRequest) -> None:
    shown = answers(history(), CONCERNS, PHRASES, Style(width=60, color=True))[name].replace("\x1b", "␛")
    check(f"answer.{name}-color.txt", shown, bool(request.config.getoption("golden_update")))


@pytest.mark.parametrize("name", documents(history(), CONCERNS, PHRASES))
def test_a_document_is_the_one_that_was_reviewed_and_fits_its_schema(name: str, request: pytest.FixtureRequest) -> None:
    document = documents(history(), CONCERNS, PHRASES)[name]
    assert faults(name.partition("-")[0], document) == []
    check(f"answer.{name}.json", encode(document), bool(request.config.getoption("golden_update")))


@pytest.mark.parametrize("case", CASES)
def test_every_comparison_fits_its_schema(case: str) -> None:
    for style in (Style(), Style(explain=True)):
        assert faults("diff", comparison_json(CASES[case](), style)) == []


def test_a_schema_refuses_what_it_does_not_name() -> None:
    document = {**comparison_json(CASES["readout"](), Style()), "surprise": 1}
    assert faults("diff", document) == ["$: Additional properties are not allowed ('surprise' was unexpected)"]
    assert faults("diff", {**document, "identical": "no"}, strict=False) == [
        "$.identical: 'no' is not of type 'boolean'"
    ]


def test_every_schema_says_what_it_is_of() -> None:
    for path in FOLDER.glob("*.schema.json"):
        assert json.loads(path.read_text("utf-8"))["title"] == f"variorum {path.name.split('.')[0]} --json"


PASSAGES = st.lists(
    st.one_of(
        st.lists(st.sampled_from(NASTY), min_size=1, max_size=8).map("".join),
        st.sampled_from(["The \x1b[31mred\x07 clause stays.", "legitimate\u202e security concerns", "\x00\x9b31m"]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(PASSAGES, min_size=1, max_size=4),
    st.sampled_from([one for one in NASTY if fold(one).text.strip()]),
    st.integers(20, 120),
    st.booleans(),
)
def test_no_answer_emits_what_cannot_be_seen(wordings: list[list[str]], phrase: str, width: int, color: bool) -> None:
    told = history(wordings, title="Title \x1b]0;owned\x07 \u202e", name="mfa\x1b[2J\u202e")
    registry = (Phrase("hostile\x1b[2J", ("legitimate\u202e security concerns", "red\x07 clause"), ("calls",)),)
    for name, shown in answers(told, phrase, registry, Style(width=width, color=color)).items():
        plain = COLORS.sub("", shown) if color else shown
        assert visible(plain) == plain, name
        plain.encode()
    for name, document in documents(told, phrase, registry).items():
        shown = encode(document)
        assert not UNSEEN.search(shown), name
        assert json.loads(shown) == json.loads(json.dumps(document)), name  # JSON joins two halves of a surrogate pair
        assert faults(name.partition("-")[0], document) == [], name


def test_side_by_side_keeps_its_columns_beside_hostile_texts() -> None:
    shown = render(CASES["hostile"](), "side-by-side", Style(width=100)).splitlines()
    assert all(visible(line) == line for line in shown)
