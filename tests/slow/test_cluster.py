"""Workers in processes of their own on one PostgreSQL: killed, stopped for a while, cut off, their database restarted.

2,000 sources and two minutes by default; ``VARIORUM_CLUSTER_SOURCES=100000 VARIORUM_CLUSTER_MINUTES=20`` for more. What is
held is in ``bench/proof.py``, which can be run by itself: ``python -m bench cluster proof``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.proof import Elsewhere, Plan, prove
from tests.storage.postgres import binaries

SOURCES = int(os.environ.get("VARIORUM_CLUSTER_SOURCES", "2000"))
MINUTES = float(os.environ.get("VARIORUM_CLUSTER_MINUTES", "2"))
EVERY_S = int(os.environ.get("VARIORUM_CLUSTER_EVERY_S", "60"))


@pytest.fixture(autouse=True)
def _postgresql() -> None:
    if binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("CI must run the workers on PostgreSQL, but it is not installed")
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 1800)
def test_nothing_is_lost_or_done_twice_whoever_dies(tmp_path: Path) -> None:
    plan = Plan(SOURCES, max(20, SOURCES // 10), MINUTES * 60, min(SOURCES, 2000), every_s=EVERY_S)
    print(prove(plan, tmp_path, two_hosts=False))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_host_that_is_cut_off_comes_back_and_others_did_its_work(tmp_path: Path) -> None:
    if (reason := Elsewhere.reason()) is not None:
        pytest.skip(f"no second host: {reason}")
    plan = Plan(
        60,
        20,
        50,
        60,
        every_s=20,
        edits=20,
        workers=2,
        kill_every_s=999,
        restarts=0,
        crashes=0,
        cut_s=35,
        freezes=False,
    )
    print(prove(plan, tmp_path, two_hosts=True))
