"""CSS and XPath over a page, in time that grows with the page and no faster. Pure.

``cssselect`` writes ``:first-child`` as a count of all siblings before, for each sibling: 60,000 paragraphs in a row, 480 KB
of a page, took minutes. Fixed places and ``a + b`` are written here so that the search ends at the place. What still
compares every element with many others (``a ~ b``, ``:nth-child(2n+1)``, a long chain of descendants, ``//`` inside a
condition) is refused on pages where that would take long.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import lxml.etree
from cssselect import HTMLTranslator
from cssselect.parser import parse_series

from storage.errors import ReadError

if TYPE_CHECKING:
    from cssselect.parser import Function
    from cssselect.xpath import XPathExpr
    from lxml.etree import _Element as Element

MOST_COMPARISONS: Final = 100_000_000
"""About a second's worth."""
_FIXED: Final = re.compile(r"(?:following|preceding)-sibling::[^\[\]()/]+\[\d+\](?!/)")
_BESIDE: Final = re.compile(r"(?:following|preceding)-sibling::")
_BELOW: Final = re.compile(r"descendant|//")
_ANYWHERE: Final = re.compile(r"\[[^\]]*(?://|following::|preceding::)")
DESCENDANTS: Final = 3
"""From so many descendant steps on, deep nesting is counted."""


class _Translator(HTMLTranslator):
    """cssselect's, with places that are found by walking to them."""

    def xpath_nth_child_function(
        self, xpath: XPathExpr, function: Function, last: bool = False, add_name_test: bool = True
    ) -> XPathExpr:
        try:
            step, place = parse_series(function.arguments)
        except ValueError:
            step, place = 1, 0
        if step == 0 and place >= 1:
            return _at(xpath, place, last=last, kind="*" if add_name_test else str(xpath.element))
        return super().xpath_nth_child_function(xpath, function, last=last, add_name_test=add_name_test)

    def xpath_first_child_pseudo(self, xpath: XPathExpr) -> XPathExpr:
        return _at(xpath, 1, last=False, kind="*")

    def xpath_last_child_pseudo(self, xpath: XPathExpr) -> XPathExpr:
        return _at(xpath, 1, last=True, kind="*")

    def xpath_only_child_pseudo(self, xpath: XPathExpr) -> XPathExpr:
        return _at(_at(xpath, 1, last=False, kind="*"), 1, last=True, kind="*")

    def xpath_first_of_type_pseudo(self, xpath: XPathExpr) -> XPathExpr:
        if xpath.element == "*":
            return super().xpath_first_of_type_pseudo(xpath)  # it says what is wrong
        return _at(xpath, 1, last=False, kind=str(xpath.element))

    def xpath_last_of_type_pseudo(self, xpath: XPathExpr) -> XPathExpr:
        if xpath.element == "*":
            return super().xpath_last_of_type_pseudo(xpath)
        return _at(xpath, 1, last=True, kind=str(xpath.element))

    def xpath_direct_adjacent_combinator(self, left: XPathExpr, right: XPathExpr) -> XPathExpr:
        return left.join("/following-sibling::*[1]/self::", right)


def _at(xpath: XPathExpr, place: int, *, last: bool, kind: str) -> XPathExpr:
    """At that place among its siblings of a kind: there is one ``place - 1`` steps away, and none a step further."""
    axis = f"{'following' if last else 'preceding'}-sibling::{kind}"
    if place > 1:
        xpath = xpath.add_condition(f"{axis}[{place - 1}]")
    return xpath.add_condition(f"not({axis}[{place}])")


class Selector:
    """A selector, ready to use."""

    def __init__(self, written: str, path: str) -> None:
        """``path`` is the XPath of what was ``written``. Raises ``lxml.etree.XPathError``."""
        self._written = written
        self._find = lxml.etree.XPath(path)
        self._beside = _BESIDE.search(_FIXED.sub("", path)) is not None
        self._below = len(_BELOW.findall(path)) >= DESCENDANTS
        self._anywhere = _ANYWHERE.search(path) is not None

    def __call__(self, root: Element) -> object:
        """What it finds below ``root``. Raises ``ReadError`` where the page is too large for it, and ``XPathError``."""
        if self._beside or self._below or self._anywhere:
            self._require_affordable(root)
        return self._find(root)

    def _require_affordable(self, root: Element) -> None:
        comparisons = 0
        count = 0
        depths: dict[Element, int] = {}
        for element in root.iter():
            count += 1
            if self._beside:
                comparisons += len(element) ** 2
            if self._below:
                above = element.getparent()
                depth = depths[element] = 0 if above is None or element is root else depths[above] + 1
                comparisons += depth * depth
        if self._anywhere:
            comparisons += count * count
        if comparisons > MOST_COMPARISONS:
            raise ReadError(
                f"the page is too large for the selector {self._written!r} ({count:,} elements)",
                hint='An id or a class finds its element at once: `select: "#article"`.',
            )


@lru_cache(maxsize=4096)
def css(selector: str) -> Selector:
    """A CSS selector. Raises ``SelectorError`` and ``XPathError`` for one that cannot be understood."""
    return Selector(selector, _TRANSLATOR.css_to_xpath(selector))


@lru_cache(maxsize=4096)
def xpath(expression: str) -> Selector:
    """An XPath. Raises ``XPathError`` for one that cannot be understood."""
    return Selector(expression, expression)


_TRANSLATOR: Final = _Translator()


def elements(selector: str, root: Element) -> list[Element]:
    """The elements that a CSS selector matches below ``root``, in document order."""
    return elements_of(css(selector)(root))


def elements_of(found: object) -> list[Element]:
    """The elements among what an XPath gave: it may give words and numbers, too."""
    return [one for one in found if isinstance(one, lxml.etree._Element)] if isinstance(found, list) else []
