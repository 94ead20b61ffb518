"""How well pages are read: measured on the corpus of real pages. ``python -m bench reading [CORPUS]``

- F1 of 4-word runs (Chinese: 4 characters) against a hand-made or independent truth, in automatic mode;
- stability: a change of the furniture outside the statement must not alter the text;
- missed edits: a change inside the statement must alter it;
- time: one selected page beside bare parsing by lxml, and a page in automatic mode.
"""

from __future__ import annotations

# ruff: noqa: ARG001, ARG005  (all changes have one form)
import argparse
import copy
import gzip
import hashlib
import json
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lxml.etree
import lxml.html

from monitor.read import ReadRules, read
from monitor.read.blocks import blocks
from monitor.read.canonical import line
from monitor.read.encoding import decode
from monitor.read.html import elements, parse
from monitor.read.html import selected as selected_elements
from monitor.read.plain import parse as parse_plain
from storage.errors import ReadError

if TYPE_CHECKING:
    from storage.records import Text

Element = lxml.etree._Element


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its true text; ``main`` is a selector for the true element, where one is known."""

    group: str
    name: str
    body: bytes
    truth: str
    main: str | None = None


def pages(corpus: Path) -> Iterator[Page]:
    """Every page of the corpus whose true text is known."""
    truth = json.loads((corpus / "gt" / "article-benchmark.json").read_text("utf-8"))
    for file in sorted((corpus / "html" / "article-benchmark").glob("*.html.gz")):
        key = file.name.removesuffix(".html.gz")
        yield Page("general", key[:8], gzip.decompress(file.read_bytes()), truth[key]["articleBody"])
    for folder in sorted((corpus / "html" / "readability").iterdir()):
        expected = lxml.html.fromstring((folder / "expected.html").read_text("utf-8"))
        yield Page("general", folder.name, (folder / "source.html").read_bytes(), _spaced(expected))
    for file in sorted((corpus / "html" / "federalreserve").glob("*.html")):
        statement = corpus / "series" / "fomc-statements" / f"{file.stem}.txt"
        words = parse_plain(statement.read_text("utf-8")).text
        yield Page("statement", f"fed {file.stem}", file.read_bytes(), words, "#article > div:nth-of-type(3)")
    selectors = {"kremlin-en": ".read__content", "fmprc": "#News_Body_Txt_A", "cctv": "#content_area, .cnt_bd"}
    for folder_name, selector in selectors.items():
        for file in sorted((corpus / "html" / folder_name).iterdir()):
            body = file.read_bytes()
            main = ".entry-content" if folder_name == "kremlin-en" else selector
            truth_of = _selected(body, selector, folder_name)
            yield Page("statement", f"{folder_name} {file.stem}", body, truth_of, main)
    for file in sorted((corpus / "series" / "ecb-decisions").glob("*.html")):
        body = file.read_bytes()
        yield Page("statement", f"ecb {file.stem}", body, _selected(body, "main .section, main section", "ecb"))


def wider(folder: Path, corpus: Path) -> Iterator[Page]:
    """Pages that nobody has looked at: checkouts of public repositories in ``folder``, less what the corpus holds.

    ``article-extraction-benchmark`` (scrapinghub), ``readability`` (mozilla), ``central-bank-statements`` (vtasca), and
    the pages of ``kremlin`` (iandennismiller/valdai-transcripts), ``fmprccrawler`` (boan-anbo), ``cctv`` (yuekcc/cctv_news,
    dump_htmls). What is not there is left out. The truth is the benchmark's own, or the true element's by its selector.
    """
    seen = {hashlib.sha256(_unpacked(file)).digest() for file in (corpus / "html").rglob("*.*") if file.is_file()}
    place = folder / "article-extraction-benchmark"
    if place.is_dir():
        truth = json.loads((place / "ground-truth.json").read_text("utf-8"))
        for file in sorted((place / "html").glob("*.html.gz")):
            key = file.name.removesuffix(".html.gz")
            if hashlib.sha256(body := _unpacked(file)).digest() not in seen and truth[key]["articleBody"]:
                yield Page("scrapinghub", key[:8], body, truth[key]["articleBody"])
    for file in sorted((folder / "readability" / "test" / "test-pages").glob("*/source.html")):
        if hashlib.sha256(body := file.read_bytes()).digest() not in seen:
            expected = lxml.html.fromstring((file.parent / "expected.html").read_text("utf-8"))
            yield Page("readability", file.parent.name, body, _spaced(expected))
    for group, (pattern, selector, main) in _WIDER.items():
        for file in sorted(folder.glob(pattern)):
            if hashlib.sha256(body := file.read_bytes()).digest() in seen:
                continue
            try:
                truth_of = _selected(body, selector, group)
            except ReadError:
                continue  # another kind of page: it has no such element
            if len(truth_of) >= LEAST_TRUTH:
                yield Page(group, f"{group} {file.stem[:30]}", body, truth_of, main)


LEAST_TRUTH = 60
"""Characters of a true text: pages with less are a video and its name."""
_FED = "#article > div:nth-of-type(3)"
_WIDER = {
    "fed": ("central-bank-statements/data/fed/statements/*.html", _FED, _FED),
    "ecb": ("central-bank-statements/data/ecb/decisions/*.html", "main .section, main section", None),
    "kremlin-en": ("kremlin/*.html", ".read__content", ".entry-content"),
    "fmprc": ("fmprccrawler/*/*.html", "#News_Body_Txt_A", "#News_Body_Txt_A"),
    "cctv": ("cctv/*.shtml", "#content_area, .cnt_bd", "#content_area, .cnt_bd"),
}
"""Group → where its pages lie, the selector of the true text, and of the element that changes are made around."""


def _unpacked(file: Path) -> bytes:
    body = file.read_bytes()
    return gzip.decompress(body) if file.suffix == ".gz" else body


def _spaced(element: Element) -> str:
    return " ".join(str(part) for part in element.itertext())


def _selected(body: bytes, selector: str, kind: str) -> str:
    remove = {
        "kremlin-en": (
            ".masha-ignore",
            ".read__bottommeta",
            ".read__internal_content aside",
            ".tooltip__text",
            ".read__categ",
            "h1",
            ".read__meta",
        ),
        "ecb": ("h1", ".ecb-publicationDate", ".related-topics", "nav", ".see-also-boxes"),
    }
    root = parse(decode(body)[0], [])
    skip = {element for one in remove.get(kind, ()) for element in elements(one, root)}
    kept = selected_elements(root, ReadRules(select=selector))
    return "\n".join(line(block.words) for element in kept if element not in skip for block in blocks(element, skip))


def runs(text: str, length: int = 4) -> dict[tuple[str, ...], int]:
    """The runs of words of a text, counted."""
    words = re.findall(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+", text.lower())
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for start in range(max(1, len(words) - length + 1)):
        found[tuple(words[start : start + length])] += 1
    return found


def scores(text: str, truth: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of the runs of words."""
    a, b = runs(text), runs(truth)
    same = sum(min(count, b.get(run, 0)) for run, count in a.items())
    precision, recall = same / max(1, sum(a.values())), same / max(1, sum(b.values()))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def automatic(body: bytes) -> tuple[str | None, str | None]:
    """Title and paragraphs in automatic mode, and the printed date; None when nothing was found."""
    try:
        text = read(body, ReadRules()).text
    except ReadError:
        return None, None
    return "\n".join([text.title or "", *text.paragraphs]), text.published


