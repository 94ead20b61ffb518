"""A soak: 2,000 sources on an origin that misbehaves, the daemon killed, stopped and reloaded at random.

What it finds goes to a mail server and a hook that misbehave too. One minute by default; ``VARIORUM_SOAK_MINUTES=20`` for
longer.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.demo.page import page
from storage import outbox
from storage.archive import Archive
from storage.chain import first_fault
from storage.records import LetterState
from tests.edges.origin import Asked, Origin, Page
from tests.slow.sinks import Sinks

SOURCES = int(os.environ.get("VARIORUM_SOAK_SOURCES", "2000"))
EVERY_S = 20
MINUTES = float(os.environ.get("VARIORUM_SOAK_MINUTES", "1"))
MEMORY_MIB = 120
"""With everything in flight; what it weighs idle is measured by ``python -m bench daemon``."""


class Flaky(Page):
    """A page that now and then fails, hangs for a while or is reset, until it is told to behave."""

    good = False

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        mood = 1.0 if Flaky.good else random.random()
        if mood < 0.03:
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        elif mood < 0.05:
            await asyncio.sleep(2)
        elif mood < 0.08:
            writer.transport.abort()
        else:
            await super().__call__(asked, writer)


def wording(number: int, revision: int) -> str:
    said = f"The parties shall meet again in place {number}. Growth was {revision}.5 percent. All agreed on that point."
    return page(f"Readout {number}\n\n2026-03-01\n\n{said}", 1)


def started(folder: Path) -> subprocess.Popen[bytes]:
    """A daemon that says it is watching: before that, a signal ends it like any program that is starting."""
    told = folder / "log"
    with told.open("ab") as log:
        before = told.read_bytes().count(b"watching ")
        daemon = subprocess.Popen([sys.executable, "-m", "monitor", "daemon"], cwd=folder, stderr=log)
    until = time.monotonic() + 120
    while told.read_bytes().count(b"watching ") == before:
        assert daemon.poll() is None, told.read_text()[-2000:]
        assert time.monotonic() < until
        time.sleep(0.2)
    return daemon


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def versions(folder: Path) -> dict[str, int]:
    with Archive.open(f"sqlite:///{folder / 'variorum.db'}", readonly=True) as archive:
        return {one.source.id: one.versions for one in archive.states()}


def waiting(folder: Path) -> int:
    with Archive.open(f"sqlite:///{folder / 'variorum.db'}", readonly=True) as archive:
        return sum(one.held + one.waiting for one in outbox.states(archive))


def every_change_was_told(folder: Path, sinks: Sinks, *, edits: int) -> None:
    """Each change is in the mailbox and at the hook; what came again came with the same id."""
    with Archive.open(f"sqlite:///{folder / 'variorum.db'}", readonly=True) as archive:
        letters = outbox.list_letters(archive)
        happened = {(one.source, one.version) for one in archive.events() if one.kind.value == "changed"}
    assert len(happened) == edits
    waits = []
    for channel, taken in (("desk", sinks.mails), ("hook", sinks.hooks)):
        mine = [one for one in letters if one.channel == channel]
        assert {one.state for one in mine} == {LetterState.SENT}
        assert {one.id for one in mine} == set(taken), "what was taken is what is noted, by its id"
        told = {(alert.event.source, alert.event.version) for one in mine for alert in one.alerts}
        assert happened <= told
        waits += [(one.sent_at - alert.event.at).total_seconds() for one in mine for alert in one.alerts if one.sent_at]
        print(f"{channel}: {sum(taken.values())} letters taken, {sum(taken.values()) - len(taken)} of them again")
    waits.sort()
    middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f"from the look to its acceptance, refusals and kills included: median {middle:.2f} s, p99 {late:.1f} s")


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 1200)
def test_no_change_is_lost_or_told_twice_however_the_daemon_ends(tmp_path: Path, origin: Origin, sinks: Sinks) -> None:
    dice = random.Random(6)
    revisions = dict.fromkeys(range(SOURCES), 1)
    lines = []
    for number in revisions:
        url = origin.behave(f"/{number}", Flaky(wording(number, 1).encode()))
        lines.append(f"  - {{id: s{number}, url: '{url}', select: '#article'}}\n")
    options = (
        f"every: {EVERY_S}s, timeout: 1s, confirm: {{after: 2s, times: 3}}, robots: false, allow_private: [127.0.0.0/8]"
    )
    config = tmp_path / "config.yaml"
    config.write_text(f"concurrency: 100\ndefaults: {{{options}}}\nsources:\n{''.join(lines)}{sinks.configuration}")
    daemon = started(tmp_path)
    weights = []
    ends = time.monotonic() + MINUTES * 60
    try:
        time.sleep(15)
        while time.monotonic() < ends:
            known = versions(tmp_path)
            # A page is edited again only when its last wording is kept: so each one must be.
            settled = [number for number, revision in revisions.items() if known.get(f"s{number}") == revision]
            for number in dice.sample(settled, min(60, len(settled))):
                revisions[number] += 1
                origin.edit(f"/{number}", wording(number, revisions[number]))
            time.sleep(dice.uniform(1, 5))
            weights.append(resident_mib(daemon.pid))
            way = dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, None])
            if way is None:
                continue
            asked = time.monotonic()
            daemon.send_signal(way)
            if way is not signal.SIGHUP:
                daemon.wait(20)
                assert time.monotonic() - asked < 12
                assert daemon.returncode == (-9 if way is signal.SIGKILL else 0)
                daemon = started(tmp_path)
                time.sleep(2)
        Flaky.good = sinks.good = True
        until = time.monotonic() + 180
        while (known := versions(tmp_path)) != {f"s{n}": count for n, count in revisions.items()}:
            assert daemon.poll() is None
            if time.monotonic() > until:
                late = {n: (known.get(f"s{n}"), count) for n, count in revisions.items() if known.get(f"s{n}") != count}
                pytest.fail(f"{len(late)} sources differ (kept, published): {dict(list(late.items())[:5])}")
            time.sleep(1)
        while waiting(tmp_path):  # what was refused once or twice comes again within minutes
            assert daemon.poll() is None
            assert time.monotonic() < until + 600, f"{waiting(tmp_path)} alerts still wait"
            time.sleep(2)
    finally:
        Flaky.good = False
        daemon.terminate()
        daemon.wait(20)
    with Archive.open(f"sqlite:///{tmp_path / 'variorum.db'}", readonly=True) as archive:
        for number, count in revisions.items():
            if count > 1:
                told = [text.paragraphs[-1] for _, text in archive.texts(f"s{number}")]
                assert [f"was {one}.5 percent" in words for one, words in enumerate(told, 1)] == [True] * count
                assert first_fault(archive.seals(f"s{number}")) is None
    every_change_was_told(tmp_path, sinks, edits=sum(revisions.values()) - SOURCES)
    assert "Traceback" not in (tmp_path / "log").read_text()
    edits = sum(revisions.values()) - SOURCES
    print(f"{edits} changes, each kept once; resident {min(weights):.0f} to {max(weights):.0f} MiB")
    assert max(weights) < MEMORY_MIB


@pytest.fixture
def origin():  # type: ignore[no-untyped-def]
    with Origin() as running:
        yield running


@pytest.fixture
def sinks() -> Iterator[Sinks]:
    pytest.importorskip("monitor.alerts.channels")
    with Sinks() as running:
        yield running
