"""Content codings undone while the body arrives, never holding much more than asked for.

A bomb of 390 KB can inflate to 400 MB; libraries that inflate each chunk whole pay for it. Here every decoder is asked
for at most ``PIECE_BYTES`` at a time, and the caller stops at its bound.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCEPT_ENCODING: Final = "gzip, deflate, br, zstd"
PIECE_BYTES: Final = 64 * 1024
MAX_CODINGS: Final = 2
"""Codings applied one upon the other; nobody honest needs more than one."""

_ZSTD_SLICE_BYTES: Final = 32
"""A zstd block takes 4 bytes at least and gives 128 KiB at most (RFC 8878), so that a slice gives 1 MiB at most."""
_ZSTD_WINDOW_BYTES: Final = 8 * 1024 * 1024  # RFC 9659 lets a web server use no more
_GZIP_MAGIC: Final = b"\x1f\x8b"
_IDENTITY: Final = frozenset({"", "identity", "none"})


class DecodeError(ValueError):
    """The body is not what its ``Content-Encoding`` says; the message continues 'the answer …'."""


class Decoder(Protocol):
    """Undoes one coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that ``data`` completes, each about ``PIECE_BYTES``. Raises ``DecodeError``."""

    def finish(self) -> None:
        """Raise ``DecodeError`` when the body ended too early."""


def decoders(content_encoding: str | None) -> list[Decoder]:
    """What undoes that ``Content-Encoding``, outermost first; empty for none. Raises ``DecodeError`` for an unknown."""
    names = [name.strip().lower() for name in (content_encoding or "").split(",")]
    names = [name for name in names if name not in _IDENTITY]
    if len(names) > MAX_CODINGS:
        raise DecodeError("is compressed more than twice")
    unknown = next((name for name in names if name not in _DECODERS), None)
    if unknown is not None:
        raise DecodeError(f"is in the content coding {unknown[:40]!a}, which was not asked for")
    return [_DECODERS[name]() for name in reversed(names)]


def decode(chain: list[Decoder], data: bytes) -> Iterator[bytes]:
    """``data`` through the whole chain, piece by piece; nothing is inflated before it is asked for."""
    if not chain:
        yield data
        return
    for piece in chain[0].feed(data):
        yield from decode(chain[1:], piece)


class _Zlib:
    """gzip (also of several members) and deflate, with or without the zlib header, as servers disagree about it."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflater = zlib.decompressobj(wbits=31) if coding == "gzip" else None
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not data:
            return
        self._fed = True
        if self._inflater is None:
            # RFC 1950: the low four bits of the first byte say 8 (deflate) in a zlib stream.
            self._inflater = zlib.decompressobj(wbits=15 if data[0] & 0x0F == 8 else -15)
        piece = b""
        while data or len(piece) == PIECE_BYTES:  # a full piece: there may be more in the decoder than in the input
            if self._inflater.eof:
                if not data or self._coding != "gzip" or not _GZIP_MAGIC.startswith(data[:2]):
                    return  # padding after the end, which every browser ignores
                self._inflater = zlib.decompressobj(wbits=31)
            try:
                piece = self._inflater.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise DecodeError(f"says it is {self._coding}, but is not") from None
            data = self._inflater.unconsumed_tail or self._inflater.unused_data
            if piece:
                yield piece

    def finish(self) -> None:
        if self._fed and (self._inflater is None or not self._inflater.eof):
            raise DecodeError(f"broke off inside its {self._coding} data")


class _Brotli:
    def __init__(self) -> None:
        import brotli

        self._inflater = brotli.Decompressor()
        self._error: type[Exception] = brotli.error
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not data or self._inflater.is_finished():
            return
        self._fed = True
        try:
            piece = self._inflater.process(data, output_buffer_limit=PIECE_BYTES)
            while True:
                if piece:
                    yield piece
                # A full piece: there may be more in the decoder than in the input, though it would accept more.
                more = len(piece) >= PIECE_BYTES or not self._inflater.can_accept_more_data()
                if self._inflater.is_finished() or not more:
                    return
                piece = self._inflater.process(b"", output_buffer_limit=PIECE_BYTES)
        except self._error:
            raise DecodeError("says it is br, but is not") from None

    def finish(self) -> None:
        if self._fed and not self._inflater.is_finished():
            raise DecodeError("broke off inside its br data")


class _Zstd:
    def __init__(self) -> None:
        import zstandard

        self._error: type[Exception] = zstandard.ZstdError
        self._open = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj
        self._inflater = self._open()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_SLICE_BYTES):
            self._fed = True
            rest = data[at : at + _ZSTD_SLICE_BYTES]
            while rest:
                if self._inflater.eof:
                    self._inflater = self._open()
                try:
                    piece = self._inflater.decompress(rest)
                except self._error:
                    raise DecodeError("says it is zstd, but is not") from None
                rest = self._inflater.unused_data if self._inflater.eof else b""
                if piece:
                    yield piece

    def finish(self) -> None:
        if self._fed and not self._inflater.eof:
            raise DecodeError("broke off inside its zstd data")


_DECODERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": lambda: _Zlib("gzip"),
    "x-gzip": lambda: _Zlib("gzip"),
    "deflate": lambda: _Zlib("deflate"),
    "br": _Brotli,
    "zstd": _Zstd,
}
