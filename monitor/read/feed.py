"""Feeds: RSS 0.9 to 2.0, Atom and JSON Feed → what they list. Pure.

Read by local names, whatever the namespace; a feed that is not well-formed is read as far as it goes. No entity is
expanded and nothing is fetched: entity bombs and external entities stay the few bytes they are.
"""

from __future__ import annotations

import json
import re
from html import escape
from html.entities import html5
from typing import TYPE_CHECKING, Any, Final

import lxml.etree

from monitor.read.encoding import decode
from monitor.read.listing import Item, Listed, plain_title, when
from storage.errors import ReadError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from monitor.read.listing import ListRules

_DOCTYPE: Final = re.compile(r"<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_DECLARATION: Final = re.compile(r"<\?xml[^>]*\?>")
_STARTS: Final = re.compile(r"<!DOCTYPE|<\?xml", re.IGNORECASE)
_AMPERSAND: Final = re.compile(r"&(#?\w{1,32};)?")
_HALVES: Final = re.compile(r"&#(?:x0*d[89a-f][0-9a-f]{2}|0*(5[5-7][0-9]{3}))(?![0-9a-f]);?", re.IGNORECASE | re.ASCII)
_HALF: Final = re.compile("[\ud800-\udfff]")
_ENDED: Final = re.compile(r"</(?:[\w.-]{1,40}:)?(?:rss|rdf|feed|channel|urlset|sitemapindex)\s*>", re.IGNORECASE)
_CLOSED: Final = re.compile(r"</(?:[\w.-]{1,40}:)?(?:item|entry|url|sitemap)\s*>", re.IGNORECASE)
_ADDRESSES: Final = frozenset({"link", "guid", "loc"})
LONGEST_END: Final = 4_000
"""Characters at the end of a document among which its last tag stands; behind it there may be remarks."""
_CDATA: Final = ("<![CDATA[", "]]>")
_OF_XML: Final = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_ROOTS: Final = frozenset({"rss", "rdf", "feed", "channel"})


def listed(body: bytes, rules: ListRules, content_type: str | None, url: str) -> Listed:  # noqa: ARG001
    """What a feed lists. Raises ``ReadError`` when it is none."""
    words, _, notes = decode(body, content_type=content_type, wanted=rules.encoding)
    if words.lstrip()[:1] == "{":
        return Listed(tuple(_json_items(words)), notes=notes)
    root = parse_xml(words)
    if root is None or _name(root) not in _ROOTS:
        hint = "A page of links is an 'index', a list for search engines a 'sitemap'."
        raise ReadError("this is no feed (RSS, Atom or JSON Feed)", hint=hint)
    entries, said = whole_entries([one for one in root.iter() if _name(one) in ("item", "entry")], words)
    return Listed(tuple(_item(one) for one in entries), notes=(*notes, *said))


def parse_xml(words: str) -> Element | None:
    """The root of an XML document, as far as it can be read. Document types are cut off, so that no entity exists."""
    words = _HALVES.sub(_no_character, words.replace("\x00", ""))
    words = _with_known_entities(_without_prologue(words).strip())
    parser = lxml.etree.XMLParser(
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return lxml.etree.fromstring(words.encode("utf-8", "replace"), parser)
    except (lxml.etree.LxmlError, ValueError):
        return None


def whole_entries(entries: list[Element], words: str) -> tuple[list[Element], tuple[str, ...]]:
    """The entries of a document, without the last one where the document breaks off inside it, and a note on that.

    Half an address leads somewhere else; and what stood after the break is not missing.
    """
    if _ENDED.search(words[-LONGEST_END:]):
        return entries, ()
    note = "the document breaks off; what it lists after that was not seen"
    if len(entries) > sum(1 for _ in _CLOSED.finditer(words)) and not _has_address(entries[-1], words):
        entries = entries[:-1]
    return entries, (note,)


def _has_address(entry: Element, words: str) -> bool:
    """Whether the address of the entry that a document breaks off in stands before the break."""
    begun = words.rpartition("<")[2]
    inside = begun.partition(">")[0].partition(" ")[0].rpartition(":")[2].lower()
    broken = ">" not in begun or inside in _ADDRESSES
    return not broken and not _ADDRESSES.isdisjoint(children(entry))


def _without_prologue(words: str) -> str:
    """Without the first XML declaration and document type. Each is tried for at its first sign only: no search repeats."""
    for pattern, sign in ((_DECLARATION, "<?"), (_DOCTYPE, "<!")):
        start = next((one for one in _STARTS.finditer(words) if one[0].startswith(sign)), None)
        if start is not None and (found := pattern.match(words, start.start())) is not None:
            words = words[: found.start()] + words[found.end() :]
    return words


def _with_known_entities(words: str) -> str:
    """Entities and bare ampersands as what they are meant to be, but for those in CDATA sections."""
    opening, closing = _CDATA
    pieces: list[str] = []
    at = 0
    while (start := words.find(opening, at)) >= 0 and (end := words.find(closing, start)) >= 0:
        pieces += [_AMPERSAND.sub(_meant, words[at:start]), words[start : end + len(closing)]]
        at = end + len(closing)
    return "".join([*pieces, _AMPERSAND.sub(_meant, words[at:])])


def _meant(found: re.Match[str]) -> str:
    """A bare ampersand, and an entity that HTML knows and XML does not, as what they are meant to be."""
    name = found[1]
    if name is not None and (name.startswith("#") or name in _OF_XML):
        return found[0]
    return escape(html5[name]) if name in html5 else f"&amp;{name or ''}"


def _no_character(found: re.Match[str]) -> str:
    """U+FFFD for a reference to half a surrogate pair: the parser would take it up and then fail to give it back."""
    return found[0] if found[1] is not None and not 0xD800 <= int(found[1]) <= 0xDFFF else "\ufffd"


def children(element: Element) -> dict[str, list[Element]]:
    """The child elements by local name, in lower case."""
    found: dict[str, list[Element]] = {}
    for child in element:
        found.setdefault(_name(child), []).append(child)
    return found


def words_of(element: Element | None) -> str | None:
    """All text below an element; None for none."""
    return ("".join(str(piece) for piece in element.itertext()).strip() or None) if element is not None else None


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()  # the tag of an entity that nobody expands is no text


def _item(entry: Element) -> Item:
    parts = children(entry)

    def first(*names: str) -> str | None:
        return next((words for name in names for one in parts.get(name, ()) if (words := words_of(one))), None)

    published = first("pubdate", "published", "issued", "date", "created")
    changed = first("updated", "modified")
    # Media and podcast extensions have titles of their own: the entry's is of its own vocabulary.
    titles = parts.get("title", [])
    own = str(entry.tag).rpartition("}")[0]
    title = next((one for one in titles if str(one.tag).rpartition("}")[0] == own), titles[0] if titles else None)
    return Item(_link(parts), plain_title(words_of(title)), when(published) or when(changed), changed)


def _link(parts: dict[str, list[Element]]) -> str:
    """The address of an entry: Atom's ``alternate`` link, RSS's ``link``, or a ``guid`` that is an address."""
    links = parts.get("link", [])
    for one in links:
        href = one.get("href")
        if href and one.get("rel", "alternate") == "alternate":
            return str(href)
    for one in links:
        if found := words_of(one):
            return found
    for one in parts.get("guid", []):
        words = words_of(one)
        if words and one.get("isPermaLink", "true") != "false":
            return words
    other = next((one.get("href") for one in links if one.get("href") and one.get("rel") != "enclosure"), None)
    # An identifier that is an address is one (RSS 1.0's rdf:about is the same as its link, which always stands).
    return other or next((words_of(one) or "" for one in parts.get("id", [])), "") or "urn:none"


def _whole_characters(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, U+FFFD where ``\\ud800`` stands for half a character: it could be neither asked for nor kept."""
    return {key: _HALF.sub("\ufffd", value) if isinstance(value, str) else value for key, value in pairs}


def _json_items(words: str) -> list[Item]:
    """https://www.jsonfeed.org/version/1.1/"""
    try:
        feed: Any = json.loads(words, object_pairs_hook=_whole_characters)
    except (ValueError, RecursionError):
        raise ReadError("this is no feed: neither XML nor JSON that can be read") from None
    entries = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(entries, list):
        raise ReadError("this is no JSON Feed: it has no list of items")
    found = []
    for one in entries:
        if not isinstance(one, dict):
            continue
        say = {key: value for key, value in one.items() if isinstance(value, str)}
        url = say.get("url") or say.get("external_url") or say.get("id", "")
        changed = say.get("date_modified")
        found.append(
            Item(
                url or "urn:none",
                plain_title(say.get("title")),
                when(say.get("date_published")) or when(changed),
                changed,
            )
        )
    return found
