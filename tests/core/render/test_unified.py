"""The unified format is what ``patch`` takes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from monitor.render import Comparison, Style, render
from tests.core.render.cases import CASES, E, K, comparison
from tests.core.render.random_comparisons import WORDS, comparisons

PATCH = shutil.which("patch")
needs_patch = pytest.mark.skipif(PATCH is None, reason="no `patch` program on this machine")


def patched(shown: Comparison, *, reverse: bool = False) -> str:
    """What the real ``patch`` makes of the old text (or, in reverse, of the new)."""
    diff = render(shown, "unified", Style(raw=True)).encode("utf-8", "surrogatepass")
    start = shown.new if reverse else shown.old
    with TemporaryDirectory() as folder:
        before, after, script = Path(folder, "before"), Path(folder, "after"), Path(folder, "script")
        before.write_bytes(start.text.text.encode("utf-8", "surrogatepass"))
        script.write_bytes(diff)
        assert PATCH is not None
        command = [PATCH, "--binary", "--quiet", "--force", "--posix", "-o", str(after), "-i", str(script), str(before)]
        if reverse:
            command.insert(1, "--reverse")
        done = subprocess.run(command, capture_output=True, check=False, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return after.read_bytes().decode("utf-8", "surrogatepass")


@needs_patch
@given(comparisons(WORDS).filter(lambda shown: shown.old.text.text != shown.new.text.text))
@settings(max_examples=30, deadline=None)
def test_patch_makes_the_new_text_of_the_old_and_back(shown: Comparison) -> None:
    assert patched(shown) == shown.new.text.text
    assert patched(shown, reverse=True) == shown.old.text.text


@needs_patch
@pytest.mark.parametrize("case", [case for case in CASES if case not in ("identical", "hostile")])
def test_patch_takes_every_case(case: str) -> None:
    shown = CASES[case]()
    assert patched(shown) == shown.new.text.text


def test_equal_texts_give_nothing() -> None:
    assert render(CASES["identical"](), "unified", Style()) == ""


def test_far_changes_stand_in_hunks_of_their_own_and_near_ones_in_one() -> None:
    lines = [f"line {number}\n" for number in range(30)]
    far = comparison([E("a", "b"), "".join(lines), E("a", "b"), "\n"])
    near = comparison([E("a", "b"), "".join(lines[:5]), E("a", "b"), "\n"])
    assert render(far, "unified", Style()).count("\n@@ ") == 2
    assert render(near, "unified", Style()).count("\n@@ ") == 1


def test_an_added_line_is_one_plus_and_no_minus() -> None:
    shown = render(comparison(["a\nb\n", E("", "new\n"), "c\n"]), "unified", Style())
    assert [line for line in shown.split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")] == ["+new", ""]


def test_filtered_edits_are_taken_over_into_the_context() -> None:
    shown = comparison(["It is ", E("’", "'", (K.TYPOGRAPHY,)), " now.\n", E("one", "two", (K.NUMBER,)), "\n"])
    assert "-It" not in render(shown, "unified", Style(kinds=frozenset({K.NUMBER})))
    assert " It is ' now.\n" in render(shown, "unified", Style(kinds=frozenset({K.NUMBER})))


def test_raw_is_exact_and_otherwise_controls_are_shown() -> None:
    shown = comparison([E("a", "\x1b[31m"), "\n"])
    assert "+\x1b[31m\n" in render(shown, "unified", Style(raw=True))
    assert "+␛[31m\n" in render(shown, "unified", Style())
    assert "\x1b[31m" not in render(shown, "unified", Style(raw=True, color=True))


@needs_patch
def test_two_edits_at_the_end_of_a_text_are_one_block() -> None:
    shown = comparison([E("", "a\nb"), E("", "c")])
    assert render(shown, "unified", Style()).count("\n+") == 3  # the head of the new text and two lines
    assert patched(shown) == "a\nbc"
