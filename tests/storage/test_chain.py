"""The chain's format, computed a second time by hand: a seal must not change its meaning unnoticed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from storage.chain import START, Sealed, first_fault, seal

RECORD = Sealed(
    source="readout",
    number=1,
    body=bytes(range(32)),
    text=bytes(range(32, 64)),
    captured=1_645_833_600_000_000,
    imported=None,
    after=None,
    before=1_645_833_600_000_000,
    url="https://www.example.org/a",
    final_url="https://www.example.org/b",
    status=200,
    headers=(("date", "Sat, 26 Feb 2022 00:00:00 GMT"), ("x-name", "Zürich")),
    reader="html/2",
    reread=False,
)


HEADERS = "date: Sat, 26 Feb 2022 00:00:00 GMT\nx-name: Zürich".encode()


def by_hand(previous: bytes, number: bytes, *, reread: bytes = b"", headers: bytes = HEADERS) -> bytes:
    fields = [
        b"variorum/chain/1",
        previous,
        b"readout",
        number,
        bytes(range(32)),
        bytes(range(32, 64)),
        b"1645833600000000",
        b"",
        b"",
        b"1645833600000000",
        b"https://www.example.org/a",
        b"https://www.example.org/b",
        b"200",
        headers,
        b"html/2",
        reread,
    ]
    return hashlib.sha256(b"".join(len(field).to_bytes(8, "big") + field for field in fields)).digest()


def test_a_seal_is_what_its_format_says() -> None:
    first = seal(START, RECORD)
    assert first == by_hand(bytes(32), b"1")
    assert seal(first, replace(RECORD, number=2, reread=True)) == by_hand(first, b"2", reread=b"reread")


def test_the_first_version_that_does_not_fit_is_named() -> None:
    records, seals = [replace(RECORD, number=number) for number in (1, 2, 3)], [START]
    for record in records:
        seals.append(seal(seals[-1], record))
    kept = list(zip(records, seals[1:], strict=True))
    assert first_fault(kept) is None
    assert first_fault([kept[0], kept[2]]) == 2, "one is missing"
    assert first_fault([kept[1], kept[0], kept[2]]) == 1, "the order is another"
    assert first_fault(kept[1:]) == 1, "the first is missing"
    assert first_fault([kept[0], (replace(records[1], status=404), seals[2]), kept[2]]) == 2, "the seal is another's"
    late = replace(RECORD, number=5)
    assert first_fault([(late, seal(START, late))]) == 1, "sealed, but out of order"


def test_a_header_that_is_no_text_is_sealed_as_it_came() -> None:
    headers = (("server", b"caf\xe9".decode("utf-8", "surrogateescape")),)
    sealed = replace(RECORD, headers=headers)
    by_bytes = by_hand(bytes(32), b"1", headers=b"server: caf\xe9")
    assert seal(START, sealed) == by_bytes


@pytest.mark.parametrize("field", [name for name in Sealed.__slots__ if name != "number"])
def test_every_field_is_sealed(field: str) -> None:
    other = {
        str: "other",
        int: 7,
        bytes: bytes(32),
        bool: True,
        tuple: (("a", "b"),),
        type(None): 7,
    }[type(getattr(RECORD, field))]
    assert seal(START, replace(RECORD, **{field: other})) != seal(START, RECORD)
