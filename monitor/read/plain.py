"""Plain text and Markdown files, as canonical text or as they are. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from monitor.read.canonical import canonical
from monitor.read.dates import moment, printed_date
from storage.errors import ReadError
from storage.records import Text

if TYPE_CHECKING:
    from monitor.read import Reading, ReadRules

_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.DOTALL)
_FIELD: Final = re.compile(r"^(title|date|published)\s*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_ITEM: Final = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
TITLE_LONGEST: Final = 250


def parse(raw: str) -> Text:
    """The canonical text of a plain text or Markdown file.

    Blank lines part paragraphs, list items stand alone, other line breaks join. In the layout of a seed the first block
    is the title and the second, when it is nothing but a date, the printed date; front matter and ``# Heading`` count too.
    """
    return _parsed(raw, Counter())


def _parsed(raw: str, removed: Counter[str]) -> Text:
    words = raw.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    named: dict[str, str] = {}
    if front := _FRONT.match(words):
        named = {key.lower(): value.strip("\"'") for key, value in _FIELD.findall(front.group(1))}
        words = words[front.end() :]
    blocks = [part for block in re.split(r"\n[ \t]*\n", words) if block.strip() for part in _parts(block)]
    title, published, rest = _headed(blocks)
    title, published = named.get("title", title), named.get("published", named.get("date", published))
    return canonical(title, published, rest, removed)


def _parts(block: str) -> list[str]:
    """A block as paragraphs: a heading or a list item begins one of its own, wrapped lines join."""
    parts: list[list[str]] = []
    for line in block.strip("\n").split("\n"):
        if not parts or _ITEM.match(line) or line.startswith("#") or parts[-1][0].startswith("#"):
            parts.append([line])
        else:
            parts[-1].append(line)
    return [" ".join(part) for part in parts]


def _headed(blocks: list[str]) -> tuple[str | None, str | None, list[str]]:
    """Title and date at the top, where the layout shows them: a heading, or a short block before a lone date."""
    if not blocks:
        return None, None, []
    first = blocks[0]
    if heading := re.match(r"#\s+(.+)", first):
        published = blocks[1] if len(blocks) > 1 and printed_date(blocks[1]) else None
        return heading.group(1).strip(), published, blocks[2 if published else 1 :]
    if len(blocks) > 1 and len(first) <= TITLE_LONGEST and printed_date(blocks[1]):
        return first, blocks[1], blocks[2:]
    return None, None, blocks


def verbatim(raw: str) -> Text:
    """The raw file as it is; title and printed date named where the layout of a seed shows them."""
    layout = re.match(r"([^\n]+)\n[ \t]*\n([^\n]+)(?:\n|\Z)", raw)
    if layout and len(layout.group(1)) <= TITLE_LONGEST and printed_date(layout.group(2)):
        return Text(raw, layout.group(1), layout.group(2))
    return Text(raw)


def read(body: bytes, rules: ReadRules, content_type: str | None) -> Reading:
    """Read a plain text. Raises ``ReadError`` when it is empty or binary."""
    from monitor.read import Reading
    from monitor.read.encoding import decode
    from monitor.read.filters import filtered

    words, encoding, notes = decode(body, content_type=content_type, wanted=rules.encoding)
    if words.count("\x00") > len(words) // 20 or words.count("\ufffd") > len(words) // 10:
        raise ReadError("not a text: binary bytes", hint="Only texts, HTML pages and PDF files are read.")
    removed: Counter[str] = Counter()
    text = filtered(_parsed(words, removed), rules)
    if not text.text:
        raise ReadError("the text is empty")
    return Reading(text, moment(text.published), encoding, None, rules.fingerprint, notes, dict(+removed))
