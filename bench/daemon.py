"""What the daemon weighs and costs: resident memory and CPU with many sources, none of them due; and while it checks.

``python -m bench daemon 1000 100000``: two lines for each number of sources. While it checks, all are due at once; what it
looks at are 1,000 pages of 30-60 KB of a loopback origin, first each of them, then unchanged (304).
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.rounds import as_installed, origin

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE_S = 4.0
LOOK_S = 10.0
CHECKING_S = 60.0
PAGES = 1000


def idle(count: int) -> str:
    """Start the daemon with ``count`` sources that are due in a day, and look at its process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _configure(folder, count, "http://127.0.0.1:9", "every: 1d, active: '03:00-03:01'")
        _far_off(folder)
        with _daemon(folder) as (pid, ready_s):
            time.sleep(SETTLE_S)
            before = _cpu_s(pid)
            time.sleep(LOOK_S)
            busy = (_cpu_s(pid) - before) / LOOK_S
            weight = _weight(pid)
    return f"{count:>8} sources, idle: ready in {ready_s:.1f} s, {weight}, CPU {busy:.1%}"


def checking(count: int) -> str:
    """The same daemon while it has more to check than it can."""
    with tempfile.TemporaryDirectory() as name, origin(min(count, PAGES), delay_ms=0, etag=True) as base:
        folder = Path(name)
        _configure(folder, count, base, "every: 30s, robots: false, allow_private: [127.0.0.0/8]")
        with _daemon(folder) as (pid, _):
            before = _cpu_s(pid)
            time.sleep(CHECKING_S)
            busy = (_cpu_s(pid) - before) / CHECKING_S
            weight = _weight(pid)
        with sqlite3.connect(folder / "variorum.db") as database:
            looks, seen = database.execute("SELECT sum(run_count), count(last_check) FROM sources").fetchone()
    return (
        f"{count:>8} sources, checking: {weight}, CPU {busy:.0%}, {looks} checks of {seen} sources in {CHECKING_S:g} s"
    )


def _configure(folder: Path, count: int, base: str, options: str) -> None:
    lines = "".join(
        f"  - {{id: s{n}, url: '{base}/p/{n % PAGES:04d}?{n}', select: '#statement'}}\n" for n in range(count)
    )
    health = "health: {listen: '127.0.0.1:18467'}"
    (folder / "config.yaml").write_text(f"{health}\ndefaults: {{{options}}}\nsources:\n{lines}")


@contextmanager
def _daemon(folder: Path) -> Iterator[tuple[int, float]]:
    """Yields the number of its process, and after how many seconds it was ready."""
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        command = [sys.executable, "-m", "monitor", "daemon"]
        daemon = subprocess.Popen(command, cwd=folder, stderr=log, env=as_installed())
    try:
        while "watching" not in (folder / "log").read_text():
            if daemon.poll() is not None:
                sys.exit((folder / "log").read_text())
            time.sleep(0.1)
        yield daemon.pid, time.monotonic() - began
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)


def _weight(pid: int) -> str:
    rss, peak = (_status(pid, key) / 1024 for key in ("VmRSS", "VmHWM"))
    return f"{rss:.0f} MiB resident (peak {peak:.0f})"


def _far_off(folder: Path) -> None:
    """Declare them all, due tomorrow."""
    code = (
        "import os,asyncio\nfrom pathlib import Path\nfrom datetime import timedelta\n"
        "from monitor.config import load\nfrom monitor.clock import utc_now\nfrom storage.archive import Archive\n"
        "s=load(Path('config.yaml'),os.environ)\n"
        "with Archive.open(s.database) as a:\n"
        "    a.declare([d.source for d in s.declarations], utc_now())\n"
        "    a.replan(utc_now(), lambda pace: utc_now()+timedelta(days=1))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def _status(pid: int, key: str) -> int:
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if key in line)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str]) -> int:
    """Two lines for each number of sources in ``arguments``."""
    for size in map(int, arguments or ["1000", "100000"]):
        print(idle(size), flush=True)
        print(checking(size), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
