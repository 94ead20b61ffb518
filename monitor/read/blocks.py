"""Our own serialiser: an element tree → paragraphs. Pure.

Block structure decides, never the line breaks of the source.

- Every block element ends a paragraph; ``<br><br>`` splits one, a single ``<br>`` is a space; in ``<pre>`` a blank line
  splits.
- A list item begins with ``• `` or, in an ordered list, with its number (``1. ``, ``a. ``, ``iv. `` as the list says).
- A table row is one paragraph, its cells joined by `` | ``. A row with a cell that holds several paragraphs, a list of
  more than one item or another table is layout: its cells are read one after the other.
- Struck text (``<del> <s> <strike>`` or struck by its own style) stays, between ``~~``. Inserted text is just text.
- A figure that stands high is kept apart from the word before: ``^2``, and ``[2]`` where it links to a note.
- ``<q>`` gets its quotation marks; the reading of a ruby stands in brackets behind it.
- Left out: what its own style or ``hidden`` attribute hides, scripts, styles, templates, pictures, frames, form
  controls, closed dialogs. A button is read only where it is part of a heading (the title of a folded section).

One pass with a stack of our own: no depth of nesting can exhaust anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from lxml.etree import _Element as Element

BLOCK: Final = frozenset(
    """
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup option
    p plaintext pre search section summary table tbody tfoot thead tr ul xmp
    """.split()  # noqa: SIM905  (so many read better as words)
)
LEFT_OUT: Final = frozenset(
    """
    annotation annotation-xml applet area audio button canvas datalist embed frame head iframe input map meter noframes
    noscript object progress rp script select style svg template textarea title video
    """.split()  # noqa: SIM905
)
STRUCK: Final = frozenset({"del", "s", "strike"})
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
PREFORMATTED: Final = frozenset({"pre", "xmp", "listing", "plaintext"})
MARK: Final = "~~"
"""Stands before and after struck text."""

_UNTIL_FOUND: Final = "until-found"  # what a search on the page opens is there to be read
_HIDING: Final = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}(?:hidden|collapse)|mso-hide\s{0,9}:\s{0,9}all", re.IGNORECASE
)
_STRIKING: Final = re.compile(r"text-decoration[a-z-]{0,20}\s{0,5}:[^;]{0,100}line-through", re.IGNORECASE)
_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n\s*")
NOTE_LONGEST: Final = 12
_NOTE: Final = re.compile(r"\s*[\[(]?(\d{1,3}|[*†‡§]|[a-z](?=.*\]))[\])]?\s*")
_NOTHING: Final = re.compile(r"[\s|\u00a0\u200b\u3000\ufeff]*")
# Noncharacters, as Unicode keeps for such uses, mark struck text and splits while a paragraph is put together.
_OPEN: Final = "\ufdd0"
_CLOSE: Final = "\ufdd1"
_SPLIT: Final = "\ufdd2"
_EMPTY_STRUCK: Final = re.compile(f"{_OPEN}(\\s*){_CLOSE}")


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, not yet canonical: its words, how many of its characters are link text, and where it came from."""

    words: str
    linked: int
    element: Element


def hidden(element: Element) -> bool:
    """Whether the element is left out: of a kind that holds no text, or hidden by its own style or attribute."""
    tag = element.tag
    if tag in LEFT_OUT:
        return not (tag == "button" and any(above.tag in HEADINGS for above in _near(element)))
    if tag == "dialog" and element.get("open") is None:
        return True
    style = element.get("style")
    if style is not None and _HIDING.search(style):
        return True
    return element.get("hidden", _UNTIL_FOUND) != _UNTIL_FOUND


def _near(element: Element) -> Iterator[Element]:
    above = element.getparent()
    for _ in range(3):
        if above is None:
            return
        yield above
        above = above.getparent()


def blocks(root: Element, skip: Container[Element] = ()) -> Iterator[Block]:
    """The paragraphs below ``root``, in document order, without the elements in ``skip``. ``root`` counts as shown."""
    paragraph = _Paragraph(root)
    numbers: dict[Element, int] = {}
    # What is open and how it closes: (element, what to do when it is left)
    stack: list[tuple[Element, str]] = [(root, "enter")]
    while stack:
        element, doing = stack.pop()
        if doing != "enter":
            if "b" in doing:
                yield from paragraph.finish()
                above = None if element is root else element.getparent()
                paragraph.element = root if above is None else above
            paragraph.leave(doing)
            if element is not root:
                paragraph.add(element.tail)
            continue
        if element is not root and (hidden(element) or element in skip):
            paragraph.add(element.tail)
            continue
        tag = element.tag
        leaving = ""
        if tag == "br":
            if paragraph.line_break():
                yield from paragraph.finish()
            paragraph.add(element.tail)
            continue
        if tag in BLOCK:
            if paragraph.row and tag not in ("tr", "table"):
                paragraph.add(" ")
            else:
                yield from paragraph.finish()
                paragraph.element = element
                leaving = "b"
                if tag == "li":
                    paragraph.lead = _item_mark(element, numbers)
                    leaving = "bl"
                elif tag == "tr" and _is_data(element):
                    paragraph.row += 1
                    leaving = "bt"
                elif tag in PREFORMATTED:
                    paragraph.preformatted += 1
                    leaving = "bp"
        elif tag in ("td", "th"):
            if paragraph.row:
                paragraph.cell()
            else:
                yield from paragraph.finish()
                paragraph.element = element
                leaving = "b"
        elif tag == "a":
            paragraph.links += 1
            leaving = "a"
        elif tag == "q":
            paragraph.add("“")
            leaving = "q"
        elif tag == "rt":
            paragraph.add("(")
            leaving = "r"
        elif tag == "sup" and (note := _note(element)):
            paragraph.add(note)
            paragraph.add(element.tail)
            continue
        if tag in STRUCK or ((style := element.get("style")) is not None and _STRIKING.search(style)):
            paragraph.strike()
            leaving += "s"
        paragraph.add(element.text)
        stack.append((element, leaving or "-"))
        stack.extend([(child, "enter") for child in reversed(element)])
    yield from paragraph.finish()


