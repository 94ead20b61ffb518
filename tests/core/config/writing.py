"""Writes a configuration for a test, and reads it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from monitor.config import ConfigProblems, Declaration, Settings, load
from storage.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ONE = "sources: [{id: one, url: 'https://www.example.org/one'}]\n"


def written(folder: Path, words: str) -> Path:
    """``config.yaml`` in ``folder``."""
    path = folder / "config.yaml"
    path.write_text(dedent(words), encoding="utf-8")
    return path


def loaded(
    folder: Path, words: str, *, env: Mapping[str, str] | None = None, check_selectors: bool = False
) -> Settings:
    """The settings that ``words`` give."""
    return load(written(folder, words), env or {}, check_selectors=check_selectors)


def declared(folder: Path, keys: str, *, before: str = "", env: Mapping[str, str] | None = None) -> Declaration:
    """The declaration of one source with these further ``keys`` (``every: 5m, robots: false``)."""
    extra = f", {keys}" if keys else ""
    words = f"{before}\nsources: [{{id: one, url: 'https://www.example.org/one'{extra}}}]\n"
    return loaded(folder, words, env=env).declarations[0]


def refused(ask: Callable[..., object], *args: object) -> ConfigError:
    """The error that ``ask`` raises."""
    with pytest.raises(ConfigError) as caught:
        ask(*args)
    return caught.value


def faults(
    folder: Path, words: str, *, env: Mapping[str, str] | None = None, check_selectors: bool = False
) -> list[tuple[str, str | None]]:
    """What is wrong with ``words``: ``7: sources[0].every: …`` and the hint, in order."""
    with pytest.raises(ConfigProblems) as caught:
        loaded(folder, words, env=env, check_selectors=check_selectors)
    return [(one.told("").removeprefix(":"), one.hint) for one in caught.value.problems]
