"""Markdown for an issue, a wiki or a chat: quoted passages with ``~~deleted~~`` and ``**inserted**``."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from monitor.render.inline import explanations, left_out_words
from monitor.render.pieces import LeftOut, Paragraph, Piece, Sign, items
from monitor.render.safe import one_line, visible
from monitor.render.telling import (
    NOTHING,
    filtered_line,
    ordered_kinds,
    side_time,
    silent_line,
    summary_of,
    told_edits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.render import Comparison, Side, Style

_SPECIAL: Final = re.compile(
    r"([\\`*_{}\[\]<>#|~&!$]|^(?:[-+=]|\d+[.)])|(?<![^\W_])@|(?<=\w):(?=//)|(?<=\bwww)\.)", re.MULTILINE
)
"""What could be read as markup: emphasis, code, links, HTML, entities, tables, mathematics; at line starts lists and
headings; an ``@`` that would call someone; what would make a link of an address."""

FENCES: Final = {Sign.DELETED: ("~~", "~~", "del"), Sign.INSERTED: ("**", "**", "ins")}


def markdown(comparison: Comparison, style: Style) -> str:
    """Title, times, summary, then the changed passages as quotations, each with its kinds below it."""
    old, new = comparison.old, comparison.new
    head = f"**{escaped(one_line(old.ref))} → {escaped(one_line(new.ref))}**"
    if comparison.change.identical:
        return f"{head}\n\n{NOTHING}\n"
    edits = told_edits(comparison, style)
    blocks = [head, escaped(summary_of(edits, identical=False))]
    blocks += [f"**{line}**" for line in (silent_line(comparison),) if line]
    if facts := [*_facts("old", old), *_facts("new", new)]:
        blocks.append("\n".join(f"- {fact}" for fact in facts))
    for item in items(comparison, style):
        blocks += [f"*{left_out_words(item)}*"] if isinstance(item, LeftOut) else _quoted(item, style)
    if filtered := filtered_line(comparison, edits):
        blocks.append(f"*{filtered}*")
    return "\n\n".join(blocks) + "\n"


def escaped(text: str) -> str:
    """``text`` as itself in Markdown (CommonMark, GitHub): nothing in it is markup, a link or a call to someone."""
    return _SPECIAL.sub(_escape, visible(text))


def _escape(match: re.Match[str]) -> str:
    found = match.group()
    if found == "@":
        # A backslash would still call the person: mentions are found in the rendered text. A comment parts it.
        return "@<!-- -->"
    if found[0].isdigit():
        return f"{found[:-1]}\\{found[-1]}"
    return "\\" + found


def _facts(name: str, side: Side) -> Iterator[str]:
    when = side_time(side)
    where = f"`{one_line(side.url).replace('`', '%60')}`" if side.url else ""
    if when or where:
        yield f"{name}: " + "; ".join(part for part in (when, where) if part)


def _quoted(paragraph: Paragraph, style: Style) -> list[str]:
    body = _with_fences(paragraph.pieces).strip()
    # A backslash before the line feed keeps the break of the text.
    blocks = ["> " + body.replace("\n", "\\\n> ")]
    if style.explain:
        blocks.append("\n".join(f"- {escaped(line)}" for line in explanations(paragraph)))
    elif kinds := dict.fromkeys(
        kind
        for piece in paragraph.pieces
        if piece.edit is not None and piece.first
        for kind in ordered_kinds(piece.edit)
    ):
        blocks.append(f"<sub>{', '.join(kinds)}</sub>")
    return [block for block in blocks if block]


def _with_fences(parts: Sequence[Piece]) -> str:
    """The pieces as inline markup. Where ``~~`` or ``**`` could not open or close, the HTML element stands instead."""
    out = ""
    for place, piece in enumerate(parts):
        if piece.sign is Sign.SAME:
            out += escaped(piece.text.replace("\r\n", "\n"))
            continue
        if piece.sign is Sign.QUIET:
            out += piece.text
            continue
        label = f"{piece.label}{': ' if piece.leads else ' '}" if piece.label else ""
        text = visible(piece.text.replace("\r\n", "\n"))
        core = text.strip()
        if not core:
            out += text
            continue
        lead, _, trail = text.partition(core)
        after = trail or next((other.text for other in parts[place + 1 : place + 2]), "")
        opening, closing, element = FENCES[piece.sign]
        shown = escaped(label + core).replace("\n", "⏎ ")
        plain = visible(label + core)
        if _opens(out + lead, plain) and _closes(plain, after):
            marked = opening + shown + closing
        else:
            marked = f"<{element}>{shown}</{element}>"
        if out.endswith(opening[0]) and not lead and marked.startswith(opening[0]):
            marked = f"<{element}>{shown}</{element}>"  # two fences of one sign in a row would run together
        out += lead + marked + trail
    return out


def _opens(before: str, core: str) -> bool:
    """Whether a fence may open here: CommonMark's left-flanking rule."""
    return not _punctuation(core[:1]) or not before or before[-1].isspace() or _punctuation(before[-1])


def _closes(core: str, after: str) -> bool:
    """Whether a fence may close here: the right-flanking rule."""
    return not _punctuation(core[-1:]) or not after or after[0].isspace() or _punctuation(after[0])


def _punctuation(char: str) -> bool:
    return bool(char) and unicodedata.category(char)[0] in "PS"
