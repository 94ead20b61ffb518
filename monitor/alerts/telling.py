"""A letter in words: the subject, the text part of a mail, the short form for chats. Pure.

What a page says comes from strangers: titles, reasons and addresses are made visible and put on one line before they
stand anywhere, so that no header, terminal or layout is theirs to shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from monitor.render import Style
from monitor.render.inline import passages
from monitor.render.pieces import Item, LeftOut, Paragraph, Sign, items
from monitor.render.safe import one_line
from monitor.render.telling import SEVERITY_MARKS, plural, shown_time, shown_window, silent_line, summary_of
from monitor.render.terminal import Line, Role, Run, fit, painted, wrap
from storage.records import EventKind, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.alerts import Letter, Notice
    from monitor.render import Comparison
    from monitor.render.pieces import Piece

NAME: Final = "[Variorum]"
"""What every subject begins with, for eyes and filters."""

WIDTH: Final = 76
"""Columns of the text part: a quoting mark more still fits 80 (RFC 3676 advises 78)."""
TITLE_COLUMNS: Final = 60
"""Of a title in a subject; the whole one stands in the mail."""
SUBJECT_COLUMNS: Final = 160
LINE_COLUMNS: Final = 300
"""Of a title, a reason or another line that came from outside."""
ABOUT_LINES: Final = 20

ROOM_BYTES: Final = 50_000
"""Of the passages of one letter. Gmail cuts a mail's HTML at 102 KB; marks and surroundings take the other half."""
LEAST_ROOM_BYTES: Final = 2_000
AROUND_BYTES: Final = 3_500
"""What stands around the passages of one notice in HTML: head, facts, seals."""
MARK_BYTES: Final = 150
"""What the marks around one piece of an edit take in HTML."""
WHOLE: Final = 10
"""So many notices of a digest are shown whole."""
LISTED: Final = 50
"""So many are in its table of contents."""

SHORT_CHARS: Final = 1_200
"""Of the short form: most chats take 2,000 characters, some 1,500."""

STYLE: Final = Style(width=WIDTH)

_CALLS: Final = re.compile(r"(?<!\w)@(?=\w)|<(?=[!@#])")
"""What would call people in a chat: ``@everyone``, ``<!channel>``, ``<@U123>``."""

_LABELS: Final = {
    EventKind.NEW: "new",
    EventKind.CHANGED: "changed",
    EventKind.COSMETIC: "cosmetic",
    EventKind.REVERTED: "reverted",
    EventKind.GONE: "gone",
    EventKind.RETURNED: "returned",
    EventKind.MOVED: "moved",
    EventKind.FAILING: "failing",
    EventKind.RECOVERED: "recovered",
    EventKind.QUIET: "quiet",
    EventKind.PHRASE: "set phrase",
    EventKind.DRIFT: "drift",
    EventKind.REREAD: "read again",
    EventKind.PRUNED: "pruned",
}

_GISTS: Final = {
    EventKind.NEW: "watched from now on",
    EventKind.CHANGED: "the wording changed",
    EventKind.COSMETIC: "only the layout or the typography changed",
    EventKind.REVERTED: "an earlier wording is back",
    EventKind.GONE: "the page is gone",
    EventKind.RETURNED: "the page is back",
    EventKind.MOVED: "the page has moved",
    EventKind.FAILING: "the page cannot be read",
    EventKind.RECOVERED: "the page can be read again",
    EventKind.QUIET: "no change for longer than expected",
    EventKind.PHRASE: "a set phrase came or went",
    EventKind.DRIFT: "the text is far from its baseline",
    EventKind.REREAD: "the same page, read by another reader",
    EventKind.PRUNED: "old texts were let go; their seals, digests and times are kept",
}


@dataclass(frozen=True, slots=True)
class Passages:
    """The changed passages that are shown, how many edits there are beyond them, and whether one was cut."""

    items: tuple[Item, ...] = ()
    left_out: int = 0
    cut: bool = False


def label(notice: Notice) -> str:
    """A word or two: the severity of a change (``major, silent``), else what happened (``gone``, ``set phrase``)."""
    event = notice.event
    if event.kind is EventKind.CHANGED and event.severity is not None:
        return event.severity.label + (", silent" if event.silent else "")
    return _LABELS[event.kind]


def mark(notice: Notice) -> str:
    """The sign of its severity, without padding; of what has none, that of a minor one."""
    return SEVERITY_MARKS[notice.event.severity or Severity.MINOR].strip()


