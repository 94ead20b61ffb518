"""Make the pictures of the README: ``python docs/pictures.py`` writes docs/pictures/.

The text is the seeded readout, its edits and times are invented. The terminal ones are SVG; the web page needs a
Chromium and is left as it is where there is none.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text as Characters

from monitor.config import load
from monitor.demo.page import steps
from monitor.differ import compare
from monitor.fetch import FetchRules
from monitor.fetch.browser import executable
from monitor.histories import history_of
from monitor.read.plain import parse
from monitor.render import Style, render
from monitor.sides import compared, version_side
from storage.archive import Archive
from storage.records import Event, EventKind, Outcome, Severity, Snapshot, Source, Window

OUT = Path(__file__).resolve().parent / "pictures"
SEED = Path(__file__).resolve().parent.parent / "seeds" / "2022-02-25-xi-putin-call.txt"
NAME = "xi-putin-call"
URL = "https://embassy.example/readout.html"
START = datetime(2022, 2, 26, 4, 5, tzinfo=UTC)
FONTS = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'


def main() -> int:
    """Fill an archive with invented edits and take the pictures."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.yaml").write_text(
            f"sources: [{{id: {NAME}, url: '{URL}', baseline: base.txt}}]\n"
            "phrases: [{id: security-concerns, variants: [legitimate security concerns]}, "
            "{id: all-sides, variants: [concerns of all countries]}]\n"
        )
        (folder / "base.txt").write_bytes(SEED.read_bytes())
        settings = load(folder / "config.yaml", {})
        with Archive.open(settings.database) as archive:
            fill(archive)
            (OUT / "diff.svg").write_text(diff(archive), "utf-8")
            (OUT / "view.svg").write_text(asyncio.run(view(settings, archive)), "utf-8")
            browser = executable(FetchRules())
            if browser is None:
                sys.stderr.write("no Chromium: docs/pictures/web-*.png stay as they are\n")
                return 0
            web(settings, archive, browser)
    return 0


def fill(archive: Archive) -> None:
    """The seeded readout and its invented edits, a quarter of an hour and more apart."""
    archive.declare([Source(NAME, URL, baseline="base.txt")], START)
    before = None
    texts = [one.text for one in steps(SEED.read_text("utf-8")) if one.text is not None]
    for number, words in enumerate(dict.fromkeys(texts), 1):
        at, text = START + timedelta(minutes=[0, 35, 190, 480, 1500, 3000, 4400][number - 1]), parse(words)
        change = compare(before, text) if before else None
        loud = change is not None and (change.severity or Severity.COSMETIC) >= Severity.WORDING
        change = replace(change, silent=loud) if change else None
        kind = EventKind.NEW if change is None else EventKind.CHANGED if loud else EventKind.COSMETIC
        window = Window(at - timedelta(minutes=15) if before else None, at)
        event = Event(kind, NAME, at, number, change.severity if change else None, loud, window)
        taken = Snapshot(URL, URL, 200, (), (), at, words.encode())
        told = Outcome.NEW if before is None else Outcome.CHANGED
        archive.record(
            NAME, taken, text, reader="html", outcome=told, expected=number - 1 or None, change=change, events=[event]
        )
        before = text


def diff(archive: Archive) -> str:
    """``variorum diff`` of a change with several edits, as a terminal shows it."""
    history = history_of(archive, NAME)
    sides = (version_side(history, history.versions[number]) for number in (0, 3))
    shown = render(compared(*sides), "inline", Style(width=92, color=True))
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, width=92, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Characters.from_ansi(f"$ variorum diff {NAME}@1 {NAME}@4\n{shown.rstrip()}"))
        return without_fonts(console.export_svg(title="variorum diff", theme=SVG_EXPORT_THEME, unique_id="diff"))


async def view(settings, archive: Archive) -> str:  # type: ignore[no-untyped-def]
    """``variorum view`` on a wide terminal."""
    from monitor.tui.app import Viewer

    viewer = Viewer(settings, archive, history_of(archive, NAME))
    async with viewer.run_test(size=(132, 30)) as pilot:
        for key in ("J", "J", "B", "n"):
            await pilot.press(key)
            await pilot.pause()
            await viewer.workers.wait_for_complete()
            await pilot.pause()
        return without_fonts(viewer.export_screenshot(title="variorum view"))


def web(settings, archive: Archive, browser: str) -> None:  # type: ignore[no-untyped-def]
    """A change and the page of its source, light and dark, from a server on this machine."""
    import uvicorn
    from playwright.sync_api import sync_playwright

    from monitor.web.app import application

    app = application(settings, archive)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=browser, args=flags)
        for name, path, scheme, height in (
            ("web-change", "1-4.html", "light", 760), ("web-change-dark", "1-4.beside.html", "dark", 760),
            ("web-source", "index.html", "light", 1000),
        ):  # fmt: skip
            context = opened.new_context(viewport={"width": 1000, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/s/{NAME}/{path}")
            page.screenshot(path=OUT / f"{name}.png")
            context.close()
        opened.close()
    server.should_exit = True
    serving.join(10)


def without_fonts(svg: str) -> str:
    """The picture with the reader's own fonts: it loads nothing from anywhere."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL).replace(
        "font-family: Fira Code, monospace", f"font-family: {FONTS}"
    )
    svg = re.sub(r"terminal-\d+-", "picture-", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    sys.exit(main())
