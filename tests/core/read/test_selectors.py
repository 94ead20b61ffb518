"""Every way of saying what is read, alone and together with every other: one matrix."""

from __future__ import annotations

from itertools import product

import pytest

from monitor.read import ReadRules, read

PAGE = b"""<html><body><div class=menu>Menu</div><div id=s class=statement><p>Before the start.</p><p>Here it begins.</p>
<p class=ad>An advertisement.</p><p>The parties shall meet.</p><p>Number 7 stands.</p><p>Here it ends.</p><p>After the end.</p></div>
<div class=foot>Foot</div></body></html>"""
WHOLE = (
    "Before the start.", "Here it begins.", "An advertisement.", "The parties shall meet.", "Number 7 stands.", "Here it ends.", "After the end.",
)  # fmt: skip
CHOSEN = (
    {"select": "#s"}, {"select": "div.statement > p"}, {"xpath": "//div[@id='s']"}, {"xpath": "//div[@id='s']/p"},
)  # fmt: skip
REMOVED = ({}, {"remove": (".ad",)}, {"remove": ("p.ad", ".menu")})
BOUNDS = ({}, {"start_after": "Here it begins."}, {"end_before": "Here it ends."}, {"start_after": "begins.", "end_before": "Here it ends"})  # fmt: skip
FILTERED = (
    {}, {"keep_lines_matching": (r"\bthe\b|The",)}, {"delete_lines_matching": (r"\d",)}, {"substitute": ((r"\bshall\b", "may"),)},
)  # fmt: skip


def expected(removed: dict[str, object], bounds: dict[str, str], filtered: dict[str, object]) -> list[str]:
    """What the rules mean, said in the plainest way."""
    lines = [line for line in WHOLE if not (removed and line.startswith("An adv"))]
    if "start_after" in bounds:
        lines = lines[lines.index("Here it begins.") + 1 :]
    if "end_before" in bounds:
        lines = lines[: lines.index("Here it ends.")]
    if "keep_lines_matching" in filtered:
        lines = [line for line in lines if " the " in line or line.startswith("The")]
    if "delete_lines_matching" in filtered:
        lines = [line for line in lines if "7" not in line]
    if "substitute" in filtered:
        lines = [line.replace("shall", "may") for line in lines]
    return lines


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_selectors_removals_anchors_and_filters_hold_together(chosen: dict[str, str]) -> None:
    for removed, bounds, filtered in product(REMOVED, BOUNDS, FILTERED):
        rules = ReadRules(**chosen, **removed, **bounds, **filtered)  # type: ignore[arg-type]
        text = read(PAGE, rules, content_type="text/html").text
        assert text.text.split("\n\n") == expected(removed, bounds, filtered), rules
