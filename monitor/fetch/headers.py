"""The header lines of a request: which are sent, which may follow a redirect to another origin. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.fetch.decode import ACCEPT_ENCODING
from storage.errors import FetchError, FetchReason
from storage.records import Validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.fetch import FetchRules

NO_VALIDATORS: Final = Validators()
ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,application/pdf;q=0.9,*/*;q=0.8"

_TRAVELLING: Final = frozenset(
    {
        "user-agent",
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-charset",
        "if-none-match",
        "if-modified-since",
    }
)
"""Headers that may follow a redirect to another origin; all others could carry a secret."""
_OURS: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "te"})
"""Headers that the rules of a source cannot set: the exchange itself depends on them."""

Fields = list[tuple[bytes, bytes]]


def request_headers(
    rules: FetchRules, credentials: bytes | None = None, validators: Validators = NO_VALIDATORS
) -> Fields:
    """What is sent, names in lower case: ours, those of the source (which may replace ours), and the conditions.

    Raises ``FetchError`` for a header that cannot be sent.
    """
    sent = {"user-agent": rules.user_agent, "accept": ACCEPT}
    for name, value in rules.headers:
        if name.lower() not in _OURS:
            sent[name.lower()] = value
    if any(not _is_field(name, value) for name, value in sent.items()):
        raise FetchError("headers: a name or value holds a character that cannot be sent", reason=FetchReason.PROTOCOL)
    fields = [(name.encode(), value.encode()) for name, value in sent.items()]
    fields.append((b"accept-encoding", ACCEPT_ENCODING.encode()))
    if credentials is not None and "authorization" not in sent:
        fields.append((b"authorization", credentials))
    # What a server sent in other than plain characters would not go back to it unchanged.
    if validators.etag and validators.etag.isascii() and validators.etag.isprintable():
        fields.append((b"if-none-match", validators.etag.encode()))
    if validators.last_modified and validators.last_modified.isascii() and validators.last_modified.isprintable():
        fields.append((b"if-modified-since", validators.last_modified.encode()))
    return fields


def _is_field(name: str, value: str) -> bool:
    return bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum() and value.isprintable()


def travelling(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Those that may be sent to another origin, to which a redirect leads."""
    return [(name, value) for name, value in fields if name.decode() in _TRAVELLING]


def unconditional(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Those that ask for the page, whatever we know of it."""
    return [(name, value) for name, value in fields if name not in (b"if-none-match", b"if-modified-since")]
