"""A PostgreSQL server for the tests: started from the installed binaries, unprivileged, on a unix socket, fsync off."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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


def in_memory() -> str | None:
    """A folder that is no disk, where there is one with room: files that nobody will miss are made there in half the time."""
    place = "/dev/shm"
    try:
        roomy = shutil.disk_usage(place).free > 2**31 and os.access(place, os.W_OK)
    except OSError:
        return None
    return place if roomy else None


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A running server; yields the start of a URL to which a database name can be put (``…/NAME?host=…``)."""
    with Cluster(folder) as running:
        yield running.url


class Cluster:
    """A server with its tables, which can be stopped and started again. ``durable``: it waits for its log.

    ``more`` are settings beside those that make it quick; ``port`` is also in the name of its socket.
    """

    def __init__(self, folder: Path, *more: str, durable: bool = False, port: int = 5432) -> None:
        self._folder = folder
        self._port = str(port)
        # PostgreSQL refuses to run as root: an account that owns nothing will do.
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        # A socket's path may have about a hundred characters, so it lives in a short folder of its own.
        self._place = Path(tempfile.mkdtemp(prefix="vpg", dir=None if durable else in_memory()))
        self._run: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": self._place,
        }
        if nobody is not None:
            self._run |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self._place, nobody.pw_uid, nobody.pw_gid)
        self._place.chmod(0o755)
        off = ("fsync", "full_page_writes") if durable else ("fsync", "full_page_writes", "synchronous_commit")
        settings = [*(f"{one}=off" for one in off), *more]
        self._options = [part for one in settings for part in ("-c", one)]
        self.url = f"postgresql://test@/{{name}}?host={self._place}&port={port}"

    def __enter__(self) -> Cluster:
        made = [self._folder / "initdb", "--no-sync", "-A", "trust", "-U", "test", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*made, "-D", self._place / "data"], check=True, **self._run)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._place, ignore_errors=True)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        program = [self._folder / "postgres", "-D", self._place / "data", "-k", self._place, "-p", self._port]
        self._process = subprocess.Popen([*program, "-c", "listen_addresses=", *self._options], **self._run)
        ready = [self._folder / "pg_isready", "-h", self._place, "-p", self._port, "-U", "test", "-t", "1"]
        for _ in range(3000):  # a minute: on a busy machine it takes seconds
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise RuntimeError(f"PostgreSQL ended at once with {self._process.wait(0.02)}")
            if subprocess.run(ready, stdout=subprocess.DEVNULL, check=False).returncode == 0:
                return
        self.stop()
        raise RuntimeError("PostgreSQL does not answer")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: everybody is cut off, nothing is lost. SIGQUIT: as a crash, with recovery at the next start."""
        self._process.send_signal(how)
        self._process.wait(timeout=30)

    def crash(self) -> None:
        """What ``pg_ctl stop -m immediate`` does: every process goes at once, and the log is read at the next start."""
        self.stop(signal.SIGQUIT)
