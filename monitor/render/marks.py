"""The signs of the text formats: ``[-deleted-]``, ``{+inserted+}``, and moves that point at each other."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from monitor.render.pieces import Piece, Sign, shortened
from monitor.render.terminal import Role, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNS: Final = {Sign.DELETED: ("[-", "-]"), Sign.INSERTED: ("{+", "+}")}
"""Those of ``git diff --word-diff`` and wdiff."""


def runs_of(piece: Piece, *, whole: bool = False, labels: bool = True) -> Iterator[Run]:
    """A piece as runs with its signs. A moved passage has its arrow, ``[-↓ moved 1: …-]``, unless ``labels`` is off.

    Where it stood before it is shortened, unless ``whole`` is asked for. Spaces at the ends stand outside of the signs:
    ``[-will-] {+will not+} go`` reads better than ``[-will -]{+will not +}go``; the json format has the exact cut.
    """
    role = role_of(piece)
    if piece.sign is Sign.SAME:
        yield Run(piece.text.replace("\r\n", "\n"), role)
        return
    if piece.sign is Sign.QUIET:
        yield Run(piece.text, role)
        return
    opening, closing = SIGNS[piece.sign]
    text = piece.text.strip() or piece.text
    lead, _, trail = piece.text.partition(text)
    if text[:1] and unicodedata.category(text[0]).startswith("M"):
        text = "◌" + text  # a combining mark alone would sit on the sign
    away = piece.sign is Sign.DELETED
    if piece.label and away and not whole:
        text = shortened(text)
    label = f"{piece.label}{': ' if piece.leads else ' '}" if labels and piece.label else ""
    if lead:
        yield Run(lead)
    yield Run(opening + label, role, opens=True)
    yield Run(text, role)
    yield Run(closing, role, closes=True)
    if trail:
        yield Run(trail)


def role_of(piece: Piece) -> Role:
    """The role, for colours."""
    if piece.sign is Sign.DELETED:
        return Role.MOVED_AWAY if piece.moved else Role.DELETED
    if piece.sign is Sign.INSERTED:
        return Role.MOVED_HERE if piece.moved else Role.INSERTED
    return Role.QUIET if piece.sign is Sign.QUIET else Role.SAME
