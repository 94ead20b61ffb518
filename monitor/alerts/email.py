"""Mail: the one exchange with a mail server that hands a letter over. What the mail says is in ``message.py``.

RFC 5321 through aiosmtplib, over a connection that passed the guard. It never goes back to clear text where TLS is asked
for, and never shows a password to a line that is not encrypted (the configuration refuses that, too).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from monitor.alerts.mailing import EmailSettings, Security
from monitor.alerts.message import compose, envelope
from monitor.render.safe import one_line
from storage.errors import DeliveryError, FetchError, FetchReason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import aiosmtplib

    from monitor.alerts import Letter
    from monitor.fetch.guard import Lookup

GOODBYE_S: Final = 2.0
"""A server that has taken the mail may dawdle over QUIT no longer."""

_ACCOUNT_CODES: Final = frozenset({530, 534, 535, 538})
"""5xx that judge the account or the line, not the letter: wrong password, TLS wanted (RFC 4954, section 6)."""
_LATER_CODES: Final = frozenset({552})
"""5xx to a recipient that mean "not now": too many at once, mailbox full (RFC 5321, section 4.5.3.1.10)."""


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
                f"{self._place}: {_said(why)} while the mail was handed over; whether it arrives is not known",
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
