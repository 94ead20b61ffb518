"""What the daemon weighs and costs while it is idle: resident memory and CPU with many sources, none of them due.

``python -m bench daemon 1000 100000``: a line for each number of sources.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETTLE_S = 4.0
LOOK_S = 10.0


def weigh(count: int) -> str:
    """Start the daemon with ``count`` sources that are due in a day, and look at its process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = "".join(
            f"  - {{id: s{n}, url: 'http://127.0.0.1:9/statements/{n}', select: '#article'}}\n" for n in range(count)
        )
        (folder / "config.yaml").write_text(
            f"health: {{listen: '127.0.0.1:18467'}}\ndefaults: {{every: 1d, active: '03:00-03:01'}}\nsources:\n{lines}"
        )
        _far_off(folder)
        began = time.monotonic()
        daemon = subprocess.Popen(
            [sys.executable, "-m", "monitor", "daemon"], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        try:
            assert daemon.stderr is not None
            for line in daemon.stderr:
                if "watching" in line:
                    break
            ready_s = time.monotonic() - began
            time.sleep(SETTLE_S)
            before = _cpu_s(daemon.pid)
            time.sleep(LOOK_S)
            busy = (_cpu_s(daemon.pid) - before) / LOOK_S
            rss, peak = (_status(daemon.pid, key) / 1024 for key in ("VmRSS", "VmHWM"))
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=30)
    return f"{count:>8} sources: ready in {ready_s:.1f} s, {rss:.0f} MiB resident (peak {peak:.0f}), CPU {busy:.1%}"


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
    """A line for each number of sources in ``arguments``."""
    for size in map(int, arguments or ["1000", "100000"]):
        print(weigh(size), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
