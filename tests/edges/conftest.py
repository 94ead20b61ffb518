"""The misbehaving loopback origin, for every test at the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.edges.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A server of its own for each test."""
    with Origin() as running:
        yield running
