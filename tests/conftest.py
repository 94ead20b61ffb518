"""Fixtures that every room's tests share."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

from tests.storage.postgres import in_memory

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"

# How long an example takes says how busy the machine is; what must not take long has a test of its own.
settings.register_profile("variorum", deadline=None)
settings.load_profile("variorum")


QUICK: Final = 5
"""The quick part tries every property with a fifth of its examples, others each time; the slow part with all."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-update", action="store_true", help="rewrite the golden files instead of comparing")
    parser.addoption("--all-examples", action="store_true", help="try properties with all their examples")


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a third of the time a test waits, for a server, a browser or a screen."""
    cores = len(os.sched_getaffinity(0))
    return cores + cores // 2


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tests of the quick part write to memory where they can: 3,000 small databases are mostly waiting for a disk."""
    place = None if "MUTANT_UNDER_TEST" in os.environ else in_memory()  # what a noticed mutant wrote, nobody looks at
    if (
        place
        and not config.option.basetemp
        and "not slow" in config.option.markexpr
        and not hasattr(config, "workerinput")
    ):
        config.option.basetemp = tempfile.mkdtemp(prefix="variorum-", dir=place)
        config.stash[_MADE] = Path(config.option.basetemp)


_MADE = pytest.StashKey[Path]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What a failed test wrote stays, to be looked at."""
    made = session.config.stash.get(_MADE, None)
    if made is not None and not session.testsfailed:
        shutil.rmtree(made, ignore_errors=True)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        tried: Any = getattr(item, "obj", None)
        if not getattr(tried, "is_hypothesis_test", False):
            continue
        item.add_marker("examples")
        if not config.option.all_examples:
            tried = getattr(tried, "__func__", tried)
            whole: settings | None = getattr(
                tried, "_hypothesis_internal_use_settings", None
            )  # a state machine has none
            if whole is not None and not hasattr(tried, "whole"):
                tried.whole = whole
                tried._hypothesis_internal_use_settings = settings(
                    whole, max_examples=max(whole.max_examples // QUICK, 10)
                )


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported and collected stays to the end: looking for garbage in it was a twelfth of the quick suite."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _statements_compiled_once() -> Iterator[None]:
    """Statements are put into SQL once for all tests, not once for each archive."""
    from tests.storage import statements

    with pytest.MonkeyPatch.context() as patch:
        statements.compiled_once(patch)
        yield


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
