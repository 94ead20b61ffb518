"""Through the real differ: from two texts to every format. No golden files here, so that the differ can be tuned."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.differ import compare
from monitor.render import FORMATS, Comparison, Side, Style, render, summary
from monitor.render.safe import visible
from storage.records import Text
from tests.core.render.random_comparisons import NASTY
from tests.core.render.test_unified import patched

if TYPE_CHECKING:
    from pathlib import Path

PRAISE = "Both sides praised the harbour agreement signed last spring in the capital of Ardonia."
THANKS = "They thanked the mediators of both neighbouring states for their patience."
OLD = Text.of(
    "Ministers speak by telephone",
    "2026-11-20 18:30",
    [
        f"The ministers spoke for forty minutes. {PRAISE} {THANKS}",
        "Ardonia will accept a new tariff. The northern border remains closed. Talks shall go on.",
        "A joint note was published.",
    ],
)
NEW = Text.of(
    "Ministers speak by telephone",
    "2026-11-20 18:30",
    [
        f"The ministers spoke for fifty minutes. {THANKS} {PRAISE}",
        "Ardonia will not accept a new tariff. Talks shall go on.",
        "A joint note was published.",
    ],
)


def compared(old: Text, new: Text) -> Comparison:
    return Comparison(Side("old.txt", old), Side("new.txt", new), compare(old, new))


def test_a_reader_sees_the_number_the_negation_the_move_and_the_deletion() -> None:
    shown = compared(OLD, NEW)
    told = render(shown, "inline", Style(width=100))
    assert "[-forty-]{+fifty+}" in told
    assert "{+not+}" in told
    assert "[-The northern border remains closed.-]" in told
    assert "moved 1" in told
    assert "1 number" in summary(shown.change)
    assert "1 sentence moved" in summary(shown.change)


def test_equal_texts_are_calm_in_every_format() -> None:
    shown = compared(OLD, OLD)
    for form in ("inline", "side-by-side", "words", "markdown", "html"):
        assert "No differences." in render(shown, form, Style())
    assert render(shown, "unified", Style()) == render(shown, "delta", Style()) == ""
    assert render(shown, "stat", Style()) == "old.txt → new.txt | identical\n"
    assert json.loads(render(shown, "json", Style()))["severity"] is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*NASTY, "word. ", "\n\n"])), st.lists(st.sampled_from([*NASTY, "word. ", "\n\n"])))
def test_any_two_texts_render_harmlessly(old: list[str], new: list[str]) -> None:
    shown = compared(Text("".join(old)), Text("".join(new)))
    for form in FORMATS:
        told = render(shown, form, Style(width=60))
        assert form == "delta" or visible(told) == told
        told.encode()


@pytest.mark.corpus
def test_real_pairs_render_harmlessly_and_patch_takes_them(corpus: Path) -> None:
    pairs = sorted((corpus / "pairs").rglob("*.old.*"))[5::60]
    assert pairs
    for old in pairs:
        new = old.with_name(old.name.replace(".old.", ".new."))
        shown = compared(Text(old.read_text("utf-8")), Text(new.read_text("utf-8")))
        for form in FORMATS:
            told = render(shown, form, Style(width=100))
            assert form == "delta" or visible(told) == told, (old.name, form)
        if shutil.which("patch") and not shown.change.identical:
            assert patched(shown) == shown.new.text.text, old.name
