"""Check rounds: N pages, known edits; what a round of checks costs, finds and misses.

Rounds: ``new`` (empty database), ``same`` (nothing changed but the furniture), ``chg5`` (5 % of the statements edited),
and the same three with ``ETag`` (``new-304``, ``same-304``, ``chg5-304``). Each round is one process, measured whole by
``wait4``: CPU is user and system time of it and its children, start-up included; what an empty round costs is told apart.
urlwatch and webchanges stand beside ours in the same run (``bench/peers.py``); another program can: ``--setup`` and ``--command`` with ``{dir}`` (its store), ``{urls}`` (a file of addresses), ``{jobs}`` (a
YAML stream of name, url, css), and ``--changed`` (a pattern whose group 1 is the page number) over what it prints.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.contender import Contender
from bench.peers import ONE_SHOT, peer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUNDS = (("new", 0.0), ("same", 0.0), ("chg5", 0.05))


@dataclass(frozen=True, slots=True)
class Cost:
    """One process, whole: seconds of wall and CPU, peak resident memory in MiB, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    code: int
    printed: str


def as_installed() -> dict[str, str]:
    """The environment of a program that was installed: with the byte code that Python keeps beside the source."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(command: Sequence[str], cwd: Path) -> Cost:
    """Run ``command`` and measure the whole process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=cwd, env=as_installed())
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode("utf-8", "replace")
        if process.returncode not in (0, 1):
            err.seek(0)
            print(err.read().decode("utf-8", "replace")[-2000:], file=sys.stderr)
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode, printed)


