"""Real pages, served on loopback, checked, quietly changed, checked again and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edges.origin import Origin
from tests.journeys.conftest import Program

pytestmark = pytest.mark.corpus

PAGES = [
    # page, selector (None: found by itself), what is written over what inside the statement, expected kind
    ("federalreserve/2012-03-13.html", None, "moderately", "briskly", "wording"),
    ("kremlin-en/54330.html", "div.entry-content", "agreed", "arranged", "wording"),
    ("fmprc/2020-01-17-1733554.html", "#News_Body_Txt_A", "两个小时", "三个小时", "number"),
    ("cctv/2022-02-25-01.shtml", "div.cnt_bd", "合理安全关切", "正当安全关切", "wording"),
]


@pytest.mark.parametrize(("name", "selector", "said", "put", "kind"), PAGES, ids=[page[0] for page in PAGES])
def test_a_word_changed_in_a_real_page_is_the_only_edit(
    corpus: Path, variorum: Program, origin: Origin, name: str, selector: str | None, said: str, put: str, kind: str
) -> None:
    body = (corpus / "html" / name).read_bytes()
    encoding = "utf-8" if said.encode("utf-8") in body else "gb18030"
    assert body.count(said.encode(encoding)) >= 1
    url = origin.page("/statement", body, kind="text/html")
    select = f", select: '{selector}'" if selector else ""
    variorum.watch(f"{{id: real, url: '{url}'{select}}}")
    assert variorum("check", "--json").json["results"][0]["outcome"] == "new"
    assert variorum("check", "--json").json["results"][0]["outcome"] == "unchanged"
    origin.edit("/statement", body.replace(said.encode(encoding), put.encode(encoding)))
    assert variorum("check", "--json").json["results"][0]["outcome"] == "changed"
    edits = variorum("diff", "real", "--json").json["edits"]
    assert edits
    assert all(kind in edit["kinds"] for edit in edits)
    assert all(put[0] in edit["new"]["text"] or put in edit["sentence_new"] for edit in edits)
