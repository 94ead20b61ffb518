"""The misbehaving loopback origin, for every test at the edges."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from monitor.fetch import FetchRules
from tests.edges.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server of its own for each test."""
    with Origin() as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> None:
    """A Chromium and the extra that drives it; where one is absent the test skips, and CI fails on that."""
    from importlib.util import find_spec

    from monitor.fetch.browser import executable

    missing = "no Chromium is installed" if executable(FetchRules()) is None else None
    missing = "the extra 'browser' is not installed" if find_spec("playwright") is None else missing
    if missing is not None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must render pages in a browser, but {missing}")
        pytest.skip(missing)
