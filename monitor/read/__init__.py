"""Bytes → canonical text. Pure. The kinds (html, plain, pdf) are a table: one more is one file and one line here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Final, cast

from storage.records import Text

READER: Final = "1"
"""The version of our own rules of reading: when they change, every fingerprint does."""

KINDS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "html": ("monitor.read.html", ("lxml",)),
    "automatic": ("monitor.read.html", ("lxml", "trafilatura")),
    "pdf": ("monitor.read.pdf", ("pypdf",)),
    "plain": ("monitor.read.plain", ()),
}
"""Kind → the module whose ``read`` reads it, and the libraries whose versions are part of the fingerprint."""


@dataclass(frozen=True)
class ReadRules:
    """How one source is read. All None: the kind is found out, and the main text with it."""

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

    @cached_property
    def fingerprint(self) -> str:
        """Names what made a text: our rules' version, these rules, and the versions of the libraries they use.

        Two readings with the same fingerprint of the same bytes are equal; when it changes, kept bytes are read again.
        """
        kind = self.kind or ("html" if self.select or self.xpath else "automatic")
        used = {name: library_version(name) for name in KINDS.get(kind, KINDS["html"])[1]}
        if self.kind is None:
            used["pypdf"] = library_version("pypdf")
        rules = json.dumps([asdict(self), READER, used], sort_keys=True)
        return f"{kind}/{READER}:{hashlib.sha256(rules.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read. ``select`` is the CSS selector that was used or found, ``removed`` counts what was dropped."""

    text: Text
    published_at: datetime | None
    encoding: str | None
    select: str | None
    reader: str
    notes: tuple[str, ...] = ()
    removed: Mapping[str, int] = field(default_factory=dict)


@lru_cache
def library_version(name: str) -> str:
    """The installed version of a library, without importing it."""
    from importlib.metadata import version

    return version(name)


def kind_of(body: bytes, content_type: str | None, url: str) -> str:
    """``html``, ``plain`` or ``pdf``: from the first bytes, the content type, the ending of the address, in that order."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    media = (content_type or "").split(";")[0].strip().lower()
    path = url.split("?")[0].split("#")[0].lower()
    if start.startswith(b"%pdf-") or media == "application/pdf":
        return "pdf"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")) or "html" in media:
        return "html"
    if media.startswith("text/") or path.endswith((".txt", ".md", ".text")):
        return "plain"
    return "html" if b"<" in start and b">" in body[:4096] else "plain"


def read(body: bytes, rules: ReadRules, *, content_type: str | None = None, url: str = "") -> Reading:
    """Read canonical text from ``body``. Raises ``ReadError``, and nothing else, when there is none to be read."""
    kind = rules.kind or kind_of(body, content_type, url)
    reader = cast(
        Callable[[bytes, ReadRules, str | None], Reading], getattr(import_module(KINDS[kind][0]), "read")
    )
    return reader(body, rules, content_type)
