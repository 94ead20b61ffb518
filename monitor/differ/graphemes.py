"""Grapheme clusters (UAX #29): where a text may be cut without breaking a character a reader sees."""

from __future__ import annotations

from typing import Final

import regex

_CLUSTER: Final = regex.compile(r"\X")
_SAFE: Final = frozenset(" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_BACK: Final = 64


def is_bound(text: str, place: int) -> bool:
    """Whether ``place`` lies between two clusters (the ends of the text do)."""
    if place <= 0 or place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if after.isascii() and before.isascii():
        return not (before == "\r" and after == "\n")
    return _starts(text, place)


def bound_after(text: str, place: int) -> int:
    """The first bound at or after ``place``."""
    if is_bound(text, place):
        return place
    at = _before(text, place)
    while at < place:
        cluster = _CLUSTER.match(text, at)
        at = cluster.end() if cluster is not None else at + 1
    return at


def _starts(text: str, place: int) -> bool:
    at = _before(text, place)
    while at < place:
        # no further than one behind the place: a cluster may be as long as the text
        cluster = _CLUSTER.match(text, at, place + 1)
        at = cluster.end() if cluster is not None else at + 1
    return at == place


def _before(text: str, place: int) -> int:
    """A place shortly before that begins a cluster for sure: a plain letter, digit or space."""
    at = place - 1
    while at > 0 and place - at < _BACK and text[at] not in _SAFE:
        at -= 1
    return at