def quality(found: list[Page], verbose: bool) -> None:
    """Print F1 by group."""
    by_group: dict[str, list[tuple[float, float, float, str]]] = defaultdict(list)
    for page in found:
        try:
            reading = read(page.body, ReadRules())
            text = "\n".join(reading.text.paragraphs)
        except ReadError:
            text = ""
        by_group[page.group].append((*scores(text, page.truth), page.name))
    for group, rows in by_group.items():
        precision, recall, f1 = (statistics.mean(row[at] for row in rows) for at in range(3))
        print(f"{group:10} {len(rows):3} pages  F1 {f1:.3f}  P {precision:.3f}  R {recall:.3f}")
        for row in sorted(rows, key=lambda row: row[2])[: 8 if verbose else 0]:
            print(f"    {row[3]:28} P {row[0]:.3f} R {row[1]:.3f} F1 {row[2]:.3f}")


Change = Callable[[Element, Element], None]


def _insert(where: Element, place: int, markup: str) -> None:
    for at, one in enumerate(lxml.html.fragments_fromstring(markup)):
        where.insert(place + at, one)


def _after(main: Element, markup: str) -> None:
    above = main.getparent()
    assert above is not None
    _insert(above, above.index(main) + 1, markup)


def _before(main: Element, markup: str) -> None:
    above = main.getparent()
    assert above is not None
    _insert(above, above.index(main), markup)


