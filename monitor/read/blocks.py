"""Our own serialiser: an element tree → paragraphs. Block structure decides, never the line breaks of the source. Pure.

Every block element ends a paragraph; ``<br><br>`` splits one, a single ``<br>`` is a space. List items stand alone behind
``• `` or their number, table rows are one paragraph with `` | `` between cells. Struck text stays visible between ``~~``.
What is hidden inline, scripts, styles, forms' controls and templates are left out. Iterative: no depth of nesting can
exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Final

BLOCK: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html li legend main menu nav ol option p pre section summary table tbody tfoot "
    "thead tr ul".split()
)
LEFT_OUT: Final = frozenset(
    "script style noscript template svg head iframe object embed canvas audio video map select textarea button input "
    "datalist math".split()
)
STRUCK: Final = frozenset({"del", "s", "strike"})
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MARK: Final = "~~"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, not yet canonical: its words, how many of its characters are link text, and where it came from."""

    words: str
    linked: int
    element: Any


def hidden(element: Any) -> bool:
    """Whether the element is left out: hidden by its own style or attribute, or of a kind that holds no text."""
    tag = element.tag
    if not isinstance(tag, str) or tag in LEFT_OUT:
        return True
    if element.get("hidden") is not None:
        return True
    style = element.get("style")
    return bool(style and _HIDDEN.search(style))


def blocks(root: Any, skip: Container[Any] = ()) -> Iterator[Block]:
    """The paragraphs below ``root`` in document order, without the elements in ``skip``."""
    words: list[str] = []
    linked, breaks, lead = 0, 0, ""
    owner = root
    # (element, entering): leaving an element gives back its tail, and what its kind closes
    stack: list[tuple[Any, bool]] = [(root, True)]
    links = cells = 0

    def flush() -> Iterator[Block]:
        nonlocal words, linked, lead, breaks
        said = "".join(words)
        if said.strip(" \t\r\n|\u00a0"):
            yield Block(lead + said, linked, owner)
            lead = ""
        words, linked, breaks = [], 0, 0

    def add(text: str | None) -> None:
        nonlocal linked, breaks
        if not text:
            return
        if text.strip():
            breaks = 0
        words.append(text)
        if links:
            linked += len(text.strip())

    while stack:
        element, entering = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if not entering:
            if tag == "a":
                links -= 1
            elif tag in STRUCK:
                add(MARK)
            elif tag in BLOCK:
                yield from flush()
                if tag == "li":
                    lead = ""
                if tag == "tr":
                    cells -= 1
            if element is not root:
                add(element.tail)
            continue
        if (element is not root and element in skip) or hidden(element):
            if element is not root:
                add(element.tail)
            continue
        if tag == "br":
            breaks += 1
            if breaks >= 2:
                yield from flush()
            else:
                words.append(" ")
            add(element.tail)
            continue
        if tag in BLOCK and not (cells and tag not in ("tr", "table")):
            yield from flush()
            owner = element
            if tag == "li":
                lead = _item_mark(element)
            if tag == "tr":
                cells += 1
        elif tag in ("td", "th") or (cells and tag in BLOCK):
            if tag in ("td", "th") and any(word.strip() for word in words):
                words.append(" | ")
            else:
                words.append(" ")
        if tag == "a":
            links += 1
        elif tag in STRUCK:
            add(MARK)
        add(element.text)
        stack.append((element, False))
        stack.extend((child, True) for child in reversed(element))
    yield from flush()


def _item_mark(item: Any) -> str:
    parent = item.getparent()
    if parent is None or parent.tag != "ol":
        return "• "
    start = parent.get("start", "1")
    place = sum(1 for one in item.itersiblings("li", preceding=True))
    first = int(start) if re.fullmatch(r"-?\d{1,6}", start) else 1
    return f"{first + place}. "
