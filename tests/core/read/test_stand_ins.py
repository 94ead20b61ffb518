"""Pages that stand in for a statement, in eight languages; and real statements, none of which is taken for one."""

from __future__ import annotations

import tomllib
from collections import Counter
from html import escape
from pathlib import Path

import pytest

from monitor.read import Reading, ReadRules, read
from monitor.read.gate import GateRules, gate
from monitor.read.plain import parse
from storage.records import Latest, Text

URL = "https://mfa.example.org/news/2022/t1.html"
TABLE = tomllib.loads(Path(__file__).with_name("stand_ins.toml").read_text("utf-8"))["page"]
REASONS = {
    "captcha": ("captcha",),
    "block": ("block page",),
    "wall": ("consent or sign-in wall",),
    "error": ("error page",),
}
STATEMENT = Text.of(
    "Readout", "2022-02-26", ["The two presidents spoke on the phone and exchanged views on the situation at length."]
)


def judged(body: bytes, previous: Text | None) -> str | None:
    reading = read(body, ReadRules(select="#content"))
    latest = Latest("one", number=None if previous is None else 1)
    return gate(reading, url=URL, final_url=URL, status=200, latest=latest, previous=previous, rules=GateRules()).reason


@pytest.mark.parametrize("page", TABLE, ids=[f"{one['language']}-{one['what']}" for one in TABLE])
@pytest.mark.parametrize("previous", [None, STATEMENT], ids=["first", "later"])
def test_a_page_that_stands_in_is_known_in_every_language(page: dict[str, str], previous: Text | None) -> None:
    paragraphs = "".join(f"<p>{escape(one)}</p>" for one in page["text"])
    body = f"<html><body><div id=content><h1>{escape(page['title'])}</h1>{paragraphs}</div></body></html>"
    reason = judged(body.encode(), previous)
    assert reason is not None
    assert any(one in reason for one in REASONS[page["what"]]), reason


def test_the_table_holds_every_kind_in_eight_languages() -> None:
    kinds = Counter((one["language"], one["what"]) for one in TABLE)
    assert len({language for language, _ in kinds}) >= 8
    assert len(kinds) >= 8 * len(REASONS)


@pytest.mark.corpus
@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)], ids=["sample", "whole"])
def test_no_real_statement_is_taken_for_a_stand_in(corpus: Path, every: int) -> None:
    wrong = []
    texts = 0
    for folder in ("series", "pairs"):
        for file in sorted((corpus / folder).rglob("*"))[::every]:
            if file.suffix not in (".txt", ".md") or file.stat().st_size > 20_000:
                continue
            text = parse(file.read_text("utf-8", "replace"))
            if not text.paragraphs:
                continue
            texts += 1
            reading = Reading(text, None, "utf-8", None, "plain/1:x")
            verdict = gate(
                reading, url=URL, final_url=URL, status=200, latest=Latest("one"), previous=None, rules=GateRules()
            )
            wrong += [(file.name, verdict.reason)] if verdict.suspect else []
    assert wrong == []
    assert texts > 300 // every
