"""Taking out what is kept: whole, the same every time, checkable without this program, and fit to be brought in again."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor import daemon
from monitor.cli import run
from monitor.config import load
from monitor.transfer import stamping
from storage.archive import Archive
from tests.edges.authority import Authority
from tests.edges.origin import Origin
from tests.journeys.conftest import Program
from tests.journeys.pages import page, write_warc

URL = "http://www.example.org/statement"
WORDS = ("one", "two", "three")
DATES = ("2020-01-01T10:00:00Z", "2020-02-01T10:00:00Z", "2020-03-01T10:00:00Z")
Facts = tuple[str, str, int | None, tuple[tuple[str, str], ...], str, str, str, str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one page in three wordings and a series of two texts, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    write_warc(folder / "in.warc.gz", [(at, URL, page(word), 200) for at, word in zip(DATES, WORDS, strict=True)])
    (folder / "config.yaml").write_text("database: sqlite:///a.db\nsources: []\n")
    (folder / "t").mkdir()
    (folder / "t" / "2020-01-05.txt").write_text("The range is unchanged.\n\nThe outlook is\nuncertain.\n")
    (folder / "t" / "2020-02-05.txt").write_text("The range is raised.\n")
    database = ("--database", f"sqlite:///{folder / 'a.db'}")
    assert run([*database, "import", "warc", str(folder / "in.warc.gz"), "--source", "st"]) == 0
    assert run([*database, "import", "folder", str(folder / "t"), "--series", "rates"]) == 0
    return folder


@pytest.fixture
def kept(made: Path, variorum: Program) -> Program:
    shutil.copytree(made, variorum.folder, dirs_exist_ok=True)
    return variorum


def facts(archive: Archive, source: str) -> list[Facts]:
    """All that a source's seals cover, but for the time of import: what moving in and out must keep."""
    return [
        (
            *(sealed.body.hex(), sealed.text.hex(), sealed.status, sealed.headers),
            *(f"{sealed.captured} {sealed.after} {sealed.before}", sealed.url, sealed.final_url, sealed.reader),
        )
        for sealed, _ in archive.seals(source)
    ]


def all_facts(database: Path) -> dict[str, list[Facts]]:
    with Archive.open(f"sqlite:///{database}") as opened:
        return {source.id: facts(opened, source.id) for source in opened.sources(retired=True)}


def wordings(database: Path) -> dict[str, list[tuple[str, str]]]:
    """The chain of texts of each source: digest and time of capture."""
    with Archive.open(f"sqlite:///{database}") as opened:
        return {
            source.id: [(one.digest, one.captured.isoformat()) for one in reversed(opened.versions(source.id))]
            for source in opened.sources(retired=True)
        }


def test_an_exhibit_checks_itself_without_this_program(kept: Program) -> None:
    assert kept("export", "st", "--exhibit", "e.zip").code == 0
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    assert (folder / "raw" / "0001.html").read_bytes() == page("one")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")
    done = subprocess.run([sys.executable, "-I", "verify.py"], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    head = kept("log", "st", "--json").json["versions"][0]["chain"]
    assert head in done.stdout
    assert head in (folder / "README.txt").read_text()
    assert "<del" in (folder / "diffs" / "0001-0002.html").read_text()


def unzipped(file: Path, folder: Path) -> Path:
    with zipfile.ZipFile(file) as packed:
        packed.extractall(folder)
    (only,) = folder.iterdir()
    return only


def test_two_exhibits_of_one_range_are_the_same_bytes_also_when_more_came_after(kept: Program) -> None:
    kept("export", "st@1..2", "--exhibit", "one.zip")
    write_warc(kept.folder / "more.warc.gz", [("2020-04-01T10:00:00Z", URL, page("four"), 200)])
    assert kept("import", "warc", "more.warc.gz", "--source", "st").out.startswith("1 added")
    kept("export", "st@..2", "--exhibit", "two.zip")
    assert (kept.folder / "one.zip").read_bytes() == (kept.folder / "two.zip").read_bytes()


def test_an_exhibit_can_begin_in_the_middle_of_a_chain(kept: Program) -> None:
    kept("export", "st@2..3", "--exhibit", "e.zip")
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    assert folder.name == "st-2-3"
    assert verified(folder) == (0, "")


def verified(folder: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "verify.py"], cwd=folder, check=False, capture_output=True, text=True)
    return done.returncode, "\n".join(line for line in done.stdout.splitlines() if line.startswith("FAULT"))


