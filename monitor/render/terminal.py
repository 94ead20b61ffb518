"""Characters on a terminal: roles and their colours, widths of every script, wrapping. Pure; colour is an argument.

Widths are those of wcwidth (Unicode East Asian Width, emoji sequences); grapheme clusters (UAX 29) are never cut.
Lines break at spaces, and between ideographs but not before closing or after opening punctuation (a small part of
UAX 14, enough for prose).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.render.safe import visible
from storage.records import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import regex


class Role(enum.Enum):
    """What a run of characters is, for the eye. The value is its SGR sequence (ECMA-48; 256 colours)."""

    SAME = ""
    DELETED = "9;38;5;166"
    INSERTED = "1;4;38;5;32"
    MOVED_AWAY = "9;38;5;133"
    MOVED_HERE = "4;38;5;133"
    QUIET = "2"
    STRONG = "1"
    MAJOR = "1;38;5;166"
    WORDING = "38;5;172"
    GOOD = "38;5;32"


# Vermilion and blue differ for every common form of colour blindness (Okabe and Ito, "Color Universal Design", 2008),
# and both stand out from black and from white. Strike-through, underline and the signs repeat what the colours say.

SEVERITY_ROLES: Final = {
    Severity.MAJOR: Role.MAJOR,
    Severity.WORDING: Role.WORDING,
    Severity.MINOR: Role.SAME,
    Severity.COSMETIC: Role.QUIET,
}
"""How loud a severity is in colour."""

PROSE_WIDTH: Final = 100
"""Prose is not set wider than this, however wide the terminal."""

RESET: Final = "\x1b[0m"

NO_START: Final = frozenset("。，、；：？！）」』】〉》”’…％)]}%,.;:!?›»")
NO_END: Final = frozenset("（「『【〈《“‘([{‹«")
"""Punctuation that does not begin, or does not end, a line."""


_SINGLE: Final = re.compile("[\n\t -~\u00a0-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e]*")
"""Texts of which every character is a grapheme: ASCII, Latin, the quotes and dashes of prose. They need no table of graphemes."""
_SINGLE_TOKEN: Final = re.compile(r"\n|[ \t]+|[!-~]+|.")


def _found_tokens(text: str) -> Iterator[re.Match[str] | regex.Match[str]]:
    return (_SINGLE_TOKEN if _SINGLE.fullmatch(text) else _any_token()).finditer(text)


@lru_cache(maxsize=1)
def _any_token() -> regex.Pattern[str]:
    import regex  # here, as wcwidth below: a table, and most texts, need neither

    return regex.compile(r"\n|[ \t]+|[!-~]+(?![\p{M}\u200d\ufe0f])|\X")


def _graphemes(text: str) -> Sequence[str]:
    if _SINGLE.fullmatch(text):
        return text
    import regex

    return [match.group() for match in regex.finditer(r"\X", text)]


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one role. ``opens`` and ``closes`` are signs that stick to what follows, or to what went before."""

    text: str
    role: Role = Role.SAME
    opens: bool = False
    closes: bool = False


@dataclass(slots=True)
class Line:
    """One line: its runs and its width in columns. ``tags`` are the places of runs that asked for a tag."""

    runs: list[tuple[str, Role]] = field(default_factory=list)
    width: int = 0
    marks: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The characters alone."""
        return "".join(text for text, _ in self.runs)


@lru_cache(maxsize=8192)
def _cell_width(grapheme: str) -> int:
    from wcwidth import wcswidth

    return max(0, wcswidth(grapheme))


def width_of(text: str) -> int:
    """Columns that ``text`` takes (no line feeds in it)."""
    if text.isascii():
        return len(text)
    return sum(_cell_width(one) for one in _graphemes(text))


def fit(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; what is cut off is shown as ``…``."""
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for grapheme in _graphemes(text):
        used += _cell_width(grapheme)
        if used > width - 1:
            break
        kept += grapheme
    return kept + "…"


def fit_end(text: str, width: int) -> str:
    """The end of ``text`` in at most ``width`` columns; what is cut off before it is shown as ``…``."""
    if width_of(text) <= width:
        return text
    kept: list[str] = []
    used = 0
    for grapheme in reversed(list(_graphemes(text))):
        used += _cell_width(grapheme)
        if used > width - 1:
            break
        kept.append(grapheme)
    return "…" + "".join(reversed(kept))


