"""Ids made from addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import slug


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.example.org/news/readout.html", "example.org-news-readout"),
        ("http://example.org/news/readout", "example.org-news-readout"),
        ("https://example.org/", "example.org"),
        ("https://example.org/news/index.html", "example.org-news"),
        ("https://Example.org:8443/News%20Room/?id=5&lang=en", "example.org-news-room-id-5-lang-en"),
        ("https://example.org/caf%C3%A9", "example.org-cafe"),
        ("https://example.org/statement.2022-02-25.htm", "example.org-statement.2022-02-25"),
        ("file:///srv/texts/a.txt", "srv-texts-a"),
        ("https://example.org/声明", "example.org-ecabf652"),
        ("https://例子.中国/", "source-1f91a1d1"),
    ],
)
def test_an_address_makes_a_readable_id_that_never_changes(url: str, name: str) -> None:
    assert slug(url) == name


def test_long_addresses_that_differ_at_their_end_get_different_ids() -> None:
    long = "https://example.org/" + "a-very-long-path/" * 9
    assert slug(long + "1") != slug(long + "2")
    assert len(slug(long + "1")) == 80
    assert slug(long + "1").startswith("example.org-a-very-long-path-a-very")


@given(st.text(max_size=120).map(lambda path: f"https://example.org/{path}") | st.from_regex(r"https?://\w+/\S*"))
def test_whatever_the_address_its_id_is_a_valid_one(url: str) -> None:
    try:
        name = slug(url)
    except ValueError:  # the configuration refuses such an address before it is asked for an id
        return
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name)