def title(notice: Notice) -> str:
    """What the page calls itself, else the source's id; on one line."""
    told = notice.title or (notice.version.title if notice.version is not None else None)
    return fit(one_line(" ".join((told or notice.source.id)[:2_000].split())), LINE_COLUMNS)


def gist(notice: Notice) -> str:
    """What happened, in one line without the title."""
    event, detail = notice.event, notice.event.detail
    if notice.comparison is not None and event.kind in (EventKind.CHANGED, EventKind.COSMETIC):
        return summary_of(notice.comparison.change.edits, identical=notice.comparison.change.identical)
    told = _GISTS[event.kind]
    if event.kind in (EventKind.PHRASE, EventKind.DRIFT, EventKind.QUIET) and notice.about:
        told = notice.about[0]
    elif event.kind is EventKind.REVERTED and detail.get("to") is not None:
        told = f"the wording of version {detail['to']} is back"
        told += "; the page goes back and forth, further returns are not told" if detail.get("flapping") else ""
    elif event.kind is EventKind.MOVED and detail.get("to"):
        told = f"{told}, to {detail['to']}"
    elif detail.get("reason"):
        told = f"{told}: {detail['reason']}"
    return fit(one_line(told), LINE_COLUMNS)


def subject(letter: Letter, *, steady: bool = False) -> str:
    """The subject line: severity, title and what happened; of a digest the count and the titles.

    ``steady``: the same for every letter of a thread (``[Variorum] SOURCE``), for mail services that thread by subject.
    """
    first = letter.notices[0] if letter.notices else None
    test = "test, " if any(notice.test for notice in letter.notices) else ""
    if first is None:
        return f"{NAME} {plural(letter.more, 'alert')}"
    if steady:
        return f"{NAME} {first.source.id if about_one(letter) else 'digest'}"
    if not letter.digest and len(letter.notices) == 1:
        head = f"{NAME} {test}{label(first)}: {fit(title(first), TITLE_COLUMNS)}"
        return fit(f"{head} | {gist(first)}", SUBJECT_COLUMNS)
    count = len(letter.notices) + letter.more
    major = sum(notice.event.severity is Severity.MAJOR for notice in letter.notices)
    told = plural(count, "alert") + (f", {major} major" if major else "")
    titles = dict.fromkeys(fit(title(notice), 40) for notice in letter.notices)
    return fit(f"{NAME} {test}{told}: {'; '.join(titles)}", SUBJECT_COLUMNS - 40)


def about_one(letter: Letter) -> bool:
    """Whether the letter tells of one source only."""
    return len({notice.source.id for notice in letter.notices}) == 1


def facts(notice: Notice) -> Iterator[tuple[str, str]]:
    """Label and value of what a reader may want to know or to quote, each on one line."""
    event, source = notice.event, notice.source
    if event.window is not None and event.kind in (EventKind.FAILING, EventKind.GONE):
        good = event.window.after
        yield (
            "When",
            (f"last seen {shown_time(good)}, " if good else "") + f"missed since {shown_time(event.window.before)}",
        )
    elif event.window is not None:
        yield "When", shown_window(event.window)
    else:
        yield "When", shown_time(event.at)
    yield "Source", source.id + (f", of the series {source.series}" if source.series else "")
    if event.kind is EventKind.MOVED and event.detail.get("to"):
        yield "Moved to", one_line(str(event.detail["to"]))
    yield "Page", one_line(notice.links.page)
    if notice.links.change:
        yield "Compare", one_line(notice.links.change)
    if notice.comparison is not None:
        yield "Versions", f"{one_line(notice.comparison.old.ref)} → {one_line(notice.comparison.new.ref)}"
    elif notice.version is not None:
        yield "Version", f"{notice.version.source}@{notice.version.number}"


def seals(notice: Notice) -> Iterator[tuple[str, str]]:
    """What makes of a mailbox a witness: the chain head, the digests, the alert's own id."""
    if notice.comparison is not None:
        yield "Old SHA-256", notice.comparison.old.text.digest
        yield "New SHA-256", notice.comparison.new.text.digest
    elif notice.version is not None:
        yield "SHA-256", notice.version.digest
    if notice.chain:
        yield "Chain head", notice.chain
    yield "Alert", one_line(notice.id)


