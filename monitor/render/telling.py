"""What a change amounts to, in words: the one-line summary, labels of kinds and severities, windows, counts."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from storage.records import Edit, EditKind, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.render import Comparison, Side, Style
    from storage.records import Window

NOTHING: Final = "No differences."

TELLING: Final = (
    EditKind.NEGATION,
    EditKind.MODALITY,
    EditKind.NUMBER,
    EditKind.DATE,
    EditKind.FORMULA,
    EditKind.ATTRIBUTION,
    EditKind.NAME,
    EditKind.TITLE,
    EditKind.PUBLISHED,
    EditKind.MOVED,
    EditKind.SPLIT,
    EditKind.MERGED,
    EditKind.DELETED,
    EditKind.INSERTED,
    EditKind.WORDING,
    EditKind.SPELLING,
    EditKind.PUNCTUATION,
    EditKind.TYPOGRAPHY,
    EditKind.CASE,
    EditKind.WHITESPACE,
)
"""Kinds from the most to the least telling: an edit of several kinds is counted and tagged under the first."""

_NOUNS: Final = {
    EditKind.NEGATION: ("negation", "negations"),
    EditKind.MODALITY: ("modality", "modality"),
    EditKind.NUMBER: ("number", "numbers"),
    EditKind.DATE: ("date", "dates"),
    EditKind.FORMULA: ("set phrase", "set phrases"),
    EditKind.ATTRIBUTION: ("attribution", "attributions"),
    EditKind.NAME: ("name", "names"),
    EditKind.TITLE: ("in the title", "in the title"),
    EditKind.PUBLISHED: ("printed date", "printed dates"),
    EditKind.DELETED: ("deletion", "deletions"),
    EditKind.INSERTED: ("insertion", "insertions"),
}

_SENTENCES: Final = {
    EditKind.DELETED: ("sentence deleted", "sentences deleted"),
    EditKind.INSERTED: ("sentence inserted", "sentences inserted"),
}
_PASSAGES: Final = {
    EditKind.DELETED: ("passage deleted", "passages deleted"),
    EditKind.INSERTED: ("passage inserted", "passages inserted"),
}
_INNER_END: Final = re.compile(r"\n|(?:[^\W\d_A-Z]{2}|\d)[.!?][\"'”’»)]*\s+\S|[。！？][”」』）]*[^”」』）\s]")
_SENTENCE_END: Final = re.compile(r"[.!?。！？…][\"'”’»」』)）]*\Z")
_ORDER: Final = tuple(
    words
    for kind in TELLING
    for table in (_PASSAGES, _SENTENCES, _NOUNS)
    for words in [table.get(kind)]
    if words is not None
)

SEVERITY_MARKS: Final = {Severity.MAJOR: "!!", Severity.WORDING: "! ", Severity.MINOR: "~ ", Severity.COSMETIC: "· "}
"""A sign for each severity, two columns wide: colour is never the only one."""


def telling_kind(edit: Edit) -> EditKind:
    """The kind an edit is counted and tagged under."""
    return next((kind for kind in TELLING if kind in edit.kinds), EditKind.WORDING)


def ordered_kinds(edit: Edit) -> list[str]:
    """All its kinds, the most telling first."""
    return [kind.value for kind in TELLING if kind in edit.kinds]


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 sentence``, ``2 sentences``; thousands are grouped."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def told(edit: Edit, style: Style) -> bool:
    """Whether the edit is among those that were asked for."""
    if style.ignore_cosmetic and edit.severity <= Severity.COSMETIC:
        return False
    return not style.kinds or bool(style.kinds.intersection(edit.kinds))


def told_edits(comparison: Comparison, style: Style) -> list[Edit]:
    """The edits that were asked for, in the order of the new text."""
    return [edit for edit in comparison.change.edits if told(edit, style)]


def summary_of(edits: Sequence[Edit], *, identical: bool) -> str:
    """Counts by severity and kind; each edit once, both halves of a move once."""
    if identical:
        return "identical"
    moves: dict[int, dict[bool, list[str]]] = {}
    for edit in edits:
        if edit.move is not None:
            half = moves.setdefault(edit.move, {}).setdefault(bool(edit.new.text), [])
            half.append(edit.new.text or edit.old.text)
    rest = [edit for edit in counted(edits) if edit.move is None]
    parts = [
        _wording([edit for edit in rest if edit.severity >= Severity.WORDING]),
        _minor([edit for edit in rest if edit.severity == Severity.MINOR]),
        _cosmetic(sum(edit.severity == Severity.COSMETIC for edit in rest)),
        _moved([" ".join(halves.get(True) or halves[False]) for halves in moves.values()]),
    ]
    return "; ".join(part for part in parts if part) or "no differences of the kinds asked for"


def counted(edits: Sequence[Edit]) -> list[Edit]:
    """The edits without those that are told twice: a word changed in a moved passage went there and came here."""
    pieces: dict[tuple[int, bool], list[int]] = {}
    for place, edit in enumerate(edits):
        if edit.move is not None:
            pieces.setdefault((edit.move, bool(edit.new.text)), []).append(place)
    went: dict[tuple[int, int], list[int]] = {}
    came: dict[tuple[int, int], list[int]] = {}
    for (move, new), places in pieces.items():
        for gap, (before, after) in enumerate(pairwise(places)):
            (came if new else went)[move, gap] = list(range(before + 1, after))
    twice = set()
    for at, theirs in went.items():
        ours = came.get(at, [])
        twice.update(theirs if len(theirs) <= len(ours) else ours)
    return [edit for place, edit in enumerate(edits) if place not in twice]


def _wording(edits: list[Edit]) -> str:
    if not edits:
        return ""
    kinds = [telling_kind(edit) for edit in edits]
    counts = Counter(_nouns(kind, edit) for kind, edit in zip(kinds, edits, strict=True) if kind in _NOUNS)
    order = {words: place for place, words in enumerate(_ORDER)}
    named = [plural(counts[words], *words) for words in sorted(counts, key=order.__getitem__)]
    return plural(len(edits), "wording change") + (": " + ", ".join(named) if named else "")


def _nouns(kind: EditKind, edit: Edit) -> tuple[str, str]:
    """What an edit of that kind is called; whole sentences that came or went are called so."""
    text = (edit.old.text or edit.new.text).strip()
    if kind in _SENTENCES and _SENTENCE_END.search(text) and (len(text.split()) > 2 or not text.isascii()):
        return (_PASSAGES if is_passage(text) else _SENTENCES)[kind]
    return _NOUNS[kind]


def is_passage(text: str) -> bool:
    """Whether a text is longer than a sentence: a sentence end or a line end stands inside it."""
    return bool(_INNER_END.search(text.strip()))


def _minor(edits: list[Edit]) -> str:
    counts = Counter(_minor_words(edit) for edit in edits)
    return ", ".join(plural(count, *words) for words, count in counts.items())


def _minor_words(edit: Edit) -> tuple[str, str]:
    what = "paragraph" if "\n" in edit.old.text + edit.new.text else "sentence"
    if EditKind.SPLIT in edit.kinds:
        return f"{what} split", f"{what}s split"
    if EditKind.MERGED in edit.kinds:
        return f"{what} merged", f"{what}s merged"
    return "minor change", "minor changes"


def _cosmetic(count: int) -> str:
    return f"{count:,} cosmetic" if count else ""


def _moved(texts: list[str]) -> str:
    passages = sum(map(is_passage, texts))
    sentences = len(texts) - passages
    parts = [plural(sentences, "sentence")] if sentences else []
    parts += [plural(passages, "passage")] if passages else []
    return " and ".join(parts) + " moved" if parts else ""


def shown_time(at: datetime, *, seconds: bool = False) -> str:
    """``2026-11-23 09:00 UTC``."""
    return at.astimezone(UTC).strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''} UTC")


def shown_window(window: Window) -> str:
    """``between 2026-11-23 09:00 and 09:15 UTC``; ``first seen … UTC`` when nothing is known before.

    Seconds appear when the two are less than two minutes apart.
    """
    before = window.before.astimezone(UTC)
    if window.after is None:
        return f"first seen {shown_time(before)}"
    after = window.after.astimezone(UTC)
    seconds = before - after < timedelta(minutes=2)
    clock = "%H:%M:%S" if seconds else "%H:%M"
    start = after.strftime(f"%Y-%m-%d {clock}")
    if seconds and start == before.strftime(f"%Y-%m-%d {clock}"):
        return f"at {shown_time(before, seconds=True)}"
    end = before.strftime(clock if after.date() == before.date() else f"%Y-%m-%d {clock}")
    return f"between {start} and {end} UTC"


def side_time(side: Side) -> str:
    """When that wording came, and when it was captured if that says more; '' when neither is known."""
    parts = [shown_window(side.window)] if side.window else []
    if side.captured and (side.window is None or side.captured != side.window.before):
        parts.append(f"captured {shown_time(side.captured)}")
    return "; ".join(parts)


def silent_line(comparison: Comparison) -> str:
    """The sentence for a silent edit; '' for another."""
    if not comparison.change.silent:
        return ""
    return "Silent edit: the wording changed, no date on the page did."


def filtered_line(comparison: Comparison, shown: Sequence[Edit]) -> str:
    """How many edits the filters leave out; '' when none."""
    left_out = len(comparison.change.edits) - len(shown)
    return f"{plural(left_out, 'edit')} of other kinds not marked" if left_out else ""


def move_labels(edits: Sequence[Edit]) -> dict[int, str]:
    """For each edit of a move, by its place in ``edits``: ``↓ moved 1`` or ``↑ moved 1``, where a half goes on ``↓1``.

    The arrow points at the other half. A half consists of several edits when words in the passage changed too.
    """
    first: dict[tuple[int, bool], int] = {}
    for place, edit in enumerate(edits):
        if edit.move is not None:
            first.setdefault((edit.move, bool(edit.new.text)), place)
    labels = {}
    for place, edit in enumerate(edits):
        if edit.move is None:
            continue
        half = (edit.move, bool(edit.new.text))
        arrow = "↓" if first.get((edit.move, not half[1]), place) > place else "↑"
        labels[place] = f"{arrow} moved {edit.move}" if first[half] == place else f"{arrow}{edit.move}"
    return labels
