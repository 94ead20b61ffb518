"""Every form of every letter, against files that a person has read, and what must hold of all of them.

``pytest tests/core -k golden --golden-update`` rewrites the files; the differences are for review.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from monitor.alerts import Letter, Links
from monitor.alerts.mailing import EmailSettings
from monitor.alerts.markup import page
from monitor.alerts.message import compose, envelope, message_id
from monitor.alerts.telling import LISTED, SHORT_CHARS, SUBJECT_COLUMNS, WIDTH, short, subject, text
from monitor.alerts.webhook import envelope as hook_envelope
from monitor.render import Comparison
from monitor.render.json_forms import encode, encode_compact
from monitor.render.safe import visible
from monitor.render.terminal import width_of
from storage.records import EventKind
from tests.core.alerts.letters import CASES, CHAIN, NOON, changed, digest, happened, hostile_notice, letter
from tests.core.render import cases
from tests.core.render.cases import E, comparison
from tests.core.render.random_comparisons import comparisons

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "letters"
SETTINGS = EmailSettings(
    to=("desk@example.org", "The Desk <night@example.org>"),
    sender="Variorum <variorum@example.org>",
    host="mail.example.org",
    port=587,
    reply_to=("editor@example.org",),
)


def check(name: str, shown: str, request: pytest.FixtureRequest) -> None:
    path = GOLDEN / name
    if request.config.getoption("golden_update"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(shown.encode())
    assert path.exists(), f"no golden file {name}: run pytest with --golden-update and read what it wrote"
    assert shown.encode() == path.read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_the_text_part_is_the_golden_one(case: str, request: pytest.FixtureRequest) -> None:
    told = CASES[case]()
    title, body = short(told)
    whole = f"{subject(told)}\n{'=' * WIDTH}\n{text(told)}{'=' * WIDTH}\n{title}\n\n{body}\n"
    check(f"{case}.txt", whole, request)


@pytest.mark.parametrize("case", CASES)
def test_the_html_part_is_the_golden_one(case: str, request: pytest.FixtureRequest) -> None:
    check(f"{case}.html", page(CASES[case]()), request)


@pytest.mark.parametrize("case", CASES)
def test_the_hook_body_is_the_golden_one(case: str, request: pytest.FixtureRequest) -> None:
    check(f"{case}.json", encode(hook_envelope(CASES[case]())), request)


@pytest.mark.parametrize("case", ["chinese", "hostile", "digest"])
def test_the_header_lines_are_the_golden_ones(case: str, request: pytest.FixtureRequest) -> None:
    raw = compose(CASES[case](), "desk", SETTINGS).as_bytes()
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n", "\n") + "\n"
    check(f"{case}.head.txt", head, request)


# The hook


@cache
def schema() -> Draft202012Validator:
    document = json.loads((ROOT / "docs" / "webhook.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


@pytest.mark.parametrize("case", CASES)
def test_every_letter_fits_the_published_schema(case: str) -> None:
    sent = json.loads(encode_compact(hook_envelope(CASES[case]())))
    assert [error.message for error in schema().iter_errors(sent)] == []


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_fits_the_schema_and_can_be_told(kind: EventKind) -> None:
    for number in (None, 1, 2):
        told = letter(happened(kind, "one line", number=number))
        assert [error.message for error in schema().iter_errors(json.loads(encode_compact(hook_envelope(told))))] == []
        assert subject(told)
        assert text(told)
        assert page(told)


def test_the_schema_refuses_what_it_should(request: pytest.FixtureRequest) -> None:
    sent: dict[str, Any] = json.loads(encode_compact(hook_envelope(CASES["readout"]())))
    sent["data"]["alerts"][0]["chain"] = "abc"
    assert not schema().is_valid(sent)
    del sent["data"]
    assert not schema().is_valid(sent)


def test_the_body_of_a_hook_is_bounded_and_says_what_it_leaves_out() -> None:
    told = letter(changed(vast(2_000)))
    body = encode_compact(hook_envelope(told))
    change = json.loads(body)["data"]["alerts"][0]["change"]
    assert len(body) < 300_000
    assert change["old"]["text"] is change["new"]["text"] is None
    assert change["edits_left_out"] > 1_000
    assert len(change["edits"]) + change["edits_left_out"] == 2_000
    assert schema().is_valid(json.loads(body))
    many = json.loads(encode_compact(hook_envelope(letter(*[changed(cases.readout())] * 150, more=2))))
    assert (len(many["data"]["alerts"]), many["data"]["more"]) == (100, 52)


def test_a_hook_is_sent_what_diff_prints() -> None:
    from monitor.render import Style
    from monitor.render.json_forms import comparison_json

    sent = json.loads(encode_compact(hook_envelope(CASES["readout"]())))["data"]["alerts"][0]["change"]
    printed = comparison_json(cases.readout(), Style())
    assert sent == {**json.loads(json.dumps(printed)), "edits_left_out": 0}


# The mail


@cache
def vast(count: int, size: int = 30) -> Comparison:
    parts: list[str | E] = []
    for number in range(count):
        parts += [f"Sentence {number} of the text {'x' * size} says ", E("one", "two"), ". "]
    return comparison(parts, title="A vast text")


def parsed(told: Letter, used: EmailSettings = SETTINGS) -> email.message.EmailMessage:
    return email.message_from_bytes(compose(told, "desk", used).as_bytes(), policy=email.policy.default)


def test_a_letter_has_a_text_part_and_an_html_part_that_say_the_same() -> None:
    message = parsed(CASES["readout"]())
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        assert "[-forty" in part
        assert "{+fifty+}" in part
        assert CHAIN in part
        assert "Silent edit" in part


def test_the_same_letter_is_the_same_bytes_at_every_attempt() -> None:
    first, second = (compose(digest(), "desk", SETTINGS).as_bytes() for _ in range(2))
    assert first == second


def test_short_lines_in_other_letters_are_not_sent_raw() -> None:
    told = letter(replace(happened(EventKind.GONE, reason="找不到"), title="两国", chain=None, version=None))
    assert compose(told, "desk", SETTINGS).as_bytes().isascii()


def test_letters_about_one_source_are_one_thread() -> None:
    first = parsed(letter(changed(cases.readout()), ident="dl-1"))
    second = parsed(letter(changed(cases.readout()), ident="dl-2", thread="dl-1"))
    other = parsed(letter(changed(cases.readout(), source="boe"), ident="dl-3"))
    root = str(first["References"])
    assert re.fullmatch(r"<thread-[0-9a-f]{24}@example\.org>", root)
    assert first["In-Reply-To"] == root
    assert str(second["References"]) == f"{root} <dl-1@example.org>"
    assert second["In-Reply-To"] == first["Message-ID"] == "<dl-1@example.org>"
    assert str(other["References"]) != root


def test_another_channel_is_another_thread() -> None:
    told = letter(changed(cases.readout()))
    assert compose(told, "desk", SETTINGS)["References"] != compose(told, "night", SETTINGS)["References"]


def test_a_list_says_what_it_is_and_how_to_leave() -> None:
    message = parsed(CASES["readout"](), replace(SETTINGS, unsubscribe="https://x.example/u?" + "t" * 120))
    assert message["List-Id"] == "<desk.variorum.example.org>"
    assert message["List-Unsubscribe"] == (
        f"<https://x.example/u?{'t' * 120}>, <mailto:editor@example.org?subject=unsubscribe%20desk>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Variorum-Severity"] == "major"
    plain = parsed(CASES["readout"]())
    assert plain["List-Unsubscribe"] == "<mailto:editor@example.org?subject=unsubscribe%20desk>"
    assert plain["List-Unsubscribe-Post"] is None
    assert plain["Date"].datetime == NOON


def test_one_click_is_never_offered_over_http() -> None:
    told = letter(
        replace(changed(cases.readout()), links=Links("https://a.example/", unsubscribe="http://x.example/u"))
    )
    assert parsed(told)["List-Unsubscribe-Post"] is None


def test_the_exact_diff_is_attached_when_asked(tmp_path: Path) -> None:
    import subprocess

    message = parsed(CASES["readout"](), replace(SETTINGS, attach=True))
    files = {part.get_filename(): part for part in message.iter_attachments()}
    assert list(files) == ["mfa-1_mfa-2.diff", "mfa-1_mfa-2.json"]
    (tmp_path / "text").write_text(cases.readout().old.text.text, "utf-8")
    patch = files["mfa-1_mfa-2.diff"].get_content()
    subprocess.run(["patch", "-s", "text"], cwd=tmp_path, input=patch, check=True, text=isinstance(patch, str))
    assert (tmp_path / "text").read_text("utf-8") == cases.readout().new.text.text
    assert json.loads(files["mfa-1_mfa-2.json"].get_content())["script"] == cases.readout().change.script


def test_what_is_too_large_to_attach_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.alerts.message.ATTACHED_BYTES", 3_000)
    files = list(parsed(CASES["readout"](), replace(SETTINGS, attach=True)).iter_attachments())
    assert [part.get_filename() for part in files] == ["mfa-1_mfa-2.diff", "not-attached.txt"]
    assert re.match(r"Too large to attach: mfa-1_mfa-2\.json \([0-9,]+ bytes\)\r?\n", files[1].get_content())


@pytest.mark.parametrize("case", CASES)
def test_header_lines_are_short_ascii_and_none_is_forged(case: str) -> None:
    told = replace(CASES[case](), id="dl\r\nBcc: x@evil.example", thread="<x>\r\nBcc: y@evil.example")
    raw = compose(told, "desk", replace(SETTINGS, unsubscribe=None)).as_bytes()
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith((" ", "\t"))]
    assert set(names) <= {
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "List-Id",
        "List-Unsubscribe", "Auto-Submitted", "X-Auto-Response-Suppress", "Variorum-Source", "Variorum-Event",
        "Variorum-Severity", "Variorum-Chain", "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert len(names) == len(set(names))
    assert max(len(line) for line in head.split("\r\n")) <= 88
    assert raw.isascii()  # 7 bits pass every relay
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    again = email.message_from_bytes(raw, policy=email.policy.default)
    assert again["Subject"] == subject(told)
    assert "\n" not in head.replace("\r\n", "")


TITLES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300) | st.text(
    "中文标题，通话—\r\n\u202e ", min_size=1
)


@settings(max_examples=40, deadline=None)
@given(TITLES)
def test_no_title_shapes_a_header(title: str) -> None:
    told = letter(replace(changed(cases.chinese()), title=title))
    raw = compose(told, "desk", SETTINGS).as_bytes()
    head, _, _ = raw.partition(b"\r\n\r\n")
    subject_lines = re.search(rb"^Subject:((?:.*\r\n)(?:[ \t].*\r\n)*)", head, re.MULTILINE)
    assert subject_lines is not None
    assert max(len(line) for line in head.split(b"\r\n")) <= 88
    assert head.decode("ascii")
    again = email.message_from_bytes(raw, policy=email.policy.default)
    assert str(again["Subject"]) == subject(told)
    assert visible(str(again["Subject"])) == str(again["Subject"])


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("desk@example.org", "desk@example.org"),
        ("The Desk <desk@example.org>", "desk@example.org"),
        ("Bücher <post@bücher.example>", "post@xn--bcher-kva.example"),
        ("新闻@例え.jp", "新闻@xn--r8jz45g.jp"),
    ],
)
def test_an_address_goes_into_the_envelope_bare(written: str, bare: str) -> None:
    assert envelope(written) == bare


def test_an_id_that_cannot_stand_in_a_header_is_hashed() -> None:
    assert message_id("dl-0001", "a.org") == "<dl-0001@a.org>"
    for odd in ("a b", "a>b", "a\r\nb", "x" * 90, "é", ".a", "a..b"):
        assert re.fullmatch(r"<[0-9a-f]{32}@a\.org>", message_id(odd, "a.org"))


def test_a_long_sender_domain_does_not_make_long_ids() -> None:
    long = replace(SETTINGS, sender=f"a@{'x' * 60}.{'y' * 60}.example")
    head = compose(CASES["readout"](), "desk", long).as_bytes().partition(b"\r\n\r\n")[0]
    assert b"Message-ID: <dl-0001@" in head
    assert re.search(rb"References: <thread-\w+@[0-9a-f]{16}\.variorum\.invalid>\r\n", head)


# What holds of text and HTML


class Inspector(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def inspected(html: str) -> Inspector:
    inspector = Inspector()
    inspector.feed(html)
    return inspector


@pytest.mark.parametrize("case", CASES)
def test_html_uses_nothing_that_mail_clients_drop_and_loads_nothing(case: str) -> None:
    found = inspected(page(CASES[case]()))
    assert not {"ins", "del", "style", "script", "link", "img", "iframe", "form"} & set(found.elements)
    assert all(link.startswith(("https://", "http://", "#")) for link in found.links)
    assert " class=" not in page(CASES[case]())


@pytest.mark.parametrize("case", ["readout", "chinese", "right-to-left", "moved-and-split"])
def test_the_signs_survive_when_every_style_and_element_is_stripped(case: str) -> None:
    words = " ".join("".join(inspected(page(CASES[case]())).words).split())
    for edit in CASES[case]().notices[0].comparison.change.edits:  # type: ignore[union-attr]
        if edit.move is None and edit.old.text.strip():
            assert f"[-{' '.join(edit.old.text.split())}-]" in words
        if edit.move is None and edit.new.text.strip() and "\n" not in edit.new.text:
            assert f"{{+{' '.join(edit.new.text.split())}+}}" in words


def test_hostile_text_reaches_no_reader_as_anything_but_text() -> None:
    told = letter(hostile_notice())
    html = page(told)
    assert "<script>alert" not in html
    assert "<img" not in html
    for part in (html, text(told), subject(told), *short(told)):
        assert visible(part) == part
    assert "\n" not in subject(told)
    body = "\n".join(short(told))
    assert "@everyone" not in body
    assert "<!channel" not in body


@settings(max_examples=25, deadline=None)
@given(comparisons())
def test_no_part_of_a_letter_emits_what_cannot_be_seen(compared: Comparison) -> None:
    told = letter(changed(compared))
    for part in (subject(told), text(told), page(told), *short(told)):
        assert visible(part) == part
        part.encode()
    inspected(page(told))
    compose(told, "desk", SETTINGS).as_bytes()
    assert schema().is_valid(json.loads(encode_compact(hook_envelope(told))))


@pytest.mark.parametrize("case", CASES)
def test_the_text_part_fits_a_plain_terminal(case: str) -> None:
    for line in text(CASES[case]()).split("\n"):
        assert width_of(line) <= 80 or " " not in line.strip()[20:], line
        assert "\x1b" not in line


def test_a_vast_change_is_cut_and_says_so_with_the_place_of_the_rest() -> None:
    told = letter(changed(vast(2_000)))
    html, plain = page(told), text(told)
    assert len(html.encode()) < 100_000
    assert len(plain.encode()) < 100_000
    for part in (html, plain):
        found = re.search(r"and ([0-9,]+) more edits not shown here; all of them:\s+(\S+html)", part)
        assert found is not None
        assert found[2] == "https://variorum.example.org/s/mfa/1-2.html"
        shown = part.count("{+two+}")
        assert 0 < shown == 2_000 - int(found[1].replace(",", ""))


def test_without_a_web_page_the_command_is_named() -> None:
    notice = replace(changed(vast(2_000)), links=Links("https://mfa.example/"))
    assert "all of them:\n  variorum diff mfa@1 mfa@2" in text(letter(notice))


def test_one_vast_edit_is_cut_too() -> None:
    told = letter(changed(comparison(["Before. ", E("old", "字" * 60_000), " After."])))
    assert len(page(told).encode()) < 100_000
    assert "cut here; all of it" in page(told)
    assert "[-old …-]" not in text(told) or "{+字" in text(told)


def test_an_edit_is_shown_with_both_sides_or_not_at_all() -> None:
    told = letter(changed(vast(2_000)))
    assert text(told).count("[-one-]") == text(told).count("{+two+}")


def test_a_digest_is_a_table_of_contents_and_then_each_change() -> None:
    told = digest()
    for part in (text(told), page(told)):
        assert part.index("gone: Ministers") < part.index("[-forty") < part.index("{+五十+}")
        assert "and 7 more alerts" in part
    assert subject(told).startswith("[Variorum] 11 alerts, 3 major: ")


def test_a_vast_digest_stays_within_what_mail_services_show() -> None:
    notices = [changed(cases.readout(), ident=f"al-{place}") for place in range(240)]
    told = letter(*notices, digest=True)
    assert len(page(told).encode()) < 102_000
    assert f"{240 - LISTED} of them not even here" in " ".join(text(told).split())


def test_a_steady_subject_is_the_same_for_all_of_a_thread() -> None:
    subjects = {subject(CASES[case](), steady=True) for case in ("readout", "gone", "failing", "phrase")}
    assert subjects == {"[Variorum] mfa"}


@pytest.mark.parametrize("case", CASES)
def test_subjects_and_short_forms_are_short(case: str) -> None:
    told = CASES[case]()
    assert width_of(subject(told)) <= SUBJECT_COLUMNS
    assert len(short(told)[1]) <= SHORT_CHARS + 200


def test_an_empty_letter_says_how_many_were_left_out() -> None:
    told = Letter("dl-1", (), datetime(2026, 1, 1, tzinfo=UTC), more=12, digest=True)
    assert subject(told) == "[Variorum] 12 alerts"
    assert "12 more alerts" in text(told)
    assert "12 more alerts" in page(told)
    assert short(told)[1] == "and 12 more alerts"
    assert parsed(told)["Message-ID"] == "<dl-1@example.org>"
