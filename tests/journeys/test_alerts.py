"""Alerts as an operator meets them: what is configured wrongly, `check` that sends, list, test, retry, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from storage.errors import ConfigError, DeliveryError
from tests.edges.boxes import FIRST, Post, publish, watch
from tests.journeys.conftest import Program
from tests.journeys.test_web import asked

SECOND = FIRST.replace("shall", "should")


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    """Channels in memory, where those of the configuration are opened."""
    post = Post()
    module = ModuleType("monitor.alerts.channels")
    module.open_channel = post.open  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "monitor.alerts.channels", module)
    return post


@pytest.fixture
def looked(variorum: Program, post: Post) -> Program:
    """A page that was looked at once, and changed since."""
    watch(variorum.folder, "{to: [desk]}")
    publish(variorum.folder, FIRST)
    assert variorum("check").code == 0
    publish(variorum.folder, SECOND)
    return variorum


def test_a_check_sends_what_is_due_unless_it_is_held_back(looked: Program, post: Post) -> None:
    assert looked("check", "--no-alerts").code == 0
    assert post.boxes == {}
    ran = looked("alerts")
    assert "desk: 1 held" in ran.out
    assert "a@2 changed" in ran.out
    ran = looked("check")
    assert (ran.code, "1 alert sent" in ran.err) == (0, True)
    assert [one.event.version for one in post["desk"].letters[0].notices] == [2]
    assert "1 alert sent" not in looked("check").err
    assert "sent     desk  a@2 changed, major" in looked("alerts", "list").out


def test_a_dead_letter_is_listed_told_by_the_doctor_and_sent_again(looked: Program, post: Post) -> None:
    post["desk"].moods = [DeliveryError("550 no such \x1b[31muser", final=True)]
    ran = looked("check")
    assert ran.code == 0
    assert "desk: not sent: 550" in ran.err
    assert "a dead letter" in ran.err
    found = looked("doctor", "--offline", "--json").json["findings"]
    assert [one["said"] for one in found if one["what"] == "channel desk"] == [
        "1 dead letter (`variorum alerts list --dead`)"
    ]
    shown = looked("alerts", "list", "--dead")
    assert "after 1 attempt: 550 no such ␛[31muser" in shown.out
    (letter,) = looked("alerts", "list", "--dead", "--json").json["letters"]
    assert (letter["state"], letter["attempts"], letter["alerts"][0]["event"]) == ("dead", 1, "changed")
    assert letter["alerts"][0]["chain"] == looked("log", "a", "--json").json["versions"][0]["chain"]
    ran = looked("alerts", "retry", "zz")
    assert (ran.code, "zz: no dead letter and no channel of that name" in ran.err) == (2, True)
    assert looked("alerts", "retry").code == 2
    post["desk"].moods = [DeliveryError("451 later")]
    ran = looked("alerts", "retry", letter["id"][:9])
    assert (ran.code, ran.out) == (3, "0 of 1 sent\n")
    assert "451 later" in ran.err
    assert looked("alerts", "retry", "--all").out == "nothing to send again\n"
    assert looked("alerts", "list", "--dead").out == "desk: 1 waiting\n"
    assert [one.id for one in post["desk"].asked] == [letter["id"]] * 2


def test_the_status_page_tells_what_became_of_the_letters(looked: Program, post: Post) -> None:
    assert "Nothing was sent yet." in asked(looked, "/status.html").text
    post["desk"].moods = [DeliveryError("550 <no>", final=True)]
    looked("check")
    page = asked(looked, "/status.html").text
    assert '<strong class="level major">dead</strong>' in page
    assert "550 &lt;no&gt;" in page
    assert '<a href="./s/a/index.html">a</a>' in page
    assert looked("alerts", "retry", "--all").code == 0
    page = asked(looked, "/status.html").text
    assert '<td data-label="State">sent</td>' in page
    assert "550" not in page


def test_a_stopped_channel_is_told_and_started_again(looked: Program, post: Post) -> None:
    post["desk"].moods = [DeliveryError("410 Gone", final=True, stops_channel=True)]
    looked("check")
    ran = looked("alerts", "list")
    assert "desk: stopped " in ran.out
    assert "410 Gone (`variorum alerts retry desk`), 1 dead" in ran.out
    assert looked("alerts", "list", "--json").json["channels"][0]["stopped_why"] == "410 Gone"
    assert "BAD   channel desk: stopped since" in looked("doctor", "--offline").out
    assert looked("alerts", "retry", "desk").out == "1 of 1 sent\n"
    assert looked("alerts", "list", "--json").json["channels"][0]["stopped_at"] is None
    assert "channel desk" not in looked("doctor", "--offline").out


def test_a_channel_is_tried_with_a_real_sample(looked: Program, post: Post) -> None:
    ran = looked("alerts", "test", "desk")
    assert (ran.code, ran.out) == (0, "desk: the sample was sent\n")
    (letter,) = post["desk"].letters
    (notice,) = letter.notices
    assert notice.test
    assert notice.comparison is not None
    assert {kind.value for edit in notice.comparison.change.edits for kind in edit.kinds} >= {"modality", "number"}
    assert post["desk"].closed
    post["desk"].moods = [DeliveryError("no route", hint="Is it there?"), ConfigError("channels.desk: no such file")]
    ran = looked("alerts", "test", "desk")
    assert (ran.code, ran.err) == (3, "error: desk: not sent: no route\nhint: Is it there?\n")
    assert looked("alerts", "test", "desk").code == 2
    ran = looked("alerts", "test", "dsk")
    assert (ran.code, ran.err) == (
        2,
        "error: dsk: no channel of that name in config.yaml\nhint: Did you mean 'desk'?\n",
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{to: [dsk]}", "config.yaml:5: alerts[0].to: there is no channel 'dsk'\nhint: Did you mean 'desk'?"),
        ("{when: {series: [t]}, to: [desk]}", "config.yaml:5: alerts[0].when.series: there is no series 't'"),
        ("{when: {sources: [b]}, to: [desk]}", "config.yaml:5: alerts[0].when.sources: there is no source 'b'"),
        ("{when: {phrases: [x]}, to: [desk]}", "config.yaml:5: alerts[0].when.phrases: there is no phrase 'x'"),
        ("{when: {phrases: {going: [x]}}, to: [desk]}", "config.yaml:5: alerts[0].when.phrases.going: unknown key"),
        ("{when: {events: [drift]}, to: [desk]}", "alerts[0].when.events: 'drift' is never judged"),
        ("{when: {drift: 20}, to: [desk]}", "alerts[0].when.drift: expected a distance between 0 and 1"),
        ("{when: {quiet: {after: soon}}, to: [desk]}", "alerts[0].when.quiet.after: expected a duration such as 15m"),
        ("{when: {quiet: 30}, to: [desk]}", "alerts[0].when.quiet: expected a duration such as 15m, got 30"),
    ],
)
def test_a_wrong_rule_names_file_line_and_key(variorum: Program, wrong: str, told: str) -> None:
    watch(variorum.folder, wrong)
    ran = variorum("config", "check")
    assert ran.code == 2
    assert told in ran.err


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("digest: weekly", "channels.desk.digest: expected none, hourly, daily or a time such as 'daily 08:00"),
        ("digest: daily 08:00 Europe/Berlni", "channels.desk.digest: 'Europe/Berlni' is no IANA time zone"),
        ("at_most: 10", "channels.desk.at_most: expected a bound such as '10 per 1h'"),
        ("at_most: 0 per 1h", "channels.desk.at_most: expected a bound of 1 to 1000 letters"),
        ("quiet_hours: '22-07'", "channels.desk.quiet_hours: expected quiet hours such as"),
        ("quiet_hours: '07:00-07:00'", "channels.desk.quiet_hours: the quiet hours begin when they end"),
        ("urgent: majro", "channels.desk.urgent: expected one of cosmetic, minor, wording, major"),
    ],
)
def test_a_wrong_time_of_a_channel_names_file_line_and_key(variorum: Program, key: str, told: str) -> None:
    watch(variorum.folder, "{to: [desk]}", channels=f"desk: {{apprise: 'json://x', {key}}}")
    ran = variorum("config", "check")
    assert ran.code == 2
    assert f"config.yaml:7: {told}" in ran.err


def test_a_digest_stands_once(variorum: Program) -> None:
    mail = "email: {to: a@x.example, smtp: {host: x.example}, digest: daily}"
    watch(variorum.folder, "{to: [desk]}", channels=f"desk: {{{mail}, digest: hourly}}")
    ran = variorum("config", "check")
    assert ran.code == 2
    assert "config.yaml:7: channels.desk: 'digest' stands in the channel and in its 'email'" in ran.err


def test_alerts_and_channels_are_acted_upon(variorum: Program) -> None:
    times = (
        "quiet_hours: '22:00-07:00 Europe/Berlin', at_most: 10 per 1h, urgent: major, digest: daily 07:30 Europe/Berlin"
    )
    watch(variorum.folder, "{to: [desk]}", channels=f"desk: {{apprise: 'json://x', {times}}}")
    Path("page.html").write_text("x")
    ran = variorum("config", "check")
    assert (ran.code, ran.err) == (0, "")
