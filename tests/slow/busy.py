"""A busy archive that is made to be killed: forks at each line it is given, and each child keeps versions until it dies.

``python -m tests.slow.busy URL``. A child says ``pid N``, then for each thing that was committed, after the commit, one
line: ``kept SOURCE NUMBER DIGEST``, ``doubted``, ``same`` or ``pruned``. All of it goes to one pipe, a line a write.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, datetime, timedelta

from storage.archive import Archive, Unchanged
from storage.engine import engine_for
from storage.prune import choose, prune
from storage.records import Outcome
from tests.storage.filled import doubt, keep

SOURCES = ("a", "b", "c", "d")


def said(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def live(url: str, seed: int) -> None:
    """Keep, doubt, note and prune without end."""
    dice = random.Random(seed)
    said(f"pid {os.getpid()}")
    with Archive.open(url) as archive:
        numbers = {name: known.number or 0 for name, known in archive.latest(SOURCES).items()}
        while True:
            name, lot = dice.choice(SOURCES), dice.random()
            now = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=numbers[name])
            if lot < 0.6 or not numbers[name]:
                numbers[name] += 1
                keep(archive, name, numbers[name])
                said(f"kept {name} {numbers[name]} {archive.version(name, numbers[name]).digest}")
            elif lot < 0.8:
                doubt(archive, name, numbers[name], f"error page {dice.random()}".encode())
                said("doubted")
            elif lot < 0.97:
                archive.note_unchanged([Unchanged(one, now, Outcome.UNCHANGED) for one in SOURCES])
                said("same")
            else:
                engine = engine_for(url)
                for one in choose(archive, [name], older_than=None, newest=12, pinned={}):
                    prune(engine, one, now)
                engine.dispose()
                said("pruned")


def main(url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                live(url, int(line))
            except BaseException as error:  # noqa: BLE001
                said(f"died {type(error).__name__}: {error}".replace("\n", " ")[:300])
            os._exit(0)
        os.waitpid(child, 0)
        said("dead")


if __name__ == "__main__":
    main(sys.argv[1])
