from __future__ import annotations

import pytest

from monitor.read import ReadRules, automatic, read
from monitor.read.heading import letters
from tests.core.read.test_html import PAGE

SECTIONS = [
    "The Committee noted that growth had continued at a moderate pace over the summer, led by household spending.",
    "Members discussed the outlook for prices and agreed that the pressure had eased a little since the last meeting.",
    "All members voted to keep the rate unchanged and to publish the minutes two weeks after the meeting.",
]


def paragraphs(page: str) -> tuple[str, ...]:
    return read(page.encode(), ReadRules(), content_type="text/html").text.paragraphs


def test_the_main_text_is_found_with_title_date_and_selector() -> None:
    found = read(PAGE.encode(), ReadRules(), content_type="text/html")
    assert found.text.title == "Readout of a call"
    assert found.text.published == "2022-02-26 12:05"
    assert found.text.paragraphs == (
        "The two ministers spoke on the phone on Friday afternoon about the situation in the region.",
        "They agreed to remain in contact.",
    )
    assert found.select == "#article"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("14 March 2023", "15 March 2023"),
        (
            "<footer>",
            "<ul><li><a href=/1>Another piece of news</a><li><a href=/2>And one more of them</a></ul><footer>",
        ),
        ("<footer>", "<div class=views>Views: 4,711</div><footer>"),
        (
            "<nav>",
            "<div class='cookie-bar'>We use cookies to make this site better. By going on you agree to it.</div><nav>",
        ),
        ("Share this page", "Show this page"),
        ("All rights", "Some rights"),
        (
            "<footer>",
            "<div class=card><h3>Delegation visits</h3><p>The delegation arrived on Tuesday.</p></div><footer>",
        ),
        (
            "<footer>",
            "<div class=row>"
            + "".join(
                f"<div class=card><h3><a href=/{n}>A {n} delegation visits the region</a></h3>"
                f"<p>The {n} delegation arrived on Tuesday for talks on trade and culture.</p></div>"
                for n in ("Thai", "Polish", "Kenyan", "Cuban")
            )
            + "</div><footer>",
        ),
        ("<body>", "<body data-token=4711><div class=wrapper>"),
    ],
)
def test_furniture_cannot_alter_the_text(old: str, new: str) -> None:
    assert old in PAGE
    changed, before = (
        read(one.encode(), ReadRules(), content_type="text/html") for one in (PAGE.replace(old, new), PAGE)
    )
    assert changed.text == before.text


@pytest.mark.parametrize(
    "added",
    [
        "<p>It was noted.</p>",
        "<ul><li>extend the agreement</li></ul>",
        "<table><tr><td>Year</td><td>2021</td></tr></table>",
        "<h3>On security</h3>",
        "<blockquote>We shall see.</blockquote>",
        '<p><a href="/note">Implementation note</a></p>',
    ],
)
def test_nothing_inside_the_statement_is_missed(added: str) -> None:
    assert len(paragraphs(PAGE.replace("</article>", f"{added}</article>"))) == 3


def test_a_text_in_several_sections_is_read_whole() -> None:
    page = (
        "<body><div class=page>"
        + "".join(f"<section><h2>Part</h2><p>{one}</p></section>" for one in SECTIONS)
        + "</div>"
    )
    assert [one for one in paragraphs(page) if one in SECTIONS] == SECTIONS


def test_a_lead_between_title_and_text_belongs_to_it_and_a_menu_does_not() -> None:
    page = (
        f"<body><main><div><h1>Minutes</h1><p>{SECTIONS[0]}</p><ul class=tabs><li><a href=a>Text</a></ul></div>"
        f"<div class=body><p>{SECTIONS[1]}</p><p>{SECTIONS[2]}</p></div></main>"
    )
    assert list(paragraphs(page)) == SECTIONS


def test_a_class_of_furniture_around_the_whole_text_does_not_hide_it() -> None:
    page = f'<body><div class="share-page"><aside>{"".join(f"<p>{one}</p>" for one in SECTIONS)}</aside></div>'
    assert list(paragraphs(page)) == SECTIONS


def test_the_proposed_selector_selects_what_was_read() -> None:
    page = f'<body><div><div class="news news-1234"><p>{"</p><p>".join(SECTIONS)}</p></div><div class=x>y</div></div>'
    found = read(page.encode(), ReadRules(), content_type="text/html")
    assert found.select == "div.news"
    assert read(page.encode(), ReadRules(select=found.select), content_type="text/html").text == found.text


