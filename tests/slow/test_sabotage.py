"""A test that cannot fail is a defect: each guarantee of ``sabotage.toml`` is broken in a copy, and its test must see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIST = tomllib.loads((ROOT / "tests" / "sabotage.toml").read_text("utf-8"))["sabotage"]


def test_every_line_to_break_is_there_once() -> None:
    for one in LIST:
        words = (ROOT / one["file"]).read_text("utf-8")
        assert words.count(one["find"]) == 1, f"{one['file']}: find {one['find']!r} anew"
        assert (ROOT / one["test"].partition("::")[0]).exists(), one["test"]


@pytest.mark.slow
@pytest.mark.parametrize("one", LIST, ids=lambda one: one["guarantee"])
def test_a_broken_guarantee_is_noticed(one: dict[str, str], tmp_path: Path) -> None:
    for name in ("monitor", "storage", "tests", "seeds", "bench"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    broken = tmp_path / one["file"]
    broken.write_text(broken.read_text("utf-8").replace(one["find"], one["put"]), "utf-8")
    words = ["-m", "pytest", one["test"], "-x", "-p", "no:cacheprovider", "--no-header"]
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, f"{one['test']} did not notice:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    assert "failed" in ran.stdout
