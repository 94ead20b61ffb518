"""The same answer whatever the hash seed; the chart, the table and the regions they are written into."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.differ import plot
from bench.differ.cases import TYPES, make
from bench.differ.lists import lists
from bench.differ.marked import write
from bench.differ.passages import invented
from bench.differ.speed import CHANGES, texts, timed

SEEDS = ("0", "1", "2")
"""Under these, sets of two kinds come in both orders: a differ that let them through would be seen."""

ROOT = Path(__file__).parents[3]
PANELS = {"small edits": {"variorum": [(500, 2.0), (5000, 20.0)], "other": [(500, 900.0)]}}


@pytest.mark.slow  # of the differ alone, core/differ/test_properties.py says it
def test_every_hash_seed_gives_byte_identical_json(tmp_path: Path) -> None:
    dice = random.Random(11)
    sides: tuple[list[str], list[str]] = ([], [])
    for language in ("en", "zh", "fr"):
        passage = invented(lists("judging"), language, 2)[1]
        case = make(passage, lists("judging"), dice, [one for one in TYPES if one != "paragraph_moved"])
        sides[0].append(case.old)
        sides[1].append(case.new)
    for name, parts in zip(("old.txt", "new.txt"), sides, strict=True):
        (tmp_path / name).write_text("\n\n".join(parts), "utf-8")
    command = [sys.executable, "-m", "monitor", "diff", "--format", "json", "old.txt", "new.txt"]
    running = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )
        for seed in SEEDS
    ]
    first, second, third = (one.communicate()[0] for one in running)
    assert first.count(b'"kinds"') > 30
    assert first == second == third


def test_the_plot_is_well_formed_and_names_every_line() -> None:
    drawn = plot.svg(PANELS, "two cores & one <note>")
    ElementTree.fromstring(drawn)
    assert "two cores &amp; one &lt;note&gt;" in drawn
    assert all(name in drawn for name in ("variorum", "other", "small edits"))


def test_the_chart_fits_a_terminal() -> None:
    lines = plot.text(PANELS).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.count("V") for line in lines[1:]) == 2


def test_only_the_named_region_of_a_document_is_rewritten(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text("a\n<!-- x:begin -->\nold \\1\n<!-- x:end -->\nb\n<!-- y:begin -->\n<!-- y:end -->\n", "utf-8")
    write(document, "x", "new \\1")
    write(document, "x", "new \\1")
    assert document.read_text("utf-8").startswith("a\n<!-- x:begin -->\n\nnew \\1\n\n<!-- x:end -->\nb\n")
    with pytest.raises(ValueError, match="z:begin"):
        write(document, "z", "")


def test_texts_of_a_size_change_as_they_say() -> None:
    found = {change: (old.split(), new.split()) for change, old, new in texts(500)}
    assert tuple(found) == CHANGES
    same = {
        change: sum(a == b for a, b in zip(old, new, strict=False)) / len(old) for change, (old, new) in found.items()
    }
    assert same["small edits"] > 0.98
    assert 0.55 < same["a third replaced"] < 0.75
    assert same["unrelated"] < 0.05


@pytest.mark.slow
def test_a_differ_is_timed_in_its_own_process_and_stopped_at_the_limit(tmp_path: Path) -> None:
    files = [tmp_path / "old.txt", tmp_path / "new.txt"]
    sides = {change: (old, new) for change, old, new in texts(2_000)}
    for change, name, ends in (("small edits", "variorum", True), ("unrelated", "dmp on characters", False)):
        for file, side in zip(files, sides[change], strict=True):
            file.write_text(side, "utf-8")
        took = timed(Path(sys.executable), name, files, 2.0)
        assert (took is not None) == ends, name
        assert took is None or 0 < min(took) < 500
