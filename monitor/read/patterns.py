"""The regular expressions of a configuration over what strangers write: searched with patience that ends. Pure.

``(a+)+$`` over thirty letters takes a backtracking engine for ever, and a page is anybody's to write. The engine is
``regex``, which takes Python's expressions and can be told to stop. Its patience decides nothing about a text: either the
expression is evaluated to its end, or there is an error that names it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import regex

from storage.errors import ReadError

PATIENCE_S: Final = 2.0
"""For one paragraph or address; honest expressions take microseconds."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> regex.Pattern[str]:
    """The expression, ready to use. Raises ``regex.error``."""
    return regex.compile(pattern)


def found(pattern: str, words: str) -> bool:
    """Whether the expression is found in ``words``. Raises ``ReadError`` when that takes too long."""
    try:
        return compiled(pattern).search(words, timeout=PATIENCE_S, concurrent=True) is not None
    except TimeoutError:
        raise _endless(pattern) from None


def replaced(pattern: str, put: str, words: str) -> str:
    """``words`` with ``put`` for each find. Raises ``ReadError`` when that takes too long."""
    try:
        changed: str = compiled(pattern).sub(put, words, timeout=PATIENCE_S, concurrent=True)
    except TimeoutError:
        raise _endless(pattern) from None
    return changed


def _endless(pattern: str) -> ReadError:
    return ReadError(
        f"the expression {pattern!r} takes longer than {PATIENCE_S:g} s on this page",
        hint="Repeats inside repeats, as in (a+)+, try every way to part a line; write it with one.",
    )
