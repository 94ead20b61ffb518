"""The differ beside other differs: ``python -m bench differ quality``, ``… sentences``, ``… real`` and ``… speed``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "differ.md"


def main(arguments: Sequence[str]) -> int:
    """Dispatch."""
    import argparse

    options = argparse.ArgumentParser(prog="python -m bench differ", description=__doc__)
    options.add_argument("what", choices=["quality", "sentences", "real", "speed"])
    options.add_argument(
        "--lists", choices=["judging", "tuning", "unseen"], default="judging", help="whose words edits are made of"
    )
    options.add_argument("--cases", type=int, default=200, help="mixed cases of each language and sort of text")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus", help="real statements")
    options.add_argument("--misses", action="store_true", help="print what came out wrong, each case")
    options.add_argument("--write", action="store_true", help="put the tables into docs/differ.md")
    options.add_argument("--cap", type=float, default=10.0, help="speed: CPU seconds after which a differ is stopped")
    options.add_argument(
        "--out", type=Path, help="speed: where the plot goes (default docs/differ-speed.svg with --write)"
    )
    given = options.parse_args(arguments)
    if given.what == "speed":
        from bench.differ.speed import run

        return run(cap_s=given.cap, out=given.out, write=given.write)
    if given.what == "real":
        from bench.differ import crumbs
        from bench.differ.marked import write as written

        table = crumbs.report(crumbs.measured(given.corpus))
        print(table)
        if given.write:
            written(DOCUMENT, "real", table)
        return 0
    if given.what == "sentences":
        from bench.differ import sentences
        from bench.differ.marked import write as written

        score = sentences.measured()
        print(table := sentences.report(score))
        if given.misses:
            print(*score.misses, sep="\n")
        if given.write:
            written(DOCUMENT, "sentences", table)
        return 0
    from bench.differ.marked import write
    from bench.differ.programs import outside
    from bench.differ.quality import measured, misses, report
    from bench.differ.rivals import RIVALS

    corpus = given.corpus if given.corpus.is_dir() else None
    result = measured(given.lists, given.seed, given.cases, corpus, rivals={**RIVALS, **outside()})
    print(report(result))
    if given.misses:
        print(misses(result))
    if given.write:
        write(DOCUMENT, "quality" if given.lists == "judging" else given.lists, report(result))
    return 0
