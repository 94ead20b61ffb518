"""A real Chromium, the web page served by a process of its own, and an archive with the seeded readout, the FOMC
statements and hostile texts."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from monitor.differ import compare
from monitor.fetch import FetchRules
from monitor.fetch.browser import executable
from storage.archive import Archive
from storage.records import Event, EventKind, Outcome, Severity, Snapshot, Source, Text, Window

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENS = ROOT / ".artifacts" / "screens"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
CONFIG = """
series:
  - {id: fomc, title: FOMC statements}
phrases:
  - {id: considerable-time, variants: ["considerable time", "considerable period"]}
  - {id: patient, variants: ["can be patient in beginning"]}
  - {id: transitory, variants: ["transitory"]}
  - {id: security-concerns, variants: ["legitimate security concerns"]}
"""
HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\"> {{ 7*7 }} ${7*7}\n\n"
    "[click](javascript:alert(1)) javascript:alert(document.domain) data:text/html,<b>x</b> &lt;b&gt; \"'><svg onload=alert(1)>\n\n"
    "\x1b]0;owned\x07\x1b[31mred \u202egnp.exe\u202c \u2066isolated\u2069 zero\u200bwidth \ufeff end of WHAT."
)


@dataclass(frozen=True)
class Room:
    """Where the pages are: served at ``address``, written out below ``files``."""

    address: str
    files: Path


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser to start: Debian's, installed when it is missing and this may be done."""
    found = executable(FetchRules())
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 600}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        packages = ["chromium", "fonts-noto-core", "fonts-noto-cjk"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(install, check=False, env=environment, **quiet)
        found = executable(FetchRules())
    if found is None:
        reason = "no Chromium is installed, and it cannot be installed here (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the browser suite, but {reason}")
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Open for one module: as long as it is, no other loop can run in this thread, and most other tests need one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def room(chromium: str, tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("room") / "demo"
    _variorum("-q", "demo", "--dir", str(folder), "--pace", "0")
    config = folder / "config.yaml"
    config.write_text(config.read_text() + CONFIG)
    statements = corpus / "series" / "fomc-statements"
    _variorum("--config", str(config), "-q", "import", "folder", str(statements), "--series", "fomc")
    with Archive.open(f"sqlite:///{folder / 'variorum.db'}") as archive:
        _fill_hostile(archive)
        _fill_right_to_left(archive)
        archive.adopt(Source("not-yet", "https://example.org/"), datetime(2024, 1, 1, tzinfo=UTC))
    files = tmp_path_factory.mktemp("site")
    _variorum("--config", str(config), "-q", "report", "--out", str(files))
    with _served(config) as address:
        yield Room(address, files)


def _variorum(*words: str) -> None:
    """A process of its own: in this one Playwright's loop runs already."""
    subprocess.run([sys.executable, "-m", "monitor", *words], check=True, stdout=subprocess.DEVNULL)


def _fill_hostile(archive: Archive) -> None:
    name, before = "hostile", None
    archive.adopt(Source(name, "javascript:alert(1)", tags=("<b>",)), datetime(2024, 1, 1, tzinfo=UTC))
    for number, what in enumerate(("it", "all that", "everything"), 1):
        at = datetime(2024, 1, number, tzinfo=UTC)
        text = Text.of(
            "<h1 onclick=alert(1)>\u202eTitle & co</h1>",
            "<time>now</time>",
            HOSTILE.replace("WHAT", what).split("\n\n"),
        )
        told = Event(EventKind.CHANGED, name, at, number, Severity.WORDING, True, Window(at - timedelta(hours=1), at))
        archive.record(
            name, Snapshot("javascript:alert(1)", "javascript:alert(1)", 200, (), (), at, text.text.encode()), text,
            reader="<i>", outcome=Outcome.CHANGED if before else Outcome.NEW, expected=number - 1 or None,
            change=compare(before, text) if before else None, events=[told],
        )  # fmt: skip
        before = text
    archive.note_failed(
        name, datetime(2024, 2, 1, tzinfo=UTC), Outcome.FAILED, "<script>owned</script> \x1b[31m", failing=True
    )


def _fill_right_to_left(archive: Archive) -> None:
    """Under an id as long as ids may be, which has no place to break but its dashes."""
    name, before = "the-office-of-the-spokesperson-" + 49 * "x", None
    archive.adopt(Source(name, f"https://example.org/{'a-long-path/' * 12}"), datetime(2024, 1, 1, tzinfo=UTC))
    for number, word in enumerate(("العميق", "البالغ"), 1):
        at = datetime(2024, 3, number, tzinfo=UTC)
        said = f"أعرب أعضاء مجلس الأمن عن قلقهم {word} إزاء الوضع في المنطقة، ودعوا جميع الأطراف إلى وقف إطلاق النار."
        text = Text.of("بيان صحفي صادر عن مجلس الأمن", "15 مارس 2024", [said, "وأكد الأعضاء دعمهم لجهود الأمين العام."])
        archive.record(
            name, Snapshot("u", "u", 200, (), (), at, text.text.encode()), text, reader="html",
            outcome=Outcome.CHANGED if before else Outcome.NEW, expected=number - 1 or None,
            change=compare(before, text) if before else None,
        )  # fmt: skip
        before = text


@contextlib.contextmanager
def _served(config: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "monitor", "-q", "--config", str(config), "web", "--listen", f"127.0.0.1:{port}"]
    serving = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert serving.poll() is None, "the web page did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        serving.terminate()
        serving.wait(20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page; whatever it complains about, and every request that leaves its origin, fails the test."""
    context = browser.new_context()
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    opened.on("console", lambda said: complaints.append(f"console: {said.text}") if said.type == "error" else None)
    opened.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield opened
    context.close()
    assert complaints == []
