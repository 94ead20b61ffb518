"""The main text of a page without a selector. Pure.

trafilatura (favouring precision) finds which sentences are the text; our own serialiser then gives the paragraphs of the
smallest element that holds them. So the choice is trafilatura's and the form is ours: nothing inside the statement is
lost (lists, tables, short last lines), and the furniture outside cannot change it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Sequence
from typing import Any, Final

from monitor.read.blocks import Block, blocks
from monitor.read.canonical import line
from storage.errors import ReadError

HELD_SHARE: Final = 0.9
"""The element must hold this share of the text that was found."""
LINKED_SHARE: Final = 0.6
"""A paragraph with more of its letters in links is a menu, unless it was found to be text."""


def main_blocks(root: Any, words: str, skip: Container[Any]) -> tuple[list[Any], list[Block], str | None]:
    """The element with the main text (in a list), its paragraphs, and a CSS selector that would select it.

    Raises ``ReadError`` when no main text can be found.
    """
    found = _found(words)
    every = [block for block in blocks(_body(root), skip)]
    known = [_letters(one) for one in found]
    marked = [bool(_is_found(block, known)) for block in every]
    if not any(marked):
        raise ReadError("no main text was found on the page", hint="Name it with a selector: `select: \"#article\"`.")
    holder = _holder(every, marked)
    inside = [(block, mark) for block, mark in zip(every, marked, strict=True) if _within(block.element, holder)]
    return [holder], _trimmed(inside), selector_of(root, holder)


def _found(words: str) -> list[str]:
    import trafilatura

    text = trafilatura.extract(
        words, favor_precision=True, include_comments=False, include_tables=True, deduplicate=False, with_metadata=False
    )
    if not text:
        text = trafilatura.extract(words, include_comments=False, include_tables=True, deduplicate=False)
    return [one for one in (text or "").split("\n") if one.strip()]


def _body(root: Any) -> Any:
    body = root.find("body")
    return root if body is None else body


def _letters(words: str) -> str:
    return re.sub(r"[\W_]+", "", words).lower()


def _is_found(block: Block, known: Sequence[str]) -> bool:
    letters = _letters(block.words)
    return len(letters) >= 3 and any(letters in one or (len(one) > 20 and one in letters) for one in known)


def _holder(every: Sequence[Block], marked: Sequence[bool]) -> Any:
    """The deepest element that holds ``HELD_SHARE`` of the letters found."""
    weights: Counter[Any] = Counter()
    total = 0
    for block, mark in zip(every, marked, strict=True):
        if mark and block.linked <= LINKED_SHARE * len(block.words):
            weight = len(block.words)
            total += weight
            weights[block.element] += weight
            for above in block.element.iterancestors():
                weights[above] += weight
    if not total:
        return every[0].element.getroottree().getroot()
    enough = [element for element, weight in weights.items() if weight >= HELD_SHARE * total]
    return max(enough, key=lambda element: sum(1 for _ in element.iterancestors()))


def _within(element: Any, holder: Any) -> bool:
    return element is holder or any(above is holder for above in element.iterancestors())


def _trimmed(inside: Sequence[tuple[Block, bool]]) -> list[Block]:
    """Without menus, and without what stands before the first and after the last paragraph that was found."""
    marks = [place for place, (_, mark) in enumerate(inside) if mark]
    first, last = marks[0], marks[-1]
    while first > 0 and inside[first - 1][0].element.tag in ("h1", "h2"):
        first -= 1
    kept = inside[first : last + 1]
    return [block for block, mark in kept if mark or block.linked <= LINKED_SHARE * len(line(block.words))]


def selector_of(root: Any, element: Any) -> str | None:
    """A CSS selector that selects this element and no other, by id or class where it has one; None when none is found."""
    from monitor.read.html import _css

    ways = []
    if (name := element.get("id")) and re.fullmatch(r"[A-Za-z][\w-]*", name):
        ways.append(f"#{name}")
    classes = [one for one in (element.get("class") or "").split() if re.fullmatch(r"[A-Za-z][\w-]*", one)]
    ways += [f"{element.tag}.{one}" for one in classes]
    ways.append(element.tag)
    for way in ways:
        if [element] == _css(way)(root):
            return way
    parent = element.getparent()
    above = selector_of(root, parent) if parent is not None and parent.tag not in ("html",) else None
    if above is None:
        return None
    place = 1 + sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    return f"{above} > {element.tag}:nth-of-type({place})"
