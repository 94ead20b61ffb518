"""How long a difference takes, by size and by how much changed; minimum of several runs, in milliseconds."""

from __future__ import annotations

import random
import time
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from bench.differ.quality import flat_dmp
from monitor.differ import compare
from storage.records import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DICE = random.Random(3)
VOCABULARY = [
    "".join(_DICE.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(_DICE.randint(2, 10))) for _ in range(3000)
]


def prose(words: int, seed: int) -> list[str]:
    """Paragraphs of invented words."""
    dice = random.Random(seed)
    sentences = []
    while words > 0:
        count = dice.randint(8, 30)
        sentences.append(" ".join(dice.choice(VOCABULARY) for _ in range(count)).capitalize() + ".")
        words -= count
    return [" ".join(sentences[at : at + 5]) for at in range(0, len(sentences), 5)]


def small_edits(paragraphs: Sequence[str], count: int) -> list[str]:
    """``count`` words exchanged."""
    dice, out = random.Random(2), list(paragraphs)
    for _ in range(count):
        place = dice.randrange(len(out))
        words = out[place].split(" ")
        words[dice.randrange(len(words))] = dice.choice(VOCABULARY)
        out[place] = " ".join(words)
    return out


def third_replaced(paragraphs: Sequence[str]) -> list[str]:
    """Every third word, by chance, another one."""
    dice = random.Random(5)
    return [
        " ".join(dice.choice(VOCABULARY) if dice.random() < 1 / 3 else word for word in one.split(" "))
        for one in paragraphs
    ]


def fastest_ms(run: Callable[[], object], runs: int) -> float:
    """The minimum of ``runs`` runs."""
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best * 1000


def table() -> None:
    """Print the table; the flat differs only where they end in reasonable time."""
    print("| words | change | variorum ms | ms per 1,000 words | dmp on tokens ms | difflib on words ms |")
    print("|---|---|---|---|---|---|")
    for words, edits in ((500, 5), (5_000, 20), (50_000, 80)):
        old = prose(words, 1)
        variants = [
            ("small edits", small_edits(old, edits)),
            ("a third replaced", third_replaced(old)),
            ("unrelated", prose(words, 9)),
        ]
        for name, new in variants:
            a, b = "\n\n".join(old), "\n\n".join(new)
            ours = fastest_ms(lambda a=a, b=b: compare(Text(a), Text(b)), 10 if words < 5000 else 3)  # type: ignore[misc]
            cheap = words == 500 or (words == 5_000 and name == "small edits")
            dmp = f"{fastest_ms(lambda a=a, b=b: flat_dmp(a, b), 2):.1f}" if cheap else "–"  # type: ignore[misc]
            lib = f"{fastest_ms(lambda a=a, b=b: _difflib(a, b), 1):.1f}" if cheap else "–"  # type: ignore[misc]
            print(f"| {words:,} | {name} | {ours:.1f} | {1000 * ours / words:.2f} | {dmp} | {lib} |", flush=True)


def _difflib(old: str, new: str) -> object:
    return SequenceMatcher(None, old.split(), new.split(), autojunk=False).get_opcodes()
