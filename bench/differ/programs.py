"""Differs that are programs of their own, over whole texts as they cut them: redlines, and ``git diff --word-diff``.

Both keep or fold white space as they like, so what they tell is laid on the texts by their other characters. Neither knows
words of Chinese; their words there are what stands between spaces. ``python programs.py`` is the redlines end: it answers a
JSON line ``[old, new]`` with one of runs, ``[[sign, text], …]``, and imports nothing of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.differ.tokens import Pieces

Runs = list[tuple[int, str]]
"""``(-1 | 0 | 1, text)``: gone, in both, come."""


def outside() -> dict[str, Callable[[str, str], Pieces]]:
    """Those that are to be had here, by name; the others are left out with a line."""
    from bench.differ.speed import GIT, pythons

    found = pythons()
    told: dict[str, Callable[[str, str], Pieces]] = {}
    if "redlines" in found:
        told["redlines"] = lambda old, new: laid(old, new, _redlines(str(found["redlines"]), old, new))
    if GIT in found:
        told[GIT] = lambda old, new: laid(old, new, _git(old, new))
    return told


def laid(old: str, new: str, runs: Iterable[tuple[int, str]]) -> Pieces:
    """Runs → pieces in code points of the two texts, white space left to the neighbours."""
    places = _ink(old), _ink(new)
    pieces: Pieces = []
    at, open_at = [0, 0], None
    for sign, text in [*runs, (0, "")]:
        size = len(_ink(text))
        if sign == 0:
            if open_at is not None and open_at != at:
                first, second = (
                    _span(one, low, high, len(whole))
                    for one, low, high, whole in zip(places, open_at, at, (old, new), strict=True)
                )
                pieces.append((first, second))
            open_at = None
            at = [at[0] + size, at[1] + size]
        else:
            open_at = open_at or list(at)
            at[sign > 0] += size
    return pieces


def _ink(text: str) -> list[int]:
    return [place for place, one in enumerate(text) if not one.isspace()]


def _span(places: list[int], low: int, high: int, end: int) -> tuple[int, int]:
    if low < high:
        return places[low], places[high - 1] + 1
    at = places[low] if low < len(places) else end
    return at, at


def _git(old: str, new: str) -> Runs:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("old", "new")]
        for file, text in zip(files, (old, new), strict=True):
            file.write_text(text + "\n", "utf-8")
        command = ["git", "diff", "--no-index", "--no-color", "--word-diff=porcelain", f"-U{len(old) + len(new)}"]
        told = subprocess.run([*command, *files], capture_output=True, check=False).stdout.decode("utf-8")
    lines = told.split("\n")
    body = next((place + 1 for place, line in enumerate(lines) if line.startswith("@@")), len(lines))
    signs = {" ": 0, "-": -1, "+": 1}
    return [(signs[line[0]], line[1:]) for line in lines[body:] if line[:1] in signs]


@cache
def _server(python: str) -> subprocess.Popen[str]:
    return subprocess.Popen([python, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _redlines(python: str, old: str, new: str) -> Runs:
    server = _server(python)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([old, new]) + "\n")
    server.stdin.flush()
    return [(sign, text) for sign, text in json.loads(server.stdout.readline())]


def serve() -> None:
    """Answer every line until there are no more."""
    from redlines import Redlines  # type: ignore[import-not-found,unused-ignore]

    for line in sys.stdin:
        old, new = json.loads(line)
        told = json.loads(Redlines(old, new).output_json())
        runs = []
        for one in told["changes"]:
            (a, b), (c, d) = (one[f"{side}_token_position"] or (0, 0) for side in ("source", "test"))
            gone, come = "".join(told["source_tokens"][a:b]), "".join(told["test_tokens"][c:d])
            runs += [(0, gone)] if one["type"] == "equal" else [(-1, gone), (1, come)]
        print(json.dumps(runs), flush=True)


if __name__ == "__main__":
    serve()
