"""Title and printed date: found at the top of what was read, and taken out of its paragraphs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.read.blocks import HEADINGS
from monitor.read.canonical import line
from monitor.read.dates import Printed, find_date, lone_date, lone_time, moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml.etree import _Element as Element

    from monitor.read.blocks import Block

TOP_BLOCKS: Final = 8
"""Title and date are looked for in so many blocks at the top."""
PROSE_LETTERS: Final = 160
"""The body of a text begins with the first block of so many letters (a Chinese character counts for two)."""
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
    """What a page says of itself in its head: its titles, the name of the site, when it was published."""

    title: str = ""
    og_title: str = ""
    site: str = ""
    published_at: datetime | None = None

    def title_alone(self) -> str | None:
        """The title without the name of the site: ``og:title``, else the longest part of ``<title>``."""
        whole = self.og_title or self.title
        parts = [part for part in _PARTS.split(whole) if part]
        if len(parts) < 2:
            return whole or None
        # Only outer parts are names of sites: what stands between the separators of a title belongs to it.
        named = [place for place, part in enumerate(parts) if self.site and letters(part) == letters(self.site)]
        if self.og_title and not named:
            return whole
        if named:
            return max((part for place, part in enumerate(parts) if place not in named), key=_size, default=whole)
        return max(parts, key=_size)

    def agrees(self, words: str) -> bool:
        """Whether ``words`` are (a main part of) the title that the page gives itself."""
        said = letters(words)
        if _size(said) < 6 or len(words) > TITLE_LONGEST:
            return False
        own = [letters(one) for one in (self.og_title, self.title) if one]
        alone = letters(self.title_alone() or "")
        if said == letters(self.site):
            return False
        return any(said in one for one in own) or (
            _size(alone) >= 12 and alone in said and len(said) < 1.3 * len(alone)
        )


def page_facts(root: Element) -> PageFacts:
    """Read the head of a page (which broken pages leave in the body)."""
    title = og_title = site = ""
    published: datetime | None = None
    for one in root.iter("title", "meta"):
        if one.tag == "title":
            title = title or line("".join(str(part) for part in one.itertext()))
        else:
            name = (one.get("property") or one.get("name") or one.get("itemprop") or "").lower()
            content = one.get("content") or ""
            if name == "og:title":
                og_title = og_title or line(content)
            elif name == "og:site_name":
                site = site or line(content)
            elif name in _DATE_PROPERTIES:
                published = published or moment(content)
    return PageFacts(title, og_title, site, published)


def headed(kept: Sequence[Block], facts: PageFacts, top: int | None = None) -> tuple[str | None, str | None, list[str]]:
    """Title, printed date and paragraphs of what was read from a page; ``top``: how many blocks stand above the body.

    The title is the heading at the top (the one that the page's own title agrees with goes first), else the page's own
    title. The date is a line at the top that is nothing but a date, with a time in the next line, if there; or the date
    in a byline. Neither is repeated in the paragraphs.
    """
    words = [line(block.words) for block in kept]
    length = top_length(words) if top is None else max(top, top_length(words[top:]) + top)
    place = title_at(kept, facts, length)
    title = facts.title_alone() if place is None else words[place]
    taken = set() if place is None else {place}
    taken |= {at for at in range(length) if title and words[at] == title}
    published: str | None = None
    for at in range(length):
        if at not in taken and (printed := lone_date(words[at])):
            taken.add(at)
            following = next((one for one in (at + 1, at + 2) if one < len(words) and one not in taken), None)
            if following is not None and lone_time(words[following]):
                printed = f"{printed} {words[following]}"
                taken.add(following)
            published = printed
            break
    else:
        for at in range(length):
            found = (
                find_date(words[at])
                if at not in taken and len(words[at]) <= 120 and _BYLINE.search(words[at])
                else None
            )
            if found:
                published = found.text
                words[at] = " ".join(
                    part.strip(" |·•｜,，(") for part in (words[at][: found.start], words[at][found.end :])
                )
                break
    return title, published, [one for at, one in enumerate(words) if at not in taken]


def dated_byline(words: str) -> Printed | None:
    """The date in a short line that says who or where beside it."""
    return find_date(words) if len(words) <= 120 and _BYLINE.search(words) else None


def top_length(words: Sequence[str]) -> int:
    """How many blocks stand before the body of the text."""
    for place, one in enumerate(words[:TOP_BLOCKS]):
        if _size(letters(one)) >= PROSE_LETTERS:
            return place
    return min(len(words), TOP_BLOCKS)


def title_at(kept: Sequence[Block], facts: PageFacts, limit: int) -> int | None:
    """Which of the first ``limit`` blocks is the title: the one that the page's own title agrees with, else a heading."""
    best: tuple[tuple[int, int], int] | None = None
    for place, block in enumerate(kept[:limit]):
        said = line(block.words)
        level = heading_level(block.element)
        if not said or len(said) > TITLE_LONGEST or lone_date(said) or (level is None and 2 * block.linked > len(said)):
            continue
        if facts.agrees(said):
            worth = (3, _size(letters(said)) + 20 * (level == 1))
        elif level in (1, 2) and letters(said) != letters(facts.site):
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


def _size(words: str) -> int:
    """Length in letters, where a character beyond Latin, Greek and Cyrillic (a syllable or a word) counts for two."""
    return len(words) if words.isascii() else sum(1 + (char >= "\u2e80") for char in words)
