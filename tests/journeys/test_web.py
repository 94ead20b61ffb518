"""The reading room as a web page and as files: what it shows, to whom, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from monitor.config import load
from monitor.web.app import application, require_safe
from storage.archive import Archive
from storage.errors import ConfigError
from tests.journeys.conftest import Program

HOSTILE = "<script>alert(1)</script> javascript:alert(2) \u202egnp.exe stands here today."


@pytest.fixture
def desk(variorum: Program) -> Program:
    variorum.write("kept/2024-01-01.txt", f"Readout\n\nThe two sides exchanged views on the dispute.\n\n{HOSTILE}\n")
    variorum.write("kept/2024-02-01.txt", f"Readout\n\nThe two sides exchanged views on the crisis.\n\n{HOSTILE}\n")
    variorum.write("config.yaml", "sources: []\n")
    assert variorum("import", "folder", "kept", "--source", "desk").code == 0
    return variorum


def asked(desk: Program, path: str, headers: dict[str, str] | None = None, **guard: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        settings = load(desk.folder / "config.yaml", {})
        with Archive.open(settings.database, create=False, readonly=True) as archive:
            transport = httpx.ASGITransport(app=application(settings, archive, **guard))
            async with httpx.AsyncClient(transport=transport, base_url="http://room") as client:
                return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_a_change_has_its_own_address_and_marks_the_words(desk: Program) -> None:
    page = asked(desk, "/s/desk/1-2.html").text
    assert re.search(r"<del[^>]*>dispute</del>", page)
    assert re.search(r"<ins[^>]*>crisis</ins>", page)


@pytest.mark.parametrize(
    "path", ["/index.html", "/status.html", "/search?q=stands", "/s/desk/index.html", "/s/desk/2.html", "/s/desk/1-2.html",
             "/s/desk/1-2.html?view=beside&cosmetic=hidden", "/search?q=%3Cscript%3Ealert(1)%E2%80%AE"]
)  # fmt: skip
def test_hostile_text_stays_text_on_every_page(desk: Program, path: str) -> None:
    answer = asked(desk, path)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    assert not re.search(r'href="javascript:', answer.text)
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_an_unchanged_page_is_not_sent_again(desk: Program) -> None:
    tag = asked(desk, "/s/desk/2.html").headers["etag"]
    assert asked(desk, "/s/desk/2.html", {"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("path", ["/s/nobody/index.html", "/s/desk/9.html", "/s/desk/1-9.html", "/static/x"])
def test_what_is_not_there_is_not_found(desk: Program, path: str) -> None:
    assert asked(desk, path).status_code == 404


def test_a_token_is_asked_for_and_a_wrong_one_refused(desk: Program) -> None:
    assert asked(desk, "/index.html", token="s3").status_code == 401
    assert asked(desk, "/index.html", {"Authorization": "Bearer s4"}, token="s3").status_code == 401
    assert asked(desk, "/index.html", {"Authorization": "Bearer s3"}, token="s3").status_code == 200
    assert asked(desk, "/index.html", trust_header="X-User").status_code == 401
    assert asked(desk, "/index.html", {"X-User": "ada"}, trust_header="X-User").status_code == 200


def test_it_does_not_listen_publicly_without_a_token() -> None:
    with pytest.raises(ConfigError):
        require_safe("0.0.0.0", None, None)
    require_safe("0.0.0.0", "s3", None)
    require_safe("127.0.0.1", None, None)


def test_every_link_of_the_report_leads_to_a_file(desk: Program) -> None:
    assert desk("report", "--out", "site").code == 0
    site = desk.folder / "site"
    pages = list(site.rglob("*.html"))
    assert len(pages) == 6
    for page in pages:
        for link in re.findall(r'(?:href|src)="([^"#:]+)"', page.read_text("utf-8")):
            assert Path(page.parent, link).is_file(), (page, link)


def test_the_grid_tells_where_a_set_phrase_stands(desk: Program) -> None:
    desk.write("config.yaml", "sources: []\nphrases: [{id: dispute, variants: [views on the dispute]}]\n")
    page = asked(desk, "/s/desk/index.html").text
    assert page.index('<td class="present">') > page.index('<td class="') > 0
    assert page.count('<td class="present">') == 1
