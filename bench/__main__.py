"""``python -m bench [NAME] …``: run one bench, or the rounds when none is named."""

from __future__ import annotations

import importlib
import sys

BENCHES = {
    "rounds": ("bench.rounds", "check rounds against a loopback origin: CPU, checks a second, recall, false reports"),
    "compare": (
        "bench.compare",
        "beside urlwatch, webchanges and changedetection.io: cost, recall, store, start, alerts",
    ),
    "stages": ("bench.stages", "what a check costs, stage by stage, beside the bare client; imports at start"),
    "storage": ("bench.storage", "bytes and time a version, beside git and zstd"),
    "claims": ("bench.claims", "claims of due sources among a million, on both engines"),
    "archive": ("bench.archive", "log, show and grep on an archive of 100,000 versions"),
    "signatures": ("bench.signatures", "what search signatures weigh, and how many sources are read for nothing"),
    "proving": ("bench.proving", "verify and backup: time and memory, by number of versions"),
    "rooms": ("bench.rooms", "pages | report | view: the reading room at its full size"),
    "transfer": ("bench.transfer", "moving in and out: time, size, whether the same comes back"),
    "daemon": ("bench.daemon", "resident memory and CPU of the daemon, idle and checking, by number of sources"),
    "cluster": ("bench.cluster", "workers on PostgreSQL: by number of them; queues | claims N"),
    "outbox": ("bench.outbox", "what an alert costs from the outbox to a channel, and beside old letters"),
    "differ": ("bench.differ", "quality | speed: the differ beside other differs"),
    "history": ("bench.history", "blame cold and kept, grep and drift over many versions: CPU, texts unpacked"),
    "client": ("bench.client", "CPU a request, by HTTP transport"),
    "reading": ("bench.reading", "reading pages: time, main text, stability"),
    "fuzz": ("bench.fuzz", "the readers under atheris, where it is installed"),
}


def main() -> int:
    """Dispatch to the bench's own ``main(arguments)``."""
    name, *rest = sys.argv[1:] or ["rounds"]
    if name.startswith("-"):
        name, rest = "rounds", sys.argv[1:]
    if name not in BENCHES:
        width = max(map(len, BENCHES))
        print(*(f"  {one:{width}}  {line}" for one, (_, line) in BENCHES.items()), sep="\n", file=sys.stderr)
        return 2
    outcome = importlib.import_module(BENCHES[name][0]).main(rest)
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    sys.exit(main())
