"""A letter as HTML that survives mail clients and feed readers. Pure.

Gmail, Outlook and feed readers drop style sheets, classes, and often ``<ins>`` and ``<del>`` themselves. So every mark is
a plain ``<span>`` with its own style, and inside it stand the signs of the text formats, ``[-…-]`` and ``{+…+}``: with all
styles gone the change can still be read. Nothing is loaded from anywhere.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

from monitor.alerts.telling import (
    WHOLE,
    about,
    contents,
    facts,
    gist,
    label,
    left_out_line,
    mark,
    more_line,
    room_of,
    seals,
    shown_passages,
    subject,
    title,
    unlisted,
)
from monitor.render.html import escaped
from monitor.render.inline import left_out_words
from monitor.render.marks import runs_of
from monitor.render.pieces import LeftOut, Paragraph, Sign
from monitor.render.safe import one_line
from monitor.render.telling import plural, shown_time, telling_kind
from monitor.render.terminal import Role
from storage.records import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.alerts import Letter, Notice
    from monitor.render.pieces import Piece

_HELD: Final = re.compile(
    r"\[-(?:[^\W\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]{1,24}(?!\w)|\w)"
)
"""A sign with the word after it (of scripts without spaces, the character): a line may end after a hyphen otherwise."""

MARKS: Final = {
    Role.DELETED: "background-color:#ffe0dc;color:#8a1a10;text-decoration:line-through;",
    Role.INSERTED: "background-color:#d9f2dd;color:#0a5a1d;text-decoration:underline;",
    Role.MOVED_AWAY: "background-color:#efe6fb;color:#5b2a91;text-decoration:line-through;",
    Role.MOVED_HERE: "background-color:#efe6fb;color:#5b2a91;text-decoration:underline;",
    Role.QUIET: "color:#767676;",
}
"""Text and ground together, each pair at 7:1 and more: a dark mode that changes one of them changes both."""

LEVELS: Final = {
    Severity.MAJOR: "background-color:#8a1a10;color:#ffffff;",
    Severity.WORDING: "background-color:#1d4f91;color:#ffffff;",
    Severity.MINOR: "background-color:#555555;color:#ffffff;",
    Severity.COSMETIC: "background-color:#767676;color:#ffffff;",
}

_BODY: Final = (
    "margin:0 auto;padding:12px;max-width:680px;"
    "font-family:Georgia,'Noto Serif','Noto Serif CJK SC',serif;font-size:16px;line-height:1.5;"
)
_TITLE: Final = "font-size:22px;line-height:1.3;margin:0 0 8px 0;"
_SMALL: Final = "font-family:Arial,Helvetica,'Noto Sans',sans-serif;font-size:13px;line-height:1.45;"
_QUIET: Final = _SMALL + "color:#767676;"
_FACTS: Final = _SMALL + "margin:12px 0;border-collapse:collapse;"
_NAME: Final = (
    "text-align:left;vertical-align:top;font-weight:normal;color:#767676;padding:1px 12px 1px 0;white-space:nowrap;"
)
_VALUE: Final = "vertical-align:top;padding:1px 0;overflow-wrap:anywhere;word-break:break-word;"
_PARAGRAPH: Final = "margin:12px 0 2px 0;overflow-wrap:anywhere;"
_RULE: Final = "border:0;border-top:1px solid #bbbbbb;margin:28px 0 20px 0;"


def page(letter: Letter) -> str:
    """The HTML part of a mail: a whole document, no longer than mail services show."""
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escaped(subject(letter))}</title>",
        "</head>",
        '<body style="margin:0;padding:0;">',
        f'<div style="{_BODY}">',
        *_letter(letter),
        "</div>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def fragment(notice: Notice, room_bytes: int) -> str:
    """One notice as HTML to stand inside something else: an entry of a feed, which has the title itself."""
    return "\n".join(_body(notice, room_bytes))


def _letter(letter: Letter) -> Iterator[str]:
    many = letter.digest or len(letter.notices) != 1
    if many:
        yield from _contents(letter)
    room = room_of(letter)
    for place, notice in enumerate(letter.notices[:WHOLE], 1):
        if many:
            yield f'<hr style="{_RULE}">'
        yield from _head(notice, place if many else 0)
        yield from _body(notice, room)
    if letter.more and not many:
        yield f'<p style="{_QUIET}">{escaped(more_line(letter))}</p>'
    yield from _foot(letter)


def _contents(letter: Letter) -> Iterator[str]:
    count = len(letter.notices) + letter.more
    yield f'<h1 style="{_TITLE}">{plural(count, "alert")}</h1>'
    yield f'<p style="{_QUIET}margin:0 0 12px 0;">{escaped(shown_time(letter.at))}</p>'
    yield f'<ol style="{_SMALL}padding-left:28px;">'
    for place, (head, told) in enumerate(contents(letter), 1):
        words = f'<bdi lang="">{escaped(head)}</bdi>'
        linked = f'<a href="#alert-{place}">{words}</a>' if place <= WHOLE else words
        yield f'<li style="margin:0 0 6px 0;">{linked}<br><span style="color:#767676;"><bdi lang="">{escaped(told)}</bdi></span></li>'
    yield "</ol>"
    if letter.more:
        yield f'<p style="{_QUIET}">{escaped(more_line(letter))}</p>'
    if beyond := unlisted(letter):
        yield f'<p style="{_QUIET}">{escaped(beyond)}</p>'


def _head(notice: Notice, place: int) -> Iterator[str]:
    anchor = f' id="alert-{place}"' if place else ""
    color = LEVELS[notice.event.severity or Severity.MINOR]
    if notice.test:
        yield f'<p style="{_SMALL}">This is a sample, asked for by <code>variorum alerts test</code>.</p>'
    yield (
        f'<p{anchor} style="{_SMALL}margin:0 0 6px 0;"><span style="{color}padding:2px 8px;font-weight:bold;">'
        f"{escaped(mark(notice))} {escaped(label(notice))}</span></p>"
    )
    level = "h2" if place else "h1"
    yield f'<{level} lang="" dir="auto" style="{_TITLE}">{escaped(title(notice))}</{level}>'


def _body(notice: Notice, room_bytes: int) -> Iterator[str]:
    yield f'<p style="margin:0 0 4px 0;"><strong>{escaped(gist(notice))}</strong></p>'
    for line in about(notice):
        yield f'<p dir="auto" style="margin:0 0 4px 0;">{escaped(line)}</p>'
    yield from _table(facts(notice))
    shown = shown_passages(notice.comparison, room_bytes)
    for item in shown.items:
        if isinstance(item, LeftOut):
            yield f'<p style="{_QUIET}margin:12px 0;">{escaped(left_out_words(item))}</p>'
        else:
            yield from _paragraph(item)
    if told := left_out_line(notice, shown):
        line = escaped(told)
        change = notice.links.change
        linked = f'<a href="{escaped(change)}">{line}</a>' if change and _is_web(change) else line
        yield f'<p style="{_SMALL}">{linked}</p>'
    yield from _table(seals(notice), quiet=True)


def _table(rows: Iterator[tuple[str, str]], *, quiet: bool = False) -> Iterator[str]:
    yield f'<table role="presentation" style="{_FACTS}{"color:#767676;" if quiet else ""}">'
    for name, value in rows:
        shown = escaped(value)
        if _is_web(value):
            shown = f'<a href="{shown}">{shown}</a>'
        elif quiet:
            shown = f'<code style="font-size:12px;">{shown}</code>'
        yield f'<tr><th scope="row" align="left" valign="top" style="{_NAME}">{name}</th><td style="{_VALUE}">{shown}</td></tr>'
    yield "</table>"


def _paragraph(paragraph: Paragraph) -> Iterator[str]:
    words = "".join(_piece(piece) for piece in paragraph.pieces).strip()
    yield f'<p lang="" dir="auto" style="{_PARAGRAPH}">{words.removesuffix("<br>").removeprefix("<br>")}</p>'
    if paragraph.edits:
        kinds = dict.fromkeys((edit.severity, telling_kind(edit).value) for edit in paragraph.edits)
        told = " · ".join(kind if kind == level.label else f"{kind} ({level.label})" for level, kind in kinds)
        yield f'<p style="{_QUIET}margin:0 0 12px 0;">{told}</p>'


def _piece(piece: Piece) -> str:
    """Its text; marked by a style, and by the signs within."""
    if piece.sign is Sign.SAME:
        return _broken(piece.text.replace("\r\n", "\n"))
    out = ""
    for role, group in groupby(runs_of(piece), key=lambda run: run.role):
        runs = list(group)
        style = MARKS.get(role)
        words = _broken("".join(run.text for run in runs))
        if runs[0].opens and (sign := _HELD.match(runs[0].text + runs[1].text)):
            held = _broken(sign.group())
            words = f'<span style="white-space:nowrap;">{held}</span>{words.removeprefix(held)}'
        out += f'<span style="{style}">{words}</span>' if style else words
    return out


def _broken(text: str) -> str:
    return escaped(text).replace("\n", "<br>")


def _foot(letter: Letter) -> Iterator[str]:
    links = letter.notices[0].links if letter.notices else None
    if links is None:
        return
    parts = []
    for address, words in ((links.feed, "Feed"), (links.unsubscribe, "Unsubscribe")):
        if address and _is_web(address):
            parts.append(f'<a href="{escaped(one_line(address))}">{words}</a>')
    if parts:
        yield f'<p style="{_QUIET}border-top:1px solid #bbbbbb;padding-top:8px;">{" · ".join(parts)}</p>'


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://")) and " " not in address and address.isprintable()
