"""Watch → change → read, through the whole house and a real server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from monitor.demo.page import page
from tests.edges.origin import Origin
from tests.journeys.conftest import Program

FIRST = "A readout\n\n2026-03-01\n\nThe parties shall meet again in May.\n\nGrowth was 2.5 percent. All agreed on that point."


def test_a_quiet_edit_is_found_and_shown(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: readout, url: '{url}', select: '#article'}}")
    first = variorum("check", "--json").json
    assert [(one["outcome"], one["version"]) for one in first["results"]] == [("new", 1)]

    origin.edit("/a", page(FIRST, 2))
    assert variorum("check", "--json").json["results"][0]["outcome"] == "unchanged"

    origin.edit("/a", page(FIRST.replace("shall", "may"), 3))
    ran = variorum("check", "--exit-code")
    assert ran.code == 1
    assert "[-shall-]{+may+}" in ran.out
    assert "modality" in ran.out
    assert "silent" in ran.out

    shown = variorum("diff", "readout", "--json").json
    assert [edit["kinds"] for edit in shown["edits"]] == [["modality"]]
    assert shown["old"]["ref"] == "readout@1"
    assert shown["silent"] is True
    assert variorum("diff", "readout@1", "readout@2", "--json").json["silent"] is True
    assert variorum("diff", "readout@2", "readout@1", "--json").json["silent"] is False
    log = variorum("log", "readout", "--json").json
    assert [one["number"] for one in log["versions"]] == [2, 1]
    window = log["versions"][0]["window"]
    assert log["versions"][1]["last_seen"] == window["after"] < window["before"]
    assert "The parties may meet" in variorum("show", "readout").out
    assert "The parties shall meet" in variorum("show", "readout@first").out


def test_one_failing_source_never_stops_the_others(variorum: Program, origin: Origin) -> None:
    good = origin.page("/good", page(FIRST, 1))
    broken = origin.page("/broken", "no", status=500)
    nothing = origin.page("/nothing", "<html><body><div>other</div></body></html>")
    variorum.watch(
        f"{{id: broken, url: '{broken}'}}",
        f"{{id: nothing, url: '{nothing}', select: '#article'}}",
        f"{{id: good, url: '{good}', select: '#article'}}",
        "{id: nowhere, url: 'http://127.0.0.1:9/'}",
    )
    ran = variorum("check")
    assert ran.code == 3
    lines = [line for line in ran.out.splitlines() if line[:1].isalpha()]
    assert {line.split()[1].split("@")[0].rstrip(":"): line.split()[0] for line in lines[:4]} == {
        "broken": "failed", "nothing": "failed", "good": "new", "nowhere": "failed",
    }  # fmt: skip
    status = {one["id"]: one for one in variorum("status", "--json").json["sources"]}
    assert status["good"]["versions"] == 1
    assert status["broken"]["versions"] == 0
    assert "500" in status["broken"]["last_error"]


def test_errors_and_collapsed_texts_never_become_versions(variorum: Program, origin: Origin) -> None:
    long = FIRST + "\n\n" + " ".join(f"Sentence number {number} of the statement." for number in range(60))
    url = origin.page("/a", page(long, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', confirm: {{after: 1h, times: 1}}}}")
    assert variorum("check").code == 0
    for wrong in (
        page("A readout\n\n2026-03-01\n\nShort.", 2),
        "<div id=article><p>Please verify you are human to go on.</p></div>",
        "<div id=article></div>",
    ):
        origin.edit("/a", wrong)
        assert variorum("check").code == 3
    origin.remove("/a", 404)
    assert variorum("check").code == 3
    assert len(variorum("log", "one", "--json").json["versions"]) == 1


def test_a_page_that_goes_and_comes_back_is_told_once_each(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', confirm: {{after: 0s, times: 1}}}}")
    variorum("check")
    origin.remove("/a", 404)
    outcomes = [variorum("check", "--json").json["results"][0]["outcome"] for _ in range(3)]
    assert outcomes == ["failed", "gone", "gone"]
    origin.page("/a", page(FIRST, 2))
    assert variorum("check", "--json").json["results"][0]["outcome"] == "unchanged"
    events = [one["kind"] for one in variorum("log", "one", "--events", "--json").json["events"]]
    assert events == ["returned", "gone", "new"]


def test_a_return_to_the_first_wording_is_a_version_and_said(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    variorum("check")
    origin.edit("/a", page(FIRST.replace("2.5", "3"), 2))
    variorum("check")
    origin.edit("/a", page(FIRST, 3))
    variorum("check")
    log = variorum("log", "one", "--events", "--json").json
    assert [one["number"] for one in log["versions"]] == [3, 2, 1]
    assert log["versions"][0]["sha256"] == log["versions"][2]["sha256"]
    assert "reverted" in [one["kind"] for one in log["events"]]


def test_our_own_change_of_selector_is_a_reread_and_no_alert(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    variorum("check")
    variorum.watch(f"{{id: one, url: '{url}', select: 'main'}}")
    assert variorum("check", "--exit-code").code == 0
    log = variorum("log", "one", "--json").json["versions"]
    assert [one["reread"] for one in log] == [True, False]


def test_validators_are_sent_and_a_304_is_no_version(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1), etag='"one"')
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    variorum("check")
    assert variorum("check", "--json").json["results"][0]["outcome"] == "not-modified"


def test_the_first_version_is_compared_with_the_baseline(variorum: Program, origin: Origin, seed: Path) -> None:
    words = seed.read_text("utf-8").replace("dramatic", "drastic")
    url = origin.page("/a", page(words, 1))
    variorum.write("seeds/base.txt", seed.read_bytes())
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', baseline: seeds/base.txt}}")
    variorum("check")
    for asked in (("diff", "one"), ("diff", "one@baseline", "one"), ("diff", "one@baseline")):
        shown = variorum(*asked, "--format", "json").json
        assert [edit["new"]["text"] for edit in shown["edits"]] == ["drastic"]


def test_a_disabled_source_is_looked_at_only_when_it_is_named(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', enabled: false}}")
    assert variorum("check", "--json").json["checked"] == 0
    assert variorum("check", "one", "--json").json["results"][0]["outcome"] == "new"


def test_the_daemon_checks_what_is_due_and_stops_cleanly(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article', every: 1s}}")
    command = [sys.executable, "-m", "monitor", "-v", "daemon"]
    daemon = subprocess.Popen(command, cwd=variorum.folder, stderr=subprocess.PIPE, text=True)
    try:
        origin.wait_for_request()
        origin.edit("/a", page(FIRST.replace("shall", "may"), 2))
        assert daemon.stderr is not None
        for line in daemon.stderr:
            if "changed, version 2" in line:
                break
    finally:
        daemon.send_signal(signal.SIGTERM)
        started = time.monotonic()
        _, rest = daemon.communicate(timeout=20)
    assert daemon.returncode == 0
    assert time.monotonic() - started < 12
    assert "Traceback" not in rest
    assert "stopped" in rest
    assert [one["number"] for one in variorum("log", "one", "--json").json["versions"]] == [2, 1]


def test_the_demo_tells_the_whole_story(variorum: Program) -> None:
    ran = variorum.process("demo", "--pace", "0", env={"COLUMNS": "100"})
    assert (ran.code, ran.err) == (0, "")
    for told in (
        "[-dramatic-]{+drastic+}",
        "[-second-]{+third+}",
        "moved",
        "typography",
        "gone",
        "reverted",
        "baseline",
    ):
        assert told in ran.out, told
    commands = [
        line.split("--config", 1)[1] for line in ran.out.splitlines() if line.startswith("  ") and "--config" in line
    ]
    assert len(commands) >= 4
    for command in commands:
        again = variorum("--config", *command.split())
        assert again.code == 0, again.err
        assert again.out.strip()
    assert variorum("demo", "--pace", "0").code == 0, "a second run makes room for itself"


def test_add_shows_what_it_read_and_appends_it(variorum: Program, origin: Origin) -> None:
    url = origin.page("/eng/statement.html", page(FIRST, 1))
    assert variorum("init").code == 0
    ran = variorum(
        "add", url, "--selector", "#article", "--every", "5m", "--tag", "desk", "--allow-private", "127.0.0.0/8"
    )
    assert ran.code == 0, ran.err
    assert "The parties shall meet again" in ran.out
    sources = {one["url"]: one for one in variorum("sources", "--json").json["sources"]}
    assert sources[url]["tags"] == ["desk"]
    assert variorum("check", sources[url]["id"]).code == 0
    assert "#" in (variorum.folder / "config.yaml").read_text("utf-8"), "the comments must stay"


def test_read_stores_nothing(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    shown = variorum("read", url, "--allow-private", "127.0.0.0/8", "--json").json
    assert shown["title"] == "A readout"
    assert shown["published"] == "2026-03-01"
    assert shown["paragraphs"][0] == "The parties shall meet again in May."
    assert {"text", "sha256", "encoding", "select", "reader", "notes", "published_at"} <= set(shown)
    assert list(variorum.folder.iterdir()) == []


def test_a_private_address_is_refused_unless_it_is_allowed(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    ran = variorum("read", url)
    assert ran.code == 3
    assert "allow_private" in ran.err
    assert ran.out == ""
    assert list(variorum.folder.iterdir()) == []
