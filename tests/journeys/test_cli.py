"""The command line itself: start-up, help, errors, configuration."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from monitor import __version__
from monitor.cli import COMMANDS
from storage.schema import REVISION
from tests.journeys.conftest import Program

HEAVY = (
    "sqlalchemy",
    "alembic",
    "httpx",
    "aiohttp",
    "lxml",
    "trafilatura",
    "pydantic",
    "yaml",
    "apscheduler",
    "rich",
    "pypdf",
    "regex",
)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_of_weight(words: list[str]) -> None:
    probe = (
        "import sys; from monitor.cli import run; "
        f"code = run({words!r}); print(sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in eval(done.stderr)}
    assert not loaded & set(HEAVY)
    assert "asyncio" not in loaded


def test_the_core_loads_none_of_the_edges() -> None:
    probe = (
        "import sys, monitor.differ.change, monitor.read, monitor.read.html, monitor.read.plain, monitor.render.inline, "
        "monitor.render.html, monitor.history.blame, monitor.history.grep, monitor.history.drift, monitor.events, monitor.schedule; "
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in eval(done.stdout)}
    assert not loaded & {"sqlalchemy", "httpx", "aiohttp", "apscheduler", "pydantic", "asyncio", "smtplib"}


def test_every_command_has_help_with_two_examples(variorum: Program) -> None:
    for name in COMMANDS:
        ran = variorum(name, "--help")
        assert ran.code == 0
        examples = [line for line in ran.out.splitlines() if line.strip().startswith("variorum ")]
        assert len(examples) >= 2, name


def test_the_version_is_said(variorum: Program) -> None:
    assert variorum("--version").out == f"variorum {__version__}\n"


def test_no_command_shows_the_help(variorum: Program) -> None:
    ran = variorum()
    assert "Commands:" in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sources:\n  - {id: a, url: http://example.org/, evry: 5m}\n", "evry"),
        ("sources:\n  - {id: a, url: http://example.org/}\n  - {id: a, url: http://example.org/b}\n", "config.yaml:3"),
        ("sources:\n  - {id: a, url: http://example.org/, baseline: none.txt}\n", "none.txt"),
        ("sources:\n  - {id: a, url: http://example.org/, select: 'p[['}\n", "select"),
        ("sources: [\n", "config.yaml"),
        (b"database: \xff\xfe\n", "UTF-8"),
        ("database: oracle://x\nsources: []\n", "config.yaml:1: database"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_line(variorum: Program, words: str | bytes, said: str) -> None:
    variorum.write("config.yaml", words)
    ran = variorum("check")
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not Path("variorum.db").exists()


def test_an_unknown_key_names_the_nearest(variorum: Program) -> None:
    variorum.write("config.yaml", "sources:\n  - id: a\n    url: http://example.org/\n    evry: 5m\n")
    ran = variorum("config", "check")
    assert "config.yaml:4" in ran.err
    assert "every" in ran.err


def test_init_writes_a_configuration_that_is_right(variorum: Program) -> None:
    assert variorum("init").code == 0
    ran = variorum("config", "check")
    assert ran.code == 0, ran.err
    assert variorum("init").code == 2
    assert variorum("init", "--force").code == 0
    assert "mfa-nz-2022-02-25" in variorum("sources").out


def test_the_schema_is_json_schema(variorum: Program) -> None:
    schema = variorum("config", "schema").json
    assert "sources" in schema["properties"]


def test_a_missing_configuration_says_how_to_get_one(variorum: Program) -> None:
    ran = variorum("check")
    assert ran.code == 2
    assert "variorum init" in ran.err


def test_before_the_first_check_there_is_no_database(variorum: Program) -> None:
    variorum("init")
    ran = variorum("log", "mfa-nz-2022-02-25")
    assert ran.code == 2
    assert "variorum check" in ran.err


def test_an_unwritable_database_is_refused(variorum: Program) -> None:
    variorum.write("config.yaml", "database: sqlite:///none/such/folder/x.db\nsources: []\n")
    ran = variorum("check")
    assert ran.code == 2
    assert "folder" in ran.err


def test_a_newer_database_is_refused_and_left_alone(variorum: Program) -> None:
    variorum.write("config.yaml", "sources: []\n")
    assert variorum("check").code == 0
    with sqlite3.connect("variorum.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    for words in (("check",), ("status",), ("migrate",)):
        ran = variorum(*words)
        assert ran.code == 2
        assert "newer than this program" in ran.err


@pytest.mark.parametrize("words", [["status"], ["diff", "old.txt", "new.txt"]])
def test_reading_commands_do_not_load_the_network(variorum: Program, words: list[str]) -> None:
    variorum.write("config.yaml", "sources: []\n")
    variorum.write("old.txt", "One.")
    variorum.write("new.txt", "Two.")
    variorum("check")
    probe = f"import sys; from monitor.cli import run; run({words!r}); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    modules = set(eval(done.stderr.splitlines()[-1]))
    loaded = {name.partition(".")[0] for name in modules}
    assert not loaded & {"httpx", "aiohttp", "apscheduler", "alembic", "trafilatura"}
    assert "sqlalchemy.dialects.postgresql" not in modules  # the other engine's dialect, 25 ms


def test_an_unknown_source_names_the_nearest(variorum: Program) -> None:
    variorum("init")
    ran = variorum("check", "mfa-nz-2022-02-26")
    assert ran.code == 2
    assert "mfa-nz-2022-02-25" in ran.err


def test_a_traceback_comes_only_when_it_is_asked_for(variorum: Program) -> None:
    assert "Traceback" not in variorum("check").err
    assert "Traceback" in variorum("-vv", "check").err


def test_a_fault_of_our_own_is_owned_up_to_and_shown_where_when_asked(
    variorum: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_: object) -> None:
        raise RuntimeError("tripped")

    monkeypatch.setattr("monitor.seeding.seed_bytes", trip)
    ran = variorum("init")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: unexpected RuntimeError: tripped")
    assert "in trip" not in ran.err
    assert "in trip" in variorum("-vv", "init").err


def test_a_source_without_a_version_has_an_empty_log(variorum: Program) -> None:
    variorum.watch("{id: a, file: none.html}")
    assert variorum("check").code == 3
    ran = variorum("log", "a")
    assert (ran.code, ran.out, ran.err) == (0, "", "a: no version yet; `variorum check a` looks at it now\n")


def test_the_table_of_nothing_says_what_to_do(variorum: Program) -> None:
    variorum.write("config.yaml", "sources: []\n")
    variorum("check")
    ran = variorum("status")
    assert (ran.code, ran.out) == (0, "")
    assert "`variorum check`" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--config", "folder", "status"), "folder: a folder, not a file"),
        (("--database", "sqlite://x.db", "check"), "two slashes name a host"),
        (("read", "folder"), "folder: a folder, not a file"),
        (("demo", "--dir", "page.html"), "page.html: is there already and is not a demonstration's"),
        (("read", "www.example.org/statement"), "An address begins with http:// or https://."),
        (("add", "page.html"), "page.html: not the address of a page"),
        (("diff", "old.txt", "new.txt"), "old.txt: no such file, and no source of that name"),
        (("diff", "page.html", "broken.pdf"), "broken.pdf: the PDF cannot be read"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(variorum: Program, words: tuple[str, ...], said: str) -> None:
    variorum.write("config.yaml", "sources: []\n")
    variorum.write("folder/page.html", "")
    variorum.write("page.html", "<article><p>One sentence of a page.</p></article>")
    variorum.write("broken.pdf", "%PDF-1.4 and no more")
    ran = variorum(*words)
    assert ran.code in (2, 3)
    assert said in ran.err
    assert "hint: " in ran.err or "read" in words
    assert "unexpected" not in ran.err


def test_migrate_makes_an_empty_database_ready(variorum: Program) -> None:
    ran = variorum("--database", "sqlite:///fresh.db", "migrate")
    assert ran.code == 0, ran.err
    assert REVISION in ran.out
    assert "already" in variorum("--database", "sqlite:///fresh.db", "migrate").out


def test_a_series_stands_wherever_a_source_can(variorum: Program) -> None:
    variorum.write("config.yaml", "sources: []\n")
    for day, words in (
        ("2024-01-10", "Rates stay at 5 percent. The outlook is calm."),
        ("2024-02-10", "Rates stay at 4 percent. The outlook is calm."),
    ):
        variorum.write(f"texts/{day}.txt", words)
    ran = variorum("import", "folder", "texts", "--series", "rates")
    assert ran.out == "2 added, 0 there already\n", ran.err
    assert variorum("import", "folder", "texts", "--series", "rates").out == "0 added, 2 there already\n"
    shown = variorum("diff", "rates", "--json").json
    assert [edit["new"]["text"] for edit in shown["edits"]] == ["4"]
    assert len(variorum("log", "rates", "--json").json["versions"]) == 2
    blamed = variorum("blame", "rates", "--json").json["sentences"]
    assert [one["since"]["version"] for one in blamed] == [2, 1]
    assert "2 versions" in variorum("grep", "outlook", "rates").out
    assert variorum("drift", "rates", "--baseline", "@1").code == 0
    assert "4 percent" in variorum("show", "rates@2024-02-11").out
    assert json.loads(variorum("log", "rates-2024-01-10", "--json").out)["versions"][0]["captured"].startswith(
        "2024-01-10"
    )


def test_registered_phrases_are_watched_over_the_history(variorum: Program) -> None:
    variorum.write(
        "config.yaml",
        'sources: []\nseries: [{id: calls}]\nphrases: [{id: concerns, variants: ["legitimate security concerns"], expect: [calls]}]\n',
    )
    variorum.write("t/2024-01-10.txt", "They noted legitimate security concerns of all sides.")
    variorum.write("t/2024-02-10.txt", "They noted reasonable security concerns of all sides.")
    assert variorum("import", "folder", "t", "--series", "calls").code == 0
    assert [edit["kinds"][0] for edit in variorum("diff", "calls", "--json").json["edits"]] == ["formula"]
    ran = variorum("phrases", "calls")
    assert ran.code == 0, ran.err
    assert "concerns" in ran.out
    assert variorum("phrases", "calls", "--json").json
