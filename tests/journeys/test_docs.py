"""The documents are true: made pages are what the program says, links lead somewhere, examples are what it takes."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_pages_made_from_the_program_are_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "reference.py"))["pages"]()
    stale = [path for path, text in made.items() if (ROOT / "docs" / path).read_text("utf-8") != text]
    assert not stale, "write them anew with `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, place = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} links to {target}"
        if place:
            anchors = {anchor(one) for one in HEADING.findall(found.read_text("utf-8"))}
            assert place in anchors, f"{document.name} links to {target}"


def anchor(heading: str) -> str:
    """The name that forges give a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
