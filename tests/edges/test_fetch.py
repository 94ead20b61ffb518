"""Fetching from a loopback origin, honest and otherwise."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.fetch import Fetched, FetchRules
from monitor.fetch.client import Fetcher
from monitor.fetch.headers import NO_VALIDATORS
from storage.errors import FetchError, FetchReason
from storage.records import Validators
from tests.edges.origin import Asked, Origin, head, packed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

LOOPBACK = FetchRules(allow_private=("127.0.0.0/8",), robots=False, timeout_s=10, max_size_bytes=200_000)
BRIEF = replace(LOOPBACK, timeout_s=0.15)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def with_fetcher(work: Callable[[Fetcher], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Fetcher(clock=lambda: NOON) as fetcher:
            return await work(fetcher)

    return asyncio.run(run())


def fetch(url: str, rules: FetchRules = LOOPBACK, validators: Validators = NO_VALIDATORS) -> Fetched:
    return with_fetcher(lambda fetcher: fetcher.fetch(url, rules, validators))


def body_of(got: Fetched) -> bytes:
    assert got.snapshot is not None
    return got.snapshot.body


def refused(url: str, rules: FetchRules = LOOPBACK) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(url, rules)
    assert "\n" not in caught.value.message
    return caught.value


# Pages and validators


def test_a_page_comes_with_everything_that_proves_it(origin: Origin) -> None:
    url = origin.page("/readout", "<p>Hello</p>", headers=[("X-Twice", "a"), ("X-Twice", "b")], etag='"1"')
    got = fetch(url)
    assert got.snapshot is not None
    assert (got.snapshot.url, got.snapshot.final_url, got.snapshot.status) == (url, url, 200)
    assert got.snapshot.body == b"<p>Hello</p>"
    assert got.snapshot.redirects == ()
    assert got.snapshot.fetched_at == got.fetched_at == NOON
    assert [value for name, value in got.snapshot.headers if name == "x-twice"] == ["a", "b"]
    assert got.snapshot.header("content-type") == "text/html; charset=utf-8"
    assert got.validators == Validators('"1"', None)
    assert not got.not_modified
    assert got.permanent_url is None


def test_a_known_tag_is_answered_by_not_modified_and_kept(origin: Origin) -> None:
    url = origin.page("/readout", "Hello", etag='"1"', last_modified="Mon, 23 Nov 2026 10:00:00 GMT")
    first = fetch(url)
    again = fetch(url, validators=first.validators)
    assert again.not_modified
    assert again.snapshot is None
    assert again.validators == first.validators
    assert origin.asked[-1].header("if-none-match") == '"1"'
    assert origin.asked[-1].header("if-modified-since") == "Mon, 23 Nov 2026 10:00:00 GMT"


def test_an_edited_page_is_fetched_whole_with_its_new_tag(origin: Origin) -> None:
    url = origin.page("/readout", "Hello", etag='"1"')
    first = fetch(url)
    origin.edit("/readout", "Hullo", etag='"2"')
    again = fetch(url, validators=first.validators)
    assert body_of(again) == b"Hullo"
    assert again.validators.etag == '"2"'


def test_a_date_alone_asks_conditionally(origin: Origin) -> None:
    url = origin.page("/readout", "Hello", last_modified="Mon, 23 Nov 2026 10:00:00 GMT")
    assert fetch(url, validators=fetch(url).validators).not_modified


def test_not_modified_without_having_asked_is_an_error(origin: Origin) -> None:
    failure = refused(origin.page("/readout", "", status=304))
    assert (failure.reason, failure.status) == (FetchReason.STATUS, 304)


def test_a_server_that_sends_a_body_with_not_modified_is_asked_plainly(origin: Origin) -> None:
    async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.header("if-none-match"):
            writer.write(head(304, [("ETag", '"1"'), ("Content-Length", "5")]) + b"stale")
        else:
            writer.write(head(200, [("Content-Length", "5")]) + b"fresh")

    url = origin.behave("/odd", behaviour)
    assert body_of(fetch(url, validators=Validators('"1"'))) == b"fresh"
    assert [asked.header("if-none-match") for asked in origin.asked] == ['"1"', None]


def test_a_tag_that_cannot_travel_back_unchanged_is_not_sent(origin: Origin) -> None:
    url = origin.page("/readout", "Hello")
    assert body_of(fetch(url, validators=Validators('"é"\r\nX-Evil: 1'))) == b"Hello"
    assert origin.asked[-1].header("if-none-match") is None
    assert origin.asked[-1].header("x-evil") is None


def test_the_connection_is_kept_for_the_next_page(origin: Origin) -> None:
    urls = [origin.page(f"/{number}", "x") for number in range(3)]

    async def work(fetcher: Fetcher) -> None:
        for url in urls:
            await fetcher.fetch(url, LOOPBACK)

    with_fetcher(work)
    assert {asked.connection for asked in origin.asked} == {1}


def test_sources_never_see_each_others_cookies(origin: Origin) -> None:
    url = origin.page("/readout", "x", headers=[("Set-Cookie", "who=me; Path=/")])

    async def work(fetcher: Fetcher) -> None:
        await fetcher.fetch(url, LOOPBACK)
        await fetcher.fetch(url, LOOPBACK)

    with_fetcher(work)
    assert [asked.header("cookie") for asked in origin.asked] == [None, None]


# What is sent


def test_the_headers_of_a_source_are_sent_and_may_replace_ours(origin: Origin) -> None:
    url = origin.page("/readout", "x")
    fetch(url, replace(LOOPBACK, user_agent="Desk/1 (+mailto:desk@example.org)", headers=(("Accept-Language", "zh"),)))
    assert origin.asked[0].header("user-agent") == "Desk/1 (+mailto:desk@example.org)"
    assert origin.asked[0].header("accept-language") == "zh"
    assert origin.asked[0].header("accept-encoding") == "gzip, deflate, br, zstd"
    fetch(url, replace(LOOPBACK, headers=(("User-Agent", "Other/2"), ("Accept-Encoding", "rot13"))))
    assert origin.asked[1].header("user-agent") == "Other/2"
    assert origin.asked[1].header("accept-encoding") == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("header", [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1"), ("X-A\n", "1")])
def test_a_header_that_would_smuggle_another_is_refused(origin: Origin, header: tuple[str, str]) -> None:
    failure = refused(origin.page("/readout", "x"), replace(LOOPBACK, headers=(header,)))
    assert failure.reason is FetchReason.PROTOCOL
    assert origin.asked == []


def test_name_and_password_in_an_address_are_sent_but_not_recorded(origin: Origin) -> None:
    url = origin.page("/readout", "x").replace("http://", "http://desk:s3cret@")
    got = fetch(url)
    assert origin.asked[0].header("authorization") == "Basic ZGVzazpzM2NyZXQ="
    assert "s3cret" not in repr(got)


# Redirects


def test_redirects_are_followed_and_recorded(origin: Origin) -> None:
    end = origin.page("/end", "Here")
    middle = origin.redirect("/middle", "end", 302)
    start = origin.redirect("/start", "/middle#part", 301)
    got = fetch(start)
    assert got.snapshot is not None
    assert (got.snapshot.url, got.snapshot.final_url, got.snapshot.body) == (start, end, b"Here")
    assert got.snapshot.redirects == (start, middle)
    assert got.permanent_url is None


@pytest.mark.parametrize(("statuses", "permanent"), [((301, 308), True), ((301, 302), False), ((307, 308), False)])
def test_only_a_wholly_permanent_chain_is_a_move(origin: Origin, statuses: tuple[int, int], permanent: bool) -> None:
    end = origin.page("/end", "Here")
    origin.redirect("/middle", "/end", statuses[1])
    assert fetch(origin.redirect("/start", "/middle", statuses[0])).permanent_url == (end if permanent else None)


def test_a_redirect_loop_ends(origin: Origin) -> None:
    failure = refused(origin.redirect("/loop", "/loop"))
    assert failure.reason is FetchReason.REDIRECTS
    assert failure.message == "redirected more than 5 times"
    assert len(origin.asked) == 6


def test_five_redirects_are_still_fine(origin: Origin) -> None:
    origin.page("/0", "Here")
    for number in range(1, 7):
        origin.redirect(f"/{number}", f"/{number - 1}")
    assert body_of(fetch(origin.url + "/5")) == b"Here"
    assert refused(origin.url + "/6").reason is FetchReason.REDIRECTS


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/", "javascript:alert(1)", "data:text/plain,x"])
def test_a_redirect_out_of_the_web_is_refused(origin: Origin, to: str) -> None:
    failure = refused(origin.redirect("/out", to))
    assert failure.reason is FetchReason.REFUSED_ADDRESS
    assert "only http and https are followed" in failure.message


@pytest.mark.parametrize("to", ["http://xn--x/", "//xn--/a", "http://u:p@xn--/", "http://a\x7f/", "http://exa mple/"])
def test_a_redirect_to_an_impossible_name_is_told(origin: Origin, to: str) -> None:
    assert refused(origin.redirect("/bad", to)).reason in (FetchReason.REFUSED_ADDRESS, FetchReason.DNS)


def test_a_redirect_to_nowhere_is_told(origin: Origin) -> None:
    assert refused(origin.redirect("/bad", "http://[::bad")).reason is FetchReason.REFUSED_ADDRESS
    assert refused(origin.page("/none", "", status=302)).message == "HTTP 302 Found"


def test_secrets_stay_with_the_first_origin(origin: Origin) -> None:
    with Origin() as other:
        other.page("/end", "x")
        other.redirect("/again", "/end")
        start = origin.redirect("/start", other.url + "/again", headers=[("Set-Cookie", "sid=1; Path=/private")])
        fetch(
            start, replace(LOOPBACK, headers=(("Authorization", "Bearer T"), ("X-Key", "K"), ("Accept-Language", "fr")))
        )
        assert origin.asked[0].header("authorization") == "Bearer T"
        for asked in other.asked:
            assert asked.header("authorization") is None
            assert asked.header("x-key") is None
            assert asked.header("cookie") is None
            assert asked.header("accept-language") == "fr"


def test_a_page_that_wants_its_cookie_back_is_reached(origin: Origin) -> None:
    assert body_of(fetch(origin.cookie_wall("/wall", "Behind the wall"))) == b"Behind the wall"


# Bounds


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_compressed_pages_arrive_as_they_were(origin: Origin, coding: str) -> None:
    body = b"The two sides stressed " * 5000 + bytes(range(256))
    got = fetch(origin.coded("/coded", packed(coding, body), coding))
    assert body_of(got) == body


_GROWTH = """
import asyncio, sys
from pathlib import Path
from monitor.fetch import FetchRules
from monitor.fetch.client import Fetcher
from storage.errors import FetchError, FetchReason

