"""A web hook: the letter as JSON, posted and signed by Standard Webhooks (https://www.standardwebhooks.com).

The envelope is published, ``docs/webhook.schema.json``, and versioned: ``data.format`` is raised when a key changes its
meaning or goes. A receiver tells repeats by ``webhook-id``, forgeries by ``webhook-signature``, replays by
``webhook-timestamp``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from monitor.alerts.telling import gist, label, title
from monitor.clock import utc_now
from monitor.fetch import FetchRules
from monitor.render import Style
from monitor.render.json_forms import comparison_json, encode_compact, event_json, instant, version_json
from monitor.render.safe import one_line
from storage.errors import ConfigError, DeliveryError, FetchError, FetchReason

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from monitor.alerts import Letter, Notice
    from monitor.fetch.client import Posted, Poster
    from monitor.fetch.guard import Lookup

FORMAT: Final = 1
"""Version of the envelope."""

TIMEOUT_S: Final = 20.0
"""For the whole exchange; the specification advises 15 to 30."""
ANSWER_BYTES: Final = 2_048
"""Of an answer's body: enough to quote a reason. The rest is not read."""
TEXTS_BYTES: Final = 64 * 1024
"""Both texts together up to here stand whole in the envelope; longer ones are null, with their digests."""
SCRIPT_BYTES: Final = 64 * 1024
EDITS_BYTES: Final = 128 * 1024
"""Of all edits of a letter; receivers commonly take a megabyte."""
NOTICES: Final = 100

SECRET_BYTES: Final = range(24, 65)
"""The specification's bounds for a key."""

GONE: Final = 410
AGAIN: Final = frozenset({408, 425, 429})
"""4xx that say "not now": RFC 9110 section 15.5.9, RFC 8470, RFC 6585."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where letters are posted to. ``keys`` sign, each on its own: two while one is being replaced; none: unsigned."""

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = TIMEOUT_S
    allow_private: tuple[str, ...] = ()


def settings_of(told: Mapping[str, Any]) -> WebhookSettings:
    """The settings from the validated section ``webhook`` of a channel."""
    return WebhookSettings(
        url=told["url"],
        keys=tuple(key_of(secret) for secret in told.get("secret", ())),
        headers=tuple(told.get("headers", {}).items()),
        timeout_s=told.get("timeout", TIMEOUT_S),
        allow_private=tuple(told.get("allow_private", ())),
    )


