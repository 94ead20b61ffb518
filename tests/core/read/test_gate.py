from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.read import Reading
from monitor.read.gate import HOME, GateRules, Verdict, confirmed, gate, overlap
from storage.records import Latest, Suspicion, Text

RULES = GateRules()
URL = "https://mfa.example.org/news/2022/t1.html"
STATEMENT = Text.of(
    "Readout of a call",
    "2022-02-26 12:05",
    [
        "On the afternoon of 25 February the two presidents spoke on the phone and exchanged views on the situation.",
        "The host set forth the historical context and the position of his government on the matter of security.",
        "They agreed to keep the channels open, and to instruct their ministers to remain in close contact about it.",
    ],
)
NOW = datetime(2022, 3, 1, tzinfo=UTC)


def judged(
    text: Text, previous: Text | None = None, *, final_url: str = URL, url: str = URL, status: int | None = 200,
    latest: Latest | None = None, hints: tuple[str, ...] = (),
) -> Verdict:  # fmt: skip
    known = latest or Latest("s", number=None if previous is None else 1)
    reading = Reading(text, None, "utf-8", None, "html/1:x", hints=hints)
    return gate(reading, url=url, final_url=final_url, status=status, latest=known, previous=previous, rules=RULES)


def said(*paragraphs: str, title: str | None = None) -> Text:
    return Text.of(title, None, list(paragraphs))


def test_a_statement_is_fit_as_first_version_and_after_an_edit() -> None:
    edited = Text.of(STATEMENT.title, STATEMENT.published, STATEMENT.paragraphs[:2])
    assert judged(STATEMENT) == judged(edited, STATEMENT) == judged(STATEMENT, edited) == Verdict(False)


@pytest.mark.parametrize("previous", [None, STATEMENT])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (said("Checking your browser before accessing mfa.example.org.", title="Just a moment..."), "captcha"),
        (said("为了您的账号安全，请完成安全验证后继续访问。"), "captcha"),
        (said("Подтвердите, что вы не робот, и страница откроется."), "captcha"),
        (
            said("You don’t have permission to access this on this server. Reference #18.2", title="Access Denied"),
            "block",
        ),
        (said("很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。"), "block"),
        (said("Доступ запрещён."), "block"),
        (said("We value your privacy. We and our partners store and/or access information on a device."), "consent"),
        (said("The page you requested cannot be found. It may have been moved.", title="Oops"), "error page"),
        (said("您访问的页面不存在，三秒后返回首页。"), "error page"),
        (said("Service Temporarily Unavailable", title="503"), "error page"),
        (said("La page que vous recherchez n’existe plus."), "error page"),
    ],
)
def test_a_page_that_stands_in_is_never_believed(text: Text, reason: str, previous: Text | None) -> None:
    verdict = judged(text, previous)
    assert (verdict.suspect, verdict.confirmable) == (True, False)
    assert reason in (verdict.reason or "")


def test_a_long_statement_may_speak_of_denied_access() -> None:
    long = said(
        *STATEMENT.paragraphs, "Observers were told: access denied. " * 5, *[f"Point {n} was noted." for n in range(80)]
    )
    assert judged(long) == Verdict(False)
    assert judged(said(*STATEMENT.paragraphs, "Access denied, said the guard."), STATEMENT) == Verdict(False)


def test_the_script_of_a_challenge_tells_a_short_page_and_not_a_statement() -> None:
    assert judged(said("One moment."), hints=("challenge",)).suspect
    assert not judged(said(*STATEMENT.paragraphs * 2), hints=("challenge",)).suspect


def test_an_empty_text_and_an_error_status_are_never_believed() -> None:
    assert judged(Text.of("Title", None, [])) == Verdict(True, "the text is empty")
    assert judged(STATEMENT, status=404) == Verdict(True, "the server answered with status 404")
    assert not judged(STATEMENT, status=None).suspect


