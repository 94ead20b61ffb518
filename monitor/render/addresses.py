"""Addresses of pages: the same for the server and for files. Pure.

``s/NAME/index.html`` is a source or series; ``s/NAME/3.html`` a version, ``s/NAME/2-3.html`` a change. In a series numbers
move when an older member comes in, so there a version is called ``MEMBER@1`` and a change ``MEMBER@1,OTHER@1``: an address
means the same words for good. ``baseline`` stands for the pinned text on the old side.
"""

from __future__ import annotations

import re
from typing import Final

BASELINE: Final = "baseline"

_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
_ESCAPE: Final = re.compile(r"[^A-Za-z0-9._-]")
_CODE: Final = re.compile(r"(?:~[0-9A-F]{2})+")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices: a report may be unpacked there."""


def folder(name: str) -> str:
    """A name as one step of an address and as the name of a folder on any system: ``~2E`` stands for a byte."""
    if _PLAIN.fullmatch(name) and name[0] != "." and name[-1] != "." and not _RESERVED.match(name):
        return name
    coded = _ESCAPE.sub(lambda found: _coded(found.group()), name)
    if coded[:1] == "." or _RESERVED.match(coded):
        coded = _coded(coded[0]) + coded[1:]
    return coded[:-1] + _coded(".") if coded[-1:] == "." else coded


def named(step: str) -> str:
    """The name that :func:`folder` made a step of."""
    return _CODE.sub(lambda found: bytes.fromhex(found.group().replace("~", "")).decode("utf-8", "replace"), step)


def step_of(source: str, number: int, *, of_series: bool) -> str:
    """How a page calls a version: its number, or the member and its number in a series."""
    return f"{folder(source)}@{number}" if of_series else str(number)


def pair_of(old: str, new: str) -> str:
    """How a page calls two versions, by their steps."""
    return f"{old},{new}" if "@" in new else f"{old}-{new}"


def parted(address: str) -> tuple[str, str] | None:
    """The two steps of a pair's address; None when it is the address of one version."""
    old, mark, new = address.partition("," if "@" in address else "-")
    return (old, new) if mark else None


def member_of(step: str) -> tuple[str, int] | None:
    """Member and number of a step of a series; None when it is none."""
    member, mark, number = step.rpartition("@")
    found = number_of(number) if mark else None
    return (named(member), found) if found is not None else None


def number_of(word: str) -> int | None:
    """The number that a part of an address is; None when it is none, or longer than any that counts something."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 10 else None


def _coded(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
