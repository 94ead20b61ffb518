"""Hostile text made visible and harmless.

What a page says must not drive the terminal or the eye: control characters, direction overrides and invisible
characters come out as visible signs. Rules: Unicode Technical Report 36 (direction and invisible characters), ECMA-48
(C0 and C1), and IDNA's CONTEXTJ idea (RFC 5892, appendix A): a joiner is kept where a script or an emoji needs it.
"""

from __future__ import annotations

import re
from typing import Final

INVISIBLE: Final = (
    "\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f"  # C0 but the line feed, DEL, C1
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e"  # soft hyphen, joiners, fillers, Arabic letter mark
    "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"  # zero width, separators, embeddings and overrides, isolates
    "\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff"  # fillers, byte order mark, annotations, noncharacters
    "\\ud800-\\udfff"  # unpaired surrogates
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"  # shorthand and musical format controls
    "\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff"  # tags; the variation selectors between them stay
)
"""The inside of a character class: everything that is not shown as it is."""

_SUSPECT: Final = re.compile(f"[{INVISIBLE}]")
_JOINERS: Final = "\u200c\u200d"
_JOINING_SCRIPTS: Final = re.compile(
    "[\u0600-\u0604\u0610-\u061b\u0620-\u07ff\u0840-\u085f\u0860-\u0dff\u0f00-\u109f\u1780-\u17b3\u17b6-\u17ff"
    "\u1800-\u180d\u180f-\u18af\u1a20-\u1aaf\u1b00-\u1bff\ua840-\ua87f\ufb50-\ufdff\ufe70-\ufefc]"
)
"""Arabic and its kin, Indic and South-East Asian scripts, Mongolian: there a joiner decides how a letter is written."""
_EMOJI: Final = re.compile(
    "[\u00a9\u00ae\u203c-\u2049\u20e3\u2122-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934-\u2b55\u3030-\u3299\ufe0f"
    "\U0001f000-\U0001faff]"
)


def visible(text: str) -> str:
    """``text`` with what cannot be seen as visible signs: ESC is ``␛``, a direction override ``⟨U+202E⟩``.

    Line feeds stay; so do joiners inside emoji and between letters of scripts that need them. Idempotent; a text
    without such characters comes back as it is.
    """
    if text.isascii() and text.replace("\n", "").isprintable():  # most of what there is to show, ten times faster
        return text
    return _SUSPECT.sub(_sign, text)


def one_line(text: str) -> str:
    """The same for a place that holds one line only (a name, a title): line feeds become ``⏎``."""
    return visible(text).replace("\n", "⏎")


def _sign(match: re.Match[str]) -> str:
    char = match.group()
    if char in _JOINERS and _joins(match.string, match.start()):
        return char
    point = ord(char)
    if point < 0x20:
        return chr(0x2400 + point)
    if point == 0x7F:
        return "␡"
    return f"⟨U+{point:04X}⟩"


def _joins(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if _EMOJI.match(before) and _EMOJI.match(after):
        return text[at] == "\u200d"
    return bool(_JOINING_SCRIPTS.match(before) and _JOINING_SCRIPTS.match(after))
