"""The parts of the comparison that a round, a store or a start can tell: each for one program and a number of pages."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compare import KEPT, OURS
from bench.compare.watchers import CONCURRENCY, OneShot, stored_bytes, watcher
from bench.peers import DAEMON, ChangeDetection, free_port, installed, peer, release
from bench.rounds import ask, measured, origin, ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.kept import Figures
    from bench.compare.watchers import Watcher

DISTINCT = 1000
"""Pages that differ; more addresses than these lead to the same pages again."""
PREPARED = KEPT.parent
EDITED_PAGES, EDITS = 25, 32
SLOW_MS = 300.0
RUNS = 7


def check_rounds(program: str, pages: int) -> Figures | None:
    """``new``, ``same`` and ``chg5``, and the three with ``ETag``."""
    steps: dict[str, Figures] = {}
    for etag in (False, True):
        with origin(pages, delay_ms=0.0, etag=etag) as base, watcher(program, base, pages) as found:
            if found is None:
                return None
            for step, share in (("new", 0.0), ("same", 0.0), ("chg5", 0.05)):
                steps[f"{step}{'-304' if etag else ''}"] = _step(found[0], base, pages, share)
    return {"steps": steps, "release": release(program)}


def slow_server(program: str, pages: int) -> Figures | None:
    """``new`` and ``same`` with an answer after 300 ms."""
    with origin(pages, delay_ms=SLOW_MS, etag=False) as base, watcher(program, base, pages) as found:
        if found is None:
            return None
        return {"steps": {step: _step(found[0], base, pages, 0.0) for step in ("new", "same")}}


def scale(program: str, pages: int, *, prepare: bool = False) -> Figures | None:
    """``new``, ``same-304`` and ``same``; ours alone.

    The sources are taken up once and kept in a folder until all is measured: with ``prepare`` that is all that is done.
    """
    if program != OURS:
        return None
    folder = PREPARED / f"scale-{pages}"
    begun = folder / "begun.json"
    kept: Figures = json.loads(begun.read_text("utf-8")) if begun.exists() else {"port": free_port()}
    if "new" not in kept:
        shutil.rmtree(folder, ignore_errors=True)  # what was broken off would be no first look
        folder.mkdir(parents=True)
    with origin(min(pages, DISTINCT), delay_ms=0.0, etag=True, port=kept["port"]) as base:
        watching = OneShot(ours(CONCURRENCY), folder, base, pages)
        if "new" not in kept:
            kept["new"] = _step(watching, base, pages, 0.0)
            begun.write_text(json.dumps(kept), "utf-8")
        if prepare:
            return None
        known = _step(watching, base, pages, 0.0)
        ask(f"{base}/_etag?on=0")
        same = _step(watching, base, pages, 0.0)
    stored = stored_bytes(folder)
    shutil.rmtree(folder)
    return {"steps": {"new": kept["new"], "same": same, "same-304": known}, "stored": stored}


def _step(watching: Watcher, base: str, pages: int, share: float) -> dict[str, Any]:
    edited = ask(f"{base}/_round?share={share}&seed=11")
    assert isinstance(edited, list)
    truth = {number for number in range(pages) if number % DISTINCT in set(edited)} if pages > DISTINCT else set(edited)
    before = _counts(base)
    look = watching.look()
    after = _counts(base)
    return {
        "wall_s": look.wall_s,
        "cpu_s": look.cpu_s,
        "peak_mib": look.peak_mib,
        "checked": look.checked,
        "true": len(truth),
        "found": len(truth & look.told) if truth else 0,
        "false": len(look.told - truth) if before["requests"] else 0,  # the first look tells everything as new
        "not_modified": after["not_modified"] - before["not_modified"],
    }


def _counts(base: str) -> dict[str, int]:
    counts = ask(f"{base}/_counts")
    assert isinstance(counts, dict)
    return counts


def growth(program: str, pages: int) -> Figures | None:
    """What the store grows by when each of 25 pages is edited 32 times; ``pages`` counts for nothing here."""
    del pages
    with origin(EDITED_PAGES, delay_ms=0.0, etag=False) as base, watcher(program, base, EDITED_PAGES) as found:
        if found is None:
            return None
        watching, folder = found
        first = _step(watching, base, EDITED_PAGES, 0.0)
        before, told = stored_bytes(folder), 0
        for _ in range(EDITS):
            told += _step(watching, base, EDITED_PAGES, 1.0)["found"]
        grown = stored_bytes(folder) - before
    return {
        "first": before,
        "grown": grown,
        "told": told,
        "versions": EDITED_PAGES * EDITS,
        "checked": first["checked"],
    }


def start_up(program: str, pages: int) -> Figures | None:
    """``--version``, ``--help`` and the list of what is watched; of a daemon, how long until it answers."""
    with origin(min(pages, DISTINCT), delay_ms=0.0, etag=False) as base, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if program == DAEMON:
            programs = installed(program)
            if programs is None:
                return None
            daemon = ChangeDetection(programs, folder)
            ready_s = daemon.ready_s
            daemon.close()
            return {"commands": _timed({"--help": [str(programs / DAEMON), "--help"]}, folder), "ready_s": ready_s}
        contender = ours(CONCURRENCY) if program == OURS else peer(program)
        if contender is None:
            return None
        contender.set_up(folder, base, pages)
        command = contender.command(folder, base, pages)
        if program != OURS:
            listing = [*command, "--list" if program == "urlwatch" else "--list-jobs"]
            commands = {"--version": [command[0], "--version"], "--help": [command[0], "--help"], "list": listing}
            return {"commands": _timed(commands, folder)}
        measured(command, folder)
        asked = {"--version": ["--version"], "--help": ["--help"], "list": ["sources"], "status": ["status"]}
        asked |= {"log": ["log", "p1"]}
        return {"commands": _timed({one: [command[0], *words] for one, words in asked.items()}, folder)}


def _timed(commands: dict[str, Sequence[str]], folder: Path) -> dict[str, dict[str, float]]:
    """Median wall and CPU milliseconds of each, after one run that is not counted."""
    told = {}
    for name, command in commands.items():
        runs = [measured(command, folder) for _ in range(RUNS + 1)][1:]
        told[name] = {
            "wall_ms": 1000 * statistics.median(one.wall_s for one in runs),
            "cpu_ms": 1000 * statistics.median(one.cpu_s for one in runs),
        }
    return told
