"""The memory behind blame as bytes, and what it is bound to: so that it can be kept, and is believed only where it fits.

Written as JSON, the words as places in a list of all different ones. It is worth nothing beside the versions it stands
for: :func:`made_of` names these, :data:`MADE_BY` every part of the program that decides what it says.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING, Final

import regex

from monitor import __version__
from monitor.differ import DIFFER
from monitor.history.lineage import KnownSentence, KnownWord, Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.records import Version

FORMAT: Final = 1
"""Raised when the form below changes, or what :mod:`monitor.history.lineage` makes of the same texts."""

MADE_BY: Final = (
    f"blame {FORMAT}; variorum {__version__}; differ {DIFFER}; "
    f"unicode {unicodedata.unidata_version}; regex {regex.__version__}"
)
"""What else decides the answer: the differ aligns and tells spelling, the tables fold case and find words."""


def made_of(versions: Iterable[Version]) -> bytes:
    """A digest over versions in order: text, the reader that made it, whether by a reread, and in a series the member."""
    digest = hashlib.sha256()
    for version in versions:
        told = (version.source, str(version.number), version.digest, version.reader, str(version.reread))
        digest.update("\t".join(told).encode("utf-8", "surrogatepass") + b"\n")
    return digest.digest()


def written(memory: Memory) -> bytes:
    """The memory as bytes."""
    vocabulary: dict[str, int] = {}
    words = [
        [vocabulary.setdefault(word.text, len(vocabulary)), word.since, int(word.returned), word.lost]
        for word in memory.words
    ]
    sentences = [
        [one.key, one.since, one.words, one.replaces, one.removed, one.lost, one.spelt] for one in memory.sentences
    ]
    document = {
        "vocabulary": list(vocabulary),
        "words": words,
        "sentences": sentences,
        "standing": memory.standing,
        "texts": memory.texts,
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def read_back(plain: bytes) -> Memory | None:
    """The memory again; None for bytes that are none."""
    try:
        document = json.loads(plain)
        vocabulary = document["vocabulary"]
        return Memory(
            sentences=tuple(
                KnownSentence(
                    key,
                    since,
                    tuple(words),
                    replaces,
                    tuple((gone, back) for gone, back in removed),
                    lost,
                    tuple(spelt),
                )
                for key, since, words, replaces, removed, lost, spelt in document["sentences"]
            ),
            words=tuple(
                KnownWord(vocabulary[place], since, bool(returned), lost)
                for place, since, returned, lost in document["words"]
            ),
            standing=tuple(document["standing"]),
            texts=tuple(document["texts"]),
        )
    except (ValueError, TypeError, KeyError, IndexError):
        return None
