"""What stands on the command line as A or B: SOURCE, SOURCE@REF, FILE, ``-`` or URL, resolved to a side.

A name that exists as a file is the file; ``./name`` and ``SOURCE@latest`` leave no doubt. Two files are compared as
they are (``sha256sum`` of the file is the digest shown); beside a kept version or a page, a file is read as canonical
text, so that its line breaks and spaces are not told as edits.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.cli.asking import Asking
    from monitor.config import Declaration
    from monitor.render import Side
    from storage.archive import Archive
    from storage.records import Text, Version

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

    def __init__(self, asking: Asking, *, encoding: str | None = None, selector: str | None = None) -> None:
        self._asking = asking
        self._encoding = encoding
        self._selector = selector
        self._open = ExitStack()
        self._archive: Archive | None = None

    def __enter__(self) -> Operands:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def archive(self) -> Archive:
        """The archive, opened at the first need and closed at the end."""
        if self._archive is None:
            self._archive = self._open.enter_context(self._asking.archive())
        return self._archive

    def sides(self, words: Sequence[str]) -> tuple[Side, Side]:
        """The two sides of ``A B``. Raises ``UsageError`` naming the operand that cannot be resolved."""
        if list(words) == ["-", "-"]:
            raise UsageError("-: standard input can only be one of the two sides")
        found = [self._found(word) for word in words]
        as_is = all(isinstance(one, RawFile) and not one.page for one in found)
        old, new = (self._file_side(one, as_is=as_is) if isinstance(one, RawFile) else one for one in found)
        return old, new

    def _found(self, word: str) -> RawFile | Side:
        if word == "-":
            return RawFile("-", sys.stdin.buffer.read())
        if word.startswith(("http://", "https://")):
            return self._page_side(word)
        path = Path(word)
        if path.exists() or "/" in word:
            return RawFile(word, _file_bytes(path))
        return self.version_side(word)

    def version_side(self, word: str) -> Side:
        """``SOURCE`` or ``SOURCE@REF`` as a side."""
        from monitor.history.refs import BASELINE, split_operand
        from monitor.sides import baseline_side, version_side

        name, ref = split_operand(word)
        if ref == BASELINE:
            return baseline_side(self.declared(name))
        return version_side(self.archive, self.version(word), url=self._address(name))

    def version(self, word: str) -> Version:
        """The kept version that ``SOURCE[@REF]`` points at. Raises ``UsageError`` with what exists as a hint."""
        from monitor.cli.asking import known_source
        from monitor.history.refs import resolve, split_operand

        name, ref = split_operand(word)
        source = known_source(self.archive, name)
        return resolve(ref or "latest", self.archive.versions(source))

    def declared(self, name: str) -> Declaration:
        """The declaration of a source. Raises ``UsageError`` when config.yaml does not name it."""
        from monitor.compose import named

        return next(one for one in named(self._asking.settings(), [name]))

    def _address(self, name: str) -> str | None:
        return next((one.url for one in self.archive.sources(retired=True) if one.id == name), None)

    def _file_side(self, raw: RawFile, *, as_is: bool) -> Side:
        from monitor.read.plain import parse, verbatim
        from monitor.sides import text_side

        if raw.page:
            return text_side(raw.name, self._read_page(raw))
        words = self._decoded(raw)
        return text_side(raw.name, verbatim(words) if as_is else parse(words))

    def _read_page(self, raw: RawFile) -> Text:
        from monitor.read import ReadRules, read

        return read(raw.body, ReadRules(select=self._selector, encoding=self._encoding), url=raw.name).text

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
