"""Mail against servers on loopback: honest ones with TLS and logins, and such as refuse, hang, drop and cheat."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.alerts import Letter
from monitor.alerts.email import EmailChannel
from monitor.alerts.mailing import EmailSettings, Security, settings_of
from monitor.alerts.message import envelope
from storage.errors import ConfigError, DeliveryError
from tests.core.alerts.letters import CASES
from tests.edges.post_office import HOST, PASSWORD, USER, Authority, PostOffice, Surly, drop, hang, post_office

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def settings(port: int, **more: Any) -> EmailSettings:
    plain = EmailSettings(
        to=("one@example.org",),
        sender="Variorum <variorum@example.org>",
        host=HOST,
        port=port,
        security=Security.NONE,
        timeout_s=10,
        allow_private=LOOPBACK,
    )
    return replace(plain, **more)


def channel(used: EmailSettings, context: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> EmailChannel:
    return EmailChannel("desk", used, lookup=here, ssl_context=context)


def send(used: EmailSettings, letter: Letter | None = None, *, trust: Authority | None = None) -> None:
    context = trust.client if trust is not None else ssl.create_default_context
    asyncio.run(channel(used, context).send(letter or CASES["readout"]()))


def failure(used: EmailSettings, *, trust: Authority | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send(used, trust=trust)
    assert "\n" not in caught.value.message
    return caught.value


SECURE: dict[str, Any] = {"security": Security.STARTTLS, "user": USER, "password": PASSWORD}


def test_a_letter_arrives_over_starttls_with_a_login(authority: Authority) -> None:
    with post_office(starttls=authority.server(), login=True) as office:
        send(settings(office.port, **SECURE, to=("one@example.org", "Two <two@example.org>")), trust=authority)
    (taken,) = office.taken
    assert taken.encrypted
    assert taken.user == USER
    assert (taken.sender, taken.to) == ("variorum@example.org", ["one@example.org", "two@example.org"])
    assert taken.message["Subject"].startswith("[Variorum] major, silent: Ministers of Ardonia")
    body = taken.message.get_body(("plain",))
    assert body is not None
    assert "[-forty-]{+fifty+}" in body.get_content()


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # aiosmtpd does not count TLS from the start
def test_a_letter_arrives_over_tls_from_the_start(authority: Authority) -> None:
    with post_office(tls=authority.server(), login=True) as office:
        send(settings(office.port, **{**SECURE, "security": Security.TLS}), CASES["chinese"](), trust=authority)
    assert "两国外长通电话" in office.taken[0].message["Subject"]


@pytest.mark.parametrize("case", CASES)
def test_every_letter_arrives_whole(case: str, offices: PostOffice) -> None:
    send(settings(offices.port), CASES[case]())
    message = offices.taken[-1].message
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    from monitor.alerts.markup import page
    from monitor.alerts.telling import text

    assert plain.get_content().replace("\r\n", "\n") == text(CASES[case]())
    assert html.get_content().replace("\r\n", "\n") == page(CASES[case]())
    assert message.defects == []


@pytest.fixture(scope="module")
def offices() -> Any:
    with post_office() as office:
        yield office


# TLS and logins


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_of_somebody_else_is_refused_and_nothing_is_said(
    security: Security, authority: Authority
) -> None:
    other = authority.server("other.test")
    with post_office(**{"tls" if security is Security.TLS else "starttls": other}) as office:
        error = failure(settings(office.port, **{**SECURE, "security": security}), trust=authority)
        unknown = failure(settings(office.port, **{**SECURE, "security": security}))
    assert "certificate not valid: Hostname mismatch" in error.message
    assert "certificate not valid" in unknown.message
    assert not error.final
    assert office.taken == []


def test_no_starttls_on_offer_means_no_mail_and_no_password() -> None:
    with Surly({"EHLO": "250-surly\r\n250 AUTH PLAIN LOGIN"}) as surly:
        error = failure(settings(surly.port, **SECURE))
    assert "offers no STARTTLS; nothing was sent in clear text" in error.message
    assert not error.final
    assert {line.split()[0] for line in surly.heard} <= {"EHLO", "QUIT"}


def test_starttls_that_is_refused_is_not_gone_without() -> None:
    with Surly({"EHLO": "250-surly\r\n250-STARTTLS\r\n250 AUTH PLAIN", "STARTTLS": "454 not now"}) as surly:
        error = failure(settings(surly.port, **SECURE))
    assert "454 not now" in error.message
    assert {line.split()[0] for line in surly.heard} <= {"EHLO", "STARTTLS", "QUIT"}


def test_a_password_is_never_sent_in_clear_text() -> None:
    with Surly({"EHLO": "250-surly\r\n250 AUTH PLAIN LOGIN CRAM-MD5"}) as surly:
        error = failure(settings(surly.port, user=USER, password=PASSWORD))
    assert "no password is sent over a line without TLS" in error.message
    assert not any(line.startswith("AUTH") for line in surly.heard)


def test_commands_injected_before_tls_are_forgotten(authority: Authority) -> None:
    # RFC 3207: what follows the 220 in clear text was never said by the server.
    with Surly({"EHLO": "250-surly\r\n250 STARTTLS", "STARTTLS": "220 go\r\n250-surly\r\n250 AUTH PLAIN"}) as surly:
        failure(settings(surly.port, **SECURE), trust=authority)
    assert not any(line.startswith(("AUTH", "MAIL")) for line in surly.heard)


def test_a_wrong_password_is_worth_another_attempt_and_is_not_shown(authority: Authority) -> None:
    with post_office(starttls=authority.server(), login=True) as office:
        error = failure(settings(office.port, **{**SECURE, "password": "tr0ub4dor"}), trust=authority)
    assert "535" in error.message
    assert not error.final
    assert error.hint == "Check 'user' and 'password'."
    assert "tr0ub4dor" not in f"{error.message} {error.hint} {error.__cause__!r}"
    assert "tr0ub4dor" not in repr(settings(1, **{**SECURE, "password": "tr0ub4dor"}))


# Refusals


@pytest.mark.parametrize(
    ("replies", "final", "told"),
    [
        ({"CONNECT": "554 no mail here"}, False, "greeting with 554 no mail here"),
        ({"CONNECT": "421 too busy"}, False, "421 too busy"),
        ({"EHLO": "550 who are you", "HELO": "550 who are you"}, False, "550 who are you"),
        ({"MAIL": "550 not you"}, True, "MAIL FROM with 550 not you"),
        ({"MAIL": "451 greylisted"}, False, "451 greylisted"),
        ({"MAIL": "530 log in first"}, False, "530 log in first"),
        ({"MAIL": "552 larger than we take"}, True, "552 larger"),
        ({"RCPT": "550 nobody of that name"}, True, "refused one@example.org: 550 nobody"),
        ({"RCPT": "451 greylisted, come back"}, False, "451 greylisted"),
        ({"RCPT": "452 mailbox full"}, False, "452"),
        ({"DATA": "451 not now"}, False, "DATA with 451"),
        ({"DATA": "554 no"}, True, "DATA with 554"),
        ({".": "552 too big"}, True, "552 too big"),
        ({".": "554 looks like spam\x1b[31m"}, True, "554 looks like spam␛[31m"),
        ({".": "450 later"}, False, "450 later"),
    ],
)
def test_a_refusal_is_final_or_not_by_its_code(replies: dict[str, Any], final: bool, told: str) -> None:
    with Surly(replies) as surly:
        error = failure(settings(surly.port))
    assert error.final is final
    assert told in error.message
    assert error.message.startswith(f"{HOST}:{surly.port}")
    assert error.refused == ()


def test_nobody_listening_is_worth_another_attempt() -> None:
    with Surly() as surly:
        port = surly.port
    error = failure(settings(port))
    assert error.message == f"{HOST}:{port}: connection refused (connection)"
    assert not error.final


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_server_that_hangs_is_given_up(verb: str) -> None:
    with Surly({verb: hang}) as surly:
        error = failure(settings(surly.port, timeout_s=0.1))
    assert "no answer within 0.1 s" in error.message
    assert not error.final


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
def test_a_server_that_drops_the_line_is_worth_another_attempt(verb: str) -> None:
    with Surly({verb: drop}) as surly:
        error = failure(settings(surly.port))
    assert not error.final


def test_a_line_lost_after_the_mail_was_handed_over_is_tried_again_with_the_same_id() -> None:
    with Surly({".": drop}) as surly:
        used = settings(surly.port)
        error = failure(used)
        assert "whether it arrives is not known" in error.message
        assert not error.final
        surly.replies["."] = "250 taken"
        send(used)
    first, second = surly.mails
    assert first == second
    assert b"\r\nMessage-ID: <dl-0001@example.org>\r\n" in first


def test_a_server_that_dawdles_over_its_goodbye_has_taken_the_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.alerts.email.GOODBYE_S", 0.05)
    with Surly({"QUIT": hang}) as surly:
        send(settings(surly.port))
    assert len(surly.mails) == 1


@pytest.mark.parametrize("said", ["what is SMTP", "2x0 hm", "HTTP/1.1 400 Bad Request", "250-" + "x" * 5000])
def test_a_server_of_another_kind_is_told_of_in_one_line(said: str) -> None:
    with Surly({"CONNECT": said, "EHLO": said}) as surly:
        error = failure(settings(surly.port, timeout_s=0.2))
    assert len(error.message) < 320
    assert not error.final


# Several recipients

THREE = ("one@example.org", "two@example.org", "three@example.org")


def test_one_recipient_of_three_who_is_refused_is_named_and_the_others_are_served() -> None:
    with post_office() as office:
        office.refuse["two@example.org"] = "550 no such user"
        error = failure(settings(office.port, to=THREE))
    assert error.refused == (("two@example.org", "550 no such user"),)
    assert error.final
    assert office.taken[0].to == ["one@example.org", "three@example.org"]


def test_who_was_put_off_gets_it_alone_at_the_next_attempt() -> None:
    with post_office() as office:
        office.refuse |= {"two@example.org": "451 greylisted", "three@example.org": "550 no such user"}
        used = settings(office.port, to=THREE)
        first = failure(used)
        assert dict(first.refused) == {"two@example.org": "451 greylisted", "three@example.org": "550 no such user"}
        assert not first.final
        del office.refuse["two@example.org"]
        again = replace(CASES["readout"](), only=tuple(box for box, _ in first.refused))
        with pytest.raises(DeliveryError) as caught:
            send(used, again)
        assert caught.value.refused == (("three@example.org", "550 no such user"),)
        assert caught.value.final
    assert [taken.to for taken in office.taken] == [["one@example.org"], ["two@example.org"]]
    assert office.taken[0].message["Message-ID"] == office.taken[1].message["Message-ID"]


def test_who_is_not_in_the_configuration_any_more_is_not_waited_for() -> None:
    with post_office() as office:
        send(settings(office.port, to=THREE), replace(CASES["readout"](), only=("left@example.org",)))
    assert office.taken == []


def test_all_recipients_refused_is_final_only_when_none_may_be_served_later() -> None:
    with post_office() as office:
        office.refuse |= {"one@example.org": "550 no", "two@example.org": "450 later", "three@example.org": "550 no"}
        error = failure(settings(office.port, to=THREE))
        assert not error.final
        office.refuse["two@example.org"] = "550 no"
        assert failure(settings(office.port, to=THREE)).final
    assert office.taken == []


# Addresses in other letters


def test_a_recipient_in_other_letters_is_served_where_the_server_can() -> None:
    with post_office(utf8=True) as office:
        send(settings(office.port, to=("新闻@例え.jp", "one@example.org")))
    assert office.taken[0].to == ["新闻@xn--r8jz45g.jp", "one@example.org"]
    assert "新闻@" in office.taken[0].raw.decode()


def test_a_recipient_in_other_letters_is_refused_and_the_others_served_where_it_cannot() -> None:
    with post_office(utf8=False) as office:
        error = failure(settings(office.port, to=("新闻@例え.jp", "one@example.org")))
    assert dict(error.refused)["新闻@xn--r8jz45g.jp"].endswith("(no SMTPUTF8)")
    assert error.final
    assert office.taken[0].to == ["one@example.org"]
    assert office.taken[0].raw.isascii()


def test_a_host_in_other_letters_needs_nothing_of_the_server() -> None:
    with post_office(utf8=False) as office:
        send(settings(office.port, to=("Bücher <post@bücher.example>",)))
    assert office.taken[0].to == [envelope("post@bücher.example")]


# The guard


def test_a_private_mail_server_needs_leave() -> None:
    with post_office() as office:
        error = failure(settings(office.port, allow_private=()))
    assert "mail.test leads to 127.0.0.1, which is private" in error.message
    assert error.hint == "Under 'smtp': allow_private: [127.0.0.1/32]"
    assert not error.final
    assert office.taken == []


def test_a_name_that_changes_its_answer_is_looked_up_once() -> None:
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with post_office() as office:
        asyncio.run(EmailChannel("desk", settings(office.port), lookup=lookup).send(CASES["readout"]()))
    assert asked == [HOST]
    assert len(office.taken) == 1


def test_the_next_address_of_a_name_is_tried() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    with post_office() as office:
        asyncio.run(EmailChannel("desk", settings(office.port), lookup=lookup).send(CASES["readout"]()))
    assert len(office.taken) == 1


def test_greeting_finds_out_without_sending(authority: Authority) -> None:
    with post_office(starttls=authority.server(), login=True) as office:
        asyncio.run(channel(settings(office.port, **SECURE), authority.client).greet())
        with pytest.raises(DeliveryError):
            asyncio.run(channel(settings(office.port, **{**SECURE, "password": "no"}), authority.client).greet())
    assert office.taken == []


def test_the_doctor_meets_what_a_letter_would_meet() -> None:
    from monitor.examination import channel as examined

    def told(port: int, **smtp: Any) -> dict[str, Any]:
        return {"email": {"to": ("a@b.org",), "smtp": {"host": "127.0.0.1", "port": port, **smtp}}}

    with post_office() as office:
        (good,) = examined("desk", told(office.port, starttls=False, allow_private=LOOPBACK))
        (private,) = examined("desk", told(office.port, starttls=False))
        (bare,) = examined("desk", told(office.port, allow_private=LOOPBACK))
    assert (good.state, good.said) == ("good", f"127.0.0.1:{office.port}: accepts us")
    assert (private.state, private.mend) == ("bad", "Under 'smtp': allow_private: [127.0.0.1/32]")
    assert (bare.state, "offers no STARTTLS" in bare.said) == ("bad", True)
    assert office.taken == []


@pytest.mark.parametrize(
    ("smtp", "security", "port"),
    [
        ({}, Security.STARTTLS, 587),
        ({"port": 25}, Security.STARTTLS, 25),
        ({"port": 465}, Security.TLS, 465),
        ({"tls": True}, Security.TLS, 465),
        ({"tls": True, "port": 2465}, Security.TLS, 2465),
        ({"port": 465, "starttls": True}, Security.STARTTLS, 465),
        ({"starttls": False}, Security.NONE, 25),
        ({"tls": False}, Security.STARTTLS, 587),
    ],
)
def test_a_line_is_protected_unless_that_is_refused_by_name(
    smtp: dict[str, Any], security: Security, port: int
) -> None:
    found = settings_of({"to": ("a@b.org",), "smtp": {"host": "h", **smtp}})
    assert (found.security, found.port) == (security, port)


def test_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    told = {"to": ("a@b.org",), "smtp": {"host": "h", "user": "me@b.org", "password_file": str(tmp_path / "secret")}}
    with pytest.raises(ConfigError, match="No such file"):
        settings_of(told)
    (tmp_path / "secret").write_text("correct horse\n")
    assert settings_of(told).password == "correct horse"
    assert settings_of(told).sender == "me@b.org"
