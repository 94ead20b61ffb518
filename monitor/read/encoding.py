"""Which encoding: byte-order mark, HTTP header, ``meta``, then detection; and never a label that lies.

The order and the mapping of labels are WHATWG's (https://encoding.spec.whatwg.org/#names-and-labels): what the world
calls gb2312 is read as gb18030, latin-1 as windows-1252. A label under which the bytes do not decode is told and put
aside. Parsers never see raw bytes: given a wrong label they would destroy the text silently.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LABELS: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252",
    "windows-1252": "cp1252", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "korean": "cp949", "big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "utf8": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16": "utf-16-le", "unicode": "utf-16-le", "x-cp1251": "cp1251",
}  # fmt: skip
_META: Final = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]+)""", re.IGNORECASE)
_XML: Final = re.compile(rb"""^\s*<\?xml[^>]+encoding\s*=\s*["']([A-Za-z0-9_:.+-]+)""")
_HEADER: Final = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_:.+-]+)""", re.IGNORECASE)
_BROKEN_SHARE: Final = 0.01
"""A label under which more than one character in a hundred is undecodable is a lie."""


def decode(body: bytes, *, content_type: str | None = None, wanted: str | None = None) -> tuple[str, str, tuple[str, ...]]:
    """The text, the Python codec it was read with, and notes on labels that were put aside.

    ``wanted`` is the configured encoding: it goes before everything. Undecodable bytes become U+FFFD.
    """
    notes: list[str] = []
    for mark, codec in _BOMS:
        if wanted is None and body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace"), codec, ()
    for origin, label in _labels(body, content_type, wanted):
        codec = codec_of(label)
        if codec is None:
            notes.append(f"the {origin} names an unknown encoding, {label}")
            continue
        words = body.decode(codec, "replace")
        if words.count("\ufffd") <= max(_BROKEN_SHARE * len(words), 0 if codec == "utf-8" else 1) or origin == "configuration":
            return words, codec, tuple(notes)
        notes.append(f"the {origin} says {label}, but the bytes are not")
    codec = guess(body) or "cp1252"
    return body.decode(codec, "replace"), codec, tuple(notes)


def _labels(body: bytes, content_type: str | None, wanted: str | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if wanted:
        found.append(("configuration", wanted))
    if content_type and (header := _HEADER.search(content_type)):
        found.append(("HTTP header", header.group(1)))
    for pattern in (_META, _XML):
        if inside := pattern.search(body[:4096]):
            label = inside.group(1).decode("ascii")
            # HTML, prescan: a page whose meta can be read as ASCII is not UTF-16, whatever it says.
            found.append(("page", "utf-8" if label.lower().startswith("utf-16") else label))
    return found


def codec_of(label: str) -> str | None:
    """The Python codec for a label of the web; None for an unknown one."""
    name = _LABELS.get(label.strip().lower(), label.strip().lower())
    try:
        return codecs.lookup(name).name if codecs.lookup(name)._is_text_encoding else None
    except LookupError:
        return None


def guess(body: bytes) -> str | None:
    """The codec that the bytes look like: UTF-8 when they are, else by detection; None when nothing fits."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    import cchardet

    found = cchardet.detect(body).get("encoding")
    return codec_of(found) if found else None
