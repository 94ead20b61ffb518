"""verify, backup, prune, export and the rest of the verbs over an archive that is sound, damaged or pruned."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from storage.archive import Archive
from tests.journeys.conftest import Program
from tests.storage.filled import fill
from tests.storage.sabotage import Forger

URL = "sqlite:///a.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with Archive.open(f"sqlite:///{folder / 'a.db'}") as archive:
        fill(archive, long=9)
    return folder


@pytest.fixture
def kept(made: Path, variorum: Program) -> Program:
    shutil.copy(made / "a.db", variorum.folder / "a.db")
    variorum.write("config.yaml", f"database: {URL}\nsources: []\n")
    return variorum


def test_verify_says_what_it_proved(kept: Program) -> None:
    ran = kept("verify")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "16 versions of 4 sources, 20 captures, 20 bodies, 2 time-stamps: all proved\n"
    assert kept("verify", "long", "--json").json["versions"] == 10
    ran = kept("verify", "lang")
    assert (ran.code, "long" in ran.err) == (2, True)


def test_verify_names_the_row_that_was_altered_and_exits_with_4(kept: Program) -> None:
    Forger(URL)("UPDATE versions SET imported = 5 WHERE source = 1 AND number = 5")
    ran = kept("verify")
    assert ran.code == 4
    assert "long@5: the seal does not hold" in ran.out
    assert ran.err.startswith("error: sqlite:///a.db: 2 faults; the archive is not what was written\nhint: ")
    ran = kept("verify", "--json")
    assert ran.code == 4
    assert {(one["source"], one["version"]) for one in ran.json["faults"]} == {("long", 5)}
    assert kept("verify", "short").code == 0
    ran = kept("backup", "copy.db")
    assert (ran.code, (kept.folder / "copy.db").exists()) == (4, False)


def test_a_text_that_was_altered_is_never_shown_as_if_it_had_stood(kept: Program) -> None:
    forge = Forger(URL)
    for digest, packed in ((b"another", None), (None, b"never packed")):
        column, value = ("digest", digest) if digest else ("packed", packed)
        ((before,),) = forge(f"SELECT {column} FROM versions WHERE source = 1 AND number = 10")
        forge(f"UPDATE versions SET {column} = ? WHERE source = 1 AND number = 10", [value])
        ran = kept("show", "long")
        assert (ran.code, ran.out) == (4, "")
        assert "10: what is kept is not what was written\nhint: " in ran.err
        forge(f"UPDATE versions SET {column} = ? WHERE source = 1 AND number = 10", [before])
    assert kept("show", "long").code == 0


@pytest.mark.parametrize("damage", ["middle", "head", "half"])
def test_a_damaged_file_is_said_in_a_line_by_every_verb(kept: Program, damage: str) -> None:
    file = kept.folder / "a.db"
    data = bytearray(file.read_bytes())
    if damage == "middle":
        data[16384 * 2 : -16384] = bytes(len(data) - 16384 * 3)
    elif damage == "head":
        data[:16] = b"not a database!!"
    else:
        del data[len(data) // 2 :]
    file.write_bytes(data)
    ran = kept("verify")
    assert ran.code == 4
    assert "Traceback" not in ran.err + ran.out
    assert "unexpected" not in ran.err
    for words in (("status",), ("log", "long"), ("backup", "copy.db"), ("export", "long", "--jsonl", "-")):
        ran = kept(*words)
        assert ran.code in (0, 2, 4), (words, ran)
        assert "unexpected" not in ran.err, (words, ran.err)
        assert len(ran.err.splitlines()) <= 3


def test_prune_says_first_and_does_when_told(kept: Program) -> None:
    ran = kept("prune", "--keep", "4")
    assert ran.out == "long@2-6: would be pruned\n5 versions of 1 sources\n"
    assert "nothing was pruned" in ran.err
    assert kept("log", "long", "--json").json["versions"][5]["pruned"] is False
    ran = kept("prune", "--keep", "4", "--yes", "--vacuum")
    assert ran.code == 0
    assert ran.out.startswith("long@2-6: pruned; 5 bodies, ")
    assert "5 of them pruned" in kept("verify").out
    assert kept("prune", "--keep", "4").out == "nothing to prune by this rule\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prune",), "prune needs a rule"),
        (("prune", "--older-than", "2m"), "--older-than 2m: not an age"),
        (("prune", "--keep", "2", "nobody"), "nobody: no source or series"),
        (("prune", "--keep", "2", "--yes", "--dry-run"), "contradict"),
    ],
)
def test_a_prune_that_is_not_meant_is_refused(kept: Program, words: tuple[str, ...], said: str) -> None:
    ran = kept(*words)
    assert (ran.code, said in ran.err) == (2, True)


def test_prune_leaves_baselines_alone(kept: Program) -> None:
    listed = "sources:\n  - {id: long, url: 'https://example.org/long', baseline: '@3'}\n"
    kept.write("config.yaml", f"database: {URL}\n{listed}")
    assert kept("prune", "--older-than", "1d", "--json").json["sources"][0] == {"source": "long", "versions": "2,4-9"}
    kept.write("config.yaml", f"database: {URL}\n{listed.replace('@3', '@2019-01-01')}")
    ran = kept("prune", "--keep", "1")
    assert ran.code == 2
    assert ran.err.startswith("error: long: baseline @2019-01-01: ")


@pytest.fixture
def pruned(kept: Program) -> Program:
    assert kept("prune", "long", "--keep", "4", "--yes").code == 0
    return kept


def test_every_verb_meets_a_tombstone_with_a_word(pruned: Program) -> None:
    gone = "error: long@4: the text was pruned\n"
    for words in (("show", "long@4"), ("diff", "long@3", "long@4"), ("blame", "long@4"), ("diff", "long@4", "long@8")):
        ran = pruned(*words)
        assert (ran.code, "was pruned" in ran.err, len(ran.err.splitlines())) == (2, True, 2), words
    assert pruned("show", "long@4").err.startswith(gone)
    assert "long@4  wording  pruned: its text is no longer kept" in pruned("log", "long").out
    assert pruned("log", "long", "-p").code == 0
    assert "texts of versions 2-6; seals, digests and times are kept" in " ".join(
        pruned("log", "long", "--events").out.split()
    )
    note = "note: long@2-6: pruned; what stood there is not known\n"
    for words in (("blame", "long"), ("grep", "parties", "long"), ("drift", "long", "--baseline", "@1")):
        ran = pruned(*words)
        assert (ran.code, ran.err) == (0, note), words
    assert pruned("diff", "long").code == 0
    assert pruned("show", "long@1").code == 0
    assert pruned("report", "--out", "pages").code == 0
    assert "pruned" in (pruned.folder / "pages/s/long/4.html").read_text()


def test_every_way_out_leaves_a_tombstone_out_and_says_so(pruned: Program) -> None:
    note = "note: 5 pruned versions left out: the content is no longer kept\n"
    for way, path in (("--folder", "texts"), ("--git", "git"), ("--warc", "all.warc"), ("--jsonl", "all.jsonl")):
        ran = pruned("export", "long", way, path)
        assert (ran.code, ran.err) == (0, f"{note}{path}: 5 {'captures' if way == '--warc' else 'versions'}\n")
    listed = [json.loads(line)["number"] for line in (pruned.folder / "all.jsonl").read_text().splitlines()]
    assert listed == [1, 7, 8, 9, 10]


def unzipped(file: Path, folder: Path) -> Path:
    with zipfile.ZipFile(file) as packed:
        packed.extractall(folder)
    (only,) = folder.iterdir()
    return only


def checked(folder: Path) -> str:
    sums = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False, capture_output=True)
    assert (sums.returncode, sums.stdout) == (0, b"")
    done = subprocess.run([sys.executable, "-I", "verify.py"], cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_an_exhibit_over_tombstones_checks_itself(pruned: Program) -> None:
    assert pruned("export", "long@3..8", "--exhibit", "e.zip").code == 0
    folder = unzipped(pruned.folder / "e.zip", pruned.folder / "out")
    assert "pruned, so that there is a digest and no text: 3, 4, 5, 6" in checked(folder)
    assert sorted(path.name for path in (folder / "texts").iterdir()) == ["0007.txt", "0008.txt"]
    assert len(list((folder / "headers").iterdir())) == 6
    assert "pruned: its text is no longer kept" in (folder / "README.txt").read_text()


def test_an_exhibit_of_a_text_on_several_pages_has_every_page(kept: Program) -> None:
    assert kept("export", "pages", "--exhibit", "e.zip").code == 0
    folder = unzipped(kept.folder / "e.zip", kept.folder / "out")
    checked(folder)
    assert sorted(path.name for path in (folder / "raw").iterdir()) == [
        *(f"0001-{place}.html" for place in (1, 2, 3)), "0002.html",
    ]  # fmt: skip
    (folder / "raw" / "0001-2.html").write_bytes(b"another page")
    done = subprocess.run([sys.executable, "verify.py"], cwd=folder, check=False, capture_output=True, text=True)
    assert "is not what was sealed" in done.stdout


def test_two_exhibits_are_the_same_bytes_on_any_day_by_anybody(pruned: Program) -> None:
    """Another process, another hash seed, umask, time zone and locale."""
    made = []
    for number, (seed, mask, zone) in enumerate((("1", 0o022, "UTC"), ("77", 0o077, "Asia/Kathmandu"))):
        file = f"e{number}.zip"
        before = os.umask(mask)
        try:
            env = {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C.UTF-8" if number else "C"}
            ran = pruned.process("export", "long@1..8", "--exhibit", file, env=env)
        finally:
            os.umask(before)
        assert ran.code == 0, ran.err
        made.append((pruned.folder / file).read_bytes())
    assert made[0] == made[1]


def test_status_shows_the_head_of_each_chain(kept: Program) -> None:
    with closing(sqlite3.connect("a.db")) as lite:
        known = {name: chain.hex() if chain else None for name, chain in lite.execute("SELECT id, chain FROM sources")}
    assert {one["id"]: one["chain"] for one in kept("status", "--json").json["sources"]} == known
    table = kept("status").out
    assert [chain for chain in known.values() if chain and chain[:12] not in table] == []


def test_a_backup_is_said_in_a_line_and_as_json(kept: Program) -> None:
    ran = kept("backup", "copy.db")
    assert ran.code == 0
    assert ran.out.endswith(" bytes, 16 versions of 4 sources, 20 captures, 20 bodies, 2 time-stamps: all proved\n")
    told = kept("backup", "more.db", "--json").json
    assert told == {
        "format": 1, "target": "more.db", "bytes": (kept.folder / "more.db").stat().st_size,
        "sources": 4, "versions": 16, "proved": True,
    }  # fmt: skip
    ran = kept("backup", "copy.db")
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: copy.db: exists already")
    assert kept("--database", "sqlite:///copy.db", "verify").code == 0
