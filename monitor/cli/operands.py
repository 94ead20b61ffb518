"""What stands on the command line as A or B: SOURCE, SOURCE@REF, FILE, ``-`` or URL, resolved to a side.

A name that exists as a file is the file; ``./name`` and ``SOURCE@latest`` leave no doubt. Two files are compared as
they are (``sha256sum`` of the file is the digest shown); beside a kept version or a page, a file is read as canonical
text, so that its line breaks and spaces are not told as edits.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storage.errors import ConfigError, ReadError, StorageError, UsageError
from storage.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.cli.asking import Asking
    from monitor.differ.lexicon import Rules
    from monitor.histories import History
    from monitor.render import Side
    from storage.archive import Archive
    from storage.records import Text, Version

NUL_WITHIN_BYTES: Final = 8_000
"""git takes a file for binary that has a NUL byte among so many (``buffer_is_binary``)."""

PAGE_SUFFIXES: Final = frozenset({".html", ".htm", ".shtml", ".xhtml", ".pdf"})


@dataclass(frozen=True, slots=True)
class RawFile:
    """Bytes of a file or of standard input, not yet read. ``name`` is as given."""

    name: str
    body: bytes

    @property
    def page(self) -> bool:
        """Whether it is a page to be read (HTML, PDF), not a text to be taken as it is."""
        start = self.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        known = Path(self.name).suffix.lower() in PAGE_SUFFIXES
        return known or start.startswith((b"<!doctype html", b"<html", b"%pdf-"))


class Operands:
    """Resolves operands of one command, opening configuration and archive only when one of them needs it."""

    def __init__(
        self, asking: Asking, *, encoding: str | None = None, selector: str | None = None, remembering: bool = False
    ) -> None:
        """``remembering``: the command may keep what it worked out for the next time."""
        self._asking = asking
        self._remembering = remembering
        self._encoding = encoding
        self._selector = selector
        self._open = ExitStack()
        self._archive: Archive | None = None
        self._histories: dict[str, History] = {}

    def __enter__(self) -> Operands:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def archive(self) -> Archive:
        """The archive, opened at the first need and closed at the end."""
        if self._archive is None:
            self._archive = self._open.enter_context(self._asking.archive(readonly=not self._remembering))
        return self._archive

    def sides(self, words: Sequence[str], *, texts_only: bool = False) -> tuple[Side, Side]:
        """The two sides of ``A B``. Raises ``UsageError`` naming the operand that cannot be resolved.

        ``texts_only``: a file with NUL bytes is refused, as git does; without it they are shown.
        """
        if list(words) == ["-", "-"]:
            raise UsageError("-: standard input can only be one of the two sides")
        found = [self._found(word) for word in words]
        for one in found if texts_only else ():
            if isinstance(one, RawFile) and b"\0" in one.body[:NUL_WITHIN_BYTES] and not one.page:
                raise UsageError(f"{one.name}: a binary file, not a text")
        as_is = all(isinstance(one, RawFile) and not one.page for one in found)
        old, new = (self._file_side(one, as_is=as_is) if isinstance(one, RawFile) else one for one in found)
        return old, new

    def canonical_side(self, word: str) -> Side:
        """One operand as canonical text."""
        found = self._found(word)
        return self._file_side(found, as_is=False) if isinstance(found, RawFile) else found

    def _found(self, word: str) -> RawFile | Side:
        if word == "-":
            return RawFile("-", sys.stdin.buffer.read())
        if word.startswith(("http://", "https://")):
            return self._page_side(word)
        path = Path(word)
        if path.exists() or "/" in word:
            return RawFile(word, _file_bytes(path))
        if path.suffix and "@" not in word:
            self._require_history(word)
        return self.version_side(word)

    def _require_history(self, name: str) -> None:
        """What looks like the name of a file is told as one, unless there is a source of that name."""
        try:
            self.history(name)
        except (ConfigError, StorageError, UsageError):
            raise UsageError(
                f"{name}: no such file, and no source of that name", hint="`variorum sources` lists what is watched."
            ) from None

    def history(self, name: str) -> History:
        """The history of a source or series; kept for the next question about it."""
        from monitor.histories import history_of

        if name not in self._histories:
            self._histories[name] = history_of(self.archive, name)
        return self._histories[name]

    def version_side(self, word: str) -> Side:
        """``SOURCE`` or ``SOURCE@REF`` as a side; a series can stand for a source."""
        from monitor.history.refs import BASELINE, split_operand
        from monitor.sides import version_side

        name, ref = split_operand(word)
        if ref == BASELINE:
            return self.baseline(name)
        history, version = self.version(word)
        return version_side(history, version)

    def version(self, word: str) -> tuple[History, Version]:
        """The version that ``SOURCE[@REF]`` points at, with its history. ``UsageError`` with what exists as a hint."""
        from monitor.history.refs import resolve, split_operand

        name, ref = split_operand(word)
        history = self.history(name)
        history.latest()
        return history, resolve(ref or "latest", history.versions, dates=history.dates)

    def baseline(self, name: str) -> Side:
        """The baseline of a source, or of a series: a file or a pinned version. ``UsageError`` when none is configured."""
        from monitor.sides import configured_baseline, pinned_version

        settings = self._asking.watched()
        if (found := configured_baseline(settings, name)) is not None:
            return found
        if (pinned := pinned_version(settings, name)) is not None:
            return self.version_side(pinned)
        raise UsageError(
            f"{name}: no baseline is configured", hint=f"Name one (--baseline {name}@1), or set `baseline:` for it."
        )

    def rules(self) -> Rules | None:
        """The differ's rules, where what is compared is watched (for two files no configuration is read)."""
        return self._asking.rules() if self._archive is not None else None

    def silent(self, words: Sequence[str]) -> bool:
        """Whether the words name a version and the one before it, and that change was judged a silent edit."""
        from monitor.history.refs import BASELINE, split_operand

        parts = [split_operand(word) for word in words]
        if len({name for name, _ in parts}) != 1 or any(ref == BASELINE for _, ref in parts):
            return False
        if parts[0][0] not in self._histories:
            return False
        (history, old), (_, new) = (self.version(word) for word in words)
        return new.silent and new.number == old.number + 1 and not history.is_series

    def has_baseline(self, name: str) -> bool:
        """Whether the configuration (where there is one) gives that source a baseline file."""
        if not self._asking.config_path.exists():
            return False
        return any(one.source.id == name and one.baseline for one in self._asking.watched().declarations)

    def _file_side(self, raw: RawFile, *, as_is: bool) -> Side:
        from monitor.read.plain import parse, verbatim
        from monitor.sides import text_side

        if raw.page:
            return text_side(raw.name, self._read_page(raw))
        words = self._decoded(raw)
        return text_side(raw.name, verbatim(words) if as_is else parse(words))

    def _read_page(self, raw: RawFile) -> Text:
        from monitor.quiet import hush
        from monitor.read import ReadRules, read

        hush()
        try:
            return read(raw.body, ReadRules(select=self._selector, encoding=self._encoding), url=raw.name).text
        except ReadError as error:
            raise ReadError(f"{raw.name}: {error.message}", hint=error.hint) from None

    def _decoded(self, raw: RawFile) -> str:
        try:
            return raw.body.decode(self._encoding or "utf-8")
        except LookupError:
            raise UsageError(f"--encoding {self._encoding}: no such encoding") from None
        except UnicodeDecodeError as error:
            if b"\0" in raw.body and not raw.body.startswith((b"\xff\xfe", b"\xfe\xff")):
                hint = "Texts, HTML pages and PDF files can be compared."
                raise UsageError(f"{raw.name}: a binary file, not a text", hint=hint) from None
            from monitor.read.encoding import guess

            likely = guess(raw.body)
            hint = f"It looks like {likely}: say --encoding {likely}." if likely else "Name it with --encoding."
            named = self._encoding or "UTF-8"
            raise UsageError(f"{raw.name}: not {named} text (byte {error.start})", hint=hint) from None

    def _page_side(self, url: str) -> Side:
        import asyncio

        from monitor.looking import look
        from monitor.read import ReadRules
        from monitor.sides import text_side

        rules = ReadRules(select=self._selector, encoding=self._encoding)
        seen = asyncio.run(look(url, self._asking.fetch_rules(), rules))
        return text_side(url, seen.reading.text, url=seen.snapshot.final_url)


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise UsageError(f"{path}: a folder, not a file") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
