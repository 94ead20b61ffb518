"""Mail: a letter as a message (pure), and the one exchange with a mail server that hands it over.

The message: RFC 5322, threads by RFC 5322 section 3.6.4, lists by RFC 2919, 2369 and 8058, no answers from machines by
RFC 3834. The exchange: RFC 5321 through aiosmtplib, over a connection that passed the guard. It never goes back to clear
text where TLS is asked for, and never shows a password to a line that is not encrypted (the configuration refuses both).
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import hashlib
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from email.header import Header
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import EmailPolicy
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.markup import page
from monitor.alerts.telling import about_one, subject, text
from monitor.render import Style
from monitor.render.safe import one_line
from storage.errors import ConfigError, DeliveryError, FetchError, FetchReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    import aiosmtplib

    from monitor.alerts import Letter, Notice
    from monitor.fetch.guard import Lookup

TIMEOUT_S: Final = 45.0
"""For the whole exchange. RFC 5321 would wait ten minutes for the answer to DATA; the outbox asks again by itself."""
GOODBYE_S: Final = 2.0
"""A server that has taken the mail may dawdle over QUIT no longer."""
ATTACHED_BYTES: Final = 2_000_000
"""Of all attachments together; many servers take 10 MB in all, base64 counted."""

_ACCOUNT_CODES: Final = frozenset({530, 534, 535, 538})
"""5xx that judge the account or the line, not the letter: wrong password, TLS wanted (RFC 4954, section 6)."""
_LATER_CODES: Final = frozenset({552})
"""5xx to a recipient that mean "not now": too many at once, mailbox full (RFC 5321, section 4.5.3.1.10)."""
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,38}[A-Za-z0-9]")
_DOMAIN_CHARS: Final = 40
"""A longer domain would not fit a Message-ID into one header line."""


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


# The message


class _Exact:
    """A header of tokens that must arrive as they are: folded between them, never encoded (RFC 5322, section 2.2.3).

    The standard library would put a long Message-ID or address of a web page into encoded words, where nobody finds it.
    """

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        """What the header registry asks for: the text is the value."""
        from email._header_value_parser import get_unstructured

        kwds["parse_tree"] = get_unstructured(value)
        kwds["decoded"] = value

    def fold(self, *, policy: EmailPolicy[EmailMessage]) -> str:
        """Name and tokens, a line each where they do not fit."""
        name = getattr(self, "name")  # noqa: B009  (given by the registry's base class, which is mixed in later)
        lines = [f"{name}:"]
        for token in str(self).split(" "):
            if len(lines[-1]) + 1 + len(token) > (policy.max_line_length or 78) and not lines[-1].endswith(":"):
                lines.append("")
            lines[-1] += f" {token}"
        return policy.linesep.join(lines) + policy.linesep


class _Words(_Exact):
    """A header of words: plain where it is ASCII, else encoded whole (RFC 2047), each line cut between characters.

    The standard library's newer folding mixes both in one line and leaves empty encoded words there, which are none.
    """

    def fold(self, *, policy: EmailPolicy[EmailMessage]) -> str:
        """Name and words, folded at 76."""
        name = getattr(self, "name")  # noqa: B009
        charset = "us-ascii" if self.isascii() else "utf-8"  # type: ignore[attr-defined]  # a str, by the base class
        shown = Header(str(self), charset, header_name=name, maxlinelen=76)
        return f"{name}: {shown.encode(linesep=policy.linesep)}{policy.linesep}"


_EXACT: Final = ("message-id", "in-reply-to", "references", "list-id", "list-unsubscribe")


def _policy(*, utf8: bool) -> EmailPolicy[EmailMessage]:
    headers = HeaderRegistry()
    for name in _EXACT:
        headers.map_to_type(name, _Exact)  # type: ignore[arg-type]  # it is mixed with the base by the registry
    headers.map_to_type("subject", _Words)  # type: ignore[arg-type]
    return SMTP_POLICY.clone(utf8=utf8, header_factory=headers)


def compose(
    letter: Letter, channel: str, settings: EmailSettings, to: Sequence[str] | None = None, *, utf8: bool = False
) -> EmailMessage:
    """The letter as a message: the same letter gives the same bytes, at every attempt.

    ``to`` are those it is addressed to (all, if None). ``utf8``: header lines in UTF-8 (RFC 6532), for addresses that
    have no other form; the server must have offered SMTPUTF8.
    """
    domain = _domain(settings.sender)
    message = EmailMessage(_policy(utf8=utf8))
    message["From"] = _address(settings.sender)
    message["To"] = [_address(one) for one in (settings.to if to is None else to)]
    if settings.reply_to:
        message["Reply-To"] = [_address(one) for one in settings.reply_to]
    message["Subject"] = subject(letter, steady=settings.steady)
    message["Date"] = letter.at
    message["Message-ID"] = message_id(letter.id, domain)
    root = message_id(_root(letter, channel), domain)
    before = message_id(letter.thread, domain) if letter.thread is not None else root
    # The root is never sent: it holds a thread together even where the first letter was lost or deleted.
    message["References"] = " ".join(dict.fromkeys((root, before)))
    message["In-Reply-To"] = before
    message["List-Id"] = f"<{channel.lower()}.variorum.{domain}>"
    for name, value in _unsubscribe(settings, letter, channel).items():
        message[name] = value
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    _sieve(message, letter)
    message.set_content(text(letter), cte=None)
    message.add_alternative(page(letter), subtype="html")
    if settings.attach:
        _attach(message, letter)
    _fix_boundaries(message, letter.id)
    return message


def message_id(ident: str, domain: str) -> str:
    """A Message-ID from an id of ours: the id itself where it can stand there, else its hash."""
    plain = ident if _SAFE_ID.fullmatch(ident) else hashlib.sha256(ident.encode("utf-8", "replace")).hexdigest()[:32]
    return f"<{plain}@{domain}>"


def _root(letter: Letter, channel: str) -> str:
    about = letter.notices[0].source.id if letter.notices and about_one(letter) else "digest"
    return "thread-" + hashlib.sha256(f"{channel}\0{about}".encode()).hexdigest()[:24]


def _address(written: str) -> Address:
    """``Name <box@host>`` as the library takes it; a host in other letters as IDNA writes it, a box as it is."""
    name, spec = parseaddr(written)
    box, _, host = (spec or written.strip()).rpartition("@")
    return Address(one_line(name), username=box, domain=_ascii_host(host))


def envelope(written: str) -> str:
    """The bare address, its host in ASCII."""
    address = _address(written)
    return f"{address.username}@{address.domain}"


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return host


def _domain(sender: str) -> str:
    """The part of our ids after the @: the sender's domain, or a short name for a long one."""
    domain = _address(sender).domain.lower()
    if len(domain) <= _DOMAIN_CHARS and re.fullmatch(r"[a-z0-9.-]+", domain):
        return domain
    return f"{hashlib.sha256(domain.encode()).hexdigest()[:16]}.variorum.invalid"


