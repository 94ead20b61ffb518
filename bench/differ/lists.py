"""The words that edits are made of: one list to tune with, two to judge with (``lists/*.toml``)."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

HAN = re.compile(r"[\u3400-\u9fff]")


class Lists:
    """One file of lists. ``name`` is ``tuning``, ``judging`` or ``unseen``."""

    def __init__(self, name: str) -> None:
        self.name = name
        own = _read(name)
        # what a list does not give, another may
        self._table: dict[str, Any] = {**_read(str(own["base"])), **own} if "base" in own else own

    def pairs(self, kind: str, language: str) -> list[tuple[str, str]]:
        """Pairs of that type, each both ways round."""
        found = [self._pair(one) for one in self._table.get(kind, {}).get(language, ()) if " > " in one]
        return [pair for a, b in found for pair in ((a, b), (b, a))]

    @staticmethod
    def _pair(entry: str) -> tuple[str, str]:
        # a pair of spaced dashes keeps its own spaces: " – >  - " is " – " and " - "
        a, b = entry.split(" > ", 1)
        return (a + " ", b) if a.startswith(" ") and b.startswith(" ") and b.endswith(" ") else (a, b)

    def words(self, kind: str, language: str) -> list[str]:
        """What may be put in, for the types that take words and not pairs."""
        return [one for one in self._table.get(kind, {}).get(language, ()) if " > " not in one]

    def carriers(self, kind: str, language: str) -> list[str]:
        """Sentences with ``{}`` for a pair; without it where the type finds its own place."""
        return list(self._table.get(kind, {}).get(f"{language}_in", ()))

    def grammar(self, language: str) -> dict[str, Any]:
        """Parts of sentences, for invented text."""
        return dict(self._table["text"][language])

    def guarded(self, language: str, words: str) -> bool:
        """Whether ``words`` hold one that would make the edit one of another kind."""
        guard = self._table["guard"][language]
        if language == "zh":
            return any(char in guard for char in words)
        return not self._guards[language].isdisjoint(re.findall(r"[^\W\d_]+", words.lower()))

    @cached_property
    def _guards(self) -> dict[str, frozenset[str]]:
        return {language: frozenset(words.split()) for language, words in self._table["guard"].items()}

    @property
    def formulas(self) -> dict[str, list[str]]:
        """The set phrases to register: id → variants."""
        entries = [one.split(" = ", 1) for one in self._table["formula"]["registered"]]
        return {name: variants.split(" | ") for name, variants in entries}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "lists" / f"{name}.toml").read_text("utf-8"))


@lru_cache(maxsize=3)
def lists(name: str) -> Lists:
    """The lists of that name, read once."""
    return Lists(name)
