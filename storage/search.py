"""Which sources may ever have said something: signatures of their texts, which a search passes over instead of the texts.

One method for every language and both engines. Of a text only letters and figures count, without case, accents, width,
white space and punctuation: that is coarser than any comparison made later, so nothing true is lost. Its *grams* are the
runs of three of them, or of two where one is of a script that parts no words (a Chinese word of two characters is one
gram). A string stands in a text only if each of its grams does. So the signature of a source, a Bloom filter over the
grams of all its texts (B. H. Bloom, 1970), names every source that is wanted and few others. An English word has several
grams, so one of three letters may be taken for held though it is not in one source of eight (three places, each set in
half of the filter); a Chinese word has one, which has six places, for one in 64. Where a filter is full, another layer is begun.

Signatures are not evidence. They can be made anew from the texts at any time (:func:`rebuild`); a source without one, or
with one made by another method, counts as one that may say anything.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import cache
from itertools import pairwise, repeat
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, delete, insert, select, update

from storage.schema import PRUNED, signatures, sources, versions
from storage.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

METHOD: Final = f"2/{unicodedata.unidata_version}"
"""Changes with the rules below, and with Unicode: what is a letter must not differ between writing and asking."""
PLACES: Final = {2: 6, 3: 3}
"""How many bits a gram sets, by its letters. Measured (docs/storage.md): more is more bytes, fewer is more texts to read."""
_SALTS: Final = tuple(turn * 0x9E3779B9 & 0xFFFFFFFF for turn in range(max(PLACES.values())))
"""What the CRC-32 that names each place begins with."""
BEGUN: Final = 0.63
"""Places set for each bit of a new layer, which fills 47 %: small edits of fifty versions bring a sixth more."""
FULL: Final = 0.8
"""Places for each bit at which a layer, filled to 55 %, takes no more."""
LEAST: Final = 200
"""Places that the smallest layer has room for."""
LATER: Final = 0.25
"""A later layer has room for so much of what all before it hold: few layers, though each may err."""
NEAR: Final = 128
"""Bytes: how nearly it is found where a text differs from the one before. To know it better takes longer than it saves."""
_WIDE: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Letters that have a case in newer Unicode than some Pythons know: left out, so that both their cases are.
_UNSURE: Final = frozenset(
    "\u019b\u0264\u0277\u027c\ua7cb\ua7d2\ua7d3\ua7d4\ua7d5\ua7dc\ua7dd\ua7e2\uab4b\uab4c\uab6c\uab6d"
)


class _Letters(dict[int, str | None]):
    """For ``str.translate``: what each character is to a search; None: nothing (which it knows to be quick with)."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if code == 0x1DF95:  # a capital sharp s of Unicode 17
            found = "ss"
        else:
            plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).upper().casefold())
            found = "".join(one for one in plain if one.isalnum() and one not in _UNSURE)
        self[code] = found or None
        return self[code]


_LETTERS: Final = _Letters()


def grams(text: str) -> set[str]:
    """The grams of a text that is one paragraph; empty for fewer than three letters (two of a script without spaces)."""
    letters = text.translate(_LETTERS)
    if letters.isascii():
        return set(map("".join, zip(letters, letters[1:], letters[2:], strict=False)))
    found: set[str] = set()
    for match in _runs().finditer(letters):
        run, start = match.group(), match.start()
        if match.group(1):
            found.update(map("".join, pairwise(run)))
        else:
            found.update(map("".join, zip(run, run[1:], run[2:], strict=False)))
        if start:
            found.add(letters[start - 1 : start + 1])
    return found


@cache
def _runs() -> re.Pattern[str]:
    """Runs of letters that are wide (group 1), or not. Made when it is needed: that takes longer than to list versions."""
    return re.compile(f"([{_WIDE}]+)|[^{_WIDE}]+")


def add(connection: Connection, source: int, plain: bytes, before: bytes | None) -> None:
    """Take what is new in a text, beside the text before it, into the signature of its source."""
    if before is None:
        _take(connection, source, [], _all_grams(_paragraphs(plain)))
        return
    layers = _layers(connection, source)
    if not layers:
        return  # a source whose older texts were never taken in: it may say anything, until signatures are made anew
    new, old = set(_paragraphs(fresh(plain, before))), set(_paragraphs(fresh(before, plain)))
    # Most grams of an edited paragraph stood in it before the edit.
    _take(connection, source, layers, _all_grams(new - old) - _all_grams(old - new))