_TEASER = (
    "<div class='card'><h3><a href='/{0}'>{1} delegation visits the region</a></h3>"
    "<p>The {1} delegation arrived on Tuesday for talks on trade and culture.</p></div>"
)
_BANNER = (
    "<div class='cc-window'><p>We use cookies to improve your experience on our site and to show you relevant content. "
    "By continuing you agree to their use.</p><button>Accept</button></div>"
)


def _digits(body: Element, main: Element) -> None:
    for one in body.iter():
        if isinstance(one.tag, str) and not _inside(one, main):
            if one.text and one.tag not in ("script", "style"):
                one.text = re.sub(r"\d(?!\d)", lambda found: str((int(found.group()) + 1) % 10), one.text)
            if one is not main and one.tail and one.getparent() is not None and not _inside(one.getparent(), main):
                one.tail = re.sub(r"\d(?!\d)", lambda found: str((int(found.group()) + 1) % 10), one.tail)


def _links(body: Element, main: Element) -> None:
    for place, one in enumerate(body.iter("a")):
        if place % 2 and not _inside(one, main) and one.text and len(one.text) > 20:
            one.text = one.text[:10] + " entirely other news of the day"


def _attributes(body: Element, main: Element) -> None:
    for one in body.iter():
        if isinstance(one.tag, str) and not _inside(one, main):
            one.set("data-token", "4711")


def _mark_true(body: Element, truth: str) -> None:
    """Mark what is of the true text: a lead outside the main element is not changed as furniture, a caption inside it is
    not the statement.
    """
    said = " ".join(truth.split())
    for one in body.iter():
        if isinstance(one.tag, str) and one.text and len(words := " ".join(one.text.split())) >= 20 and words in said:
            one.set("data-true", "")


def _inside(one: Element | None, main: Element) -> bool:
    while one is not None:
        if one is main or one.get("data-true") is not None:
            return True
        one = one.getparent()
    return False


OUTSIDE: dict[str, Change] = {
    "date": lambda body, main: _insert(body, 0, "<div>Tuesday, 14 March 2023</div>"),
    "banner": lambda body, main: _insert(body, len(body), _BANNER),
    "counter before": lambda body, main: _before(main, "<div class='views'>Views: 4,711</div>"),
    "counter after": lambda body, main: _after(main, "<div class='views'>Views: 4,711</div>"),
    "links": lambda body, main: _after(
        main,
        "<ul>" + "".join(f"<li><a href='/{n}'>Another piece of news number {n}</a></li>" for n in range(6)) + "</ul>",
    ),
    "teasers": lambda body, main: _after(
        main, "".join(_TEASER.format(n, name) for n, name in enumerate(("Polish", "Kenyan", "Thai", "Cuban")))
    ),
    "digits": _digits,
    "link texts": _links,
    "attributes": _attributes,
    "empty slot": lambda body, main: _before(main, "<div class='ad-slot'></div>"),
}


def selected(found: list[Page]) -> None:
    """Print the same changes read with a selector: nothing outside may alter the text, nothing inside may be missed."""
    counts = {"outside": [0, 0], "inside": [0, 0]}
    for page in found:
        root = parse(page.body.decode("utf-8", "replace"), [])
        select = page.main or _true_element(root, page.truth)
        mains = elements(select, root) if select else []
        body = root.find("body")
        if len(mains) != 1 or body is None or mains[0] is body or mains[0].tag == "p":
            continue  # a paragraph put into a <p> stands outside of it once the page is read again
        rules = ReadRules(select=select)
        before = _alone(root, rules)
        for what, table in (("outside", OUTSIDE), ("inside", INSIDE)):
            for name, change in table.items():
                changed = copy.deepcopy(root)
                main, inner = elements(select or "", changed)[0], changed.find("body")
                assert inner is not None
                untouched = lxml.etree.tostring(main, with_tail=False)
                change(inner, main)
                if what == "inside" and lxml.etree.tostring(main, with_tail=False) == untouched:
                    continue
                if what == "inside" and not _shows(main, untouched):
                    continue  # what was changed is not shown: a script, or hidden
                mains_now = elements(select or "", changed)
                if mains_now != [main]:
                    continue  # a selector by position that the change itself moved
                counts[what][0] += 1
                known = before.digest
                reading = read(lxml.etree.tostring(changed, encoding="utf-8", method="html"), rules, known=known).text
                # The title may stand outside of what is selected; paragraphs and date may not be touched from there.
                wrong = (
                    (reading.paragraphs, reading.published) != (before.paragraphs, before.published)
                    if what == "outside"
                    else reading.digest == before.digest
                )
                if wrong:
                    counts[what][1] += 1
                    print(f"    {what}: {page.name}: {name}")
    print("with a selector: " + "; ".join(f"{what} {bad} wrong of {all_}" for what, (all_, bad) in counts.items()))


