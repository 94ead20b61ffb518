from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.history.refs import BASELINE, resolve, split_operand
from storage.errors import UsageError

from .making import at, history

VERSIONS = [version for version, _ in history("One.", "Two.", "Three.", "Four.")]  # 1 to 4 January 2024, 09:00


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("fomc", ("fomc", None)),
        ("fomc@3", ("fomc", "3")),
        ("fomc@latest", ("fomc", "latest")),
        ("mfa-nz-2022-02-25@2022-03-01", ("mfa-nz-2022-02-25", "2022-03-01")),
        ("mfa@2022-03-01T10:00:00Z", ("mfa", "2022-03-01T10:00:00Z")),
        ("mfa@2022-03-01T10:00:00+08:00", ("mfa", "2022-03-01T10:00:00+08:00")),
        ("mfa@~1", ("mfa", "~1")),
        ("外交部@first", ("外交部", "first")),
        ("https://user@host/page", ("https://user@host/page", None)),
        ("https://host/@3", ("https://host/@3", None)),
        ("./notes@3", ("./notes@3", None)),
        ("notes@home.txt", ("notes@home.txt", None)),
        ("folder/a@b", ("folder/a@b", None)),
        ("@3", ("@3", None)),
    ],
)
def test_only_a_source_id_before_the_at_sign_makes_a_reference(word: str, parts: tuple[str, str | None]) -> None:
    assert split_operand(word) == parts


def test_an_at_sign_with_nothing_behind_it_is_told() -> None:
    with pytest.raises(UsageError, match="no reference after '@'"):
        split_operand("fomc@")


@pytest.mark.parametrize(
    ("ref", "number"),
    [
        ("1", 1),
        ("4", 4),
        ("latest", 4),
        ("first", 1),
        ("~0", 4),
        ("~1", 3),
        ("~3", 1),
        ("2024-01-01", 1),  # first seen at nine that day: it stood at the day's end
        ("2024-01-02", 2),
        ("2030-01-01", 4),
        ("2024-01", 4),
        ("2024", 4),
        ("2024-01-02T08:59:59Z", 1),
        ("2024-01-02T09:00:00Z", 2),
        ("2024-01-02t09:00:00z", 2),
        ("2024-01-02T10:30:00+02:00", 1),
        ("2024-01-02T09:00", 2),
        ("2024-01-02 09:00", 2),
    ],
)
def test_a_reference_points_at_the_version_meant(ref: str, number: int) -> None:
    assert resolve(ref, VERSIONS).number == number
    assert resolve(ref, VERSIONS[::-1]).number == number


@pytest.mark.parametrize("ref", ["5", "0", "~4", "2023-12-31", "2023", "last", "2024-02-30", "2024-13", "-1", "", "３"])
def test_what_does_not_exist_is_told_with_what_does(ref: str) -> None:
    with pytest.raises(UsageError) as error:
        resolve(ref, VERSIONS)
    assert f"mfa@{ref}" in error.value.message
    assert "4 versions: @1 (2024-01-01 09:00 UTC) to @4" in (error.value.hint or "")


def test_the_baseline_is_no_version() -> None:
    with pytest.raises(UsageError, match="pinned text"):
        resolve(BASELINE, VERSIONS)


def test_a_source_without_versions_is_told_apart() -> None:
    with pytest.raises(UsageError, match="no version yet"):
        resolve("latest", [])


def test_a_series_goes_by_the_dates_of_its_members() -> None:
    dates = {version.number: datetime(2000 + version.number, 6, 1, tzinfo=UTC) for version in VERSIONS}
    assert resolve("2002-06-01", VERSIONS, dates=dates).number == 2
    assert resolve("2002", VERSIONS, dates=dates).number == 2
    with pytest.raises(UsageError, match="so early"):
        resolve("2001-05-31", VERSIONS, dates=dates)


@given(st.integers(1, 4), st.integers(0, 12 * 3600))
def test_the_version_as_of_a_moment_is_the_last_first_seen_by_then(number: int, later_s: int) -> None:
    moment = datetime.fromtimestamp(at(number).timestamp() + later_s, UTC)
    assert resolve(moment.isoformat(), VERSIONS).number == number


@given(st.text(max_size=30))
def test_no_reference_makes_it_fail_otherwise_than_by_telling(ref: str) -> None:
    try:
        assert resolve(ref, VERSIONS) in VERSIONS
    except UsageError as error:
        assert error.hint
