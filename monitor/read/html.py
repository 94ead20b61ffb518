"""HTML pages: the selected statement, or the main text found automatically, as canonical text. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import lxml.etree
import lxml.html
from cssselect import HTMLTranslator, SelectorError

from monitor.read.blocks import Block, blocks
from monitor.read.canonical import canonical, line
from monitor.read.dates import moment, printed_date
from monitor.read.encoding import decode
from monitor.read.filters import filtered
from storage.errors import ConfigError, ReadError

if TYPE_CHECKING:
    from monitor.read import Reading, ReadRules

HEADINGS: Final = frozenset({"h1", "h2", "h3"})
_XML_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")
_SITE_NAME: Final = re.compile(r"\s+[-–—|·»_]\s+[^-–—|·»_]{2,60}$")


def read(body: bytes, rules: ReadRules, content_type: str | None) -> Reading:
    """Read a page. Raises ``ReadError``: the selector matches nothing, there is no text, or it is not HTML."""
    from monitor.read import Reading

    words, encoding, notes = decode(body, content_type=content_type, wanted=rules.encoding)
    root = _tree(words)
    skip = {element for selector in rules.remove for element in _css(selector)(root)}
    if rules.select or rules.xpath:
        found = selected(root, rules)
        kept = [block for element in found for block in blocks(element, skip)]
        select = rules.select
    else:
        from monitor.read.automatic import main_blocks

        found, kept, select = main_blocks(root, words, skip)
    removed: Counter[str] = Counter()
    title, published, rest = _headed(root, found, kept)
    text = filtered(canonical(title, published, [block.words for block in rest], removed), rules)
    if not text.paragraphs and not text.title:
        raise ReadError("the page holds no text where the statement should be", hint=_where(rules))
    return Reading(text, moment(text.published), encoding, select, rules.fingerprint, notes, dict(+removed))


def selected(root: Any, rules: ReadRules) -> list[Any]:
    """The elements that the rules select, in document order, none inside another. ``ReadError`` when there are none."""
    found = _css(rules.select)(root) if rules.select else _xpath(rules.xpath or "")(root)
    elements = [one for one in found if isinstance(one, lxml.etree._Element)] if isinstance(found, list) else []
    if not elements:
        named = rules.select or rules.xpath
        raise ReadError(
            f"the selector {named!r} matches nothing on the page",
            hint="`variorum read URL` without a selector shows what can be found.",
        )
    chosen = set(elements)
    return [one for one in elements if not any(above in chosen for above in one.iterancestors())]


def check_rules(rules: ReadRules) -> None:
    """Raise ``ConfigError`` (``KEY: what``) when a selector of the rules cannot be understood."""
    for key, selector in (("select", rules.select), *(("remove", one) for one in rules.remove)):
        if selector is None:
            continue
        try:
            _css(selector)
        except (SelectorError, lxml.etree.XPathError) as error:
            raise ConfigError(f"{key}: not a CSS selector: {selector!r} ({error})", hint="An example: '#article'") from None
    if rules.xpath is not None:
        try:
            _xpath(rules.xpath)
        except lxml.etree.XPathError as error:
            raise ConfigError(f"xpath: not an XPath: {rules.xpath!r} ({error})", hint="An example: //article") from None


@lru_cache(maxsize=4096)
def _css(selector: str) -> lxml.etree.XPath:
    return lxml.etree.XPath(HTMLTranslator().css_to_xpath(selector))


@lru_cache(maxsize=4096)
def _xpath(expression: str) -> lxml.etree.XPath:
    return lxml.etree.XPath(expression)


def _tree(words: str) -> Any:
    """The element tree. The parser is bounded and reaches no network, no files and no entities."""
    words = _XML_DECLARATION.sub("", words, count=1).replace("\x00", "")
    parser = lxml.html.HTMLParser(no_network=True, huge_tree=False, encoding="utf-8")
    try:
        root = lxml.html.document_fromstring(words.encode("utf-8", "replace"), parser=parser, ensure_head_body=False)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError, ValueError, AssertionError):
        raise ReadError("the page is empty or not HTML") from None
    return root


def _headed(root: Any, found: Sequence[Any], kept: list[Block]) -> tuple[str | None, str | None, list[Block]]:
    """Title and printed date, taken out of the paragraphs when they stand at their top."""
    rest = list(kept)
    title: str | None = None
    for place, block in enumerate(rest[:4]):
        if _heading(block.element) in ("h1", "h2"):
            title = line(block.words)
            del rest[place]
            break
    title = title or _page_title(root, found)
    if title and rest and line(rest[0].words) == title:
        del rest[0]
    for place, block in enumerate(rest[:4]):
        if printed_date(line(block.words)):
            del rest[place]
            return title, line(block.words), rest
    return title, None, rest


def _heading(element: Any) -> str | None:
    return element.tag if element.tag in HEADINGS else None


def _page_title(root: Any, found: Sequence[Any]) -> str | None:
    """The page's own title: its only ``h1``, else ``og:title``, else ``<title>`` without the name of the site."""
    headings = [one for one in root.iter("h1") if line(one.text_content())]
    if len(headings) == 1 and not any(one in element.iter("h1") for element in found for one in headings):
        return line(headings[0].text_content())
    for meta in root.iter("meta"):
        if meta.get("property") == "og:title" and line(meta.get("content") or ""):
            return line(meta.get("content"))
    for one in root.iter("title"):
        whole = line(one.text_content())
        return _SITE_NAME.sub("", whole) or whole or None
    return None


def _where(rules: ReadRules) -> str:
    if rules.select or rules.xpath:
        return "Look at the selector, or leave it out to have the main text found."
    return "Name the statement with a selector: `select: \"#article\"`."
