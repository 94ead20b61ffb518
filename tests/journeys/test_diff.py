"""``diff`` on files, standard input and pages; no database is needed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.differ.script import apply
from tests.journeys.conftest import Program

OLD = "The parties shall meet.\nGrowth was 2.5 percent.\n"
NEW = "The parties may meet.\nGrowth was 3 percent.\n"


@pytest.fixture
def files(variorum: Program) -> tuple[Path, Path]:
    return variorum.write("old.txt", OLD), variorum.write("new.txt", NEW)


def test_the_json_of_two_files_is_the_contract(variorum: Program, files: tuple[Path, Path]) -> None:
    shown = variorum("diff", *files, "--format", "json").json
    assert {"format", "old", "new", "identical", "severity", "silent", "stats", "edits", "script"} <= set(shown)
    assert shown["old"]["text"] == OLD
    assert shown["old"]["sha256"] == hashlib.sha256(OLD.encode()).hexdigest()
    assert apply(shown["script"], OLD) == NEW
    assert [edit["kinds"] for edit in shown["edits"]] == [["modality"], ["number"]]
    for edit in shown["edits"]:
        assert OLD[edit["old"]["start"] : edit["old"]["end"]] == edit["old"]["text"]
        assert {"kinds", "severity", "old", "new", "sentence_old", "sentence_new", "move"} <= set(edit)


@pytest.mark.parametrize(
    "form", ["inline", "side-by-side", "unified", "words", "markdown", "html", "json", "delta", "stat"]
)
def test_every_format_shows_both_words(variorum: Program, files: tuple[Path, Path], form: str) -> None:
    ran = variorum("diff", *files, "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n")
    assert form == "stat" or "may" in ran.out


def test_exit_code_is_opt_in_and_counts_what_was_asked_for(variorum: Program, files: tuple[Path, Path]) -> None:
    old, new = files
    assert variorum("diff", old, new).code == 0
    assert variorum("diff", old, new, "--exit-code").code == 1
    assert variorum("diff", old, old, "--exit-code").code == 0
    assert variorum("diff", old, new, "--kind", "name", "--exit-code").code == 0
    quotes = variorum.write("quotes.txt", "It’s so.\n"), variorum.write("straight.txt", "It's so.\n")
    assert variorum("diff", *quotes, "--exit-code").code == 1
    assert variorum("diff", *quotes, "--ignore-cosmetic", "--exit-code").code == 0


def test_standard_input_is_a_side(variorum: Program, files: tuple[Path, Path]) -> None:
    ran = variorum.process("diff", "-", "new.txt", "--format", "delta", given=OLD.encode())
    assert apply(ran.out.rstrip("\n"), OLD) == NEW


def test_a_page_is_read_before_it_is_compared(variorum: Program) -> None:
    old = variorum.write(
        "old.html", "<html><body><nav>x</nav><div id=a><p>The parties shall meet.</p></div></body></html>"
    )
    new = variorum.write(
        "new.html", "<html><body><nav>y</nav><div id=a><p>The parties may meet.</p></div></body></html>"
    )
    shown = variorum("diff", old, new, "--selector", "#a", "--json").json
    assert [edit["old"]["text"] for edit in shown["edits"]] == ["shall"]


def test_unified_output_is_what_patch_takes(variorum: Program, files: tuple[Path, Path]) -> None:
    patch = variorum.process("diff", "old.txt", "new.txt", "--format", "unified").out
    done = subprocess.run(
        ["patch", "old.txt"], input=patch.encode(), cwd=variorum.folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert files[0].read_text() == NEW


def test_it_is_an_external_differ_for_git(variorum: Program) -> None:
    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
        env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(variorum.folder),
            "GIT_EXTERNAL_DIFF": f"{sys.executable} -m monitor diff",
        }
        return subprocess.run(command, cwd=variorum.folder, env=env, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    readout = variorum.write("readout.txt", OLD)
    git("add", "readout.txt")
    git("commit", "-qm", "first")
    readout.write_text(NEW)
    shown = git("diff")
    assert "[-shall-]{+may+}" in shown
    assert "a/readout.txt" in shown


def git_in(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_EXTERNAL_DIFF": f"{sys.executable} -m monitor diff"}
    return subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def test_git_is_told_of_new_gone_renamed_and_binary_files(variorum: Program) -> None:
    long = "".join(f"Sentence number {number} of the statement stands as it is.\n" for number in range(20))
    for name, words in {
        "gone.txt": "It goes.\n",
        "old name.txt": long,
        "mode.txt": "It stays.\n",
        "gbk.txt": "It was English.\n",
    }.items():
        variorum.write(name, words)
    variorum.write("picture", b"\0\1one")
    git_in(variorum.folder, "init", "-q")
    git_in(variorum.folder, "add", "-A")
    git_in(variorum.folder, "commit", "-qm", "first")
    (variorum.folder / "gone.txt").unlink()
    (variorum.folder / "old name.txt").rename(variorum.folder / "name.txt")
    variorum.write("name.txt", long.replace("number 3 ", "number three "))
    variorum.write("new.txt", "It is new.\n")
    variorum.write("picture", b"\0\2two")
    variorum.write("gbk.txt", "外交部发言人表示，双方同意加强合作。".encode("gbk"))
    (variorum.folder / "mode.txt").chmod(0o755)
    git_in(variorum.folder, "add", "-A")
    shown = git_in(variorum.folder, "diff", "--cached", "-M")
    for said in (
        "a/gone.txt → /dev/null\n1 wording change: 1 deletion\n",
        "a/old name.txt → b/name.txt\n",
        "[-3-]{+three+}",
        "/dev/null → b/new.txt\n",
        "a/picture → b/picture\nnot compared: a binary file, not a text\n\n",
        "a/gbk.txt → b/gbk.txt\nnot compared: not UTF-8 text (byte 0)\n\n",
        "a/mode.txt → b/mode.txt (mode 100644 → 100755)\nNo differences.\n\n",
    ):
        assert said in shown


def test_git_is_told_of_a_path_that_is_unmerged(variorum: Program) -> None:
    ran = variorum.process("diff", "both.txt", env={"GIT_DIFF_PATH_COUNTER": "1", "GIT_DIFF_PATH_TOTAL": "1"})
    assert (ran.code, ran.out) == (0, "both.txt: unmerged\n\n")


def test_a_reader_that_goes_away_is_no_difference_and_no_error(variorum: Program, files: tuple[Path, Path]) -> None:
    long = "".join(f"Sentence number {number} stands here.\n" for number in range(3_000))
    old, new = variorum.write("long.txt", long), variorum.write("longer.txt", long + "One more.\n")
    program = [sys.executable, "-m", "monitor", "diff", old, new, "--format", "json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_bad_input_is_told_in_one_line_and_a_hint(variorum: Program, files: tuple[Path, Path]) -> None:
    old, _ = files
    variorum.write("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xfe")
    variorum.write("gbk.txt", "外交部发言人表示，双方同意加强合作。".encode("gbk"))
    for words, said in (
        (("diff", old, "picture.png"), "picture.png: a binary file"),
        (("diff", old, "gbk.txt"), "gbk.txt: not UTF-8 text"),
        (("diff", old, "./none.txt"), "none.txt: No such file"),
        (("diff", old), "alone has nothing to be compared with"),
        (("diff", old, old, old), "one or two operands"),
        (("diff", old, "--format", "pdf"), "pdf"),
        (("diff",), "A [B]"),
        (("dif",), "dif: no such command"),
    ):
        ran = variorum(*words)
        assert ran.code == 2, words
        assert said.lower() in ran.err.lower(), (words, ran.err)
        assert "Traceback" not in ran.err
        assert ran.err.startswith("error: ")
        assert ran.out == ""
    assert variorum("diff", old, "gbk.txt", "--encoding", "gb18030").code == 0


def test_hostile_texts_come_out_visible(variorum: Program) -> None:
    hostile = "one \x1b[31mred\x07 \u202eevil \x00 two\n"
    old, new = variorum.write("a.txt", "one two\n"), variorum.write("b.txt", hostile)
    for form in ("inline", "side-by-side", "words", "markdown", "html", "stat"):
        shown = variorum("diff", old, new, "--format", form).out
        assert not [char for char in shown if char in "\x1b\x07\x00\u202e"], form


def test_a_rewrapped_file_shows_no_wording(variorum: Program) -> None:
    old = variorum.write("a.txt", "The parties agreed\nto meet again in\nMay of this year.\n")
    new = variorum.write("b.txt", "The parties agreed to meet\nagain in May of this year.\n")
    assert variorum("diff", old, new, "--json").json["severity"] == "cosmetic"


def test_a_pinned_version_is_a_baseline_and_without_one_it_is_said_how_to_name_one(variorum: Program) -> None:
    for day, words in (("2026-03-01", "Both sides should meet."), ("2026-03-02", "Both sides may meet.")):
        variorum.write(f"texts/{day}.txt", f"Readout\n\n{words}\n")
    variorum.watch("{id: readout, url: 'https://www.example.org/a', baseline: '@1'}")
    assert variorum("import", "folder", "texts", "--source", "readout").code == 0
    assert "should" in variorum("diff", "readout@baseline", "readout").out
    assert variorum("drift", "readout").code == 0
    variorum.watch("{id: readout, url: 'https://www.example.org/a'}")
    refused = variorum("drift", "readout")
    assert refused.code == 2
    assert "no baseline is configured" in refused.err
    assert "--baseline readout@1" in refused.err
