"""Real pages: what the reader makes of them, beside texts made independently."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import reading as bench
from monitor.read import ReadRules, read
from monitor.read.plain import parse

pytestmark = pytest.mark.corpus


def test_every_fed_page_says_what_the_statement_of_that_date_says(corpus: Path) -> None:
    for file in sorted((corpus / "html" / "federalreserve").glob("*.html")):
        found = read(file.read_bytes(), ReadRules())
        truth = parse((corpus / "series" / "fomc-statements" / f"{file.stem}.txt").read_text("utf-8")).text
        assert bench.scores("\n".join(found.text.paragraphs), truth)[2] > 0.98, file.name
        assert (found.text.title or "").endswith("FOMC statement")
        assert found.published_at is not None
        assert found.published_at.date().isoformat() == file.stem


def test_kremlin_pages_have_title_time_lead_and_no_glossary(corpus: Path) -> None:
    for file in sorted((corpus / "html" / "kremlin-en").glob("?????.html")):
        found = read(file.read_bytes(), ReadRules()).text
        assert (found.title or "").startswith("Telephone conversation with "), file.name
        assert found.published
        assert found.published[-3] == ":"
        assert "telephone conversation with" in found.paragraphs[0]
        assert not [one for one in found.paragraphs if "Publication status" in one or "TayyipPresident" in one]


def test_a_page_and_its_print_view_say_the_same(corpus: Path) -> None:
    for file in sorted((corpus / "html" / "kremlin-en").glob("*.print.html")):
        page = file.with_name(file.name.replace(".print", ""))
        assert read(file.read_bytes(), ReadRules()).text == read(page.read_bytes(), ReadRules()).text


def test_chinese_pages_have_title_date_and_text(corpus: Path) -> None:
    for file in sorted((corpus / "html" / "fmprc").glob("*.html")):
        found = read(file.read_bytes(), ReadRules())
        assert found.select == "#News_Body_Txt_A"
        assert found.text.published == file.name[:10]
        assert found.text.title
    call = read((corpus / "html" / "cctv" / "2022-02-25-01.shtml").read_bytes(), ReadRules()).text
    kin = parse((corpus / "series" / "zh-leader-calls" / "2022-02-25-01.md").read_text("utf-8"))
    assert call.paragraphs == kin.paragraphs[:5]
    assert call.title == f"[视频]{kin.title}"


def test_the_main_text_is_found_as_well_as_was_measured(corpus: Path) -> None:
    """A floor under `bench reading`: 0.999 and 0.976 when this was written."""
    found: dict[str, list[float]] = {"statement": [], "general": []}
    for page in bench.pages(corpus):
        if page.group == "statement" or len(page.body) < 80_000:
            text = read(page.body, ReadRules()).text
            found[page.group].append(bench.scores("\n".join(text.paragraphs), page.truth)[2])
    assert sum(found["statement"]) / len(found["statement"]) > 0.99
    assert sum(found["general"]) / len(found["general"]) > 0.96


def test_furniture_alters_no_fed_page(corpus: Path) -> None:
    from monitor.read.html import elements
    from monitor.read.html import parse as tree

    file = corpus / "html" / "federalreserve" / "2011-01-26.html"
    root = tree(file.read_text("utf-8"), [])
    before = bench.automatic(bench.lxml.etree.tostring(root, method="html", encoding="utf-8"))
    for name, change in bench.OUTSIDE.items():
        changed = tree(file.read_text("utf-8"), [])
        change(changed.find("body"), elements("#article > div:nth-of-type(3)", changed)[0])
        after = bench.automatic(bench.lxml.etree.tostring(changed, method="html", encoding="utf-8"))
        assert after[0] == before[0], name