def candidates(connection: Connection, wanted: Iterable[str]) -> set[str] | None:
    """The ids of the sources in which every one of these strings may stand; None when nothing can be ruled out."""
    asked = sorted(_all_grams(wanted), key=lambda gram: (-PLACES[len(gram)], gram))
    if not asked:
        return None
    marks = [_marks(gram) for gram in asked]
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
    return {name for name, layers in found.items() if layers is None or all(_held(layers, one) for one in marks)}


def rebuild(connection: Connection, every: bool = False) -> int:
    """Make the signatures of sources that have none by this method, or of all; returns of how many."""
    current = and_(signatures.c.source == sources.c.key, signatures.c.layer == 0, signatures.c.method == METHOD)
    query = select(sources.c.key).where(sources.c.number.is_not(None))
    if not every:
        query = query.outerjoin(signatures, current).where(signatures.c.source.is_(None))
    wanted = connection.scalars(query.order_by(sources.c.key)).all()
    for source in wanted:
        connection.execute(delete(signatures).where(signatures.c.source == source))
        unpacking, known, before = Unpacking(connection), set[str](), b""
        for row in connection.execute(_PACKED, {"of": source}).all():
            plain = unpacking.next_text(*row)
            known.update(_paragraphs(fresh(plain, before)))
            before = plain
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
    blobs = [row.bits for row in layers]
    unknown = {gram for gram in wanted if not _held(blobs, _marks(gram))} if layers else wanted
    if layers and not unknown:
        return
    many = sum(PLACES[len(gram)] for gram in unknown)
    if layers:
        last = layers[-1]
        count = last._mapping["count"] + many
        if count <= FULL * 8 * len(last.bits):
            made = int.from_bytes(last.bits, "big") | int.from_bytes(_made(len(last.bits), unknown), "big")
            becomes = made.to_bytes(len(last.bits), "big")
            connection.execute(_FULLER, {"of": source, "at": last.layer, "becomes": becomes, "many": count})
            return
    held = sum(row._mapping["count"] for row in layers)
    values = {"source": source, "layer": len(layers), "method": METHOD, "count": many}
    connection.execute(_LAYER, {**values, "bits": _made(size_for(many, held), unknown)})


def size_for(many: int, held: int) -> int:
    """The bytes of a new layer for so ``many`` places, after layers that hold so many."""
    return ceil(max(many / BEGUN, max(LEAST, LATER * held) / FULL) / 8)


_LAYER: Final = insert(signatures)
_FULLER: Final = (
    update(signatures)
    .where(signatures.c.source == bindparam("of"), signatures.c.layer == bindparam("at"))
    .values(bits=bindparam("becomes"), count=bindparam("many"))
)


_PACKED: Final = (
    select(versions.c.source, versions.c.number, versions.c.back, versions.c.packed)
    .where(versions.c.source == bindparam("of"), ~PRUNED)  # nobody can find anything in a pruned one any more
    .order_by(versions.c.number)
)


def _marks(gram: str) -> list[int]:
    """What gives the places of a gram: the remainder by the odd number of places that a layer has is one."""
    word = gram.encode()
    return [zlib.crc32(word, salt) for salt in _SALTS[: PLACES[len(gram)]]]


def _made(size: int, grams: Iterable[str]) -> bytes:
    """A layer of so many bytes that holds the grams. The last bit is none: CRCs of an odd number are well mixed."""
    flags, places = bytearray(b"0") * (size * 8), size * 8 - 1
    for letters, most in PLACES.items():
        words = [gram.encode() for gram in grams if len(gram) == letters]
        for salt in _SALTS[:most]:
            for mark in map(zlib.crc32, words, repeat(salt)):
                flags[mark % places] = 49  # "1"
    return int(flags, 2).to_bytes(size, "big")


def _held(layers: Iterable[bytes], marks: Sequence[int]) -> bool:
    """Whether a layer holds the gram."""
    for bits in layers:
        places = len(bits) * 8 - 1
        for mark in marks:
            place = mark % places
            if not bits[place >> 3] & 0x80 >> (place & 7):
                break
        else:
            return True
    return False
