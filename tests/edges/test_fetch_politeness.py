"""robots.txt, turns at a host, and pauses that servers ask for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.fetch import Fetched, FetchRules
from monitor.fetch.client import UNNAMED_PAUSE_S, Fetcher
from monitor.fetch.politeness import (
    MAX_CRAWL_DELAY_S,
    MAX_PAUSE_S,
    ROBOTS_FRESH_S,
    ROBOTS_RETRY_S,
    Turns,
    retry_after_s,
)
from storage.errors import FetchError, FetchReason
from tests.edges.origin import Origin, head

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLITE = FetchRules(allow_private=("127.0.0.0/8",), timeout_s=10, user_agent="Variorum/0 (+mailto:desk@example.org)")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def everything_is_here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def fetcher(time: Time, *, spacing_s: float = 0.0, per_host: int = 2) -> Fetcher:
    return Fetcher(
        per_host=per_host,
        spacing_s=spacing_s,
        clock=lambda: NOON,
        monotonic=time,
        sleep=time.sleep,
        lookup=everything_is_here,
    )


def fetch_all(time: Time, *urls: str, rules: FetchRules = POLITE, spacing_s: float = 0.0) -> list[Fetched | FetchError]:
    async def run() -> list[Fetched | FetchError]:
        results: list[Fetched | FetchError] = []
        async with fetcher(time, spacing_s=spacing_s) as open_fetcher:
            for url in urls:
                try:
                    results.append(await open_fetcher.fetch(url, rules))
                except FetchError as failure:
                    results.append(failure)
        return results

    return asyncio.run(run())


def failure_of(result: Fetched | FetchError) -> FetchError:
    assert isinstance(result, FetchError)
    return result


# robots.txt


def test_a_page_that_robots_txt_closes_is_not_asked_for(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /private/\n")
    closed, open_ = origin.page("/private/x", "x"), origin.page("/public", "x")
    refused, got = fetch_all(Time(), closed, open_)
    assert failure_of(refused).reason is FetchReason.ROBOTS
    assert failure_of(refused).message == f"{origin.url}/robots.txt does not allow this page"
    assert isinstance(got, Fetched)
    assert origin.paths_asked() == ["/robots.txt", "/public"]


def test_the_rules_for_our_own_name_count(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /\n\nUser-agent: variorum\nAllow: /\n")
    (got,) = fetch_all(Time(), origin.page("/x", "x"))
    assert isinstance(got, Fetched)


def test_wildcards_are_understood(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /*.pdf$\n")
    refused, got = fetch_all(Time(), origin.page("/a.pdf", "x"), origin.page("/a.pdf.html", "x"))
    assert failure_of(refused).reason is FetchReason.ROBOTS
    assert isinstance(got, Fetched)


def test_a_source_may_ignore_robots_txt(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /\n")
    (got,) = fetch_all(Time(), origin.page("/x", "x"), rules=replace(POLITE, robots=False))
    assert isinstance(got, Fetched)
    assert origin.paths_asked() == ["/x"]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_no_robots_txt_allows_everything(origin: Origin, status: int) -> None:
    origin.robots("User-agent: *\nDisallow: /\n", status=status)
    (got,) = fetch_all(Time(), origin.page("/x", "x"))
    assert isinstance(got, Fetched)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failing_robots_txt_closes_the_site_for_now(origin: Origin, status: int) -> None:
    origin.robots("", status=status)
    (refused,) = fetch_all(Time(), origin.page("/x", "x"))
    assert failure_of(refused).reason is FetchReason.ROBOTS
    assert f"answers HTTP {status}" in failure_of(refused).message


def test_robots_txt_is_asked_once_an_hour(origin: Origin) -> None:
    origin.robots("")
    url, time = origin.page("/x", "x"), Time()

    async def run() -> None:
        async with fetcher(time) as open_fetcher:
            await asyncio.gather(*(open_fetcher.fetch(url, POLITE) for _ in range(5)))
            time.now += ROBOTS_FRESH_S - 1
            await open_fetcher.fetch(url, POLITE)
            assert origin.paths_asked().count("/robots.txt") == 1
            time.now += 2
            await open_fetcher.fetch(url, POLITE)

    asyncio.run(run())
    assert origin.paths_asked().count("/robots.txt") == 2


def test_a_closed_site_is_asked_again_soon(origin: Origin) -> None:
    origin.robots("", status=503)
    url, time = origin.page("/x", "x"), Time()

    async def run() -> Fetched:
        async with fetcher(time) as open_fetcher:
            for _ in range(2):
                with pytest.raises(FetchError):
                    await open_fetcher.fetch(url, POLITE)
            origin.robots("")
            time.now += ROBOTS_RETRY_S + 1
            return await open_fetcher.fetch(url, POLITE)

    assert asyncio.run(run()).snapshot is not None
    assert origin.paths_asked() == ["/robots.txt", "/robots.txt", "/x"]


def test_a_redirect_is_judged_by_the_robots_txt_of_where_it_leads(origin: Origin) -> None:
    with Origin() as other:
        other.robots("User-agent: *\nDisallow: /\n")
        other.page("/x", "x")
        (refused,) = fetch_all(Time(), origin.redirect("/go", other.url + "/x"))
        assert failure_of(refused).message == f"{other.url}/robots.txt does not allow this page"
        assert other.paths_asked() == ["/robots.txt"]


def test_robots_txt_is_found_through_redirects_and_a_loop_means_none(origin: Origin) -> None:
    url = origin.page("/x", "x")
    origin.redirect("/robots.txt", "/moved.txt", 301)
    origin.page("/moved.txt", "User-agent: *\nDisallow: /\n", kind="text/plain")
    (refused,) = fetch_all(Time(), url)
    assert failure_of(refused).reason is FetchReason.ROBOTS
    origin.redirect("/robots.txt", "/robots.txt")
    (got,) = fetch_all(Time(), url)
    assert isinstance(got, Fetched)


def test_only_the_first_half_megabyte_of_robots_txt_counts(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /closed\n" + "# padding\n" * 100_000 + "Disallow: /late\n")
    closed, late = fetch_all(Time(), origin.page("/closed", "x"), origin.page("/late", "x"))
    assert failure_of(closed).reason is FetchReason.ROBOTS
    assert isinstance(late, Fetched)


def test_an_unreachable_site_is_told_as_such_not_as_robots(origin: Origin) -> None:
    with Origin() as closed:
        url = closed.url
    (refused,) = fetch_all(Time(), url)
    assert failure_of(refused).reason is FetchReason.CONNECT


def test_a_hanging_robots_txt_is_within_the_time_limit(origin: Origin) -> None:
    origin.hang("/robots.txt")
    (refused,) = fetch_all(Time(), origin.page("/x", "x"), rules=replace(POLITE, timeout_s=0.1))
    assert failure_of(refused).reason is FetchReason.TIMEOUT


def test_when_the_one_who_asks_is_cancelled_the_next_one_asks(origin: Origin) -> None:
    origin.hang("/robots.txt")
    url = origin.page("/x", "x")

    async def run() -> Fetched:
        async with fetcher(Time(), per_host=2) as open_fetcher:
            first = asyncio.create_task(open_fetcher.fetch(url, POLITE))
            second = asyncio.create_task(open_fetcher.fetch(url, POLITE))
            await asyncio.to_thread(origin.wait_for_request)
            origin.robots("")
            first.cancel()
            return await second

    got = asyncio.run(run()).snapshot
    assert got is not None
    assert got.body == b"x"


# Pauses


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_the_server_asks_for_is_kept_for_the_whole_host(origin: Origin, status: int) -> None:
    busy, other = origin.busy("/busy", "120", status), origin.page("/other", "x")
    time = Time()

    async def run() -> None:
        async with fetcher(time) as open_fetcher:
            with pytest.raises(FetchError) as first:
                await open_fetcher.fetch(busy, POLITE)
            assert (first.value.status, first.value.retry_after_s) == (status, 120.0)
            time.now += 20
            with pytest.raises(FetchError) as second:
                await open_fetcher.fetch(other, POLITE)
            assert second.value.reason is FetchReason.STATUS
            assert second.value.retry_after_s == 100.0
            assert "100 s of it are left" in second.value.message
            time.now += 100
            await open_fetcher.fetch(other, POLITE)

    asyncio.run(run())
    assert origin.paths_asked() == ["/robots.txt", "/busy", "/other"]


def test_a_pause_at_one_host_leaves_others_alone(origin: Origin) -> None:
    with Origin() as other:
        _, got = fetch_all(Time(), origin.busy("/busy", "120"), other.page("/x", "x"))
        assert isinstance(got, Fetched)


def test_a_redirect_does_not_lead_around_a_pause(origin: Origin) -> None:
    with Origin() as other:
        url = origin.redirect("/go", other.busy("/busy", "120"))
        first, second = fetch_all(Time(), url, url)
        assert failure_of(first).status == failure_of(second).status == 429
        assert other.paths_asked() == ["/robots.txt", "/busy"]


def test_a_host_that_says_too_often_without_a_time_is_left_alone_for_some_minutes(origin: Origin) -> None:
    origin.page("/often", "slow down", status=429)
    refused, again = fetch_all(Time(), f"{origin.url}/often", origin.page("/x", "x"))
    assert failure_of(refused).retry_after_s == failure_of(again).retry_after_s == UNNAMED_PAUSE_S
    assert origin.paths_asked() == ["/robots.txt", "/often"]


def test_retry_after_on_another_status_means_nothing(origin: Origin) -> None:
    refused, got = fetch_all(Time(), origin.busy("/gone", "120", 404), origin.page("/x", "x"))
    assert failure_of(refused).retry_after_s is None
    assert isinstance(got, Fetched)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("999999999999999", MAX_PAUSE_S),
        ("Mon, 23 Nov 2026 12:02:00 GMT", 120.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOON) == seconds


@given(st.text())
def test_no_retry_after_raises(value: str) -> None:
    seconds = retry_after_s(value, NOON)
    assert seconds is None or 0 <= seconds <= MAX_PAUSE_S


@given(st.integers(0, 80_000), st.integers(-12, 12))
def test_a_date_means_the_same_in_every_zone(seconds: int, hours: int) -> None:
    when = (NOON + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=hours)))
    assert retry_after_s(format_datetime(when), NOON) == seconds


# Turns


def test_requests_to_one_host_are_spaced_out_and_other_hosts_are_not_held_up(origin: Origin) -> None:
    origin.page("/x", "x")
    one, two = (f"http://{name}.test:{origin.port}/x" for name in ("one", "two"))
    rules = replace(POLITE, robots=False)
    time = Time()
    fetch_all(time, one, one, one, rules=rules, spacing_s=2.0)
    assert time.now == 1004.0
    time = Time()
    fetch_all(time, one, two, rules=rules, spacing_s=2.0)
    assert time.now == 1000.0


def test_ones_own_machines_are_not_spaced_out(origin: Origin) -> None:
    time = Time()
    url = origin.page("/x", "x")
    fetch_all(time, url, url, url, spacing_s=2.0)
    assert time.now == 1000.0


@pytest.mark.parametrize(("asked", "kept_s"), [("3", 3.0), ("600", MAX_CRAWL_DELAY_S)])
def test_a_crawl_delay_is_kept_up_to_a_bound(origin: Origin, asked: str, kept_s: float) -> None:
    origin.robots(f"User-agent: *\nCrawl-delay: {asked}\n")
    origin.page("/x", "x")
    url, time = f"http://one.test:{origin.port}/x", Time()
    results = fetch_all(time, url, url, url)
    assert all(isinstance(result, Fetched) for result in results)
    assert time.now == 1000.0 + 2 * kept_s


def test_no_host_gets_more_at_once_than_agreed(origin: Origin) -> None:
    flying: dict[str, int] = {}
    most: dict[str, int] = {}

    async def behaviour(asked, writer) -> None:  # type: ignore[no-untyped-def]
        host = asked.header("host")
        flying[host] = flying.get(host, 0) + 1
        most[host] = max(most.get(host, 0), flying[host])
        await asyncio.sleep(0.01)
        flying[host] -= 1
        writer.write(head(200, [("Content-Length", "0")]))

    origin.behave("/x", behaviour)
    urls = [f"http://{name}.test:{origin.port}/x" for name in ("one", "two") for _ in range(6)]

    async def run() -> None:
        async with fetcher(Time(), per_host=2) as open_fetcher:
            await asyncio.gather(*(open_fetcher.fetch(url, replace(POLITE, robots=False)) for url in urls))

    asyncio.run(run())
    assert set(most.values()) == {2}


def test_idle_hosts_are_forgotten() -> None:
    time = Time()
    turns = Turns(per_host=1, spacing_s=0.0, monotonic=time, sleep=time.sleep)

    async def run() -> None:
        for number in range(5000):
            async with turns.turn(f"host{number}"):
                pass

    asyncio.run(run())
    assert len(turns) < 2000
