"""Every edit of the cases by kind, whole: which rule gave each kind, how grave it is, and the sentences it stands in.

``make golden`` writes the file anew; read the git diff before you commit it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.differ import compare
from storage.records import Text
from tests.core.differ.test_kinds import CASES

FILE = Path(__file__).parents[2] / "golden" / "differ" / "edits.txt"
MORE = [
    # a time of the day in a passage that was replaced by another is no date, in a small edit it is one
    ("They met in the morning and left.", "They met in the evening and left."),
    ("They met in the morning to hear the report.", "They met with nobody, only to hear the report."),
    ("The talks in Geneva go on.", "The talks of 5 May in Vienna go on."),
    ("The vote of the council was put off until spring.", "The vote of the council was put\n\nout until spring."),
    ("He met Ms Carter on 3 May 2021 at noon.", "He met Mr Hale on 4 June 2022 at noon."),
    ("It was agreed.  ", "It was agreed.\n\nNone of the 12 may leave in May.\n\n"),
    ("They thanked President Macron for it.", "They thanked President Scholz on Monday for it."),
    ("They thanked Macron on Monday for it.", "They thanked Scholz for it."),
    ("One was seen.", "Both were seen."),
    ("He noted it. They go. All agree.", "He noted it; they may go, all agree, or so it is said in May."),
    ("The vote is on Monday, 3 May, at 14:30.", "The vote is on Tuesday, 4 May, at 15:30."),
    ("Growth of 2.5 percent, or 3 points, was seen.", "Growth of 3.5 percent, or 4 points, was seen."),
    ("各方应尊重主权，不应干涉内政。", "各方须尊重主权；不得干涉五国内政。"),
]


def test_the_golden_edits(request: pytest.FixtureRequest) -> None:
    lines = []
    for old, new in [*((old, new) for _, old, new in CASES), *MORE]:
        change = compare(Text(old), Text(new))
        lines.append(f"{old!r} → {new!r} {change.stats.similarity}")
        for edit in change.edits:
            kinds = ", ".join(f"{kind.value} ({rule})" for kind, rule in zip(edit.kinds, edit.rules, strict=True))
            lines.append(f"    {edit.old.text!r} → {edit.new.text!r} {edit.severity.name}: {kinds}")
            lines.append(f"        {edit.sentence_old!r} → {edit.sentence_new!r}")
    told = "\n".join(lines) + "\n"
    if request.config.getoption("--golden-update"):
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(told, "utf-8")
    assert told == FILE.read_text("utf-8")
