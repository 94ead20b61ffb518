"""Every renderer on every case, against files that a person has read.

``pytest tests/core/render --golden-update`` rewrites them; the differences are for review.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.render import FORMATS, Style, render
from tests.core.render.cases import CASES

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ENDINGS = {"html": "html", "json": "json", "markdown": "md", "unified": "diff"}


def check(name: str, shown: str, update: bool) -> None:
    path = GOLDEN / name
    if update:
        path.write_bytes(shown.encode())
    assert path.exists(), f"no golden file {name}: run pytest with --golden-update and read what it wrote"
    assert shown.encode() == path.read_bytes()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_a_rendering_is_the_one_that_was_reviewed(case: str, form: str, request: pytest.FixtureRequest) -> None:
    shown = render(CASES[case](), form, Style(width=100 if form == "side-by-side" else 80))
    if form == "html":
        # The page's style and script are not the subject here, and their hashes change with every touch.
        shown = re.sub(r"(<(style|script)>).*?(</\2>)", r"\1…\3", shown, flags=re.DOTALL)
        shown = re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-…", shown)
    update = bool(request.config.getoption("golden_update"))
    check(f"{case}.{form}.{ENDINGS.get(form, 'txt')}", shown, update)


@pytest.mark.parametrize(
    ("name", "case", "form", "style"),
    [
        ("readout.inline-color.txt", "readout", "inline", Style(color=True)),
        ("readout.inline-narrow.txt", "readout", "inline", Style(width=40)),
        ("readout.inline-explain.txt", "readout", "inline", Style(explain=True)),
        ("readout.inline-no-cosmetic.txt", "readout", "inline", Style(ignore_cosmetic=True, context=0)),
        ("moved-and-split.side-by-side-color.txt", "moved-and-split", "side-by-side", Style(width=120, color=True)),
        ("chinese.inline-narrow.txt", "chinese", "inline", Style(width=40)),
    ],
)
def test_a_style_is_the_one_that_was_reviewed(
    name: str, case: str, form: str, style: Style, request: pytest.FixtureRequest
) -> None:
    shown = render(CASES[case](), form, style).replace("\x1b", "␛")
    check(name, shown, bool(request.config.getoption("golden_update")))
