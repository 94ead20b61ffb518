"""The keys of ``config.yaml``: one table for each section, for the validator, for editors and for readers."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from monitor.config.alerting import TIMING, WHEN
from monitor.config.document import Guarded
from monitor.config.rhythms import ACTIVE, AFTER_CHANGE, RHYTHM
from monitor.config.shapes import (
    ENCODING,
    FLAG,
    HEADERS,
    IDENTIFIER,
    MAIL,
    NETWORK,
    PATTERN,
    SECRET,
    SIZE,
    TEXT,
    URL,
    WEB_URL,
    JsonSchema,
    Key,
    duration,
    expected,
    many,
    mapping,
    one_of,
    parsed,
    section,
    whole,
    words,
    wrong,
)
from monitor.read import KINDS as READERS


def _substitution(found: dict[str, Any]) -> tuple[str, str]:
    pattern, put = found["pattern"], found.get("repl", "")
    try:
        # The template is understood before anything is looked for, so an empty text shows its faults.
        re.compile(pattern).sub(put, "")
    except (re.error, IndexError) as error:
        raise wrong(f"'repl' does not fit 'pattern': {error}", "\\1 stands for the first group.") from None
    return pattern, put


def _maybe_empty(value: object) -> str:
    if not isinstance(value, str):
        raise expected("text", value, "Put it in quotes.")
    return value


def _one_selector(found: dict[str, Any]) -> dict[str, Any]:
    if "select" in found and "xpath" in found:
        raise wrong("'select' and 'xpath' stand side by side", "Keep one of them.")
    return found


def _one_listing(found: dict[str, Any]) -> dict[str, Any]:
    from monitor.read.listing import bare_follow, is_expression

    follow = found.get("follow")
    if "index" in found and follow is None:
        raise wrong("an index needs 'follow'", "Say which links: a CSS selector such as '.news a', or '^https://…'.")
    if follow is not None and is_expression(follow):
        try:
            re.compile(bare_follow(follow))
        except re.error as error:
            raise wrong(f"'follow' is no regular expression: {error}", "Put 'css:' before a CSS selector.") from None
    elif follow is not None and "index" not in found:
        raise wrong("a CSS selector as 'follow' needs an index", "For a feed or sitemap write '^https://…' or 're:…'.")
    return _one_selector(found)


def _database(value: object) -> Guarded:
    # Shown nowhere, refused or not: it may hold a password.
    if not isinstance(value, str) or not re.match(r"sqlite(\+\w+)?://(/|$)|postgres(ql)?(\+\w+)?://", value):
        raise wrong("not the address of a database", "Write sqlite:///FILE or postgresql://USER@HOST/NAME.")
    return Guarded(str(value), "…")


def _listen(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 65_536


_CONFIRM: Final = section(
    {
        "after": Key(duration(), "How long to wait before a doubtful capture is looked at again."),
        "times": Key(whole(0, 100), "How many more looks must say the same; 0 believes at once."),
    }
)

_REPL: Final = parsed(_maybe_empty, {"type": "string"})

_FILTER: Final = section(
    {
        "keep_lines_matching": Key(PATTERN, "Keep only the paragraphs in which this regular expression is found."),
        "keep_lines_containing": Key(TEXT, "Keep only the paragraphs with these words."),
        "delete_lines_matching": Key(PATTERN, "Leave out the paragraphs in which this regular expression is found."),
        "delete_lines_containing": Key(TEXT, "Leave out the paragraphs with these words."),
        "re.sub": Key(
            section(
                {
                    "pattern": Key(PATTERN, "A regular expression.", required=True),
                    "repl": Key(_REPL, "What is put in its place; nothing if absent."),
                },
                after=_substitution,
            ),
            "Replace what a regular expression finds.",
        ),
    },
    exactly_one=(
        "keep_lines_matching",
        "keep_lines_containing",
        "delete_lines_matching",
        "delete_lines_containing",
        "re.sub",
    ),
)


def _proxy(value: object) -> Guarded:
    # Shown nowhere: it may hold a password.
    if not isinstance(value, str) or not re.match(r"http://[^\s/?#]+/?$", value):
        raise wrong("not the address of an HTTP proxy", "Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT.")
    return Guarded(str(value), "…")


_PROXY: Final = parsed(_proxy, {"type": "string", "pattern": r"^http://|\$\{"})

BEHAVIOUR: Final[dict[str, Key]] = {
    "select": Key(
        TEXT, "CSS selector of the statement. Without select and xpath the main text is found automatically."
    ),
    "xpath": Key(TEXT, "XPath of the statement, instead of select."),
    "remove": Key(many(TEXT), "CSS selectors of what is left out inside the statement."),
    "start_after": Key(TEXT, "The statement starts after these words."),
    "end_before": Key(TEXT, "The statement ends before these words."),
    "filters": Key(
        many(_FILTER, single=False), "Filters over paragraphs: first those that keep, then delete, then re.sub."
    ),
    "encoding": Key(ENCODING, "Encoding of the page, when it does not say it rightly."),
    "kind": Key(one_of(READERS), "What the bytes are; found out if absent."),
    "baseline": Key(TEXT, "The text that versions are compared with: a file beside this one, or a version such as @1."),
    "series": Key(IDENTIFIER, "The series it belongs to."),
    "tags": Key(many(TEXT), "Tags, to name several sources at once."),
    "every": Key(RHYTHM, "How often to look: 15m, or by age, or by cron."),
    "active": Key(ACTIVE, "When to look at all: days, hours and time zone, such as Mon-Fri 08:00-20:00 Europe/Berlin."),
    "after_change": Key(AFTER_CHANGE, "Look more often for a while after each change: {every: 5m, for: 6h}."),
    "timeout": Key(duration(0.1), "How long one fetch may take in all."),
    "max_size": Key(SIZE, "The largest body that is taken."),
    "user_agent": Key(TEXT, "The User-Agent that is sent; {version} stands for this program's version."),
    "headers": Key(HEADERS, "Headers that are sent in addition."),
    "robots": Key(FLAG, "Whether robots.txt is honoured."),
    "allow_private": Key(many(NETWORK), "Networks outside the public internet that may be connected to."),
    "next": Key(
        TEXT, "CSS selector (or xpath:…) of the link to the next page, of a text or an index on several pages."
    ),
    "max_pages": Key(whole(1, 100), "The most pages that are taken of one text or index."),
    "print_view": Key(TEXT, "Read the print view instead: auto, or the CSS selector (or xpath:…) of the link to it."),
    "browser": Key(FLAG, "Whether the page is rendered by a browser first (pip install 'variorum[browser]')."),
    "browser_path": Key(TEXT, "The Chromium that renders; found by itself if absent."),
    "wait_for": Key(TEXT, "CSS selector that a rendered page must show before it is taken."),
    "proxy": Key(_PROXY, "The HTTP proxy that is asked; none is taken from the environment."),
    "confirm": Key(_CONFIRM, "When a doubtful capture or a failure is believed."),
    "enabled": Key(FLAG, "Whether it is looked at."),
}
"""What may stand in a source, a listing and ``defaults``."""

SOURCE: Final[dict[str, Key]] = {
    "id": Key(IDENTIFIER, "Stable name of the source; made from its address if absent."),
    "url": Key(URL, "Its address: http, https or file."),
    "file": Key(TEXT, "A local file instead of url, beside this file or under file_roots."),
    "was": Key(IDENTIFIER, "The id it had before: its history continues under the new one."),
    "name": Key(TEXT, "A remark: what people call it."),
    "note": Key(TEXT, "A remark: anything."),
    "pages": Key(many(URL), "Further addresses whose texts belong to this one, in order."),
    "user_visible_url": Key(WEB_URL, "The address that alerts link to, where another one is fetched."),
    **BEHAVIOUR,
}

LISTING: Final[dict[str, Key]] = {
    "id": Key(IDENTIFIER, "Stable name of the listing.", required=True),
    "feed": Key(WEB_URL, "Address of an RSS, Atom or JSON feed that names sources."),
    "index": Key(WEB_URL, "Address of a page whose links name sources."),
    "sitemap": Key(WEB_URL, "Address of a sitemap that names sources."),
    "follow": Key(
        TEXT,
        "CSS selector of the links (of an index), or a regular expression over whole addresses, which may be elsewhere.",
    ),
    "max_new": Key(whole(1, 10_000), "The most sources taken up in one look; the others wait for the next one."),
    "name": SOURCE["name"],
    "note": SOURCE["note"],
    **BEHAVIOUR,
}

SERIES: Final[dict[str, Key]] = {
    "id": Key(IDENTIFIER, "Name of the series, as sources give it.", required=True),
    "title": Key(TEXT, "What people call it."),
    "baseline": Key(TEXT, "The text its members are compared with, unless they name their own."),
    "note": SOURCE["note"],
}

PHRASE: Final[dict[str, Key]] = {
    "id": Key(IDENTIFIER, "Name of the set phrase.", required=True),
    "variants": Key(many(TEXT, least=1), "Its wordings, in any language.", required=True),
    "expect": Key(many(IDENTIFIER), "Series or sources where it is expected."),
    "note": SOURCE["note"],
}

ALERT: Final[dict[str, Key]] = {
    "when": Key(WHEN, "What is told; everything if absent."),
    "to": Key(many(IDENTIFIER, least=1), "The channels it is sent to.", required=True),
    "note": SOURCE["note"],
}


def _one_protection(found: dict[str, Any]) -> dict[str, Any]:
    """TLS in one way, and no password on a line that anyone can read."""
    if found.get("tls") and found.get("starttls"):
        raise wrong("'tls' and 'starttls' stand side by side", "'tls: true' is for port 465, 'starttls: true' for 587.")
    if "password" in found and "password_file" in found:
        raise wrong("'password' and 'password_file' stand side by side", "Keep one of them.")
    named = "password" in found or "password_file" in found
    if named != ("user" in found):
        raise wrong("'user' and a password go together", "Give both, or neither for a server that asks for none.")
    plain = found.get("starttls") is False and not found.get("tls")
    if named and plain:
        raise wrong("a password would be sent in clear text", "Set 'tls: true' or 'starttls: true'.")
    return found


def _one_host(value: str) -> bool:
    return re.fullmatch(r"[^\s/:@]+|\[?[0-9A-Fa-f:.]+\]?", value) is not None


def _absolute(value: str) -> bool:
    return value.startswith("/")


def _https(value: str) -> bool:
    return value.startswith("https://") and value.isascii() and not set(value) & set("<> ") and value.isprintable()


def _hook_secret(value: object) -> Guarded:
    """A secret as Standard Webhooks writes them. The value itself is shown nowhere."""
    hint = 'Make one: echo "whsec_$(openssl rand -base64 32)"'
    if not isinstance(value, str) or not value:
        raise wrong("expected a secret", hint)
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise wrong("not a secret of 'whsec_' and base64", hint) from None
    if not 24 <= len(key) <= 64:
        raise wrong(f"a secret of {len(key)} bytes; 24 to 64 are asked for", hint)
    return Guarded(str(value), "…")


_HOOK_SECRET: Final = parsed(_hook_secret, {"type": "string", "minLength": 1})

_SMTP: Final = section(
    {
        "host": Key(words("the name of a mail server", _one_host), "Mail server.", required=True),
        "port": Key(whole(1, 65_535), "Its port; 587, with tls 465, without either 25."),
        "starttls": Key(FLAG, "Whether the connection must be upgraded to TLS; it must, unless this says false."),
        "tls": Key(FLAG, "Whether the connection is TLS from the start."),
        "user": Key(TEXT, "User name."),
        "password": Key(SECRET, "Password; take it from the environment: ${SMTP_PASSWORD}."),
        "password_file": Key(
            words("a path that starts with /", _absolute), "File that holds the password, instead of password."
        ),
        "allow_private": BEHAVIOUR["allow_private"],
    },
    after=_one_protection,
)

WAYS: Final[dict[str, Key]] = {
    "email": Key(
        section(
            {
                "to": Key(many(MAIL, least=1), "Recipients.", required=True),
                "from": Key(MAIL, "Sender."),
                "reply_to": Key(many(MAIL), "Where answers go, and wishes to be taken off the list."),
                "smtp": Key(_SMTP, "The server that takes the mail.", required=True),
                "digest": TIMING["digest"],
                "attach": Key(FLAG, "Whether the exact diff is attached, as .diff and as JSON."),
                "subject": Key(
                    one_of(("telling", "steady")),
                    "telling: what changed; steady: the same in a thread, for mail services that thread by subject.",
                ),
                "unsubscribe": Key(
                    words("an https address", _https),
                    "Address that takes a one-click POST (RFC 8058) of who wants no more.",
                ),
                "timeout": BEHAVIOUR["timeout"],
            }
        ),
        "Send mail.",
    ),
    "webhook": Key(
        section(
            {
                "url": Key(WEB_URL, "Where alerts are posted to.", required=True),
                "secret": Key(
                    many(_HOOK_SECRET),
                    "What requests are signed with, whsec_ and base64; two while one is being replaced.",
                ),
                "headers": Key(HEADERS, "Headers that are sent in addition."),
                "timeout": BEHAVIOUR["timeout"],
                "allow_private": BEHAVIOUR["allow_private"],
            }
        ),
        "Post to an address, by Standard Webhooks.",
    ),
    "apprise": Key(many(SECRET, least=1), "Apprise addresses (pip install 'variorum[apprise]')."),
}
"""How a channel reaches people: it has one of these. What opens them is ``monitor.alerts.channels.CHANNELS``."""

CHANNEL: Final[dict[str, Key]] = {**WAYS, **TIMING, "note": SOURCE["note"]}


def _one_digest(found: dict[str, Any]) -> dict[str, Any]:
    if "digest" in found and "digest" in found.get("email", {}):
        raise wrong("'digest' stands in the channel and in its 'email'", "Keep one of them.")
    return found


WEB: Final[dict[str, Key]] = {
    "listen": Key(words("HOST:PORT such as 127.0.0.1:8080", _listen), "Address and port of the web page."),
    "public_url": Key(WEB_URL, "Where people reach it; for links in alerts and feeds."),
    "token": Key(SECRET, "What readers must know, needed beyond this machine; take it from the environment."),
    "trust_header": Key(
        TEXT, "The header in which a reverse proxy names the user it let in, such as X-Forwarded-User."
    ),
    "proxies": Key(many(NETWORK), "Networks of the proxies whose trust_header is believed; this machine if absent."),
}

TIMESTAMPS: Final[dict[str, Key]] = {
    "url": Key(WEB_URL, "Address of a time-stamping authority (RFC 3161).", required=True),
    "every": Key(duration(60.0), "How often the daemon has new chain heads stamped; never if absent."),
    "certificates": Key(TEXT, "File with the root certificates (PEM) that its answers are checked against."),
    "allow_private": BEHAVIOUR["allow_private"],
}

HEALTH: Final[dict[str, Key]] = {
    "listen": Key(words("HOST:PORT such as 127.0.0.1:8467", _listen), "Where /healthz and /metrics are served."),
    "within": Key(duration(1.0), "Unhealthy when nothing was fetched for this long, though something was due."),
}

LOG: Final[dict[str, Key]] = {
    "format": Key(one_of(("text", "json")), "One line of text, or one JSON object, for each thing that is told."),
    "level": Key(one_of(("debug", "info", "warning", "error")), "The least that is told."),
}

_WORDS: Final = many(words("a word or phrase", lambda value: any(char.isalpha() for char in value)))
KINDS: Final[dict[str, Key]] = {
    "attribution": Key(_WORDS, "More verbs of saying and stance."),
    "modality": Key(_WORDS, "More words of obligation, permission and likelihood."),
    "negation": Key(_WORDS, "More words that deny."),
    "number": Key(_WORDS, "More number words, and words beside figures."),
    "date": Key(_WORDS, "More words for days and times."),
    "name": Key(_WORDS, "More names: of people, places and bodies."),
    "spelling": Key(_WORDS, "More spellings of one word, those of one in one text: 'program programme'."),
}

HEAD: Final[dict[str, Key]] = {
    "database": Key(
        parsed(_database, {"type": "string", "pattern": r"^(sqlite|postgres)|\$\{"}),
        "Address of the database: sqlite:///FILE (beside this file) or postgresql://USER@HOST/NAME.",
    ),
    "user_agent": BEHAVIOUR["user_agent"],
    "concurrency": Key(whole(1, 1_000), "Checks that run at once."),
    "per_host": Key(whole(1, 100), "Requests to one public host at once."),
    "spacing": Key(duration(0.0), "Least time between the starts of two requests to one public host."),
    "file_roots": Key(many(TEXT), "Folders, beside that of this file, below which local files may be watched."),
    "defaults": Key(
        section(BEHAVIOUR, after=_one_selector), "Keys that hold for every source that does not set its own."
    ),
    "health": Key(section(HEALTH), "Health and metrics of `variorum daemon`, for the machine that watches it."),
    "log": Key(section(LOG), "What `variorum daemon` logs, and how."),
    "web": Key(section(WEB), "The web page of `variorum daemon`."),
    "kinds": Key(section(KINDS), "More words by which the differ knows the kind of an edit, in any language."),
    "timestamps": Key(section(TIMESTAMPS), "Who proves the time of what is kept: `variorum timestamp` asks it."),
}
"""What stands once in a file."""

ITEMS: Final[dict[str, Key]] = {
    "sources": Key(section(SOURCE, exactly_one=("url", "file"), after=_one_selector), "What is watched."),
    "listings": Key(
        section(LISTING, exactly_one=("feed", "index", "sitemap"), after=_one_listing),
        "Feeds and pages that name sources.",
    ),
    "series": Key(section(SERIES), "Ordered runs of sources of one kind, with a shared baseline."),
    "phrases": Key(section(PHRASE), "Set phrases whose coming and going is watched."),
    "alerts": Key(section(ALERT), "Which events are told, and to which channels."),
}
"""The lists of a file: the shape of one item of each."""

CHANNELS: Final = Key(
    mapping(IDENTIFIER, section(CHANNEL, exactly_one=tuple(WAYS), after=_one_digest)),
    "Where alerts go, by name.",
)


def schema() -> JsonSchema:
    """The JSON Schema (draft 2020-12) of ``config.yaml``, for editors."""
    lists = {name: Key(many(item.shape, single=False), item.about) for name, item in ITEMS.items()}
    whole_file = section({**HEAD, **lists, "channels": CHANNELS})
    for name in (*lists, "channels", "defaults"):
        blank = whole_file.json["properties"][name]
        blank["type"] = [blank["type"], "null"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variorum configuration",
        "description": "config.yaml of Variorum. ${NAME} and ${NAME:-default} stand for environment variables.",
        **whole_file.json,
    }
