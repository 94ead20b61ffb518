from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.read.encoding import codec_of, decode, guess

ZH = "国家主席习近平同俄罗斯总统普京通电话。双方重点就当前乌克兰局势交换意见。"
ZH_TW = "國家主席同俄羅斯總統通電話。雙方重點就當前烏克蘭局勢交換意見。"
RU = "Президент России провёл телефонный разговор. Стороны обсудили вопросы сотрудничества."
JA = "日本の首相は電話会談を行いました。カタカナとひらがなを含む文章です。"
KO = "대통령은 정상회담을 가졌습니다. 양국 관계를 논의하였습니다."
FR = "Le Président a évoqué « l’intégrité » à l’été ; l’œuvre – où ça déçoit – reste."
PL = "Prezydent spotkał się z ministrem. Źródło: Łódź, święto, żółty śnieg."
LEGACY = [
    ("gb18030", ZH), ("gbk", ZH), ("gb2312", ZH), ("big5", ZH_TW), ("cp1251", RU), ("koi8-r", RU), ("cp866", RU),
    ("shift_jis", JA), ("euc_jp", JA), ("iso2022_jp", JA), ("euc_kr", KO), ("cp1252", FR), ("iso8859-2", PL),
    ("utf-8", FR), ("utf-8", ZH), ("utf-16-le", FR), ("utf-16-be", FR),
]  # fmt: skip


def page(words: str) -> str:
    return f"<html><head><title>x</title></head><body><p>{' '.join([words] * 4)}</p></body></html>"


@pytest.mark.parametrize(("codec", "words"), LEGACY)
def test_an_unlabelled_page_is_told_by_its_bytes(codec: str, words: str) -> None:
    assert decode(page(words).encode(codec))[0] == page(words)


@pytest.mark.parametrize(("codec", "words"), LEGACY)
def test_a_utf8_label_over_other_bytes_is_put_aside(codec: str, words: str) -> None:
    text, _, notes = decode(page(words).encode(codec), content_type="text/html; charset=utf-8")
    assert text == page(words)
    if codec not in ("utf-8", "iso2022_jp", "utf-16-le", "utf-16-be"):
        assert notes == ("the HTTP header says utf-8, but the bytes are not",)


@pytest.mark.parametrize(("codec", "words"), [one for one in LEGACY if one[0] not in ("iso8859-2", "cp1252")])
def test_a_latin_label_over_other_bytes_is_put_aside(codec: str, words: str) -> None:
    """What many servers say of everything. (Latin-2 under a Latin-1 label cannot be told.)"""
    assert decode(page(words).encode(codec), content_type="text/html; charset=ISO-8859-1")[0] == page(words)


def test_gb2312_is_read_as_its_superset() -> None:
    """朱镕基's middle character is in GBK but not in GB2312."""
    body = '<meta charset="gb2312"><p>朱镕基 10 €</p>'.encode("gb18030")
    assert "朱镕基 10 €" in decode(body)[0]


def test_latin1_is_read_as_windows_1252() -> None:
    assert decode(b"\x93quoted\x94 \x96 \x80", content_type="text/plain; charset=latin1")[0] == "“quoted” – €"


def test_the_mark_goes_before_the_header_and_the_header_before_the_page() -> None:
    words = "<meta charset=koi8-r><p>été</p>"
    assert decode(b"\xef\xbb\xbf" + words.encode(), content_type="text/html; charset=cp1251")[1] == "utf-8"
    assert decode(words.encode("cp1252"), content_type="text/html; charset=windows-1252")[1] == "cp1252"
    assert decode("<meta charset=windows-1251><p>Россия</p>".encode("cp1251"))[1] == "cp1251"


def test_the_configured_encoding_goes_before_everything() -> None:
    assert decode("Łódź".encode("cp1250"), content_type="text/html; charset=utf-8", wanted="windows-1250")[0] == "Łódź"


def test_a_few_broken_bytes_do_not_throw_away_a_right_label() -> None:
    body = page(ZH * 20).encode() + b"\xe4\xb8"
    text, codec, notes = decode(body, content_type="text/html; charset=utf-8")
    assert (codec, notes, text.count("\ufffd")) == ("utf-8", (), 1)


def test_an_unknown_or_dangerous_label_is_no_codec() -> None:
    assert [codec_of(name) for name in ("klingon", "utf-7", "punycode", "unicode_escape", "idna")] == [None] * 5
    assert decode(b"plain", content_type="text/html; charset=utf-7")[1:] == (
        "utf-8",
        ("the HTTP header names an unknown encoding, utf-7",),
    )


@given(st.binary(max_size=300), st.sampled_from([None, "text/html; charset=gbk", "text/html; charset=x", 'charset="']))
def test_any_bytes_are_decoded(body: bytes, content_type: str | None) -> None:
    text, codec, _ = decode(body, content_type=content_type)
    assert isinstance(text, str)
    assert "a".encode(codec)


@pytest.mark.corpus
def test_real_legacy_files_are_read(corpus: Path) -> None:
    found = {file.parent.name: guess(file.read_bytes()) for file in (corpus / "encodings").glob("*/*")}
    assert found == {"big5": "big5hkscs", "gb2312": "gb18030", "koi8-r": "koi8-r", "windows-1251": "cp1251"}


@pytest.mark.parametrize("label", ["windows-1251", "koi8-r", "gbk", "shift_jis", "iso-8859-1"])
def test_utf8_under_a_legacy_label_is_told(label: str) -> None:
    text, codec, notes = decode(page(FR).encode(), content_type=f"text/html; charset={label}")
    assert (text, codec) == (page(FR), "utf-8")
    assert notes == (f"the HTTP header says {label}, but the bytes are not",)
