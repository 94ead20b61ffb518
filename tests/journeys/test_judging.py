"""Pages that are not what they were: told rightly and once, through the whole house and a real server."""

from __future__ import annotations

from monitor.demo.page import page
from tests.edges.origin import Origin
from tests.journeys.conftest import Program

FIRST = "A readout\n\n2026-03-01\n\nThe parties shall meet again in May.\n\nGrowth was 2.5 percent. All agreed on that point."
SECOND = FIRST.replace("shall", "may")


def events(variorum: Program) -> list[str]:
    return [one["kind"] for one in variorum("log", "one", "--events", "--json").json["events"]][::-1]


def test_two_wordings_served_in_turn_are_told_so_once(variorum: Program, origin: Origin) -> None:
    url = origin.alternate("/a", page(FIRST, 1), page(SECOND, 2))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    for _ in range(7):
        assert variorum("check").code == 0
    assert events(variorum) == ["new", "changed", "changed", "reverted", "reverted"]
    assert "back and forth" in variorum("log", "one", "--events").out


def test_a_page_that_moves_for_good_keeps_its_history(variorum: Program, origin: Origin) -> None:
    url = origin.page("/old", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    variorum("check")
    new = origin.page("/new", page(FIRST, 2))
    origin.redirect("/old", new, 301)
    assert variorum("check", "--json").json["results"][0]["outcome"] == "unchanged"
    origin.edit("/new", page(SECOND, 3))
    variorum("check")
    assert events(variorum) == ["new", "moved", "changed"]
    assert [one["number"] for one in variorum("log", "one", "--json").json["versions"]] == [2, 1]


def test_a_statement_whose_address_leads_home_is_gone_and_comes_back(variorum: Program, origin: Origin) -> None:
    url = origin.page("/news/1", page(FIRST, 1))
    home = origin.page("/", page("The ministry\n\nWelcome to the ministry, its news, its people and its services.", 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', confirm: {{after: 0s, times: 1}}}}")
    variorum("check")
    origin.redirect("/news/1", home)
    outcomes = [variorum("check", "--json").json["results"][0]["outcome"] for _ in range(3)]
    assert outcomes == ["suspect", "gone", "gone"]
    origin.page("/news/1", page(FIRST, 2))
    variorum("check")
    assert events(variorum) == ["new", "gone", "returned"]
    assert len(variorum("log", "one", "--json").json["versions"]) == 1


def test_a_soft_404_is_kept_as_evidence_and_never_a_version(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', confirm: {{after: 0s, times: 1}}}}")
    variorum("check")
    origin.edit("/a", page("Page not found\n\nThe page you are looking for has been removed.", 2))
    for _ in range(3):
        assert variorum("check").code == 3
    origin.edit("/a", page(FIRST, 3))
    assert variorum("check").code == 0
    assert events(variorum) == ["new", "failing", "recovered"]
    assert len(variorum("log", "one", "--json").json["versions"]) == 1
