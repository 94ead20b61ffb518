"""The main text of a page without a selector. Pure.

trafilatura (favouring precision) gives evidence which paragraphs are text; we choose one element by it and read that
with our own serialiser. So nothing inside the statement is lost (lists, tables, short last lines), and furniture outside
it cannot change it: it can neither get in nor, being weak evidence, move the choice.

The choice goes from the inside out, as Readability's does (Arc90, 2009): from the element whose own paragraphs weigh
most, upwards as long as the next one adds prose and little else. Furniture inside (by tag, role and the words of class
and id) and runs of links are left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.read.blocks import Block, blocks
from monitor.read.canonical import line
from monitor.read.dates import lone_date, lone_time
from monitor.read.heading import PageFacts, dated_byline, headed, heading_level, letters, title_at
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element

FURNITURE_TAGS: Final = frozenset({"nav", "aside", "footer", "menu", "dialog", "search"})
FURNITURE_ROLES: Final = frozenset(
    {
        "navigation",
        "complementary",
        "banner",
        "contentinfo",
        "search",
        "dialog",
        "alertdialog",
        "tablist",
        "menu",
        "menubar",
    }
)
FURNITURE_WORDS: Final = frozenset(
    """
    ad ads advert advertisement adverts advertising archive-list author-bio authorbio banner bottommeta breadcrumb
    breadcrumbs carousel comment comments consent cookie cookies copyright disclaimer-bar disqus donate download-list
    dropdown feedback foot footer gdpr hotnews inarticle infobox jump latest-news legal-links like likes livechat login
    masthead menu menubar metabar modal more-news most-read mostread nav navbar navigation newsletter next-prev noprint
    outbrain overlay pager pagination paginator partners popular popup post-nav postnav prevnext print printbtn printer
    promo promos promotion rating recommend recommendation recommendations recommended related relatedposts relation
    rss search share sharebar sharing sidebar signup sitemap skip skiplink skiplinks social socials sponsor sponsored
    subscribe subscription taboola tagcloud taglist tags teaser teasers toolbar toolbox tools topbar trending tweet
    widget widgets xiangguan
    """.split()  # noqa: SIM905
)
FOUND_SHARE: Final = 0.5
"""What holds more of the text found by trafilatura than this is no furniture, whatever its class says."""
UNFOUND_WEIGHT: Final = 0.6
"""What a paragraph weighs that looks like prose but was not found."""
GAIN: Final = 0.12
"""An outer element must add so much (of what is already held) to be chosen."""
PURITY: Final = 0.55
"""And so much of what it adds must be prose."""
LINKED_SHARE: Final = 0.7
"""A paragraph with more of its letters in links is a link."""
LINK_RUN: Final = 3
"""So many links one after the other are a menu, not text."""
_WORDS: Final = re.compile(r"[a-z]+(?=[A-Z])|[A-Z]?[a-z]+|[A-Z]+")
_ASIDE: Final = re.compile(
    r"(?<![a-z])(?:tooltip|popover|popup|sr-only|screen-reader|visually-?hidden|glossary-(?:card|definition))",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"[.!?:;…。！？：；»”\"’')\]]\s*$")


@dataclass(frozen=True, slots=True)
class Main:
    """What was found: the parts of a text, and a CSS selector for the element that holds its paragraphs."""

    title: str | None
    published: str | None
    paragraphs: list[str]
    select: str | None


def main_text(root: Element, words: str, skip: set[Element], facts: PageFacts) -> Main:
    """The main text of the page with this tree and source. Raises ``ReadError`` when there is none."""
    body = root.find("body")
    body = root if body is None else body
    every = [_weighed(block) for block in blocks(body, skip | set(_asides(body)))]
    _mark(every, found_by_trafilatura(words))
    _mark_furniture(every, body)
    holder = _holder(every, body)
    if holder is None:
        raise ReadError(
            "no main text was found on the page", hint='Name the statement with a selector: `select: "#article"`.'
        )
    top, kept = _above(every, holder, facts), _inside(every, holder)
    title, published, paragraphs = headed([*top, *kept], facts, len(top))
    return Main(title, published, paragraphs, selector_of(root, holder))


@dataclass(slots=True)
class _Weighed:
    """A block and the evidence on it; ``size`` and ``weight`` in letters (CJK: two each)."""

    block: Block
    letters: str
    size: int
    prose: float
    found: bool = False
    furniture: bool = False

    @property
    def weight(self) -> float:
        if self.furniture:
            return 0.0
        return self.prose if self.found else UNFOUND_WEIGHT * self.prose

    @property
    def is_link(self) -> bool:
        return self.block.linked > LINKED_SHARE * len(line(self.block.words))


def _weighed(block: Block) -> _Weighed:
    said = letters(block.words)
    size = len(said) if said.isascii() else sum(1 + (char >= "\u2e80") for char in said)
    unlinked = max(0.0, size - 1.5 * block.linked)
    ended = _ENDS.search(block.words) is not None
    # A line that is short, or long without an end, is more often a heading, a caption or a label.
    prose = unlinked if ended and size >= 60 else (0.6 if size >= 160 else 0.3 if ended else 0.15) * unlinked
    return _Weighed(block, said, size, 0.0 if heading_level(block.element) else prose)


def found_by_trafilatura(words: str) -> str:
    """The letters of what trafilatura takes for the main text."""
    import trafilatura

    text = trafilatura.extract(words, favor_precision=True, include_comments=False, include_tables=True, fast=True)
    return letters(text or "")


def _mark(every: Sequence[_Weighed], found: str) -> None:
    for one in every:
        one.found = one.size >= 8 and one.letters in found


def _mark_furniture(every: Sequence[_Weighed], body: Element) -> None:
    held: dict[Element, float] = defaultdict(float)
    total = 0.0
    for one in every:
        if one.found:
            total += one.size
            for above in _upwards(one.block.element, body):
                held[above] += one.size
    known: dict[Element, bool] = {body: False}

    def furniture(element: Element) -> bool:
        path = []
        at: Element | None = element
        while at is not None and at not in known:
            path.append(at)
            at = at.getparent()
        answer = known[at] if at is not None else False
        for below in reversed(path):
            answer = answer or (_is_furniture(below) and held[below] <= FOUND_SHARE * total)
            known[below] = answer
        return answer

    for one in every:
        one.furniture = furniture(one.block.element)


def _is_furniture(element: Element) -> bool:
    if element.tag in FURNITURE_TAGS or element.get("role") in FURNITURE_ROLES:
        return True
    if element.tag == "header" and not any(above.tag in ("article", "main") for above in element.iterancestors()):
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return named != " " and any(word.lower() in FURNITURE_WORDS for word in _WORDS.findall(named))


def _asides(body: Element) -> list[Element]:
    """Pop-ups inside sentences, and what is only said to screen readers."""
    return [
        one
        for one in body.iter("span", "div", "sup", "i", "em")
        if (named := one.get("class")) and _ASIDE.search(named)
    ]


def _upwards(element: Element, body: Element) -> list[Element]:
    found = [element]
    at: Element | None = element
    while at is not None and at is not body:
        at = at.getparent()
        if at is not None:
            found.append(at)
    return found


def _holder(every: Sequence[_Weighed], body: Element) -> Element | None:
    """The element that holds the text; None when nothing on the page weighs anything."""
    near: dict[Element, float] = defaultdict(float)
    weight: dict[Element, float] = defaultdict(float)
    size: dict[Element, float] = defaultdict(float)
    for one in every:
        worth = one.weight
        for distance, above in enumerate(_upwards(one.block.element, body)):
            weight[above] += worth
            size[above] += one.size
            if distance:
                near[above] += worth * 0.5 ** (distance - 1)
            elif one.block.element.tag not in ("p", "li", "td"):
                near[above] += worth
    if not near or not max(near.values()):
        return None
    chosen = max(near, key=lambda element: near[element])
    at: Element | None = chosen
    while at is not None and at is not body:
        at = at.getparent()
        if at is None:
            break
        gained, added = weight[at] - weight[chosen], size[at] - size[chosen]
        if gained >= GAIN * weight[chosen] and gained >= PURITY * added:
            chosen = at
    return chosen


def _inside(every: Sequence[_Weighed], holder: Element) -> list[Block]:
    """The blocks of the holder, without furniture and runs of links."""
    kept: list[Block] = []
    run: list[Block] = []
    for one in every:
        if one.furniture or not _within(one.block.element, holder):
            continue
        if one.is_link:
            run.append(one.block)
            continue
        kept += run if len(run) < LINK_RUN else []
        run = []
        kept.append(one.block)
    return kept + (run if len(run) < LINK_RUN else [])


def _above(every: Sequence[_Weighed], holder: Element, facts: PageFacts) -> list[Block]:
    """What belongs to the text though it stands above its element: the title, the date, a lead."""
    first = next(place for place, one in enumerate(every) if _within(one.block.element, holder))
    above = every[max(0, first - 40) : first]
    inside = [one.block for one in every[first : first + 3]]
    place = title_at([one.block for one in above], facts, len(above))
    if place is None:
        return []
    title = above[place].block
    if not facts.agrees(line(title.words)) and title_at(inside, facts, 3) is not None:
        return []
    top = [block for one in above[place + 1 :] if (block := _belonging(one)) is not None]
    before = above[place - 1].block if place else None
    if before is not None and lone_date(line(before.words)) and _siblings(before, title):
        top.insert(0, before)
    return [title, *top]


def _belonging(one: _Weighed) -> Block | None:
    """What of a block between title and text is part of the statement: its date, or a lead."""
    words = line(one.block.words)
    if one.furniture:
        return None
    if lone_date(words) or lone_time(words) or (one.prose >= 60 and _ENDS.search(words)):
        return one.block
    found = dated_byline(words)
    return Block(found.text, 0, one.block.element) if found else None


def _siblings(one: Block, other: Block) -> bool:
    return one.element.getparent() is other.element.getparent()


def _within(element: Element, holder: Element) -> bool:
    return element is holder or any(above is holder for above in element.iterancestors())


def selector_of(root: Element, element: Element) -> str | None:
    """A CSS selector that selects this element and no other, by id or class where it has one; None when none is found."""
    from monitor.read.html import elements

    steps: list[str] = []
    at: Element | None = element
    while at is not None and at.tag != "html":
        for way in _ways(at):
            selector = " > ".join([way, *steps])
            if elements(selector, root) == [element]:
                return selector
        place = 1 + sum(1 for _ in at.itersiblings(at.tag, preceding=True))
        steps.insert(0, f"{at.tag}:nth-of-type({place})")
        at = at.getparent()
    return None


def _ways(element: Element) -> list[str]:
    """Selectors for one element, the best first. Names with figures in them belong to one page and are avoided."""
    name = element.get("id") or ""
    classes = [one for one in (element.get("class") or "").split() if re.fullmatch(r"[A-Za-z][A-Za-z_-]*", one)]
    ways = [f"#{name}"] if re.fullmatch(r"[A-Za-z][A-Za-z_-]*\d?", name) else []
    ways += [f"{element.tag}.{one}" for one in classes]
    if len(classes) > 1:
        ways.append(element.tag + "".join(f".{one}" for one in classes))
    if re.fullmatch(r"[a-z][a-z0-9]*", element.tag):
        ways.append(element.tag)
    return ways
