"""Real pairs, English, French and Chinese: every one is rebuilt both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.differ import compare
from monitor.differ.script import apply, revert
from monitor.read.plain import verbatim
from storage.records import EditKind

pytestmark = pytest.mark.corpus


def pairs(corpus: Path) -> list[tuple[Path, Path]]:
    """Every pair of texts, in a stable order."""
    old = sorted((corpus / "pairs").rglob("*.old.*"))
    return [(one, one.with_name(one.name.replace(".old.", ".new."))) for one in old]


def rebuilt(old_file: Path, new_file: Path) -> None:
    old, new = (verbatim(one.read_text("utf-8")) for one in (old_file, new_file))
    change = compare(old, new)
    assert apply(change.script, old.text) == new.text, old_file
    assert revert(change, new.text) == old.text, old_file


def test_a_sample_of_real_pairs_is_rebuilt_both_ways(corpus: Path) -> None:
    found = pairs(corpus)
    assert len(found) > 300
    for old, new in found[::16]:
        rebuilt(old, new)


@pytest.mark.slow
def test_every_real_pair_is_rebuilt_both_ways(corpus: Path) -> None:
    for old, new in pairs(corpus):
        rebuilt(old, new)


def test_a_rewrapped_statement_is_white_space_only(corpus: Path) -> None:
    words = (corpus / "series" / "fomc-statements" / "2014-01-29.txt").read_text("utf-8")
    again = "\n\n".join(" ".join(block.split()) for block in words.split("\n\n"))
    change = compare(verbatim(words.strip()), verbatim(again.strip()))
    assert {kind for edit in change.edits for kind in edit.kinds} <= {
        EditKind.WHITESPACE,
        EditKind.MERGED,
        EditKind.SPLIT,
    }
