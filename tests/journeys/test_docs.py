"""The documents are true: made pages are what the program says, links lead somewhere, examples do what they say."""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import yaml

from monitor.cli import variorum as program
from monitor.config.model import schema
from storage.errors import VariorumError
from tests.journeys import examples, test_history_docs
from tests.journeys.conftest import Program
from tests.storage.sabotage import Forger

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def test_pages_made_from_the_program_are_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "reference.py"))["pages"]()
    stale = [path for path, text in made.items() if (ROOT / "docs" / path).read_text("utf-8") != text]
    assert not stale, "write them anew with `make docs`"


def test_the_floors_of_the_architecture_are_those_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    held = [{*layer.split(" | ")} for layer in contracts[0]["layers"]]
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    floors = re.findall(r"^\| [1-5] \| (.+?) \|", page, re.MULTILINE)
    drawn = [{*re.findall(r"`([\w/]+)", layer)} for floor in floors for layer in floor.split(" → ")]
    named = [{f"monitor.{room.strip('/')}" for room in layer} for layer in drawn[:-1]]
    assert [*named, {"storage"}] == held
    there = {path.stem for path in (ROOT / "monitor").iterdir() if path.name != "__pycache__"}
    assert {f"monitor.{room}" for room in there - {"__init__", "py"}} == set().union(*named)


@each_document
def test_no_output_is_shown_that_is_not_compared(document: Path) -> None:
    for block in examples.read(document).blocks:
        if block.language != "console" and re.search(r"^\$ ", block.text, re.MULTILINE):
            assert document == test_history_docs.PAGE, f"{document.name}:{block.line}: make it `console`"


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, place = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} links to {target}"
        if place:
            anchors = {anchor(one) for one in HEADING.findall(found.read_text("utf-8"))}
            assert place in anchors, f"{document.name} links to {target}"


def anchor(heading: str) -> str:
    """The name that forges give a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@each_document
def test_every_command_that_is_named_exists(document: Path) -> None:
    for block in examples.read(document).blocks:
        for words in block.mentioned if block.language != "console" else ():
            require_understood(words, f"{document.name}:{block.line}")
    for words in examples.read(document).spoken_of:
        with contextlib.suppress(click.MissingParameter):  # a sentence need not name them
            require_understood(words, document.name)


def require_understood(words: list[str], place: str) -> None:
    try:
        understood(words)
    except click.MissingParameter:
        raise
    except (click.ClickException, VariorumError) as error:
        pytest.fail(f"{place}: variorum {shlex.join(words)}: {error}")


def understood(words: list[str]) -> None:
    """Raise click's error when these are no command with its options."""
    context = program.make_context("variorum", list(words), resilient_parsing=False)
    group: click.Command = program
    while isinstance(group, click.Group):
        rest = [*getattr(context, "_protected_args", []), *context.args]  # click 9 keeps all of them in args
        if not rest:
            return
        name, command, args = group.resolve_command(context, list(rest))
        assert command is not None
        if {"-h", "--help", "…", "..."} & set(args):
            return
        context = command.make_context(name, args, parent=context)
        group = command


NAMED = {
    "target of make": (r"^make ([a-z-]+)|`make ([a-z-]+)`", r"^([a-z-]+):", "Makefile"),
    "extra": (r"pip install 'variorum\[(\w+)()\]'", r"^(\w+) = \[", "pyproject.toml"),
    "measurement": (r"python -m bench ([a-z]+)()", r"^    \"(\w+)\": \(", "bench/__main__.py"),
}


@each_document
def test_every_target_extra_and_measurement_that_is_named_exists(document: Path) -> None:
    for what, (named, defined, where) in NAMED.items():
        there = set(re.findall(defined, (ROOT / where).read_text("utf-8"), re.MULTILINE))
        for first, second in re.findall(named, document.read_text("utf-8"), re.MULTILINE):
            assert (first or second) in there, f"{document.name}: {what} {first or second}"