def kib(name):  # not getrusage: its peak begins with that of the parent
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith(name))

async def main(warm, bomb):
    rules = FetchRules(allow_private=("127.0.0.0/8",), robots=False)
    async with Fetcher() as fetcher:
        await fetcher.fetch(warm, rules)
        before = kib("VmRSS:")
        try:
            await fetcher.fetch(bomb, rules)
        except FetchError as failure:
            print(failure.reason.name, kib("VmHWM:") - before)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("coding", "size_bytes"),
    [
        *((coding, 100_000_000) for coding in ("gzip", "deflate", "br", "zstd")),
        *(pytest.param(coding, 400_000_000, marks=pytest.mark.slow) for coding in ("gzip", "deflate", "br", "zstd")),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its own peak")
def test_a_bomb_costs_little_and_is_told(origin: Origin, coding: str, size_bytes: int) -> None:
    """In a process of its own, whose whole memory counts: what the decoders take is not Python's."""
    warm = origin.coded("/warm", packed(coding, b"wording " * 4000), coding)
    command = [sys.executable, "-c", _GROWTH, warm, origin.bomb("/bomb", coding, size_bytes)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said[0] == "TOO_LARGE"
    assert 1024 * int(said[1]) < 10_000_000


def test_an_announced_length_beyond_the_bound_is_not_even_read(origin: Origin) -> None:
    failure = refused(origin.hang("/long", head(200, [("Content-Length", "7000000")])))
    assert failure.reason is FetchReason.TOO_LARGE
    assert failure.message == "larger than 200,000 bytes (the server announces 7,000,000)"


def test_a_body_without_end_is_cut_off_at_the_bound(origin: Origin) -> None:
    assert refused(origin.flood("/flood")).reason is FetchReason.TOO_LARGE


def test_a_body_of_exactly_the_bound_is_fine(origin: Origin) -> None:
    assert len(body_of(fetch(origin.page("/full", b"x" * 200_000)))) == 200_000


def test_a_dripping_server_cannot_hold_a_place(origin: Origin) -> None:
    failure = refused(origin.drip("/drip"), BRIEF)
    assert failure.reason is FetchReason.TIMEOUT
    assert failure.message == "took longer than 0.15 s"


def test_a_silent_server_is_given_up(origin: Origin) -> None:
    assert refused(origin.hang("/hang"), BRIEF).reason is FetchReason.TIMEOUT


def test_redirects_share_one_time_limit(origin: Origin) -> None:
    origin.hang("/hang")
    assert refused(origin.redirect("/slow", "/hang"), BRIEF).reason is FetchReason.TIMEOUT


# Answers that no server should give


def test_a_truncated_body_is_no_page(origin: Origin) -> None:
    failure = refused(origin.cut("/cut", b"<p>half of", 500))
    assert failure.reason is FetchReason.PROTOCOL
    assert failure.message == "127.0.0.1: the answer broke off"


def test_a_truncated_chunked_body_is_no_page(origin: Origin) -> None:
    url = origin.raw("/cut", head(200, [("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n")
    assert refused(url).reason is FetchReason.PROTOCOL


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_truncated_compressed_body_is_no_page(origin: Origin, coding: str) -> None:
    failure = refused(origin.coded("/cut", packed(coding, b"wording " * 4000)[:-6], coding))
    assert failure.reason is FetchReason.PROTOCOL
    assert failure.message == f"127.0.0.1: the answer broke off inside its {coding} data"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_lying_content_coding_is_told(origin: Origin, coding: str) -> None:
    failure = refused(origin.coded("/lie", b"\xff\xffThis is not compressed at all", coding))
    assert failure.message == f"127.0.0.1: the answer says it is {coding}, but is not"


def test_an_unknown_content_coding_is_told(origin: Origin) -> None:
    assert "content coding 'rot13'" in refused(origin.coded("/odd", b"uryyb", "rot13")).message


def test_a_reset_is_told_before_and_inside_the_body(origin: Origin) -> None:
    assert refused(origin.reset("/early")).reason is FetchReason.CONNECT
    late = refused(origin.reset("/late", head(200, [("Content-Length", "500")]) + b"<p>"))
    assert late.reason in (FetchReason.CONNECT, FetchReason.PROTOCOL)


def test_a_closed_line_is_told(origin: Origin) -> None:
    failure = refused(origin.raw("/closed", b""))
    assert failure.reason is FetchReason.CONNECT
    assert failure.message == "127.0.0.1: the connection was closed without an answer"


def test_an_answer_that_is_no_http_is_told(origin: Origin) -> None:
    failure = refused(origin.raw("/ssh", b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert failure.reason is FetchReason.PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        head(200, [("Content-Length", "5")]) + b"hello world",
        head(200, [("Content-Length", "5"), ("Content-Length", "7")]) + b"hello w",
        head(200, [("Content-Length", "-5")]) + b"hello",
        head(200, [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]) + b"5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["longer", "two lengths", "negative", "length and chunks", "a null"],  # an answer has the time of day in it
)
def test_an_answer_that_contradicts_itself_is_no_page(origin: Origin, answer: bytes) -> None:
    assert refused(origin.raw("/odd", answer)).reason is FetchReason.PROTOCOL


def test_an_answer_that_ends_with_its_connection_is_a_page(origin: Origin) -> None:
    assert body_of(fetch(origin.raw("/old", b"HTTP/1.0 200 OK\r\n\r\nHello"))) == b"Hello"


def test_a_kept_connection_that_the_server_gave_up_is_replaced(origin: Origin) -> None:
    url = origin.raw("/short", head(200, [("Content-Length", "5")]) + b"Hello")

    async def work(fetcher: Fetcher) -> list[bytes]:
        return [body_of(await fetcher.fetch(url, LOOPBACK)) for _ in range(3)]

    assert with_fetcher(work) == [b"Hello"] * 3


def test_an_address_beyond_ascii_is_asked_in_its_encoded_form(origin: Origin) -> None:
    origin.page("/%E5%A3%B0%E6%98%8E?a=b%20c", "Here")
    got = fetch(origin.url + "/声明?a=b c")
    assert got.snapshot is not None
    assert got.snapshot.url == got.snapshot.final_url == origin.url + "/%E5%A3%B0%E6%98%8E?a=b%20c"


def test_long_headers_are_no_reason_to_fail(origin: Origin) -> None:
    url = origin.page("/policy", "x", headers=[("Content-Security-Policy", "img-src a; " * 3000)])
    assert body_of(fetch(url)) == b"x"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (404, "HTTP 404 Not Found"),
        (410, "HTTP 410 Gone"),
        (403, "HTTP 403 Forbidden"),
        (500, "HTTP 500 Internal Server Error"),
        (202, "HTTP 202 Accepted"),
        (204, "HTTP 204 No Content"),
        (206, "HTTP 206 Partial Content"),
        (799, "HTTP 799"),
    ],
)
def test_a_status_that_is_no_page_is_told_in_our_words(origin: Origin, status: int, line: str) -> None:
    failure = refused(origin.page("/page", "" if status == 204 else "x", status=status))
    assert (failure.reason, failure.status, failure.message) == (FetchReason.STATUS, status, line)


def test_a_refused_connection_is_told(origin: Origin) -> None:
    with Origin() as closed:
        url = closed.url
    failure = refused(url)
    assert failure.reason is FetchReason.CONNECT
    assert failure.message == "127.0.0.1: connection refused"


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "http://", "http:///x", "http://a b/", "http://[::1", "http://exa%00mple/", "x://"]
)
def test_what_is_no_web_address_is_told(url: str) -> None:
    assert refused(url).reason in (FetchReason.PROTOCOL, FetchReason.DNS)


PIECES = [
    "http://",
    "https:",
    "//",
    "file:",
    "ftp:",
    "xn--",
    "a.test",
    "[",
    "]",
    ":",
    "@",
    "%",
    "é",
    "\u202e",
    "/..",
    " ",
    "1",
]


@given(st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=6).map("".join), min_size=20))
@settings(max_examples=20, deadline=None)
def test_whatever_the_address_it_ends_in_a_page_or_our_own_error(urls: list[str]) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def run() -> None:
        async with Fetcher(lookup=nowhere) as fetcher:
            for url in urls:
                with pytest.raises(FetchError):
                    await fetcher.fetch(url, replace(LOOPBACK, allow_private=()))

    asyncio.run(run())


