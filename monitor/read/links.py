"""The links of a page that lead to more of the same: its continuation, its print view. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import lxml.etree

from monitor.read.encoding import decode
from monitor.read.html import parse
from monitor.read.listing import one_site, whole_address
from monitor.read.selecting import elements, xpath
from storage.errors import ConfigError, ReadError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

AUTO: Final = "auto"
_PRINT: Final = re.compile(
    r"(?:printer[- ]friendly|print(?: (?:view|version|this page|page))?|print-friendly|druckversion|druckansicht|drucken"
    r"|imprimer|version imprimable|imprimir|stampa|версия для печати|打印(?:本页|版)?|印刷用)\W*",
    re.IGNORECASE,
)


def next_link(body: bytes, selector: str, *, content_type: str | None, url: str) -> str | None:
    """The address that the first link chosen by ``selector`` (CSS or ``xpath:…``) leads to; None where there is none."""
    try:
        root = parse(decode(body, content_type=content_type)[0], [])
    except ReadError:
        return None
    return link_of(root, selector, base_of(root, url))


def print_link(body: bytes, rule: str, *, content_type: str | None, url: str) -> str | None:
    """The address of a page's print view; None where it has none.

    ``rule`` is a CSS selector (or ``xpath:…``), or ``auto``: ``<link rel=alternate media=print>``, else a link on the
    same site whose whole words, title or class say it is for printing.
    """
    try:
        root = parse(decode(body, content_type=content_type)[0], [])
    except ReadError:
        return None
    base = base_of(root, url)
    if rule != AUTO:
        return _other(link_of(root, rule, base), url)
    for one in root.iter("link"):
        if "alternate" in one.get("rel", "").lower().split() and "print" in one.get("media", "").lower():
            return _other(whole_address(one.get("href", ""), base), url)
    for one in root.iter("a"):
        said = (" ".join("".join(str(piece) for piece in one.itertext()).split()), one.get("title", ""))
        if any(_PRINT.fullmatch(words.strip()) for words in said if words.strip()):
            found = _other(whole_address(one.get("href", ""), base), url)
            if found is not None and one_site(found, url):
                return found
    return None


def _other(found: str | None, url: str) -> str | None:
    return found if found != url else None


def base_of(root: Element, url: str) -> str:
    """What relative links of a page start from: its ``<base href>``, else its own address."""
    for one in root.iter("base"):
        if href := one.get("href"):
            return whole_address(href, url) or url
    return url


def link_of(root: Element, selector: str, base: str) -> str | None:
    """The whole address of the first link that ``selector`` chooses: its ``href``, that of a link in it, or the words."""
    if selector.startswith("xpath:"):
        try:
            found = xpath(selector[6:])(root)
        except lxml.etree.XPathError:
            return None
        chosen: list[object] = list(found) if isinstance(found, list) else [found]
    else:
        chosen = list(elements(selector, root))
    for one in chosen:
        if isinstance(one, str):
            href = one
        elif isinstance(one, lxml.etree._Element):
            href = one.get("href") or next((below.get("href", "") for below in one.iter("a", "link")), "")
        else:
            continue
        if href.strip() and (url := whole_address(href, base)):
            return url
    return None


def check_link(key: str, selector: str) -> None:
    """Raise ``ConfigError`` (``KEY: what``) when a selector of a link cannot be understood."""
    try:
        if selector.startswith("xpath:"):
            xpath(selector[6:])
        else:
            elements(selector, lxml.etree.Element("html"))
    except (lxml.etree.XPathError, ValueError, SyntaxError) as error:
        hint = "For example: 'a.next', or 'xpath://a[@rel=\"next\"]'"
        raise ConfigError(f"{key}: not a selector: {selector!r} ({error})", hint=hint) from None
