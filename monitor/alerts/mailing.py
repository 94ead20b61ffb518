"""Where mail goes and by which server: the section ``email`` of a channel."""

from __future__ import annotations

import enum
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from storage.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S: Final = 45.0
"""For the whole exchange. RFC 5321 would wait ten minutes for the answer to DATA; the outbox asks again by itself."""


class Security(enum.Enum):
    """How the connection is protected: from the start, by STARTTLS before anything else is said, not at all."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """Where mail goes and by which server.

    ``sender`` and ``to`` are addresses with or without a name. ``attach`` adds the exact diff. ``steady`` keeps one
    subject for each thread. ``unsubscribe`` is an https address that takes RFC 8058's POST. ``allow_private`` names the
    networks outside the public internet that the server may stand in.
    """

    to: tuple[str, ...]
    sender: str
    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    reply_to: tuple[str, ...] = ()
    attach: bool = False
    steady: bool = False
    unsubscribe: str | None = None
    timeout_s: float = TIMEOUT_S
    allow_private: tuple[str, ...] = ()


def settings_of(told: Mapping[str, Any]) -> EmailSettings:
    """The settings from the validated section ``email`` of a channel. ``ConfigError`` for a password file that cannot be read."""
    smtp = told["smtp"]
    security = security_of(smtp)
    user = smtp.get("user")
    return EmailSettings(
        to=tuple(dict.fromkeys(told["to"])),
        sender=told.get("from") or (user if user and "@" in user else f"variorum@{_own_name()}"),
        host=smtp["host"].strip("[]"),
        port=port_of(smtp),
        security=security,
        user=user,
        password=_password(smtp),
        reply_to=tuple(told.get("reply_to", ())),
        attach=told.get("attach", False),
        steady=told.get("subject") == "steady",
        unsubscribe=told.get("unsubscribe"),
        timeout_s=told.get("timeout", TIMEOUT_S),
        allow_private=tuple(smtp.get("allow_private", ())),
    )


def security_of(smtp: Mapping[str, Any]) -> Security:
    """TLS where it is asked for or the port is 465, else STARTTLS, unless that is refused by name."""
    if smtp.get("tls", smtp.get("port") == 465 and "starttls" not in smtp):
        return Security.TLS
    return Security.STARTTLS if smtp.get("starttls", True) else Security.NONE


def port_of(smtp: Mapping[str, Any]) -> int:
    """The port, or the usual one: 465, 587, and 25 without protection."""
    usual = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}
    return int(smtp.get("port", usual[security_of(smtp)]))


def _password(smtp: Mapping[str, Any]) -> str | None:
    if "password_file" not in smtp:
        return str(smtp["password"]) if "password" in smtp else None
    file = Path(smtp["password_file"])
    try:
        words = file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(
            f"smtp.password_file: {file}: {why}", hint="The daemon's user must be able to read it."
        ) from None
    if not words:
        raise ConfigError(f"smtp.password_file: {file}: empty")
    return words


def _own_name() -> str:
    name = socket.gethostname().lower()
    return name if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name) else "localhost"
