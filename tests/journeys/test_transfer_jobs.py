"""Job files of other programs: what has a counterpart comes over, what has none is named with its line."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.config import load
from tests.journeys.conftest import Program

JOBS = r"""
name: "Rate decision"
url: https://www.example.org/press/rate
note: ask Ann
filter:
  - css:
      selector: "#article"
      exclude: ".share"
  - html2text
  - grepi: "^Share"
  - re.sub: {pattern: 'Page \d+', repl: ''}
  - strip
---
name: "the same page, another part"
url: https://www.example.org/press/rate
filter: element-by-id:content,html2text,strip
timeout: 20
headers: {Accept-Language: fr}
ssl_no_verify: true
---
kind: shell
command: "ls -l"
---
url: https://www.example.org/search
data: {q: rates}
---
url: https://www.example.org/doc.pdf
tags: [a, b]
enabled: false
filter: [pdf2text, {xpath: "//p"}, {shellpipe: "cat"}, {delete_lines_containing: {text: x}}, {keep_lines_matching: {re: y}}]
"""


def settings(variorum: Program) -> dict[str, Any]:
    found = load(variorum.folder / "config.yaml", {}, check_selectors=True)
    return {one.source.id: one for one in found.declarations}


@pytest.fixture
def configured(variorum: Program) -> Program:
    variorum.write("config.yaml", "# ours\nsources:\n  - {id: mine, url: https://www.example.org/mine}\n")
    variorum.write("jobs.yaml", JOBS)
    return variorum


@pytest.mark.parametrize("program", ["urlwatch", "webchanges"])
def test_jobs_become_sources_that_are_read_as_they_were(configured: Program, program: str) -> None:
    ran = configured("import", program, "jobs.yaml")
    assert ran.code == 3, "two jobs cannot be carried over"
    assert ran.out == "3 added, 0 there already, 2 not carried over\n"
    found = settings(configured)
    first, second = found["example.org-press-rate"], found["example.org-press-rate-2"]
    assert (first.read.select, first.read.remove) == ("#article", (".share",))
    assert first.read.delete_lines_matching == ("^Share",)
    assert first.read.substitute == ((r"Page \d+", ""),)
    assert (second.read.select, second.fetch.timeout_s) == ("#content", 20.0)
    assert second.fetch.headers == (("Accept-Language", "fr"),)
    document = found["example.org-doc"]
    assert (document.read.kind, document.read.xpath, document.enabled) == ("pdf", "//p", False)
    assert document.source.tags == ("a", "b")
    assert (configured.folder / "config.yaml").read_text().startswith("# ours\nsources:\n  - {id: mine")


def test_what_stays_behind_is_named_with_its_line(configured: Program) -> None:
    said = configured("import", "urlwatch", "jobs.yaml").err.splitlines()
    assert [line.split(": ", 1)[0] for line in said] == [f"jobs.yaml:{line}" for line in (19, 21, 25, 30, 27)]
    for line, word in zip(said, ("certificates", "`command`", "GET", "shellpipe", "order"), strict=True):
        assert word in line


def test_jobs_that_are_watched_already_are_not_added_again(configured: Program) -> None:
    configured("import", "urlwatch", "jobs.yaml")
    before = (configured.folder / "config.yaml").read_bytes()
    assert configured("import", "urlwatch", "jobs.yaml").out == "0 added, 3 there already, 2 not carried over\n"
    assert (configured.folder / "config.yaml").read_bytes() == before


def test_a_dry_run_writes_nothing(configured: Program) -> None:
    before = (configured.folder / "config.yaml").read_bytes()
    assert configured("import", "urlwatch", "jobs.yaml", "--dry-run").out.startswith("3 would be added")
    assert (configured.folder / "config.yaml").read_bytes() == before


def test_one_job_that_our_configuration_refuses_does_not_hold_up_the_others(configured: Program) -> None:
    configured.write(
        "jobs.yaml", "url: https://a.example/\nfilter: [{xpath: '//div[['}]\n---\nurl: https://b.example/\n"
    )
    ran = configured("import", "urlwatch", "jobs.yaml")
    assert ran.out == "1 added, 0 there already, 1 not carried over\n"
    assert "not an XPath" in ran.err
    assert set(settings(configured)) == {"mine", "b.example"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (b"url: [", "jobs.yaml:"),
        (b"- url: https://a.example/\n", "parted by '---'"),
        (b"url: \xff\xfe", "not in UTF-8"),
    ],
)
def test_what_is_no_job_file_is_told_in_two_lines(configured: Program, words: bytes, said: str) -> None:
    configured.write("jobs.yaml", words)
    ran = configured("import", "webchanges", "jobs.yaml")
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") <= 2
