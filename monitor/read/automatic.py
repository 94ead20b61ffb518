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
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from monitor.read.blocks import Block, blocks
from monitor.read.canonical import line
from monitor.read.dates import lone_date, lone_time
from monitor.read.heading import PageFacts, dated_byline, headed, heading_level, letters, title_at
from monitor.read.selecting import elements
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml.etree import _Element as Element

FURNITURE_TAGS: Final = frozenset({"figcaption", "nav", "aside", "footer", "menu", "dialog", "search"})
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
    ad ads advert advertisement adverts advertising alsoread authorbio banner bottommeta breadcrumb breadcrumbs caption
    captions carousel comment comments consent cookie cookies copyright disqus donate dropdown feedback foot footer
    gallery gdpr hotnews jump latestnews likes livechat login masthead menu menubar metabar modal morenews mostread nav
    navbar navigation newsletter nextprev noprint outbrain overlay pager pagination paginator partners popup postnav
    prevnext print printbtn printer promo promos promotion rating readmore recommend recommendation recommendations
    recommended related relatedposts relation rss search seealso share sharebar sharing sidebar signup sitemap skip
    skiplink skiplinks slider slideshow social socials sponsor sponsored subscribe subscription taboola tagbox tagcloud
    taglist tags teaser teasers toolbar toolbox tools topbar trending widget widgets xiangguan
    """.split()  # noqa: SIM905
)
"""Words of class and id, and pairs of them (``next-prev``), that name furniture."""
CONTENT_WORDS: Final = frozenset({"embed", "tweet"})
"""Words that name content even where one of furniture stands beside them (``social-media-embed``)."""
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
CARDS: Final = 3
CARD_BLOCKS: Final = 5
CARD_SIZE: Final = 400
"""So many neighbours, each of at most so many blocks and letters, are a run of teasers."""
LEAD_WEIGHT: Final = 30
LARGEST_PAGE: Final = 2_000_000
LARGEST_TREE: Final = 15_000
"""Characters and elements; about larger pages trafilatura, which can take minutes there, is not asked."""
SELECTOR_STEPS: Final = 8
MOST_CLASSES: Final = 12
"""Classes of one element that are tried as its selector."""
_ASIDE: Final = re.compile(
    r"(?<![a-z])(?:tooltip|popover|popup|sr-only|screen-reader|visually-?hidden|glossary-(?:card|definition)|"
    r"(?:photo|image|picture|media)[-_]{0,2}(?:captions?|credits?|title)(?![a-z]))",
    re.IGNORECASE,
)
"""Classes of what stands inside the text and is none of it, be it inline: explanations, and what is said of pictures."""
_LABEL: Final = re.compile(
    r"\s*(?:advertisement|advertising|publicité|anzeige|werbung|реклама|广告|share(?: this(?: page| article)?)?|print|tweet|"
    r"e-?mail|read more|see also|分享到?|打印(?:本页)?|关闭(?:窗口)?|相关(?:新闻|稿件|阅读)|back to top|top|返回顶部)\s*[:：.]?\s*",
    re.IGNORECASE,
)
"""Lines that are labels of furniture, wherever they stand."""
_CONSENT: Final = re.compile(
    r"\b(?:we|(?:this|our) (?:web ?)?(?:site|page)|[\w.]{1,40}\.(?:org|com|net|gov|int|eu)) (?:may )?uses? (?:[\w-]+ ){0,2}cookies\b|"
    r"\bby (?:continuing|using|clicking)\b.{0,80}\bcookies\b|\b(?:utilis(?:e|ons)|dépos(?:e|ons)) (?:des|les) cookies\b|"
    r"\b(?:verwende[nt]|benutz(?:en|t)|nutz(?:en|t)) (?:\w+ )?cookies\b|\b(?:utiliza(?:mos)?|usa(?:mos)?) (?:las )?cookies\b|"
    r"\b(?:utilizza(?:no)?|usa(?:no)?) (?:i )?cookie\b|использ\w+ (?:файлы )?(?:cookie|куки)|使用(?:了)?\s?cookies?",
    re.IGNORECASE,
)
"""What a consent banner says."""
CONSENTS: Final = 2
"""A page where so many paragraphs say it, which trafilatura did not find, has a banner; with more it is about cookies."""
_COUNTED: Final = (
    r"(?:(?:page )?views?|visits?|visitors?|hits?|reads?|downloads?|shares?|comments?|vues?|lectures?|aufrufe|visitas|"
    r"lecturas|visualizaciones|просмотр(?:ов|ы|а)?|浏览(?:次数|量|数)?|瀏覽(?:次數|量)?|阅读(?:次数|量|数)?|閱讀(?:次數|量)?|"
    r"点击(?:次数|量|率|数)?|點擊(?:次數|率)?|閲覧数|조회 ?수?|(?:عدد )?(?:ال)?مشاهدات)"
)
_COUNTER: Final = re.compile(
    rf"\s*(?:{_COUNTED}\s*[:：]?\s*\d[\d.,\s]{{0,12}}[km万次人]?|\d[\d.,]{{0,12}}\s?[km万]?\s*{_COUNTED})\s*",
    re.IGNORECASE,
)
"""Lines that are nothing but a counter: they are another at every look."""
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
    inside_out = list(body.iter())
    inside_out.reverse()
    asides = {one for one in inside_out if (named := one.get("class")) and _ASIDE.search(named)}
    every = [_weighed(block) for block in blocks(body, skip | asides)]
    found = found_by_trafilatura(words) if len(inside_out) <= LARGEST_TREE else ""
    cards = _cards(inside_out, every)
    for one in every:
        # Where trafilatura finds a list of links it has found nothing.
        one.found = one.size >= 8 and not one.is_link and one.block.element not in cards and one.letters in found
    furniture = _furniture(inside_out, every)
    for one in every:
        one.furniture = one.block.element in furniture
    consent = {one.block.element for one in every if not one.found and _CONSENT.search(one.block.words)}
    if len(consent) > CONSENTS:
        consent = set()  # a text about cookies
    for one in every:
        one.furniture = one.furniture or one.block.element in cards or one.block.element in consent
    holder = _holder(inside_out, every)
    if holder is None:
        raise ReadError(
            "no main text was found on the page", hint='Name the statement with a selector: `select: "#article"`.'
        )
    held = set(holder.iter())
    top, kept = _above(every, held, facts), _inside(every, held)
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
    """The letters of what trafilatura takes for the main text; nothing where it fails or the page is too large for it."""
    if len(words) > LARGEST_PAGE:
        return ""
    import trafilatura

    try:
        text = trafilatura.extract(words, favor_precision=True, include_comments=False, include_tables=True, fast=True)
    except Exception:  # noqa: BLE001  (whatever a hostile page trips it into: it is evidence, not the reader)
        return ""
    return letters(text or "")


def _furniture(inside_out: Sequence[Element], every: Sequence[_Weighed]) -> set[Element]:
    """The elements that are furniture, or stand in it."""
    held: dict[Element, float] = defaultdict(float)
    anything = any(one.found for one in every)
    for one in every:
        if one.found or not anything:
            held[one.block.element] += one.size if anything else one.prose
    for element in inside_out:
        above = element.getparent()
        if above is not None and element in held:
            held[above] += held[element]
    total = held[inside_out[-1]]
    found: set[Element] = set()
    read: set[Element] = set()  # inside an article or main
    for element in reversed(inside_out):
        above = element.getparent()
        if element.tag in ("article", "main") or above in read:
            read.add(element)
        if above in found or (_is_furniture(element, element in read) and held[element] <= FOUND_SHARE * total):
            found.add(element)
    return found


def _cards(inside_out: Sequence[Element], every: Sequence[_Weighed]) -> set[Element]:
    """The elements in runs of teasers: neighbours of one make, each a linked heading with a short text below it."""
    count: dict[Element, int] = defaultdict(int)
    size: dict[Element, float] = defaultdict(float)
    headed: set[Element] = set()
    for one in every:
        count[one.block.element] += 1
        size[one.block.element] += one.size
        if one.is_link and heading_level(one.block.element):
            headed.add(one.block.element)
    if len(headed) < CARDS:
        return set()
    alike: dict[tuple[Element, str, str], list[Element]] = defaultdict(list)
    for element in inside_out:
        above = element.getparent()
        if above is None or element not in count:
            continue
        count[above] += count[element]
        size[above] += size[element]
        if element in headed:
            headed.add(above)
            if 2 <= count[element] <= CARD_BLOCKS and size[element] <= CARD_SIZE:
                alike[above, element.tag, element.get("class") or ""].append(element)
    return {inner for cards in alike.values() if len(cards) >= CARDS for card in cards for inner in card.iter()}


def _is_furniture(element: Element, in_article: bool) -> bool:
    if element.tag in FURNITURE_TAGS or (element.tag == "header" and not in_article):
        return True
    if not element.attrib or element.tag == "body":
        return False
    if element.get("role") in FURNITURE_ROLES:
        return True
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    if named == " ":
        return False
    words = [word.lower() for word in _WORDS.findall(named)]
    pairs = {first + second for first, second in pairwise(words)}
    said = pairs.union(words)
    return not said.isdisjoint(FURNITURE_WORDS) and said.isdisjoint(CONTENT_WORDS)


def _holder(inside_out: Sequence[Element], every: Sequence[_Weighed]) -> Element | None:
    """The element that holds the text; None when nothing on the page weighs anything."""
    own: dict[Element, float] = defaultdict(float)
    weight: dict[Element, float] = defaultdict(float)
    size: dict[Element, float] = defaultdict(float)
    near: dict[Element, float] = defaultdict(float)
    unfound: dict[Element, float] = defaultdict(float)
    for one in every:
        unfound[one.block.element] += 0.0 if one.furniture else one.prose - one.weight
        own[one.block.element] += one.weight
        weight[one.block.element] += one.weight
        size[one.block.element] += one.size
    for element in inside_out:
        above = element.getparent()
        if above is None or element not in size:
            continue
        weight[above] += weight[element]
        size[above] += size[element]
        unfound[above] += unfound[element]
        # Below an element its paragraphs count in full, those one level deeper by half, and so on.
        near[above] += own[element] + 0.5 * near[element]
    for element, worth in own.items():
        if element.tag not in ("p", "li", "td"):
            near[element] += worth
    # Among equals the inmost, and of those the first.
    chosen = max(reversed(inside_out), key=lambda element: near.get(element, 0.0))
    if not near.get(chosen):
        return None
    at, seen = chosen, weight[chosen]
    while at is not inside_out[-1] and (above := at.getparent()) is not None:
        kin = sum(unfound[one] for one in above if one is not at and one in unfound and _are_kin(one, at))
        at = above
        gained, added = weight[at] - weight[chosen], size[at] - size[chosen]
        if weight[at] < (1 + GAIN) * seen:
            continue  # nothing new worth a look since the last one
        seen = weight[at]
        if gained + kin >= PURITY * added and not _only_lead(every, at, chosen):
            chosen = at
    return chosen


def _are_kin(one: Element, other: Element) -> bool:
    """Whether two neighbours are of one make: a text cut into pieces (by advertisements, say) goes on in the next."""
    return one.tag == other.tag and one.get("class") == other.get("class") is not None


def _only_lead(every: Sequence[_Weighed], outer: Element, inner: Element) -> bool:
    """Whether ``outer`` adds no more to ``inner`` than one or two paragraphs before it: a lead, which is read anyway."""
    below, within = set(outer.iter()), set(inner.iter())
    places = [place for place, one in enumerate(every) if one.block.element in below]
    first = next(place for place in places if every[place].block.element in within)
    added = [
        place for place in places if every[place].weight >= LEAD_WEIGHT and every[place].block.element not in within
    ]
    return len(added) <= 2 and all(place < first for place in added)


def _inside(every: Sequence[_Weighed], held: set[Element]) -> list[Block]:
    """The blocks of the holder, without furniture and runs of links."""
    kept: list[Block] = []
    run: list[Block] = []
    for one in every:
        if one.furniture or one.block.element not in held or _is_label(one.block.words):
            continue
        if one.is_link and not heading_level(one.block.element):
            # Before everything else it is the name of a column, or a way back.
            run += [one.block] if kept else []
            continue
        kept += run if len(run) < LINK_RUN else []
        run = []
        kept.append(one.block)
    return kept + (run if len(run) < LINK_RUN else [])


def _is_label(words: str) -> bool:
    return _LABEL.fullmatch(words) is not None or (len(words) < 60 and _COUNTER.fullmatch(words) is not None)


def _above(every: Sequence[_Weighed], held: set[Element], facts: PageFacts) -> list[Block]:
    """What belongs to the text though it stands above its element: the title, the date, a lead."""
    first = next(place for place, one in enumerate(every) if one.block.element in held)
    above = every[max(0, first - 40) : first]
    inside = [one.block for one in every[first : first + 3]]
    place = title_at([one.block for one in above], facts, len(above))
    if place is None:
        return []
    title = above[place].block
    if not facts.agrees(line(title.words)) and title_at(inside, facts, 3) is not None:
        return []
    top: list[Block] = []
    for one in above[place + 1 :]:
        words = line(one.block.words)
        if one.letters in letters(title.words):
            continue  # a summary that is the title again
        dated = bool(top) and lone_date(line(top[-1].words)) is not None
        if (block := _belonging(one)) is not None or (dated and lone_time(words) and not one.furniture):
            top.append(block or one.block)
    before = above[place - 1].block if place else None
    if before is not None and lone_date(line(before.words)) and _siblings(before, title):
        top.insert(0, before)
    return [title, *top]


def _belonging(one: _Weighed) -> Block | None:
    """What of a block between title and text is part of the statement: its date, or a lead."""
    words = line(one.block.words)
    if one.furniture:
        return None
    if lone_date(words) or (one.prose >= 60 and _ENDS.search(words)):
        return one.block
    found = dated_byline(words)
    return Block(found.text, 0, one.block.element) if found else None


def _siblings(one: Block, other: Block) -> bool:
    return one.element.getparent() is other.element.getparent()


def selector_of(root: Element, element: Element) -> str | None:
    """A CSS selector that selects this element and no other, by id or class where it has one; None when none is found."""
    steps: list[str] = []
    at: Element | None = element
    while at is not None and at.tag != "html" and len(steps) < SELECTOR_STEPS:
        for way in _ways(at):
            selector = " > ".join([way, *steps])
            if elements(selector, root) == [element]:
                return selector
        if _plain_tag(at):
            steps.insert(0, f"{at.tag}:nth-of-type({1 + sum(1 for _ in at.itersiblings(at.tag, preceding=True))})")
        else:
            steps.insert(0, f":nth-child({1 + sum(1 for _ in at.itersiblings(preceding=True))})")
        at = at.getparent()
    return None


def _ways(element: Element) -> list[str]:
    """Selectors for one element, the best first. Names with figures in them belong to one page and are avoided."""
    name = element.get("id") or ""
    classes = [
        one for one in (element.get("class") or "").split()[:MOST_CLASSES] if re.fullmatch(r"[A-Za-z][A-Za-z_-]*", one)
    ]
    tag = element.tag if _plain_tag(element) else ""
    ways = [f"#{name}"] if re.fullmatch(r"[A-Za-z][A-Za-z_-]*\d?", name) else []
    ways += [f"{tag}.{one}" for one in classes]
    if len(classes) > 1:
        ways.append(tag + "".join(f".{one}" for one in classes))
    return [*ways, tag] if tag else ways


def _plain_tag(element: Element) -> bool:
    """Whether a broken page did not make the name of the element up."""
    return re.fullmatch(r"[a-z][a-z0-9]*", element.tag) is not None