@pytest.mark.parametrize(
    ("url", "final_url", "home"),
    [
        (URL, "https://mfa.example.org/", True),
        (URL, "https://mfa.example.org/en/", True),
        (URL, "https://www.mfa.example.org/index.html", True),
        ("https://mfa.example.org/?p=123", "https://mfa.example.org", True),
        (URL, "https://mfa.example.org/news/2022/t1.htm", False),
        ("https://mfa.example.org/en", "https://mfa.example.org/en/", False),
        (URL, "https://mfa.example.org/?id=123", False),
        ("https://mfa.example.org/", "https://www.mfa.example.org/en/", False),
    ],
)
def test_a_redirect_to_the_home_page_is_told(url: str, final_url: str, home: bool) -> None:
    other = said(
        "Welcome to the ministry, which presents its work and its people here.", "Read the latest news of ours."
    )
    verdict = judged(other, STATEMENT, url=url, final_url=final_url)
    assert (verdict.reason == HOME) is home
    assert not (home and verdict.confirmable)


def test_a_home_page_that_was_the_answer_before_or_shows_the_statement_is_no_news() -> None:
    home = "https://mfa.example.org/"
    assert judged(STATEMENT, STATEMENT, final_url=home) == Verdict(False)
    assert judged(
        said("Other words."), said("Other words here."), final_url=home, latest=Latest("s", 1, final_url=home)
    ) == Verdict(False)


def test_a_redirect_to_a_sign_in_page_is_told() -> None:
    assert "another page" in (
        judged(said("Welcome back."), final_url="https://mfa.example.org/account/login.aspx").reason or ""
    )


def test_a_collapsed_text_waits_for_a_second_look() -> None:
    verdict = judged(said("They spoke on the phone."), STATEMENT)
    assert verdict.suspect
    assert verdict.confirmable
    assert "much shorter" in (verdict.reason or "")


def test_a_tiny_text_may_lose_half_its_words() -> None:
    assert judged(
        said("The office is closed."), said("The office is closed. It opens again on Monday morning.")
    ) == Verdict(False)


def test_another_text_altogether_waits_for_a_second_look() -> None:
    other = said(
        *["The museum opens its doors to visitors of all ages each day from nine to five, free of charge."] * 4
    )
    assert judged(other, STATEMENT) == Verdict(True, "the text shares next to nothing with the one before", True)


def test_a_doubt_is_confirmed_by_the_same_text_later_and_by_nothing_else() -> None:
    first = Suspicion("much shorter", "abc", NOW, 1)
    assert confirmed(first, "abc", NOW + timedelta(seconds=60), RULES)
    assert not confirmed(first, "abc", NOW + timedelta(seconds=59), RULES)
    assert not confirmed(first, "other", NOW + timedelta(hours=1), RULES)
    assert not confirmed(None, "abc", NOW, RULES)
    twice = GateRules(confirm_times=2)
    assert not confirmed(first, "abc", NOW + timedelta(hours=1), twice)
    assert confirmed(Suspicion("x", "abc", NOW, 2), "abc", NOW + timedelta(hours=1), twice)
    assert confirmed(None, "abc", NOW, GateRules(confirm_times=0))


@given(st.text(max_size=80), st.text(max_size=80))
def test_overlap_is_a_share_and_of_a_text_with_itself_all(a: str, b: str) -> None:
    assert 0.0 <= overlap(a, b) <= 1.0
    assert overlap(a, b) == overlap(b, a)
    assert overlap(a, a) == 1.0


@given(st.text(max_size=300), st.none() | st.text(max_size=300), st.text(max_size=40))
def test_any_text_is_judged(words: str, before: str | None, path: str) -> None:
    previous = None if before is None else said(before)
    assert isinstance(judged(said(words), previous, final_url=f"https://x.example/{path}"), Verdict)


def test_a_long_text_is_no_stand_in_whatever_its_title_says() -> None:
    assert not judged(
        said(*[f"Journalists were turned away at gate {n}." for n in range(60)], title="Access denied")
    ).suspect
