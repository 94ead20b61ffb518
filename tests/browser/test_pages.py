"""The pages in a real browser: what they look like, who can use them, and that hostile text stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SCREENS, Room

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.corpus]

LONG = "the-office-of-the-spokesperson-" + 49 * "x"
SERVED = {
    "overview": "/index.html",
    "sources": "/sources.html",
    "status": "/status.html",
    "search": "/search?q=considerable+period",
    "source": "/s/xi-putin-call/index.html",
    "version": "/s/xi-putin-call/4.html",
    "change": "/s/xi-putin-call/1-4.html",
    "change-beside": "/s/xi-putin-call/1-4.beside.html",
    "change-cosmetic": "/s/xi-putin-call/5-6.html",
    "change-baseline": "/s/xi-putin-call/baseline-4.html",
    "series": "/s/fomc/index.html",
    "series-change": "/s/fomc/fomc-2014-12-17@1,fomc-2015-01-28@1.html",
    "series-beside": "/s/fomc/fomc-2014-12-17@1,fomc-2015-01-28@1.beside.html",
    "series-blame": "/s/fomc/fomc-2015-01-28@1.html",
    "hostile": "/s/hostile/index.html",
    "hostile-change": "/s/hostile/1-2.html",
    "hostile-beside": "/s/hostile/1-2.beside.html",
    "hostile-version": "/s/hostile/3.html",
    "hostile-search": "/search?q=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE",
    "right-to-left": f"/s/{LONG}/index.html",
    "right-to-left-change": f"/s/{LONG}/1-2.html",
    "right-to-left-beside": f"/s/{LONG}/1-2.beside.html",
    "right-to-left-version": f"/s/{LONG}/2.html",
    "no-version-yet": "/s/not-yet/index.html",
    "search-empty": "/search",
    "missing": "/s/nobody/index.html",
}
LOOKS = {"light": (1200, 900, "light"), "dark": (1200, 900, "dark"), "phone": (360, 740, "light")}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_fits_and_has_no_serious_fault_for_axe(browser: Browser, room: Room, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    width, height, scheme = LOOKS[look]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, axe, faults = context.new_page(), Axe(), []
    SCREENS.mkdir(parents=True, exist_ok=True)
    for name, path in SERVED.items():
        page.goto(room.address + path)
        page.screenshot(path=SCREENS / f"{name}.{look}.png", full_page=name not in ("series", "series-blame", "search"))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            faults.append(f"{name}: wider than the screen")
        for one in axe.run(page).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                faults += [
                    f"{name}: {one['id']}: {node['html'][:160]} {node['failureSummary']}" for node in one["nodes"][:2]
                ]
    context.close()
    assert faults == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
@pytest.mark.parametrize(
    "name", [name for name in SERVED if name.startswith("hostile") or name in ("overview", "status")]
)
def test_hostile_text_is_text(browser: Browser, room: Room, name: str, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(room.address + SERVED[name])
    page.wait_for_load_state("load")
    assert said == []
    assert "owned" not in page.title()
    assert all(one.startswith(room.address) for one in asked)
    html = page.content()
    assert not re.search(r"(?:href|src|action)=[\"']?\s*(?:javascript|data):", html, re.IGNORECASE)
    assert not any(char in html for char in "\x1b\x07\u202e\u2066\ufeff\u200b")
    if name in ("hostile-change", "hostile-version"):
        words = page.inner_text("main")
        assert "<script>document.title = 'owned'</script>" in words
        assert "<img src=x onerror=\"document.title='owned'\"> {{ 7*7 }} ${7*7}" in words
        assert "␛]0;owned␇␛[31mred ⟨U+202E⟩gnp.exe" in words
    context.close()


def test_right_to_left_text_begins_at_the_right(page: Page, room: Room) -> None:
    page.goto(room.address + SERVED["right-to-left-change"])
    told = page.locator(".statement p.changed")
    assert told.evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert page.locator(".statement .tags").first.evaluate("one => getComputedStyle(one).textAlign") == "right"


def test_keys_and_buttons_lead_from_change_to_change(page: Page, room: Room) -> None:
    page.goto(room.address + SERVED["series-change"])
    count = page.locator("[data-change]").count()
    assert count > 3
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "change-1"
    page.get_by_role("button", name="Next change").click()
    assert page.evaluate("document.activeElement.id") == "change-2"
    assert page.inner_text(".place") == f"2 / {count}"
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.inner_text(".place") == f"{count} / {count}"


def test_cosmetic_changes_are_hidden_without_a_script(browser: Browser, room: Room) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(room.address + SERVED["change-cosmetic"])
    before = page.inner_text(".statement")
    assert page.locator(".statement del.cosmetic").first.is_visible()
    page.get_by_label("cosmetic").uncheck()
    assert not page.locator(".statement del.cosmetic").first.is_visible()
    assert len(page.inner_text(".statement")) < len(before)
    context.close()


def test_any_two_versions_are_chosen_in_a_form(page: Page, room: Room) -> None:
    page.goto(room.address + SERVED["source"])
    page.get_by_role("spinbutton", name="From").fill("2")
    page.get_by_role("spinbutton", name="to").fill("5")
    page.get_by_role("button", name="Compare").click()
    assert page.url.endswith("/s/xi-putin-call/2-5.html")
    page.goto(room.address + SERVED["series"])
    page.get_by_role("combobox", name="From").select_option("fomc-2001-01-31@1")
    page.get_by_role("button", name="Compare").click()
    assert "/s/fomc/fomc-2001-01-31@1," in page.url


def test_the_keyboard_alone_gets_everywhere(page: Page, room: Room) -> None:
    page.goto(room.address + SERVED["overview"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.keyboard.press("Enter")
    page.wait_for_url("**/s/**")


def test_the_report_works_from_a_folder_with_its_style_and_script(page: Page, room: Room) -> None:
    page.goto((room.files / "index.html").as_uri())
    assert page.evaluate("getComputedStyle(document.querySelector('.bar')).borderBottomStyle") == "solid"
    page.goto((room.files / "s" / "xi-putin-call" / "1-2.html").as_uri())
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.id") == "change-1"
    page.get_by_role("button", name="Side by side").click()
    assert page.locator(".sides tr.changed").count() == 1
    assert page.locator(".sides td:first-child ins, .sides td + td del").count() == 0
    assert not page.locator(".statement").is_visible()
    page.get_by_role("link", name="Variorum").click()
    assert page.url == (room.files / "index.html").as_uri()


def test_it_prints_on_white_without_its_controls(browser: Browser, room: Room) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(room.address + SERVED["change"])
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".bar").is_visible()
    assert not page.locator(".choices").is_visible()
    page.pdf(path=SCREENS / "change.pdf") if SCREENS.is_dir() else None
    context.close()


def test_another_name_for_this_machine_reads_nothing(browser: Browser, room: Room) -> None:
    """DNS rebinding: a page of somebody else's whose name was made to point here."""
    context = browser.new_context()
    port = room.address.rpartition(":")[2]
    answer = context.request.get(f"http://127.0.0.1:{port}/index.html", headers={"Host": f"evil.example:{port}"})
    assert answer.status == 421
    context.close()
