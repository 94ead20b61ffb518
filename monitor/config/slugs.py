"""From an address to an id that people can read and type."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import unquote, urlsplit

LONGEST: Final = 80
_MARK: Final = 8


def slug(url: str) -> str:
    """A stable, readable id for an address: its host and path, in lower case, with ``-`` between.

    At most 80 characters. Where something had to be left out (a long path, letters that are not Latin), eight digits of
    the address's SHA-256 stand at the end, so that two addresses differing there get different ids. Ids are written
    into archives: this rule must not change.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    path = re.sub(r"(^|/)(index|default)\.\w{2,5}$|\.(s?html?|php|aspx?|jsp|txt|pdf)$", "", unquote(parts.path))
    whole = "/".join(piece for piece in (host, path.strip("/"), unquote(parts.query)) if piece)
    latin = unicodedata.normalize("NFKD", whole).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[-.]*[^a-z0-9._-]+[-.]*", "-", latin).strip("-._")
    lost = bool(re.search(r"[^\x00-\x7f]", re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", whole))))
    if words and len(words) <= LONGEST and not lost:
        return words
    mark = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    kept = words[: LONGEST - _MARK - 1].rstrip("-._")
    return f"{kept}-{mark}" if kept else f"source-{mark}"
