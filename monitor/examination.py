"""What ``variorum doctor`` looks at: each examination answers with findings, and never raises."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
import ssl
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor.clock import utc_now
from monitor.fetch.client import Fetcher
from monitor.fetch.guard import check_host, networks
from monitor.render.telling import plural
from storage import outbox
from storage.archive import Archive
from storage.engine import engine_for, sqlite_file
from storage.errors import ConfigError, DeliveryError, FetchError, VariorumError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.config import Settings

DISK_LOW_BYTES: Final = 200 * 2**20
DISK_SCARCE_BYTES: Final = 2**30
CLOCK_OFF_S: Final = 60.0
"""HTTP dates are whole seconds and travel; a minute is no accident."""
CERTIFICATE_SOON: Final = timedelta(days=14)
TIMEOUT_S: Final = 10.0
HOSTS: Final = 20
"""More hosts than these are looked at by sample: a doctor is asked often and should answer soon."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` was looked at, ``state``: ``good``, ``doubtful`` or ``bad``; ``said`` in a line; ``mend``: what to do."""

    what: str
    state: str
    said: str
    mend: str | None = None


def report_problems(error: VariorumError, name: str) -> list[Finding]:
    """A configuration that cannot be used, as findings."""
    from monitor.config import ConfigProblems

    if isinstance(error, ConfigProblems):
        return [Finding("configuration", "bad", one.told(name), one.hint) for one in error.problems]
    return [Finding("configuration", "bad", error.message, error.hint)]


async def examine(settings: Settings, *, offline: bool = False) -> list[Finding]:
    """Look at everything the settings lean on. ``offline`` leaves out what needs the network."""
    found = [Finding("configuration", "doubtful", note) for note in settings.notes]
    found += extras(settings)
    found += await asyncio.to_thread(database, settings)
    if offline:
        return found
    hosts, more = _hosts(settings)
    parts = [asyncio.to_thread(name_and_certificate, *host) for host in hosts]
    parts += [asyncio.to_thread(channel, name, told) for name, told in settings.channels_told]
    for some in await asyncio.gather(*parts):
        found += some
    if more:
        found.append(Finding("names", "doubtful", f"{more} more hosts were not looked at"))
    return [*found, *await clock(settings)]


def extras(settings: Settings) -> list[Finding]:
    """What the configuration asks for and was not installed with the program."""
    from monitor.alerts import apprise
    from monitor.fetch import browser
    from monitor.transfer import stamping

    rendered = [one.fetch for one in settings.declarations if one.fetch.browser]
    asked: list[tuple[str, Callable[[], object]]] = [
        ("browser", partial(browser.require_extra, one)) for one in rendered
    ]
    if any("apprise" in told for _, told in settings.channels_told):
        asked.append(("apprise", apprise.require_extra))
    if settings.timestamps is not None:
        asked.append(("timestamp", stamping.require_extra))
    found = []
    for name, require in asked:
        try:
            require()
        except VariorumError as error:
            found.append(Finding(f"extra {name}", "bad", error.message, error.hint))
    return list(dict.fromkeys(found))


def database(settings: Settings) -> list[Finding]:
    """Is it there, at our schema, sound, writable, and is there room?"""
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        if not file.parent.is_dir():
            return [Finding("database", "bad", f"{file.parent}: no such folder", f"mkdir -p {file.parent}")]
        return [Finding("database", "doubtful", f"{file}: not there yet", "`variorum check` makes it."), *_disk(file)]
    try:
        with Archive.open(settings.database, create=False) as archive:
            count = len(archive.sources())
            letters = _outbox(archive)
        engine = engine_for(settings.database)
        try:
            _write_nothing(engine)
        finally:
            engine.dispose()
    except VariorumError as error:
        return [Finding("database", "bad", error.message, error.hint)]
    found = [
        Finding("database", "good", f"{settings.shown_database}: writable, {plural(count, 'source')} watched"),
        *letters,
    ]
    if file is not None:
        found += [_sound(file), *_disk(file)]
    return found


def _outbox(archive: Archive) -> list[Finding]:
    """Channels that nothing reaches any more, and letters that were given up."""
    found = []
    for one in outbox.states(archive):
        what, mend = f"channel {one.name}", f"`variorum alerts retry {one.name}` sends again what was given up."
        if one.stopped_at is not None:
            said = f"stopped since {one.stopped_at:%Y-%m-%d %H:%M} UTC: {one.stopped_why}"
            found.append(Finding(what, "bad", said, mend))
        elif one.dead:
            said = f"{plural(one.dead, 'dead letter')} (`variorum alerts list --dead`)"
            found.append(Finding(what, "doubtful", said, mend))
    return found


def _write_nothing(engine: Any) -> None:
    from storage.engine import writing

    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE sources SET tags = tags WHERE key = -1")


def _sound(file: Path) -> Finding:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            said = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        said = str(error)
    if said == "ok":
        return Finding("integrity", "good", "SQLite's quick check found nothing")
    return Finding("integrity", "bad", said, "Stop the daemon, copy the file away, and go back to the last backup.")


