"""The part of a page's source that a selector names, cut out without parsing the rest. Pure.

Most checks find the statement as it was in furniture that is new each time. Parsing all of a 45 KB page for that costs
more than everything else together; so the statement's own source is cut out and read alone, and when that gives the
text that is known, the page need not be parsed. It is an answer only where every parser must agree on where the element
begins and ends: one element has the name, it is not inside a comment or a script, and its tags are well nested. In any
doubt there is no excerpt, and the whole page is read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# The leftmost part of a selector, when it is one id or class that the page can be searched for, and what follows it.
_LEFTMOST: Final = re.compile(r"\s*(?:[a-zA-Z][a-zA-Z0-9]*)?([#.])([a-zA-Z_][\w-]*)(?=\s*$|\s*>|\s+[^\s+~])", re.ASCII)
_ELSEWHERE: Final = re.compile(r"[,|\\]|:root|:has|:not|:is|:where|:scope", re.IGNORECASE)
_COMPOUND: Final = re.compile(r"\s*(?:[a-zA-Z][a-zA-Z0-9]*)?(?:[#.][a-zA-Z_][\w-]*)*\s*", re.ASCII)

_TAG: Final = re.compile(rb"""<(?:!--|(/?)([a-zA-Z][^\s/<>]*+)((?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)>|([!?/a-zA-Z]))""")
_SIGHT: Final = re.compile(
    rb"<(?=[!mstnxiopf])"  # of most tags the first letter says at once that they are none of these
    rb"(?:!--|meta\b|script\b|style\b|textarea\b|title\b|template\b|noscript\b|noframes\b|noembed\b|xmp\b|iframe\b|"
    rb"svg\b|math\b|object\b|select\b|plaintext\b|frameset\b)"
)
"""What matters outside of the statement, in small letters."""
_ROOTS: Final = frozenset({b"div", b"article", b"section", b"main", b"span", b"blockquote", b"ul", b"ol", b"table"})
"""Elements that nothing but their own end tag closes, where the tags inside are well nested."""
_VOID: Final = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
_IMPLIED: Final = frozenset(b"p li td th tr tbody thead tfoot dt dd option optgroup colgroup rt rp".split())
"""Elements whose end tag may be left out (HTML, section 13.1.2.4)."""
_CELLS: Final = frozenset(b"td th tr tbody thead tfoot".split())
_OPAQUE: Final = frozenset(
    b"script style textarea title template noscript xmp iframe noframes noembed svg math object select".split()
)
"""Elements whose inside is not read, or follows rules of its own."""
_SWALLOWERS: Final = frozenset({b"plaintext", b"frameset"})
_TOLD: Final = frozenset({b"meta", b"title"})
MOST_TAGS: Final = 5000
MOST_NAMED: Final = 100
LONGEST_TAG: Final = 1024
LONGEST_RUN: Final = 16_384
"""Bounds of the work; beyond them the whole page is read."""


def can_excerpt(select: str, remove: tuple[str, ...]) -> bool:
    """Whether the selectors mean the same in the excerpt as on the whole page."""
    return _name_in(select) is not None and all(
        _COMPOUND.fullmatch(one) for selector in remove for one in selector.split(",")
    )


def excerpt(page: bytes, select: str) -> bytes | None:
    """A small page with the head facts of ``page`` (UTF-8) and the element that the leftmost part of ``select`` names.

    None where it cannot be cut out beyond doubt.
    """
    named = _name_in(select)
    if named is None:
        return None
    start = _only(page, *named)
    if start is None or _in_a_tag(page, start):
        return None
    low = page.lower()
    before = _facts(page, low, 0, start)
    end = None if before is None else _end(page, low, start)
    after = None if end is None else _facts(page, low, end, len(page))
    if before is None or after is None:
        return None
    return b"".join((b"<html><head>", *before, b"</head><body>", page[start:end], b"</body></html>", *after))


@lru_cache(maxsize=4096)
def _name_in(select: str) -> tuple[bytes, re.Pattern[bytes]] | None:
    """The name to search for, and a pattern for the start tag that has it; None for a selector that is not so simple."""
    leftmost = _LEFTMOST.match(select)
    if leftmost is None or _ELSEWHERE.search(select):
        return None
    sign, name = leftmost.groups()
    word = re.escape(name.encode())
    if sign == "#":
        value = rb"id\s*=\s*(?:\"%b\"|'%b'|%b(?=[\s>]))" % (word, word, word)
    else:
        value = rb"class\s*=\s*(?:\"(?:[^\"]*\s)?%b(?:\s[^\"]*)?\"|'(?:[^']*\s)?%b(?:\s[^']*)?'|%b(?=[\s>]))" % (
            word,
            word,
            word,
        )
    return name.encode(), re.compile(rb"<[a-zA-Z][^<>]*?\s" + value + rb"[^<>]*>", re.IGNORECASE)


def _only(page: bytes, name: bytes, tag: re.Pattern[bytes]) -> int | None:
    """Where the start tag with the name begins; None when there is none, more than one, or too much to look at."""
    found: int | None = None
    at = page.find(name)
    for _ in range(MOST_NAMED):
        if at < 0:
            return found
        near = max(0, at - LONGEST_RUN)
        start = page.rfind(b"<", near, at)
        if page.rfind(b">", near, at) <= start:  # in a tag, or nothing to tell it from one
            end = page.find(b">", at, at + LONGEST_TAG)
            if start < 0 or end < 0 or end - start > LONGEST_TAG:
                return None
            if start != found and tag.match(page, start, end + 1):
                if found is not None:
                    return None
                found = start
        at = page.find(name, at + len(name))
    return None


def _in_a_tag(page: bytes, at: int) -> bool:
    """Whether ``at`` may be inside a tag: one that is not closed, or a quoted value that is not."""
    if page.rfind(b">", 0, at) < page.rfind(b"<", 0, at):
        return True
    last = (page.rfind(quote, 0, at) for quote in (b'"', b"'"))
    return any(page[max(0, one - 20) : one].rstrip().endswith(b"=") for one in last if one > 0)


def _facts(page: bytes, low: bytes, start: int, stop: int) -> list[bytes] | None:
    """The titles and metas between two places; None when what begins at ``stop`` may be inside something unread."""
    facts: list[bytes] = []
    while (found := _SIGHT.search(low, start, stop)) is not None:
        name = found.group()[1:]
        if name in _SWALLOWERS:
            return None
        if name == b"!--":
            end = low.find(b"-->", found.end())
        else:
            end = found.end() if name == b"meta" else low.find(b"</" + name, found.end())
            end = low.find(b">", end) if end >= 0 else end
        if not 0 <= end < stop:
            return None
        start = end + 1
        if name in _TOLD:
            facts.append(page[found.start() : start])
    return facts


def _end(page: bytes, low: bytes, start: int) -> int | None:
    """Where the element that begins at ``start`` ends; None unless its tags are well nested."""
    at = start
    stack: list[bytes] = []
    for _ in range(MOST_TAGS):
        found = _TAG.search(page, at)
        if found is None or found.group(4):
            return None
        at = found.end()
        name = found.group(2)
        if name is None:
            at = low.find(b"-->", at) + 3
            if at < 3:
                return None
            continue
        name = name.lower()
        if name in _VOID:
            continue
        if found.group(1):
            while stack and stack[-1] != name and stack[-1] in _IMPLIED:
                stack.pop()
            if not stack or stack.pop() != name:
                return None
            if not stack:
                return at
            continue
        if found.group(3).endswith(b"/") or (
            name not in _ROOTS if not stack else name in _CELLS and b"table" not in stack
        ):
            return None
        if name in _OPAQUE:
            at = low.find(b"</" + name, at)
            if at < 0:
                return None
            at = low.find(b">", at) + 1
            continue
        stack.append(name)
    return None
