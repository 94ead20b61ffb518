"""Content codings undone piece by piece."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from monitor.fetch.decode import PIECE_BYTES, DecodeError, decode, decoders
from tests.edges.origin import packed, zeros

CODINGS = ["gzip", "deflate", "br", "zstd"]


def undone(coding: str, data: bytes, chunk_bytes: int) -> bytes:
    chain = decoders(coding)
    chunks = [data[at : at + chunk_bytes] for at in range(0, len(data), chunk_bytes)]
    body = b"".join(piece for chunk in chunks for piece in decode(chain, chunk))
    for decoder in chain:
        decoder.finish()
    return body


bodies = st.builds(
    lambda seed, times, tail: seed * times + tail, st.binary(max_size=64), st.integers(0, 6000), st.binary(max_size=64)
)


@pytest.mark.parametrize("coding", CODINGS)
@given(body=bodies, chunk_bytes=st.integers(1, 70_000))
def test_undoing_gives_the_body_however_it_arrives(coding: str, body: bytes, chunk_bytes: int) -> None:
    assert undone(coding, packed(coding, body), chunk_bytes) == body


@pytest.mark.parametrize("coding", CODINGS)
@given(data=st.binary(max_size=400), chunk_bytes=st.integers(1, 64))
def test_garbage_is_told_and_nothing_else_happens(coding: str, data: bytes, chunk_bytes: int) -> None:
    with contextlib.suppress(DecodeError):
        assert undone(coding, data, chunk_bytes) == undone(coding, data, len(data) + 1), (
            "what it is cut into is no matter"
        )


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size_bytes", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES])
def test_sizes_around_a_piece_are_complete(coding: str, size_bytes: int) -> None:
    assert undone(coding, packed(coding, b"x" * size_bytes), 10_000) == b"x" * size_bytes


@pytest.mark.parametrize("coding", CODINGS)
def test_no_piece_is_much_larger_than_agreed(coding: str) -> None:
    pieces = decode(decoders(coding), zeros(coding, 20_000_000))
    assert max(map(len, pieces)) <= 16 * PIECE_BYTES


@pytest.mark.parametrize("chunk_bytes", [1, 7, 10_000])
def test_deflate_without_its_header_and_gzip_in_members_are_understood(chunk_bytes: int) -> None:
    packer = zlib.compressobj(wbits=-15)
    assert undone("deflate", packer.compress(b"wording") + packer.flush(), chunk_bytes) == b"wording"
    assert undone("x-gzip", gzip.compress(b"wor") + gzip.compress(b"ding") + b"\0\0\0", chunk_bytes) == b"wording"


@pytest.mark.parametrize("over_bytes", range(0, 520, 13))
def test_what_the_decoder_still_holds_when_the_input_ends_is_not_lost(over_bytes: int) -> None:
    body = b"x" * (PIECE_BYTES + over_bytes)
    packer = zlib.compressobj(wbits=-15)
    assert undone("deflate", packer.compress(body) + packer.flush(), 100_000) == body
    assert undone("br", packed("br", body), 100_000) == body


def test_a_zstd_window_larger_than_the_web_allows_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=25, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    with pytest.raises(DecodeError):
        undone("zstd", packer.compress(b"wording") + packer.flush(), 1000)


def test_codings_one_upon_the_other_are_undone_in_reverse() -> None:
    assert undone("gzip, br", packed("br", packed("gzip", b"wording")), 5) == b"wording"


def test_more_codings_than_anybody_needs_are_refused() -> None:
    with pytest.raises(DecodeError):
        decoders("gzip, gzip, gzip")


@pytest.mark.parametrize("told", [None, "", "identity", "Identity ", "none", " , "])
def test_no_coding_is_no_coding(told: str | None) -> None:
    assert list(decode(decoders(told), b"as it is")) == [b"as it is"]
