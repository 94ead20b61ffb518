"""Adds a source to the text of a configuration, leaving every other character of it as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.config.document import Document, core_scalar, events_of
from storage.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What the parser counts as the end of a line."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9/.][A-Za-z0-9/._~%=&+:@?-]*")
_OLD_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Words that YAML 1.1, which other programs may read this file with, takes for true or false."""
_UNPRINTABLE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def template() -> str:
    """A commented ``config.yaml`` that works as it is, beside the folder ``seeds``: what ``variorum init`` writes."""
    from importlib.resources import files

    return files("monitor.config").joinpath("example.yaml").read_text("utf-8")


def append_source(text: str, entry: Mapping[str, object]) -> str:
    """``text`` with ``entry`` as the last item of ``sources:``; comments, layout and indentation stay.

    The values of ``entry`` are taken literally (a ``$`` is doubled). Raises ``ConfigError`` when the text is no YAML,
    or writes its sources in brackets.
    """
    Document(text, "config.yaml", {})
    place = _place(text)
    lines = _lines(text)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if place.blank is not None:
        line, start, stop = place.blank
        lines[line] = lines[line][:start].rstrip() + lines[line][stop:]
    after = place.after
    while place.beside and after < len(lines) and _remark_of(lines[after], place.column):
        after += 1
    added = [f"{line}{ending}" for line in (*place.heading, *_item(entry, place.column))]
    if after > 0 and not _BREAK.search(lines[after - 1]):
        lines[after - 1] += ending
    return "".join([*lines[:after], *added, *lines[after:]])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an item goes: ``after`` so many lines, its dash in ``column``.

    ``heading``: lines that must come before it. ``blank``: line, start and end of an empty value to take away.
    ``beside``: there are items before it, whose remarks may follow them.
    """

    after: int
    column: int
    heading: tuple[str, ...] = ()
    blank: tuple[int, int, int] | None = None
    beside: bool = False


def _place(text: str) -> _Place:
    events = list(events_of(text))
    top = next((place for place, one in enumerate(events) if isinstance(one, yaml.MappingStartEvent)), None)
    if top is None:
        return _at_end(events, text, 0)
    mark = events[top].start_mark
    if events[top].flow_style:
        raise _by_hand(events[top])
    at = top + 1
    while not isinstance(events[at], yaml.MappingEndEvent):
        key, stop = events[at], _end(events, at + 1)
        if isinstance(key, yaml.ScalarEvent) and key.value == "sources":
            return _in_list(key, events[at + 1 : stop])
        at = stop
    return _at_end(events, text, mark.column)


def _in_list(key: Any, value: Sequence[Any]) -> _Place:
    first, start, end = value[0], value[0].start_mark, value[-1].end_mark
    if isinstance(first, yaml.SequenceStartEvent) and not first.flow_style:
        return _Place(max(_last_line(one) for one in value) + 1, start.column, beside=True)
    empty_list = isinstance(first, yaml.SequenceStartEvent) and len(value) == 2
    empty_word = isinstance(first, yaml.ScalarEvent) and first.implicit[0] and core_scalar(first.value) is None
    if not (empty_list or empty_word) or start.line != end.line or first.anchor:
        raise _by_hand(first)
    blank = (start.line, start.column, end.column) if start.column != end.column else None
    return _Place(start.line + 1, key.start_mark.column + 2, blank=blank)


def _at_end(events: Sequence[Any], text: str, indent: int) -> _Place:
    """Under a heading of its own, at the end of the file (or before ``...``, which ends a document)."""
    lines = _lines(text)
    written = (one for one in events if isinstance(one, yaml.DocumentEndEvent) and one.explicit)
    stop: Any = next(written, None)
    after = stop.start_mark.line if stop else len(lines)
    spaced = ("",) if after and lines[after - 1].strip() else ()
    return _Place(after, indent + 2, (*spaced, f"{' ' * indent}sources:"))


def _end(events: Sequence[Any], start: int) -> int:
    """The place after the node that starts at ``start``."""
    depth, at = 0, start
    while True:
        depth += isinstance(events[at], yaml.CollectionStartEvent) - isinstance(events[at], yaml.CollectionEndEvent)
        at += 1
        if depth == 0:
            return at


def _last_line(event: Any) -> int:
    """The last line (from 0) on which something of the event is written."""
    start, end = event.start_mark, event.end_mark
    if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
        # A block of text ends at the start of the line after it.
        return int(end.line - 1 if end.column == 0 and end.line > start.line else end.line)
    if isinstance(event, yaml.CollectionEndEvent):
        # The end of what has no brackets is where the next thing stands.
        return int(end.line) if end.index > start.index else 0
    return int(start.line)


def _remark_of(line: str, column: int) -> bool:
    """Whether a line is a comment that belongs to the item above it: indented deeper than the dash."""
    return line.lstrip().startswith("#") and len(line) - len(line.lstrip()) > column


def _lines(text: str) -> list[str]:
    """The lines with their endings, as the parser counts them."""
    ends = [found.end() for found in _BREAK.finditer(text)]
    bounds = [0, *ends, len(text)]
    return [text[start:stop] for start, stop in pairwise(bounds) if start < stop]


def _by_hand(event: Any) -> ConfigError:
    return ConfigError(
        f"config.yaml:{event.start_mark.line + 1}: sources: cannot be added to as it is written",
        hint="Write the sources one below the other, each after '- ', or add this one by hand.",
    )


def _item(entry: Mapping[str, object], column: int) -> Iterator[str]:
    lead = " " * column + "- "
    for key, value in entry.items():
        yield f"{lead}{_written(key)}: {_written(value)}"
        lead = " " * (column + 2)


def _written(value: object, *, inside: bool = False) -> str:
    """A value in YAML on one line; ``inside`` brackets more must be quoted."""
    if isinstance(value, dict):
        pairs = (f"{_written(key, inside=True)}: {_written(one, inside=True)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(one, inside=True) for one in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    if "$$" in value or "${" in value:
        value = value.replace("$", "$$")
    plain = _PLAIN.fullmatch(value) and not value.endswith(":") and not (inside and ":" in value)
    if plain and isinstance(core_scalar(value), str) and value.lower() not in _OLD_WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
