"""Pages that scripts make, in a real Chromium: rendered, bounded, and never past the guard."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import httpx
import pytest

from monitor.fetch import Fetched, FetchRules
from monitor.fetch.browser import executable
from monitor.fetch.client import Fetcher
from monitor.read import ReadRules, read
from storage.errors import FetchError, FetchReason

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edges.origin import Asked, Origin

RULES = FetchRules(browser=True, robots=False, allow_private=("127.0.0.1/32",), timeout_s=60)
SCRIPTED = """<!doctype html><meta charset=gbk><title>A readout</title><article id=a></article>
<script>fetch('/words').then(r => r.text()).then(words => { document.getElementById('a').innerHTML = words })</script>"""
WORDS = "<h1>A readout</h1><p>The parties shall meet again in May, said 习近平.</p>"

has_chromium = pytest.mark.usefixtures("chromium")


class Secret:
    """A second server on this machine, at an address the page may not reach; it notes who asks."""

    def __enter__(self) -> Secret:
        asked = self.asked = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()

            do_POST = do_OPTIONS = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.2", 0), Answer)
        self.url = f"http://127.0.0.2:{self._server.server_address[1]}/secret"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def render(url: str, rules: FetchRules = RULES, **lookup: object) -> Fetched:
    async def go() -> Fetched:
        async with Fetcher(**lookup) as fetcher:  # type: ignore[arg-type]
            return await fetcher.fetch(url, rules)

    return asyncio.run(go())


@has_chromium
def test_what_a_script_writes_is_read(origin: Origin) -> None:
    origin.page("/words", WORDS)
    got = render(origin.page("/a", SCRIPTED, headers=[("X-Seen", "yes")]))
    assert got.snapshot is not None
    assert (got.snapshot.status, got.snapshot.header("x-seen"), bool(got.validators)) == (200, "yes", False)
    reading = read(got.snapshot.body, ReadRules(select="#a"), content_type=got.snapshot.header("content-type"))
    assert reading.text.paragraphs == ("The parties shall meet again in May, said 习近平.",)


@pytest.mark.slow
@has_chromium
def test_no_request_of_a_page_reaches_a_private_address(origin: Origin) -> None:
    # The page may use 127.0.0.1; 127.0.0.2 stands for the network behind the guard.
    with Secret() as other:
        httpx.get(other.url + "?reachable", trust_env=False)
        _render_page_that_wants(other.url, origin)
        assert other.asked == ["/secret?reachable"]
    assert "/worker.js" not in origin.paths_asked()


async def _lookup(host: str, port: int) -> list[str]:
    return ["127.0.0.2" if host == "secret.test" else host]


def _render_page_that_wants(secret: str, origin: Origin) -> None:
    words = f"""<body><p id=a>before</p><iframe src="{secret}?frame"></iframe><img src="{secret}?image">
    <link rel=stylesheet href="{secret}?style"><link rel=preconnect href="{secret}"><script src="{secret}?script"></script>
    <script>
    fetch('{secret}?fetch').catch(() => 0); fetch('{secret.replace("127.0.0.2", "secret.test")}?name').catch(() => 0);
    fetch('{secret.replace("127.0.0.2", "2130706434")}?number').catch(() => 0);
    new WebSocket('{secret.replace("http:", "ws:")}?socket'); navigator.sendBeacon('{secret}?beacon');
    new EventSource('{secret}?events'); try {{ new Worker('{secret}?worker') }} catch {{}}
    navigator.serviceWorker && navigator.serviceWorker.register('/worker.js').catch(() => 0);
    window.open('{secret}?window'); setTimeout(() => {{ document.getElementById('a').textContent = 'after' }}, 300);
    </script>"""
    origin.page("/worker.js", f"fetch('{secret}?service')", kind="text/javascript")
    got = render(origin.page("/a", words), replace(RULES, wait_for="#a:text('after')"), lookup=_lookup)
    assert got.snapshot is not None
    assert b"after" in got.snapshot.body


@pytest.mark.slow
@has_chromium
def test_a_page_that_is_refused_or_redirected_to_a_private_address_says_so(origin: Origin) -> None:
    there = origin.page("/there", "x").replace("127.0.0.1", "127.0.0.2")
    for url in (there, origin.redirect("/away", there)):
        with pytest.raises(FetchError, match=r"127\.0\.0\.2 is private") as refused:
            render(url)
        assert refused.value.reason is FetchReason.REFUSED_ADDRESS


@pytest.mark.slow
@has_chromium
def test_redirects_are_recorded_and_errors_are_no_pages(origin: Origin) -> None:
    origin.page("/end", "<p>the end</p>")
    got = render(origin.redirect("/start", "/end", status=301))
    assert got.snapshot is not None
    assert (got.snapshot.redirects, got.snapshot.final_url) == ((f"{origin.url}/start",), f"{origin.url}/end")
    assert got.permanent_url == f"{origin.url}/end"
    with pytest.raises(FetchError, match="HTTP 404"):
        render(origin.page("/absent", "no", status=404))


@pytest.mark.slow
@has_chromium
def test_time_and_size_are_bounded(origin: Origin) -> None:
    small = replace(RULES, max_size_bytes=20_000)
    big = "<script>document.write('<p>' + 'word '.repeat(1e5) + '</p>')</script>"
    with pytest.raises(FetchError, match="larger than") as large:
        render(origin.page("/big", big), small)
    assert large.value.reason is FetchReason.TOO_LARGE
    origin.flood("/flood")
    with pytest.raises(FetchError, match="larger than 200,000 bytes"):
        render(origin.page("/greedy", "<script src=/flood></script>"), small)
    with pytest.raises(FetchError, match="took longer than 3 s"):
        render(origin.page("/loop", "<script>while (true) {}</script>"), replace(RULES, timeout_s=3))


@pytest.mark.slow
@has_chromium
def test_headers_of_a_source_stay_with_its_origin(origin: Origin) -> None:
    seen: dict[str, str | None] = {}

    async def note(asked: Asked, writer: asyncio.StreamWriter) -> None:
        seen[f"{asked.header('host')}{asked.path}"] = asked.header("x-secret")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n"
        )
        writer.write(b"<p>a</p><script src='" + other.encode() + b"'></script>" if asked.path == "/own" else b"")
        await writer.drain()
        writer.close()

    url = origin.behave("/own", note)
    other = origin.behave("/other", note).replace("127.0.0.1", "localhost")
    render(url, replace(RULES, allow_private=("127.0.0.0/8", "::1/128"), headers=(("X-Secret", "s"),)))
    assert {key.partition("/")[2]: value for key, value in seen.items()} == {"own": "s", "other": None}


@has_chromium
def test_robots_txt_is_asked_before_a_browser_is_started(origin: Origin) -> None:
    origin.robots("User-agent: *\nDisallow: /")
    with pytest.raises(FetchError) as refused:
        render(origin.page("/a", "x"), replace(RULES, robots=True))
    assert refused.value.reason is FetchReason.ROBOTS
    assert origin.paths_asked() == ["/robots.txt"]
    origin.drip("/robots.txt", every_s=0.01)
    with pytest.raises(FetchError, match=r"took longer than 0\.05 s"):
        render(origin.url + "/a", replace(RULES, robots=True, timeout_s=0.05))


def test_without_a_chromium_the_error_says_how_to_get_one(origin: Origin, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no Chromium at") as missing:
        render(origin.page("/a", "x"), replace(RULES, browser_path=str(tmp_path / "none")))
    assert "browser_path" in (missing.value.hint or "")
    assert origin.paths_asked() == []


def test_without_the_extra_the_error_says_how_to_get_it(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.fetch.browser.find_spec", lambda name: None)
    with pytest.raises(FetchError, match="needs the extra 'browser'") as missing:
        render(origin.page("/a", "x"))
    assert "variorum[browser]" in (missing.value.hint or "")


def test_the_browser_is_found_where_the_environment_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "my-chromium"
    own.touch()
    monkeypatch.setenv("VARIORUM_CHROMIUM", str(own))
    assert executable(FetchRules()) == str(own)
    assert executable(FetchRules(browser_path=os.fspath(tmp_path / "other"))) is None
