"""Which declarations a word on the command line means: an id, a tag or a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.config.problems import nearest
from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.config.settings import Declaration, Settings


def named(settings: Settings, names: Sequence[str]) -> list[Declaration]:
    """The declarations with those ids, tags or series, each once; all enabled ones when none is named.

    Raises ``UsageError`` for a name that is none of these, with the nearest one as a hint.
    """
    if not names:
        return [declared for declared in settings.declarations if declared.enabled]
    chosen: dict[str, Declaration] = {}
    for name in names:
        found = [declared for declared in settings.declarations if name in _names(declared)]
        if not found:
            raise UsageError(f"{name}: no source, tag or series of that name", hint=_nearest(settings, name))
        chosen.update((declared.source.id, declared) for declared in found)
    return list(chosen.values())


def _names(declared: Declaration) -> tuple[str | None, ...]:
    # A listing's name means the listing; its series and tags are for what it finds, and for the listing with it.
    return (declared.source.id, declared.source.series, *declared.source.tags)


def _nearest(settings: Settings, name: str) -> str:
    known = {one for declared in settings.declarations for one in _names(declared) if one}
    return nearest(name, sorted(known)) or "`variorum sources` lists what is watched."
