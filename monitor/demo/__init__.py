"""The demonstration: the main job from end to end on this machine, through the pipeline that the daemon uses."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.compose import House
    from monitor.demo.origin import Published
    from monitor.demo.page import Step
    from monitor.endings import Checked
    from monitor.render import Style

SEED: Final = "2022-02-25-xi-putin-call.txt"
SOURCE: Final = "xi-putin-call"
MARK: Final = "# Written by `variorum demo`; it may be overwritten."

CONFIG: Final = """{mark}
# The page was served on this machine by the demonstration and is not there any more.
database: sqlite:///variorum.db
sources:
  - id: {source}
    url: {url}
    select: "#article"
    baseline: seeds/{seed}
    every: 15m
    tags: [demo]
    robots: false
    allow_private: [127.0.0.0/8]
    confirm: {{after: 0s, times: 1}}
"""


def run_demo(folder: Path, style: Style, *, pace_s: float, say: Callable[[str], None]) -> None:
    """Publish, edit, check and tell; leave configuration and database in ``folder`` for the other commands.

    Raises ``UsageError`` when the folder holds something that is not an earlier demonstration.
    """
    from monitor.demo.origin import origin
    from monitor.seeding import seed_bytes

    _clear(folder)
    seed = seed_bytes(SEED)
    (folder / "seeds").mkdir(parents=True, exist_ok=True)
    (folder / "seeds" / SEED).write_bytes(seed)
    with origin() as published:
        config = folder / "config.yaml"
        words = CONFIG.format(mark=MARK, source=SOURCE, url=published.url, seed=SEED)
        config.write_text(words, encoding="utf-8")
        asyncio.run(_watch(config, published=published, seed=seed.decode(), style=style, pace_s=pace_s, say=say))
    say(_next_commands(folder))


async def _watch(
    config: Path, *, published: Published, seed: str, style: Style, pace_s: float, say: Callable[[str], None]
) -> None:
    from monitor.compose import house
    from monitor.config import load
    from monitor.demo.page import marked, steps

    settings = load(config, os.environ)
    say(f"A loopback server publishes the seeded readout at {published.url}\nand edits it quietly between the looks.\n")
    async with house(settings) as parts:
        for number, step in enumerate(steps(seed), 1):
            published.text = step.text
            say(_heading(marked(step, number), style))
            for _ in range(step.looks):
                if number > 1:
                    await asyncio.sleep(pace_s)
                say(_told(parts, await _look(parts), style))
        say(_against_baseline(parts, style))
        say(_history(parts, style))


async def _look(parts: House) -> Checked:
    from monitor.rounds import check_all
    from storage.archive import Archive

    latest = await parts.around.writer.call(Archive.latest, [SOURCE])
    checks = check_all(parts.settings.declarations, latest, parts.around, concurrency=1)
    (checked,) = [checked async for checked in checks]
    return checked


def _heading(step: Step, style: Style) -> str:
    rule = "─" * min(style.width, 100)
    return f"\n{rule}\n{step.title}: {step.say}\n\n"


def _told(parts: House, checked: Checked, style: Style) -> str:
    from monitor.histories import history_of
    from monitor.render import render
    from monitor.render.answers import check_line
    from monitor.sides import last_change
    from storage.records import Outcome

    line = check_line(checked, style) + "\n"
    if checked.outcome in (Outcome.CHANGED, Outcome.COSMETIC):
        return f"{line}\n{render(last_change(history_of(parts.archive, SOURCE)), 'inline', style)}"
    return line


def _against_baseline(parts: House, style: Style) -> str:
    """The wording that stood furthest from the baseline: the last before the return to the first."""
    from monitor.histories import history_of
    from monitor.render import render
    from monitor.sides import baseline_side, compared, version_side

    history = history_of(parts.archive, SOURCE)
    edited = history.versions[-2]
    comparison = compared(baseline_side(parts.settings.declarations[0]), version_side(history, edited))
    rule = "─" * min(style.width, 100)
    shown = render(comparison, "inline", style)
    return f"\n{rule}\nAgainst the seeded baseline, version {edited.number} had all the edits together:\n\n{shown}"


def _history(parts: House, style: Style) -> str:
    from monitor.render.answers import events_lines, log_lines

    rule = "─" * min(style.width, 100)
    versions = log_lines(parts.archive.versions(SOURCE), style)
    happened = events_lines(parts.archive.events(SOURCE), style)
    return f"\n{rule}\nEvery wording is kept, with the window in which it came:\n\n{versions}\nAnd what was told:\n\n{happened}"


def _next_commands(folder: Path) -> str:
    program = _program()
    config = shlex.quote(str(folder / "config.yaml"))
    verbs = [
        f"log {SOURCE} -p",
        f"diff {SOURCE}@1 {SOURCE}@6 --format side-by-side",
        f"diff {SOURCE}@baseline {SOURCE}@~1",
        f"show {SOURCE}@2",
        "status",
    ]
    lines = "\n".join(f"  {program} --config {config} {verb}" for verb in verbs)
    return f"\nThe database stays in {folder}/. Try:\n{lines}\n"


def _program() -> str:
    """How this program was called, so that the shown commands work as they stand."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m monitor"
    on_path = shutil.which(called.name)
    if on_path and Path(on_path).resolve() == called.resolve():
        return called.name
    return shlex.quote(os.path.relpath(called)) if called.exists() else "variorum"


def _clear(folder: Path) -> None:
    """Make room for a new run; only in a folder that an earlier one made."""
    if not folder.exists():
        return
    config = folder / "config.yaml"
    ours = config.is_file() and config.read_text("utf-8", "replace").startswith(MARK)
    if not folder.is_dir() or (not ours and any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already and is not a demonstration's", hint="--dir names another folder.")
    for old in (config, folder / "seeds" / SEED, *folder.glob("variorum.db*")):
        old.unlink(missing_ok=True)