def _alone(root: Element, rules: ReadRules) -> Text:
    return read(lxml.etree.tostring(root, encoding="utf-8", method="html"), rules).text


def _shows(main: Element, before: bytes) -> bool:
    """Whether the words that are shown differ from those before."""
    old = lxml.html.fragment_fromstring(before.decode("utf-8", "replace"))
    return [one.words.split() for one in blocks(old)] != [one.words.split() for one in blocks(main)]


def halves(found: list[Page]) -> tuple[list[Page], list[Page]]:
    """The pages that may be looked at while tuning, and those kept apart: by the hash of their names."""
    apart = [page for page in found if hashlib.sha256(page.name.encode()).digest()[0] % 2]
    return [page for page in found if page not in apart], apart


def encodings(corpus: Path) -> None:
    """Print how many legacy encodings are read right, by header, by ``meta`` and by detection alone."""
    samples = {
        "gb18030 big5hkscs": "两国元首就双边关系和共同关心的国际问题深入交换了意见，一致同意继续保持沟通。",
        "shift_jis euc_jp iso2022_jp": "両首脳は二国間関係および国際情勢について意見を交換し、緊密に連携することで一致した。",
        "euc_kr": "양국 정상은 양자 관계와 국제 정세에 대해 의견을 교환하고 긴밀히 협력하기로 했다.",
        "cp1251 koi8-r": "Президенты обменялись мнениями о двусторонних отношениях и договорились продолжить контакты.",
        "cp1252": "Les présidents ont échangé leurs vues sur la coopération européenne et se sont félicités des progrès.",
        "iso8859-2": "Prezydenci omówili współpracę dwustronną oraz sytuację międzynarodową i uzgodnili dalsze działania.",
        "cp1253": "Οι πρόεδροι αντάλλαξαν απόψεις για τις διμερείς σχέσεις και συμφώνησαν να συνεχίσουν τις επαφές.",
        "cp1256": "تبادل الرئيسان وجهات النظر حول العلاقات الثنائية واتفقا على مواصلة الاتصالات بينهما.",
    }
    rows = {"header": 0, "meta": 0, "detected": 0}
    total = 0
    for names, words in samples.items():
        for codec in names.split():
            said = (
                words
                if codec != "big5hkscs"
                else "兩國元首就雙邊關係和共同關心的國際問題深入交換了意見，一致同意繼續保持溝通。"
            )
            total += 1
            for how in rows:
                meta = f'<meta charset="{codec.replace("_", "-")}">' if how == "meta" else ""
                body = f"<html><head>{meta}</head><body><p>{(said + ' ') * 8}</p></body></html>".encode(codec)
                header = f"text/html; charset={codec.replace('_', '-')}" if how == "header" else None
                got = read(body, ReadRules(select="body"), content_type=header).text
                rows[how] += said in " ".join(got.paragraphs)
    print(f"encodings: {', '.join(f'{how} {good}/{total}' for how, good in rows.items())}")
    for file in sorted((corpus / "encodings").rglob("*")):
        if file.is_file() and file.suffix not in (".json", ".md"):
            words, codec, _ = decode(file.read_bytes())
            print(f"    {file.name:40} {codec:12} {words.count(chr(0xFFFD))} undecodable")


def _words_of(main: Element) -> list[Element]:
    """What can be edited: where the true text is marked, its own words; not a caption or a menu that stands among them."""
    found = [one for one in main.iter() if isinstance(one.tag, str) and one.text and len(one.text.strip()) > 20]
    return [one for one in found if one.get("data-true") is not None] or found