def _sums(folder: Path) -> None:
    """What a forger would do: make the sums fit again."""
    subprocess.run(
        "find . -type f ! -name SHA256SUMS -printf '%P\\n' | sort | xargs sha256sum > S && mv S SHA256SUMS",
        shell=True,
        cwd=folder,
        check=True,
    )


def _change(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (_change("texts/0002.txt", "two", "ten"), "texts/0002.txt is not what was sealed"),
        (_change("raw/0001.html", "one", "no "), "raw/0001.html is not what was sealed"),
        (
            _change("chain.json", '"captured_us": 1580551200000000', '"captured_us": 1580551200000001'),
            "version 2: the seal",
        ),
        (_change("chain.json", '"status": 200', '"status": 203'), "version 1: the seal"),
        (_change("chain.json", "text/html", "text/plain"), "version 1: the seal"),
        (lambda folder: (folder / "raw" / "0003.html").unlink(), "cannot be read"),
        (lambda folder: (folder / "chain.json").write_text("{"), "cannot be read"),
    ],
)
def test_the_verifier_finds_a_forged_exhibit(kept: Program, forge: Callable[[Path], None], said: str) -> None:
    kept("export", "st", "--exhibit", "e.zip")
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    forge(folder)
    assert verified(folder)[0] == 1, "the sums alone must find it"
    _sums(folder)
    code, faults = verified(folder)
    assert code == 1
    assert said in faults


def test_the_verifier_finds_a_file_that_was_put_in(kept: Program) -> None:
    kept("export", "st", "--exhibit", "e.zip")
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    (folder / "texts" / "0004.txt").write_text("never said")
    assert verified(folder) == (1, "FAULT texts/0004.txt: not in SHA256SUMS")


def test_a_warc_export_validates_and_brings_the_same_back(kept: Program) -> None:
    assert kept("export", "--warc", "all.warc.gz").code == 0
    tool = Path(sys.executable).with_name("warcio")
    done = subprocess.run(
        [tool, "check", "-v", "all.warc.gz"], cwd=kept.folder, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("digest pass") == 5
    assert kept("--database", "sqlite:///b.db", "import", "warc", "all.warc.gz").out == "5 added, 0 there already\n"
    assert all_facts(kept.folder / "b.db") == all_facts(kept.folder / "a.db")
    kept("--database", "sqlite:///b.db", "export", "--warc", "again.warc.gz")
    assert (kept.folder / "again.warc.gz").read_bytes() == (kept.folder / "all.warc.gz").read_bytes()


def test_a_warc_record_is_true_to_its_bytes(kept: Program) -> None:
    from warcio.archiveiterator import ArchiveIterator

    kept("export", "st", "--warc", "st.warc")
    with (kept.folder / "st.warc").open("rb") as stream:
        record = next(iter(ArchiveIterator(stream)))
        assert record.http_headers.get_header("content-encoding") is None
        assert record.http_headers.get_header("x-archive-orig-content-encoding") == "gzip"
        assert record.http_headers.get_header("content-length") == str(len(page("one")))
        assert record.content_stream().read() == page("one")


def test_a_folder_export_is_checked_by_sha256sum_and_brings_the_wordings_back(kept: Program) -> None:
    assert kept("export", "--folder", "f").code == 0
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=kept.folder / "f", check=False)
    assert done.returncode == 0
    assert (kept.folder / "f" / "rates" / "2020-01-05.txt").exists()
    kept("--database", "sqlite:///b.db", "import", "folder", "f/rates", "--series", "rates", "--as-is")
    kept("--database", "sqlite:///b.db", "import", "folder", "f/st", "--source", "st", "--as-is")
    assert wordings(kept.folder / "b.db") == wordings(kept.folder / "a.db")
    kept("--database", "sqlite:///b.db", "export", "--folder", "g")
    assert subprocess.run(["diff", "-r", "f", "g"], cwd=kept.folder, check=False).returncode == 0


