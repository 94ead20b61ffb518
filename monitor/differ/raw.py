"""An edit before it has kinds."""

from __future__ import annotations

from dataclasses import dataclass

Bounds = tuple[int, int]
"""``(start, end)`` in code points."""


@dataclass(slots=True)
class Raw:
    """Spans in both texts, the number of its move, and what its place says of it.

    ``split``, ``merged``: it touches a sentence bound that only the new (old) side has. ``whole``: whole sentences.
    """

    old: Bounds
    new: Bounds
    move: int | None = None
    split: bool = False
    merged: bool = False
    whole: bool = False
