"""Apprise as a channel: real services of its own on loopback, without the extra, and off the loop."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest

from monitor.alerts.apprise import AppriseChannel
from monitor.alerts.channels import open_channel
from monitor.alerts.telling import short
from storage.errors import ConfigError, DeliveryError
from tests.core.alerts.letters import CASES
from tests.edges.origin import Origin
from tests.edges.test_webhook import receiver

pytest.importorskip("apprise", reason="the extra 'apprise' is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def json_url(url: str) -> str:
    """An Apprise address that posts JSON there."""
    return url.replace("http://", "json://")


def send(channel: AppriseChannel, case: str = "readout") -> None:
    async def run() -> None:
        try:
            await channel.send(CASES[case]())
        finally:
            await channel.aclose()

    asyncio.run(run())


def test_a_service_is_sent_the_short_form() -> None:
    with receiver(status=200) as there:
        send(AppriseChannel("chat", [json_url(there.url)]))
    sent = json.loads(there.posts[0][1])
    assert (sent["title"], sent["message"]) == short(CASES["readout"]())


def test_hostile_text_calls_nobody() -> None:
    with receiver(status=200) as there:
        send(AppriseChannel("chat", [json_url(there.url)]), "hostile")
    assert b"@everyone" not in there.posts[0][1]
    assert b"<!channel" not in there.posts[0][1]


def test_only_the_address_that_failed_is_tried_again() -> None:
    async def run(channel: AppriseChannel, flaky: Any) -> None:
        with pytest.raises(DeliveryError) as caught:
            await channel.send(CASES["readout"]())
        assert re.fullmatch(r"chat: Apprise could not send to address 2 \(\w{8}\), of 2", caught.value.message)
        assert "t0ken" not in f"{caught.value.message} {caught.value.hint}"
        assert not caught.value.final
        flaky.status = 200
        again = tuple(name for name, _ in caught.value.refused)
        await channel.send(replace(CASES["readout"](), only=again))
        await channel.aclose()

    with receiver(status=200) as good, receiver(status=500) as flaky:
        asyncio.run(run(AppriseChannel("chat", [json_url(good.url), json_url(flaky.url)]), flaky))
    assert len(good.posts) == 1
    assert len(flaky.posts) == 2


@pytest.mark.parametrize("url", ["nonsense", "no-such-service://x", "json://"])
def test_an_address_that_apprise_does_not_understand_is_told_without_showing_it(url: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        send(AppriseChannel("chat", [url]))
    assert url not in f"{caught.value.message} {caught.value.hint}"


def test_a_service_that_hangs_holds_up_neither_the_loop_nor_the_time_limit(origin: Origin) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    async def run() -> None:
        channel = AppriseChannel("chat", [json_url(origin.hang("/t0ken"))], timeout_s=0.3)
        counting = asyncio.create_task(count())
        with pytest.raises(DeliveryError, match=r"Apprise took longer than 0\.3 s"):
            await channel.send(CASES["readout"]())
        with pytest.raises(DeliveryError, match="still busy"):
            await channel.send(CASES["gone"]())
        counting.cancel()
        await channel.aclose()

    asyncio.run(asyncio.wait_for(run(), 20))
    origin.let_go()
    assert turns > 5
    for thread in threading.enumerate():
        if thread.name.startswith("apprise-chat"):
            thread.join(10)


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as caught:
        open_channel("chat", {"apprise": ("json://x",)})
    assert caught.value.message == "channels.chat: Apprise is not installed"
    assert caught.value.hint == "pip install 'variorum[apprise]'"


def test_opening_channels_loads_neither_apprise_nor_smtp_nor_http() -> None:
    words = """
import sys
from monitor.alerts.channels import open_channel
open_channel("a", {"apprise": ("json://x",)})
open_channel("b", {"email": {"to": ("a@b.org",), "smtp": {"host": "h"}}})
open_channel("c", {"webhook": {"url": "https://a.example/"}})
print(sorted({"apprise", "aiosmtplib", "httpx", "aiohttp", "sqlalchemy", "requests"} & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
