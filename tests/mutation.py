"""Break the differ and the chain in one small way at a time: does a test notice?

    python tests/mutation.py [--sample 300] [--seed 9] [PATTERN …]

mutmut makes the mutants; each is judged here in a process of its own, forked before anything of ours was imported, so that
what is made at the start (word lists, patterns) is made from the mutant. Those that no test notices are held against
``tests/equivalent.toml``, which says of each why no test can; what is not in there is told, with its difference.
"""

from __future__ import annotations

import argparse
import fnmatch
import importlib
import os
import random
import re
import signal
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {"monitor": ["tests/core/differ"], "storage": ["tests/storage/test_chain.py", "tests/storage/test_marks.py"]}
EQUIVALENT = ROOT / "tests" / "equivalent.toml"
TIMEOUT_S = 120


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--sample", type=int, help="try so many, chosen by the seed; without it, all")
    asked.add_argument("--seed", type=int, default=9)
    asked.add_argument("--jobs", type=int, default=os.cpu_count())
    asked.add_argument("patterns", nargs="*", default=["*"], help="names of mutants, such as 'monitor.differ.words.*'")
    given = asked.parse_args()
    os.chdir(ROOT)
    names = [one for one in generated() if any(fnmatch.fnmatchcase(one, pattern) for pattern in given.patterns)]
    if given.sample is not None:
        names = sorted(random.Random(given.seed).sample(names, min(given.sample, len(names))))
    import_what_is_not_ours()
    if judged("") != "survived":
        sys.exit("error: the tests fail without a mutant")
    known = {one["mutant"].strip() for one in tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]}
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(given.jobs) as several:
        for name, verdict in zip(names, several.map(judged, names), strict=True):
            if verdict == "survived" and (changed := difference(name)) in known:
                verdict = "equivalent"
            elif verdict == "survived":
                print(f"\n# {name}\n{changed}", flush=True)
            counts[verdict] += 1
    print(f"\n{len(names)} mutants: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if counts["survived"] else 0


def generated() -> list[str]:
    """The names of all mutants, which are written below ``mutants/``."""
    from mutmut import __main__ as mutmut
    from mutmut.mutation.trampoline import set_mutant_under_test

    set_mutant_under_test("mutant_generation")
    Path("mutants").mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(os.cpu_count() or 1)
    found = []
    for path in sorted(Path("mutants").glob("monitor/differ/*.py")) + sorted(Path("mutants").glob("storage/*.py")):
        module = ".".join(path.relative_to("mutants").with_suffix("").parts).removesuffix(".__init__")
        found += [
            f"{module}.{one}"
            for one in re.findall(r"^\s*def (\w+__mutmut_\d+)\(", path.read_text("utf-8"), re.MULTILINE)
        ]
    return found


def import_what_is_not_ours() -> None:
    """Once for all; what is ours is then found in ``mutants``."""
    ours = (str(ROOT), str(ROOT / "tests"))
    sys.path[:] = [str(ROOT / "mutants"), *(one for one in sys.path if one not in ours)]
    for name in ("alembic.command", "diff_match_patch", "hypothesis.strategies", "regex"):
        importlib.import_module(name)


def judged(name: str) -> str:
    """What the tests say of one mutant: ``noticed``, ``survived`` or ``too slow``."""
    child = os.fork()
    if child == 0:
        signal.alarm(TIMEOUT_S)
        os.chdir(ROOT / "mutants")
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.environ["MUTANT_UNDER_TEST"] = name
        os._exit(_tested(TESTS.get(name.partition(".")[0], [*TESTS["monitor"], *TESTS["storage"]])))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "too slow" if os.WTERMSIG(status) == signal.SIGALRM else "noticed"
    return "survived" if os.WEXITSTATUS(status) == 0 else "noticed"


def _tested(tests: list[str]) -> int:
    import pytest

    try:
        return int(
            pytest.main(
                [*tests, "-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
            )
        )
    except BaseException:  # noqa: BLE001 — a mutant may break anything
        return 1


def difference(name: str) -> str:
    """The lines that a mutant takes away and puts, with the function they are in."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(name).splitlines()
    changed = [f"{one[0]} {one[1:].strip()}" for one in lines if one[:1] in "+-" and one[:3] not in ("+++", "---")]
    place = re.sub(r"__mutmut_\d+$", "", name).replace(".x_", ".").replace(".xǁ", ".").replace("ǁ", ".")
    return "\n".join([place, *changed])


if __name__ == "__main__":
    sys.exit(main())
