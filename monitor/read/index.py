"""Index pages: the links that ``follow`` chooses, with the titles and dates that stand beside them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from monitor.read.dates import find_date, moment
from monitor.read.encoding import decode
from monitor.read.html import parse
from monitor.read.links import base_of, link_of
from monitor.read.listing import Item, Listed, bare_follow, is_expression, plain_title, whole_address
from monitor.read.patterns import found
from monitor.read.selecting import elements
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element

    from monitor.read.listing import ListRules

_ROWS: Final = frozenset({"li", "tr", "article", "dd", "dt", "p", "div", "section"})
_IN_ADDRESS: Final = re.compile(r"(?<!\d)(19[89]\d|20\d\d)([-/_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
LONGEST_ROW: Final = 2_000
"""Characters of a row in which a date is looked for: beyond, it is no row but a page."""
_SAYS_NOTHING: Final = re.compile(
    r"(?:read )?more\W*|view|details?|pdf|html|here|全文|详细\W*|подробнее", re.IGNORECASE
)


def listed(body: bytes, rules: ListRules, content_type: str | None, url: str) -> Listed:
    """The chosen links of a page. Raises ``ReadError`` when ``follow`` chooses none."""
    words, _, noted = decode(body, content_type=content_type, wanted=rules.encoding)
    notes = list(noted)
    root = parse(words, notes)
    base = base_of(root, url)
    links = _links(root, rules.follow, base)
    if not links:
        raise ReadError(
            f"'follow' ({rules.follow}) chooses no link on the page" if rules.follow else "the page has no links",
            hint="The page may have changed its layout; `variorum read --listing` shows what is found.",
        )
    rows = _Rows(links)
    items = tuple(Item(str(link.get("href")), *_told(link, rows, base)) for link in links)
    items = tuple(Item(whole_address(one.url, base) or one.url, one.title, one.published_at) for one in items)
    following = link_of(root, rules.next, base) if rules.next else None
    return Listed(items, next=following, notes=tuple(notes))


def _links(root: Element, follow: str | None, base: str) -> list[Element]:
    every = [one for one in root.iter("a", "area") if one.get("href", "").strip()]
    every = [
        one
        for one in every
        if not one.get("href", "").lstrip().lower().startswith(("#", "javascript:", "mailto:", "tel:"))
    ]
    if follow is None:
        return every
    if is_expression(follow):
        wanted = bare_follow(follow)
        return [one for one in every if (url := whole_address(one.get("href", ""), base)) and found(wanted, url)]
    inside: set[Element] = set()
    for one in elements(bare_follow(follow), root):
        inside.update(one.iter("a", "area"))
    return [one for one in every if one in inside]


def _told(link: Element, rows: _Rows, base: str) -> tuple[str | None, datetime | None]:
    """Title and date of a link: its own words, else those of the row it alone stands in; the date of its address last."""
    row = rows.of(link)
    own, around = rows.says(row, link.get("href"))
    title = own
    if not own or _SAYS_NOTHING.fullmatch(own):
        title = link.get("title") or rows.heading(row) or around
    printed = find_date(own) or find_date(around)
    day = moment(printed.text if printed else None) or _from_address(whole_address(link.get("href", ""), base) or "")
    return plain_title(title), day


class _Rows:
    """The row of each chosen link: the largest element around it in which no other chosen address stands.

    However many links there are and however deep they stand, every element is looked at a few times and no more.
    """

    def __init__(self, links: Sequence[Element]) -> None:
        self._hrefs: dict[Element, str | None] = {}
        """Element → the one address chosen below it; None: several."""
        self._rows: dict[Element, Element | None] = {}
        self._said: dict[tuple[Element, str | None], tuple[str, str]] = {}
        self._headings: dict[Element, str | None] = {}
        for link in links:
            here = link.get("href", "")
            for above in link.iterancestors():
                if above not in self._hrefs:
                    self._hrefs[above] = here
                elif self._hrefs[above] in (None, here):
                    break  # and so it is with all above
                else:
                    self._hrefs[above] = None

    def of(self, link: Element) -> Element:
        """The row of a chosen link; the link itself where it has none."""
        passed: list[Element] = []
        row: Element | None = None
        for above in link.iterancestors():
            if above in self._rows:
                row = self._rows[above]
                break
            if self._hrefs.get(above) is None or above.tag in ("body", "html"):
                break
            passed.append(above)
        for one in reversed(passed):
            if row is None and one.tag in _ROWS:
                row = one
            self._rows[one] = row
        return link if row is None else row

    def says(self, row: Element, href: str | None) -> tuple[str, str]:
        """What the first link with words in a row says, and the row as a whole, cut off where it is no row but a page."""
        if (row, href) not in self._said:
            # A picture and a headline often lead to the same place.
            own = next(
                (words for one in row.iter("a", "area") if one.get("href") == href and (words := _words(one))), ""
            )
            self._said[row, href] = own, _words(row)[:LONGEST_ROW]
        return self._said[row, href]

    def heading(self, row: Element) -> str | None:
        """The words of the first heading in a row."""
        if row not in self._headings:
            said = (_words(one) for one in row.iter("h1", "h2", "h3", "h4", "h5"))
            self._headings[row] = next((words for words in said if words), None)
        return self._headings[row]


def _from_address(url: str) -> datetime | None:
    if (found := _IN_ADDRESS.search(url)) is None:
        return None
    try:
        return datetime(int(found[1]), int(found[3]), int(found[4]), tzinfo=UTC)
    except ValueError:
        return None


def _words(element: Element) -> str:
    return " ".join(" ".join(str(piece) for piece in element.itertext()).split())
