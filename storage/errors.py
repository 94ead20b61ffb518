"""The errors a user may meet. Each knows its exit code; the command line prints ``error:`` and ``hint:``.

``ConfigError`` and ``FetchError`` and ``ReadError`` live here, below everything, because both floors raise or catch them.
"""

from __future__ import annotations

import enum


class VariorumError(Exception):
    """Something a person can mend. ``message`` says what and where, ``hint`` what to do next.

    ``exit_code`` is what the command line returns: 2 usage or configuration, 3 some sources failed, 4 integrity fault.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class ConfigError(VariorumError):
    """``config.yaml`` (or a file or option it names) is wrong; the message starts with file, line and key."""


class UsageError(VariorumError):
    """What was asked on the command line cannot be answered: an unknown source, reference or file."""


class FetchReason(enum.StrEnum):
    """Why a fetch failed: decided from types and status codes, never from words in a message."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    REFUSED_ADDRESS = "refused-address"
    TOO_LARGE = "too-large"
    STATUS = "status"
    REDIRECTS = "redirects"
    ROBOTS = "robots"
    PROTOCOL = "protocol"
    FILE = "file"


class FetchError(VariorumError):
    """A source could not be fetched. ``status`` is the HTTP status when ``reason`` is ``STATUS``.

    ``retry_after_s``: seconds the server asked us to wait (``Retry-After``), or None.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        reason: FetchReason,
        status: int | None = None,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s


class ReadError(VariorumError):
    """Bytes were received, but no statement can be read from them (bad selector, no text, unreadable PDF)."""

    exit_code = 3


class DeliveryError(VariorumError):
    """A channel did not take a letter. Final or not is decided from types and status codes, never from words.

    ``final``: another attempt of this letter is pointless (it becomes a dead letter). ``stops_channel``: the receiver wants
    nothing any more (HTTP 410). ``retry_after_s``: seconds the receiver asked us to wait, or None. ``refused``: the
    recipients that were refused while others were served, each with the reason; those served are not sent it again.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        final: bool = False,
        stops_channel: bool = False,
        retry_after_s: float | None = None,
        refused: tuple[tuple[str, str], ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.final = final
        self.stops_channel = stops_channel
        self.retry_after_s = retry_after_s
        self.refused = refused


class StorageError(VariorumError):
    """The database cannot be used: unwritable, locked, newer than this program."""


class Pruned(StorageError):
    """What was asked for was pruned: its seal, digest and times are kept, its content is not."""


class IntegrityError(VariorumError):
    """The archive contradicts itself: evidence was altered or lost."""

    exit_code = 4
