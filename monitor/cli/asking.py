"""What every command is asked with: the global options, and the ways to say something back."""

from __future__ import annotations

import os
import sys
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.errors import ConfigError, VariorumError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from monitor.config import Settings
    from monitor.differ.lexicon import Rules
    from monitor.fetch import FetchRules
    from monitor.render import Style
    from storage.archive import Archive


@dataclass(frozen=True, slots=True)
class Asking:
    """The global options of one call."""

    config: str | None
    database: str | None
    color: str
    verbosity: int
    _loaded: dict[bool, Settings] = field(default_factory=dict, repr=False)

    @property
    def config_path(self) -> Path:
        """``--config``, else ``$VARIORUM_CONFIG``, else ``./config.yaml``."""
        return Path(self.config or os.environ.get("VARIORUM_CONFIG") or "config.yaml")

    def settings(self, *, check_selectors: bool = False) -> Settings:
        """The configuration, with ``--database`` put over it; read once a command. Raises ``ConfigError``."""
        if check_selectors not in self._loaded:
            self._loaded[check_selectors] = self._load(check_selectors=check_selectors)
        return self._loaded[check_selectors]

    def settings_again(self) -> Settings:
        """The configuration as it is now, for who runs for long. Raises ``ConfigError``."""
        return self._load(check_selectors=True)

    def _load(self, *, check_selectors: bool) -> Settings:
        from dataclasses import replace

        from monitor.config import load

        if not self.config_path.exists():
            raise ConfigError(
                f"{self.config_path}: no such file",
                hint="`variorum init` writes one; --config FILE names another.",
            )
        settings = load(self.config_path, os.environ, check_selectors=check_selectors)
        return replace(settings, database=self.database) if self.database else settings

    def watched(self) -> Settings:
        """The configuration with what its listings found among the declarations, where there is an archive that knows."""
        settings = self.settings()
        if not settings.listings:
            return settings
        from monitor.discover import with_found
        from storage.errors import StorageError

        try:
            with self.archive() as archive:
                return with_found(settings, archive.found())
        except StorageError:
            return settings  # nothing was looked at yet; `status` says what is wrong with a database

    def archive(self, *, readonly: bool = True) -> Archive:
        """The archive, open for reading; also for keeping what was worked out, unless ``readonly``.

        Raises ``StorageError`` when there is none yet.
        """
        from storage.archive import Archive

        url = self.database or self.settings().database
        return Archive.open(url, create=False, readonly=readonly)

    def fetch_rules(self, *, allow_private: Sequence[str] = ()) -> FetchRules:
        """How to fetch an address that no source declares: the configured defaults, where there is a configuration."""
        from dataclasses import replace

        from monitor.fetch import FetchRules

        rules = self.settings().fetch if self.config_path.exists() else FetchRules()
        return replace(rules, allow_private=(*rules.allow_private, *allow_private))

    def rules(self) -> Rules | None:
        """The differ's rules with the registered phrases, where there is a configuration that registers some."""
        from monitor.sides import differ_rules

        return differ_rules(self.settings()) if self.config_path.exists() else None

    @property
    def colored(self) -> bool:
        """Whether standard output takes colour: asked for, or a terminal that does not refuse it."""
        if self.color != "auto":
            return self.color == "always"
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return sys.stdout.isatty() and not plain

    def style(self) -> Style:
        """Width and colour of this terminal (80 columns for a pipe)."""
        from shutil import get_terminal_size

        from monitor.render import Style

        terminal = sys.stdout.isatty() or "COLUMNS" in os.environ
        width = get_terminal_size().columns if terminal else 80
        return Style(width=max(40, width), color=self.colored)

    def note(self, line: str) -> None:
        """Say something beside the result, on standard error; silent with ``-q``."""
        if self.verbosity >= 0:
            click.echo(line, err=True)


def say(text: str) -> None:
    """Print a result, through the pager when it is longer than the terminal. Nothing for an empty one."""
    if not text:
        return
    from shutil import get_terminal_size

    text = text if text.endswith("\n") else text + "\n"
    if _paged() and text.count("\n") >= get_terminal_size().lines:
        _page(text)
    else:
        write(text)


def say_each(parts: Iterator[str]) -> None:
    """As :func:`say`, part by part, each as soon as it is there; the pager is there once they fill the terminal."""
    from itertools import chain
    from shutil import get_terminal_size

    if not _paged():
        all(map(_written, parts))  # as far as somebody reads
        return
    first, lines = list[str](), 0
    for part in parts:
        first.append(part)
        lines += part.count("\n")
        if lines >= get_terminal_size().lines:
            _page(chain(first, parts))
            return
    write("".join(first))


def _paged() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _page(text: str | Iterable[str]) -> None:
    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager(text, color=True)


def write(text: str) -> None:
    """Write UTF-8 to standard output as it is, whatever the locale; bytes smuggled in from a file go out again.

    When the reader (head, a pager) has gone away, the rest is written nowhere: that is its right. Left to click, it would
    end with 1, which means differences here, and git would call that the death of its differ.
    """
    _written(text)


def _written(text: str) -> bool:
    """As :func:`write`; returns whether somebody still reads."""
    try:
        sys.stdout.flush()
        out = getattr(sys.stdout, "buffer", None)
        if out is None:
            sys.stdout.write(text)
            return True
        out.write(_bytes_of(text))
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        smuggled = not any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in text)
        return text.encode("utf-8", "surrogateescape" if smuggled else "backslashreplace")


def say_json(document: Mapping[str, object]) -> None:
    """Print one JSON document: UTF-8, keys in a stable order."""
    from monitor.render.json_forms import encode

    write(encode(document).rstrip("\n") + "\n")


def report_error(error: VariorumError, tracebacks: bool = False) -> int:
    """Print ``error:`` and ``hint:`` (and where it was raised, with ``-vv``); returns the exit code of the error."""
    from monitor.render.safe import visible

    if tracebacks:
        import traceback

        traceback.print_exception(error.__cause__ or error)
    for line in _lines(error):
        click.echo(visible(line), err=True)
    return error.exit_code


def _lines(error: VariorumError) -> Iterator[str]:
    yield f"error: {error.message}"
    if error.hint:
        yield f"hint: {error.hint}"
