"""Time of the differ against words, beside other differs: ``python -m bench differ speed``.

Every measurement is a process of its own with a limit of CPU time; a differ that meets the limit is not tried on larger
texts of that sort. redlines is put into an environment of its own, and left out with a line where that cannot be done.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.differ import DOCUMENT, ROOT
from bench.differ import plot as draw
from bench.differ.timing import DIFFERS, GIT
from bench.machine import machine, today

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
CHANGES = ("small edits", "a third replaced", "unrelated")
NAMES = ("variorum", "difflib on words", "dmp on words", "dmp on characters", "redlines", GIT)
REDLINES = "redlines==0.6.2"
OWN = ROOT / ".venv" / "rivals"
_TIMING = Path(__file__).with_name("timing.py")
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


def texts(words: int) -> Iterator[tuple[str, str, str]]:
    """``(change, old, new)`` for that size; small edits are five, and one more for every 500 words."""
    old = prose(words, 1)
    news = (small_edits(old, 5 + words // 500), third_replaced(old), prose(words, 9))
    for change, new in zip(CHANGES, news, strict=True):
        yield change, "\n\n".join(old), "\n\n".join(new)


def run(*, cap_s: float, out: Path | None, write: bool, sizes: Sequence[int] = SIZES) -> int:
    """Measure, print the chart and the table; write the plot to ``out``, and with ``write`` both into ``docs/``."""
    runners = pythons()
    took: dict[tuple[str, str, int], list[float]] = {}
    stopped: dict[tuple[str, str], int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for words in sizes:
            for change, old, new in texts(words):
                files = [Path(folder, side) for side in ("old.txt", "new.txt")]
                for file, content in zip(files, (old, new), strict=True):
                    file.write_text(content + "\n", "utf-8")
                for name, python in runners.items():
                    if (name, change) in stopped:
                        continue
                    found = timed(python, name, files, cap_s)
                    if found is None:
                        stopped[name, change] = words
                        print(f"{name}: stopped at {words:,} words, {change} (over {cap_s:g} s)", file=sys.stderr)
                    else:
                        took[name, change, words] = found
            print(f"{words:,} words: done", file=sys.stderr)
    panels = {
        change: {
            name: [(words, min(took[name, change, words])) for words in sizes if (name, change, words) in took]
            for name in runners
        }
        for change in CHANGES
    }
    note = _note(runners, cap_s)
    table = _table(took, stopped, sizes, list(runners), cap_s) + f"\n{note}\n"
    print(draw.text(panels))
    print(f"\n{table}")
    target = out or (DOCUMENT.with_name("differ-speed.svg") if write else None)
    if target is not None:
        target.write_text(draw.svg(panels, note), "utf-8")
        print(f"plot: {target}", file=sys.stderr)
    if write:
        from bench.differ.marked import write as written

        written(DOCUMENT, "speed", f"![CPU time against words, both logarithmic](differ-speed.svg)\n\n{table}")
    return 0


def timed(python: Path, name: str, files: Sequence[Path], cap_s: float) -> list[float] | None:
    """CPU milliseconds of each run; None when the limit was met."""
    limit = int(cap_s) + 1

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))

    done = subprocess.run(
        [python, "-P", _TIMING, name, *files],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"},
        preexec_fn=bounded,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return list(json.loads(done.stdout))
    if done.returncode > 0:
        raise SystemExit(f"error: {name} failed: {done.stderr.strip().splitlines()[-1:]}")
    return None


def pythons() -> dict[str, Path]:
    """Which interpreter runs which differ; those that are not to be had are left out, with a line."""
    mine = Path(sys.executable)
    found = {name: mine for name in NAMES if name in DIFFERS and name != "redlines"}
    if (python := _redlines()) is not None:
        found["redlines"] = python
    try:
        subprocess.run(["git", "--version"], capture_output=True, check=True)
        found[GIT] = mine
    except (OSError, subprocess.CalledProcessError):
        print(f"{GIT}: no git here, left out", file=sys.stderr)
    return {name: found[name] for name in NAMES if name in found}


def _redlines() -> Path | None:
    python = OWN / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", OWN], check=True, capture_output=True)
        if subprocess.run([python, "-c", "import redlines"], capture_output=True, check=False).returncode:
            # redlines 0.6.2 imports typing_extensions without asking for it
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REDLINES]
            subprocess.run([*install, "typing_extensions"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        print(f"redlines: could not be installed ({type(failure).__name__}), left out", file=sys.stderr)
        return None
    return python


def _table(
    took: dict[tuple[str, str, int], list[float]],
    stopped: dict[tuple[str, str], int],
    sizes: Sequence[int],
    names: Sequence[str],
    cap_s: float,
) -> str:
    rows = [
        "CPU milliseconds, minimum / median of seven samples (of one run where it takes longer than a second).\n",
        "| change | words | " + " | ".join(names) + " | variorum, ms per 1,000 words |",
        "|---|---|" + "---|" * (len(names) + 1),
    ]
    for change in CHANGES:
        for words in sizes:
            cells = []
            for name in names:
                found = took.get((name, change, words))
                if found:
                    cells.append(f"{_ms(min(found))} / {_ms(statistics.median(found))}")
                else:
                    cells.append(f"over {cap_s:g} s" if stopped.get((name, change)) == words else "–")
            mine = took.get(("variorum", change, words))
            each = f"{1000 * min(mine) / words:.2f}" if mine else "–"
            rows.append(f"| {change} | {words:,} | " + " | ".join(cells) + f" | {each} |")
    return "\n".join(rows) + "\n"


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _note(pythons: dict[str, Path], cap_s: float) -> str:
    parts = [f"Python {platform.python_version()}", f"diff-match-patch {version('diff-match-patch')}"]
    if "redlines" in pythons:
        parts.append(REDLINES.replace("==", " "))
    if GIT in pythons:
        parts.append(subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip())
    return f"{today()}, {machine()}; {', '.join(parts)}; stopped after {cap_s:g} s of CPU time."
