"""Variorum beside urlwatch, webchanges and changedetection.io: the same pages, the same edits, the truth known.

``python -m bench compare`` installs the peers (pinned, each in an environment of its own), measures what is not measured
yet, part by part, and prints the tables; ``--write`` puts tables and plots into ``docs/performance.md``. Every figure is
kept as JSON in ``bench/results/compare.json`` as soon as it is there, so that the run can be taken in pieces: ``--only
rounds --peers urlwatch --pages 1000``. ``--again`` measures anew; ``--only`` alone measures nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.kept import Kept

OURS = "variorum"
PEERS = ("urlwatch", "webchanges", "changedetection.io")
PARTS = {
    "rounds": "a new, an unchanged and a 5 % changed round, without and with ETag: CPU, memory, recall, false reports",
    "slow": "the same against a server that takes 300 ms: checks a second",
    "scale": "ours alone: CPU a check by the number of sources",
    "bytes": "growth of the store by 32 edits of each page",
    "startup": "the command line at start",
    "alerts": "from the edit to the accepted web hook or mail; memory of the daemons",
}
KEPT = Path(__file__).parents[1] / "results" / "compare.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for and not kept, then print or write the tables."""
    options = argparse.ArgumentParser(prog="python -m bench compare", description=__doc__)
    options.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="parts to measure")
    options.add_argument("--peers", nargs="*", choices=(OURS, *PEERS), default=[OURS, *PEERS], help="who is measured")
    options.add_argument("--pages", type=int, help="pages of rounds, of the slow server, and of the daemons (1000)")
    options.add_argument("--sources", type=int, nargs="+", default=[1000, 10_000, 100_000], help="sizes of scale")
    options.add_argument(
        "--prepare", action="store_true", help="scale: only take the sources up, to be measured the next time"
    )
    options.add_argument("--again", action="store_true", help="measure what is kept anew")
    options.add_argument("--write", action="store_true", help="put tables and plots into docs/performance.md")
    given = options.parse_args(arguments)

    from bench.compare.kept import Kept

    if given.prepare:
        from bench.compare.parts import scale

        for pages in given.sources:
            scale(OURS, pages, prepare=True)
        return 0
    kept = Kept(KEPT)
    for part in given.only:
        for program in given.peers:
            for pages in given.sources if part == "scale" else [given.pages or 1000]:
                if given.again or not kept.has(part, program, pages):
                    _measure(kept, part, program, pages)
    from bench.compare.tables import report, written

    print(report(kept))
    if given.write:
        written(kept, DOCUMENT)
    return 0


def _measure(kept: Kept, part: str, program: str, pages: int) -> None:
    from bench.compare import alerting, parts

    measure = {
        "rounds": parts.check_rounds,
        "slow": parts.slow_server,
        "scale": parts.scale,
        "bytes": parts.growth,
        "startup": parts.start_up,
        "alerts": alerting.latency,
    }[part]
    print(f"{part}: {program}, {pages:,} pages …", file=sys.stderr, flush=True)
    figures = measure(program, pages)
    if figures is None:
        print(f"{part}: nothing to measure for {program}", file=sys.stderr)
    else:
        kept.put(part, program, pages, figures)
