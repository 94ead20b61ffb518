"""Web hooks against receivers on loopback that verify, refuse, redirect, hang and flood."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from monitor.alerts.channels import open_channel
from monitor.alerts.webhook import ANSWER_BYTES, WebhookChannel, WebhookSettings, key_of, signed_headers
from monitor.clock import utc_now
from storage.errors import ConfigError, DeliveryError
from tests.core.alerts.letters import CASES
from tests.edges.origin import Origin
from tests.edges.post_office import Authority

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "channels.md"


@dataclass
class Receiver:
    """What came in, and what is answered."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    written: int = 0


@contextmanager
def receiver(**more: Any) -> Iterator[Receiver]:
    kept = Receiver(**more)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            for name, value in kept.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                while kept.body:
                    self.wfile.write(kept.body)
                    kept.written += len(kept.body)
                    if len(kept.body) < 10_000:
                        return
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hook/t0ken"
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def settings(url: str, *secrets: str, **more: Any) -> WebhookSettings:
    keys = tuple(key_of(secret) for secret in secrets or (SECRET,))
    return replace(WebhookSettings(url, keys, timeout_s=10, allow_private=("127.0.0.0/8",)), **more)


def send(used: WebhookSettings, case: str = "readout", **more: Any) -> None:
    async def run() -> None:
        hook = WebhookChannel("hook", used, **more)
        try:
            await hook.send(CASES[case]())
        finally:
            await hook.aclose()

    asyncio.run(run())


