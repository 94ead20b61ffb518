"""The peers that stand beside ours in one run: each in an environment of its own below ``bench/results/peers`` (ignored).

They are used as their own manuals say: a job file, a database, the statement selected by CSS and read as text
(urlwatch, webchanges: one process a round), or a daemon driven over its HTTP interface (changedetection.io). What they
report is read from their standard output, or from that interface.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.contender import Contender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PLACE = Path(__file__).parent / "results" / "peers"
PACKAGES = {
    "urlwatch": ("urlwatch==2.29", "html2text==2025.4.15"),
    "webchanges": ("webchanges==3.37.0", "html2text==2025.4.15", "zstandard==0.25.0"),
    "changedetection.io": ("changedetection.io==0.60.10",),
}
ONE_SHOT = ("urlwatch", "webchanges")
DAEMON = "changedetection.io"
SELECT = "#statement"
INSTALL_S = 1200
_DISPLAY = "version_check:\n  enabled: false\ndisplay:\n  new: {new}\n"
_KEEP_ALL = "database:\n  max_snapshots: 0\n"  # webchanges keeps four versions of a page unless told
_PRINTED = "report:\n  stdout:\n    enabled: true\n    color: false\n"


def installed(name: str) -> Path | None:
    """The folder of the peer's programs, made on first use; None where it cannot be installed."""
    place = PLACE / name
    programs = place / "bin"
    if not (programs / name).exists():
        try:
            venv.create(place, with_pip=True, clear=True)
            command = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=INSTALL_S)
        except (OSError, subprocess.SubprocessError):
            return None
    return programs


def release(name: str) -> str:
    """The version that is installed, with what matters of what it stands on; empty where it is not."""
    site = next((PLACE / name / "lib").glob("python*/site-packages"), None)
    if site is None:
        return ""
    found = {one.metadata["Name"].lower(): one.version for one in distributions(path=[str(site)])}
    beside = [f"{one} {found[one]}" for one in ("httpx", "requests", "lxml", "beautifulsoup4") if one in found]
    return f"{name} {found.get(name, '?')} ({', '.join(beside)})"


def peer(name: str, mail_port: int | None = None) -> Contender | None:
    """A one-shot peer under the bench; None, with a line on standard error, where it cannot be installed.

    With ``mail_port`` it sends what it reports by mail to that port of this machine, and prints nothing.
    """
    programs = installed(name)
    if programs is None:
        print(f"{name}: could not be installed, so it is left out", file=sys.stderr)
        return None
    jobs, database = ("--jobs", "--database") if name == "webchanges" else ("--urls", "--cache")
    files = [jobs, "jobs.yaml", "--config", "peer.yaml", database, "peer.db", "--hooks", "none.py"]
    command = [str(programs / name), *files]
    reported = r"^CHANGED: p0*(\d+)" if name == "webchanges" else r"^\d+\. CHANGED: p0*(\d+)"

    def set_up(folder: Path, base: str, pages: int) -> None:
        job = "name: p{0}\nurl: {1}/p/{0}\nfilter:\n  - css: '#statement'\n  - html2text\n"
        (folder / "jobs.yaml").write_text("---\n".join(job.format(number, base) for number in range(pages)))
        if mail_port is not None:
            settings = _DISPLAY.format(new="false") + _mail(name, mail_port)
            (folder / "peer.yaml").write_text(settings + (_KEEP_ALL if name == "webchanges" else ""))
        elif name == "webchanges":
            (folder / "peer.yaml").write_text(_DISPLAY.format(new="true") + _PRINTED + _KEEP_ALL)
        else:
            subprocess.run([*command, "--features"], cwd=folder, check=False, capture_output=True)  # writes its config

    def changed(printed: str) -> set[int]:
        return {int(number) for number in re.findall(reported, printed, re.MULTILINE)}

    return Contender(name, set_up, lambda _folder, _base, _pages: command, changed)


def _mail(name: str, port: int) -> str:
    """The report of a peer, by mail, as its manual has it."""
    server = f"    smtp:\n      host: 127.0.0.1\n      port: {port}\n      starttls: false\n      auth: false\n"
    kind = "    method: smtp\n    html: false\n    from: peer@example.org\n    to: desk@example.org\n"
    text = "  text:\n    details: true\n    footer: false\n    line_length: 75\n"
    quiet = "  stdout:\n    enabled: false\n"
    return f"report:\n  email:\n    enabled: true\n{kind}    subject: '{name}'\n{server}{text}{quiet}"


