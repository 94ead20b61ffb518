"""Bytes → canonical text. Pure. The kinds (html, plain, pdf) are a table: one more is one file, its line here, and how it is told (``kind_of``)."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, field
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from storage.records import Text

READER: Final = "3"
"""The version of our own rules of reading: when they change, every fingerprint does."""

KINDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "html": ("monitor.read.html", ("lxml",)),
    "plain": ("monitor.read.plain", ()),
    "pdf": ("monitor.read.pdf", ("pypdf",)),
}
"""Kind → the module whose ``read(body, rules, content_type)`` reads it, and the libraries that are part of its fingerprint
(trafilatura and regex are added where they are asked)."""

_TAG: Final = re.compile(rb"<(?:html|head|body|meta|title|div|p|article|main|table|br)[\s>/]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadRules:
    """How one source is read. All None: the kind is found out, and in a page the main text.

    ``select`` (CSS) or ``xpath`` name the statement, ``remove`` (CSS) what is left out of it. ``start_after`` and
    ``end_before`` are anchors in the text. The patterns are regular expressions over paragraphs. ``kind`` is ``html``,
    ``plain`` or ``pdf``.
    """

    select: str | None = None
    xpath: str | None = None
    remove: tuple[str, ...] = ()
    start_after: str | None = None
    end_before: str | None = None
    keep_lines_matching: tuple[str, ...] = ()
    delete_lines_matching: tuple[str, ...] = ()
    substitute: tuple[tuple[str, str], ...] = ()
    encoding: str | None = None
    kind: str | None = None

    @property
    def fingerprint(self) -> str:
        """Names what makes a text: our rules' version, these rules, and the versions of the libraries they use.

        Two readings with the same fingerprint of the same bytes are equal; when it changes, kept bytes are read again.
        """
        return _fingerprint(self)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``select`` is the CSS selector that was used or found, ``removed`` counts what was dropped.

    ``hints`` names signs in the source of a short page that it stands in for another (for the quality gate).
    """

    text: Text
    published_at: datetime | None
    encoding: str | None
    select: str | None
    reader: str
    notes: tuple[str, ...] = ()
    removed: Mapping[str, int] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def _fingerprint(rules: ReadRules) -> str:
    kind = rules.kind or "html"
    libraries = set(KINDS[kind][1])
    if kind == "html" and not (rules.select or rules.xpath):
        libraries.add("trafilatura")
    if rules.kind is None:
        libraries.add("pypdf")
    if rules.keep_lines_matching or rules.delete_lines_matching or rules.substitute:
        libraries.add("regex")
    made_of = [asdict(rules), READER, {name: library_version(name) for name in sorted(libraries)}]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    return f"{kind}/{READER}:{digest[:12]}"


@lru_cache
def library_version(name: str) -> str:
    """The installed version of a library, without importing it."""
    from importlib.metadata import version

    return version(name)


def kind_of(body: bytes, content_type: str | None, url: str) -> str:
    """``html``, ``plain`` or ``pdf``: by the first bytes, the content type, the end of the address, in that order."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    media = (content_type or "").partition(";")[0].strip().lower()
    path = _path(url)
    if start.startswith(b"%pdf-") or media == "application/pdf":
        return "pdf"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")) or "html" in media:
        return "html"
    if media.startswith("text/") or path.endswith((".txt", ".md", ".text", ".markdown")):
        return "plain"
    if path.endswith(".pdf") and b"%PDF-" in body[:1024]:
        return "pdf"
    if path.endswith((".htm", ".html", ".shtml", ".xhtml")):
        return "html"
    return "html" if _TAG.search(body[:4096]) else "plain"


def _path(url: str) -> str:
    try:
        return urlsplit(url).path.lower()
    except ValueError:
        return ""


def read(
    body: bytes, rules: ReadRules, *, content_type: str | None = None, url: str = "", known: str | None = None
) -> Reading:
    """Read canonical text from ``body``. Raises ``ReadError``, and nothing else, when there is none to be read.

    ``known`` is the digest of the text that is expected: where the reading can see in a cheaper way that it is that
    text, it does. The text is the same either way.
    """
    kind = rules.kind or kind_of(body, content_type, url)
    if kind == "html" and known is not None:
        from monitor.read import html

        return html.read(body, rules, content_type, known)
    reader: Callable[[bytes, ReadRules, str | None], Reading] = import_module(KINDS[kind][0]).read
    return reader(body, rules, content_type)
