"""Which sources may ever have said something: signatures of their texts, which a search passes over instead of the texts.

One method for every language and both engines. Of a text only letters and figures count, without case, accents, width,
white space and punctuation: that is coarser than any comparison made later, so nothing true is lost. Its *grams* are the
runs of three of them, or of two where one is of a script that parts no words (a Chinese word of two characters is one
gram). A string stands in a text only if each of its grams does. So the signature of a source, a Bloom filter over the
grams of all its texts (B. H. Bloom, 1970; four bits of twelve a gram: one in 150 is held to be there and is not), names
every source that is wanted and few others. Where a filter is full, another layer is begun.

Signatures are not evidence. They can be made anew from the texts at any time (:func:`rebuild`); a source without one, or
with one made by another method, counts as one that may say anything.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, delete, insert, select, update

from storage.errors import Pruned
from storage.schema import signatures, sources
from storage.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

METHOD: Final = f"1/{unicodedata.unidata_version}"
"""Changes with the rules below, and with Unicode: what is a letter must not differ between writing and asking."""
BITS_A_GRAM: Final = 12
PLACES: Final = 4
LEAST: Final = 256
"""Grams that the smallest layer is made for."""
SPARE: Final = 1.15
"""A layer is made for so many times the grams that begin it: edits bring some more."""
NEAR: Final = 128
"""Bytes: how nearly it is found where a text differs from the one before. To know it better takes longer than it saves."""
_WIDE: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUNS: Final = re.compile(f"[{_WIDE}]+|[^{_WIDE}]+")
_IS_WIDE: Final = re.compile(f"[{_WIDE}]")
# Letters that have a case in newer Unicode than some Pythons know: left out, so that both their cases are.
_UNSURE: Final = frozenset(
    "\u019b\u0264\u0277\u027c\ua7cb\ua7d2\ua7d3\ua7d4\ua7d5\ua7dc\ua7dd\ua7e2\uab4b\uab4c\uab6c\uab6d"
)


class _Letters(dict[int, str]):
    """For ``str.translate``: what each character is to a search."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if code == 0x1DF95:  # a capital sharp s of Unicode 17
            found = "ss"
        else:
            plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).upper().casefold())
            found = "".join(one for one in plain if one.isalnum() and one not in _UNSURE)
        self[code] = found
        return found


_LETTERS: Final = _Letters()


def grams(text: str) -> set[str]:
    """The grams of a text that is one paragraph; empty for fewer than three letters (two of a script without spaces)."""
    letters = text.translate(_LETTERS)
    found: set[str] = set()
    for match in _RUNS.finditer(letters):
        run, start = match.group(), match.start()
        if _IS_WIDE.match(run):
            found.update(map("".join, pairwise(run)))
        else:
            found.update(map("".join, zip(run, run[1:], run[2:], strict=False)))
        if start:
            found.add(letters[start - 1 : start + 1])
    return found


def add(connection: Connection, source: int, plain: bytes, before: bytes | None) -> None:
    """Take what is new in a text, beside the text before it, into the signature of its source."""
    layers = _layers(connection, source)
    if before is not None and not layers:
        return  # a source whose older texts were never taken in: it may say anything, until signatures are made anew
    new, old = set(_paragraphs(plain)), set(_paragraphs(before or b""))
    # Most grams of an edited paragraph stood in it before the edit.
    _take(connection, source, layers, _all_grams(new - old) - _all_grams(old - new))


def candidates(connection: Connection, wanted: Iterable[str]) -> set[str] | None:
    """The ids of the sources in which every one of these strings may stand; None when nothing can be ruled out."""
    asked = sorted(_all_grams(wanted), key=lambda gram: (-len(gram), gram))
    if not asked:
        return None
    hashes = [_hash(gram) for gram in asked]
    query = select(sources.c.id, signatures.c.method, signatures.c.bits).select_from(
        sources.outerjoin(signatures, signatures.c.source == sources.c.key)
    )
    query = query.where(sources.c.number.is_not(None)).order_by(sources.c.key)
    found: dict[str, list[bytes] | None] = {}
    for name, method, bits in connection.execute(query):
        held = found.setdefault(name, [])
        if method != METHOD:
            found[name] = None
        elif held is not None:
            held.append(bits)
    return {name for name, layers in found.items() if layers is None or all(_held(layers, one) for one in hashes)}


