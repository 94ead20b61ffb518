"""Time against size, on two logarithmic scales: as SVG, and in characters for a terminal."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Curve = list[tuple[int, float]]
"""``(words, milliseconds)``, by size."""

COLOURS = ("#0b5cad", "#b3450a", "#2f7d32", "#8a2d8f", "#7a6a00", "#555555")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "12 4")
LETTERS = "VDWCRG"
_WIDTH, _HEIGHT, _LEFT, _TOP = 300, 260, 62, 46


def svg(panels: Mapping[str, Mapping[str, Curve]], note: str) -> str:
    """One panel for each sort of change, one line for each differ; told apart by colour, dash and letter at its end."""
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    sizes = sorted({size for curves in panels.values() for curve in curves.values() for size, _ in curve})
    times = [ms for curves in panels.values() for curve in curves.values() for _, ms in curve]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    width = _LEFT + len(panels) * (_WIDTH + 34)
    height = _TOP + _HEIGHT + 74 + 18 * math.ceil(len(names) / 3)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>CPU time of a difference against words</title><desc>{escape(note)}</desc>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (change, curves) in enumerate(panels.items()):
        left = _LEFT + number * (_WIDTH + 34)
        out.append(f'<text x="{left}" y="{_TOP - 14}" font-weight="bold" fill="#111">{escape(change)}</text>')
        for power in range(low, high + 1):
            y = _y(10.0**power, low, high)
            out.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>')
            if number == 0:
                out.append(
                    f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#333">{_time(10.0**power)}</text>'
                )
        for size in sizes:
            x = _x(size, sizes, left)
            out.append(f'<path d="M{x:.1f} {_TOP}v{_HEIGHT}" stroke="#eee"/>')
            out.append(
                f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle" fill="#333" font-size="10">{_short(size)}</text>'
            )
        for name, curve in curves.items():
            if curve:
                out += _line(name, curve, names.index(name), sizes, left, low, high)
    for place, name in enumerate(names):
        x, y = _LEFT + (place % 3) * 290, _TOP + _HEIGHT + 44 + 18 * (place // 3)
        out.append(f'<path d="M{x} {y - 4}h34" {_stroke(place)}/>')
        out.append(f'<text x="{x + 42}" y="{y}" fill="#111">{LETTERS[place]}  {escape(name)}</text>')
    out.append(f'<text x="{_LEFT}" y="{height - 10}" fill="#555" font-size="10">{escape(note)}</text>')
    return "\n".join([*out, "</svg>", ""])


def _line(name: str, curve: Curve, place: int, sizes: Sequence[int], left: int, low: int, high: int) -> list[str]:
    points = [(_x(size, sizes, left), _y(ms, low, high)) for size, ms in curve]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    x, y = points[-1]
    return [
        f'<path d="{path}" {_stroke(place)}><title>{escape(name)}</title></path>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{COLOURS[place]}"/>' for x, y in points),
        f'<text x="{x + 5:.1f}" y="{y + 4:.1f}" fill="{COLOURS[place]}" font-weight="bold">{LETTERS[place]}</text>',
    ]


def _stroke(place: int) -> str:
    dash = f' stroke-dasharray="{DASHES[place]}"' if DASHES[place] else ""
    return f'fill="none" stroke="{COLOURS[place]}" stroke-width="{2.6 if place == 0 else 1.6}"{dash}'


def _x(size: int, sizes: Sequence[int], left: int) -> float:
    return left + _WIDTH * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])


def _y(ms: float, low: int, high: int) -> float:
    return _TOP + _HEIGHT * (1 - (math.log10(ms) - low) / (high - low))


def _short(size: int) -> str:
    return f"{size // 1000}k" if size >= 1000 else str(size)


def _time(ms: float) -> str:
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def text(panels: Mapping[str, Mapping[str, Curve]], rows: int = 14, columns: int = 57) -> str:
    """The same in characters: a letter for each differ, ``+`` where several meet."""
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    sizes = sorted({size for curves in panels.values() for curve in curves.values() for size, _ in curve})
    times = [ms for curves in panels.values() for curve in curves.values() for _, ms in curve]
    low, high = math.log10(min(times)), math.log10(max(times))
    out = ["  ".join(f"{LETTERS[place]} {name}" for place, name in enumerate(names))]
    for change, curves in panels.items():
        grid = [[" "] * columns for _ in range(rows)]
        for name, curve in curves.items():
            letter = LETTERS[names.index(name)]
            for size, ms in curve:
                x = round((columns - 1) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0]))
                y = rows - 1 - round((rows - 1) * (math.log10(ms) - low) / (high - low))
                grid[y][x] = letter if grid[y][x] == " " else "+"
        out.append(f"\n{change}")
        for number, row in enumerate(grid):
            ms = 10 ** (low + (high - low) * (rows - 1 - number) / (rows - 1))
            label = (f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.1f} ms") if number % 3 == 1 or rows == 1 else ""
            out.append(f"{label:>10} |{''.join(row).rstrip()}")
        out.append(" " * 11 + "+" + "-" * columns)
        out.append(f"{'':11}{_short(sizes[0])}{_short(sizes[-1]) + ' words':>{columns - len(_short(sizes[0])) + 1}}")
    return "\n".join(out)
