"""The peers that stand beside ours in one run: each in an environment of its own below ``bench/results/peers`` (ignored).

They are called as their own manuals say for a stored round of checks: a job file, a database, the statement selected by
CSS and read as text. What they report is read from their standard output.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

from bench.contender import Contender

PLACE = Path(__file__).parent / "results" / "peers"
PACKAGES = {"urlwatch": ("urlwatch", "html2text"), "webchanges": ("webchanges", "html2text", "zstandard")}
_QUIET = (
    "version_check:\n  enabled: false\ndisplay:\n  new: true\nreport:\n  stdout:\n    enabled: true\n    color: false\n"
)


def installed(name: str) -> Path | None:
    """The folder of the peer's programs, made on first use; None where it cannot be installed."""
    place = PLACE / name
    programs = place / "bin"
    if not (programs / name).exists():
        try:
            venv.create(place, with_pip=True, clear=True)
            command = [str(programs / "pip"), "install", "--quiet", "--disable-pip-version-check", *PACKAGES[name]]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
        except (OSError, subprocess.SubprocessError):
            return None
    return programs


def peer(name: str) -> Contender | None:
    """A peer under the bench; None, with a line on standard error, where it cannot be installed."""
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
        if name == "webchanges":
            (folder / "peer.yaml").write_text(_QUIET)
        else:
            subprocess.run([*command, "--features"], cwd=folder, check=False, capture_output=True)  # writes its config

    def changed(printed: str) -> set[int]:
        return {int(number) for number in re.findall(reported, printed, re.MULTILINE)}

    return Contender(name, set_up, lambda _folder, _base, _pages: command, changed)
