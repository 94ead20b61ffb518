"""The answers over many versions, for people: blame, drift with its chart, phrases. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from monitor.differ import compare
from monitor.history.drift import Fate
from monitor.render import Comparison, Side, Style
from monitor.render.answers import table
from monitor.render.marks import runs_of
from monitor.render.pieces import pieces
from monitor.render.safe import one_line
from monitor.render.seen import numbers, seen_at
from monitor.render.telling import plural, shown_time, shown_window
from monitor.render.terminal import PROSE_WIDTH, Role, Run, fit, paint, painted, width_of, wrap
from storage.records import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.history.blame import Blame, Blamed, Origin
    from monitor.history.drift import Drift, Drifted, Line
    from monitor.history.phrases import OrderChange, PhraseTable, Standing

BARS: Final = " ▏▎▍▌▋▊▉█"
"""Eighths of a column: a bar of a chart is exact to an eighth."""
_SMALL: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def blame_lines(blame: Blame, style: Style) -> str:
    """Since when each sentence stands: version and window, once for each run of sentences that came together.

    When words were asked for, a small figure after words that are older than their sentence names their version.
    """
    if not blame.sentences:
        return f"{one_line(blame.source)}@{blame.version}: no text\n"
    lines = [paint(_blamed_version(blame), Role.STRONG, style.color)]
    if any(word.since != one.since for one in blame.sentences for word in one.words):
        note = "Words before a small figure are older than their sentence: they came in the version it names."
        lines += [painted(line, style.color) for line in wrap([(Run(note, Role.QUIET), -1)], style.width)]
    margin = max(len(f"@{one.since.version} ") for one in blame.sentences) + 2
    width = max(20, min(style.width - margin, PROSE_WIDTH))
    for origin, group in groupby(blame.sentences, key=lambda one: one.since):
        lines += ["", *_origin(origin, style, blame)]
        for sentence in group:
            lines += _blamed(sentence, margin, width, style)
    return "\n".join(lines) + "\n"


def _blamed_version(blame: Blame) -> str:
    """``SOURCE@3``; in a series the member as well."""
    shown = f"{one_line(blame.source)}@{blame.version}"
    label = next((origin.label for origin in blame.origins if origin.version == blame.version), "")
    return f"{shown} ({one_line(label)})" if label and label != blame.source else shown


def _origin(origin: Origin, style: Style, blame: Blame) -> Iterator[str]:
    member = f" ({one_line(origin.label)})" if origin.label and origin.label != blame.source else ""
    words = f"@{origin.version}{member}  {shown_window(origin.window)}"
    if origin.reread:
        words += " (reread: may have stood before)"
    # What came last is news; what was always there is not.
    role = Role.WORDING if origin.version == blame.version > 1 else Role.QUIET
    for line in wrap([(Run(words, role), -1)], style.width):
        yield painted(line, style.color)


def _blamed(sentence: Blamed, margin: int, width: int, style: Style) -> Iterator[str]:
    runs = list(_words(sentence)) if sentence.words else [Run(sentence.text)]
    for line in wrap([(run, -1) for run in runs], width):
        yield " " * margin + painted(line, style.color)
    if sentence.returned:
        note = f"↺ was gone in {numbers(sentence.removed)} and came back"
        for line in wrap([(Run(note, Role.WORDING), -1)], width):
            yield " " * margin + painted(line, style.color)


def _words(sentence: Blamed) -> Iterator[Run]:
    """The sentence with a small figure, the version, after every run of words that is older than the sentence itself."""
    at = sentence.start
    for origin, group in groupby(sentence.words, key=lambda word: word.since):
        words = list(group)
        start, end = words[0].start, words[-1].end
        if start > at:
            yield Run(sentence.text[at - sentence.start : start - sentence.start])
        text = sentence.text[start - sentence.start : end - sentence.start]
        own = origin.version == sentence.since.version
        yield Run(text, Role.STRONG if own and len(words) < len(sentence.words) else Role.SAME)
        if not own:
            yield Run(str(origin.version).translate(_SMALL), Role.QUIET, closes=True)
        at = end
    if at < sentence.end:
        yield Run(sentence.text[at - sentence.start :])


def drift_lines(drift: Drift, style: Style, *, ascii_only: bool = False) -> str:
    """A bar chart of distances, the table of fates, and for the last member every sentence that is not as it was.

    ``ascii_only`` draws the bars with ``#`` for terminals without block characters.
    """
    if not drift.members:
        return "nothing to compare with the baseline\n"
    parts = [*drift_chart(drift.members, style, ascii_only=ascii_only), ""]
    parts += _fates(drift.members, style)
    parts += _sentences(drift.members[-1], style)
    return "\n".join(parts).rstrip("\n") + "\n"


def drift_chart(members: Sequence[Drifted], style: Style, *, ascii_only: bool = False) -> Iterator[str]:
    """One bar for each member: its distance from the baseline, 0 to 1 over the whole width."""
    labels = [fit(one_line(member.label), max(10, style.width // 3)) for member in members]
    label_width = max(width_of(label) for label in labels)
    room = max(10, min(style.width, PROSE_WIDTH) - label_width - 8)
    yield paint(f"{'':{label_width}}  distance from the baseline, 0 to 1", Role.QUIET, style.color)
    for label, member in zip(labels, members, strict=True):
        bar = _bar(member.distance, room, ascii_only=ascii_only)
        role = Role.MAJOR if member.distance >= 0.5 else Role.WORDING if member.distance >= 0.1 else Role.GOOD
        gap = " " * (label_width - width_of(label))
        yield f"{label}{gap}  {member.distance:.2f}" + (f"  {paint(bar, role, style.color)}" if bar else "")


def _bar(share: float, room: int, *, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * round(share * room)
    eighths = round(share * room * 8)
    return "█" * (eighths // 8) + BARS[eighths % 8].strip()


def _fates(members: Sequence[Drifted], style: Style) -> Iterator[str]:
    rows = [
        (
            member.label,
            shown_time(member.at)[:10] if member.at else "–",
            *(f"{member.count(fate):,}" for fate in Fate),
            f"{len(member.new):,}",
            f"{member.reordered:,}",
        )
        for member in members
    ]
    heads = ("MEMBER", "DATE", *(fate.value.upper() for fate in Fate), "NEW", "REORDERED")
    yield table(heads, rows, style, right=range(2, len(heads)))


def _sentences(member: Drifted, style: Style) -> Iterator[str]:
    changed = [line for line in member.lines if line.fate is not Fate.KEPT or _laid_out_anew(line)]
    if not (changed or member.new):
        yield f"{one_line(member.label)}: every sentence of the baseline stands as it was"
        return
    kept = len(member.lines) - len(changed)
    yield paint(
        f"{one_line(member.label)}: {plural(kept, 'baseline sentence')} kept; the others", Role.STRONG, style.color
    )
    for _, group in groupby(changed, key=lambda line: line.member if line.merged else id(line)):
        yield ""
        yield from _line(list(group), style)
    for span in member.new:
        yield ""
        yield from _tagged("new", list(_signed("{+", span.text, "+}", Role.INSERTED)), style)


def _laid_out_anew(line: Line) -> bool:
    return line.reordered or line.split or line.merged


def _line(merged: Sequence[Line], style: Style) -> Iterator[str]:
    """One baseline sentence, or several that stand as one now."""
    line = merged[0]
    signs = [name for name in ("reordered", "split", "merged") if getattr(line, name)]
    if line.fate is not Fate.KEPT:
        signs.insert(0, line.fate.value + (f" {line.similarity:.2f}" if line.member is not None else ""))
    tag, baseline = ", ".join(signs), " ".join(one.baseline.text for one in merged)
    if line.member is None:
        yield from _tagged(tag, list(_signed("[-", baseline, "-]", Role.DELETED)), style)
    elif line.fate is Fate.KEPT and not (line.split or line.merged):
        yield from _tagged(tag, [Run(baseline, Role.MOVED_HERE)], style)
    else:
        yield from _tagged(tag, list(_reworded(baseline, line.member.text)), style)


def _signed(opening: str, text: str, closing: str, role: Role) -> Iterator[Run]:
    yield Run(opening, role, opens=True)
    yield Run(text, role)
    yield Run(closing, role, closes=True)


def _reworded(old: str, new: str) -> Iterator[Run]:
    """One sentence with its changed words marked."""
    sides = Side("baseline", Text(old)), Side("member", Text(new))
    change = compare(sides[0].text, sides[1].text)
    for piece in pieces(Comparison(*sides, change), Style()):
        yield from runs_of(piece)


def _tagged(tag: str, runs: Sequence[Run], style: Style) -> Iterator[str]:
    margin = 15
    if width_of(tag) > margin - 1:
        yield paint(tag, Role.WORDING, style.color)
        tag = ""
    for line in wrap([(run, -1) for run in runs], max(20, min(style.width - margin, PROSE_WIDTH))):
        yield paint(tag, Role.WORDING, style.color) + " " * (margin - width_of(tag)) + painted(line, style.color)
        tag = ""


def phrases_lines(answer: PhraseTable, style: Style) -> str:
    """Where each registered phrase stands, is missing, changed its variant or its order; and what comes near to one."""
    if not answer.standings:
        return "no phrases are registered\n"
    rows = [
        (
            one.phrase,
            one.source,
            "stands" if one.present else "MISSING" if one.expected else "gone" if one.first else "–",
            f"{len({usage.version for usage in one.usage}):,}",
            numbers([one.first.version]) if one.first else "–",
            numbers([one.last.version]) if one.last else "–",
        )
        for one in answer.standings
    ]
    colors = {2: {"MISSING": Role.MAJOR, "stands": Role.GOOD, "gone": Role.WORDING}}
    parts = [table(("PHRASE", "SOURCE", "NOW", "VERSIONS", "FIRST", "LAST"), rows, style, colors=colors)]
    notes = [note for one in answer.standings for note in _notes(one)] + [_order(order) for order in answer.orders]
    for note in notes:
        parts += [painted(line, style.color) for line in wrap([(Run(note), -1)], style.width)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _notes(one: Standing) -> Iterator[str]:
    name = f"{one_line(one.phrase)} in {one_line(one.source)}"
    if one.missing:
        yield f"{name}: expected and missing in {numbers(one.missing)}"
    if one.variant_changes:
        yield f"{name}: another variant from {numbers(one.variant_changes)} on"
    for near in one.near:
        yield (
            f"{name}: “{one_line(near.text)}” since {seen_at(near.at, one.source)}, "
            f"near to “{one_line(near.variant)}” ({near.similarity:.2f}) but not registered"
        )


def _order(order: OrderChange) -> str:
    against = f"@{order.against}" if order.against is not None else "the baseline"
    before, after = (" → ".join(one_line(name) for name in names) for names in (order.before, order.after))
    return f"{one_line(order.source)}@{order.version}: another order than {against}: {after} (was {before})"