def test_the_smaller_sections_of_a_long_text_are_read_too() -> None:
    parts = [SECTIONS * 3, SECTIONS[:2], SECTIONS[1:]]
    sections = ["<section><div>" + "".join(f"<p>{one}</p>" for one in part) + "</div></section>" for part in parts]
    found = paragraphs(f"<body><div class=minutes>{''.join(sections)}</div><p>Contact: press office</p></body>")
    assert list(found) == [one for part in parts for one in part]


def test_what_adds_some_prose_and_much_else_is_not_taken_in() -> None:
    other = "".join(f"<div>Item number {n} of the list of items</div>" for n in range(40))
    page = f"<body><div><div>{''.join(f'<p>{one}</p>' for one in SECTIONS)}</div><div><div>{other}</div></div><div><p>{SECTIONS[0]}</p></div></div>"
    assert list(paragraphs(page)) == SECTIONS


def test_the_text_is_found_even_where_trafilatura_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import trafilatura

    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    before = read(PAGE.encode(), ReadRules(), content_type="text/html")
    monkeypatch.setattr(trafilatura, "extract", fail)
    assert read(PAGE.encode(), ReadRules(), content_type="text/html") == before


@pytest.mark.parametrize(
    "counter",
    [
        "Views: 4,711",
        "浏览次数：1024",
        "阅读 3.2万",
        "Просмотров: 812",
        "17 comments",
        "عدد المشاهدات: 55",
        "조회수 311",
    ],
)
def test_a_line_that_only_counts_is_no_text(counter: str) -> None:
    prose = "".join(
        f"<p>Point {number}: the parties agreed to go on with their work, and to meet again in the spring.</p>"
        for number in range(5)
    )
    page = f"<html><body><div><h1>On the talks of the parties</h1>{prose}<p>{counter}</p></div></body></html>"
    paragraphs = read(page.encode(), ReadRules()).text.paragraphs
    assert len(paragraphs) == 5
    assert not any(counter in one for one in paragraphs)


def test_a_text_cut_into_pieces_by_advertisements_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where trafilatura stops at the first advertisement, neighbours of one make go on."""
    piece = "<div class=chunk><div class=text>{}</div><div class=ad>Advertisement</div></div>"
    words = [[f"Sentence {part}.{at} of the text says that the parties shall meet again in May of this year." for at in range(4)] for part in "abc"]  # fmt: skip
    page = "<h1>A text</h1>" + "".join(piece.format("".join(f"<p>{one}</p>" for one in part)) for part in words)
    monkeypatch.setattr(automatic, "found_by_trafilatura", lambda _: letters(" ".join(words[0])))
    found = read(f"<body><div class=story>{page}</div>".encode(), ReadRules(), content_type="text/html")
    assert list(found.text.paragraphs) == [one for part in words for one in part]


def test_what_is_said_of_a_picture_and_a_summary_that_is_the_title_are_no_text() -> None:
    changed = PAGE.replace(
        "<p>The two", "<div class=media><span class=media__title>The ministers, by telephone.</span></div><p>The two", 1
    )
    assert changed != PAGE
    assert read(changed.encode(), ReadRules(), content_type="text/html").text.paragraphs == (
        read(PAGE.encode(), ReadRules(), content_type="text/html").text.paragraphs
    )
    page = (
        "<title>[Video] Readout of a call with the prime minister on Friday</title><body>"
        "<h1>[Video] Readout of a call with the prime minister on Friday</h1>"
        "<div class=brief>Readout of a call with the prime minister on Friday.</div>"
        "<div id=text><p>The two ministers spoke on the phone on Friday afternoon about the region and its future.</p>"
        "<p>They agreed to remain in contact and to meet again in the autumn of this year in Geneva.</p></div>"
    )
    assert len(read(page.encode(), ReadRules(), content_type="text/html").text.paragraphs) == 2


def test_a_text_about_cookies_is_no_consent_banner() -> None:
    said = [
        f"For purpose {at} this site uses {at} cookies, which are kept for no longer than a year." for at in range(6)
    ]
    page = "<body><article><h1>Cookies</h1>" + "".join(f"<p>{one}</p>" for one in said) + "</article>"
    assert list(read(page.encode(), ReadRules(), content_type="text/html").text.paragraphs) == said
