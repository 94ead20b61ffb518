"""What a program needs to stand in the rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contender:
    """A program under the bench: how it is set up in ``folder``, run, and read."""

    name: str
    set_up: Callable[[Path, str, int], None]
    command: Callable[[Path, str, int], list[str]]
    changed: Callable[[str], set[int]]
