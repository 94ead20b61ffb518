from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.read.dates import find_date, lone_date, lone_time, moment

JAN = datetime(2022, 2, 26, tzinfo=UTC)
FORMS = [
    ("2022-02-26", JAN),
    ("2022-02-26 12:05", JAN.replace(hour=12, minute=5)),
    ("2022-02-26T12:05:00Z", JAN.replace(hour=12, minute=5)),
    ("2022-02-26T12:05:00+08:00", JAN.replace(hour=4, minute=5)),
    ("2022/02/26 12:05", JAN.replace(hour=12, minute=5)),
    ("2022.02.26", JAN),
    ("26.02.2022", JAN),
    ("26/02/2022", JAN),
    ("26 February 2022", JAN),
    ("26th of February, 2022", JAN),
    ("February 26, 2022", JAN),
    ("Feb. 26, 2022, 12:05 p.m. EST", JAN.replace(hour=17, minute=5)),
    ("Saturday, February 26, 2022 at 12:05 AM UTC+8", datetime(2022, 2, 25, 16, 5, tzinfo=UTC)),
    ("2:15 p.m. EST February 26, 2022", JAN.replace(hour=19, minute=15)),
    ("26 février 2022 à 12h05", JAN.replace(hour=12, minute=5)),
    ("26. Februar 2022, 12:05 Uhr", JAN.replace(hour=12, minute=5)),
    ("26 de febrero de 2022", JAN),
    ("26 февраля 2022 года, 12:05", JAN.replace(hour=12, minute=5)),
    ("2022年2月26日", JAN),
    ("2022年02月26日 19:18", JAN.replace(hour=19, minute=18)),
    ("２０２２年２月２６日", JAN),
    ("二〇二二年二月二十六日", JAN),
    ("2022년 2월 26일 오후 3:20", JAN.replace(hour=15, minute=20)),
]


@pytest.mark.parametrize(("words", "when"), FORMS)
def test_a_date_is_found_whole_kept_as_printed_and_parsed(words: str, when: datetime) -> None:
    assert lone_date(words) == words
    assert moment(words) == when


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("Published: 5 May 2022", "5 May 2022"),
        ("Release Date: January 26, 2011", "January 26, 2011"),
        ("发布时间：2022-02-26 12:05", "2022-02-26 12:05"),
        ("Publié le 26 février 2022", "26 février 2022"),
        ("(2022-02-26)", "2022-02-26"),
        ("Published 5 May 2022 | Updated: 6 May 2022", "5 May 2022 | Updated: 6 May 2022"),
    ],
)
def test_a_word_in_front_is_no_part_of_the_date_but_a_second_date_is(words: str, printed: str) -> None:
    assert lone_date(words) == printed


@pytest.mark.parametrize(
    "words",
    [
        "On 26 February 2022 the President spoke.",
        "Statement on the events of 6 January 2021",
        "May 2022",
        "Section 12.3",
        "2022",
        "version 2.0.2022.1",
        "The Committee met.",
        "",
    ],
)
def test_a_line_that_says_more_or_less_is_no_date(words: str) -> None:
    assert lone_date(words) is None


def test_a_date_that_could_be_two_days_is_found_but_not_parsed() -> None:
    assert lone_date("03/04/2022") == "03/04/2022"
    assert moment("03/04/2022") is None
    assert moment("04/04/2022") == datetime(2022, 4, 4, tzinfo=UTC)


def test_an_impossible_day_is_not_parsed() -> None:
    assert moment("2011-02-30") is None
    assert find_date("2011-13-01") is None


def test_a_time_of_day_is_told() -> None:
    assert [lone_time(one) for one in ("15:55", "3:20 p.m.", "19时18分", "12", "Noon", "")] == [
        True,
        True,
        True,
        *[False] * 3,
    ]


@given(st.text(st.sampled_from("0123456789 -/.:年月日TZ+apm,JanFebuary|("), max_size=80))
def test_whatever_is_found_stands_in_the_line(words: str) -> None:
    found = find_date(words)
    assert found is None or words[found.start : found.end] == found.text
    moment(words)
    lone_time(words)
    assert (lone_date(words) or "") in words


def test_a_long_line_is_no_printed_date() -> None:
    assert lone_date("Updated: " * 12 + "2022-02-26") is None