def rebuild(connection: Connection, every: bool = False) -> int:
    """Make the signatures of sources that have none by this method, or of all; returns of how many."""
    current = and_(signatures.c.source == sources.c.key, signatures.c.layer == 0, signatures.c.method == METHOD)
    query = select(sources.c.key, sources.c.number).where(sources.c.number.is_not(None))
    if not every:
        query = query.outerjoin(signatures, current).where(signatures.c.source.is_(None))
    wanted = connection.execute(query.order_by(sources.c.key)).all()
    for source, newest in wanted:
        connection.execute(delete(signatures).where(signatures.c.source == source))
        unpacking, known = Unpacking(connection), set[str]()
        for number in range(1, newest + 1):
            with suppress(Pruned):  # nobody can find anything in it any more
                known.update(_paragraphs(unpacking.text(source, number)))
        _take(connection, source, [], _all_grams(known))
    return len(wanted)


def _all_grams(paragraphs: Iterable[str]) -> set[str]:
    return set[str]().union(*map(grams, paragraphs))


def _paragraphs(plain: bytes) -> Iterator[str]:
    """The parts of an encoded text that no phrase crosses."""
    return iter(plain.decode("utf-8", "surrogatepass").split("\n\n"))


def fresh(plain: bytes, before: bytes) -> bytes:
    """A stretch of paragraphs that holds all in which an encoded text differs from another; empty where it does not."""
    if plain == before:
        return b""
    here, there = len(plain), len(before)
    begun, differs = 0, min(here, there)  # how much is alike at the beginning is between these; found by halving
    left = differs
    while differs - begun > NEAR:
        middle = (begun + differs) // 2
        if before.startswith(plain[begun:middle], begun):
            begun = middle
        else:
            differs = middle
    ended, differs = 0, left - begun  # and at the end
    while differs - ended > NEAR:
        middle = (ended + differs) // 2
        if before.startswith(plain[here - middle : here - ended], there - middle):
            ended = middle
        else:
            differs = middle
    begin, end = plain.rfind(b"\n\n", 0, begun), plain.find(b"\n\n", here - ended)
    return plain[begin + 2 if begin >= 0 else 0 : end if end >= 0 else here]


def _layers(connection: Connection, source: int) -> list[Any]:
    return list(connection.execute(_LAYERS, {"of": source}).all())


_LAYERS: Final = (
    select(signatures)
    .where(signatures.c.source == bindparam("of"), signatures.c.method == METHOD)
    .order_by(signatures.c.layer)
)


def _take(connection: Connection, source: int, layers: Sequence[Any], wanted: set[str]) -> None:
    """Set the bits of what no layer has, in the last layer while it has room, else in a new one."""
    fresh = [_hash(gram) for gram in wanted]
    if layers:
        blobs = [row.bits for row in layers]
        fresh = [one for one in fresh if not _held(blobs, one)]
        if not fresh:
            return
        last = layers[-1]
        count = last._mapping["count"] + len(fresh)
        if count * BITS_A_GRAM <= len(last.bits) * 8:
            now = {"of": source, "at": last.layer, "becomes": _with(last.bits, fresh), "many": count}
            connection.execute(_FULLER, now)
            return
    size = round(max(LEAST, SPARE * len(fresh)) * BITS_A_GRAM / 8)
    values = {"source": source, "layer": len(layers), "method": METHOD, "count": len(fresh)}
    connection.execute(_LAYER, {**values, "bits": _with(bytes(size), fresh)})


_LAYER: Final = insert(signatures)
_FULLER: Final = (
    update(signatures)
    .where(signatures.c.source == bindparam("of"), signatures.c.layer == bindparam("at"))
    .values(bits=bindparam("becomes"), count=bindparam("many"))
)


def _hash(gram: str) -> tuple[int, int]:
    """Where the places of a gram begin, and the step between them."""
    mixed = zlib.crc32(gram.encode()) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return mixed >> 32, mixed & 0xFFFFFFFF | 1


def _with(bits: bytes, hashes: Iterable[tuple[int, int]]) -> bytes:
    made, size = bytearray(bits), len(bits) * 8
    for start, step in hashes:
        for turn in range(PLACES):
            place = (start + turn * step) % size
            made[place >> 3] |= 1 << (place & 7)
    return bytes(made)


def _held(layers: Iterable[bytes], asked: tuple[int, int]) -> bool:
    """Whether a layer holds the gram."""
    start, step = asked
    for bits in layers:
        size = len(bits) * 8
        for turn in range(PLACES):
            place = (start + turn * step) % size
            if not bits[place >> 3] >> (place & 7) & 1:
                break
        else:
            return True
    return False
