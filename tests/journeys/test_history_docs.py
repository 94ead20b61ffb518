"""docs/history.md shows what the commands really print. ``--golden-update`` writes it anew; read the difference."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.journeys.conftest import Program

PAGE = Path(__file__).resolve().parents[2] / "docs" / "history.md"
FILES = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```\n\$ variorum ([^\n]*)\n(.*?)```", re.DOTALL)


def test_the_page_shows_what_the_commands_print(variorum: Program, request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text("utf-8")
    for name, words in FILES.findall(page):
        variorum.write(name, words)

    def run_again(block: re.Match[str]) -> str:
        ran = variorum(*shlex.split(block[1]))
        assert (ran.code, ran.err) == (0, "")
        return f"```\n$ variorum {block[1]}\n{ran.out}```"

    true = COMMANDS.sub(run_again, page)
    if request.config.getoption("golden_update"):
        PAGE.write_text(true, "utf-8")
        return
    assert true == page
