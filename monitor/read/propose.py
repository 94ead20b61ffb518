"""Which selectors would read a page: proposals, ranked by whether they give the text found automatically. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from monitor.read.encoding import decode
from monitor.read.html import parse, read
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element as Element

    from monitor.read import Reading, ReadRules

MOST: Final = 5
TRIED: Final = 40
"""Candidates that are read to see what they give: each costs a reading of the page."""
LEAST_SHARE: Final = 0.5
"""A proposal gives at least this share of the words found automatically, and at most twice as many."""
_SEMANTIC: Final = re.compile(
    r"article|content|statement|release|story|post|entry|main|body|text|detail|news|speech|communique", re.IGNORECASE
)
_STABLE: Final = re.compile(r"[A-Za-z][A-Za-z_-]*(?:\d{0,2})")
"""A name that a person gave: no run of digits, as numbered and hashed names have."""
_TAGS: Final = frozenset({"article", "main"})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A selector and what it reads: how many words, the first line of its text, and whether it is the automatic text."""

    select: str
    words: int
    first_line: str
    same: bool


def proposals(
    body: bytes, rules: ReadRules, automatic: Reading, *, content_type: str | None = None
) -> tuple[Proposal, ...]:
    """At most ``MOST`` selectors, best first: those that give the very text, then the nearest; stable names before others.

    Empty where the page is none, or nothing in it has a name.
    """
    try:
        root = parse(decode(body, content_type=content_type, wanted=rules.encoding)[0], [])
    except ReadError:
        return ()
    wanted = Counter(_words(automatic))
    total = sum(wanted.values())
    ranked: list[tuple[tuple[int, float, int, int], Proposal]] = []
    for place, (stability, select) in enumerate(sorted(set(_candidates(root)))[:TRIED]):
        try:
            found = read(body, replace(rules, select=select, xpath=None), content_type)
        except ReadError:
            continue
        words = Counter(_words(found))
        count, shared = sum(words.values()), sum((words & wanted).values())
        if not count or shared < LEAST_SHARE * total or count > 2 * total:
            continue
        same = found.text.paragraphs == automatic.text.paragraphs
        nearness = shared / (count + total - shared)
        first = found.text.paragraphs[0] if found.text.title is None else found.text.title
        ranked.append(((not same, -round(nearness, 2), stability, place), Proposal(select, count, first, same)))
    ranked.sort(key=lambda one: one[0])
    return tuple(proposal for _, proposal in ranked[:MOST])


def _candidates(root: Element) -> Iterator[tuple[int, str]]:
    """Selectors of single elements, with how likely they are to stay: 0 an id, 1 a mark of meaning, 2 a class, 3 a tag."""
    holders = list(root.iter("article", "main", "section", "div", "td"))
    told = Counter(way for one in root.iter() for way in _ways(one))
    for one in holders:
        name = one.get("id", "")
        if _STABLE.fullmatch(name):
            yield 0, f"#{name}"
        for way in _ways(one):
            if told[way] == 1:
                yield way


def _ways(element: Element) -> set[tuple[int, str]]:
    """Selectors that an element answers to, but for its id."""
    tag = str(element.tag)
    ways = {
        (1, f'[{mark}="{value}"]')
        for mark, value in (("itemprop", "articleBody"), ("role", "main"), ("role", "article"))
        if element.get(mark) == value
    }
    ways |= {
        (2, f"{tag}.{word}")
        for word in element.get("class", "").split()
        if _SEMANTIC.search(word) and _STABLE.fullmatch(word)
    }
    return ways | {(3, tag)} if tag in _TAGS else ways


def _words(reading: Reading) -> list[str]:
    """Words; of scripts without spaces, characters. Title and date are left out: where they stand differs."""
    return [word for line in reading.text.paragraphs for word in re.findall(r"[\u3040-\u9fff]|\w+", line)]
