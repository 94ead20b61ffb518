"""From the edit at the origin to the alert that was accepted, and what a daemon weighs that watches a thousand pages.

Daemons look every minute; a fiftieth of the pages is edited at one moment, in several waves, so that the edits fall on any
point of the minute. Two spans are told of each: from the edit, of which the waiting for the next look is the greater part,
and from the moment the origin gave out the new text. Programs without a daemon are started at the moment of the edit, as a
timer would at best; whoever uses them waits for the timer besides.
"""

from __future__ import annotations

import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.compare import OURS
from bench.peers import DAEMON, ChangeDetection, cpu_s, free_port, installed, memory_mib, peer
from bench.rounds import ask, measured, origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.compare.kept import Figures

EVERY_S = 60
WAVES = 3
SHARE = 0.02
WAIT_S = 200.0
SETTLE_S = 20.0
_PAGE = re.compile(r"/p/(\d+)\b")
_SETTINGS = """database: sqlite:///variorum.db
concurrency: 50
defaults: {{every: {every}s, select: '#statement', allow_private: [127.0.0.0/8], robots: false}}
channels: {{hook: {{webhook: {{url: '{hook}', secret: whsec_{secret}, allow_private: [127.0.0.0/8]}}}}}}
alerts: [{{when: {{events: [changed, cosmetic]}}, to: [hook]}}]
sources:
"""


class Inbox:
    """Where alerts arrive: a web hook and a mail server on this machine; when each page was first told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[int, float] = {}
        self.hook = self.mail = 0

    def take(self, text: str) -> None:
        """An alert was accepted, now."""
        now = time.time()
        with self._lock:
            for number in map(int, _PAGE.findall(text)):
                self._told.setdefault(number, now)

    def empty(self) -> None:
        """Forget what came."""
        with self._lock:
            self._told.clear()

    def wait(self, pages: set[int], limit_s: float) -> dict[int, float]:
        """When each of ``pages`` was told; those that did not come in time are not there."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end and not pages <= self._told.keys():
            time.sleep(0.1)
        with self._lock:
            return {number: at for number, at in self._told.items() if number in pages}


@contextmanager
def inbox() -> Iterator[Inbox]:
    """An inbox that is open."""
    from aiosmtpd.controller import Controller

    found = Inbox()

    class Hook(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            found.take(body.decode("utf-8", "replace").replace("\\/", "/"))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    class Mail:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802  (aiosmtpd names it so)
            del server, session
            from email import message_from_bytes, policy

            letter = message_from_bytes(envelope.content, policy=policy.default)
            part = letter.get_body(("plain",))
            found.take(part.get_content() if part is not None else "")
            return "250 taken"

    hooks = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    found.hook, found.mail = hooks.server_port, free_port()
    office = Controller(Mail(), hostname="127.0.0.1", port=found.mail)
    office.start()
    try:
        yield found
    finally:
        office.stop()
        hooks.shutdown()
        hooks.server_close()


def latency(program: str, pages: int) -> Figures | None:
    """Both spans of every edit, in seconds; of a daemon its memory and CPU besides."""
    with origin(pages, delay_ms=0.0, etag=False) as base, inbox() as taken, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ask(f"{base}/_round?share=0&seed=5")
        if program in (OURS, DAEMON):
            daemon = _ours if program == OURS else _peer
            with daemon(folder, base, pages, f"http://127.0.0.1:{taken.hook}/hook") as pid:
                return None if pid is None else _watched(pid, base, pages, taken)
        contender = peer(program, mail_port=taken.mail)
        if contender is None:
            return None
        contender.set_up(folder, base, pages)
        command = contender.command(folder, base, pages)
        measured(command, folder)
        return {**_waves(base, taken, pages, lambda: measured(command, folder)), "by": "mail, started at the edit"}


def _watched(pid: int, base: str, pages: int, taken: Inbox) -> Figures:
    end = time.monotonic() + WAIT_S
    while _requests(base) < pages and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(SETTLE_S)
    started, cpu, before = time.monotonic(), cpu_s(pid), _requests(base)
    figures = _waves(base, taken, pages, lambda: None)
    took, checks = time.monotonic() - started, _requests(base) - before
    return {
        **figures,
        "by": f"web hook, a look every {EVERY_S} s",
        "rss_mib": memory_mib(pid, "VmRSS"),
        "peak_mib": memory_mib(pid, "VmHWM"),
        "busy": (cpu_s(pid) - cpu) / took,
        "checks_s": checks / took,
    }


def _requests(base: str) -> int:
    counts = ask(f"{base}/_counts")
    assert isinstance(counts, dict)
    return int(counts["requests"])


def _waves(base: str, taken: Inbox, pages: int, run: Callable[[], object]) -> Figures:
    edited = lost = 0
    from_edit: list[float] = []
    from_fetch: list[float] = []
    share = max(SHARE, 5 / pages)
    for wave in range(WAVES):
        taken.empty()
        answer = ask(f"{base}/_round?share={share}&seed=5")
        at = time.time()
        assert isinstance(answer, list)
        run()
        told = taken.wait(set(answer), WAIT_S)
        served = ask(f"{base}/_served")
        assert isinstance(served, dict)
        edited += len(answer)
        lost += len(answer) - len(told)
        from_edit += [one - at for one in told.values()]
        from_fetch += [one - served[str(number)] for number, one in told.items()]
        if wave + 1 < WAVES:
            time.sleep(7.0 * (wave + 1))  # another point of the minute
    return {"edited": edited, "lost": lost, "from_edit": _spread(from_edit), "from_fetch": _spread(from_fetch)}


def _spread(spans: list[float]) -> dict[str, float]:
    if not spans:
        return {}
    ordered = sorted(spans)
    return {
        "median_s": statistics.median(ordered),
        "p95_s": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        "max_s": ordered[-1],
    }


@contextmanager
def _ours(folder: Path, base: str, pages: int, hook: str) -> Iterator[int | None]:
    import base64

    secret = base64.b64encode(bytes(24)).decode()
    lines = "".join(f"  - {{id: p{number}, url: '{base}/p/{number}'}}\n" for number in range(pages))
    settings = _SETTINGS.format(every=EVERY_S, hook=hook, secret=secret)
    (folder / "config.yaml").write_text(settings + lines, "utf-8")
    with (folder / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            [str(Path(sys.executable).parent / "variorum"), "daemon"], cwd=folder, stdout=log, stderr=log
        )
    try:
        yield daemon.pid
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)


@contextmanager
def _peer(folder: Path, base: str, pages: int, hook: str) -> Iterator[int | None]:
    programs = installed(DAEMON)
    if programs is None:
        yield None
        return
    daemon = ChangeDetection(programs, folder, every_s=EVERY_S, hook=hook)
    try:
        daemon.watch([f"{base}/p/{number}" for number in range(pages)])
        yield daemon.pid
    finally:
        daemon.close()
