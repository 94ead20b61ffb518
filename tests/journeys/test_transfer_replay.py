"""The real replay program: pywb, installed apart, gives what we import and replays what we export."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import Program
from tests.journeys.pages import page, write_warc

URL = "http://www.example.org/statement"
CAPTURES = (
    ("2020-01-01", "one", 200),
    ("2020-02-01", "one", 200),
    ("2020-03-01", "two", 200),
    ("2020-04-01", "x", 404),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pywb(pytestconfig: pytest.Config) -> Path:
    """The folder of pywb's programs: `$VARIORUM_PYWB`, else an environment of its own, made once."""
    if given := os.environ.get("VARIORUM_PYWB"):
        return Path(given)
    assert pytestconfig.cache is not None
    home = pytestconfig.cache.mkdir("pywb")
    if not (home / "bin" / "wayback").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        wanted = ["pywb>=2.8,<3", "setuptools<80"]
        done = subprocess.run(
            [home / "bin" / "pip", "install", "-q", *wanted], check=False, capture_output=True, text=True
        )
        if done.returncode:
            shutil.rmtree(home)
            pytest.skip(f"pywb cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return home / "bin"


@pytest.fixture
def replaying(pywb: Path, variorum: Program) -> Iterator[tuple[Program, str]]:
    """pywb over two collections: what a crawler wrote, and what we export of it."""
    captures = [(f"{day}T00:00:00Z", URL, page(word), status) for day, word, status in CAPTURES]
    write_warc(variorum.folder / "in.warc.gz", captures)
    assert variorum("--database", "sqlite:///a.db", "import", "warc", "in.warc.gz", "--source", "st").code == 0
    assert variorum("--database", "sqlite:///a.db", "export", "--warc", "out.warc.gz").code == 0
    for name, file in (("theirs", "in.warc.gz"), ("ours", "out.warc.gz")):
        for words in (["init", name], ["add", name, file]):
            subprocess.run([pywb / "wb-manager", *words], cwd=variorum.folder, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = [pywb / "wayback", "-b", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(program, cwd=variorum.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address)
        yield variorum, address
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            time.sleep(0.1)
            continue
        return
    pytest.fail("pywb did not start")


def test_pywb_replays_what_we_export(replaying: tuple[Program, str]) -> None:
    _, address = replaying
    for day, word in (("20200101", "one"), ("20200301", "two")):
        with urllib.request.urlopen(f"{address}/ours/{day}000000id_/{URL}", timeout=20) as answer:
            assert answer.read() == page(word)
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
    with urllib.request.urlopen(f"{address}/ours/20200301000000mp_/{URL}", timeout=20) as answer:
        assert b"two further steps" in answer.read()


@pytest.mark.parametrize("listing", ["theirs/cdx", "theirs/timemap/link"])
def test_we_bring_in_what_pywb_serves(replaying: tuple[Program, str], listing: str) -> None:
    variorum, address = replaying
    words = ("--url", URL, "--source", "st", "--allow-private", "127.0.0.0/8")
    ran = variorum("--database", "sqlite:///b.db", "import", "cdx", f"{address}/{listing}", *words)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("2 added, 1 there already")
    texts = [variorum("--database", f"sqlite:///{name}.db", "show", "st@2").out.partition("\n\n")[2] for name in "ab"]
    assert texts[0] == texts[1]
    assert "two further" in texts[0].replace("\n", " ")
