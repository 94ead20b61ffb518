"""What is wrong with a configuration, in plain words: one error for one problem, one error that lists many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.errors import ConfigError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KeyPath = tuple[str | int, ...]

SHOWN_MOST: Final = 20
"""Problems told at once; who has more mends these first."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (``line`` from 1, ``path`` of keys), what, and what to do about it."""

    line: int
    path: KeyPath
    message: str
    hint: str | None = None

    def told(self, name: str) -> str:
        """``config.yaml:12: sources[2].evry: unknown key``."""
        keys = dotted(self.path)
        return f"{name}:{self.line}: {keys}: {self.message}" if keys else f"{name}:{self.line}: {self.message}"


class ConfigProblems(ConfigError):
    """Everything that is wrong with one file: ``problems`` in the order of its lines, each told in the message."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        """``name`` is the file's, as it is told."""
        # One wrong default is one problem, however many sources take it over.
        self.problems: Sequence[Problem] = sorted(dict.fromkeys(problems), key=lambda one: one.line)
        if len(self.problems) == 1:
            only = self.problems[0]
            super().__init__(only.told(name), hint=only.hint)
            return
        lines = []
        for problem in self.problems[:SHOWN_MOST]:
            lines.append(problem.told(name))
            if problem.hint:
                lines.append(f"  {problem.hint}")
        more = len(self.problems) - SHOWN_MOST
        hint = f"{more} more problems are not shown." if more > 0 else None
        super().__init__("\n".join(lines), hint=hint)


def dotted(path: KeyPath) -> str:
    """A path of keys as people write it: ``sources[2].every``."""
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return words.removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """``Did you mean 'every'?``, when one of ``known`` is near enough."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else None
