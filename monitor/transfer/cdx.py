"""A web archive asked for the captures of one address: a small client of CDX servers and Memento time maps.

It speaks to what is there: the Wayback Machine's CDX API (JSON rows), pywb's (a JSON object a line), the plain columns of
either, and Memento time maps (RFC 7089, link format). The address is the user's; everything goes through the guarded
fetcher. Captures are taken as they were archived (``id_``), oldest first, equal neighbours once: a capture with the same
digest as the one before is noted as seen again and not fetched. What the archive of ours covers already is not asked for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from monitor.transfer.placing import Brought, Fate
from storage.errors import FetchError, FetchReason, UsageError
from storage.records import Snapshot, Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from monitor.fetch import FetchRules
    from monitor.fetch.client import Fetcher
    from monitor.transfer.placing import Placer

PAGE_ROWS: Final = 2_000
"""Rows asked for at once; the next page begins at the time of the last row."""
MAX_PAGES: Final = 500
TRIES: Final = 3
_PLAIN: Final = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
"""The columns of a CDX answer in plain text (the Wayback CDX server's documentation)."""
_READABLE: Final = ("text/", "application/xhtml", "application/pdf", "warc/revisit", "unk", "-")
_ORIG: Final = "x-archive-orig-"
_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)")
_PARAMETER: Final = re.compile(r";\s*([\w-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))")


@dataclass(frozen=True, slots=True)
class Listed:
    """A capture as an archive lists it. ``digest`` is the archive's own, '' where it tells none.

    ``replay`` is the address of the bytes as they were received.
    """

    at: datetime
    timestamp: str
    url: str
    digest: str
    replay: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of which archive: ``address`` of the CDX server or time map, ``replay`` pattern of its captures.

    ``start`` and ``end`` are timestamps of up to 14 digits, as these archives write them; None: open.
    """

    address: str
    url: str
    replay: str
    start: str | None = None
    end: str | None = None


def replay_pattern(address: str) -> str:
    """Where an archive keeps captures, from where it lists them: ``{timestamp}`` and ``{url}`` stand for themselves.

    Raises ``UsageError`` when the address is of no known kind.
    """
    parts = urlsplit(address)
    for ending, place in (("/cdx/search/cdx", "/web"), ("/cdx", ""), ("/timemap", "")):
        head, found, _ = f"{parts.path.rstrip('/')}/".partition(f"{ending}/")
        if found:
            return urlunsplit((parts.scheme, parts.netloc, f"{head}{place}/", "", "")) + "{timestamp}id_/{url}"
    raise UsageError(
        f"{address}: where this archive keeps its captures is not known",
        hint="--replay 'https://archive.example/{timestamp}id_/{url}' says it.",
    )


async def import_cdx(
    placer: Placer, fetcher: Fetcher, rules: FetchRules, asked: Asked, source: Source
) -> AsyncIterator[Brought]:
    """Bring in the captures of ``asked.url``, oldest first. Raises ``FetchError`` when the archive does not answer.

    An import that was cut off goes on after the last capture that is kept.
    """
    known_from, known_until = placer.first_seen(source.id), placer.seen_until(source.id)
    before: Listed | None = None
    kept = some = False
    async for listed in captures(fetcher, rules, asked):
        what, some = f"{listed.timestamp} {listed.url}", True
        if known_from is not None and listed.at < known_from:
            yield Brought(what, source.id, Fate.OLDER, note=f"the history begins on {known_from:%Y-%m-%d}")
            continue
        if known_until is not None and listed.at <= known_until:
            yield Brought(what, source.id, Fate.THERE, note="within the time that is kept")
            continue
        if before is not None and kept and listed.digest and listed.digest == before.digest:
            yield placer.seen_again(source, listed.at, what)
            continue
        try:
            snapshot = await _capture(fetcher, rules, listed)
        except FetchError as failure:
            if not _of_this_capture(failure):
                raise
            # A time map does not tell statuses: an error that was archived is no failure of the import.
            archived = not listed.digest and failure.reason is FetchReason.STATUS
            yield Brought(what, source.id, Fate.HELD if archived else Fate.UNREAD, note=failure.message)
            continue
        brought = placer.place(source, snapshot, what, landed=listed.url)
        before, kept = listed, brought.fate in (Fate.ADDED, Fate.THERE)
        yield brought
    if not some:
        raise UsageError(
            f"{asked.address}: lists no capture of {asked.url}" + (" in that time" if asked.start or asked.end else ""),
            hint="Archives keep http:// and https://, with and without www., apart or together: try another form.",
        )


async def captures(fetcher: Fetcher, rules: FetchRules, asked: Asked) -> AsyncIterator[Listed]:
    """The captures of an address that are pages, oldest first. Raises ``FetchError``, ``UsageError``."""
    start = asked.start
    last: set[tuple[str, str]] = set()
    for _ in range(MAX_PAGES):
        answer = await _patiently(fetcher, rules, _question(asked, start))
        rows = sorted(listing(answer, asked), key=lambda one: one.timestamp)
        fresh = [row for row in rows if (row.timestamp, row.digest) not in last]
        for row in fresh:
            yield row
        # A time map is one document; a CDX server is asked for more from the last time it told.
        end = _last_timestamp(answer)
        if "timemap" in asked.address or not fresh or end is None or _row_count(answer) < PAGE_ROWS or end == start:
            return
        last = {(row.timestamp, row.digest) for row in rows}
        start = end


def _question(asked: Asked, start: str | None) -> str:
    if "{url}" in asked.address:
        return asked.address.replace("{url}", asked.url)
    if "timemap" in asked.address:
        return f"{asked.address.rstrip('/')}/{asked.url}"
    words = {"url": asked.url, "output": "json", "limit": str(PAGE_ROWS), "from": start, "to": asked.end}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in words.items() if value)
    return f"{asked.address}{'&' if urlsplit(asked.address).query else '?'}{query}"


def listing(answer: Snapshot, asked: Asked) -> Iterator[Listed]:
    """The pages that an answer lists, in its order. Raises ``UsageError`` when it is none of the known forms."""
    text = answer.body.decode("utf-8", "replace").strip()
    if "link-format" in (answer.header("content-type") or "") or (text.startswith("<") and 'rel="' in text[:2000]):
        yield from _mementos(text, asked)
        return
    for row in _rows(text, asked):
        timestamp, status = row.get("timestamp", ""), row.get("statuscode") or row.get("status") or "-"
        media = row.get("mimetype") or row.get("mime") or "-"
        at = _moment(timestamp)
        if at is None or status not in ("200", "203", "-") or not media.startswith(_READABLE):
            continue
        url = row.get("original") or row.get("url") or asked.url
        replay = asked.replay.replace("{timestamp}", timestamp).replace("{url}", url)
        yield Listed(at, timestamp, url, row.get("digest", "").removeprefix("sha1:"), replay)


def _rows(text: str, asked: Asked) -> Iterable[dict[str, str]]:
    """The rows of a CDX answer in any of its forms, as named fields."""
    lines = text.splitlines()
    try:
        if text.startswith("["):
            head, *rows = json.loads(text) or [[]]
            return [dict(zip(head, map(str, row), strict=False)) for row in rows if row]
        if lines and "{" in lines[0]:
            return [_cdxj(line) for line in lines]
        return [dict(zip(_PLAIN, line.split(), strict=True)) for line in lines if line.strip()]
    except (ValueError, TypeError, AttributeError):
        raise UsageError(
            f"{asked.address}: the answer is no list of captures",
            hint="Is it the address of a CDX server or a time map?",
        ) from None


def _cdxj(line: str) -> dict[str, str]:
    """``{…}``, or ``com,example)/ 20240101000000 {…}``."""
    head, brace, rest = line.partition("{")
    row = {key: str(value) for key, value in json.loads(brace + rest).items()}
    words = head.split()
    return {"timestamp": words[1], **row} if len(words) > 1 else row


def _mementos(text: str, asked: Asked) -> Iterator[Listed]:
    """The mementos of a time map in link format."""
    for address, told in _LINK.findall(text):
        parameters = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(told)}
        found = re.search(r"/(\d{14})(?:[a-z]{2}_)?/(.+)\Z", address)
        if "memento" not in parameters.get("rel", "").split() or found is None:
            continue
        timestamp, url = found.groups()
        at = _moment(timestamp)
        in_range = (asked.start or "") <= timestamp and timestamp <= (asked.end or "9").ljust(14, "9")
        if at is not None and in_range:
            replay = f"{address[: found.start()]}/{timestamp}id_/{url}"
            yield Listed(at, timestamp, url, "", replay)


def _row_count(answer: Snapshot) -> int:
    return answer.body.count(b"\n") + 1


def _last_timestamp(answer: Snapshot) -> str | None:
    """The last timestamp that an answer names, of a page or not: where the next page of it begins."""
    found = re.findall(rb"\b(\d{14})\b", answer.body)
    return max(found).decode() if found else None


async def _capture(fetcher: Fetcher, rules: FetchRules, listed: Listed) -> Snapshot:
    """The page as it was archived: the time is that of the capture, the address that answered the archive's."""
    got = await _patiently(fetcher, rules, listed.replay)
    given = _memento_time(got)
    if given is not None and given != listed.at:
        # Archives answer with the nearest capture when they cannot give the one that was asked for.
        raise FetchError(
            f"the archive gave the capture of {given:%Y-%m-%d %H:%M:%S} UTC instead", reason=FetchReason.PROTOCOL
        )
    original = [(name.removeprefix(_ORIG), value) for name, value in got.headers if name.startswith(_ORIG)]
    headers = (*original, ("memento-datetime", got.header("memento-datetime") or listed.timestamp))
    if not original:
        headers = got.headers
    elif not any(name == "content-type" for name, _ in original):
        headers = (("content-type", got.header("content-type") or "text/html"), *headers)
    return Snapshot(listed.url, got.final_url, got.status, headers, (), listed.at, got.body)


