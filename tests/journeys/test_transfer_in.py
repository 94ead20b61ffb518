"""Bringing in what was kept elsewhere: true times, nothing twice, nothing lost, nothing misplaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.transfer.git import history
from storage.archive import Archive
from storage.records import Source
from tests.edges.web_archive import Capture, WebArchive
from tests.journeys.conftest import Program
from tests.journeys.pages import page, write_warc

URL = "http://www.example.org/statement"


@pytest.fixture
def db(variorum: Program) -> Any:
    """The program with a database and no configuration."""

    def call(*words: str | Path) -> Any:
        return variorum("--database", "sqlite:///a.db", *words)

    return call


def captured(db: Any, source: str) -> list[tuple[str, str]]:
    """When each version was captured and its last sight, oldest first."""
    versions = db("log", source, "--json").json["versions"]
    return [(one["captured"][:10], one["last_seen"][:10]) for one in reversed(versions)]


def git(folder: Path, *words: str, at: str = "2020-01-01T00:00:00Z") -> None:
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": at}
    who |= {
        "GIT_COMMITTER_NAME": "C",
        "GIT_COMMITTER_EMAIL": "c@example.org",
        "GIT_COMMITTER_DATE": "2021-01-01T00:00:00Z",
    }
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**os.environ, **who},
        check=True,
        capture_output=True,
    )


def commit(folder: Path, name: str, words: str, at: str) -> None:
    (folder / name).write_text(
        f"{words}\n\nThe Committee will act as appropriate to sustain the expansion of the economy.\n"
    )
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", words, at=at)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "a.md", "The range is unchanged.", "2020-01-01T00:00:00Z")
    commit(folder, "a.md", "The range is unchanged today.", "2020-01-02T00:00:00Z")
    git(folder, "mv", "a.md", "b.md")
    commit(folder, "b.md", "The range is unchanged for now.", "2020-01-03T00:00:00Z")
    return folder


def test_each_commit_of_a_file_is_a_version_captured_when_it_was_authored(db: Any, repository: Path) -> None:
    assert db("import", "git", repository, "--path", "b.md", "--source", "terms").out == "3 added, 0 there already\n"
    assert [day for day, _ in captured(db, "terms")] == ["2020-01-01", "2020-01-02", "2020-01-03"]
    newest = db("log", "terms", "--json").json["versions"][0]
    assert newest["imported"] > newest["captured"]
    assert newest["window"]["after"] == "2020-01-02T00:00:00Z"


def test_a_git_history_is_taken_up_where_it_was_left(db: Any, repository: Path) -> None:
    ask = ("import", "git", repository, "--path", "b.md", "--source", "terms")
    db(*ask)
    assert db(*ask).out == "0 added, 3 there already\n"
    commit(repository, "b.md", "The range is raised.", "2020-01-04T00:00:00Z")
    assert db(*ask).out == "1 added, 3 there already\n"


def test_two_commits_of_the_same_second_are_two_versions_and_stay_two(db: Any, repository: Path) -> None:
    commit(repository, "b.md", "The range is raised.", "2020-01-04T00:00:00Z")
    commit(repository, "b.md", "The range is lowered.", "2020-01-04T00:00:00Z")
    ask = ("import", "git", repository, "--path", "b.md", "--source", "terms")
    assert db(*ask).out == "5 added, 0 there already\n"
    assert db(*ask).out == "0 added, 5 there already\n"


def test_commits_out_of_order_are_placed_by_their_author_date(db: Any, repository: Path) -> None:
    commit(repository, "b.md", "The range was raised long ago.", "2019-06-01T00:00:00Z")
    db("import", "git", repository, "--path", "b.md", "--source", "terms")
    assert [day for day, _ in captured(db, "terms")] == ["2019-06-01", "2020-01-01", "2020-01-02", "2020-01-03"]


def test_a_file_that_began_as_a_copy_has_its_own_history_only(db: Any, repository: Path) -> None:
    (repository / "c.md").write_bytes((repository / "b.md").read_bytes() + b"\nAnd so on.\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "copy", at="2020-01-06T00:00:00Z")
    assert db("import", "git", repository, "--path", "c.md", "--source", "copy").out == "1 added, 0 there already\n"


def test_a_deleted_file_is_said_and_is_no_version(db: Any, repository: Path) -> None:
    git(repository, "rm", "-q", "b.md")
    git(repository, "commit", "-qm", "away", at="2020-01-05T00:00:00Z")
    ran = db("import", "git", repository, "--path", "b.md", "--source", "terms")
    assert (ran.code, ran.out) == (0, "3 added, 0 there already, 1 held back\n")
    assert "deletes the file" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--path", "none.md"), "no commit of HEAD touches none.md"),
        (("--path", "b.md", "--revision", "--output=x"), "not a revision"),
        (("--path", "b.md", "--revision", "nobranch"), "nobranch"),
    ],
)
def test_a_git_history_that_is_not_there_is_told_in_two_lines(
    db: Any, repository: Path, words: tuple[str, ...], said: str
) -> None:
    ran = db("import", "git", repository, "--source", "terms", *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") <= 2
    assert not (repository / "x").exists()


def test_a_repository_cannot_start_a_program(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    for key in ("core.fsmonitor", "core.pager", "diff.external", "diff.md.textconv", "core.sshCommand"):
        git(repository, "config", key, f"touch {trap}; true")
    (repository / ".git" / "info" / "attributes").write_text("*.md diff=md\n")
    assert len(history(repository, "b.md")) == 3
    assert not trap.exists()


def warc(variorum: Program, name: str = "in.warc.gz") -> Path:
    captures = [
        ("2020-05-01T00:00:00Z", URL, page("three"), 200),
        ("2020-01-01T00:00:00Z", URL, page("one"), 200),
        ("2020-02-01T00:00:00Z", URL, page("one"), 200),
        ("2020-03-01T00:00:00Z", URL, b"<html><body><p>Not found</p></body></html>", 404),
        ("2020-04-01T00:00:00Z", URL, page("two"), 200),
        ("2020-01-01T00:00:00Z", "http://www.example.org/other", page("other"), 200),
    ]
    file = variorum.folder / name
    write_warc(file, captures)
    return file


@pytest.mark.parametrize("name", ["in.warc.gz", "in.warc"])
def test_a_warc_file_becomes_a_source_for_each_address(variorum: Program, db: Any, name: str) -> None:
    file = warc(variorum, name)
    assert db("import", "warc", file).out == "4 added, 1 there already\n"
    assert captured(db, "example.org-statement") == [
        ("2020-01-01", "2020-02-01"),
        ("2020-04-01", "2020-04-01"),
        ("2020-05-01", "2020-05-01"),
    ]
    assert db("import", "warc", file).out == "0 added, 5 there already\n"
    assert "expects three" in db("show", "example.org-statement").out.replace("\n", " ")


def test_one_address_of_a_warc_file_can_be_chosen(variorum: Program, db: Any) -> None:
    file = warc(variorum)
    ran = db("import", "warc", file, "--source", "one")
    assert ran.code == 2
    assert "holds 2 addresses" in ran.err
    assert db("import", "warc", file, "--source", "one", "--url", URL).out == "3 added, 1 there already\n"


def test_what_is_no_warc_file_is_told_in_one_line(variorum: Program, db: Any) -> None:
    for words in (b"this is no archive at all\n" * 10, b"", warc(variorum).read_bytes()[:700]):
        file = variorum.write("x.warc.gz", words)
        ran = db("import", "warc", file)
        assert ran.code == 2, ran.out
        assert "x.warc.gz" in ran.err
        assert "unexpected" not in ran.err


def test_a_block_page_in_an_archive_is_held_back(variorum: Program, db: Any) -> None:
    wall = b"<html><head><title>Just a moment...</title></head><body><p>Checking your browser before accessing the site. Please enable JavaScript and cookies to continue.</p></body></html>"
    file = variorum.folder / "in.warc.gz"
    write_warc(file, [("2020-01-01T00:00:00Z", URL, page("one"), 200), ("2020-02-01T00:00:00Z", URL, wall, 200)])
    ran = db("import", "warc", file)
    assert ran.out == "1 added, 0 there already, 1 held back\n"
    assert ran.code == 0
    assert db("import", "warc", file, "--believe").out == "1 added, 1 there already\n"


CAPTURES = [
    Capture("20200101000000", page("one")),
    Capture("20200201000000", page("one")),
    Capture("20200301000000", page("two")),
    Capture("20200302000000", b"gone", 404),
    Capture("20200401000000", page("two")),
    Capture("20200501000000", page("three")),
]


@pytest.fixture
def archive() -> Any:
    with WebArchive(URL, list(CAPTURES)) as running:
        yield running


def ask(archive: WebArchive, *more: str, url: str = URL) -> tuple[str, ...]:
    return ("import", "cdx", archive.cdx, "--url", url, "--source", "st", "--allow-private", "127.0.0.0/8", *more)


@pytest.mark.parametrize("form", ["wayback", "pywb", "plain"])
def test_the_captures_of_a_web_archive_become_versions(db: Any, archive: WebArchive, form: str) -> None:
    archive.form = form
    assert db(*ask(archive)).out == "3 added, 2 there already\n"
    assert captured(db, "st") == [
        ("2020-01-01", "2020-02-01"),
        ("2020-03-01", "2020-04-01"),
        ("2020-05-01", "2020-05-01"),
    ]
    assert archive.replayed == ["20200101000000", "20200301000000", "20200501000000"], (
        "equal neighbours are not fetched"
    )
    assert db(*ask(archive)).out == "0 added, 5 there already\n"


def test_a_time_map_will_do_as_well(db: Any, archive: WebArchive) -> None:
    words = list(ask(archive))
    words[2] = f"{archive.address}/ours/timemap/link"
    ran = db(*words)
    assert ran.out == "3 added, 2 there already, 1 held back\n"
    assert [day for day, _ in captured(db, "st")] == ["2020-01-01", "2020-03-01", "2020-05-01"]


def test_an_import_from_a_web_archive_goes_on_where_it_was_cut_off(db: Any, archive: WebArchive) -> None:
    archive.fails["20200301000000"] = 503
    ran = db(*ask(archive))
    assert ran.code == 3
    assert "503" in ran.err
    assert "goes on" in ran.err
    assert len(captured(db, "st")) == 1
    archive.fails.clear()
    archive.asked.clear()
    assert db(*ask(archive)).out == "2 added, 3 there already\n"
    assert archive.replayed == ["20200301000000", "20200501000000"]
    assert captured(db, "st")[0] == ("2020-01-01", "2020-02-01")


def test_a_long_list_is_asked_for_in_pages(db: Any, archive: WebArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.transfer.cdx.PAGE_ROWS", 3)
    for form in ("wayback", "pywb"):
        archive.form, archive.page_rows = form, 3
        archive.asked.clear()
        db(*ask(archive))
        assert len(captured(db, "st")) == 3
        assert sum("id_/" not in path for path in archive.asked) >= 2


def test_a_capture_that_the_archive_cannot_give_is_named_and_the_rest_comes(db: Any, archive: WebArchive) -> None:
    archive.fails["20200301000000"] = 404
    ran = db(*ask(archive))
    assert ran.code == 3
    assert ran.out == "3 added, 1 there already, 1 could not be read\n"
    assert [day for day, _ in captured(db, "st")] == ["2020-01-01", "2020-04-01", "2020-05-01"]


def test_another_capture_given_in_its_place_is_not_believed(db: Any, archive: WebArchive) -> None:
    archive.shifts["20200301000000"] = "20200501000000"
    ran = db(*ask(archive))
    assert "gave the capture of 2020-05-01" in ran.err
    assert ("2020-03-01", "2020-04-01") not in captured(db, "st")


def test_captures_from_before_the_history_are_refused_by_name(db: Any, archive: WebArchive) -> None:
    db(*ask(archive, "--from", "2020-03"))
    ran = db(*ask(archive))
    assert ran.code == 3
    assert ran.out == "0 added, 3 there already, 2 older than what is kept\n"
    assert "the history begins on 2020-03-01" in ran.err
    assert len(captured(db, "st")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "March"), "not a date"),
        (("--url", "example.org/statement"), "http://"),
        (("--url", "http://none.example/"), "lists no capture"),
    ],
)
def test_a_question_that_has_no_answer_is_told_plainly(
    db: Any, archive: WebArchive, words: tuple[str, ...], said: str
) -> None:
    ran = db(*ask(archive, *words))
    assert ran.code == 2
    assert said in ran.err


def test_a_private_archive_needs_leave(db: Any, archive: WebArchive) -> None:
    ran = db("import", "cdx", archive.cdx, "--url", URL, "--source", "st")
    assert ran.code == 3
    assert "allow_private" in ran.err
    assert archive.asked == []


def test_an_address_that_is_no_archive_is_told(db: Any, archive: WebArchive) -> None:
    words = list(ask(archive))
    words[2] = f"{archive.address}/somewhere"
    ran = db(*words)
    assert ran.code == 2
    assert "--replay" in ran.err


def test_declared_sources_are_read_as_declared_and_stay_due(variorum: Program, archive: WebArchive) -> None:
    variorum.watch(f"{{id: st, url: '{URL}', select: 'article p:first-of-type', every: 1h}}")
    assert variorum(*ask(archive)).out == "3 added, 2 there already\n"
    assert "labour market" not in variorum("show", "st").out
    variorum("status")
    with Archive.open("sqlite:///variorum.db") as opened:
        opened.declare([Source("st", URL)], datetime(2026, 1, 1, tzinfo=UTC))
        due = opened.latest(["st"])["st"].next_check
        assert due is not None
    archive.captures.append(Capture("20200601000000", page("four")))
    assert variorum(*ask(archive)).out == "1 added, 5 there already\n"
    with Archive.open("sqlite:///variorum.db") as opened:
        assert opened.latest(["st"])["st"].next_check == due


def test_a_folder_of_moments_keeps_them(variorum: Program, db: Any) -> None:
    variorum.write("t/2020-01-01T093000Z.txt", "The range is unchanged.\n")
    variorum.write("t/2020-01-01T093000.000007Z.txt", "The range is raised.\n")
    assert db("import", "folder", "t", "--source", "s").out == "2 added, 0 there already\n"
    versions = db("log", "s", "--json").json["versions"]
    assert [one["captured"] for one in versions] == ["2020-01-01T09:30:00.000007Z", "2020-01-01T09:30:00Z"]


def test_an_older_capture_with_other_words_is_refused_and_with_the_same_words_passed_over(
    variorum: Program, db: Any
) -> None:
    variorum.write("t/2020-01-01.txt", "The range is unchanged.\n")
    variorum.write("t/2020-03-01.txt", "The range is raised.\n")
    db("import", "folder", "t", "--source", "s")
    variorum.write("u/2020-02-01.txt", "The range is lowered.\n")
    variorum.write("u/2020-02-02.txt", "The range is unchanged.\n")
    ran = db("import", "folder", "u", "--source", "s", "--json")
    assert ran.code == 3
    assert [one["fate"] for one in ran.json["captures"]] == ["older", "there"]
    assert len(captured(db, "s")) == 2


def test_many_refusals_are_named_only_in_part(variorum: Program, db: Any) -> None:
    variorum.write("t/2020-06-01.txt", "The range is unchanged.\n")
    db("import", "folder", "t", "--source", "s")
    for day in range(1, 16):
        variorum.write(f"u/2020-01-{day:02d}.txt", f"The range was {day}.\n")
    ran = db("import", "folder", "u", "--source", "s")
    assert ran.out == "0 added, 0 there already, 15 older than what is kept\n"
    assert len(ran.err.splitlines()) == 11
    assert "-v names every capture" in ran.err
    assert len(db("-v", "import", "folder", "u", "--source", "s").err.splitlines()) == 15


def test_a_name_that_would_lead_out_of_a_folder_is_no_id(variorum: Program, db: Any) -> None:
    variorum.write("t/2020-01-01.txt", "The range is unchanged.\n")
    for words in (("--source", "../x"), ("--series", "a/b")):
        ran = db("import", "folder", "t", *words)
        assert (ran.code, "not an id" in ran.err) == (2, True)


def test_a_warc_file_cannot_choose_a_path_for_its_source(variorum: Program, db: Any) -> None:
    file = variorum.folder / "in.warc"
    write_warc(file, [("2020-01-01T00:00:00Z", URL, page("one"), 200)], coded=False)
    words = file.read_bytes().replace(
        b"WARC-Type:", b"Variorum-Source: ../../x\r\nVariorum-Series: /etc\r\nWARC-Type:", 1
    )
    file.write_bytes(words)
    assert db("import", "warc", file).out == "1 added, 0 there already\n"
    assert db("log", "example.org-statement").code == 0


@pytest.mark.parametrize("words", [b"5", b"[1]", b"[[1,2,3]]", b"{", b'{"a": 1}'])
def test_a_warc_file_with_a_strange_field_is_told_in_one_line(variorum: Program, db: Any, words: bytes) -> None:
    variorum.write("t/2020-01-01.txt", "The range is unchanged.\n")
    db("import", "folder", "t", "--source", "s")
    db("export", "--warc", "s.warc")
    file = variorum.folder / "s.warc"
    file.write_bytes(file.read_bytes().replace(b"WARC-Type:", b"Variorum-Headers: " + words + b"\r\nWARC-Type:", 1))
    ran = db("--database", "sqlite:///b.db", "import", "warc", file)
    assert ran.code == 2
    assert "not a WARC file that can be read" in ran.err


def test_members_with_names_of_any_letters_are_kept_apart(variorum: Program, db: Any) -> None:
    variorum.write("t/2022-02-25 通话.txt", "双方同意继续谈判。\n")
    variorum.write("t/2022-02-25 会谈.txt", "双方同意停止谈判。\n")
    assert db("import", "folder", "t", "--series", "calls").out == "2 added, 0 there already\n"
    assert db("export", "--folder", "f").code == 0
    assert len(list((variorum.folder / "f").rglob("*.txt"))) == 2
    assert db("--database", "sqlite:///b.db", "import", "folder", "f/calls", "--series", "calls").out.startswith(
        "2 added"
    )


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on_and_ends_the_same(tmp_path: Path, corpus: Path) -> None:
    folder = corpus / "series" / "fomc-statements"

    def words(name: str) -> list[str]:
        database = f"sqlite:///{tmp_path / name}"
        return [
            sys.executable,
            "-m",
            "monitor",
            "--database",
            database,
            "import",
            "folder",
            str(folder),
            "--series",
            "f",
        ]

    def contents(name: str) -> list[tuple[str, int, str]]:
        with Archive.open(f"sqlite:///{tmp_path / name}") as opened:
            return [
                (one.source, one.number, one.digest + one.captured.isoformat())
                for source in opened.sources(retired=True)
                for one in opened.versions(source.id)
            ]

    subprocess.run(words("whole.db"), check=True, capture_output=True)
    kills = 0
    for wait_s in (0.5, 0.7, 0.9, 1.1, 1.3):
        running = subprocess.Popen(words("cut.db"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(wait_s)
        running.send_signal(signal.SIGKILL)
        kills += running.wait() == -signal.SIGKILL
    assert kills, "no run was cut off"
    subprocess.run(words("cut.db"), check=True, capture_output=True)
    assert contents("cut.db") == contents("whole.db")
