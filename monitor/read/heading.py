"""Title and printed date: found at the top of what was read, and taken out of its paragraphs. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from monitor.read.blocks import HEADINGS
from monitor.read.canonical import line
from monitor.read.dates import Printed, find_date, lone_date, lone_time, moment
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml.etree import _Element as Element

    from monitor.read.blocks import Block

TOP_BLOCKS: Final = 8
"""Title and date are looked for in so many blocks at the top."""
PROSE_LETTERS: Final = 160
"""The body of a text begins with the first block of so many letters (a Chinese character counts for two)."""
HEAD_LONGEST: Final = 1000
TITLE_LONGEST: Final = 300

_PARTS: Final = re.compile(r"\s+[-–—|·»:]+\s+|\s*[|_»]+\s*|\s*[—–](?=[^\x00-\x7f])\s*")
_DATE_PROPERTIES: Final = frozenset(
    {
        "article:published_time",
        "datepublished",
        "date",
        "dc.date",
        "dc.date.issued",
        "dcterms.issued",
        "dcterms.created",
        "dcterms.date",
        "pubdate",
        "publishdate",
        "citation_publication_date",
        "parsely-pub-date",
    }
)
# A line with a date that says who or where beside it: the date is taken out of it.
_BYLINE: Final = re.compile(
    r"^\s*(?:by|from|source|author|par|von|por|de|来源|來源|信息来源|作者|编辑|稿源|文/)(?:\b|：|:)|[|·•｜]",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says of itself in its head.

    ``title`` is without the name of the site; ``titles`` are the letters of all it calls itself (``og:title``,
    ``<title>``), ``site`` those of the name of the site; ``published_at`` is the time in its metadata.
    """

    title: str | None = None
    titles: tuple[str, ...] = ()
    site: str = ""
    published_at: datetime | None = None

    def agrees(self, words: str) -> bool:
        """Whether ``words`` are (a main part of) the title that the page gives itself."""
        said = letters(words)
        if size_of(said) < 6 or len(words) > TITLE_LONGEST or said == self.site:
            return False
        if any(said in one for one in self.titles):
            return True
        own = letters(self.title or "")
        return size_of(own) >= 12 and own in said and len(said) < 1.15 * len(own)


def page_facts(root: Element) -> PageFacts:
    """Read the head of a page (which broken pages leave in the body)."""
    title = og_title = site = ""
    published: datetime | None = None
    for one in root.iter("title", "meta"):
        if one.tag == "title":
            title = title or line((one.text or "")[:HEAD_LONGEST])
            continue
        name = (one.get("property") or one.get("name") or one.get("itemprop") or "").lower()
        if name == "og:title":
            og_title = og_title or line((one.get("content") or "")[:HEAD_LONGEST])
        elif name == "og:site_name":
            site = site or letters((one.get("content") or "")[:HEAD_LONGEST])
        elif name in _DATE_PROPERTIES:
            published = published or moment(one.get("content"))
    titles = tuple(letters(one) for one in (og_title, title) if one)
    return PageFacts(_title_alone(og_title, title, site), titles, site, published)


def _title_alone(og_title: str, title: str, site: str) -> str | None:
    """The title without the name of the site: ``og:title``, else the first part of ``<title>`` that is not short."""
    whole = og_title or title
    parts = [part for part in _PARTS.split(whole) if part]
    if len(parts) < 2:
        return whole or None
    others = [part for part in parts if letters(part) != site]
    if og_title and len(others) == len(parts):
        return whole
    longest = max(map(size_of, others), default=0)
    return next((part for part in others if 2 * size_of(part) >= longest), whole)


def headed(kept: Sequence[Block], facts: PageFacts, top: int | None = None) -> tuple[str | None, str | None, list[str]]:
    """Title, printed date and paragraphs of what was read from a page; ``top``: how many blocks stand above the body.

    The title is the heading at the top (the one that the page's own title agrees with goes first), else the page's own
    title. The date is a line at the top that is nothing but a date, with a time in the next line, if there; or the date
    in a byline. Neither is repeated in the paragraphs. The parts are not yet canonical.
    """
    length = _top_length(kept, top or 0)
    words = [line(block.words) for block in kept[: length + 2]]
    place = title_at(kept, facts, length)
    title = facts.title if place is None else kept[place].words
    taken = {at for at in range(length) if at == place or (title and words[at] == line(title))}
    paragraphs = [block.words for block in kept]
    published: str | None = None
    for at in range(length):
        if at not in taken and (published := lone_date(words[at])):
            taken.add(at)
            following = next((one for one in (at + 1, at + 2) if one < len(words) and one not in taken), None)
            if following is not None and lone_time(words[following]):
                published = f"{published} {words[following]}"
                taken.add(following)
            # Some pages print the same date twice, in two forms.
            again = moment(published)
            taken |= {one for one in range(at + 1, length) if again and moment(lone_date(words[one])) == again}
            break
    else:
        for at in range(length):
            if at not in taken and (found := dated_byline(words[at])):
                published = found.text
                parts = (words[at][: found.start], words[at][found.end :])
                paragraphs[at] = " ".join(part.strip(" |·•｜,，(") for part in parts)
                break
    return title, published, [one for at, one in enumerate(paragraphs) if at not in taken]


def dated_byline(words: str) -> Printed | None:
    """The date in a short line that says who or where beside it."""
    return find_date(words) if len(words) <= 120 and _BYLINE.search(words) else None


def _top_length(kept: Sequence[Block], least: int) -> int:
    """How many blocks stand before the body of the text, which begins with the first long one; ``least`` at least."""
    for place, block in enumerate(kept[least : least + TOP_BLOCKS], least):
        if len(block.words) > 4 * PROSE_LETTERS or size_of(letters(block.words)) >= PROSE_LETTERS:
            return place
    return min(len(kept), least + TOP_BLOCKS)


def title_at(kept: Sequence[Block], facts: PageFacts, limit: int) -> int | None:
    """Which of the first ``limit`` blocks is the title: the one that the page's own title agrees with, else a heading."""
    best: tuple[tuple[int, int], int] | None = None
    for place, block in enumerate(kept[:limit]):
        said = line(block.words)
        level = heading_level(block.element)
        if not said or len(said) > TITLE_LONGEST or (level is None and 2 * block.linked > len(said)) or lone_date(said):
            continue
        if facts.agrees(said):
            worth = (3, size_of(letters(said)) + 20 * (level == 1))
        elif level in (1, 2) and letters(said) != facts.site:
            worth = (3 - level, -place)
        else:
            continue
        if best is None or worth > best[0]:
            best = (worth, place)
    return None if best is None else best[1]


def heading_level(element: Element) -> int | None:
    """1 to 6 for a heading (or what stands directly in one), else None."""
    for one in (element, element.getparent()):
        if one is not None and one.tag in HEADINGS:
            return int(one.tag[1])
    return None


def letters(words: str) -> str:
    """The letters and figures alone, in small letters: what is compared."""
    return re.sub(r"[\W_]+", "", words).lower()


def size_of(words: str) -> int:
    """Length in letters, where a character beyond Latin, Greek and Cyrillic (a syllable or a word) counts for two."""
    return len(words) if words.isascii() else sum(1 + (char >= "\u2e80") for char in words)
