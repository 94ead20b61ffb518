"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"

# How long an example takes says how busy the machine is; what must not take long has a test of its own.
settings.register_profile("variorum", deadline=None)
settings.load_profile("variorum")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-update", action="store_true", help="rewrite the golden files instead of comparing")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real statements beside the project; where it is absent the test skips, and CI fails on that."""
    if not CORPUS.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run the corpus tests, but there is no corpus at {CORPUS}")
        pytest.skip("no corpus of real statements beside the project (../shared/corpus)")
    return CORPUS


@pytest.fixture(scope="session")
def seed() -> Path:
    """The seeded baseline, byte for byte as published."""
    return ROOT / "seeds" / "2022-02-25-xi-putin-call.txt"