def _memento_time(got: Snapshot) -> datetime | None:
    """What the answer says of its own time (RFC 7089, section 2.1.1)."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(got.header("memento-datetime") or "").astimezone(UTC)
    except ValueError:
        return None


async def _patiently(fetcher: Fetcher, rules: FetchRules, url: str) -> Snapshot:
    """Fetch; what fails for the moment is asked again, at most ``TRIES`` times in all."""
    for attempt in range(1, TRIES + 1):
        try:
            got = await fetcher.fetch(url, rules)
        except FetchError as failure:
            passing = failure.reason in (FetchReason.TIMEOUT, FetchReason.CONNECT) or failure.status in (500, 502, 504)
            if not passing or attempt == TRIES:
                raise
            continue
        assert got.snapshot is not None  # noqa: S101  (nothing was asked conditionally)
        return got.snapshot
    raise AssertionError


def _of_this_capture(failure: FetchError) -> bool:
    """Whether the failure is of one capture (not there, refused, too large), and not of the archive as a whole."""
    if failure.reason is FetchReason.STATUS:
        return failure.status not in (401, 403, 429, 503)
    return failure.reason in (FetchReason.TOO_LARGE, FetchReason.REDIRECTS, FetchReason.PROTOCOL)


def _moment(timestamp: str) -> datetime | None:
    try:
        return datetime.strptime(timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
