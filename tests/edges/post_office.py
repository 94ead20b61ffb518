"""Mail servers on loopback: an honest one (aiosmtpd, with STARTTLS, TLS and logins), and one that says what it is told to.

Both run in a thread of their own. Certificates are made for the test by trustme.
"""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "desk", "correct horse"
HOST = "mail.test"


@dataclass
class Authority:
    """An authority of ours: contexts of servers it vouches for, and of clients that trust it."""

    made: trustme.CA = field(default_factory=trustme.CA)

    def server(self, name: str = HOST) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.made.issue_cert(name).configure_cert(context)
        return context

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.made.configure_trust(context)
        return context


@dataclass
class Taken:
    """One mail as the server took it."""

    sender: str
    to: list[str]
    raw: bytes
    user: str | None
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        found = email.message_from_bytes(self.raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


class PostOffice:
    """The honest server; ``taken`` is what it took. ``refuse`` maps a verb or an address to the reply it gets."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.refuse: dict[str, str] = {}
        self.port = 0

    # The hooks of aiosmtpd, which names them so

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.refuse:
            return self.refuse["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for key in ("RCPT", address):
            if key in self.refuse:
                return self.refuse[key]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        login = session.auth_data
        assert isinstance(envelope.original_content, bytes)
        self.taken.append(
            Taken(
                envelope.mail_from or "",
                list(envelope.rcpt_tos),
                envelope.original_content,
                login.login.decode() if isinstance(login, LoginPassword) else None,
                session.ssl is not None,
            )
        )
        return "250 taken"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False, auth_data=data)


class _Controller(Controller):
    """``on`` wraps the socket in TLS from the start."""

    def __init__(self, office: PostOffice, on: ssl.SSLContext | None, **more: Any) -> None:
        super().__init__(office, hostname="127.0.0.1", port=0, ssl_context=on, **more)

    def _trigger_server(self) -> None:
        """aiosmtpd's own probe connects to the port that was asked for, 0; ours is known only now."""
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


@contextmanager
def post_office(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, login: bool = False, utf8: bool = True
) -> Iterator[PostOffice]:
    office = PostOffice()
    more: dict[str, Any] = {"enable_SMTPUTF8": utf8}
    if starttls is not None:
        more |= {"tls_context": starttls, "require_starttls": True}
    if login:
        more |= {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": tls is None}
    controller = _Controller(office, tls, **more)
    controller.start()
    try:
        office.port = controller.port
        yield office
    finally:
        controller.stop()


Reply = str | Callable[["Surly", socket.socket], str | None]
"""A line, or what is done instead; None closes the line."""


class Surly:
    """A server that speaks SMTP badly. ``replies`` maps verbs (``CONNECT``, ``EHLO``, …, ``.`` for the end of DATA) to replies.

    ``heard`` is what it was told, line by line, without the text of mails.
    """

    def __init__(self, replies: dict[str, Reply] | None = None) -> None:
        self.replies: dict[str, Reply] = {
            "CONNECT": "220 surly",
            "EHLO": "250 surly",
            "MAIL": "250 ok",
            "RCPT": "250 ok",
            "DATA": "354 go on",
            ".": "250 taken",
            "QUIT": "221 bye",
            **(replies or {}),
        }
        self.heard: list[str] = []
        self.mails: list[bytes] = []
        self._ended = threading.Event()

    def __enter__(self) -> Surly:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                talk, _ = self._listening.accept()
            except OSError:
                return
            with talk, suppress(OSError):
                self._talk(talk)

    def _talk(self, talk: socket.socket) -> None:
        if not self._answer("CONNECT", talk):
            return
        with talk.makefile("rb") as lines:
            for line in lines:
                told = line.decode("utf-8", "replace").strip()
                verb = told.split(" ")[0].upper()
                self.heard.append(told)
                if not self._answer(verb, talk):
                    return
                if verb == "DATA" and str(self.replies["DATA"]).startswith("354"):
                    mail = b""
                    for part in lines:
                        if part == b".\r\n":
                            break
                        mail += part
                    self.mails.append(mail)
                    if not self._answer(".", talk):
                        return
                if verb == "QUIT":
                    return

    def _answer(self, verb: str, talk: socket.socket) -> bool:
        reply = self.replies.get(verb, "502 what?")
        said = reply if isinstance(reply, str) else reply(self, talk)
        if said is None:
            return False
        talk.sendall(said.encode() + b"\r\n")
        return True

    def hang(self, talk: socket.socket) -> None:
        """Say nothing until the server ends or the other side leaves."""
        talk.settimeout(0.02)
        while not self._ended.is_set():
            try:
                if talk.recv(1024) == b"":
                    return
            except TimeoutError:
                continue


def hang(surly: Surly, talk: socket.socket) -> None:
    surly.hang(talk)


def drop(surly: Surly, talk: socket.socket) -> None:
    """Close the line without a word."""
