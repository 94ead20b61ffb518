"""A listing from the command line: tried, watched, shown."""

from __future__ import annotations

from tests.edges.origin import Origin
from tests.journeys.conftest import Program

PAGE = (
    "<article><h1>{0}</h1><p>2026-03-0{1}</p><p>The parties shall meet again in May, said both of them.</p></article>"
)


def test_what_an_index_names_is_tried_watched_and_shown(variorum: Program, origin: Origin) -> None:
    rows = ""
    for number in (3, 2, 1):
        origin.page(f"/s{number}", PAGE.format(f"Readout {number}", number))
        rows += f"<li>2026-03-0{number} <a href=/s{number}>Readout {number}</a></li>"
    url = origin.page("/news", f"<nav><a href=/>Home</a></nav><ul>{rows}</ul>")

    tried = variorum("read", url, "--listing", "index", "--follow", "li a", "--allow-private", "127.0.0.0/8", "--json")
    assert [one["id"] for one in tried.json["items"]] == [f"2026-03-0{number}-readout-{number}" for number in (3, 2, 1)]

    seed = variorum.write("base.txt", "Readout\n\nThe parties should meet.")
    entry = f"{{id: news, index: '{url}', follow: 'li a', series: calls, select: article, baseline: {seed.name}}}"
    variorum.write(
        "config.yaml", f"defaults: {{allow_private: [127.0.0.0/8], robots: false}}\nlistings:\n  - {entry}\n"
    )
    assert variorum("config", "check").err == ""
    assert "news" in variorum("sources").out
    ran = variorum("check")
    assert ran.code == 0
    assert "new         news: 3 found" in ran.out
    assert "4 checked: 4 new" in ran.out
    sources = variorum("sources", "--json").json["sources"]
    assert [one["found_by"] for one in sources] == [None, "news", "news", "news"]
    assert "2026-03-03-readout-3" in variorum("log", "calls").out
    assert "should" in variorum("diff", "2026-03-03-readout-3@baseline", "2026-03-03-readout-3").out

    origin.edit("/news", f"<ul>{rows.replace('<a href=/s2>', '')}</ul>")
    assert "no longer listed: 2026-03-02-readout-2" in variorum("check", "news").out
    assert "2026-03-02-readout-2: no longer listed by news, noticed" in variorum("status").out
    status = {one["id"]: one["found"] for one in variorum("status", "news", "--json").json["sources"]}
    assert len(status) == 4
    assert status["2026-03-02-readout-2"]["missing_since"]
