from __future__ import annotations

import pytest

from monitor.read import ReadRules, read


def paragraphs(markup: str, **rules: str) -> list[str]:
    page = f"<html><head><title>Page</title></head><body><div id=t>{markup}</div></body></html>"
    return list(read(page.encode(), ReadRules(select="#t", **rules), content_type="text/html").text.paragraphs)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>One\nline  wrapped\nin the source.</p><p>Two.</p>", ["One line wrapped in the source.", "Two."]),
        ("one<br>line<br><br>two", ["one line", "two"]),
        ("one<br> <br/>two<br>\n<br>\n<br>three", ["one", "two", "three"]),
        ("loose <div>inner</div> tail", ["loose", "inner", "tail"]),
        ("<p>a <b>b</b><i>c</i> d</p>", ["a bc d"]),
        ("<ul><li>one</li><li><p>two</p><p>more</p></li></ul>", ["• one", "• two", "more"]),
        ("<ol><li>one<li>two<ul><li>in</ul><li>three</ol>", ["1. one", "2. two", "• in", "3. three"]),
        ("<ol start=4 type=a><li>d<li value=27>aa</ol>", ["d. d", "aa. aa"]),
        ("<ol type=I><li>first<li>second</ol>", ["I. first", "II. second"]),
        ("<table><tr><th>Year</th><td>2021</td><td><p>0.25</p></td></tr></table>", ["Year | 2021 | 0.25"]),
        ("<table><tr><td></td><td>x</td></tr><tr><td>alone</td></tr></table>", ["x", "alone"]),
        ("<table><tr><td>menu</td><td><p>One.</p><p>Two.</p></td></tr></table>", ["menu", "One.", "Two."]),
        ("<table><tr><td>a</td><td><table><tr><td>b</td><td>c</td></tr></table></td></tr></table>", ["a", "b | c"]),
        ("<p>a <del>dispute</del> <ins>crisis</ins> <s></s>b</p>", ["a ~~dispute~~ crisis b"]),
        ("<del><p>one</p><p>two</p></del><p>three</p>", ["~~one~~", "~~two~~", "three"]),
        ('<p>a <span style="text-decoration: line-through">b</span></p>', ["a ~~b~~"]),
        (
            "<p>10<sup>2</sup> km and a note<sup><a href=#n>3</a></sup>, 1<sup>st</sup></p>",
            ["10^2 km and a note[3], 1st"],
        ),
        ("<p>He said <q>no</q>.</p>", ["He said “no”."]),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", ["漢(かん)字"]),
        ("<pre>one\nline\n\ntwo</pre>", ["one line", "two"]),
        ("<h2>Head</h2><blockquote>Quoted.</blockquote><hr>End.", ["Head", "Quoted.", "End."]),
        ("<dl><dt>Term<dd>Meaning</dl>", ["Term", "Meaning"]),
        ("<details><summary>More</summary>Folded.</details>", ["More", "Folded."]),
        ("<h3><button>Section</button></h3><button>Share</button><p>x</p>", ["Section", "x"]),
    ],
)
def test_block_structure_decides_paragraphs(markup: str, expected: list[str]) -> None:
    found = read(f"<body><div id=t>{markup}<p>.</p></div>".encode(), ReadRules(select="#t"), content_type="text/html")
    assert found.text.title in (None, "Head")
    said = [one for one in (found.text.title, *found.text.paragraphs) if one]
    assert said == [*expected, "."]


@pytest.mark.parametrize(
    "markup",
    [
        '<p style="display:none">x</p>',
        '<span style="color:red; VISIBILITY : hidden">x</span>',
        "<p hidden>x</p>",
        "<script>x</script><style>x</style><noscript>x</noscript><template>x</template>",
        "<svg><text>x</text></svg><select><option>x</select><textarea>x</textarea>",
        "<dialog>x</dialog><!-- x -->",
    ],
)
def test_what_is_hidden_is_left_out_and_what_follows_stays(markup: str) -> None:
    assert paragraphs(f"<p>before</p>{markup}after") == ["before", "after"]


def test_what_a_reader_can_open_is_read() -> None:
    assert paragraphs("<div hidden=until-found>a</div><dialog open>b</dialog><p aria-hidden=true>c</p>") == [
        "a",
        "b",
        "c",
    ]


def test_the_selected_element_is_read_even_where_a_script_would_show_it_first() -> None:
    page = b'<body><div id=t style="display:none"><p>Shown later.</p></div>'
    assert read(page, ReadRules(select="#t"), content_type="text/html").text.paragraphs == ("Shown later.",)


def test_source_line_breaks_change_nothing() -> None:
    packed = "<div><p>One two.</p><ul><li>a</li></ul>x <b>y</b></div>"
    loose = packed.replace("<p>", "\n\n  <p>\n").replace(" ", "\n\t").replace("</li>", "\n</li>\r\n")
    assert paragraphs(packed) == paragraphs(loose)