def failure(used: WebhookSettings, **more: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send(used, **more)
    assert "\n" not in caught.value.message
    assert "t0ken" not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def documented() -> Callable[[str, dict[str, str], bytes], dict[str, Any]]:
    """The receiver that docs/channels.md shows, run as it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    found: dict[str, Any] = {}
    exec(compile(code, str(DOCUMENT), "exec"), found)
    return found["verified"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("case", ["readout", "chinese", "hostile", "digest"])
def test_the_documented_receiver_and_the_reference_library_verify_a_real_post(case: str) -> None:
    with receiver() as there:
        send(settings(there.url), case)
    ((headers, body),) = there.posts
    assert documented()(SECRET, headers, body) == json.loads(body)
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    assert headers["webhook-id"] == json.loads(body)["data"]["id"] == "dl-0001"
    assert headers["content-type"] == "application/json"


def test_the_documented_receiver_is_ten_lines() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip() and '"""' not in line]
    assert len(lines) <= 10


def test_what_was_altered_or_is_old_or_signed_by_another_is_refused() -> None:
    with receiver() as there:
        send(settings(there.url))
        send(settings(there.url), clock=lambda: utc_now() - timedelta(minutes=6))
    (headers, body), (old_headers, old_body) = there.posts
    verify = documented()
    forged = [
        (SECRET, headers, body.replace(b"forty", b"fifty")),
        (SECRET, {**headers, "webhook-id": "dl-0002"}, body),
        (SECRET, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, body),
        (SECRET, old_headers, old_body),
        (OLDER, headers, body),
        (SECRET, {**headers, "webhook-signature": "v1,AAAA"}, body),
    ]
    for secret, given, content in forged:
        with pytest.raises(ValueError, match="not a letter of ours"):
            verify(secret, given, content)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(content, given)


def test_while_a_key_is_replaced_both_verify() -> None:
    with receiver() as there:
        send(settings(there.url, SECRET, OLDER))
    ((headers, body),) = there.posts
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (SECRET, OLDER):
        assert documented()(secret, headers, body)
        assert Webhook(secret).verify(body, headers)


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks specification and of its reference libraries.
    at = datetime.fromtimestamp(1614265330, UTC)
    told = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', (key_of(SECRET),))
    assert told["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_hook_without_a_secret_is_not_signed() -> None:
    with receiver() as there:
        send(settings(there.url, keys=()))
    assert "webhook-signature" not in there.posts[0][0]


def test_headers_of_the_channel_are_sent_but_none_of_ours_is_replaced() -> None:
    with receiver() as there:
        own = (("Authorization", "Bearer x"), ("Webhook-Id", "forged"), ("Content-Type", "text/plain"), ("Host", "a.b"))
        send(settings(there.url, headers=own))
    headers, body = there.posts[0]
    assert headers["authorization"] == "Bearer x"
    assert headers["webhook-id"] == "dl-0001"
    assert headers["content-type"] == "application/json"
    assert headers["host"].startswith("127.0.0.1:")
    assert headers["user-agent"].startswith("Variorum/")
    assert Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_accepts(status: int) -> None:
    with receiver(status=status) as there:
        send(settings(there.url))
    assert len(there.posts) == 1


@pytest.mark.parametrize(
    ("status", "final", "stops", "pause_s"),
    [
        (301, True, False, None), (302, True, False, None), (308, True, False, None),
        (400, True, False, None), (401, True, False, None), (404, True, False, None), (422, True, False, None),
        (408, False, False, 120), (425, False, False, 120), (429, False, False, 120),
        (410, True, True, None),
        (500, False, False, 120), (502, False, False, 120), (503, False, False, 120), (504, False, False, 120),
    ],
)  # fmt: skip
def test_the_status_decides(status: int, final: bool, stops: bool, pause_s: float | None) -> None:
    with receiver(
        status=status, headers={"Retry-After": "120", "Location": "http://10.0.0.1/"}, body=b"no\x1b[0m\n"
    ) as there:
        error = failure(settings(there.url))
    assert (error.final, error.stops_channel, error.retry_after_s) == (final, stops, pause_s)
    assert error.message == f"127.0.0.1 answered with HTTP {status}: no␛[0m"
    assert len(there.posts) == 1
    if status < 400:
        assert "Redirects are not followed" in (error.hint or "")


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    with receiver(status=503, headers={"Retry-After": "Mon, 23 Nov 2026 12:10:00 GMT"}) as there:
        error = failure(settings(there.url), clock=lambda: now)
    assert error.retry_after_s == 600


def test_an_endless_answer_is_not_read_on() -> None:
    with receiver(status=200, body=b"x" * 100_000) as there:
        send(settings(there.url))
    assert there.written < 20_000_000
    with receiver(status=500, body=b"y" * 100_000) as there:
        error = failure(settings(there.url))
    assert len(error.message) < 200 < ANSWER_BYTES


def test_a_receiver_that_hangs_is_given_up(origin: Origin) -> None:
    error = failure(settings(origin.hang("/hook/t0ken"), timeout_s=0.15))
    assert error.message == "127.0.0.1: took longer than 0.15 s"
    assert not error.final


def test_a_dripping_answer_is_given_up(origin: Origin) -> None:
    with pytest.raises(DeliveryError):
        send(settings(origin.hang("/hook/t0ken", b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n"), timeout_s=0.15))


def test_nobody_listening_is_worth_another_attempt() -> None:
    with receiver() as there:
        url = there.url
    error = failure(settings(url))
    assert error.message == "127.0.0.1: connection refused"
    assert not error.final


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/t0ken", "http://10.1.2.3/t0ken", "http://[::1]/t0ken", "http://0x7f.1/t0ken"]
)
def test_a_private_address_needs_leave(url: str) -> None:
    error = failure(settings(url, allow_private=()))
    assert "private" in error.message or "usual form" in error.message
    assert not error.final


def test_a_name_that_turns_to_a_private_address_is_caught_when_it_does() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]])

    async def lookup(host: str, port: int) -> list[str]:
        return next(answers)

    with receiver() as there:
        url = there.url.replace("127.0.0.1", "hook.test")

        async def twice() -> None:
            hook = WebhookChannel("hook", settings(url), lookup=lookup)
            await hook.send(CASES["readout"]())
            await hook.aclose()  # no kept connection: the name is looked up again
            with pytest.raises(DeliveryError, match=r"hook\.test leads to 10\.0\.0\.1, which is private"):
                await hook.send(CASES["readout"]())
            await hook.aclose()

        asyncio.run(twice())
    assert len(there.posts) == 1


def test_certificates_are_checked() -> None:
    authority = Authority()

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with Origin(tls=authority.server("hook.test")) as origin:
        origin.page("/hook/t0ken", "ok", status=200)
        url = f"https://hook.test:{origin.port}/hook/t0ken"
        send(settings(url), lookup=here, ssl_context=authority.client)
        other = failure(settings(url.replace("hook.test", "other.test")), lookup=here, ssl_context=authority.client)
        unknown = failure(settings(url), lookup=here, ssl_context=ssl.create_default_context)
    assert "certificate not valid" in other.message
    assert "certificate not valid" in unknown.message
    assert not other.final


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 100])
def test_a_secret_that_is_none_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_channel("hook", {"webhook": {"url": "https://a.example/", "secret": (secret,)}})
    assert secret not in f"{caught.value.message.removeprefix('channels.hook: a secret is not ')}"
    assert "openssl rand" in (caught.value.hint or "")


def test_settings_show_neither_address_nor_keys() -> None:
    shown = repr(settings("https://a.example/t0ken"))
    assert "t0ken" not in shown
    assert "keys" not in shown
