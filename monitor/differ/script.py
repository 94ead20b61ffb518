"""The script of a change: diff-match-patch's delta form over code points, and its application in both directions.

``=3\\t-2\\t+abc``: keep three, drop two, put in ``abc``. Inserted text is percent-encoded as UTF-8 the way
diff-match-patch does (``diff_toDelta``). A lone surrogate, which UTF-8 has no form for and only a raw file can hold, is
encoded as the three bytes that UTF-8 would give its number, so that every text has a script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from storage.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.records import Change, Edit

_PLAIN = "!~*'();/?:@&=+$,# "


def delta(edits: Iterable[Edit], length_old: int) -> str:
    """The delta of edits (in order, not overlapping) over an old text of that many code points."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        if edit.old.start > at:
            parts.append(f"={edit.old.start - at}")
        if edit.old.end > edit.old.start:
            parts.append(f"-{edit.old.end - edit.old.start}")
        if edit.new.text:
            parts.append("+" + quote(edit.new.text.encode("utf-8", "surrogatepass"), safe=_PLAIN))
        at = edit.old.end
    if length_old > at:
        parts.append(f"={length_old - at}")
    return "\t".join(parts)


def apply(script: str, old: str) -> str:
    """The new text. Raises ``IntegrityError`` when the script does not belong to this text."""
    parts: list[str] = []
    at = 0
    for step in script.split("\t") if script else ():
        sign, rest = step[:1], step[1:]
        if sign == "+":
            parts.append(unquote_to_bytes(rest).decode("utf-8", "surrogatepass"))
        elif sign in ("=", "-") and rest.isascii() and rest.isdigit():
            if sign == "=":
                parts.append(old[at : at + int(rest)])
            at += int(rest)
        else:
            raise IntegrityError(f"not a script: {step[:20]!r}")
    if at != len(old):
        raise IntegrityError(f"the script is for a text of {at} characters, not of {len(old)}")
    return "".join(parts)


def revert(change: Change, new: str) -> str:
    """The old text, from the edits of the change. Raises ``IntegrityError`` when they do not belong to ``new``."""
    return undone(change.edits, new)


def undone(edits: Iterable[Edit], new: str) -> str:
    """The old text, from the edits alone."""
    return replayed([(edit.new.start, edit.new.end, edit.new.text, edit.old.text) for edit in edits], new)


def replayed(steps: Sequence[tuple[int, int, str, str]], text: str) -> str:
    """``text`` with each span ``(start, end, there, put)`` replaced; the spans are in order and do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end, there, put in steps:
        if start < at or text[start:end] != there:
            raise IntegrityError(f"an edit at {start} does not fit the text")
        parts += (text[at:start], put)
        at = end
    parts.append(text[at:])
    return "".join(parts)
