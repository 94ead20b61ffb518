"""The command line from outside."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import run
from tests.edges.origin import Origin


@dataclass(frozen=True)
class Ran:
    """One call: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """Calls Variorum in a folder of its own, in this process (fast) or in another (true)."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *words: str | Path) -> Ran:
        self._capture.readouterr()
        code = run([str(word) for word in words])
        out, err = self._capture.readouterr()
        return Ran(code, out.decode("utf-8"), err.decode("utf-8"))

    def process(self, *words: str | Path, env: dict[str, str] | None = None, given: bytes = b"") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "monitor", *map(str, words)],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            input=given,
            capture_output=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))

    def write(self, name: str, words: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words if isinstance(words, bytes) else words.encode())
        return path

    def watch(self, *entries: str) -> None:
        """Write a config.yaml with these sources, one flow mapping each."""
        lines = "".join(f"  - {entry}\n" for entry in entries)
        self.write("config.yaml", f"defaults: {{allow_private: [127.0.0.0/8], robots: false}}\nsources:\n{lines}")


@pytest.fixture
def variorum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Program:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VARIORUM_CONFIG", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return Program(tmp_path, capfdbinary)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
