"""What is released installs in a clean environment and works there: nothing of the repository is needed beside it.

Packages come from the lock, checked once by their hashes, as in docs/Containerfile; each environment is made of those alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from monitor import __version__

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "docs" / "Containerfile"
ASKS_FOR_ALL = """
sources: [{id: page, url: "https://www.example.org/", browser: true}]
channels: {chat: {apprise: "json://127.0.0.1:9/"}}
timestamps: {url: "http://127.0.0.1:9/", allow_private: [127.0.0.1]}
"""
TRIED = {
    "tui": ("view", "the viewer needs a terminal"),
    "browser": ("check", "private|robots.txt|DNS|Chromium"),
    "apprise": ("alerts test chat", "Apprise could not send"),
    "cluster": ("--database postgresql://nobody@127.0.0.1:9/x worker", "connection failed"),
    "timestamp": ("timestamp", "there is nothing to stamp yet"),
}
"""Extra → a command that needs it, and what that says where the extra is there and nothing else is."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder


class Image:
    """The first stage of docs/Containerfile, followed in a folder in place of a container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arguments: dict[str, str] = {}

    def follow(self) -> None:
        steps = CONTAINERFILE.read_text("utf-8").replace("\\\n", "").split("\nFROM ")[1].splitlines()
        for step in steps[1:]:
            verb, _, rest = step.partition(" ")
            if verb == "ARG":
                name, _, value = rest.partition("=")
                self.arguments[name] = value
            elif verb == "COPY":
                *sources, target = rest.split()
                for source in sources:
                    self._copy(ROOT / source, self.folder / "src" / target)
            elif verb == "RUN":
                said("bash", "-ec", self._placed(rest), cwd=self.folder / "src")

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)

    def _placed(self, command: str) -> str:
        for place in ("/wheels", "/opt/variorum", "/src"):
            command = re.sub(rf'(?<=[ "]){place}', f"{self.folder}{place}", command)
        for name, value in self.arguments.items():
            command = command.replace(f"${{{name}}}", value)
        return re.sub(r"^(pip|python) ", rf"{sys.executable} -m \1 ", command).replace("-m python ", "")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the container file makes: ``wheels``, all of the lock, and ``opt/variorum``."""
    made = Image(tmp_path_factory.mktemp("image"))
    made.follow()
    return made.folder


def said(*words: str | Path, cwd: Path) -> str:
    ran = subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{words}: {ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    return ran.stdout


def installed(folder: Path, image: Path, what: str) -> Path:
    """The programs of a clean environment with that and what it needs."""
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    said(*pip, "--no-index", "--find-links", image / "wheels", what, cwd=folder)
    return folder / "bin"


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
    for shared in ("man/man1/variorum.1", "bash-completion/completions/variorum", "zsh/site-functions/_variorum"):
        assert any(name.endswith(f"share/{shared}") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "monitor/__init__.py"


def test_the_container_file_makes_a_program_that_works(image: Path, tmp_path: Path) -> None:
    program = image / "opt" / "variorum" / "bin" / "variorum"
    assert said(program, "--version", cwd=tmp_path) == f"variorum {__version__}\n"
    told = said(program, "demo", "--pace", "0", cwd=tmp_path)
    assert "1 modality" in told or "1 number" in told
    assert "xi-putin-call" in said(program, "--config", "demo/config.yaml", "status", cwd=tmp_path)
    said(program, "init", cwd=tmp_path)
    seed = ROOT / "seeds" / "2022-02-25-xi-putin-call.txt"
    assert (tmp_path / "seeds" / seed.name).read_bytes() == seed.read_bytes()
    packages = {path.name for path in (image / "opt/variorum/lib").glob("python*/site-packages/*")}
    assert {"procrastinate", "rfc3161_client"} <= packages
    assert not {"pytest", "mypy", "hypothesis", "playwright", "tests"} & packages


def test_the_container_file_is_shown_as_it_is() -> None:
    assert f"```dockerfile\n{CONTAINERFILE.read_text('utf-8')}```" in (ROOT / "docs" / "deploy.md").read_text("utf-8")


@pytest.mark.parametrize("extra", ["", *TRIED])
def test_each_extra_works_alone_and_the_others_say_how_to_get_them(
    built: Path, image: Path, tmp_path: Path, extra: str
) -> None:
    (wheel,) = built.glob("*.whl")
    programs = installed(tmp_path / "clean", image, f"{wheel}[{extra}]" if extra else str(wheel))
    (tmp_path / "config.yaml").write_text(ASKS_FOR_ALL)
    for name, (words, there) in TRIED.items():
        command = [programs / "variorum", *shlex.split(words)]
        environment = os.environ | {"VARIORUM_CHROMIUM": str(tmp_path / "none")}
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        told = ran.stdout + ran.stderr
        assert ran.returncode in (2, 3), told
        assert "unexpected" not in told
        if name == extra:
            assert re.search(there, told), told
        else:
            assert f"pip install 'variorum[{name}]'" in told
    checked = subprocess.run(
        [programs / "variorum", "doctor", "--offline", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    asked = {"browser", "apprise", "timestamp"}
    assert set(re.findall(r'"extra (\w+)"', checked.stdout)) == asked - {extra}


def test_the_source_distribution_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for needed in ("Makefile", "requirements.lock", "bench/__main__.py", "tests/conftest.py", "docs/Containerfile"):
        assert (source / needed).exists()
    said(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=source)
    (first,), (second,) = built.glob("*.whl"), (tmp_path / "again").glob("*.whl")
    assert sorted(zipfile.ZipFile(first).namelist()) == sorted(zipfile.ZipFile(second).namelist())


def test_the_manual_page_is_clean_and_the_completions_complete(tmp_path: Path) -> None:
    made = ROOT / "docs"
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def printed(*words: str) -> str:
        ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout + ran.stderr

    asked = f"source {made}/completions/variorum.bash; COMP_WORDS=(variorum che); COMP_CWORD=1; _variorum_completion variorum"
    assert printed("bash", "--norc", "-c", f'{asked}; echo "${{COMPREPLY[@]}}"') == "check\n"
    if shutil.which("zsh"):
        assert printed("zsh", "-f", "-n", f"{made}/completions/variorum.zsh") == ""
    if shutil.which("fish"):
        asked = f"source {made}/completions/variorum.fish; complete -C 'variorum che'"
        assert printed("fish", "-N", "-c", asked).startswith("check")
    if shutil.which("groff"):
        assert printed("groff", "-k", "-man", "-ww", "-z", f"{made}/variorum.1") == ""