def _disk(file: Path) -> list[Finding]:
    free = shutil.disk_usage(file.parent).free
    said = f"{free / 2**30:.1f} GiB free at {file.parent}"
    if free >= DISK_SCARCE_BYTES:
        return [Finding("disk", "good", said)]
    return [Finding("disk", "bad" if free < DISK_LOW_BYTES else "doubtful", said, "Make room, or move the database.")]


Host = tuple[str, int, bool, tuple[str, ...]]


def _hosts(settings: Settings) -> tuple[list[Host], int]:
    found: dict[Host, None] = {}
    for one in settings.declarations:
        parts = urlsplit(one.source.url)
        if one.enabled and parts.hostname:
            tls = parts.scheme == "https"
            found[(parts.hostname, parts.port or (443 if tls else 80), tls, one.fetch.allow_private)] = None
    return list(found)[:HOSTS], max(0, len(found) - HOSTS)


def name_and_certificate(host: str, port: int, tls: bool, allow: tuple[str, ...]) -> list[Finding]:
    """Does the name lead to an address that may be connected to, and does the certificate hold for a while?"""
    try:
        address = _address(host, port, allow)
    except FetchError as error:
        return [Finding("address", "bad", f"{host}: {error.message}", error.hint)]
    except OSError as error:
        mend = "Is the name right, and does this machine resolve names (/etc/resolv.conf)?"
        return [Finding("name", "bad", f"{host}: cannot be resolved ({error.strerror or error})", mend)]
    if not tls:
        return [Finding("name", "good", f"{host}: {address}")]
    try:
        with (
            socket.create_connection((address, port), TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"])), UTC)
    except ssl.SSLCertVerificationError as error:
        return [
            Finding("certificate", "bad", f"{host}: {error.verify_message}", "Is the clock right? Else ask the host.")
        ]
    except OSError as error:
        return [Finding("connection", "bad", f"{host}:{port}: {error}", "Is the network up, and no firewall between?")]
    left = until - utc_now()
    state = "doubtful" if left < CERTIFICATE_SOON else "good"
    return [Finding("certificate", state, f"{host}: good for {left.days} days more")]


def _address(host: str, port: int, allow: tuple[str, ...]) -> str:
    reach = networks(allow)
    addresses = [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in addresses:
        check_host(address, reach)
    return addresses[0]


async def clock(settings: Settings) -> list[Finding]:
    """Is this machine's clock right, by the ``Date`` that the first source's server sends?"""
    for one in settings.declarations[:3]:
        if not one.enabled or not one.source.url.startswith("http"):
            continue
        try:
            async with Fetcher() as fetcher:
                got = await fetcher.fetch(one.source.url, one.fetch)
            said = got.snapshot.header("date") if got.snapshot else None
            there = parsedate_to_datetime(said) if said else None
        except (FetchError, ValueError):
            continue
        if got.snapshot is None or there is None or there.tzinfo is None:
            continue
        off_s = (got.snapshot.fetched_at - there).total_seconds()
        who = urlsplit(one.source.url).hostname
        if abs(off_s) <= CLOCK_OFF_S:
            return [Finding("clock", "good", f"within {max(1, abs(round(off_s)))} s of {who}")]
        way = "ahead of" if off_s > 0 else "behind"
        mend = "Let the machine keep time: `timedatectl set-ntp true`. (Or the server's clock is wrong.)"
        return [Finding("clock", "bad", f"{abs(off_s):.0f} s {way} {who}", mend)]
    return [Finding("clock", "doubtful", "no source answered with a date to compare with")]


def channel(name: str, told: dict[str, Any]) -> list[Finding]:
    """Could this channel be reached? Nothing is sent."""
    if "email" in told:
        return [_mail(name, told["email"])]
    if "webhook" in told:
        hook = told["webhook"]
        parts = urlsplit(hook["url"])
        tls = parts.scheme == "https"
        found = name_and_certificate(
            parts.hostname or "", parts.port or (443 if tls else 80), tls, tuple(hook.get("allow_private", ()))
        )
        return [Finding(f"channel {name}", one.state, f"{one.what} {one.said}", one.mend) for one in found]
    return [
        Finding(
            f"channel {name}",
            "doubtful",
            f"cannot be tried without sending; `variorum alerts test {name}` sends a sample",
        )
    ]


def _mail(name: str, told: dict[str, Any]) -> Finding:
    """What a letter would meet, up to the login: the same guard, the same TLS."""
    from monitor.alerts.email import EmailChannel
    from monitor.alerts.mailing import settings_of

    what = f"channel {name}"
    try:
        settings = replace(settings_of(told), timeout_s=TIMEOUT_S)
        asyncio.run(EmailChannel(name, settings).greet())
    except (ConfigError, DeliveryError) as error:
        return Finding(what, "bad", error.message, error.hint or "Are host: and port: right, and no firewall between?")
    return Finding(
        what, "good", f"{settings.host}:{settings.port}: accepts us{' and our password' if settings.user else ''}"
    )
