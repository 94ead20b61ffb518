"""Plain text and Markdown files, as canonical text or as they are. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from monitor.read.canonical import canonical, line
from monitor.read.dates import lone_date, moment
from storage.errors import ReadError
from storage.records import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitor.read import Reading, ReadRules

TITLE_LONGEST: Final = 300
WRAP_COLUMNS: Final = 200
"""A file with a longer line (a Chinese character takes two columns) is not wrapped: its line breaks end paragraphs."""
FRONT_LONGEST: Final = 20_000

_FRONT: Final = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_BLANK: Final = re.compile(r"\n\s*\n")
_HEADING: Final = re.compile(r"\s{0,3}#{1,6}\s+(\S.*)", re.DOTALL)
_UNDERLINE: Final = re.compile(r"\s{0,3}(?:={3,}|-{3,})\s*$")
_ITEM: Final = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+\S")
_LINK: Final = re.compile(r"!?\[([^\[\]]*)\]\((?:https?:|mailto:|/|#)[^()\s]*(?:\s+\"[^\"]{0,300}\")?\)")
_STRONG: Final = re.compile(r"(\*\*|__)(?=\S)(.{1,400}?)(?<=\S)\1")
_WIDE: Final = re.compile(r"[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]")
_HYPHENATED: Final = re.compile(r"[^\W\d_]-\Z")
# Scripts written without spaces: a line break between two of their characters is none.
_UNSPACED: Final = re.compile(r"[\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\u201c\u201d]")


def parse(raw: str) -> Text:
    """The canonical text of a plain text or Markdown file.

    Blank lines part paragraphs and wrapped lines are joined; headings and list items stand alone. In the layout of a
    seed the first block is the title and the second, when it is nothing but a date, the printed date; the fields of a
    front matter (``title``, ``published``, ``date``) and a first heading count too. Links and bold type lose their marks.
    """
    return _parsed(raw, Counter())


def verbatim(raw: str) -> Text:
    """The raw file as it is; title and printed date named where the layout of a seed shows them."""
    first, blank, rest = raw.partition("\n\n")
    second = rest.partition("\n")[0]
    if blank and first and "\n" not in first and len(first) <= TITLE_LONGEST and second and lone_date(second):
        return Text(raw, first, second)
    return Text(raw)


def read(body: bytes, rules: ReadRules, content_type: str | None) -> Reading:
    """Read a plain text. Raises ``ReadError`` when it is empty or binary."""
    from monitor.read import Reading
    from monitor.read.encoding import decode
    from monitor.read.filters import filtered

    words, encoding, notes = decode(body, content_type=content_type, wanted=rules.encoding)
    odd = sum(words.count(char) for char in "\x00\x01\x02\x03\x04\x05\x06\x07\x08\ufffd")
    if odd > len(words) // 50:
        raise ReadError("not a text: binary bytes", hint="Only texts, HTML pages and PDF files can be read.")
    removed: Counter[str] = Counter()
    text = filtered(_parsed(words, removed), rules)
    if not text.paragraphs:
        raise ReadError("the text is empty", hint="See what the address answers; perhaps a filter leaves nothing.")
    return Reading(text, moment(text.published), encoding, None, rules.fingerprint, notes, dict(+removed))


def _parsed(raw: str, removed: Counter[str]) -> Text:
    words = raw.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    named: Mapping[str, str] = {}
    if front := _FRONT.match(words):
        named = _fields(front.group(1))
        words = words[front.end() :] if named else words
    words = _without_comments(words)
    wrapped = max((_columns(one) for one in words.split("\n")), default=0) <= WRAP_COLUMNS
    parts = [part for block in _BLANK.split(words) if block.strip() for part in _parts(block, wrapped)]
    title, published, rest = _headed(parts, named)
    return canonical(title, published, [_unmarked(one) for one in rest], removed)


def _without_comments(words: str) -> str:
    kept: list[str] = []
    while True:
        before, opened, rest = words.partition("<!--")
        kept.append(before)
        _, closed, after = rest.partition("-->")
        if not opened or not closed:
            return "".join(kept) + opened + rest
        words = after


def _named(heading: re.Match[str]) -> str:
    """The words of a heading, without the marks that may close it."""
    return heading.group(1).rstrip().rstrip("#").rstrip()


def _fields(front: str) -> Mapping[str, str]:
    """The fields of a front matter that are plain words; nothing when it is not YAML."""
    import yaml

    if len(front) > FRONT_LONGEST:
        return {}
    try:
        found = yaml.load(front, Loader=yaml.BaseLoader)  # noqa: S506  (BaseLoader makes strings, nothing else)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key.lower(): value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}


def _parts(block: str, wrapped: bool) -> list[str]:
    """A block as paragraphs: a heading or a list item begins one of its own, wrapped lines are joined."""
    parts: list[list[str]] = []
    joining = False
    for one in block.strip("\n").split("\n"):
        if _UNDERLINE.match(one) and joining:
            parts[-1] = [f"# {''.join(parts[-1]).strip()}"]
            joining = False
        elif _HEADING.match(one):
            parts.append([one])
            joining = False
        elif joining and not _ITEM.match(one):
            before, one = parts[-1][-1].rstrip(), one.strip()
            parts[-1][-1] = before
            parts[-1] += [_between(before, one), one]
        else:
            parts.append([one])
            joining = wrapped
    return ["".join(part) for part in parts]


def _between(first: str, second: str) -> str:
    """What joins two lines of a wrapped paragraph: a space, or nothing."""
    if first and second and _UNSPACED.match(first[-1]) and _UNSPACED.match(second[0]):
        return ""
    # "long-" and "term": a line may be wrapped behind a hyphen
    return "" if _HYPHENATED.search(first[-2:]) and second[:1].islower() else " "


def _headed(parts: Sequence[str], named: Mapping[str, str]) -> tuple[str | None, str | None, Sequence[str]]:
    """Title and date: from the front matter, a first heading, or the first block when a lone date follows it."""
    title, published = named.get("title"), next((named[key] for key in _DATE_FIELDS if named.get(key)), None)
    rest = list(parts)
    heading = _HEADING.match(rest[0]) if rest else None
    if heading and (title is None or line(_named(heading)) == line(title)):
        title = _named(heading)
        del rest[0]
    elif title is None and len(rest) > 1 and len(rest[0]) <= TITLE_LONGEST and lone_date(line(rest[1])):
        title = rest.pop(0)
    if title is not None and published is None and rest and lone_date(line(rest[0])):
        published = rest.pop(0)
    return title, published, rest


_DATE_FIELDS: Final = ("published", "date", "published_time", "pubdate", "issued")


def _unmarked(paragraph: str) -> str:
    """Without the marks of Markdown headings, links and bold type."""
    if heading := _HEADING.match(paragraph):
        paragraph = _named(heading)
    return _STRONG.sub(r"\2", _LINK.sub(r"\1", paragraph))


def _columns(words: str) -> int:
    return len(words) if words.isascii() else len(words) + len(_WIDE.findall(words))