def about(notice: Notice) -> list[str]:
    """What is to be said beside the gist, each on one line: a silent edit, which phrase, how far."""
    lines = [fit(one_line(line), LINE_COLUMNS) for line in notice.about[:ABOUT_LINES]]
    if len(notice.about) > ABOUT_LINES:
        lines.append(f"and {len(notice.about) - ABOUT_LINES:,} more lines")
    if notice.comparison is not None and (silent := silent_line(notice.comparison)):
        lines.insert(0, silent)
    told = gist(notice)
    return [line for line in lines if line and line != told]


def where_whole(notice: Notice) -> str:
    """Where the whole comparison is to be seen."""
    if notice.links.change:
        return one_line(notice.links.change)
    if notice.comparison is None:
        return one_line(notice.links.page)
    return f"variorum diff {one_line(notice.comparison.old.ref)} {one_line(notice.comparison.new.ref)}"


def left_out_line(notice: Notice, shown: Passages) -> str:
    """How many edits are not shown, and where they are; '' when all is there."""
    if shown.left_out:
        return f"⋯ and {plural(shown.left_out, 'more edit')} not shown here; all of them: {where_whole(notice)}"
    return f"⋯ cut here; all of it: {where_whole(notice)}" if shown.cut else ""


def shown_passages(comparison: Comparison | None, room_bytes: int) -> Passages:
    """The passages that find room in about ``room_bytes``, marks included, cut where it ends."""
    if comparison is None or comparison.change.identical:
        return Passages()
    kept: list[Item] = []
    counted = 0
    cut = False
    whole = items(comparison, STYLE)
    for item in whole:
        if isinstance(item, LeftOut):
            kept.append(item)
            continue
        part, cost = _cut(item, room_bytes, first=not counted)
        if part.pieces:
            kept.append(part)
        counted += len(part.edits)
        room_bytes -= cost
        if room_bytes <= 0:
            cut = True
            break
    every = sum(len(item.edits) for item in whole if isinstance(item, Paragraph))
    return Passages(tuple(kept), every - counted, cut and len(kept) > 0)


