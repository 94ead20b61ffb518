"""A letter as a mail message: headers, text, HTML, attachments. Pure: the same letter gives the same bytes.

RFC 5322; threads by its section 3.6.4, lists by RFC 2919, 2369 and 8058, no answers from machines by RFC 3834.
"""

from __future__ import annotations

import hashlib
import re
from email.header import Header
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import EmailPolicy
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.markup import page
from monitor.alerts.telling import about_one, subject, text
from monitor.render import Style
from monitor.render.safe import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.alerts import Letter, Notice
    from monitor.alerts.mailing import EmailSettings

ATTACHED_BYTES: Final = 2_000_000
"""Of all attachments together; many servers take 10 MB in all, base64 counted."""
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,38}[A-Za-z0-9]")
_DOMAIN_CHARS: Final = 40
"""A longer domain would not fit a Message-ID into one header line."""


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
    # 7 bits pass everywhere; not every relay offers 8BITMIME.
    return SMTP_POLICY.clone(utf8=utf8, header_factory=headers, cte_type="7bit")


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
    message.set_content(text(letter))
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
