"""One differ on two files, timed in a process of its own: ``python timing.py DIFFER OLD NEW``. Prints JSON.

CPU milliseconds a run (``time.process_time``, for git that of its processes) of each of seven samples; of a single run
where it takes longer than a second. The caller bounds CPU time. It imports nothing but the
differ named, so that it also runs in an environment that has only that one.
"""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = 7
SAMPLE_S = 0.08
LONG_S = 1.0
LEAST_S = 0.001
"""What a run is taken to cost that is too short for the clock."""
WORDS = re.compile(r"\w+|\s+|[^\w\s]")


def _variorum(old: str, new: str) -> Callable[[], object]:
    from monitor.differ import compare
    from storage.records import Text

    return lambda: compare(Text(old), Text(new))


def _difflib(old: str, new: str) -> Callable[[], object]:
    from difflib import SequenceMatcher

    return lambda: SequenceMatcher(None, WORDS.findall(old), WORDS.findall(new), autojunk=False).get_opcodes()


def _dmp_words(old: str, new: str) -> Callable[[], object]:
    from diff_match_patch import diff_match_patch

    engine = diff_match_patch()
    engine.Diff_Timeout = 0

    def run() -> object:
        code: dict[str, str] = {}
        a, b = (
            "".join(code.setdefault(one, chr(0x100 + len(code))) for one in WORDS.findall(side)) for side in (old, new)
        )
        return engine.diff_main(a, b, False)

    return run


def _dmp_characters(old: str, new: str) -> Callable[[], object]:
    from diff_match_patch import diff_match_patch

    engine = diff_match_patch()
    engine.Diff_Timeout = 0
    return lambda: engine.diff_main(old, new, False)


def _redlines(old: str, new: str) -> Callable[[], object]:
    from redlines import Redlines  # type: ignore[import-not-found,unused-ignore]

    return lambda: Redlines(old, new).output_markdown


DIFFERS = {
    "variorum": _variorum,
    "difflib on words": _difflib,
    "dmp on words": _dmp_words,
    "dmp on characters": _dmp_characters,
    "redlines": _redlines,
}
GIT = "git --word-diff"


def main(name: str, old: str, new: str) -> None:
    """Time it and print the list."""
    if name == GIT:
        command = ["git", "diff", "--no-index", "--no-color", "--word-diff=porcelain", old, new]
        run: Callable[[], object] = lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: E731
    else:
        run = DIFFERS[name](Path(old).read_text("utf-8"), Path(new).read_text("utf-8"))
        if name == "variorum":
            run()  # the rules are read once a process
    before = _cpu_s(name)
    run()
    first = _cpu_s(name) - before
    took = [1000 * first]
    if first < LONG_S:
        # the system may count CPU time in ticks of 4 ms: a sample is as many runs as fill twenty of them
        batch = math.ceil(SAMPLE_S / max(first, LEAST_S))
        took = []
        for _ in range(SAMPLES):
            before = _cpu_s(name)
            for _ in range(batch):
                run()
            took.append(1000 * (_cpu_s(name) - before) / batch)
    print(json.dumps(took))


def _cpu_s(name: str) -> float:
    if name != GIT:
        return time.process_time()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:4])