def test_a_git_export_is_the_same_every_time_and_brings_the_wordings_back(kept: Program) -> None:
    for name in ("g1", "g2"):
        assert kept("export", "--git", name).code == 0
    heads = {subprocess.check_output(["git", "-C", kept.folder / name, "rev-parse", "HEAD"]) for name in ("g1", "g2")}
    assert len(heads) == 1
    told = subprocess.check_output(
        ["git", "-C", kept.folder / "g1", "log", "--format=%ad %s", "--date=short"], text=True
    )
    assert told.splitlines()[0] == "2020-03-01 st@3: wording"
    kept("--database", "sqlite:///b.db", "import", "git", "g1", "--path", "st.txt", "--source", "st", "--as-is")
    assert wordings(kept.folder / "b.db")["st"] == wordings(kept.folder / "a.db")["st"]


def test_json_lines_hold_every_version(kept: Program) -> None:
    ran = kept("export", "st", "--jsonl", "-")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["number"] for one in lines] == [1, 2, 3]
    assert lines[1]["window"] == {"after": "2020-01-01T10:00:00Z", "before": "2020-02-01T10:00:00Z"}
    assert kept("export", "--jsonl", "all.jsonl").code == 0
    assert len((kept.folder / "all.jsonl").read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("st",), "one of --exhibit"),
        (("st", "--warc", "a", "--folder", "b"), "one of --exhibit"),
        (("nobody", "--warc", "x.warc"), "nobody"),
        (("st@3..1", "--warc", "x.warc"), "comes after"),
        (("st@9", "--warc", "x.warc"), "no such version"),
        (("st@1..2", "st@2..3", "--warc", "x.warc"), "asked for twice"),
        (("rates", "--exhibit", "x.zip"), "one source"),
        (("st", "--warc", "in.warc.gz"), "exists already"),
        (("st", "--folder", "t"), "not empty"),
        (("st", "--warc", "no/such/x.warc"), "No such file"),
    ],
)
def test_what_cannot_be_taken_out_is_told_in_two_lines_and_leaves_nothing(
    kept: Program, words: tuple[str, ...], said: str
) -> None:
    before = sorted(kept.folder.rglob("*"))
    ran = kept("export", *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") <= 2
    assert sorted(kept.folder.rglob("*")) == before


def test_what_was_watched_and_read_anew_goes_out_whole(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page("one").decode())
    variorum.watch(f"{{id: st, url: '{url}', select: article}}")
    assert variorum("check").code == 0
    origin.edit("/a", page("two").decode())
    assert variorum("check").code == 0
    variorum.watch(f"{{id: st, url: '{url}', select: 'article p:first-of-type'}}")
    assert variorum("check").code == 0
    assert [one["reread"] for one in variorum("log", "st", "--json").json["versions"]] == [True, False, False]
    assert variorum("export", "st", "--exhibit", "e.zip").code == 0
    folder = unzipped(variorum.folder / "e.zip", variorum.folder / "out")
    assert verified(folder) == (0, "")
    assert sorted(path.name for path in (folder / "raw").iterdir()) == ["0001.html", "0002.html"]
    assert "read anew" in (folder / "README.txt").read_text()
    assert "capture" in variorum("export", "st", "--warc", "st.warc").err
    back = ("--database", "sqlite:///b.db")
    assert variorum(*back, "import", "warc", "st.warc").out == "2 added, 0 there already\n"
    assert [one[0] for one in all_facts(variorum.folder / "b.db")["st"]] == [
        one[0] for one in all_facts(variorum.folder / "variorum.db")["st"][:2]
    ]


# time-stamps


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("rfc3161_client")
    with Authority(tmp_path_factory.mktemp("authority") / "tsa") as running:
        yield running


def stamp(kept: Program, authority: Authority, *more: str) -> Any:
    root = ("--certificates", str(authority.root))
    return kept("timestamp", "--url", authority.url, "--allow-private", "127.0.0.0/8", *root, *more)


def test_a_time_stamp_is_obtained_kept_checked_and_exported(kept: Program, authority: Authority) -> None:
    assert stamp(kept, authority).out.startswith("timestamp 1: 3 chain heads at ")
    ran = kept("timestamp", "--verify", "--certificates", authority.root)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 time-stamps hold; signed under the given certificates")
    kept("export", "st", "--exhibit", "e.zip")
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    assert verified(folder) == (0, "")
    proof = ("-data", "timestamps/0001.root", "-in", "timestamps/0001.tsr", "-CAfile", authority.root)
    done = subprocess.run(["openssl", "ts", "-verify", *proof], cwd=folder, check=False, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout + done.stderr
    told = json.loads((folder / "chain.json").read_text())["timestamps"]
    assert [one["version"] for one in told] == [3]
    assert "rates" not in (folder / "chain.json").read_text(), "the others' names stay with us"
    _change("chain.json", '"path": [\n    [\n     "left",\n     "', '"path": [\n    [\n     "left",\n     "00')(folder)
    assert "does not lead to it" in verified(folder)[1]


def test_a_time_stamp_can_be_of_one_source(kept: Program, authority: Authority) -> None:
    assert stamp(kept, authority, "st").out.startswith("timestamp 1: 1 chain heads")
    assert kept("timestamp", "--list", "--json").json["timestamps"][0]["heads"][0]["source"] == "st"


def test_a_configured_authority_needs_no_words(kept: Program, authority: Authority) -> None:
    kept.write("root.pem", authority.root.read_bytes())
    kept.write(
        "config.yaml",
        f"database: sqlite:///a.db\ntimestamps: {{url: '{authority.url}', certificates: root.pem, allow_private: [127.0.0.0/8]}}\n",
    )
    assert kept("timestamp").out.startswith("timestamp 1: 3 chain heads")
    assert kept("config", "check").code == 0


def test_an_answer_to_another_request_is_refused_and_not_kept(kept: Program, authority: Authority) -> None:
    authority.answer = authority.reply((authority.folder / "q.tsq").read_bytes())
    try:
        ran = stamp(kept, authority)
    finally:
        authority.answer = None
    assert ran.code == 4
    assert kept("timestamp", "--list").out == ""


def test_an_authority_with_another_root_is_refused(kept: Program, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    other._server.server_close()
    ran = kept("timestamp", "--url", authority.url, "--allow-private", "127.0.0.0/8", "--certificates", other.root)
    assert ran.code == 4
    assert "signature does not hold" in ran.err


@pytest.mark.parametrize("answer", [b"", b"<html>no</html>"])
def test_what_is_no_time_stamp_is_told(kept: Program, authority: Authority, answer: bytes) -> None:
    authority.answer = answer or b"\x30"
    try:
        ran = stamp(kept, authority)
    finally:
        authority.answer = None
    assert ran.code == 3
    assert "no time-stamp" in ran.err


def test_an_authority_on_a_private_address_needs_leave(kept: Program, authority: Authority) -> None:
    ran = kept("timestamp", "--url", authority.url)
    assert ran.code == 3
    assert "allow_private" in ran.err


@pytest.mark.parametrize(
    "statement", ["UPDATE versions SET after = after + 1", "UPDATE versions SET digest = zeroblob(32)"]
)
def test_nothing_is_exhibited_that_does_not_hold(kept: Program, statement: str) -> None:
    altered(kept.folder / "a.db", f"{statement} WHERE number = 2")
    ran = kept("export", "st", "--exhibit", "e.zip")
    assert ran.code == 4
    assert "st@2" in ran.err
    assert not (kept.folder / "e.zip").exists()


def altered(database: Path, statement: str) -> None:
    """What somebody with the file in his hands can do."""
    with sqlite3.connect(database) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(statement)
    connection.close()


def test_an_archive_altered_after_it_was_stamped_is_found(kept: Program, authority: Authority) -> None:
    stamp(kept, authority)
    altered(kept.folder / "a.db", "UPDATE versions SET chain = zeroblob(32) WHERE number = 3")
    ran = kept("timestamp", "--verify")
    assert ran.code == 4
    assert "st@3 has another seal than was stamped" in ran.err


def test_without_the_extra_the_command_says_how_to_get_it(kept: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    ran = kept("timestamp")
    assert ran.code == 2
    assert "variorum[timestamp]" in ran.err


def test_the_daemon_has_new_heads_stamped_and_only_those(kept: Program, authority: Authority) -> None:
    private = "allow_private: [127.0.0.0/8], every: 1m"
    kept.write("config.yaml", f"database: sqlite:///a.db\ntimestamps: {{url: '{authority.url}', {private}}}\n")
    settings = load(kept.folder / "config.yaml", {})
    clock = [datetime(2100, 1, 1, tzinfo=UTC)]

    async def until(stamps: int) -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(settings, stop=stop, now=lambda: clock[0]))
        with Archive.open("sqlite:///a.db") as archive:
            async with asyncio.timeout(20):
                while len(archive.timestamps()) < stamps:  # noqa: ASYNC110  (the daemon says nothing to wait for)
                    await asyncio.sleep(0.02)
        stop.set()
        await running

    asyncio.run(until(1))
    assert settings.timestamps is not None
    rules = replace(settings.fetch, allow_private=("127.0.0.0/8",))
    with Archive.open("sqlite:///a.db") as archive:
        assert stamping.obtain_when_due(archive, settings.timestamps, rules, clock[0]) is None, "nothing is new"
        kept.write("u/2020-03-05.txt", "The range is lowered.\n")
        kept("import", "folder", "u", "--series", "rates")
        (last,) = archive.timestamps()
        assert stamping.obtain_when_due(archive, settings.timestamps, rules, last.at) is None, "it is not time"
        assert stamping.obtain_when_due(archive, settings.timestamps, rules, clock[0]) is not None
        assert len(archive.timestamps(last=1)[0].heads) == 4


# the real thing


@pytest.mark.corpus
@pytest.mark.slow
def test_real_series_and_pairs_go_out_and_come_back_the_same(variorum: Program, corpus: Path) -> None:
    variorum(
        "--database", "sqlite:///a.db", "import", "folder", corpus / "series" / "fomc-statements", "--series", "fomc"
    )
    for old in sorted((corpus / "pairs" / "whitehouse").glob("*.old.md")):
        name = old.name.removesuffix(".old.md")
        for day, side in (("2022-01-01", "old"), ("2022-01-02", "new")):
            variorum.write(f"wh/{name}/{day}.md", old.with_name(f"{name}.{side}.md").read_bytes())
        run(["--database", "sqlite:///a.db", "import", "folder", f"wh/{name}", "--source", name])
    kept = all_facts(variorum.folder / "a.db")
    assert len(kept) > 300
    assert variorum("--database", "sqlite:///a.db", "export", "--warc", "a.warc.gz").code == 0
    assert variorum("--database", "sqlite:///b.db", "import", "warc", "a.warc.gz").code == 0
    assert all_facts(variorum.folder / "b.db") == kept
    variorum("--database", "sqlite:///a.db", "export", "--folder", "f")
    for folder in sorted((variorum.folder / "f").iterdir()):
        way = ["--series", "fomc"] if folder.name == "fomc" else ["--source", folder.name]
        if folder.is_dir():
            run(["--database", "sqlite:///c.db", "import", "folder", str(folder), *way, "--as-is"])
    assert wordings(variorum.folder / "c.db") == wordings(variorum.folder / "a.db")