class _Paragraph:
    """The paragraph that is being put together, and what is open around it."""

    __slots__ = ("breaks", "element", "lead", "linked", "links", "preformatted", "row", "struck", "words")

    def __init__(self, root: Element) -> None:
        self.element = root
        self.words: list[str] = []
        self.lead = ""
        self.linked = self.links = self.breaks = self.row = self.preformatted = self.struck = 0

    def add(self, text: str | None) -> None:
        if not text:
            return
        if self.breaks and not text.isspace():
            self.breaks = 0
        self.words.append(_BLANK_LINE.sub(_SPLIT, text) if self.preformatted else text)
        if self.links:
            self.linked += len(text.strip())

    def line_break(self) -> bool:
        """One is a space; whether this is the second in a row, which ends the paragraph."""
        self.breaks += 1
        self.words.append(" ")
        return self.breaks >= 2 and not self.row

    def cell(self) -> None:
        """The next cell of a row begins."""
        self.words.append(" | " if any(not word.isspace() for word in self.words) else " ")

    def strike(self) -> None:
        self.struck += 1
        if self.struck == 1:
            self.words.append(_OPEN)

    def leave(self, doing: str) -> None:
        for one in doing:
            if one == "a":
                self.links -= 1
            elif one == "s":
                self.struck -= 1
                if not self.struck:
                    self.words.append(_CLOSE)
            elif one == "q":
                self.add("”")
            elif one == "r":
                self.add(")")
            elif one == "l":
                self.lead = ""
            elif one == "t":
                self.row -= 1
            elif one == "p":
                self.preformatted -= 1

    def finish(self) -> Sequence[Block]:
        """What was put together, as blocks (none when it says nothing); the next paragraph begins."""
        if not self.words:
            return ()
        words, linked = "".join(self.words), self.linked
        self.words = [_OPEN] if self.struck else []
        self.linked = self.breaks = 0
        if _OPEN in words or _CLOSE in words:
            words = _EMPTY_STRUCK.sub(r"\1", words + _CLOSE * bool(self.struck))
            words = words.replace(_OPEN, MARK).replace(_CLOSE, MARK)
        if _SPLIT in words:
            return [Block(part, 0, self.element) for part in words.split(_SPLIT) if not _NOTHING.fullmatch(part)]
        if _NOTHING.fullmatch(words):
            return ()
        lead, self.lead = self.lead, ""
        return (Block(lead + words.lstrip() if lead else words, linked, self.element),)


def _note(element: Element) -> str | None:
    """A figure or sign that stands high: ``[1]`` where it links to a note, ``^1`` where it does not; None for others."""
    words = ""
    for one in element.itertext():
        words += str(one)
        if len(words) > NOTE_LONGEST:
            return None
    found = _NOTE.fullmatch(words)
    if found is None:
        return None
    linked = element.find(".//a") is not None or any(above.tag == "a" for above in _near(element))
    return f"[{found.group(1)}]" if linked else f"^{found.group(1)}"


def _is_data(row: Element) -> bool:
    """Whether a table row says one thing: several cells, none of which holds paragraphs of its own."""
    cells = [cell for cell in row if cell.tag in ("td", "th")]
    if len(cells) < 2:
        return False
    for cell in cells:
        inner = 0
        for below in cell.iter("p", "div", "li", "table", "blockquote", "pre", *HEADINGS):
            if below.tag == "table":
                return False
            if below.tag != "div" or _says_something(below):
                inner += 1
            if inner > 1:
                return False
    return True


def _says_something(element: Element) -> bool:
    """Whether there is text directly in the element, not only in blocks below."""
    own = [element.text, *(child.tail for child in element)]
    return any(text and not text.isspace() for text in own)


def _item_mark(item: Element, numbers: dict[Element, int]) -> str:
    above = item.getparent()
    if above is None or above.tag != "ol":
        return "• "
    own = item.get("value")
    number = _integer(own) if own is not None else None
    if number is None:
        if above in numbers:
            number = numbers[above] + 1
        else:
            start = _integer(above.get("start") or "")
            number = 1 if start is None else start
    numbers[above] = number
    return f"{_numeral(number, above.get('type') or '1')}. "


def _integer(words: str) -> int | None:
    return int(words) if re.fullmatch(r"\s*-?[0-9]{1,7}\s*", words) else None


def _numeral(number: int, style: str) -> str:
    """The number of a list item as the list writes it: 1, a, A, i or I; plain figures where the style cannot."""
    if style in ("a", "A") and 1 <= number <= 702:
        letters = ""
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(ord(style) + rest) + letters
        return letters
    if style in ("i", "I") and 1 <= number < 4000:
        roman = ""
        for worth, sign in zip(
            (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
            ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
            strict=True,
        ):
            roman += sign * (number // worth)
            number %= worth
        return roman.upper() if style == "I" else roman
    return str(number)
