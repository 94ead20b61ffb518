"""Which encoding: byte-order mark, HTTP header, ``meta``, then detection; and never a label that lies. Pure.

The order and the labels are WHATWG's (https://encoding.spec.whatwg.org/#names-and-labels): what the world calls gb2312
is read as gb18030, latin-1 as windows-1252. A label that the bytes contradict is put aside, and the reading says so.
Parsers never see raw bytes: given a wrong label they would destroy the text silently.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# Python codec: the labels that mean it. What Python knows and the web does not (utf-7, punycode) is no codec here.
_NAMES: Final = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8 utf-8-sig",
    "cp866": "866 cp866 csibm866 ibm866",
    "iso8859-2": "csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 l3 latin3",
    "iso8859-4": "csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 l4 latin4",
    "iso8859-5": "csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5",
    "iso8859-6": "arabic asmo-708 ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i iso8859-6 iso_8859-6",
    "iso8859-7": "csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso_8859-7",
    "iso8859-8": "hebrew iso-8859-8 iso-8859-8-e iso-8859-8-i iso-ir-138 iso8859-8 iso_8859-8 logical visual",
    "iso8859-10": "csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "cskoi8r koi koi8 koi8-r koi8_r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "csmacintosh mac macintosh x-mac-roman",
    "cp874": "dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874 cp874",
    "cp1250": "cp1250 windows-1250 x-cp1250",
    "cp1251": "cp1251 windows-1251 x-cp1251",
    "cp1252": "ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 "
    "iso_8859-1:1987 l1 latin1 latin-1 us-ascii windows-1252 x-cp1252",
    "cp1253": "cp1253 windows-1253 x-cp1253",
    "cp1254": "cp1254 csisolatin5 iso-8859-9 iso8859-9 iso88599 iso_8859-9 l5 latin5 windows-1254 x-cp1254",
    "cp1255": "cp1255 windows-1255 x-cp1255",
    "cp1256": "cp1256 windows-1256 x-cp1256",
    "cp1257": "cp1257 windows-1257 x-cp1257",
    "cp1258": "cp1258 windows-1258 x-cp1258",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian maccyrillic",
    "gb18030": "chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030 cp936 euc-cn",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950",
    "euc_jp": "cseucpkdfmtjapanese euc-jp x-euc-jp",
    "iso2022_jp": "csiso2022jp iso-2022-jp",
    "cp932": "csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cp932",
    "cp949": "cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 "
    "cp949 uhc",
    "utf-16-be": "unicodefffe utf-16be",
    "utf-16-le": "csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le",
}
_CODECS: Final = {label: codec for codec, labels in _NAMES.items() for label in labels.split()}

_META: Final = re.compile(rb"""<meta[^>]+?charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]+)""", re.IGNORECASE)
_XML: Final = re.compile(rb"""^\s*<\?xml[^>]+?encoding\s*=\s*["']([A-Za-z0-9_:.+-]+)""")
_HEADER: Final = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]+)""", re.IGNORECASE)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_UTF8_CHARACTER: Final = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
PRESCAN_BYTES: Final = 4096
"""Where a page names its encoding; HTML says 1024, real pages take longer."""
SAMPLE_BYTES: Final = 200_000
BROKEN_SHARE: Final = 0.02
"""A label under which more of the non-ASCII characters than this are undecodable is a lie."""


@lru_cache(maxsize=256)
def codec_of(label: str) -> str | None:
    """The Python codec for a label of the web; None for an unknown one."""
    return _CODECS.get(label.strip().lower())


def decode(
    body: bytes, *, content_type: str | None = None, wanted: str | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """The text, the Python codec it was read with, and notes on labels that were put aside.

    ``wanted`` is the configured encoding: it goes before everything. Undecodable bytes become U+FFFD.
    """
    if wanted is not None and (codec := codec_of(wanted)) is not None:
        return body.decode(codec, "replace").removeprefix("\ufeff"), codec, ()
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace"), codec, ()
    if (shown := _shown(body)) is not None:
        return body.decode(shown, "replace"), shown, ()
    notes: list[str] = []
    for origin, label in _labels(body, content_type):
        found = codec_of(label)
        if found is None:
            notes.append(f"the {origin} names an unknown encoding, {label}")
            continue
        words = believed(body, found)
        if words is not None:
            return words, found, tuple(notes)
        notes.append(f"the {origin} says {label}, but the bytes are not")
    codec = guess(body) or "cp1252"
    return body.decode(codec, "replace"), codec, tuple(notes)


def _labels(body: bytes, content_type: str | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if content_type and (header := _HEADER.search(content_type)):
        found.append(("HTTP header", header.group(1)))
    for pattern in (_XML, _META):
        if inside := pattern.search(body[:PRESCAN_BYTES]):
            label = inside.group(1).decode("ascii")
            # HTML, prescan: a page whose meta can be read as ASCII is not UTF-16, whatever it says.
            found.append(("page", "utf-8" if label.lower().startswith(("utf-16", "unicode")) else label))
    return found


def believed(body: bytes, codec: str) -> str | None:
    """``body`` decoded with ``codec``, or None when the bytes say that it is another.

    Strict decoding is believed, but for two frequent lies: UTF-8 under a legacy label, and a multi-byte or Cyrillic
    text under a Western label, which seldom fails to decode. A few broken characters in a right encoding are forgiven.
    """
    if codec != "utf-8" and _is_utf8(body):
        return None
    if codec == "cp1252" and not _looks_western(body):
        return None
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        pass
    words = body.decode(codec, "replace")
    broken = words.count("\ufffd")
    beyond_ascii = len(words) - len(re.sub(r"[^\x00-\x7f]+", "", words))
    if codec == "utf-8" and len(_UTF8_CHARACTER.findall(body)) < broken:
        return None
    return words if broken <= max(1, BROKEN_SHARE * beyond_ascii) else None


def _is_utf8(body: bytes) -> bool:
    """Whether the bytes are UTF-8 beyond chance: valid throughout, with three characters or more beyond ASCII."""
    if body.isascii() or len(_UTF8_CHARACTER.findall(body[:SAMPLE_BYTES])) < 3:
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _looks_western(body: bytes) -> bool:
    """Whether bytes above ASCII stand alone, as accented letters and quotes do in Western languages."""
    runs = [len(run) for run in _HIGH.findall(body[:SAMPLE_BYTES])]
    return sum(length for length in runs if length > 2) <= 0.3 * sum(runs)


def guess(body: bytes) -> str | None:
    """The codec that the bytes look like: UTF-8 when they are, else by detection; None when nothing fits."""
    if (shown := _shown(body)) is not None:
        return shown
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    import cchardet

    # What is worth detecting begins with the first byte beyond ASCII.
    first = _HIGH.search(body)
    start = max(0, first.start() - 1000) if first else 0
    label = cchardet.detect(body[start : start + SAMPLE_BYTES]).get("encoding")
    return codec_of(label) if label else None


def _shown(body: bytes) -> str | None:
    """An encoding that the first bytes show beyond doubt: UTF-16 without a mark, or the escapes of ISO-2022-JP."""
    if b"\x00" in body[:200]:
        even, odd = body[:200:2], body[1:200:2]
        for codec, filled, empty in (("utf-16-le", even, odd), ("utf-16-be", odd, even)):
            if len(empty) >= 4 and empty.count(0) >= 0.8 * len(empty) and filled.count(0) <= 0.05 * len(filled):
                return codec
    # One byte is found at once, two are not.
    return "iso2022_jp" if b"\x1b" in body and b"\x1b$B" in body and b"\x1b(" in body and body.isascii() else None
