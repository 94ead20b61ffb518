"""The two sides of a comparison, taken from a history: floor 4, where core and archive meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from monitor.differ import compare
from monitor.render import Comparison, Side
from storage.errors import UsageError, VariorumError

if TYPE_CHECKING:
    from monitor.config import Declaration, Settings
    from monitor.differ.lexicon import Rules
    from monitor.histories import History
    from storage.archive import Archive
    from storage.records import Change, Source, Text, Version


def differ_rules(settings: Settings) -> Rules | None:
    """The differ's rules with the registered phrases and words; None where there are none, and the shipped rules do."""
    if not (settings.phrases or settings.kinds):
        return None
    from monitor.differ.lexicon import default_rules

    formulas = {phrase.id: phrase.variants for phrase in settings.phrases}
    return default_rules().extended(dict(settings.kinds), formulas)


class Telling(Protocol):
    """A history, or what stands for one where its texts are not wanted all at once."""

    @property
    def url(self) -> str | None:
        """The address of the source; None for a series."""

    def label(self, version: Version) -> str:
        """What the version is called: ``SOURCE@NUMBER``."""

    def text(self, version: Version) -> Text:
        """Its canonical text."""


def version_side(history: Telling, version: Version) -> Side:
    """A kept version as one side: ``SOURCE@NUMBER`` with its window."""
    return Side(
        ref=history.label(version),
        text=history.text(version),
        source=version.source,
        url=history.url,
        window=version.window,
        captured=version.captured,
    )


def compared(old: Side, new: Side, *, silent: bool = False, rules: Rules | None = None) -> Comparison:
    """The comparison of two sides; ``silent`` as it was judged when the newer was recorded."""
    change: Change = compare(old.text, new.text, rules)
    return Comparison(old, new, replace(change, silent=silent) if silent else change)


def step(history: History, version: Version, rules: Rules | None = None) -> Comparison:
    """The change that led to ``version``: from the one before it. Raises ``UsageError`` for the first."""
    if version.number == 1:
        raise UsageError(
            f"{history.name}: version 1 is the first; there is nothing before it to compare with",
            hint=f"`variorum show {history.name}@1` prints it.",
        )
    before = history.versions[version.number - 2]
    silent = version.silent and not history.is_series
    return compared(version_side(history, before), version_side(history, version), silent=silent, rules=rules)


def last_change(history: History, rules: Rules | None = None) -> Comparison:
    """The last change of their page, not of our reader: the newest version that is no reread, against the one before.

    Raises ``UsageError`` when there is one wording only, or none.
    """
    newest = history.latest()
    changed = (one for one in reversed(history.versions) if (history.is_series or not one.reread) and one.number > 1)
    return step(history, next(changed, newest), rules)


def text_side(ref: str, text: Text, *, source: str | None = None, url: str | None = None) -> Side:
    """A text from outside the archive as one side."""
    return Side(ref=ref, text=text, source=source, url=url)


def pinned(archive: Archive, declared: Declaration) -> Text | None:
    """The text that a source is compared with: its file, or a version of its own; None when there is none (yet)."""
    named = declared.source.baseline
    if declared.baseline is not None:
        return baseline_side(declared).text
    if named is None:
        return None
    from monitor.history.refs import resolve

    versions = tuple(reversed(archive.versions(declared.source.id)))
    try:
        return archive.text(declared.source.id, resolve(named.removeprefix("@"), versions).number)
    except VariorumError:
        return None  # not there yet: nothing can have drifted from it


def kept_side(source: Source, version: Version, text: Text) -> Side:
    """A kept version with its text as one side."""
    return Side(
        ref=f"{source.id}@{version.number}",
        text=text,
        source=source.id,
        url=source.url,
        window=version.window,
        captured=version.captured,
    )


def configured_baseline(settings: Settings, name: str) -> Side | None:
    """The pinned text of a source, or of a series: its own, else that of the first member with one. None: there is none."""
    own = next((one.baseline for one in settings.series if one.id == name), None)
    if own is not None:
        from monitor.read.plain import parse

        return Side(ref=f"{name}@baseline", text=parse(own.read_text("utf-8")), url=str(own))
    with_one = (one for one in settings.declarations if one.baseline is not None)
    declared = next((one for one in with_one if name in (one.source.id, one.source.series)), None)
    return baseline_side(declared) if declared is not None else None


def pinned_version(settings: Settings, name: str) -> str | None:
    """The version (``SOURCE@REF``) that is the baseline of a source, or of the first member of a series with one."""
    pinned = ((one.source, one.source.baseline or "") for one in settings.declarations)
    return next(
        (f"{source.id}{ref}" for source, ref in pinned if ref.startswith("@") and name in (source.id, source.series)),
        None,
    )


def baseline_side(declared: Declaration) -> Side:
    """The pinned text that a source is compared with, from its file. Raises ``UsageError`` when it has none."""
    source = declared.source
    if declared.baseline is None:
        raise UsageError(
            f"{source.id}: no baseline is configured",
            hint=f"Set `baseline: FILE` for this source ({declared.where}).",
        )
    from monitor.read.plain import parse

    text = parse(declared.baseline.read_text("utf-8"))
    return Side(ref=f"{source.id}@baseline", text=text, source=source.id, url=str(source.baseline))
