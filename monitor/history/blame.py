"""Since when does each sentence stand, and each word? The version and window in which it came, and whether it was ever away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.records import Window


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came in: the version's number and the window of that version.

    ``reread`` says that the version came of a change of our reader: the words may have stood on the page before.
    """

    version: int
    window: Window
    reread: bool = False


@dataclass(frozen=True, slots=True)
class BlamedWord:
    """One word (or number, or CJK character) and its origin. ``start`` and ``end`` are offsets into the whole text.

    ``returned`` says that it was taken out of this place and put back; ``since`` is its first origin even so.
    """

    start: int
    end: int
    text: str
    since: Origin
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Blamed:
    """One sentence of the blamed version and its origin.

    ``removed`` lists the versions in which it was absent after it first came; ``returned`` is whether there are any.
    ``words`` is empty unless words were asked for.
    """

    start: int
    end: int
    text: str
    since: Origin
    returned: bool
    removed: tuple[int, ...]
    words: tuple[BlamedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Blame:
    """Every sentence of one version (title and printed date too), in the order of the text, with its origin."""

    source: str
    version: int
    sentences: tuple[Blamed, ...]