def tree(pid: int) -> Iterator[int]:
    """A process and all that came of it."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [one for task in tasks for one in (task / "children").read_text().split()]
    except OSError:
        return
    for one in children:
        yield from tree(int(one))


def cpu_s(pid: int) -> float:
    """CPU seconds so far of a process, its living children and those it waited for."""
    ticks = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int, key: str) -> float:
    """``VmRSS`` or ``VmHWM`` of a process and its children together, in MiB."""
    total = 0
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
    return total / 1024


def free_port() -> int:
    """A port of the loopback range that nothing listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class ChangeDetection:
    """changedetection.io as it is meant to run: one daemon, told over its HTTP interface what to watch and when to look.

    A change counts as reported when the watch bears a newer time of change than the round. Raises ``TimeoutError`` where
    the daemon does not come up, and ``OSError`` where it does not answer.
    """

    UP_S = 90
    STUCK_S = 60
    DONE_S = 2.0

    def __init__(self, programs: Path, folder: Path, every_s: int | None = None, hook: str | None = None) -> None:
        self._store = folder / "store"
        self._store.mkdir()
        self._port = free_port()
        self._options = self._chosen(every_s, hook)
        command = [str(programs / DAEMON), "-d", str(self._store), "-h", "127.0.0.1", "-p", str(self._port)]
        # Pages and hooks on this machine are private addresses, which it refuses unless told.
        settings = {"ALLOW_IANA_RESTRICTED_ADDRESSES": "true", "DISABLE_VERSION_CHECK": "true"}
        started = time.monotonic()
        with (folder / "daemon.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "-l", "WARNING", "-C"], env={**os.environ, **settings}, stdout=log, stderr=log, cwd=folder
            )
        self._key = self._when_up(started)
        self.ready_s = time.monotonic() - started
        for uuid in self._ask("watch"):  # it comes with watches of its own
            self._ask(f"watch/{uuid}", method="DELETE")

    @staticmethod
    def _chosen(every_s: int | None, hook: str | None) -> str:
        chosen: dict[str, Any] = {"include_filters": [SELECT]}
        if every_s is not None:
            chosen |= {"time_between_check": {"seconds": every_s}, "time_between_check_use_default": False}
        if hook is not None:
            chosen |= {"notification_urls": [hook.replace("http://", "json://")]}
        return "&".join(f"{name}={quote(json.dumps(value))}" for name, value in chosen.items())

    def _when_up(self, started: float) -> str:
        while time.monotonic() < started + self.UP_S:
            time.sleep(0.1)
            try:
                kept = json.loads((self._store / "changedetection.json").read_text())
                self._key = str(kept["settings"]["application"]["api_access_token"])
                self._ask("systeminfo")
            except (OSError, ValueError, KeyError):
                continue
            return self._key
        self.close()
        raise TimeoutError(f"{DAEMON} did not come up within {self.UP_S} s")

    def _ask(self, path: str, body: bytes | None = None, method: str | None = None) -> Any:
        headers = {"x-api-key": self._key, "Content-Type": "text/plain"}
        address = f"http://127.0.0.1:{self._port}/api/v1/{path}"
        request = urllib.request.Request(address, data=body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            told = answer.read()
        return json.loads(told) if told.strip() else None

    def watch(self, addresses: Sequence[str]) -> None:
        """Take up these addresses; it looks at each at once."""
        self._ask(f"import?{self._options}", "\n".join(addresses).encode())

    def recheck(self) -> None:
        """Ask for one look at everything."""
        self._ask("watch?recheck_all=1")

    def settled(self, since: float, wanted: int, limit_s: float) -> int:
        """Wait until ``wanted`` watches were looked at since that time; how many were, less when it gave up."""
        end, last, moved = time.monotonic() + limit_s, -1, time.monotonic()
        while True:
            queue = int(self._ask("systeminfo")["queue_size"])
            if queue != last:
                last, moved = queue, time.monotonic()
            late = time.monotonic() > end or time.monotonic() > moved + self.STUCK_S
            if queue == 0 or late:
                looked = sum(one["last_checked"] >= int(since) for one in self._ask("watch").values())
                if looked >= wanted or late:
                    return looked
            time.sleep(0.2)

    def changed(self, since: float) -> set[int]:
        """The pages told as changed since then. It notes a look before it is done with it: so leave it a moment."""
        time.sleep(self.DONE_S)
        return {_page(one["url"]) for one in self._ask("watch").values() if one["last_changed"] >= int(since)}

    @property
    def pid(self) -> int:
        """The daemon's process."""
        return self._process.pid

    def close(self) -> None:
        """Stop the daemon, by force after twenty seconds."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _page(address: str) -> int:
    return int(address.rpartition("/")[2])
