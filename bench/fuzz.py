"""Coverage-guided fuzzing of the readers with atheris, where it is installed. ``python -m bench fuzz [options of libFuzzer]``

Whatever the bytes, a reader gives a reading in canonical form or its own ``ReadError``; with a known text, the shortcut gives
the text of the whole reading; a listing gives whole web addresses. The quick and slow suites hold the same with
hypothesis (``tests/core/read``); this goes on as long as it is let. Seeds, a dictionary of mark-up and what was found on the
way are kept below ``bench/results/fuzz`` (ignored), so that the next run goes on from there:

    pip install atheris && python -m bench fuzz -max_total_time=600 -rss_limit_mb=2048 -timeout=10

It ends with status 0, or at the first fault with its traceback and a file ``crash-…`` or ``timeout-…``, which
``python -m bench fuzz FILE`` runs again.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.read import KINDS, ReadRules, read
from monitor.read.canonical import canonical
from monitor.read.encoding import guess
from monitor.read.links import next_link, print_link
from monitor.read.listing import KINDS as LISTING_KINDS
from monitor.read.listing import ListRules, listed
from monitor.read.propose import proposals
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PLACE: Final = Path(__file__).parent / "results" / "fuzz"
RULES: Final = (
    ReadRules(),
    ReadRules(select="#a"),
    ReadRules(select=".a > p", remove=(".b",)),
    ReadRules(xpath="//p"),
    ReadRules(kind="plain"),
    ReadRules(kind="pdf"),
    ReadRules(select="#a", start_after="one", end_before="two", delete_lines_matching=("x+",)),
    ReadRules(kind="html"),
)
LISTINGS: Final = (
    ListRules("feed"),
    ListRules("sitemap", most_bytes=200_000),
    ListRules("index", "a"),
    ListRules("index", "re:/", next="a.next"),
)
LABELS: Final = (
    *(None, "utf-8", "gbk", "big5", "shift_jis", "iso-2022-jp", "euc-kr", "koi8-r", "windows-1251", "iso-8859-1"),
    *("utf-16", "x-unknown"),
)
"""Encodings that the header claims: each of them a lie for most bytes."""


def look(data: bytes) -> None:
    """One case: the first byte chooses the rules, the second the claimed encoding, the rest is the body."""
    if len(data) < 2:
        return
    chosen = data[0] % (len(RULES) + len(LISTINGS))
    label = LABELS[data[1] % len(LABELS)]
    kind = "text/plain" if data[1] & 0x80 else "text/html"
    content_type = None if label is None else f"{kind}; charset={label}"
    body = data[2:]
    if chosen >= len(RULES):
        _look_at_listing(body, LISTINGS[chosen - len(RULES)], content_type)
        return
    guess(body)
    rules = RULES[chosen]
    try:
        reading = read(body, rules, content_type=content_type)
    except ReadError:
        return
    text = reading.text
    assert text.paragraphs
    assert canonical(text.title, text.published, text.paragraphs) == text
    text.text.encode("utf-8")
    again = read(body, rules, content_type=content_type, known=text.digest)
    assert again.text == text
    if rules == RULES[0] and data[1] & 0x40:
        proposals(body, rules, reading, content_type=content_type)


def _look_at_listing(body: bytes, rules: ListRules, content_type: str | None) -> None:
    url = "https://www.example.org/news/"
    try:
        found = listed(body, rules, content_type=content_type, url=url)
    except ReadError:
        found = None
    for item in found.items if found is not None else ():
        assert item.url.startswith(("http://", "https://"))
        f"{item.url} {item.title} {item.stamp}".encode()
    next_link(body, ".next", content_type=content_type, url=url)
    print_link(body, "auto", content_type=content_type, url=url)


_PAGE = (
    "<!DOCTYPE html><html lang=en><head><meta charset={label}><title>On talks | Ministry</title>"
    '<meta property="article:published_time" content="2022-02-25T10:00:00+08:00"><link rel=alternate media=print href=/p>'
    "</head><body><nav><ul><li><a href=/1>One</a><li><a href=/2>Two</a></ul></nav><main><article id=a class='a text'>"
    "<h1>On talks</h1><p class=date>25 February 2022</p><p>{words} <del>old</del> <ins>new</ins><sup>1</sup></p>"
    "<p class=b hidden>not shown</p><ol start=3><li>one<li>two</ol><table><tr><th>a<td>b</table>"
    "<blockquote>said <q>so</q></blockquote><pre>x\n\ny</pre><a class=next rel=next href='?page=2'>next</a>"
    "</article></main><footer>&copy; 2022</footer><script>var x='</p>';</script></body></html>"
)
_FEEDS = (
    (
        b'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><item><title>One</title>'
        b"<link>https://www.example.org/1</link><pubDate>Fri, 25 Feb 2022 10:00:00 GMT</pubDate></item></channel></rss>"
    ),
    (
        b'<feed xmlns="http://www.w3.org/2005/Atom"><title>n</title><entry><title type="html">&lt;b&gt;x&lt;/b&gt;</title>'
        b'<link href="/2"/><updated>2022-02-25T10:00:00Z</updated></entry></feed>'
    ),
    (
        b'{"version":"https://jsonfeed.org/version/1.1","title":"n","items":[{"id":"1","url":"/3","title":"t",'
        b'"date_published":"2022-02-25T10:00:00Z"}]}'
    ),
)
_SITEMAPS = (
    (
        b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://www.example.org/4</loc>'
        b"<lastmod>2022-02</lastmod></url></urlset>"
    ),
    (
        b"<sitemapindex><sitemap><loc>https://www.example.org/s.xml.gz</loc><lastmod>2022-02-25</lastmod></sitemap>"
        b"</sitemapindex>"
    ),
)
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj "
    b"4 0 obj<</Length 44>>stream\nBT /F1 24 Tf 72 720 Td (Talks were held.) Tj ET\nendstream endobj "
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
    b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"
)
_WORDS = {
    "utf-8": "The two sides agreed to continue their talks and to meet again in spring.",
    "gbk": "两国元首就双边关系交换了意见。",
    "big5": "兩國元首就雙邊關係交換了意見。",
    "shift_jis": "両首脳は意見を交換した。",
    "iso-2022-jp": "両首脳は意見を交換した。",
    "euc-kr": "양국 정상은 의견을 교환했다.",
    "koi8-r": "Президенты обменялись мнениями.",
    "windows-1251": "Президенты обменялись мнениями.",
    "iso-8859-1": "Les présidents se sont félicités des progrès.",
    "utf-16": "Talks.",
}
_DICTIONARY = (
    *("<p>", "</p>", "<div class=a>", "<div id=a>", "</div>", "<article>", "<table>", "<tr>", "<td>", "<td colspan=9>"),
    *("<ol start=9 type=i>", "<li value=-1>", "<br>", "<br><br>", "<pre>", "<sup>", "<a href=#n>", "<del>", "<q>"),
    *("<ruby>", "<rt>", "<h1>", "<h2>", "<title>", "<meta charset=", "<!--", "-->", "<![CDATA[", "]]>", "<script>"),
    *("</script>", "<style>", "<svg>", "<template>", "<noscript>", "<textarea>", "<select>", "<plaintext>", "<time>"),
    *("style=display:none", "style=text-decoration:line-through", " hidden", " id=a", " class='a b'", "&nbsp;", "&#0;"),
    *("&#xD800;", "&#x200d;", "<iframe>", "<details>", "<summary>", "<dl>", "<dt>", "<dd>", "<dialog open>"),
    *("25 February 2022", "2022-02-30", "2022\u5e742\u670825\u65e5", "9999-99-99T99:99:99", "<item>", "<entry>"),
    *(
        "<link>",
        "<pubDate>",
        "<updated>",
        "<url>",
        "<loc>",
        "<lastmod>",
        "<sitemap>",
        "<?xml encoding=",
        "<!DOCTYPE x [",
    ),
    *("<!ENTITY a 'b'>", "&a;", '{"items":[', '"url":', '"date_published":', "\\u0000", "\\ud800"),
    *("%PDF-1.7", " 0 obj", "endobj", "stream\n", "endstream", "/FlateDecode", "/LZWDecode", "/ASCII85Decode"),
    *("/Filter", "/Length", "/Kids[1 0 R]", "/Contents", "/ToUnicode", "/Encoding", "/Parent", "xref", "trailer", "Tj"),
    *("TJ", "Tf", "Do", "BT", "ET", "cm", "q ", "Q "),
)


def _seeds() -> Iterator[bytes]:
    """One case of each kind, in the form that :func:`look` takes."""
    for place in range(len(RULES)):
        for at, label in enumerate(LABELS):
            if label in _WORDS:
                page = _PAGE.format(label=label, words=_WORDS[label]).encode(label)
                yield bytes((place, at)) + page
    for at, body in [(0, one) for one in _FEEDS] + [(1, one) for one in _SITEMAPS]:
        yield bytes((len(RULES) + at, 0)) + body
    yield bytes((RULES.index(ReadRules(kind="pdf")), 0)) + _PDF
    yield b"\x04\x80# Talks\n\n25 February 2022\n\n1. one\n2. two\n\n> said\n\n| a | b |\n"


def _prepared() -> list[str]:
    """Write seeds and dictionary; returns the arguments that name them."""
    seeds, grown, dictionary = PLACE / "seeds", PLACE / "grown", PLACE / "words.dict"
    for folder in (seeds, grown):
        folder.mkdir(parents=True, exist_ok=True)
    for body in _seeds():
        (seeds / hashlib.sha256(body).hexdigest()[:16]).write_bytes(body)
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"' for word in _DICTIONARY]
    dictionary.write_text("\n".join(lines) + "\n")
    return [f"-dict={dictionary}", f"-artifact_prefix={PLACE}/", str(grown), str(seeds)]


def main(arguments: Sequence[str]) -> int:
    """Fuzz until told to stop, or run the cases in the files that are named; without atheris a line that says so."""
    files = [one for one in arguments if not one.startswith("-")]
    if files:
        for file in files:
            look(Path(file).read_bytes())
        return 0
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 0
    from monitor.quiet import hush

    hush()
    for name in (*(f"monitor.read.{kind}" for kind in (*KINDS, *LISTING_KINDS, "automatic")), "trafilatura"):
        import_module(name)  # what is loaded later has no eyes
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], "-max_len=4096", *arguments, *_prepared()], look)
    atheris.Fuzz()
    return 0