@contextmanager
def origin(pages: int, *, delay_ms: float, etag: bool, port: int = 0) -> Iterator[str]:
    """A loopback origin in a process of its own, at any port or at that one; yields its address."""
    command = [sys.executable, "-m", "bench.origin", "--pages", str(pages), "--delay-ms", str(delay_ms)]
    command += ["--port", str(port)]
    process = subprocess.Popen(
        [*command, *(["--etag"] if etag else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def ask(url: str) -> object:
    """The JSON answer of the origin's own addresses."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def ours(concurrency: int) -> Contender:
    """Variorum, as a user calls it."""

    def set_up(folder: Path, base: str, pages: int) -> None:
        sources = "".join(
            f"  - {{id: p{n}, url: '{base}/p/{n}', select: '#statement', allow_private: [127.0.0.0/8], robots: false}}\n"
            for n in range(pages)
        )
        limits = f"concurrency: {concurrency}\n"
        (folder / "config.yaml").write_text(f"database: sqlite:///variorum.db\n{limits}sources:\n{sources}")

    def changed(printed: str) -> set[int]:
        results = json.loads(printed)["results"]
        return {int(one["source"][1:]) for one in results if one["outcome"] in ("changed", "cosmetic")}

    program = str(Path(sys.executable).parent / "variorum")
    return Contender("variorum", set_up, lambda _folder, _base, _pages: [program, "check", "--json"], changed)


def other(name: str, setup: str, command: str, pattern: str) -> Contender:
    """Another program, from its two command templates."""

    def filled(template: str, folder: Path, pages: int) -> list[str]:
        words = {"dir": folder, "urls": folder / "urls.txt", "jobs": folder / "jobs.yaml", "n": pages}
        return shlex.split(template.format(**words))

    def set_up(folder: Path, base: str, pages: int) -> None:
        (folder / "urls.txt").write_text("".join(f"{base}/p/{n}\n" for n in range(pages)))
        jobs = [
            f"name: p{n}\nurl: {base}/p/{n}\nfilter:\n  - css: '#statement'\n  - html2text: strip_tags\n"
            for n in range(pages)
        ]
        (folder / "jobs.yaml").write_text("---\n".join(jobs))
        if setup:
            subprocess.run(filled(setup, folder, pages), check=True, cwd=folder, stdout=subprocess.DEVNULL)

    def changed(printed: str) -> set[int]:
        return {int(number) for number in re.findall(pattern, printed, re.MULTILINE)}

    return Contender(name, set_up, lambda folder, _base, pages: filled(command, folder, pages), changed)


def started_s() -> float:
    """CPU seconds of the imports of a round of checks: paid once, however many pages there are."""
    with tempfile.TemporaryDirectory(prefix="variorum-bench-") as name:
        command = [sys.executable, "-c", "import monitor.compose, monitor.config.loading, monitor.read.html"]
        return min(measured(command, Path(name)).cpu_s for _ in range(3))


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one program: its row of the table, and what the slope is made of."""

    program: str
    step: str
    pages: int
    delay_ms: float
    cpu_s: float
    row: str


def rounds(contender: Contender, pages: int, *, delay_ms: float, etag: bool) -> Iterator[Round]:
    """The rounds of one contender and one origin."""
    with (
        tempfile.TemporaryDirectory(prefix="variorum-bench-") as name,
        origin(pages, delay_ms=delay_ms, etag=etag) as base,
    ):
        folder = Path(name)
        contender.set_up(folder, base, pages)
        for step, share in ROUNDS:
            truth = ask(f"{base}/_round?share={share}&seed=11")
            assert isinstance(truth, list)
            cost = measured(contender.command(folder, base, pages), folder)
            found = contender.changed(cost.printed) if step != "new" and cost.printed.strip() else set()
            missed, false = set(truth) - found, found - set(truth)
            stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix != ".yaml")
            name_of = f"{step}{'-304' if etag else ''}"
            row = (
                f"| {pages} | {name_of} | {delay_ms:g} | {contender.name} | {cost.wall_s:.2f} "
                f"| {pages / cost.wall_s:.0f} | {1000 * cost.cpu_s / pages:.2f} | {cost.peak_mib:.0f} | {stored / 1e6:.2f} "
                f"| {len(truth) - len(missed)}/{len(truth)} | {len(false)} | {cost.code} |"
            )
            yield Round(contender.name, name_of, pages, delay_ms, cost.cpu_s, row)


def slopes(done: Sequence[Round]) -> Iterator[str]:
    """CPU a check with start-up taken out: the cost of more pages, from the smallest and the largest number of them."""
    kinds = dict.fromkeys((one.program, one.step) for one in done if not one.delay_ms)
    for program, step in kinds:
        sizes = sorted(
            (one.pages, one.cpu_s) for one in done if (one.program, one.step, one.delay_ms) == (program, step, 0)
        )
        (few, few_s), (many, many_s) = sizes[0], sizes[-1]
        if many > few:
            yield f"| {few} to {many} | {step} | {program} | {1000 * (many_s - few_s) / (many - few):.2f} |"


def main(arguments: Sequence[str]) -> int:
    """Print the table, as Markdown."""
    options = argparse.ArgumentParser(prog="python -m bench rounds", description=__doc__)
    options.add_argument("--pages", type=int, nargs="+", default=[100, 1000])
    options.add_argument("--delay-ms", type=float, nargs="+", default=[0.0])
    options.add_argument(
        "--latency-pages", type=int, default=1000, help="pages of the round with 300 ms latency; 0: none"
    )
    options.add_argument("--concurrency", type=int, default=50)
    options.add_argument("--no-etag", action="store_true", help="leave out the rounds with ETag")
    options.add_argument("--peers", nargs="*", default=ONE_SHOT, help="programs beside ours; none: ours alone")
    options.add_argument("--name", default="other", help="name of the other program")
    options.add_argument("--setup", default="", help="command that sets the other program up, once")
    options.add_argument("--command", help="command that makes it check everything once")
    options.add_argument("--changed", default=r"^changed\s+\S*?0*(\d+)$", help="pattern over its output")
    given = options.parse_args(arguments)
    contenders = [ours(given.concurrency)]
    contenders += [found for name in given.peers if (found := peer(name)) is not None]
    if given.command:
        contenders.append(other(given.name, given.setup, given.command, given.changed))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}\n")
    print(
        "| pages | round | delay ms | program | wall s | checks/s | CPU ms/check | peak MiB | store MB | found | false | exit |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    print(f"| 0 | start-up alone | 0 | variorum | | | {1000 * started_s():.0f} ms in all | | | | | |", flush=True)
    plan = [(pages, delay, False) for pages in given.pages for delay in given.delay_ms]
    if not given.no_etag:
        plan += [(pages, 0.0, True) for pages in given.pages]
    if given.latency_pages:
        plan.append((given.latency_pages, 300.0, False))
    done: list[Round] = []
    for pages, delay_ms, etag in plan:
        for contender in contenders:
            for one in rounds(contender, pages, delay_ms=delay_ms, etag=etag):
                done.append(one)
                print(one.row, flush=True)
    print("\n| pages | round | program | CPU ms a further check |\n|---|---|---|---|")
    print(*slopes(done), sep="\n")
    return 0