def room_of(letter: Letter) -> int:
    """Bytes for the passages of each notice: a digest shares the room of a letter."""
    count = max(1, min(WHOLE, len(letter.notices)))
    return max(LEAST_ROOM_BYTES, (ROOM_BYTES - (count - 1) * AROUND_BYTES) // count)


def text(letter: Letter) -> str:
    """The text part, for a plain terminal: no colour, at most ``WIDTH`` columns where a line can be broken."""
    lines: list[str] = []
    many = letter.digest or len(letter.notices) != 1
    if many:
        lines += _contents(letter)
    room = room_of(letter)
    for place, notice in enumerate(letter.notices[:WHOLE], 1):
        if many:
            lines += ["", "", f"{f'── {place} ':─<{WIDTH}}", ""]
        lines += _notice(notice, room)
    if not many and letter.more:
        lines += ["", *_folded(more_line(letter), 0)]
    if letter.notices and (feed := letter.notices[0].links.feed):
        lines += ["", f"Feed: {one_line(feed)}"]
    return "\n".join(lines) + "\n"


def more_line(letter: Letter) -> str:
    """That throttling left some out."""
    return f"and {plural(letter.more, 'more alert')}, left out because there were so many: see `variorum log SOURCE --events`."


def contents(letter: Letter) -> Iterator[tuple[str, str]]:
    """The table of contents: for each notice its head (sign, label, title) and its gist."""
    for notice in letter.notices[:LISTED]:
        yield f"{mark(notice)} {label(notice)}: {fit(title(notice), TITLE_COLUMNS)}", gist(notice)


def unlisted(letter: Letter) -> str:
    """What the table of contents or the whole notices leave out; '' when nothing."""
    beyond = len(letter.notices) - WHOLE
    if beyond <= 0:
        return ""
    told = f"The first {WHOLE} follow whole; {plural(beyond, 'further one', 'further ones')} only in this list"
    hidden = len(letter.notices) - LISTED
    return told + (f", {hidden:,} of them not even here: see `variorum log SOURCE --events`." if hidden > 0 else ".")


def short(letter: Letter) -> tuple[str, str]:
    """Title and body for a chat: what happened, the first edits, where to read on. Calls to people are defused."""
    lines: list[str] = []
    many = letter.digest or len(letter.notices) != 1
    for notice in letter.notices[:WHOLE]:
        if many:
            lines.append(f"{mark(notice)} {title(notice)}: {gist(notice)}")
        else:
            lines += [gist(notice), *about(notice), *(f"{name}: {value}" for name, value in facts(notice))]
            lines += _first_edits(notice)
    beyond = letter.more + max(0, len(letter.notices) - WHOLE)
    if beyond:
        lines.append(f"and {plural(beyond, 'more alert')}")
    body = ""
    for line in lines:
        if len(body) + len(line) > SHORT_CHARS:
            body += "…\n"
            break
        body += line + "\n"
    if not many and letter.notices[0].chain:
        body += f"Chain head: {letter.notices[0].chain}\n"
    return _defused(subject(letter)), _defused(body.rstrip("\n"))


def _defused(told: str) -> str:
    return _CALLS.sub(lambda found: "＠" if found.group() == "@" else "‹", told)


def _first_edits(notice: Notice) -> Iterator[str]:
    if notice.comparison is None:
        return
    shown = shown_passages(notice.comparison, 600)
    yield from (line.strip() for line in passages(shown.items, replace(STYLE, width=59, context=0)) if line)
    if line := left_out_line(notice, shown):
        yield line


def _contents(letter: Letter) -> Iterator[str]:
    count = len(letter.notices) + letter.more
    yield f"{plural(count, 'alert')}, {shown_time(letter.at)}"
    yield ""
    for place, (head, told) in enumerate(contents(letter), 1):
        yield from _folded(f"{place:>3}. {head}", 5)
        yield from _folded(f"     {told}", 5)
    if letter.more:
        yield from _folded(f"     {more_line(letter)}", 5)
    if beyond := unlisted(letter):
        yield from ("", *_folded(beyond, 0))


def _notice(notice: Notice, room_bytes: int) -> Iterator[str]:
    if notice.test:
        yield from ("This is a sample, asked for by `variorum alerts test`.", "")
    yield f"{mark(notice)} {label(notice).upper()}"
    yield from _folded(title(notice), 0)
    yield ""
    yield from _folded(gist(notice), 0)
    for line in about(notice):
        yield from _folded(line, 0)
    yield ""
    told = list(facts(notice))
    wide = max(len(name) for name, _ in told) + 2
    # Addresses and digests are for copying: never broken.
    yield from (f"{name:<{wide}}{value}" for name, value in told)
    shown = shown_passages(notice.comparison, room_bytes)
    yield from passages(shown.items, STYLE)
    if line := left_out_line(notice, shown):
        # The place on a line of its own, unbroken.
        words, _, place = line.partition(": ")
        yield from ("", f"{words}:", f"  {place}")
    yield ""
    sealed = list(seals(notice))
    wide = max(len(name) for name, _ in sealed) + 2
    for name, value in sealed:
        yield f"{name:<{wide}}{value}" if wide + len(value) <= WIDTH else f"{name}\n  {value}"


def _folded(line: str, hanging: int) -> Iterator[str]:
    lead = line[: len(line) - len(line.lstrip())]
    for place, part in enumerate(wrap([(Run(line.lstrip(), Role.SAME), -1)], WIDTH - hanging)):
        yield (lead if place == 0 else " " * hanging) + _plain(part)


def _plain(line: Line) -> str:
    return painted(line, False)


def _cut(paragraph: Paragraph, room_bytes: int, *, first: bool) -> tuple[Paragraph, int]:
    """As much of it as finds room, and what that takes: more than the room when something was left out.

    An edit is shown with both its sides or not at all, so that no deletion seems to be one where words were replaced.
    Only when nothing else is shown yet (``first``) it is cut.
    """
    kept: list[Piece] = []
    spent = 0
    for edit, group in groupby(paragraph.pieces, key=lambda piece: piece.edit):
        part = list(group)
        cost = sum(_cost(piece) for piece in part)
        if spent + cost <= room_bytes:
            kept += part
            spent += cost
            continue
        if edit is None or (first and not any(piece.edit for piece in kept)):
            # Characters take up to four bytes, Chinese three: a third of the room never takes much more than all of it.
            room_chars = max(40, (room_bytes - spent) // (3 * len(part)))
            kept += [replace(piece, text=f"{piece.text[:room_chars]} …") for piece in part]
        return Paragraph(tuple(kept)), room_bytes + 1
    return Paragraph(tuple(kept)), spent


def _cost(piece: Piece) -> int:
    return len(piece.text.encode("utf-8", "surrogatepass")) + (MARK_BYTES if piece.sign is not Sign.SAME else 0)