def _unsubscribe(settings: EmailSettings, letter: Letter, channel: str) -> dict[str, str]:
    """RFC 2369: by mail to a person; by one click (RFC 8058) where an https address takes it."""
    box = envelope((settings.reply_to or (settings.sender,))[0])
    ways = [f"<mailto:{box}?subject=unsubscribe%20{channel}>"] if box.isascii() else []
    url = settings.unsubscribe or next((one.links.unsubscribe for one in letter.notices if one.links.unsubscribe), None)
    fits = url is not None and url.isascii() and url.isprintable() and not set(url) & set("<> ")
    if url is not None and fits:
        ways.insert(0, f"<{url}>")
    told = {"List-Unsubscribe": ", ".join(ways)} if ways else {}
    if url is not None and fits and url.startswith("https://"):
        told["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return told


def _sieve(message: EmailMessage, letter: Letter) -> None:
    """What a mailbox rule can go by without reading the subject."""
    first = letter.notices[0] if letter.notices else None
    if first is None or not about_one(letter):
        return
    message["Variorum-Source"] = first.source.id
    message["Variorum-Event"] = first.event.kind.value
    if first.event.severity is not None:
        message["Variorum-Severity"] = first.event.severity.label
    if first.chain:
        message["Variorum-Chain"] = first.chain


def _attach(message: EmailMessage, letter: Letter) -> None:
    """The exact diff of each change: for ``patch`` (unified), and as ``diff --format json`` gives it."""
    room = ATTACHED_BYTES
    left_out = []
    for notice in letter.notices:
        for name, kind, body in _exact_forms(notice):
            if len(body) > room:
                left_out.append(f"{name} ({len(body):,} bytes)")
                continue
            room -= len(body)
            _file(message, name, kind, body)
    if left_out:
        words = "Too large to attach: " + ", ".join(left_out) + "\n`variorum diff` prints them.\n"
        message.add_attachment(words, filename="not-attached.txt")


def _file(message: EmailMessage, name: str, kind: str, body: bytes) -> None:
    if kind == "x-diff":
        params = {"charset": "utf-8"}
        message.add_attachment(body, maintype="text", subtype=kind, filename=name, params=params)
    else:
        message.add_attachment(body, maintype="application", subtype=kind, filename=name)


def _exact_forms(notice: Notice) -> list[tuple[str, str, bytes]]:
    if notice.comparison is None:
        return []
    from monitor.render.json_forms import comparison_document
    from monitor.render.unified import unified

    refs = (notice.comparison.old.ref, notice.comparison.new.ref)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(refs)).strip("-.")[:80] or "change"
    exact = unified(notice.comparison, Style(raw=True)).encode("utf-8", "surrogatepass")
    return [
        (f"{name}.diff", "x-diff", exact),
        (f"{name}.json", "json", comparison_document(notice.comparison, Style()).encode()),
    ]


