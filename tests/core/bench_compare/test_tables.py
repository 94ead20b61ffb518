"""Tables and plots from kept figures: ratios, gaps, and what is measured a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from bench.compare import OURS, main
from bench.compare.kept import Kept
from bench.compare.tables import report, written

if TYPE_CHECKING:
    from pathlib import Path


def _step(cpu_s: float) -> dict[str, Any]:
    counts = {"checked": 100, "true": 5, "found": 5, "false": 0, "not_modified": 0}
    return {"wall_s": 2 * cpu_s, "cpu_s": cpu_s, "peak_mib": 50.0, **counts}


def _rounds(cpu_s: float) -> dict[str, Any]:
    names = ("new", "same", "chg5", "new-304", "same-304", "chg5-304")
    return {"steps": {name: _step(cpu_s) for name in names}, "release": "a 1.0"}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    found = Kept(tmp_path / "compare.json")
    found.put("rounds", OURS, 100, _rounds(0.1))
    found.put("rounds", "urlwatch", 100, _rounds(0.4))
    return found


def test_ratios_stand_first_and_a_gap_is_a_dash(kept: Kept) -> None:
    told = report(kept)
    row = next(line for line in told.splitlines() if line.startswith("| CPU of an unchanged check"))
    assert row == "| CPU of an unchanged check | 1 (1.00 ms) | 4 (4.00 ms) | – | – |"
    assert told.index("At a glance") < told.index("### Rounds")


def test_what_was_measured_is_there_after_a_restart(kept: Kept, tmp_path: Path) -> None:
    again = Kept(tmp_path / "compare.json")
    assert again.has("rounds", "urlwatch", 100)
    assert not again.has("rounds", "urlwatch", 1000)
    assert again.largest("rounds", OURS) == kept.largest("rounds", OURS)


def test_tables_and_plots_are_written_into_their_places(kept: Kept, tmp_path: Path) -> None:
    steps = {name: _step(1.0) for name in ("new", "same", "same-304")}
    for pages in (1000, 100_000):
        kept.put("scale", OURS, pages, {"steps": steps, "stored": 10 * pages})
    document = tmp_path / "performance.md"
    document.write_text("# P\n\n<!-- compare:begin -->\nstale figures\n<!-- compare:end -->\n\nafter\n", "utf-8")
    written(kept, document)
    text = document.read_text("utf-8")
    assert "stale figures" not in text
    assert text.endswith("after\n")
    assert "| 100,000 |" in text
    for name in ("performance-peers.svg", "performance-scale.svg"):
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("svg")
        assert f"({name})" in text


def test_nothing_is_measured_that_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.compare.KEPT", tmp_path / "none.json")
    assert main(["--only"]) == 0
    assert "At a glance" in capsys.readouterr().out


def test_a_round_that_other_work_held_up_tells_no_rate(tmp_path: Path) -> None:
    found = Kept(tmp_path / "compare.json")
    figures = _rounds(0.1)
    figures["steps"]["same"]["wall_s"] = 9.0
    found.put("rounds", OURS, 100, figures)
    told = report(found)
    assert "| variorum | 100 | same | 1.00 | – |" in told
    assert "| variorum | 100 | chg5 | 1.00 | 500 |" in told
    assert "seconds a check, server at once" not in told
