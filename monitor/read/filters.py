"""The text filters of a source: anchors, keep, delete, substitute, over canonical paragraphs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.read.canonical import canonical
from storage.errors import ConfigError, ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.read import ReadRules
    from storage.records import Text


def filtered(text: Text, rules: ReadRules) -> Text:
    """``text`` after the rules' filters, which see its paragraphs. Raises ``ReadError`` when an anchor is not in it."""
    if not (
        rules.start_after
        or rules.end_before
        or rules.keep_lines_matching
        or rules.delete_lines_matching
        or rules.substitute
    ):
        return text
    from monitor.read.patterns import found, replaced

    paragraphs = _between(text.paragraphs, rules.start_after, rules.end_before)
    if rules.keep_lines_matching:
        paragraphs = [one for one in paragraphs if any(found(way, one) for way in rules.keep_lines_matching)]
    paragraphs = [one for one in paragraphs if not any(found(way, one) for way in rules.delete_lines_matching)]
    for pattern, put in rules.substitute:
        paragraphs = [replaced(pattern, put, one) for one in paragraphs]
    return canonical(text.title, text.published, paragraphs)


def check_filters(rules: ReadRules) -> None:
    """Raise ``ConfigError`` (``KEY: what``) when a pattern or its replacement cannot be understood."""
    if not (rules.keep_lines_matching or rules.delete_lines_matching or rules.substitute):
        return
    import regex

    from monitor.read.patterns import compiled

    for key, patterns in (
        ("keep_lines_matching", rules.keep_lines_matching),
        ("delete_lines_matching", rules.delete_lines_matching),
        ("substitute", tuple(pattern for pattern, _ in rules.substitute)),
    ):
        for pattern in patterns:
            try:
                compiled(pattern)
            except regex.error as error:
                raise ConfigError(
                    f"{key}: not a regular expression: {pattern!r} ({error})",
                    hint="A special character is taken for itself after a backslash: '\\(', '\\.'",
                ) from None
    for pattern, put in rules.substitute:
        try:
            compiled(pattern + "|").sub(put, "")  # matches, so that the groups are looked up
        except (regex.error, IndexError) as error:
            raise ConfigError(
                f"substitute: cannot be put in: {put!r} ({error})", hint="Groups are \\1, \\2 …"
            ) from None


def _between(paragraphs: Sequence[str], start_after: str | None, end_before: str | None) -> list[str]:
    """What stands between the anchors; an anchor inside a paragraph cuts it there."""
    whole = "\n\n".join(paragraphs)
    if start_after:
        _, found, after = whole.partition(start_after)
        if not found:
            raise _missing("start_after", start_after)
        whole = after
    if end_before:
        before, found, _ = whole.partition(end_before)
        if not found:
            raise _missing("end_before", end_before)
        whole = before
    return whole.split("\n\n")


def _missing(key: str, anchor: str) -> ReadError:
    return ReadError(f"{key}: {anchor!r} is not in the text", hint="The page may have changed its wording or layout.")
