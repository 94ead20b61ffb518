"""What was measured, kept as JSON: a figure that is there need not be measured again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.machine import machine, revision, today

if TYPE_CHECKING:
    from pathlib import Path

Figures = dict[str, Any]


class Kept:
    """Figures by part, program and number of pages, in one file that is written whole after each."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._all = self._read()

    def _read(self) -> dict[str, Figures]:
        return dict(json.loads(self._place.read_text("utf-8"))) if self._place.exists() else {}

    @staticmethod
    def _key(part: str, program: str, pages: int) -> str:
        return f"{part}/{program}/{pages}"

    def has(self, part: str, program: str, pages: int) -> bool:
        """Whether that was measured."""
        return self._key(part, program, pages) in self._all

    def put(self, part: str, program: str, pages: int, figures: Figures) -> None:
        """Keep it, with the day, the machine and the commit."""
        about = {"day": today(), "machine": machine(), "revision": revision(), "pages": pages, "program": program}
        # Read anew: another piece of the run may have kept its own meanwhile.
        self._all = {**self._read(), self._key(part, program, pages): {**about, **figures}}
        self._place.parent.mkdir(parents=True, exist_ok=True)
        beside = self._place.with_suffix(".new")
        beside.write_text(json.dumps(self._all, indent=1, sort_keys=True), "utf-8")
        beside.replace(self._place)

    def of(self, part: str, program: str) -> list[Figures]:
        """All sizes of that part and program, smallest first."""
        found = [one for key, one in self._all.items() if key.startswith(f"{part}/{program}/")]
        return sorted(found, key=lambda one: int(one["pages"]))

    def largest(self, part: str, program: str) -> Figures | None:
        """The one with most pages."""
        found = self.of(part, program)
        return found[-1] if found else None

    def days(self) -> str:
        """When all this was measured: one day, or the first and the last."""
        days = sorted({str(one["day"]) for one in self._all.values()})
        return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}" if days else "never"

    def machines(self) -> str:
        """Where."""
        return "; ".join(sorted({str(one["machine"]) for one in self._all.values()}))

    def revisions(self) -> str:
        """What of ours."""
        return ", ".join(sorted({str(one["revision"]) for one in self._all.values() if one["program"] == "variorum"}))