def padded(text: str, width: int) -> str:
    """``text`` filled with spaces to ``width`` columns."""
    return text + " " * (width - width_of(text))


def paint(text: str, role: Role, color: bool) -> str:
    """``text`` in the colour of its role; the text itself when there is no colour."""
    if not (color and role.value and text):
        return text
    return f"\x1b[{role.value}m{text}{RESET}"


def painted(line: Line, color: bool) -> str:
    """A whole line; colours end where it ends, so that a pager or a margin is never tinted."""
    return "".join(paint(text, role, color) for text, role in line.runs)


@dataclass(slots=True)
class _Token:
    text: str
    width: int
    role: Role
    mark: int
    wide: bool = False
    opens: bool = False
    closes: bool = False
    glued: bool = False


def wrap(runs: Iterable[tuple[Run, int]], width: int) -> list[Line]:
    """Runs as lines of at most ``width`` columns. Each run has a mark (−1: none), kept on the line it starts in."""
    lines = [Line()]
    chain: list[_Token] = []
    space: list[_Token] = []
    previous: _Token | None = None
    for token in _tokens(runs):
        if token.text == "\n":
            _place(lines, space, chain, width)
            space, chain, previous = [], [], None
            lines.append(Line())
        elif token.text.isspace() and not token.glued:
            _place(lines, space, chain, width)
            space, chain, previous = [token], [], None
        else:
            if chain and previous is not None and _may_break(previous, token):
                _place(lines, space, chain, width)
                space, chain = [], []
            chain.append(token)
            previous = token
    _place(lines, space, chain, width)
    return lines


def _tokens(runs: Iterable[tuple[Run, int]]) -> Iterator[_Token]:
    """Words, spaces, line feeds, graphemes. A sign is one token; white space beside a sign inside it is glued to it."""
    wide = False
    listed = list(runs)
    for place, (run, mark) in enumerate(listed):
        shown = visible(run.text)
        if run.opens or run.closes:
            # A sign takes the nature of what it stands beside.
            yield _Token(shown, width_of(shown), run.role, mark, wide, run.opens, run.closes)
            continue
        opened = place > 0 and listed[place - 1][0].opens
        closed = place + 1 < len(listed) and listed[place + 1][0].closes
        for found in _found_tokens(shown):
            text = found.group()
            glued = (opened and found.start() == 0) or (closed and found.end() == len(shown))
            if text.isascii():
                size = 0 if text == "\n" else len(text)
                wide = False
            else:
                size = _cell_width(text)
                wide = size == 2
            yield _Token(text, size, run.role, mark, wide, glued=glued)
            mark = -1


def _may_break(before: _Token, after: _Token) -> bool:
    if before.opens or after.closes or before.text[-1] in NO_END or after.text[0] in NO_START:
        return False
    return before.wide or after.wide


def _place(lines: list[Line], space: Sequence[_Token], chain: Sequence[_Token], width: int) -> None:
    """Put an unbreakable chain on the last line, or on a new one; cut it only when no line could hold it."""
    line = lines[-1]
    gap = sum(token.width for token in space)
    need = sum(token.width for token in chain)
    if line.width and line.width + gap + need > width:
        line = Line()
        lines.append(line)
    elif line.width and chain:
        for token in space:
            _put(line, token)
    for token in chain:
        if line.width + token.width <= width:
            _put(line, token)
            continue
        for grapheme in _graphemes(token.text):
            size = _cell_width(grapheme)
            if line.width and line.width + size > width:
                line = Line()
                lines.append(line)
            _put(line, _Token(grapheme, size, token.role, token.mark))
            token.mark = -1


def _put(line: Line, token: _Token) -> None:
    if token.mark >= 0:
        line.marks.append(token.mark)
    line.width += token.width
    if line.runs and line.runs[-1][1] is token.role:
        line.runs[-1] = (line.runs[-1][0] + token.text, token.role)
    else:
        line.runs.append((token.text, token.role))
