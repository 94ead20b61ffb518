"""The boundary of one check: whatever happens in it, the other sources are checked."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.compose import house
from monitor.config import load
from monitor.rounds import check_all
from storage.archive import Archive
from storage.records import Latest, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

    from monitor.compose import House
    from tests.edges.origin import Origin

PAGE = "<article><h1>T</h1><p>The parties shall meet again in May, said both of them.</p></article>"


@asynccontextmanager
async def watching(folder: Path, origin: Origin) -> AsyncIterator[House]:
    entries = "".join(
        f"  - {{id: {name}, url: '{origin.page(f'/{name}', PAGE)}', select: article}}\n" for name in ("a", "b", "c")
    )
    config = folder / "config.yaml"
    config.write_text(f"defaults: {{allow_private: [127.0.0.0/8], robots: false}}\nsources:\n{entries}")
    async with house(load(config, os.environ)) as parts:
        yield parts


def outcomes(parts: House, latest: dict[str, Latest]) -> asyncio.Future[dict[str, Outcome]]:
    async def all_of_them() -> dict[str, Outcome]:
        checks = check_all(parts.settings.declarations, latest, parts.around, concurrency=1)
        return {checked.source: checked.outcome async for checked in checks}

    return asyncio.ensure_future(all_of_them())


def test_a_source_that_was_recorded_meanwhile_is_skipped_and_the_others_checked(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        async with watching(tmp_path, origin) as parts:
            stale = await parts.around.writer.call(Archive.latest, ["a", "b", "c"])
            first = await outcomes(parts, {"a": stale["a"]} | {name: stale[name] for name in "bc"})
            assert set(first.values()) == {Outcome.NEW}
            again = await parts.around.writer.call(Archive.latest, ["a", "b", "c"])
            # "a" is checked as if it had no version yet: as a second process would that looked before the first one wrote
            second = await outcomes(parts, again | {"a": stale["a"]})
            assert second == {"a": Outcome.SKIPPED, "b": Outcome.UNCHANGED, "c": Outcome.UNCHANGED}
            assert len(parts.archive.versions("a")) == 1

    asyncio.run(go())


def test_a_write_that_is_refused_is_that_source_s_failure(tmp_path: Path, origin: Origin) -> None:
    async def go() -> None:
        async with watching(tmp_path, origin) as parts:
            latest = await parts.around.writer.call(Archive.latest, ["a", "b", "c"])
            lost = latest | {"a": Latest("a", number=1, snapshot=999)}
            assert await outcomes(parts, lost) == {"a": Outcome.FAILED, "b": Outcome.NEW, "c": Outcome.NEW}

    asyncio.run(go())


def test_a_fault_of_ours_in_one_check_is_logged_and_the_others_are_checked(
    tmp_path: Path, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    throws = iter([ZeroDivisionError("loaded dice")])

    def dice() -> float:
        for error in throws:
            raise error
        return 0.5

    async def go() -> None:
        async with watching(tmp_path, origin) as parts:
            broken = replace(parts, around=replace(parts.around, dice=dice))
            latest = await parts.around.writer.call(Archive.latest, ["a", "b", "c"])
            assert await outcomes(broken, latest) == {"a": Outcome.FAILED, "b": Outcome.NEW, "c": Outcome.NEW}

    asyncio.run(go())
    assert "loaded dice" in caplog.text
    assert "Traceback" in caplog.text
