"""The daemon as an operator lives with it: reloading, renaming, health, a slow host, the service manager, the doctor."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor import systemd
from monitor.compose import house
from monitor.config import load
from monitor.daemon import Daemon
from monitor.demo.page import page
from monitor.pulse import Pulse
from monitor.rounds import _by_turns
from monitor.web.health import health_app
from monitor.web.server import Server
from storage.archive import Archive
from storage.errors import StorageError
from storage.instance import only_instance
from storage.records import Outcome
from tests.edges.origin import Origin
from tests.journeys.conftest import Program

FIRST = "A readout\n\n2026-03-01\n\nThe parties shall meet again in May.\n\nGrowth was 2.5 percent. All agreed on that point."


def _in_daemon(folder: Path, then: Callable[[Daemon], Awaitable[None]]) -> None:
    """Run ``then`` with a daemon whose jobs are called by hand."""

    async def lived() -> None:
        def settings():  # type: ignore[no-untyped-def]
            return load(folder / "config.yaml", {}, check_selectors=True)

        async with house(settings(), owner="test") as parts:
            daemon = Daemon(parts, reload=settings)
            try:
                await then(daemon)
            finally:
                await daemon.stop(1.0)

    asyncio.run(lived())


async def _checked(daemon: Daemon) -> None:
    while daemon.running:
        await asyncio.wait(daemon.running)


def test_a_wrong_configuration_is_refused_while_the_old_one_goes_on(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")

    async def then(daemon: Daemon) -> None:
        variorum.watch(f"{{id: one, ulr: '{url}'}}")
        assert not await daemon.reload()
        assert "ulr" in (daemon.pulse.refused or "")
        assert await daemon.tick() == 1
        await _checked(daemon)
        variorum.watch(f"{{id: uno, was: one, url: '{url}', select: '#article'}}", f"{{id: two, url: '{url}?2'}}")
        assert await daemon.reload()
        assert daemon.pulse.refused is None

    _in_daemon(variorum.folder, then)
    with Archive.open("sqlite:///variorum.db") as archive:
        assert [one.id for one in archive.sources(retired=True)] == ["two", "uno"]
        assert len(archive.versions("uno")) == 1


def test_a_changed_file_is_read_again_by_itself(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}'}}")

    async def then(daemon: Daemon) -> None:
        await daemon.beat()
        await asyncio.sleep(0.05)
        assert [one.source.id for one in daemon.settings.declarations] == ["one"]
        variorum.watch(f"{{id: another, url: '{url}'}}")
        await daemon.beat()
        await daemon.settled()
        assert [one.source.id for one in daemon.settings.declarations] == ["another"]

    _in_daemon(variorum.folder, then)
    with Archive.open("sqlite:///variorum.db") as archive:
        assert [one.id for one in archive.sources()] == ["another"]
        assert [one.id for one in archive.sources(retired=True)] == ["another", "one"]


def test_one_crowded_host_leaves_places_to_the_others(variorum: Program, origin: Origin) -> None:
    crowd = [f"{{id: a{n:02}, url: '{origin.hang(f'/{n}')}'}}" for n in range(60)]
    variorum.watch(*crowd, "{id: z, url: 'http://alone.example/z'}")
    config = variorum.folder / "config.yaml"
    config.write_text("concurrency: 10\n" + config.read_text())

    async def then(daemon: Daemon) -> None:
        assert await daemon.tick() <= 10
        origin.let_go()
        await _checked(daemon)

    _in_daemon(variorum.folder, then)
    with Archive.open("sqlite:///variorum.db") as archive:
        looked = [one.source.id for one in archive.states() if one.last_check is not None]
    assert "z" in looked
    assert 1 <= len(looked) - 1 <= 5


def test_health_says_what_is_wrong_and_metrics_count_checks() -> None:
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    pulse = Pulse(start, 600.0)
    pulse.check(start, Outcome.NEW, 120)
    assert pulse.faults(start + timedelta(seconds=20)) == []
    hung = start + timedelta(minutes=20)
    assert "nothing was claimed" in pulse.faults(hung)[0]
    pulse.tick(hung, 3)
    assert pulse.faults(hung) == []  # nothing was due
    pulse.due(hung, start + timedelta(minutes=1))
    assert "no check ended for 1200 s" in pulse.faults(hung)[0]
    assert 'variorum_checks_total{outcome="new"} 1.0' in pulse.metrics().decode()
    assert "variorum_overdue_seconds 1140.0" in pulse.metrics().decode()


def test_health_is_served_with_503_while_it_is_ill() -> None:
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    clock = [start]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def asked(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    async def lived() -> None:
        server = Server(health_app(Pulse(start, 600.0), lambda: clock[0]), "127.0.0.1", port)
        serving = await server.begin()
        assert (await asyncio.to_thread(asked, "/healthz"))[0] == 200
        clock[0] += timedelta(minutes=1)
        code, told = await asyncio.to_thread(asked, "/healthz")
        assert code == 503
        assert "nothing was claimed for 60 s" in json.loads(told)["reasons"][0]
        assert (await asyncio.to_thread(asked, "/metrics"))[0] == 200
        server.should_exit = True
        await serving

    asyncio.run(lived())


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert systemd.notify("READY=1", "STATUS=fine")
        assert manager.recv(100) == b"READY=1\nSTATUS=fine"
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_s() == 15.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_s() is None


def test_the_doctor_names_what_is_bad_and_what_to_do(variorum: Program, origin: Origin) -> None:
    url = origin.page("/a", page(FIRST, 1))
    variorum.watch(f"{{id: one, url: '{url}', select: '#article'}}")
    assert variorum("check").code == 0
    ran = variorum("doctor", "--json")
    assert ran.code == 0, ran.out
    states = {one["what"]: one["state"] for one in ran.json["findings"]}
    assert {"configuration", "database", "integrity", "disk", "name"} <= states.keys()
    variorum.watch("{id: one, url: 'http://10.0.0.5/a'}")
    ran = variorum("doctor")
    assert ran.code == 2
    assert "BAD   address: 10.0.0.5" in ran.out
    assert "allow_private: [10.0.0.5/32]" in ran.out
    (variorum.folder / "variorum.db").write_bytes(b"no database at all" * 100)
    assert "BAD   database" in variorum("doctor", "--offline").out
    variorum.watch("{id: one, ulr: x}")
    ran = variorum("doctor", "--json")
    assert ran.code == 2
    assert "ulr" in ran.json["findings"][0]["said"]


def test_a_second_daemon_on_one_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with only_instance(url), pytest.raises(StorageError, match=f"process {os.getpid()}"), only_instance(url):
        pass
    with only_instance(url):
        pass


def test_a_check_of_all_takes_one_source_of_each_host_in_turn(variorum: Program) -> None:
    crowd = [f"{{id: a{n}, url: 'http://crowded.example/{n}'}}" for n in range(9)]
    variorum.watch(*crowd, "{id: y, url: 'http://one.example/'}", "{id: z, url: 'http://two.example/'}")
    declared = load(variorum.folder / "config.yaml", {}).declarations
    assert [one.source.id for one in _by_turns(declared)][:5] == ["a0", "y", "z", "a1", "a2"]


def test_the_doctor_names_the_extras_that_are_asked_for_and_not_installed(
    variorum: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    variorum.write(
        "config.yaml",
        """
sources: [{id: a, url: "https://example.org/", browser: true}, {id: b, url: "https://example.org/b", browser: true}]
channels: {chat: {apprise: "json://x"}}
timestamps: {url: "https://example.org/stamp"}
""",
    )
    for library in ("playwright", "apprise", "rfc3161_client"):
        monkeypatch.setitem(sys.modules, library, None)
    ran = variorum("doctor", "--offline", "--json")
    told = {one["what"]: one["mend"] for one in ran.json["findings"] if one["state"] == "bad"}
    assert ran.code == 2
    assert sorted(told) == ["extra apprise", "extra browser", "extra timestamp"]
    for name, mend in told.items():
        assert f"pip install 'variorum[{name.removeprefix('extra ')}]'" in mend
