"""Certificates are always checked. The authority and its certificates are made for the test, by the openssl command."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from monitor.fetch import FetchRules
from monitor.fetch.client import Fetcher
from storage.errors import FetchError, FetchReason
from tests.edges.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = FetchRules(allow_private=("127.0.0.0/8",), robots=False, timeout_s=10)


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority of ours (``ca.pem``) and a certificate by it for the name ``desk.test``."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the TLS tests, but there is no openssl command")
        pytest.skip("no openssl command to make certificates with")
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority")
    openssl("req", *key, "-keyout", "desk.key", "-out", "desk.csr", "-subj", "/CN=desk.test")
    (folder / "san").write_text("subjectAltName=DNS:desk.test")
    signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
    openssl("x509", "-req", "-in", "desk.csr", "-out", "desk.pem", *signing)
    return folder


@pytest.fixture
def secure(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "desk.pem", authority / "desk.key")
    return context


def fetch(url: str, roots: Callable[[], ssl.SSLContext]) -> bytes:
    async def run() -> bytes:
        async with Fetcher(lookup=here, ssl_context=roots) as fetcher:
            got = await fetcher.fetch(url, RULES)
            assert got.snapshot is not None
            return got.snapshot.body

    return asyncio.run(run())


def test_a_certificate_for_the_name_by_a_known_authority_is_accepted(authority: Path, secure: ssl.SSLContext) -> None:
    with Origin(tls=secure) as origin:
        origin.page("/", "x")
        url = f"https://desk.test:{origin.port}/"
        assert fetch(url, lambda: ssl.create_default_context(cafile=authority / "ca.pem")) == b"x"


def test_a_certificate_for_another_name_is_refused(authority: Path, secure: ssl.SSLContext) -> None:
    with Origin(tls=secure) as origin:
        origin.page("/", "x")
        with pytest.raises(FetchError) as caught:
            fetch(f"https://other.test:{origin.port}/", lambda: ssl.create_default_context(cafile=authority / "ca.pem"))
        assert caught.value.reason is FetchReason.TLS
        assert caught.value.message.startswith("other.test: certificate not valid: Hostname mismatch")
        assert "\n" not in caught.value.message
        assert origin.asked == []


def test_a_certificate_by_nobody_we_know_is_refused(secure: ssl.SSLContext) -> None:
    with Origin(tls=secure) as origin:
        with pytest.raises(FetchError) as caught:
            fetch(f"https://desk.test:{origin.port}/", httpx.create_ssl_context)
        assert caught.value.reason is FetchReason.TLS
        assert "certificate not valid" in caught.value.message
        assert origin.asked == []


def test_a_redirect_to_a_wrong_name_is_refused_too(authority: Path, secure: ssl.SSLContext) -> None:
    with Origin(tls=secure) as origin:
        origin.redirect("/go", f"https://other.test:{origin.port}/")
        with pytest.raises(FetchError) as caught:
            fetch(
                f"https://desk.test:{origin.port}/go", lambda: ssl.create_default_context(cafile=authority / "ca.pem")
            )
        assert caught.value.reason is FetchReason.TLS


def test_a_server_without_tls_is_told(origin: Origin) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(f"https://desk.test:{origin.port}/", httpx.create_ssl_context)
    assert caught.value.reason is FetchReason.TLS
    assert caught.value.message.startswith("desk.test: no secure connection")


def test_one_context_is_made_and_only_when_needed(authority: Path, secure: ssl.SSLContext, origin: Origin) -> None:
    made = 0

    def roots() -> ssl.SSLContext:
        nonlocal made
        made += 1
        return ssl.create_default_context(cafile=authority / "ca.pem")

    async def run(secured: Origin) -> None:
        async with Fetcher(lookup=here, ssl_context=roots) as fetcher:
            await fetcher.fetch(origin.page("/", "x"), RULES)
            assert made == 0
            secured.page("/", "x")
            for networks in (("127.0.0.0/8",), ("127.0.0.0/16",)):
                rules = FetchRules(allow_private=networks, robots=False)
                await fetcher.fetch(f"https://desk.test:{secured.port}/", rules)

    with Origin(tls=secure) as secured:
        asyncio.run(run(secured))
    assert made == 1