# Many at once


def test_one_failing_source_leaves_the_others_alone(origin: Origin) -> None:
    urls = [
        origin.page("/a", "a"),
        origin.reset("/r"),
        origin.drip("/d"),
        origin.page("/b", "b"),
        origin.cut("/c", b"", 9),
    ]

    async def work(fetcher: Fetcher) -> list[Fetched | BaseException]:
        return await asyncio.gather(*(fetcher.fetch(url, BRIEF) for url in urls), return_exceptions=True)

    results = with_fetcher(work)
    assert [isinstance(result, Fetched) for result in results] == [True, False, False, True, False]
    assert all(isinstance(result, Fetched | FetchError) for result in results)


def test_no_more_than_the_agreed_number_are_in_flight(origin: Origin) -> None:
    flying = most = 0

    async def behaviour(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.01)
        flying -= 1
        writer.write(head(200, [("Content-Length", "0")]))

    url = origin.behave("/busy", behaviour)

    async def run() -> None:
        async with Fetcher(concurrency=3) as fetcher:
            await asyncio.gather(*(fetcher.fetch(url, LOOPBACK) for _ in range(12)))

    asyncio.run(run())
    assert most == 3


def test_a_cancelled_fetch_gives_its_place_back(origin: Origin) -> None:
    slow, quick = origin.hang("/hang"), origin.page("/quick", "x")

    async def run() -> Fetched:
        async with Fetcher(concurrency=1) as fetcher:
            task = asyncio.create_task(fetcher.fetch(slow, LOOPBACK))
            await asyncio.to_thread(origin.wait_for_request)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await fetcher.fetch(quick, LOOPBACK)

    assert body_of(asyncio.run(run())) == b"x"


def test_the_rules_are_light_to_import() -> None:
    listing = "import sys, monitor.fetch; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listing], check=True, capture_output=True, text=True).stdout.split()
    assert not {"httpx", "aiohttp", "asyncio", "ssl", "socket", "protego"} & set(loaded)