def _fix_boundaries(message: EmailMessage, ident: str) -> None:
    for place, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{hashlib.sha256(f'{ident} {place}'.encode()).hexdigest()[:30]}_=")


# The exchange


class EmailChannel:
    """Hands letters to one mail server. A letter brings its own time; ``lookup`` and ``ssl_context`` are for tests."""

    def __init__(
        self,
        name: str,
        settings: EmailSettings,
        *,
        lookup: Lookup | None = None,
        ssl_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Nothing is opened before the first letter."""
        self._name = name
        self._settings = settings
        self._given_lookup = lookup
        self._make_context = ssl_context
        self._context: ssl.SSLContext | None = None
        self._own_name: str | None = None

    @property
    def _place(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    async def send(self, letter: Letter) -> None:
        """Hand it over once, to those whom ``letter.only`` names or to all. Returns when the server has taken it for each.

        ``DeliveryError`` otherwise. When it was taken for some, ``refused`` names the others, by bare address: they are
        ``only`` of the next attempt. Final when nobody is left who might be served later.
        """
        stage, turned = _Stage(), _Turned()
        async with self._connection(stage) as smtp:
            served = await self._hand_over(smtp, letter, stage, turned)
        if turned.away:
            first, why = next(iter(turned.away.items()))
            more = f" and {len(turned.away) - 1} more" if len(turned.away) > 1 else ""
            raise DeliveryError(
                f"{self._place} refused {one_line(first)}{more}: {why}",
                final=not turned.later,
                refused=tuple(turned.away.items()) if served or letter.only else (),
            )

    async def greet(self) -> None:
        """Connect, protect, log in, and leave: for ``doctor``. ``DeliveryError`` when that fails."""
        stage = _Stage()
        async with self._connection(stage):
            pass

    async def aclose(self) -> None:
        """Nothing is held open between letters."""

    @contextlib.asynccontextmanager
    async def _connection(self, stage: _Stage) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection as :meth:`_connected` makes it; all that is done with it within the time of the settings.

        Left politely when all went well, else at once. Failures of the line come out as ``DeliveryError``.
        """
        smtp: aiosmtplib.SMTP | None = None
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                smtp = await self._connected(stage)
                yield smtp
        except BaseException as error:
            if smtp is not None:
                await _hang_up(smtp)
            if isinstance(error, TimeoutError):
                raise self._failed(stage, f"no answer within {self._settings.timeout_s:g} s") from None
            if isinstance(error, FetchError):
                raise _unreachable(self._place, error) from None
            if isinstance(error, OSError | ValueError):  # ssl.SSLError is an OSError
                raise self._told(error, stage) from error
            raise
        await _goodbye(smtp)

    async def _connected(self, stage: _Stage) -> aiosmtplib.SMTP:
        """A connection that is encrypted if it is to be, and logged in. Closed again when anything fails."""
        from aiosmtplib import SMTP, SMTPException, SMTPResponseException

        settings = self._settings
        if self._own_name is None:
            self._own_name = _helo_name(await asyncio.to_thread(socket.getfqdn))
        secure = settings.security is not Security.NONE
        if secure and self._context is None:
            self._context = await asyncio.to_thread(self._make_context)
        sock = await self._dialled()
        smtp = SMTP(local_hostname=self._own_name, timeout=settings.timeout_s)
        try:
            stage.now = "greeting"
            await smtp.connect(
                hostname=settings.host,
                sock=sock,
                use_tls=settings.security is Security.TLS,
                start_tls=False,
                tls_context=self._context,
            )
            await smtp.ehlo()
            if settings.security is Security.STARTTLS:
                stage.now = "STARTTLS"
                if not smtp.supports_extension("starttls"):
                    raise DeliveryError(
                        f"{self._place} offers no STARTTLS; nothing was sent in clear text",
                        hint="'tls: true' is for port 465; 'starttls: false' is for a relay on a network you trust.",
                    )
                await smtp.starttls(server_hostname=settings.host, tls_context=self._context)
                await smtp.ehlo()
            if settings.user is not None:
                stage.now = "login"
                if smtp.get_transport_info("sslcontext") is None:
                    raise DeliveryError(
                        f"{self._place}: no password is sent over a line without TLS", hint="Set 'tls' or 'starttls'."
                    )
                await smtp.login(settings.user, settings.password or "")
        except BaseException as error:
            await _hang_up(smtp)
            sock.close()
            if isinstance(error, SMTPResponseException):
                raise self._answered(error.code, error.message, stage) from None
            if isinstance(error, SMTPException) and not isinstance(error, TimeoutError):
                if isinstance(error.__cause__, ssl.SSLError):
                    raise self._told(error.__cause__, stage) from error
                raise self._failed(stage, error.message) from None
            raise
        return smtp

    async def _dialled(self) -> socket.socket:
        from monitor.fetch.guard import SystemLookup, dial, networks

        own = None if self._given_lookup is not None else SystemLookup(threads=1)
        lookup = self._given_lookup or own
        assert lookup is not None  # noqa: S101  (one of the two is there)
        try:
            return await dial(self._settings.host, self._settings.port, networks(self._settings.allow_private), lookup)
        finally:
            if own is not None:
                own.close()

    async def _hand_over(self, smtp: aiosmtplib.SMTP, letter: Letter, stage: _Stage, turned: _Turned) -> bool:
        """Whether the server has taken it for anybody; ``turned`` is filled with whom it has not."""
        from aiosmtplib import SMTPException, SMTPRecipientRefused, SMTPResponseException

        settings = self._settings
        utf8 = smtp.supports_extension("smtputf8")
        waiting = [one for one in settings.to if not letter.only or envelope(one) in letter.only]
        for one in [one for one in waiting if not utf8 and not envelope(one).isascii()]:
            waiting.remove(one)
            turned.away[envelope(one)] = "the mail server does not take addresses in other letters (no SMTPUTF8)"
        if not waiting:
            return False
        wide = not all(envelope(one).isascii() for one in (*waiting, settings.sender, *settings.reply_to))
        if wide and not utf8:
            raise DeliveryError(
                f"{self._place} does not take a sender in other letters (no SMTPUTF8)",
                final=True,
                hint="Change 'from' or 'reply_to'.",
            )
        message = await asyncio.to_thread(self._bytes, letter, waiting, wide)
        options = ["SMTPUTF8", "BODY=8BITMIME"] if wide else []
        if smtp.supports_extension("size"):
            options.insert(0, f"SIZE={len(message)}")
        encoding = "utf-8" if wide else "ascii"
        accepted = False
        try:
            stage.now = "MAIL FROM"
            await smtp.mail(envelope(settings.sender), options=options, encoding=encoding)
            stage.now = "RCPT TO"
            for one in map(envelope, waiting):
                try:
                    await smtp.rcpt(one, encoding=encoding)
                    accepted = True
                except SMTPRecipientRefused as refusal:
                    if refusal.code == 421 or refusal.code in _ACCOUNT_CODES:
                        raise
                    turned.note(one, refusal.code, f"{refusal.code} {_said(refusal.message)}")
            if accepted:
                stage.now = "DATA"
                await smtp.data(message)
        except SMTPResponseException as error:
            raise self._answered(error.code, error.message, stage) from None
        except SMTPException as error:
            if isinstance(error, TimeoutError):
                raise
            raise self._failed(stage, error.message) from None
        return accepted

    def _bytes(self, letter: Letter, to: Sequence[str], wide: bool) -> bytes:
        return compose(letter, self._name, self._settings, to, utf8=wide).as_bytes()

    def _answered(self, code: int, said: str, stage: _Stage) -> DeliveryError:
        """The server said no. 4xx is 'not now' (greylists too); 5xx to the letter itself is for good."""
        about_letter = stage.now in ("MAIL FROM", "RCPT TO", "DATA")
        final = about_letter and 500 <= code < 600 and code not in _ACCOUNT_CODES
        hint = None
        if stage.now == "login":
            hint = "Check 'user' and 'password'."
        elif final:
            hint = "`variorum alerts retry` sends it again once that is mended."
        return DeliveryError(f"{self._place} answered {stage.now} with {code} {_said(said)}", final=final, hint=hint)

    def _failed(self, stage: _Stage, why: str) -> DeliveryError:
        if stage.now == "DATA":
            return DeliveryError(
                f"{self._place}: {_said(why)} after the mail was handed over; whether it arrives is not known",
                hint="It is sent again under the same Message-ID, which mailboxes can tell.",
            )
        return DeliveryError(f"{self._place}: {_said(why)} ({stage.now})")

    def _told(self, error: BaseException, stage: _Stage) -> DeliveryError:
        """A failure below SMTP: the connection, or its certificate."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return DeliveryError(
                f"{self._place}: certificate not valid: {error.verify_message.rstrip('.')}",
                hint="Certificates are always checked; SSL_CERT_FILE names the roots of a private authority.",
            )
        if isinstance(error, ssl.SSLError):
            said = (error.reason or type(error).__name__).replace("_", " ").lower()
            return DeliveryError(
                f"{self._place}: no secure connection ({said})", hint="'tls: true' is for port 465, STARTTLS for 587."
            )
        if isinstance(error, OSError) and error.errno is not None:
            return self._failed(stage, os.strerror(error.errno).lower())
        return self._failed(stage, str(error) or type(error).__name__)


@dataclass(slots=True)
class _Stage:
    """Where in the exchange we are, for the message of a failure."""

    now: str = "connection"


@dataclass(slots=True)
class _Turned:
    """Who was turned away, each with the reason; ``later``: some may be served at another time."""

    away: dict[str, str] = field(default_factory=dict)
    later: bool = False

    def note(self, box: str, code: int, why: str) -> None:
        """A refusal: for good from 500 on, with one exception."""
        self.away[box] = why
        self.later = self.later or code < 500 or code in _LATER_CODES


def _unreachable(place: str, error: FetchError) -> DeliveryError:
    hint = error.hint
    if error.reason is FetchReason.REFUSED_ADDRESS and hint is not None:
        hint = f"Under 'smtp': {hint}"
    return DeliveryError(f"{place}: {error.message}", hint=hint)


async def _goodbye(smtp: aiosmtplib.SMTP) -> None:
    """QUIT, for politeness; nothing depends on the answer."""
    from aiosmtplib import SMTPException

    transport = smtp.transport  # QUIT lets go of it
    with contextlib.suppress(SMTPException, OSError, TimeoutError):
        if smtp.is_connected:
            async with asyncio.timeout(GOODBYE_S):
                await smtp.quit()
    await _hang_up(smtp, transport)


async def _hang_up(smtp: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None = None) -> None:
    """Close the connection now: TLS would wait for the other side's last word."""
    transport = transport or smtp.transport
    smtp.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
    await asyncio.sleep(0)  # the loop closes the socket when it comes round


def _helo_name(found: str) -> str:
    """This machine's name for EHLO; an address literal (RFC 5321, section 4.1.3) where it has none."""
    return found if re.fullmatch(r"[A-Za-z0-9.-]+", found) and "." in found else "[127.0.0.1]"


def _said(words: str) -> str:
    """What a server said: on one line, harmless, short."""
    told = one_line(" ".join(words.split()))
    return told if len(told) <= 200 else told[:199] + "…"
