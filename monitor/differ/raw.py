"""An edit before it has kinds."""

from __future__ import annotations

from dataclasses import dataclass

Bounds = tuple[int, int]
"""``(start, end)`` in code points."""


@dataclass(slots=True)
class Raw:
    """Spans in both texts, the number of its move, and what its place says of it.

    ``split``, ``merged``: it touches a sentence bound that only the new (old) side has. ``whole``: whole sentences.
    ``within``: the move in whose passage it stands; ``twin`` then holds both spans of what was exchanged there, one of
    which is at the other half. Its kinds are found from the two.
    """

    old: Bounds
    new: Bounds
    move: int | None = None
    split: bool = False
    merged: bool = False
    whole: bool = False
    within: int | None = None
    twin: tuple[Bounds, Bounds] | None = None