def _edit_word(body: Element, main: Element) -> None:
    if not (found := _words_of(main)):
        return
    one = found[len(found) // 2]
    one.text = (one.text or "")[:-3] + "zzz"


def _edit_last(body: Element, main: Element) -> None:
    _insert(main, len(main), "<p>It was noted.</p>")


def _edit_digit(body: Element, main: Element) -> None:
    if not (found := _words_of(main)):
        return
    one = found[0]
    one.text = (one.text or "") + " 17"


def _edit_item(body: Element, main: Element) -> None:
    _insert(main, len(main) // 2, "<ul><li>extend the agreement</li><li>meet again</li></ul>")


def _edit_table(body: Element, main: Element) -> None:
    _insert(
        main, len(main) // 2, "<table><tr><th>Year</th><td>2021</td></tr><tr><th>Rate</th><td>0.25</td></tr></table>"
    )


def _edit_heading(body: Element, main: Element) -> None:
    _insert(main, len(main) // 2, "<h3>On security</h3>")


def _edit_quote(body: Element, main: Element) -> None:
    _insert(main, len(main) // 2, "<blockquote>We shall see.</blockquote>")


INSIDE: dict[str, Change] = {
    "word": _edit_word,
    "short last paragraph": _edit_last,
    "figure": _edit_digit,
    "list": _edit_item,
    "table": _edit_table,
    "heading": _edit_heading,
    "quotation": _edit_quote,
}


def changes(found: list[Page], table: dict[str, Change], what: str, wanted: bool, verbose: bool) -> None:
    """Print in how many pages each change did (``wanted`` False: wrongly) or did not (True) alter the text."""
    wrong: dict[str, list[str]] = {name: [] for name in table}
    counted = redates = 0
    for page in found:
        try:
            reading = read(page.body, ReadRules())
        except ReadError:
            continue
        root = parse(page.body.decode(reading.encoding or "utf-8", "replace"), [])
        select = page.main or _true_element(root, page.truth)
        mains = elements(select, root) if select else []
        if len(mains) != 1:
            continue
        counted += 1
        before, dated = automatic(lxml.etree.tostring(root, encoding="utf-8", method="html"))
        for name, change in table.items():
            changed = copy.deepcopy(root)
            body, main = changed.find("body"), elements(select or "", changed)[0]
            if body is None or main is body:
                continue
            _mark_true(body, page.truth)
            change(body, main)
            after, redated = automatic(lxml.etree.tostring(changed, encoding="utf-8", method="html"))
            if name == "digits" and before and after:
                # Other figures in a title, a printed date or a lead are another title, date or lead: rightly told.
                shown, reshown = _below_head(before, page.truth), _below_head(after, page.truth)
                redates += (dated, before) != (redated, after) and shown == reshown
            else:
                shown, reshown = before, after
            if (shown != reshown) is not wanted:
                wrong[name].append(page.name)
    total = sum(map(len, wrong.values()))
    print(f"{what}: {counted} pages, {100 * total / max(1, counted * len(table)):.1f} % wrong")
    if redates:
        print(
            f"    (in {redates} pages the changed figures were those of the title, the printed date or a lead: right)"
        )
    for name, names in wrong.items():
        print(f"    {name:22} {len(names):3}  {', '.join(names[: 6 if verbose else 0])}")


def _below_head(text: str, truth: str) -> list[str]:
    """The lines of a text from the first one on that stands in the true text."""
    said, lines = " ".join(truth.split()), text.split("\n")
    return lines[next((at for at, one in enumerate(lines) if at and one in said), 0) :]


def _true_element(root: Element, truth: str) -> str | None:
    """The smallest element that holds nine tenths of the true runs of words."""
    from monitor.read.automatic import selector_of

    wanted = runs(truth)
    body = root.find("body")
    best = None
    for one in root.iter() if body is None else body.iter():
        if isinstance(one.tag, str) and one.tag not in ("script", "style"):
            held = runs(_spaced(one)) if len(_spaced(one)) >= 0.8 * len(truth) else {}
            if held and sum(min(n, held.get(run, 0)) for run, n in wanted.items()) >= 0.85 * sum(wanted.values()):
                best = one
    return None if best is None else selector_of(root, best)


def short(found: list[Page]) -> None:
    """Print what is left of statements cut to so many words: lost is a recall below a half."""
    for limit in (12, 20, 40, 80, 120):
        rows = []
        for page in found:
            root = parse(page.body.decode("utf-8", "replace"), [])
            select = page.main or _true_element(root, page.truth)
            mains = elements(select, root) if select else []
            if len(mains) != 1:
                continue
            words = re.sub(r"(?<=[\u3400-\u9fff])", " ", " ".join(_spaced(mains[0]).split())).split()[:limit]
            said = re.sub(r"(?<=[\u3400-\u9fff]) ", "", " ".join(words)) + "."
            for below in list(mains[0]):
                mains[0].remove(below)
            mains[0].text = None
            lxml.etree.SubElement(mains[0], "p").text = said
            try:
                text = "\n".join(
                    read(lxml.etree.tostring(root, encoding="utf-8", method="html"), ReadRules()).text.paragraphs
                )
            except ReadError:
                text = ""
            rows.append((scores(text, said), page.name))
        lost = [name for score, name in rows if score[1] < 0.5]
        precision = statistics.mean(score[0] for score, _ in rows)
        print(
            f"short, {limit:3} words: lost {100 * len(lost) / len(rows):3.0f} %, P {precision:.2f}  {', '.join(lost[:5])}"
        )


def timing(corpus: Path) -> None:
    """Print the time of a selected page of 45 KB beside bare parsing, and of automatic mode."""
    body = (corpus / "html" / "kremlin-en" / "54860.html").read_bytes()
    body = body.replace(
        b"</article>", b"</article>" + b"<div class='more'>" + b"<p>More of it.</p>" * 500 + b"</div>", 1
    )
    rules = ReadRules(select=".read__content")

    def bare() -> None:
        root = lxml.html.document_fromstring(body)
        root.cssselect(".read__content")[0].text_content()

    for name, call in (
        ("bare lxml: parse, select, text_content", bare),
        ("read with a selector", lambda: read(body, rules)),
        ("read, automatic", lambda: read(body, ReadRules())),
    ):
        best = min(_timed(call) for _ in range(100 if "auto" not in name else 15))
        print(f"{name:40} {1000 * best:7.2f} ms  ({len(body) / 1000:.0f} KB)")


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main(arguments: Sequence[str]) -> None:
    """Run all of it: ``[CORPUS] [--wider FOLDER] [-v: name the pages] [-q: main text only]``."""
    options = argparse.ArgumentParser(prog="python -m bench reading", description=__doc__)
    options.add_argument("corpus", type=Path, nargs="?", default=Path("../shared/corpus"))
    options.add_argument(
        "--wider", type=Path, metavar="FOLDER", help="checkouts with pages nobody has looked at (alone)"
    )
    options.add_argument("--only", metavar="GROUP", help="of these pages one group")
    options.add_argument("--of", type=int, default=1, help="of these pages one in so many, by the hash of their names")
    options.add_argument("-v", "--verbose", action="store_true", help="name the pages")
    options.add_argument("-q", "--quick", action="store_true", help="main text only")
    given = options.parse_args(arguments)
    corpus, verbose = given.corpus, given.verbose
    if given.wider is not None:
        more = [page for page in wider(given.wider, corpus) if page.group == (given.only or page.group)]
        more = [page for page in more if hashlib.sha256(page.name.encode()).digest()[1] % given.of == 0]
        quality(more, verbose)
        for group in () if given.quick else dict.fromkeys(page.group for page in more):
            part = [page for page in more if page.group == group]
            changes(part, OUTSIDE, f"{group}, outside", False, verbose)
            changes(part, INSIDE, f"{group}, inside", True, verbose)
            selected(part)
        return
    found = list(pages(corpus))
    tuned, apart = halves(found)
    print("pages kept apart from tuning:")
    quality(apart, verbose)
    print("pages looked at while tuning:")
    quality(tuned, verbose)
    if given.quick:
        return
    for group in ("statement", "general"):
        part = [page for page in found if page.group == group and ".print" not in page.name]
        changes(part, OUTSIDE, f"{group}, outside", False, verbose)
        changes(part, INSIDE, f"{group}, inside", True, verbose)
    selected([page for page in found if ".print" not in page.name])
    encodings(corpus)
    short(found)
    timing(corpus)
