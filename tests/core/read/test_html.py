from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.read import Reading, ReadRules, read
from monitor.read.html import check_rules
from storage.errors import ConfigError, ReadError

PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Readout of a call | Ministry of Example</title>
<meta property="og:site_name" content="Ministry of Example">
<meta property="article:published_time" content="2022-02-26T04:05:00Z"></head>
<body>
<nav><a href="/">Home</a> <a href="/news">News</a></nav>
<div class="clock">Tuesday, 14 March 2023</div>
<article id="article">
  <h1>Readout of a call</h1>
  <p class="date">2022-02-26 12:05</p>
  <p>The two ministers spoke on the phone on Friday afternoon about the situation in the region.</p>
  <div class="share">Share this page with all of your friends and your colleagues today.</div>
  <p>They agreed to remain in contact.</p>
</article>
<footer>© Ministry of Example 2022. All rights are reserved by the ministry and by its partners.</footer>
</body></html>"""


def reading(page: str, **rules: object) -> Reading:
    return read(page.encode(), ReadRules(**rules), content_type="text/html")  # type: ignore[arg-type]


def test_a_selected_statement_has_title_date_and_paragraphs() -> None:
    found = reading(PAGE, select="#article", remove=(".share",))
    assert found.text.title == "Readout of a call"
    assert found.text.published == "2022-02-26 12:05"
    assert found.text.paragraphs == (
        "The two ministers spoke on the phone on Friday afternoon about the situation in the region.",
        "They agreed to remain in contact.",
    )
    assert found.published_at == datetime(2022, 2, 26, 12, 5, tzinfo=UTC)
    assert (found.encoding, found.select, found.notes) == ("utf-8", "#article", ())
    assert found.reader == ReadRules(select="#article", remove=(".share",)).fingerprint


def test_all_matching_elements_are_read_in_document_order_and_none_twice() -> None:
    assert reading(PAGE, select="p:last-child, .date, article").text == reading(PAGE, xpath="//article").text
    assert reading(PAGE, xpath="//article/p").text.paragraphs[-1] == "They agreed to remain in contact."


def test_a_selection_without_heading_or_date_takes_the_page_title_and_the_date_of_its_metadata() -> None:
    found = reading(PAGE, select="#article p:last-child")
    assert (found.text.title, found.text.published) == ("Readout of a call", None)
    assert found.published_at == datetime(2022, 2, 26, 4, 5, tzinfo=UTC)


def test_with_a_selector_nothing_outside_can_alter_the_text() -> None:
    changed = (
        PAGE.replace("14 March 2023", "15 March 2023").replace("Home", "Start").replace("<nav>", "<h1>New!</h1><nav>")
    )
    assert reading(changed, select="#article").text == reading(PAGE, select="#article").text


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("<title>Statement on trade - Ministry of Example</title>", "Statement on trade"),
        ("<title>Board - The Committee issues a statement</title>", "The Committee issues a statement"),
        ("<title>习近平同俄罗斯总统通电话_新闻频道_央视网</title>", "习近平同俄罗斯总统通电话"),
        (
            '<title>x</title><meta property="og:title" content="Talks: first - and last - round">',
            "Talks: first - and last - round",
        ),
        ("<title>Well-known</title>", "Well-known"),
        ("", None),
    ],
)
def test_the_page_title_goes_without_the_name_of_the_site(title: str, expected: str | None) -> None:
    assert reading(f"<head>{title}</head><body><p id=t>Words.</p>", select="#t").text.title == expected


def test_a_date_in_a_byline_is_taken_out_of_it() -> None:
    page = "<div id=t><h1>Titel</h1><p>来源：央视网 2022年02月25日 19:13</p><p>国家主席同总统通电话。</p></div>"
    found = reading(page, select="#t").text
    assert (found.published, found.paragraphs) == ("2022年02月25日 19:13", ("来源：央视网", "国家主席同总统通电话。"))


def test_a_time_in_the_next_cell_belongs_to_the_date() -> None:
    page = "<div id=t><h1>Call</h1><time>April 4, 2017</time><div>15:55</div><p>They spoke.</p></div>"
    assert reading(page, select="#t").text.published == "April 4, 2017 15:55"


def test_a_date_inside_the_text_stays_there() -> None:
    page = f"<div id=t><h1>Call</h1><p>{'They spoke at length about it. ' * 8}</p><p>26 February 2022</p></div>"
    found = reading(page, select="#t").text
    assert (found.published, found.paragraphs[-1]) == (None, "26 February 2022")


@pytest.mark.parametrize(
    ("page", "rules", "message"),
    [
        (PAGE, {"select": "#statement"}, "'#statement' matches nothing"),
        (PAGE, {"xpath": "//section"}, "'//section' matches nothing"),
        (PAGE, {"select": ".share", "remove": (".share",)}, "no text where the statement should be"),
        (PAGE, {"select": "#article", "start_after": "nowhere"}, "start_after: 'nowhere' is not in the text"),
        ("", {}, "empty or not HTML"),
        ("<html><body><script>x</script></body></html>", {}, "no main text"),
    ],
)
def test_what_cannot_be_read_is_said_with_a_hint(page: str, rules: dict[str, object], message: str) -> None:
    with pytest.raises(ReadError, match=message) as raised:
        reading(page, **rules)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("rules", "key"),
    [
        (ReadRules(select="div::"), "select:"),
        (ReadRules(select="a|b"), "select:"),
        (ReadRules(remove=("#ok", "p:nth-child(2n+")), "remove:"),
        (ReadRules(xpath="//p["), "xpath:"),
        (ReadRules(xpath="count(//p)"), "xpath:"),
        (ReadRules(xpath="nonsense(1)"), "xpath:"),
        (ReadRules(encoding="klingon"), "encoding:"),
        (ReadRules(keep_lines_matching=("(",)), "keep_lines_matching:"),
        (ReadRules(delete_lines_matching=("[z-a]",)), "delete_lines_matching:"),
        (ReadRules(substitute=(("a(b)", r"\2"),)), "substitute:"),
    ],
)
def test_a_rule_that_cannot_be_understood_is_told_by_its_key(rules: ReadRules, key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_rules(rules)
    assert raised.value.message.startswith(key)
    assert raised.value.hint


def test_good_rules_pass() -> None:
    check_rules(
        ReadRules(
            select="main > .a, #b:not(.c)", xpath="//p", remove=(".x",), substitute=(("(a)", r"\1b"),), encoding="gbk"
        )
    )


def test_filters_work_on_paragraphs_in_order() -> None:
    page = "<div id=t><p>Menu</p><p>Start here: One.</p><p>Ad</p><p>Two 2021.</p><p>End of text</p></div>"
    found = reading(
        page,
        select="#t",
        start_after="Start here:",
        end_before="End of",
        delete_lines_matching=("^Ad$",),
        substitute=((r"\d{4}", "YEAR"),),
    )
    assert found.text.paragraphs == ("One.", "Two YEAR.")
    assert reading(page, select="#t", keep_lines_matching=("Two",)).text.paragraphs == ("Two 2021.",)


def test_an_xml_declaration_and_a_lying_meta_do_not_reach_the_parser() -> None:
    page = '<?xml version="1.0" encoding="iso-8859-1"?><html><head><meta charset="gb2312"></head><p id=t>été – 中</p>'
    found = reading(page, select="#t")
    assert found.text.paragraphs == ("été – 中",)
    assert found.notes == (
        "the page says iso-8859-1, but the bytes are not",
        "the page says gb2312, but the bytes are not",
    )


def test_elements_nested_beyond_the_parsers_depth_are_not_lost() -> None:
    found = reading("<div>" * 3000 + "<p>Deep inside.</p>" + "</div>" * 3000 + "<p>And after it.</p>", xpath="//body")
    assert found.text.paragraphs == ("Deep inside.", "And after it.")
    assert "nested deeper" in found.notes[0]


def test_the_script_of_a_challenge_is_told_of_a_short_page_only() -> None:
    page = "<script src='https://hcaptcha.com/1/api.js'></script><p id=t>One moment, please. {}</p>"
    assert reading(page.format(""), select="#t").hints == ("challenge",)
    assert reading(page.format("They spoke of it. " * 100), select="#t").hints == ()
