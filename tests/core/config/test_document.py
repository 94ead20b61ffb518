"""YAML 1.2, lines, the environment and remarks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import ConfigProblems, document
from monitor.config.document import Document, Guarded


def values(words: str, **env: str) -> Any:
    found = Document(words, "config.yaml", env)
    assert found.problems == []
    return found.values


def problem(words: str, **env: str) -> str:
    try:
        found = Document(words, "config.yaml", env).problems
    except ConfigProblems as error:
        found = list(error.problems)
    (only,) = found
    return f"{only.told('config.yaml')} | {only.hint}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2022-02-25", "2022-02-25"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o17", 15),
        ("0xff", 255),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_words_mean_what_yaml_1_2_says(written: str, meant: object) -> None:
    found = values(f"key: {written}")["key"]
    assert found == meant
    assert type(found) is type(meant)


def test_an_empty_file_and_one_of_remarks_are_empty_mappings() -> None:
    assert values("") == values("# nothing yet\n") == values("---\n") == {}


def test_a_number_of_ten_thousand_digits_is_text() -> None:
    assert values("key: " + "9" * 10_000)["key"] == "9" * 10_000


def test_anchors_may_be_used_and_do_not_multiply() -> None:
    layers = "".join(f"_{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    assert len(values(f"_0: &a0 [x]\n{layers}key: *a39\n")["key"]) == 9


def test_a_remark_is_left_out_wherever_it_stands() -> None:
    assert values("_note: ${NOWHERE}\nkey: {_x: [1], y: 2}\n_note: again\n") == {"key": {"y": 2}}


def test_what_a_remark_anchors_is_read_like_any_other_value() -> None:
    assert values("_shared: &token ${TOKEN}\nkey: *token\n", TOKEN="t") == {"key": "t"}
    assert "TOKEN is not set" in problem("_shared: &token ${TOKEN}\nkey: *token\n")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${NAME}", "n"),
        ("a${NAME}b${NAME}", "anbn"),
        ("'${NAME}'", "n"),
        ("${OTHER:-else}", "else"),
        ("${EMPTY:-else}", "else"),
        ("${EMPTY}", ""),
        ("${OTHER:-}", ""),
        ("$$NAME", "$NAME"),
        ("$${NAME}", "${NAME}"),
        ("cost: $5$", "cost: $5$"),
        ("^end$", "^end$"),
    ],
)
def test_the_environment_is_filled_in(written: str, meant: str) -> None:
    quoted = written if written.startswith("'") else f"'{written}'"
    assert values(f"key: {quoted}", NAME="n", EMPTY="")["key"] == meant


def test_what_came_from_the_environment_is_never_shown_by_repr() -> None:
    found = values("key: Bearer ${TOKEN}", TOKEN="hunter2")
    assert found["key"] == "Bearer hunter2"
    assert repr(found) == "{'key': 'Bearer ${TOKEN}'}"
    assert repr(Guarded("hunter2", "…")) == "'…'"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "3: a: stands twice, first on line 1 | Keep one of them."),
        ("s:\n  - x: 1\n    x: 2\n", "3: s[0].x: stands twice, first on line 2 | Keep one of them."),
        ("a: ${NOPE}", "1: a: the environment variable NOPE is not set | Set NOPE, or write ${NOPE:-default}."),
        ("a: ${1}", "1: a: '${' begins no variable | Write ${NAME} or ${NAME:-default}; $$ is a dollar sign."),
        ("a: !date x", "1: a: the tag !date is not understood | Leave the tag out."),
        ("a: *x", "1: a: *x names no anchor above it | Put a value that starts with * in quotes."),
        ("a: &x [*x]", "1: a[0]: *x names no anchor above it | Put a value that starts with * in quotes."),
        ("- a\n", "1: expected keys such as 'sources:' at the top | `variorum init` writes an example."),
        ("? [a]\n: b\n", "1: a key must be a word | None"),
        ("a: 1\n---\nb: 2\n", "1: a second document ('---'); one is expected | Keep one document in the file."),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 40 deep | None"),
    ],
)
def test_what_yaml_allows_and_we_do_not_is_told_with_its_line(words: str, said: str) -> None:
    assert problem(words).endswith(said)


@pytest.mark.parametrize(
    ("words", "line", "hint"),
    [
        ("a:\n\tb: 1\n", 2, "Indent with spaces, not with tabs."),
        ("a: @article\n", 1, "Put a value that starts with @ in quotes."),
        ("a: {b: ${NAME}}\n", 1, 'Inside brackets, put ${NAME} in quotes: "${NAME}".'),
        ("a: {b: ${NAME}, c: 1}\n", 1, 'Inside brackets, put ${NAME} in quotes: "${NAME}".'),
        ("a: b: c\n", 1, "Put a value that holds ': ' in quotes, and look at the indentation."),
        ("a: 1\nb: 'x\nc: 2\n", 4, "Close the quotation mark."),
        ("a: [1\nb: 2\n", 2, "Look at the indentation, and for brackets and quotes left open, here and above."),
        ("a: 1\nb: \x07\n", 2, "Remove that character."),
    ],
)
def test_malformed_yaml_is_told_with_its_line_and_a_hint(words: str, line: int, hint: str) -> None:
    said = problem(words)
    assert said.startswith(f"config.yaml:{line}: not YAML: ")
    assert said.endswith(f"| {hint}")


def test_an_open_bracket_is_told_with_the_line_it_was_opened_on() -> None:
    assert "that begins on line 1" in problem("a: [1,\n2,\n3\nb: 2\n")


def test_every_key_and_item_knows_its_line() -> None:
    found = Document("a: 1\nb:\n  - x: {y: 1}\n\n  - x: {y: [1,\n 2]}\n", "config.yaml", {})
    paths = [("a",), ("b",), ("b", 1), ("b", 1, "x", "y", 1), ("b", 0, "x", "z"), ("nowhere",)]
    assert [found.line(path) for path in paths] == [1, 2, 5, 6, 3, 1]


def test_without_libyaml_the_pure_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pure(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)

    words = 'a: [1, "2", !!str 3, ~]\nb: |\n  x\n  y\nc: &c {d: 0o7}\ne: *c\n'
    fast = values(words)
    monkeypatch.setattr(document, "Parser", Pure)
    assert values(words) == fast == {"a": [1, "2", "3", None], "b": "x\ny\n", "c": {"d": 7}, "e": {"d": 7}}


@given(st.text(max_size=200) | st.text("a:-[]{}#&*!|>'\"%@`\n\t $?,", max_size=60))
def test_whatever_stands_in_the_file_it_is_read_or_refused(words: str) -> None:
    try:
        found = Document(words, "config.yaml", {})
    except ConfigProblems as error:
        lines = [one.line for one in error.problems]
    else:
        assert isinstance(found.values, dict)
        lines = [one.line for one in found.problems]
    assert all(line >= 1 for line in lines)
