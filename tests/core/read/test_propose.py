"""Proposed selectors: those that give the text found automatically come first, stable names before others."""

from __future__ import annotations

from monitor.read import ReadRules, read
from monitor.read.propose import Proposal, proposals

SENTENCES = "".join(f"<p>Sentence number {n} of a statement that both of the parties agreed on.</p>" for n in range(8))
PAGE = f"""<html><body><div id=page-1234567><nav><a href=/>Home</a></nav><main class="content-wrap">
<div class="css-1x9z"><article class="statement news2026"><h1>A readout</h1>{SENTENCES}</article></div></main>
<div class="related content">{"<a href=/x>Other news of the day</a> " * 9}</div></div></body></html>"""


def proposed(page: str) -> tuple[Proposal, ...]:
    body = page.encode()
    return proposals(body, ReadRules(), read(body, ReadRules(), content_type="text/html"), content_type="text/html")


def test_selectors_that_give_the_same_text_come_first_and_numbered_names_never() -> None:
    found = proposed(PAGE)
    assert [one.select for one in found] == ["article.statement", "main.content-wrap", "article", "main"]
    assert all(one.same and one.first_line == "A readout" for one in found)


def test_each_proposal_reads_what_it_says() -> None:
    for one in proposed(PAGE):
        again = read(PAGE.encode(), ReadRules(select=one.select), content_type="text/html")
        assert (again.text.title or again.text.paragraphs[0]) == one.first_line


def test_a_page_without_names_gets_no_proposal() -> None:
    assert proposed(f"<html><body><div>{SENTENCES}</div></body></html>") == ()


def test_names_that_stand_everywhere_are_no_proposals_and_cost_no_search_each() -> None:
    page = f"<body>{'<div class=article-text><p>word word word.</p></div>' * 6_000}".encode()
    assert proposals(page, ReadRules(), read(page, ReadRules())) == ()
