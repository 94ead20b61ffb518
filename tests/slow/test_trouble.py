"""What a server does to an archive: full disk, read-only file, locked database, a second daemon, a clock set back.

The program is called from outside. Each trouble is a line that says so; afterwards nothing is lost and verify is clean.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from monitor.demo.page import page
from tests.edges.origin import Origin
from tests.journeys.conftest import Program

FIRST = "A readout\n\n2026-03-01\n\nThe parties shall meet again in May.\n\nGrowth was 2.5 percent. All agreed on that point."
SECOND = FIRST.replace("May", "June")


@pytest.fixture
def variorum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Program:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return Program(tmp_path, capfdbinary)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def url(origin: Origin) -> str:
    return origin.page("/a", page(FIRST, 1))


def configure(variorum: Program, url: str, database: str = "sqlite:///variorum.db", **more: str) -> None:
    lines = [f"database: {database}", "defaults: {allow_private: [127.0.0.0/8], robots: false}"]
    lines += [f"{key}: {value}" for key, value in more.items()]
    entry = f"  - {{id: one, url: '{url}', select: '#article', every: 1h}}"
    variorum.write("config.yaml", "\n".join([*lines, "sources:", entry, ""]))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 1 MB; without the right to mount one, the test is skipped."""
    place = folder / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def filled(place: Path) -> Path:
    """Take all the room that is left."""
    rest = place / "rest"
    with rest.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(4096))
        except OSError:
            pass
    return rest


def test_a_full_disk_is_said_and_loses_nothing(variorum: Program, origin: Origin, url: str, tmp_path: Path) -> None:
    with small_disk(tmp_path) as place:
        configure(variorum, url, f"sqlite:///{place / 'v.db'}")
        assert variorum("check").code == 0
        rest = filled(place)
        origin.edit("/a", page(SECOND, 1))
        ran = variorum("check")
        assert ran.code in (2, 3)
        assert "the disk is full; nothing was written" in ran.out + ran.err
        assert "unexpected" not in ran.out + ran.err
        assert variorum("backup", str(place / "copy.db")).err.startswith("error: ")
        assert [path.name for path in place.iterdir() if "copy" in path.name] == []
        rest.unlink()
        assert len(variorum("log", "one", "--json").json["versions"]) == 1
        assert variorum("verify").code == 0
        assert variorum("check").code == 0
        assert len(variorum("log", "one", "--json").json["versions"]) == 2
        assert variorum("verify").code == 0


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_said_and_loses_nothing(variorum: Program, origin: Origin, url: str) -> None:
    """The same, for who may not mount: the system refuses what goes beyond so many bytes."""
    configure(variorum, url)
    assert variorum("check").code == 0
    origin.edit("/a", page(SECOND, 1))
    file = variorum.folder / "variorum.db"

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, file.stat().st_size + 4096))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    ran = called(variorum, "check", before=bounded)
    assert ran.returncode in (2, 3)
    assert "Traceback" not in ran.stderr
    assert "the disk " in ran.stdout + ran.stderr
    assert variorum("verify").code == 0
    assert variorum("check").code == 0
    assert len(variorum("log", "one", "--json").json["versions"]) == 2


def called(variorum: Program, *words: str, before: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", *words],
        cwd=variorum.folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"},
    )


def bound() -> None:
    """Let rights bind root too, from the next program on: without these capabilities its own files can refuse it."""
    for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; refused to others, whom rights bind anyway


def test_a_file_that_may_not_be_written_is_said(variorum: Program, origin: Origin, url: str) -> None:
    configure(variorum, url)
    assert variorum("check").code == 0
    origin.edit("/a", page(SECOND, 1))
    (variorum.folder / "variorum.db").chmod(0o444)
    variorum.folder.chmod(0o555)
    try:
        ran = called(variorum, "check", before=bound)
        assert ran.returncode in (2, 3)
        assert len(ran.stderr.splitlines()) <= 2
        assert "may not be written" in ran.stderr + ran.stdout
        # What is there can be read all the same.
        ran = called(variorum, "verify", before=bound)
        assert (ran.returncode, ran.stderr) == (0, "")
    finally:
        variorum.folder.chmod(0o755)
        (variorum.folder / "variorum.db").chmod(0o644)
    assert variorum("check").code == 0
    assert variorum("verify").code == 0


@pytest.mark.slow
def test_a_folder_where_nothing_may_be_made_is_said(variorum: Program, url: str) -> None:
    configure(variorum, url)
    variorum.folder.chmod(0o555)
    try:
        ran = called(variorum, "check", before=bound)
    finally:
        variorum.folder.chmod(0o755)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert "variorum.db: cannot be opened or created" in ran.stderr


@pytest.mark.slow
def test_a_locked_database_is_waited_for_and_then_said(variorum: Program, origin: Origin, url: str) -> None:
    configure(variorum, url)
    assert variorum("check").code == 0
    origin.edit("/a", page(SECOND, 1))
    with closing(sqlite3.connect("variorum.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = variorum("check")
        assert ran.code in (2, 3)
        assert "variorum.db: is locked by another process (waited 5 s)" in ran.out + ran.err
        assert variorum("log", "one").code == 0, "who reads does not wait"
        other.execute("ROLLBACK")
    assert variorum("check").code == 0
    assert len(variorum("log", "one", "--json").json["versions"]) == 2
    assert variorum("verify").code == 0


@contextmanager
def daemon(variorum: Program) -> Iterator[subprocess.Popen[bytes]]:
    with (variorum.folder / "log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", "monitor", "daemon"], cwd=variorum.folder, stderr=log)
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


def until(true: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert running.poll() is None, "the daemon ended"
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.slow
def test_a_second_daemon_on_one_file_says_so_and_stops(variorum: Program, origin: Origin, url: str) -> None:
    configure(variorum, url)
    with daemon(variorum) as first:
        until(lambda: "/a" in origin.paths_asked(), first)
        ran = variorum.process("daemon")
        assert ran.code == 2
        assert f"variorum.db: a daemon runs on it already (process {first.pid})" in ran.err
        assert first.poll() is None
        # the first one killed, the place is free at once
        first.kill()
        first.wait(20)
    with daemon(variorum) as third:
        origin.edit("/a", page(SECOND, 1))
        until(lambda: third.poll() is None and (variorum.folder / "log").stat().st_size > 0, third)
    assert variorum("verify").code == 0


@pytest.mark.slow
def test_a_clock_that_was_a_year_ahead_keeps_no_source_waiting(variorum: Program, origin: Origin, url: str) -> None:
    configure(variorum, url)
    assert variorum("check").code == 0
    year = 365 * 86_400 * 1_000_000
    with closing(sqlite3.connect("variorum.db")) as lite, lite:
        moved = ("next_check", "last_check", "last_good", "last_change")
        lite.execute(f"UPDATE sources SET {', '.join(f'{name} = {name} + {year}' for name in moved)}")
        lite.execute(f"UPDATE sources SET lease_until = {2 * year} + last_check, lease_owner = 'gone'")
        lite.execute(f"UPDATE ledger SET first = first + {year}, last = last + {year}")
    origin.edit("/a", page(SECOND, 1))
    variorum.write("config.yaml", (variorum.folder / "config.yaml").read_text().replace("every: 1h", "every: 5s"))
    with daemon(variorum) as running:
        until(lambda: len(variorum("log", "one", "--json").json["versions"]) == 2, running)
    newest = variorum("log", "one", "--json").json["versions"][0]
    assert newest["window"]["after"] <= newest["window"]["before"]
    assert variorum("verify").code == 0
