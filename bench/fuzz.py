"""Coverage-guided fuzzing of the readers with atheris, where it is installed. ``python -m bench fuzz [atheris options]``

Whatever the bytes, a reader gives a reading or its own ``ReadError``; with a known text, the shortcut gives the text of the
whole reading. The quick and slow suites hold the same with hypothesis (``tests/core/read``); this goes on as long as it is let:

    pip install atheris && python -m bench fuzz -max_total_time=600 -rss_limit_mb=1024 -timeout=10
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from monitor.read import ReadRules, read
from storage.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = (
    ReadRules(),
    ReadRules(select="#a"),
    ReadRules(select=".a > p", remove=(".b",)),
    ReadRules(xpath="//p"),
    ReadRules(kind="plain"),
    ReadRules(kind="pdf"),
)


def look(data: bytes) -> None:
    """One case: the first byte chooses the rules, the second the content type, the rest is the body."""
    if len(data) < 2:
        return
    rules = RULES[data[0] % len(RULES)]
    content_type = (None, "text/html", "text/html; charset=gbk", "text/plain; charset=utf-16")[data[1] % 4]
    body = data[2:]
    try:
        reading = read(body, rules, content_type=content_type)
    except ReadError:
        return
    again = read(body, rules, content_type=content_type, known=reading.text.digest)
    assert again.text == reading.text


def main(arguments: Sequence[str]) -> int:
    """Fuzz until told to stop; without atheris a line that says so."""
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 0
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments], look)
    atheris.Fuzz()
    return 0
