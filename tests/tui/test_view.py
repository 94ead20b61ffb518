"""The viewer in the terminal, over a real archive, driven by keys and the mouse (Textual's Pilot)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.cli import run as run_command
from monitor.config import load
from monitor.histories import history_of
from monitor.render.terminal import width_of
from monitor.tui.app import Help, Viewer
from monitor.tui.asked import Show
from monitor.tui.lines import Listing, Reading
from monitor.tui.rows import SourceRow, filtered, next_stop, source_line, source_rows, stops, version_line
from storage.archive import Archive
from storage.records import Source
from tests.journeys.conftest import Program, variorum  # noqa: F401  (a fixture)

textual_pilot = pytest.importorskip("textual.pilot")

HOSTILE = "[red]not markup[/] \x1b[31m \u202egnp.exe [link=https://example.org]x[/link]"
KEPT = {
    "desk/2024-01-01.txt": f"A readout\n\nThe two sides exchanged views on the dispute.\n\n{HOSTILE}\n\nThe end.",
    "desk/2024-02-01.txt": f"A readout\n\nThe two sides exchanged views on the crisis.\n\n{HOSTILE}\n\nThe end, now.",
    "desk/2024-03-01.txt": f"A readout\n\nThe two sides exchanged views on the crisis.\n\n{HOSTILE}\n\nThe end, now!",
    "calls/2023-05-01.txt": "通话\n\n双方就乌克兰问题交换意见。合理安全关切应当得到尊重。",
    "calls/2024-05-01.txt": "通话\n\n双方就乌克兰局势深入交换意见。合理安全关切应当得到尊重。",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("view")
    (folder / "base.txt").write_text("A readout\n\nThe two sides exchanged views.\n\nThe end.")
    (folder / "config.yaml").write_text("series: [{id: calls, title: 通话, baseline: base.txt}]\n", "utf-8")
    for name, text in KEPT.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    config = ("--config", str(folder / "config.yaml"), "-q", "import", "folder")
    assert run_command([*config, str(folder / "desk"), "--source", "desk", "--as-is"]) == 0
    assert run_command([*config, str(folder / "calls"), "--series", "calls"]) == 0
    return folder


@pytest.fixture
def archive(folder: Path) -> Iterator[Archive]:
    with Archive.open(f"sqlite:///{folder / 'variorum.db'}", create=False, readonly=True) as opened:
        yield opened


Steps = Callable[[Viewer, "textual_pilot.Pilot[None]"], Awaitable[None]]


def driven(
    folder: Path, archive: Archive, steps: Steps, *, start: str | None = None, size: tuple[int, int] = (80, 24)
) -> None:
    async def drive() -> None:
        settings = load(folder / "config.yaml", {})
        viewer = Viewer(settings, archive, history_of(archive, start) if start else None)
        async with viewer.run_test(size=size) as pilot:
            await settled(viewer, pilot)
            await steps(viewer, pilot)

    asyncio.run(drive())


async def settled(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
    await pilot.pause()
    await viewer.workers.wait_for_complete()
    await pilot.pause()


async def pressed(viewer: Viewer, pilot: textual_pilot.Pilot[None], *keys: str) -> str:
    """What the reading pane says when these keys were pressed."""
    await pilot.press(*keys)
    await settled(viewer, pilot)
    return "\n".join(viewer.query_one(Reading).lines)


def screen(viewer: Viewer) -> list[str]:
    """The characters that stand on the screen, line by line."""
    compositor = viewer.screen._compositor
    return ["".join(segment.text for segment in strip) for strip in compositor.render_strips()]


def test_enter_opens_a_source_with_its_last_change_and_j_k_walk_its_versions(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        assert any("desk" in line for line in screen(viewer))
        assert "{+!+}" in await pressed(viewer, pilot, "j", "enter")  # the series comes first
        assert "[-dispute-]{+crisis+}" in await pressed(viewer, pilot, "j")
        assert "[-dispute-]" not in await pressed(viewer, pilot, "J")  # the first version is shown whole
        assert "dispute" in "\n".join(viewer.query_one(Reading).lines)
        assert "[-dispute-]{+crisis+}" in await pressed(viewer, pilot, "K")

    driven(folder, archive, steps)


def test_n_and_p_lead_through_the_changes_and_on_into_the_next_version(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        await pressed(viewer, pilot, "J")
        await pressed(viewer, pilot, "n")
        assert viewer.query_one(Reading).stop == (1, 2)
        await pressed(viewer, pilot, "n")
        assert viewer.query_one(Reading).stop == (2, 2)
        await pressed(viewer, pilot, "n")
        assert viewer.asked.number == 3
        await pressed(viewer, pilot, "p")
        assert viewer.asked.number == 2

    driven(folder, archive, steps, start="desk")


def test_any_two_versions_are_compared_by_a_mark(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        told = await pressed(viewer, pilot, "m", "j", "j")
        assert "desk@1 → desk@3" in told
        assert "[-dispute-]{+crisis+}" in told
        assert any("▶" in line for line in screen(viewer))
        assert "desk@1 → desk@3" not in await pressed(viewer, pilot, "K", "K", "m", "J")

    driven(folder, archive, steps, start="desk")


def test_text_blame_baseline_whole_and_cosmetic_are_a_key_away(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        assert "no baseline is configured" in await pressed(viewer, pilot, "B")
        assert "@2  " in await pressed(viewer, pilot, "b")
        assert "[-" not in await pressed(viewer, pilot, "t")
        assert "{+!+}" in await pressed(viewer, pilot, "d")
        assert "{+!+}" not in await pressed(viewer, pilot, "c")
        assert "unchanged" in await pressed(viewer, pilot, "c")
        assert "unchanged" not in await pressed(viewer, pilot, "w")
        assert "|" in await pressed(viewer, pilot, "s")

    driven(folder, archive, steps, start="desk", size=(120, 30))


def test_a_series_is_read_as_one_history_against_its_own_baseline(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        assert "{+局势深入+}" in "\n".join(viewer.query_one(Reading).lines)
        assert viewer.query_one(Reading).lines[0].strip() == "2023-05-01 → 2024-05-01"  # as the list has them
        assert "[-A readout-]" in await pressed(viewer, pilot, "B")

    driven(folder, archive, steps, start="calls")


def test_a_phrase_is_searched_in_every_version_from_the_same_screen(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        told = await pressed(viewer, pilot, "slash", *"dispute", "enter")
        assert viewer.asked.show is Show.PHRASE
        assert "gone since" in told
        assert sum("1×" in line for line in screen(viewer)) == 1
        await pressed(viewer, pilot, "escape")
        assert viewer.asked.show is Show.CHANGE

    driven(folder, archive, steps, start="desk")


def test_sources_are_filtered_while_a_name_is_typed(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        await pressed(viewer, pilot, "f", *"des")
        shown = "\n".join(screen(viewer))
        assert "desk" in shown
        assert "calls" not in shown
        assert "{+!+}" in await pressed(viewer, pilot, "enter", "enter")

    driven(folder, archive, steps)


def test_the_mouse_chooses_and_opens(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        await pilot.click("#sources", offset=(4, 1))
        await pilot.click("#sources", offset=(4, 1))
        await settled(viewer, pilot)
        assert viewer.asked.name == "desk"
        await pilot.click("#versions", offset=(4, 1))
        await settled(viewer, pilot)
        assert viewer.asked.number == 2

    driven(folder, archive, steps)


def test_question_mark_shows_the_keys_on_a_screen_of_80_by_24(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        await pressed(viewer, pilot, "question_mark")
        assert isinstance(viewer.screen, Help)
        shown = "\n".join(screen(viewer))
        assert "blame: since when" in shown
        assert "this help; quit" in shown
        await pressed(viewer, pilot, "x")
        assert not isinstance(viewer.screen, Help)

    driven(folder, archive, steps)


def test_hostile_text_is_shown_as_characters(folder: Path, archive: Archive) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        told = await pressed(viewer, pilot, "t")
        assert "[red]not markup[/]" in told
        assert "⟨U+202E⟩" in told
        drawn = "".join(screen(viewer))
        assert "[red]not markup" in drawn
        assert not any(char in drawn for char in "\x1b\u202e")
        await pressed(viewer, pilot, "slash", *"[red]", "enter")
        assert "[red]" in "\n".join(screen(viewer))

    driven(folder, archive, steps, start="desk")


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (40, 12)])
def test_no_line_is_wider_than_its_pane(folder: Path, archive: Archive, size: tuple[int, int]) -> None:
    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        for keys in ("d", "t", "b"):
            await pressed(viewer, pilot, keys)
            pane = viewer.query_one(Reading)
            if size[0] >= 80:
                assert max(width_of(line) for line in pane.lines) <= pane.scrollable_content_region.width
            assert all(width_of(line) == size[0] for line in screen(viewer))

    driven(folder, archive, steps, start="calls", size=size)


def test_an_empty_archive_opens_too(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: []\n")

    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        await pressed(viewer, pilot, "j", "enter", "n", "b", "m", "slash", "escape", "h", "l", "r", "L", "tab")
        assert viewer.query_one("#sources", Listing).chosen == 0

    with Archive.open(f"sqlite:///{tmp_path / 'variorum.db'}") as archive:
        driven(tmp_path, archive, steps)


def test_a_source_without_a_version_says_so(tmp_path: Path) -> None:
    from monitor.clock import utc_now

    (tmp_path / "config.yaml").write_text("sources: []\n")

    async def steps(viewer: Viewer, pilot: textual_pilot.Pilot[None]) -> None:
        assert "no version yet" in await pressed(viewer, pilot, "enter")
        assert "no version yet" in await pressed(viewer, pilot, "b", "m", "J", "d")

    with Archive.open(f"sqlite:///{tmp_path / 'variorum.db'}") as archive:
        archive.declare([Source("empty", "https://example.org/")], utc_now())
        driven(tmp_path, archive, steps)


def test_without_the_extra_one_line_says_how_to_get_it(variorum: Program, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(sys.modules, "textual", None)
    told = variorum("view")
    assert told.code == 2
    assert told.err == "error: the viewer needs Textual\nhint: pip install 'variorum[tui]'\n"


def test_a_pipe_is_told_apart_from_a_terminal(variorum: Program) -> None:  # noqa: F811
    assert "needs a terminal" in variorum("view").err


def test_lines_of_both_lists_are_as_wide_as_they_are_told(folder: Path, archive: Archive) -> None:
    rows = source_rows(archive.states())
    assert [row.name for row in rows] == ["calls", "desk"]
    assert [row.name for row in filtered(rows, "ES")] == ["desk"]
    history = history_of(archive, "calls")
    for width in (20, 36, 60, 90):
        for row in rows:
            assert width_of("".join(text for text, _ in source_line(row, width))) == width
        for version in history.versions:
            line = version_line(version, width, series="calls", date=None, phrase={1: 2})
            assert width_of("".join(text for text, _ in line)) == width


def test_stops_are_where_marked_lines_begin() -> None:
    assert stops([False, True, True, False, True]) == [1, 4]
    assert next_stop([1, 4], -1, 1) == 1
    assert next_stop([1, 4], 4, 1) is None
    assert next_stop([1, 4], 4, -1) == 1


def test_a_source_that_is_gone_and_silently_edited_keeps_its_name() -> None:
    row = SourceRow("xi-putin-call", 7, "gone", changed=datetime(2026, 1, 2, tzinfo=UTC), silent=True)
    assert "".join(text for text, _ in source_line(row, 34)) == "  xi-putin-call ◆    7  gone      "
