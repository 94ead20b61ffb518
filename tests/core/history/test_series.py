from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.history.series import as_history, date_in, members
from storage.records import Text, Version

from .making import version


def found(source: str, number: int, published: str | None = None) -> list[Version]:
    text = Text.of("Statement", published, [f"The text of {source}."])
    return [version(number, text, source=source)]


def day(year: int, month: int = 1, of_month: int = 1) -> datetime:
    return datetime(year, month, of_month, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "when"),
    [
        ("fomc-2014-01-29", day(2014, 1, 29)),
        ("fomc20140129a", day(2014, 1, 29)),
        ("2014_01_29-note", day(2014, 1, 29)),
        ("2022/02/25 22:24", day(2022, 2, 25)),
        ("2022年2月5日", day(2022, 2, 5)),
        ("report-2005", day(2005)),
        ("2014-01", day(2014, 1)),
        ("plan-2020-of-2014-01-29", day(2014, 1, 29)),
        ("2014-02-30", None),
        ("t20220226x10645843", day(2022, 2, 26)),
        ("10645843", None),
        ("statement", None),
    ],
)
def test_the_date_in_a_name_is_found(words: str, when: datetime | None) -> None:
    assert date_in(words) == when


def test_members_stand_in_date_order_by_the_best_date_there_is() -> None:
    ordered = members(
        [
            found("later", 1),  # captured on 1 January 2024
            found("call-2020-05-01", 9),
            found("readout", 2, published="2021-03-04 10:00"),
            found("undated", 3),
        ],
        published={"undated": day(2019)},
    )
    assert [(one.source, one.dated_by) for one in ordered] == [
        ("undated", "published"),
        ("call-2020-05-01", "id"),
        ("readout", "published"),
        ("later", "captured"),
    ]


def test_a_year_alone_in_the_printed_line_does_not_win_over_the_date_in_the_id() -> None:
    (member,) = members([found("call-2020-05-01", 1, published="Beijing, 1 May 2021")])
    assert (member.date, member.dated_by) == (day(2020, 5, 1), "id")


def test_a_member_without_any_date_goes_by_its_first_capture_not_its_latest() -> None:
    text = Text.of(None, None, ["Words."])
    versions = [version(7, text, source="a"), version(2, text, source="a")]
    (member,) = members([versions])
    assert member.date == versions[1].captured
    assert member.version.number == 7


def test_a_series_is_one_history_numbered_from_one() -> None:
    ordered = members([found("call-2021-01-01", 5), found("call-2020-01-01", 8), found("call-2022-01-01", 1)])
    told = as_history(ordered)
    assert [(one.number, one.source) for one in told] == [
        (1, "call-2020-01-01"),
        (2, "call-2021-01-01"),
        (3, "call-2022-01-01"),
    ]
    assert replace(told[0], number=8) == ordered[0].version


def test_equal_dates_stay_in_the_order_of_capture() -> None:
    ordered = members([found("b-2020-01-01", 2), found("a-2020-01-01", 3), found("c-2020-01-01", 1)])
    assert [one.source for one in ordered] == ["c-2020-01-01", "b-2020-01-01", "a-2020-01-01"]
