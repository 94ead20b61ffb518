"""The text filters of a source: anchors, keep, delete, substitute, over canonical paragraphs. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from monitor.read.canonical import canonical
from storage.errors import ReadError
from storage.records import Text

if TYPE_CHECKING:
    from monitor.read import ReadRules


def filtered(text: Text, rules: ReadRules) -> Text:
    """``text`` after the rules' filters. Raises ``ReadError`` when an anchor is not in it."""
    if not (
        rules.start_after
        or rules.end_before
        or rules.keep_lines_matching
        or rules.delete_lines_matching
        or rules.substitute
    ):
        return text
    paragraphs = _between(text.paragraphs, rules.start_after, rules.end_before)
    if rules.keep_lines_matching:
        paragraphs = [one for one in paragraphs if any(re.search(way, one) for way in rules.keep_lines_matching)]
    paragraphs = [one for one in paragraphs if not any(re.search(way, one) for way in rules.delete_lines_matching)]
    for pattern, put in rules.substitute:
        paragraphs = [re.sub(pattern, put, one) for one in paragraphs]
    return canonical(text.title, text.published, paragraphs)


def _between(paragraphs: Sequence[str], start_after: str | None, end_before: str | None) -> list[str]:
    """What stands between the anchors; an anchor inside a paragraph cuts it there."""
    whole = "\n\n".join(paragraphs)
    if start_after:
        before, found, whole_after = whole.partition(start_after)
        if not found:
            raise ReadError(f"start_after: {start_after!r} is not in the text", hint="The page may have changed its layout.")
        whole = whole_after
    if end_before:
        kept, found, _ = whole.partition(end_before)
        if not found:
            raise ReadError(f"end_before: {end_before!r} is not in the text", hint="The page may have changed its layout.")
        whole = kept
    return whole.split("\n\n")