def key_of(secret: str) -> bytes:
    """The key in a secret, ``whsec_`` and base64. Raises ``ConfigError``, which shows nothing of it."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(
            "a secret is not 'whsec_' and base64", hint='Make one: echo "whsec_$(openssl rand -base64 32)"'
        ) from None
    if len(key) not in SECRET_BYTES:
        raise ConfigError(
            f"a secret holds {len(key)} bytes; {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} are asked for",
            hint='Make one: echo "whsec_$(openssl rand -base64 32)"',
        )
    return key


def signature(key: bytes, ident: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    mac = hmac.new(key, f"{ident}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def signed_headers(ident: str, at: datetime, body: bytes, keys: tuple[bytes, ...]) -> dict[str, str]:
    """The headers of one attempt; ``at`` is its time, so that a receiver may refuse old ones."""
    timestamp = int(at.timestamp())
    told = {"content-type": "application/json", "webhook-id": ident, "webhook-timestamp": str(timestamp)}
    if keys:
        told["webhook-signature"] = " ".join(signature(key, ident, timestamp, body) for key in keys)
    return told


def envelope(letter: Letter) -> dict[str, object]:
    """The letter as the published JSON; bounded, and saying what it leaves out."""
    kind = "test" if any(notice.test for notice in letter.notices) else "digest" if letter.digest else "alert"
    shown = letter.notices[:NOTICES]
    room = _Room(EDITS_BYTES // max(1, len(shown)), TEXTS_BYTES // max(1, len(shown)))
    return {
        "type": f"variorum.{kind}",
        "timestamp": instant(letter.at),
        "data": {
            "format": FORMAT,
            "id": letter.id,
            "more": letter.more + len(letter.notices) - len(shown),
            "alerts": [_notice(notice, room) for notice in shown],
        },
    }


@dataclass(frozen=True, slots=True)
class _Room:
    """Bytes for the edits and for the texts of each notice."""

    edits: int
    texts: int


def _notice(notice: Notice, room: _Room) -> dict[str, object]:
    source, links = notice.source, notice.links
    return {
        "id": notice.id,
        "label": label(notice),
        "title": title(notice),
        "summary": gist(notice),
        "about": [one_line(line) for line in notice.about],
        "test": notice.test,
        "source": {"id": source.id, "url": source.url, "series": source.series, "tags": list(source.tags)},
        "links": {"page": links.page, "change": links.change, "feed": links.feed},
        "event": event_json(notice.event),
        "version": version_json(notice.version) if notice.version is not None else None,
        "change": _change(notice, room),
        "chain": notice.chain,
    }


def _change(notice: Notice, room: _Room) -> dict[str, object] | None:
    """``diff --format json`` but for its size: texts and script may be null, edits may be left out and counted."""
    if notice.comparison is None:
        return None
    document = comparison_json(notice.comparison, Style())
    sides = {name: side for name in ("old", "new") if isinstance(side := document[name], dict)}
    if sum(_size(side["text"]) for side in sides.values()) > room.texts:
        document |= {name: {**side, "text": None} for name, side in sides.items()}
    if _size(document["script"]) > min(SCRIPT_BYTES, room.texts):
        document["script"] = None
    edits = document["edits"]
    assert isinstance(edits, list)  # noqa: S101  (made two lines above)
    kept: list[object] = []
    left = room.edits
    for edit in edits:
        left -= len(encode_compact(edit))
        if left < 0:
            break
        kept.append(edit)
    document["edits"] = kept
    document["edits_left_out"] = len(edits) - len(kept)
    return document


def _size(text: object) -> int:
    return len(str(text).encode("utf-8", "surrogatepass"))


class WebhookChannel:
    """Posts letters to one address. ``clock`` is the time on the wall; ``lookup`` and ``ssl_context`` are for tests."""

    def __init__(
        self,
        name: str,
        settings: WebhookSettings,
        *,
        clock: Callable[[], datetime] = utc_now,
        lookup: Lookup | None = None,
        ssl_context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Nothing is opened before the first letter."""
        self._name = name
        self._settings = settings
        self._clock = clock
        self._lookup = lookup
        self._make_context = ssl_context
        self._poster: Poster | None = None
        # The address may hold a token: only its host is ever shown.
        self._host = urlsplit(settings.url).hostname or "the hook"
        self._rules = FetchRules(
            timeout_s=settings.timeout_s,
            max_size_bytes=ANSWER_BYTES,
            headers=settings.headers,
            robots=False,
            allow_private=settings.allow_private,
            follow_redirects=0,
        )

    async def send(self, letter: Letter) -> None:
        """Post it once. Returns on any 2xx; ``DeliveryError`` otherwise."""
        import asyncio

        body = await asyncio.to_thread(lambda: encode_compact(envelope(letter)))
        headers = signed_headers(_header(letter.id), self._clock(), body, self._settings.keys)
        try:
            answer = await self._open().post(self._settings.url, body, headers, self._rules)
        except FetchError as error:
            raise self._unsent(error) from None
        if not 200 <= answer.status < 300:
            raise self._refused(answer)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._poster is not None:
            await self._poster.aclose()
            self._poster = None

    def _open(self) -> Poster:
        if self._poster is None:
            from monitor.fetch.client import Poster

            more = {} if self._make_context is None else {"ssl_context": self._make_context}
            self._poster = Poster(clock=self._clock, lookup=self._lookup, **more)
        return self._poster

    def _unsent(self, error: FetchError) -> DeliveryError:
        message = error.message if error.message.startswith(self._host) else f"{self._host}: {error.message}"
        hint = error.hint
        if error.reason is FetchReason.REFUSED_ADDRESS and hint is not None:
            hint = f"Under 'webhook': {hint}"
        elif error.reason is FetchReason.TIMEOUT:
            hint = "Letters are sent again by themselves; 'timeout' on the channel allows more."
        elif hint is not None and "again" in hint:
            hint = "Is the receiver up? Letters are sent again by themselves."
        return DeliveryError(message, hint=hint)

    def _refused(self, answer: Posted) -> DeliveryError:
        code = answer.status
        said = _quoted(answer.beginning)
        message = f"{self._host} answered with HTTP {code}{f': {said}' if said else ''}"
        if code == GONE:
            return DeliveryError(
                message,
                final=True,
                stops_channel=True,
                hint="It wants nothing any more; take the channel out, or mend it.",
            )
        if 300 <= code < 400:
            return DeliveryError(
                message, final=True, hint="Redirects are not followed: write the address where it ends as 'url'."
            )
        if 400 <= code < 500 and code not in AGAIN:
            hint = "Does it know the secret, and is 'url' right?" if code in (401, 403, 404) else None
            return DeliveryError(message, final=True, hint=hint)
        return DeliveryError(message, retry_after_s=answer.retry_after_s)


def _header(ident: str) -> str:
    """An id as a header may hold it: as it is, or its hash."""
    if ident.isascii() and ident.isprintable() and ident:
        return ident
    return hashlib.sha256(ident.encode("utf-8", "replace")).hexdigest()


def _quoted(beginning: bytes) -> str:
    """The first words of an answer, harmless and on one line."""
    told = one_line(" ".join(beginning.decode("utf-8", "replace").split()))
    return told if len(told) <= 120 else told[:119] + "…"
