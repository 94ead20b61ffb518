"""HTML pages: the selected statement, or the main text found automatically, as canonical text. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import lxml.etree
from cssselect import SelectorError

from monitor.read.blocks import blocks
from monitor.read.canonical import canonical
from monitor.read.dates import moment
from monitor.read.encoding import codec_of, decode
from monitor.read.excerpt import can_excerpt, excerpt
from monitor.read.filters import check_filters, filtered
from monitor.read.heading import headed, page_facts
from monitor.read.selecting import css, elements, elements_of, xpath
from storage.errors import ConfigError, ReadError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from monitor.read import Reading, ReadRules

_XML_DECLARATION: Final = re.compile(r"\s*<\?xml[^>]*\?>")
DEEPEST: Final = 2048
"""The parser follows elements to this depth and loses what lies deeper."""
_WRAPPERS: Final = re.compile(
    r"</?(?!(?:html|head|body|title|script|style|p|br|pre)\b)"
    r"(?:(div|section|article|main|center|blockquote|ul|ol|li|dl|dd|table|tbody|tr|td|form|fieldset)|[a-z][a-z0-9-]*)"
    r"\b[^<>]*>",
    re.IGNORECASE,
)


def read(body: bytes, rules: ReadRules, content_type: str | None, known: str | None = None) -> Reading:
    """Read a page. Raises ``ReadError``: the selector matches nothing, there is no text, or it is not HTML.

    ``known`` is the digest of the text that is expected: with a simple selector the statement alone is read first, and
    the whole page only when its text is another.
    """
    words, encoding, noted = decode(body, content_type=content_type, wanted=rules.encoding)
    if known is not None and (same := _known_again(words, rules, encoding, noted, known)) is not None:
        return same
    notes = list(noted)
    return _reading(parse(words, notes), words, rules, encoding, notes)


def _known_again(words: str, rules: ReadRules, encoding: str, noted: tuple[str, ...], known: str) -> Reading | None:
    """The reading of the statement's own source, when that gives the known text; None: read the page."""
    if rules.select is None or not can_excerpt(rules.select, rules.remove):
        return None
    part = excerpt(words.encode("utf-8", "replace"), rules.select)
    if part is None or b"\x00" in part:
        return None
    root, whole = _tree(part)
    if root is None or not whole:
        return None
    try:
        reading = _reading(root, words, rules, encoding, list(noted))
    except ReadError:
        return None
    return reading if reading.text.digest == known else None


def _reading(root: Element, words: str, rules: ReadRules, encoding: str, notes: list[str]) -> Reading:
    from monitor.read import Reading
    from monitor.read.hints import hints_in

    skip = {element for selector in rules.remove for element in elements(selector, root)}
    facts = page_facts(root)
    if rules.select or rules.xpath:
        kept = [block for element in selected(root, rules) if element not in skip for block in blocks(element, skip)]
        select = rules.select
        title, published, paragraphs = headed(kept, facts)
    else:
        from monitor.read.automatic import main_text

        main = main_text(root, words, skip, facts)
        title, published, paragraphs, select = main.title, main.published, main.paragraphs, main.select
    removed: Counter[str] = Counter()
    text = filtered(canonical(title, published, paragraphs, removed), rules)
    if not text.paragraphs:
        raise ReadError(
            "there is no text where the statement should be"
            if rules.select or rules.xpath
            else "the page holds no text",
            hint="Look at the page and at the selector; `variorum read URL` shows what is read.",
        )
    return Reading(
        text,
        moment(text.published) or facts.published_at,
        encoding,
        select,
        rules.fingerprint,
        tuple(notes),
        dict(+removed),
        hints_in(words, text),
    )


def parse(words: str, notes: list[str]) -> Element:
    """The root of the element tree. The parser reaches no network, no files and no entities; it never sees raw bytes.

    Raises ``ReadError`` when there is nothing to parse.
    """
    # Surrogates cannot be encoded, a NUL would end the page for some parsers, and an XML declaration would be believed.
    if declaration := _XML_DECLARATION.match(words):
        words = words[declaration.end() :]
    words = words.replace("\x00", "\ufffd")
    root, whole = _tree(words.encode("utf-8", "replace"))
    if root is not None and not whole:
        notes.append(f"nested deeper than {DEEPEST} elements: read without its wrappers and inline marks")
        root, _ = _tree(_WRAPPERS.sub(_flat, words).encode("utf-8", "replace"))
    if root is None:
        raise ReadError("the page is empty or not HTML", hint="Is the address right? See what it answers in a browser.")
    return root


def _tree(page: bytes) -> tuple[Element | None, bool]:
    """The root, and whether the parser followed all elements to their depth."""
    parser = lxml.etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        root = lxml.etree.fromstring(page, parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError, AssertionError):
        return None, True
    limited = page.count(b"<") >= DEEPEST and any(one.type_name == "ERR_RESOURCE_LIMIT" for one in parser.error_log)
    return root, not limited


def _flat(tag: re.Match[str]) -> str:
    """Nothing for an inline mark; for a wrapper a paragraph, which the next one closes."""
    return "<p>" if tag.group(1) else ""


def selected(root: Element, rules: ReadRules) -> list[Element]:
    """The elements that the rules select, in document order, none inside another.

    Raises ``ReadError`` when there are none.
    """
    named = rules.select or rules.xpath or ""
    try:
        found = elements(named, root) if rules.select else elements_of(xpath(named)(root))
    except lxml.etree.XPathError as error:
        raise ReadError(f"the selector {named!r} cannot be evaluated: {error}") from None
    if not found:
        raise ReadError(
            f"the selector {named!r} matches nothing on the page",
            hint="The page may have changed its layout; `variorum read URL` without a selector shows what can be found.",
        )
    if len(found) == 1:
        return found
    kept: list[Element] = []
    below: set[Element] = set()
    for one in found:
        if one not in below:
            kept.append(one)
            below.update(one.iter())
    return kept


def check_rules(rules: ReadRules) -> None:
    """Raise ``ConfigError`` (``KEY: what``) when a selector, expression or encoding of the rules cannot be understood."""
    for key, selector in (("select", rules.select), *(("remove", one) for one in rules.remove)):
        try:
            _ = selector is None or css(selector)(lxml.etree.Element("html"))
        except (SelectorError, lxml.etree.XPathError) as error:
            raise ConfigError(
                f"{key}: not a CSS selector: {selector!r} ({error})", hint="For example: '#article', 'div.news > p'"
            ) from None
    if rules.xpath is not None:
        try:
            found = xpath(rules.xpath)(lxml.etree.Element("html"))
        except lxml.etree.XPathError as error:
            raise ConfigError(
                f"xpath: not an XPath: {rules.xpath!r} ({error})", hint="For example: //article"
            ) from None
        if not isinstance(found, list):
            raise ConfigError(
                f"xpath: {rules.xpath!r} gives a {type(found).__name__}, not elements", hint="For example: //article"
            )
    if rules.encoding is not None and codec_of(rules.encoding) is None:
        raise ConfigError(
            f"encoding: unknown encoding {rules.encoding!r}", hint="For example: utf-8, gbk, windows-1251, shift_jis"
        )
    check_filters(rules)
