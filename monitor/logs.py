"""The daemon's log: one line of text or one JSON object for each thing told, times in UTC, secrets blacked out.

Everything goes through stdlib ``logging``, so that what the libraries say is told in the same form; structlog renders.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextmanager
def _without(name: str) -> Iterator[None]:
    """No such module, as long as an import takes; one that is loaded already stays."""
    absent = sys.modules.setdefault(name, None) is None  # type: ignore[arg-type]  # how Python writes it
    try:
        yield
    finally:
        if absent:
            del sys.modules[name]


with _without("rich"):  # and pygments: 3 MiB for logs in colours, which are not written here
    import structlog

REDACTED: Final = "[redacted]"


class Redacting(structlog.stdlib.ProcessorFormatter):
    """Renders a record, then blacks out every secret: in messages, fields and tracebacks alike."""

    secrets: tuple[str, ...] = ()

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its secrets."""
        line = super().format(record)
        for secret in self.secrets:
            line = line.replace(secret, REDACTED)
        return line


def configure(form: str, level: int, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error), in the ``form`` ``text`` or ``json``, from ``level`` on.

    ``secrets`` never appear, nor as JSON or an address would write them. Called again, it replaces what was.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        shared.insert(0, structlog.stdlib.add_logger_name)
        last.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    else:
        last.append(_as_text)
    formatter = Redacting(foreign_pre_chain=shared, processors=last)
    formatter.secrets = _spellings(secrets)
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, Redacting):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses, which may hold secrets
    logging.getLogger("variorum").setLevel(level)


def _as_text(_: Any, __: str, event: Any) -> str:
    told = f"{event.pop('timestamp')} {event.pop('level').upper()} {event.pop('event')}"
    trace = event.pop("exception", None)
    fields = "".join(f" {key}={value}" for key, value in event.items())
    # A line is one thing: what was fetched must not forge another.
    told = (told + fields).replace("\r", "\\r").replace("\n", "\\n")
    return f"{told}\n{trace}" if trace else told


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for secret in secrets:
        found |= {
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret, safe=""),
        }
    return tuple(sorted(found, key=len, reverse=True))
