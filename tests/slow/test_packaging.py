"""What is released installs in a clean environment and works there: nothing of the repository is needed beside it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from monitor import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder


def said(*words: str | Path, cwd: Path) -> str:
    ran = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{words}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    return ran.stdout


@pytest.mark.slow
def test_the_wheel_holds_all_that_is_read_at_run_time_and_nothing_of_the_tests(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("monitor", "storage"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert str(path.relative_to(ROOT)) in names
    assert "monitor/py.typed" in names
    assert "storage/py.typed" in names
    assert "monitor/seeds/2022-02-25-xi-putin-call.txt" in names
    assert any(name.endswith("share/man/man1/variorum.1") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


@pytest.mark.slow
def test_the_wheel_installs_and_works_in_a_clean_environment(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    pip = [programs / "pip", "install", "--quiet", "--disable-pip-version-check"]
    said(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    said(*pip, "--no-deps", wheel, cwd=tmp_path)
    assert said(programs / "variorum", "--version", cwd=tmp_path) == f"variorum {__version__}\n"
    told = said(programs / "variorum", "demo", "--pace", "0", cwd=tmp_path)
    assert "1 modality" in told or "1 number" in told
    assert "xi-putin-call" in said(programs / "variorum", "--config", "demo/config.yaml", "status", cwd=tmp_path)
    said(programs / "variorum", "init", cwd=tmp_path)
    seed = ROOT / "seeds" / "2022-02-25-xi-putin-call.txt"
    assert (tmp_path / "seeds" / seed.name).read_bytes() == seed.read_bytes()
    for extra in ("textual", "playwright", "apprise", "procrastinate", "rfc3161_client"):
        said(programs / "python", "-c", f"import {extra}", cwd=tmp_path)


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    said(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=source)
    (first,), (second,) = built.glob("*.whl"), (tmp_path / "again").glob("*.whl")
    assert sorted(zipfile.ZipFile(first).namelist()) == sorted(zipfile.ZipFile(second).namelist())
