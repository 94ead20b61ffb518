"""A source is added to the text of a configuration; everything else in it stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import load
from monitor.config.appending import append_source, template
from monitor.config.document import Document

from .writing import refused

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {"id": "new", "url": "https://www.example.org/new"}
ITEM = "  - id: new\n    url: https://www.example.org/new\n"


def sources(words: str) -> list[dict[str, Any]]:
    found = Document(words, "config.yaml", {})
    assert found.problems == []
    listed: list[dict[str, Any]] = found.values["sources"]
    return listed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"sources:\n{ITEM}"),
        ("# nothing\n", f"# nothing\n\nsources:\n{ITEM}"),
        ("database: x", f"database: x\n\nsources:\n{ITEM}"),
        ("database: x\n\n", f"database: x\n\nsources:\n{ITEM}"),
        ("a: 1\n...\n", f"a: 1\n\nsources:\n{ITEM}...\n"),
        ("sources:\n", f"sources:\n{ITEM}"),
        ("sources:", f"sources:\n{ITEM}"),
        ("sources: []\nweb:\n", f"sources:\n{ITEM}web:\n"),
        ("sources: [] # none yet\n", f"sources: # none yet\n{ITEM}"),
        ("sources: ~\n# end\n", f"sources:\n{ITEM}# end\n"),
        ("sources:\n  - id: a\n", f"sources:\n  - id: a\n{ITEM}"),
        ("sources:\n  - id: a", f"sources:\n  - id: a\n{ITEM}"),
        (
            "sources:\n- id: a\n  tags: [b,\n    c] # d\n\n# next\nweb: {}\n",
            "sources:\n- id: a\n  tags: [b,\n    c] # d\n- id: new\n  url: https://www.example.org/new\n\n# next\nweb: {}\n",
        ),
        (
            "sources:\n  - id: a\n    # every: 5m\n  # the end\nweb: {}\n",
            f"sources:\n  - id: a\n    # every: 5m\n{ITEM}  # the end\nweb: {{}}\n",
        ),
        (
            "sources:\n  - id: a\n    note: |\n      long\n\n      longer\n\nweb: {}\n",
            f"sources:\n  - id: a\n    note: |\n      long\n\n      longer\n\n{ITEM}web: {{}}\n",
        ),
        ("sources:\n  - {id: a}\n  - {id: b}\n", f"sources:\n  - {{id: a}}\n  - {{id: b}}\n{ITEM}"),
        (
            "sources:\r\n  - id: a\r\nweb: {}\r\n",
            "sources:\r\n  - id: a\r\n" + ITEM.replace("\n", "\r\n") + "web: {}\r\n",
        ),
        ("_a: &a {x: 1}\nsources:\n  - *a\n", f"_a: &a {{x: 1}}\nsources:\n  - *a\n{ITEM}"),
        ("x: {sources: [1]}\nsources:\n  - id: a\n", f"x: {{sources: [1]}}\nsources:\n  - id: a\n{ITEM}"),
    ],
)
def test_a_source_is_added_at_the_end_of_the_list(before: str, after: str) -> None:
    assert append_source(before, ENTRY) == after
    assert sources(after)[-1] == ENTRY


@pytest.mark.parametrize(
    "words", ["sources: [{id: a}]\n", "{sources: []}\n", "sources: &a []\n", "sources: [\n]\n", "sources: x\n"]
)
def test_a_list_that_cannot_be_added_to_is_left_to_its_owner(words: str) -> None:
    error = refused(append_source, words, ENTRY)
    assert error.message == "config.yaml:1: sources: cannot be added to as it is written"
    assert error.hint == "Write the sources one below the other, each after '- ', or add this one by hand."


def test_a_malformed_file_is_refused() -> None:
    assert "not YAML" in refused(append_source, "a: [1\n", ENTRY).message


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain-text_1.0", "plain-text_1.0"),
        ("#article", '"#article"'),
        ("no", '"no"'),
        ("12", '"12"'),
        ("a: b", '"a: b"'),
        ("${HOME}", '"$${HOME}"'),
        ("^end$", '"^end$"'),
        (True, "true"),
        (["a", "b c", "d:e"], '[a, "b c", "d:e"]'),
        ({"cron": "0 9 * * *", "timezone": "UTC"}, '{cron: "0 9 * * *", timezone: UTC}'),
    ],
)
def test_values_are_quoted_where_they_must_be(value: object, written: str) -> None:
    assert append_source("", {"key": value}) == f"sources:\n  - key: {written}\n"


scalars = st.text(max_size=30) | st.booleans() | st.integers(-(10**9), 10**9)
entries = st.dictionaries(
    st.from_regex(r"[a-z][a-z_.]{0,9}", fullmatch=True), scalars | st.lists(scalars, max_size=3), min_size=1, max_size=4
)
layouts = st.sampled_from(
    [
        "",
        "sources:\n",
        "sources: []\n# x\n",
        "a: 1\nsources:\n- id: a\n- id: b # c\n\n# d\nb: 2\n",
        "sources:\n    - id: a\n      note: >\n        x\n",
    ]
)


@given(layout=layouts, entry=entries)
def test_whatever_is_added_is_read_back_as_it_was(layout: str, entry: dict[str, object]) -> None:
    longer = append_source(layout, entry)
    assert sources(longer)[-1] == entry
    rest = Document(layout, "config.yaml", {}).values
    assert sources(longer)[:-1] == (rest.get("sources") or [])
    assert {**Document(longer, "config.yaml", {}).values, "sources": 0} == {**rest, "sources": 0}


def test_the_template_takes_one_more_source(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "2022-02-25-xi-putin-call.txt").write_text("Title\n")
    path = tmp_path / "config.yaml"
    path.write_text(append_source(append_source(template(), ENTRY), {**ENTRY, "id": "newer"}), encoding="utf-8")
    assert [one.source.id for one in load(path, {}).declarations] == ["mfa-nz-2022-02-25", "new", "newer"]
    assert path.read_text("utf-8").replace(ITEM, "").replace(ITEM.replace("id: new", "id: newer"), "") == template()
