"""Sitemaps (https://www.sitemaps.org/protocol.html): XML or one address a line, compressed or not, and their index. Pure."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final

from monitor.read.encoding import decode
from monitor.read.feed import children, parse_xml, whole_entries, words_of
from monitor.read.listing import Item, Listed, plain_title, when
from storage.errors import ReadError

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from monitor.read.listing import ListRules

_GZIP: Final = b"\x1f\x8b"
_ADDRESS: Final = re.compile(r"https?://\S+")


def listed(body: bytes, rules: ListRules, content_type: str | None, url: str) -> Listed:  # noqa: ARG001
    """What a sitemap lists; of a sitemap index, its sitemaps as ``parts``. Raises ``ReadError`` when it is neither."""
    if body.startswith(_GZIP):
        body = _inflated(body, rules.most_bytes)
    words, _, notes = decode(body, content_type=content_type, wanted=rules.encoding)
    lines = words.split()
    if lines and all(_ADDRESS.fullmatch(line) for line in lines):
        return Listed(tuple(Item(line) for line in lines), notes=notes, newest_first=False)
    root = parse_xml(words)
    kind = str(root.tag).rpartition("}")[2].lower() if root is not None else ""
    if root is None or kind not in ("urlset", "sitemapindex"):
        raise ReadError("this is no sitemap", hint="A page of links is an 'index', RSS or Atom a 'feed'.")
    found, said = whole_entries(list(root), words)
    notes = (*notes, *said)
    entries = [children(one) for one in found]
    if kind == "sitemapindex":
        parts = [(_words(entry, "lastmod") or "", _words(entry, "loc")) for entry in entries]
        newest = sorted((part for part in parts if part[1]), key=lambda part: part[0], reverse=True)
        return Listed((), tuple(loc for _, loc in newest if loc), notes=notes, newest_first=False)
    return Listed(tuple(_item(entry) for entry in entries), notes=notes, newest_first=False)


def _item(entry: dict[str, list[Element]]) -> Item:
    """With what the news extension says of it, where it stands."""
    stamp = _words(entry, "lastmod")
    news = children(entry["news"][0]) if "news" in entry else {}
    published = _words(news, "publication_date")
    return Item(_words(entry, "loc") or "urn:none", plain_title(_words(news, "title")), when(published), stamp)


def _words(entry: dict[str, list[Element]], name: str) -> str | None:
    return words_of(entry[name][0]) if entry.get(name) else None


def _inflated(body: bytes, bound: int) -> bytes:
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        words = inflate.decompress(body, bound)
    except zlib.error:
        raise ReadError("the compressed sitemap is damaged") from None
    if inflate.unconsumed_tail:
        raise ReadError(
            f"the sitemap is larger than {bound:,} bytes once decompressed", hint="Raise max_size on the listing."
        )
    if not inflate.eof:
        raise ReadError("the compressed sitemap breaks off", hint="Asked for again by itself.")
    return words
