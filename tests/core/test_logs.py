"""What the daemon's log looks like, and what never stands in it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.logs import configure

SECRET = 'whsec_"ab/ c\\d'


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("variorum")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_never_appears_not_even_in_a_traceback_or_an_address(form: str) -> None:
    out = io.StringIO()
    configure(form, logging.INFO, {SECRET, "smtp-password"}, out)
    log = logging.getLogger("variorum.test")
    log.info("posting with %s", SECRET)
    log.warning("see https://example.org/?token=whsec_%s", "%22ab%2F%20c%5Cd")
    log.error("repr %r", {"password": "smtp-password"}, extra={"field": SECRET})
    try:
        raise ValueError("535 smtp-password refused")
    except ValueError:
        log.exception("failed")
    told = out.getvalue()
    assert told.count("[redacted]") >= 5
    for spelling in (SECRET, json.dumps(SECRET)[1:-1], "smtp-password"):
        assert spelling not in told


def test_json_lines_hold_time_in_utc_level_and_logger() -> None:
    out = io.StringIO()
    configure("json", logging.INFO, (), out)
    logging.getLogger("variorum.test").info("checked %d", 3)
    logging.getLogger("variorum.test").debug("too quiet")
    told = json.loads(out.getvalue())
    assert (told["event"], told["level"], told["logger"]) == ("checked 3", "info", "variorum.test")
    assert told["timestamp"].endswith("Z")


def test_fetched_words_cannot_forge_a_second_line() -> None:
    out = io.StringIO()
    configure("text", logging.INFO, (), out)
    logging.getLogger("variorum.test").info("title\n2026-01-01T00:00:00Z ERROR all is lost")
    assert out.getvalue().count("\n") == 1


def test_what_the_daemon_never_uses_is_not_loaded(tmp_path: Path) -> None:
    """Alembic for a new archive, and rich for the log: an eighth of what it would weigh."""
    code = (
        "import sys, monitor.logs\nfrom storage.archive import Archive\nArchive.open(sys.argv[1]).close()\n"
        "print([name for name in ('alembic', 'rich', 'pygments') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'new.db'}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
