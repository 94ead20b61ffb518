"""The differ beside other differs: ``python -m bench differ quality`` and ``… speed``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Dispatch."""
    import argparse

    options = argparse.ArgumentParser(prog="python -m bench differ", description=__doc__)
    options.add_argument("what", choices=["quality", "speed"])
    options.add_argument("--cases", type=int, default=400)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--misses", action="store_true", help="print the cases that came out wrong")
    given = options.parse_args(arguments)
    if given.what == "speed":
        from bench.differ.speed import table

        table()
    else:
        from bench.differ.quality import table as quality_table

        quality_table(given.cases, given.seed, misses=given.misses)
    return 0
