"""A process that has everything imported and forks children, each of which looks once, sends what is due, and is killed.

``python -m tests.edges.nursery`` reads a JSON line for each child: ``folder`` (with config.yaml and page.html),
``minutes`` its clock is ahead, and ``die``: where it ends itself by SIGKILL, such as ``["commit", 3]`` (before its third
commit), ``["send", 1]`` (before its first letter is taken) or ``["sent", 1]`` (after it was); null: nowhere. What the
channel takes is written to ``taken`` in the folder, a line a letter. Answers each line with how the child ended.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from monitor.alerts import Letter
from monitor.clock import utc_now
from monitor.compose import house
from monitor.config import load
from tests.edges.boxes import FIRST, look, publish, watch
from tests.storage import statements


class Sudden:
    """Ends this process when a point is passed for the so-manieth time."""

    def __init__(self, die: list[Any] | None) -> None:
        self._point, self._nth = die or ("", 0)
        self._passed: Counter[str] = Counter()

    def passing(self, point: str) -> None:
        self._passed[point] += 1
        if point == self._point and self._passed[point] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


class Ledger:
    """A channel that writes down what it takes."""

    def __init__(self, file: Path, sudden: Sudden) -> None:
        self._file, self._sudden = file, sudden

    async def send(self, letter: Letter) -> None:
        self._sudden.passing("send")
        told = [[one.id, one.event.kind.value, one.event.version] for one in letter.notices]
        with self._file.open("a") as taken:
            taken.write(json.dumps({"letter": letter.id, "alerts": told}) + "\n")
        self._sudden.passing("sent")

    async def aclose(self) -> None:
        """Nothing is open."""


BEGUN = datetime(2026, 3, 1, 12, 40, tzinfo=UTC)
"""The clock of these lives: digests are due at hours of it, whatever the hour is here."""


async def live(folder: Path, minutes: float, sudden: Sudden) -> None:
    def opener(name: str, told: Mapping[str, Any]) -> Ledger:
        return Ledger(folder / "taken", sudden)

    ahead, started = timedelta(minutes=minutes), utc_now()
    settings = load(folder / "config.yaml", {})
    async with house(settings, now=lambda: BEGUN + ahead + (utc_now() - started), opener=opener) as parts:
        event.listen(Engine, "commit", lambda _: sudden.passing("commit"))
        await look(parts)
        await parts.deliverer.drain(20)


def main() -> None:
    prepare()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            asyncio.run(live(Path(asked["folder"]), asked["minutes"], Sudden(asked["die"])))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def prepare() -> None:
    """Live twice in this process: what is imported late, the differ's words and the statements in SQL are every child's."""
    statements.compiled_once(pytest.MonkeyPatch())
    with tempfile.TemporaryDirectory() as place:
        watch(Path(place), "{to: [desk]}")
        for words in (FIRST, f"{FIRST} And more."):
            publish(Path(place), words)
            asyncio.run(live(Path(place), 0, Sudden(None)))
    gc.freeze()


@dataclass
class Nursery:
    """The process, from outside."""

    process: subprocess.Popen[str]
    folder: Path = Path()
    minutes: float = 0.0
    ended: Counter[int] = field(default_factory=Counter)

    def child(self, die: list[Any] | None, *, after: float = 5.0) -> int:
        """Let a child live ``after`` minutes later; returns its exit code (-9: it was killed)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.minutes += after
        self.process.stdin.write(json.dumps({"folder": str(self.folder), "minutes": self.minutes, "die": die}) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        self.ended[code] += 1
        return code

    @property
    def taken(self) -> list[dict[str, Any]]:
        file = self.folder / "taken"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.edges.nursery"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    main()
