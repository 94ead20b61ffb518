"""Two plots as SVG, in the manner of the differ's: bars by program, and lines by number of sources; logarithmic both."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from bench.differ.plot import COLOURS, DASHES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEFT, _TOP, _WIDTH, _BAR = 150, 44, 560, 15


def _opened(title: str, width: int, height: int, note: str) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title><desc>{escape(note.strip())}</desc>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="14" y="22" font-weight="bold" fill="#111">{escape(title)}</text>',
    ]


def bars(title: str, programs: Mapping[str, Mapping[str, float]], note: str) -> str:
    """A group of bars for each program, one for each round, with its number at its end."""
    steps = list(dict.fromkeys(step for one in programs.values() for step in one))
    values = [value for one in programs.values() for value in one.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    group = _BAR * len(steps) + 16
    height = _TOP + group * len(programs) + 62
    out = _opened(title, _LEFT + _WIDTH + 70, height, note)
    bottom = _TOP + group * len(programs)
    for power in range(low, high + 1):
        x = _LEFT + _WIDTH * (power - low) / (high - low)
        out.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#333">{10.0**power:g}</text>')
    for place, (program, told) in enumerate(programs.items()):
        top = _TOP + group * place + 8
        middle = top + _BAR * len(steps) / 2 + 4
        out.append(f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end" fill="#111">{escape(program)}</text>')
        for number, step in enumerate(steps):
            if step in told:
                y, length = top + _BAR * number, _WIDTH * (math.log10(told[step]) - low) / (high - low)
                out.append(
                    f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 3}" fill="{COLOURS[number]}"/>'
                )
                out.append(
                    f'<text x="{_LEFT + length + 5:.1f}" y="{y + 11}" fill="#333" font-size="11">{told[step]:.3g}</text>'
                )
    for number, step in enumerate(steps):
        x = _LEFT + 150 * number
        out.append(f'<rect x="{x}" y="{bottom + 34}" width="12" height="12" fill="{COLOURS[number]}"/>')
        out.append(f'<text x="{x + 18}" y="{bottom + 44}" fill="#111">{escape(step)}</text>')
    return "\n".join([*out, "</svg>", ""])


def lines(title: str, curves: Mapping[str, Sequence[tuple[int, float]]], note: str) -> str:
    """A line for each round: milliseconds a check against sources."""
    sizes = sorted({size for curve in curves.values() for size, _ in curve})
    values = [ms for curve in curves.values() for _, ms in curve]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    left, width, tall = 70, 480, 240

    def x(size: int) -> float:
        return left + width * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(ms: float) -> float:
        return _TOP + tall * (1 - (math.log10(ms) - low) / (high - low))

    out = _opened(title, left + width + 90, _TOP + tall + 44, note)
    for power in range(low, high + 1):
        for step in (1, 2, 5) if power < high else (1,):
            at = y(step * 10.0**power)
            out.append(f'<path d="M{left} {at:.1f}h{width}" stroke="{"#ddd" if step == 1 else "#f2f2f2"}"/>')
            out.append(
                f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end" fill="#333" font-size="10">{step * 10.0**power:g} ms</text>'
            )
    for size in sizes:
        out.append(f'<path d="M{x(size):.1f} {_TOP}v{tall}" stroke="#eee"/>')
        out.append(f'<text x="{x(size):.1f}" y="{_TOP + tall + 16}" text-anchor="middle" fill="#333">{size:,}</text>')
    for place, (name, curve) in enumerate(curves.items()):
        dash = f' stroke-dasharray="{DASHES[place]}"' if DASHES[place] else ""
        path = "M" + "L".join(f"{x(size):.1f} {y(ms):.1f}" for size, ms in curve)
        out.append(f'<path d="{path}" fill="none" stroke="{COLOURS[place]}" stroke-width="2"{dash}/>')
        out += [f'<circle cx="{x(size):.1f}" cy="{y(ms):.1f}" r="3" fill="{COLOURS[place]}"/>' for size, ms in curve]
        end, last = curve[-1]
        out.append(
            f'<text x="{x(end) + 8:.1f}" y="{y(last) + 4:.1f}" fill="{COLOURS[place]}" font-weight="bold">{escape(name)}</text>'
        )
    return "\n".join([*out, "</svg>", ""])