@each_document
def test_every_configuration_shown_is_right(document: Path, variorum: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    known = set(schema()["properties"])
    for name in ("SMTP_PASSWORD", "HOOK_SECRET"):
        monkeypatch.setenv(name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert variorum("init").code == 0
    for block in examples.read(document).blocks:
        if block.language != "yaml":
            continue
        found = yaml.safe_load(block.text)
        if not isinstance(found, dict) or not set(found) <= known:
            continue
        variorum.write("config.yaml", block.text)
        for path in re.findall(r"[\w/-]+\.(?:txt|pem)", block.text):
            if not (variorum.folder / path).exists():
                variorum.write(path, "A statement.")
        checked = variorum("config", "check")
        # A fragment may name a source or a phrase that stands in another one.
        wrong = [
            line for line in checked.err.splitlines() if not re.search(r"there is no (source|series|phrase)", line)
        ]
        assert not wrong, f"{document.name}:{block.line}: {checked.err}"


# what is run


class Servers:
    """What the documents start in a second terminal, on ports of the machine's choice; ended with the test."""

    def __init__(self) -> None:
        self._ports: dict[str, str] = {}
        self._site: tuple[str, str] | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self._starting: dict[int, subprocess.Popen[bytes]] = {}

    def placed(self, words: str) -> str:
        """The words with the true ports in them."""
        for shown, true in self._ports.items():
            words = re.sub(rf"\b{shown}\b", true, words)
        return words.replace(*self._site) if self._site is not None else words

    def called(self, command: str) -> str:
        """A command with the true ports in it, and leave to go to a site that is not what it is called."""
        allowed = " --allow-private 127.0.0.0/8" if self._site is not None and self._site[0] in command else ""
        return self.placed(command) + allowed

    def publish(self, address: str, folder: str) -> None:
        """Let a folder stand for a site that the documents only talk of."""
        self.start(f"python3 -m http.server --bind 127.0.0.1 --directory {folder} 80", "80")
        self._site = address, f"http://127.0.0.1:{self._ports.pop('80')}"

    def start(self, command: str, port: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._ports[port] = str(free.getsockname()[1])
        words = shlex.split(self.placed(command))
        server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._running.append(server)
        self._starting[int(self._ports[port])] = server

    def await_all(self) -> None:
        """Return when each that was started takes connections."""
        while self._starting:
            port, server = self._starting.popitem()
            while True:
                with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pytest.fail(f"{server.args} ended with {server.wait(0.02)}")

    def end(self) -> None:
        for server in self._running:
            server.terminate()
            server.wait()


@pytest.fixture
def servers() -> Iterator[Servers]:
    servers = Servers()
    yield servers
    servers.end()


def demonstration(folder: Path, variorum: Program, _servers: Servers) -> None:
    """The folder that ``variorum demo`` leaves."""
    assert variorum("demo", "--pace", "0", "--dir", "demo").code == 0
    for made in (folder / "demo").iterdir():
        shutil.move(made, folder / made.name)


def statement(folder: Path, _variorum: Program, servers: Servers) -> None:
    """A site with a short statement on it."""
    title = "Statement on the border talks"
    page = f"<article><h1>{title}</h1><p>The two sides shall resume talks within ten days.</p></article>"
    (folder / "site").mkdir()
    (folder / "site" / "statement").write_text(f"<!doctype html><html lang=en><title>{title}</title>{page}</html>")
    servers.publish("https://www.example.org", "site")


def forged(folder: Path, variorum: Program, _servers: Servers) -> None:
    """An archive whose fifth version says that it came in at another time."""
    (folder / "config.yaml").write_text("sources: []\n")
    for day in range(1, 6):
        (folder / f"2026-03-0{day}.txt").write_text(f"A statement of day {day}.\n")
    assert variorum("import", "folder", ".", "--source", "readout").code == 0
    Forger("sqlite:///variorum.db")("UPDATE versions SET imported = 5 WHERE number = 5")


SCENES: dict[str, Callable[[Path, Program, Servers], None]] = {
    "demo": demonstration,
    "statement": statement,
    "forged": forged,
    "nothing": lambda _folder, _variorum, _servers: None,
}


@pytest.mark.parametrize(
    "document",
    [path for path in DOCUMENTS if "```console" in path.read_text("utf-8")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_what_is_shown_is_what_happens(
    document: Path, variorum: Program, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    started = written = 0
    digests: dict[str, str] = {}
    for block in examples.read(document).blocks:
        place = f"{document.name}:{block.line}"
        if block.given is not None:
            started += 1
            folder = variorum.folder / f"scene-{started}"
            folder.mkdir()
            monkeypatch.chdir(folder)
            SCENES[block.given](folder, variorum, servers)
        if block.file is not None:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(servers.placed(block.text), "utf-8")
            # A reader takes longer than a second from one to the next, and that is as fine as Last-Modified counts.
            written += 1
            os.utime(block.file, (1_700_000_000 + written, 1_700_000_000 + written))
        if block.serves is not None:
            servers.start(block.text, block.serves)
        if block.language != "console":
            continue
        servers.await_all()
        assert started, f"{place}: say `<!-- given: … -->` before the first"
        for command, expected in block.calls:
            printed = followed(servers.called(command), variorum)
            assert examples.agrees(servers.placed(expected), printed), (
                f"{place}: {command}\n--- shown\n{expected}\n--- printed\n{printed}"
            )
            for shown, true in examples.digests(expected, printed):
                assert digests.setdefault(shown, true) == true, f"{place}: {command}: {shown} is another digest here"
                assert digests.setdefault(f"printed {true}", shown) == shown, f"{place}: {command}: {shown}"


def followed(command: str, variorum: Program) -> str:
    """What a command prints on both streams: ``variorum`` in this process, anything else (what it pipes into) by the shell."""
    called, pipe, rest = command.partition(" | ")
    words = shlex.split(called)
    if words[0] != "variorum" or set("><;&$`") & set(called):
        return shelled(command)
    ran = variorum(*words[1:])
    return (shelled(rest, ran.out) if pipe else ran.out) + ran.err


def shelled(command: str, given: str = "") -> str:
    done = subprocess.run(["bash", "-c", command], input=given, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
