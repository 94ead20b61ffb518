"""A PostgreSQL server for the tests: started from the installed binaries, unprivileged, on a unix socket, fsync off."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None where PostgreSQL is not installed."""
    asked = shutil.which("pg_config")
    folders = (
        [Path(subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())]
        if asked
        else []
    )
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


class Running:
    """A server at work: ``url`` has ``{name}`` where the database's name goes."""

    def __init__(self, folder: Path, place: Path, options: list[str], run: dict[str, object]) -> None:
        self._folder, self._place, self._options, self._run = folder, place, options, run
        self.url = f"postgresql://test@/{{name}}?host={place}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._folder / "postgres", "-D", self._place / "data", "-k", self._place, *self._options],
            **self._run,  # type: ignore[call-overload]
        )
        ready = [self._folder / "pg_isready", "-h", self._place, "-U", "test", "-t", "1"]
        for _ in range(120):
            if self._process.poll() is not None:
                raise RuntimeError("PostgreSQL ended at once")
            if subprocess.run(ready, stdout=subprocess.DEVNULL, check=False).returncode == 0:
                break

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: everybody is cut off, nothing is lost. SIGQUIT: as a crash, with recovery at the next start."""
        self._process.send_signal(how)
        self._process.wait(timeout=30)


@contextmanager
def running(folder: Path, *more: str) -> Iterator[Running]:
    """A server of its own, which can be stopped and started; ``more`` are settings beside those that make it quick."""
    # PostgreSQL refuses to run as root: an account that owns nothing will do.
    nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    # A socket's path may have about a hundred characters, so it lives in a short folder of its own.
    place = Path(tempfile.mkdtemp(prefix="vpg"))
    as_nobody: dict[str, object] = {}
    if nobody is not None:
        as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
    place.chmod(0o755)
    run = {**as_nobody, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": place}
    tables = place / "data"
    subprocess.run(
        [folder / "initdb", "--no-sync", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C.UTF-8", "-D", tables],
        check=True,
        **run,  # type: ignore[call-overload]
    )
    quick = [f"{name}=off" for name in ("fsync", "full_page_writes", "synchronous_commit")]
    options = [part for one in ("listen_addresses=", *quick, *more) for part in ("-c", one)]
    found = Running(folder, place, options, run)
    try:
        yield found
    finally:
        found.stop()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A running server; yields the start of a URL to which a database name can be put (``…/NAME?host=…``)."""
    with running(folder) as found:
        yield found.url
