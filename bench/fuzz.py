"""Coverage-guided fuzzing of the readers with atheris, where it is installed. ``python -m bench fuzz [atheris options]``

Whatever the bytes, a reader gives a reading or its own ``ReadError``; with a known text, the shortcut gives the text of the
whole reading; a listing gives whole web addresses. The quick and slow suites hold the same with hypothesis (``tests/core/read``); this goes on as long as it is let:

    pip install atheris && python -m bench fuzz -max_total_time=600 -rss_limit_mb=1024 -timeout=10
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from monitor.read import ReadRules, read
from monitor.read.links import next_link, print_link
from monitor.read.listing import ListRules, listed
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
LISTINGS = (ListRules("feed"), ListRules("sitemap"), ListRules("index", "a"), ListRules("index", "re:/", next="a.next"))


def look(data: bytes) -> None:
    """One case: the first byte chooses the rules, the second the content type, the rest is the body."""
    if len(data) < 2:
        return
    chosen = data[0] % (len(RULES) + len(LISTINGS))
    content_type = (None, "text/html", "text/html; charset=gbk", "text/plain; charset=utf-16")[data[1] % 4]
    body = data[2:]
    if chosen >= len(RULES):
        _look_at_listing(body, LISTINGS[chosen - len(RULES)], content_type)
        return
    rules = RULES[chosen]
    try:
        reading = read(body, rules, content_type=content_type)
    except ReadError:
        return
    again = read(body, rules, content_type=content_type, known=reading.text.digest)
    assert again.text == reading.text


def _look_at_listing(body: bytes, rules: ListRules, content_type: str | None) -> None:
    url = "https://www.example.org/news/"
    try:
        found = listed(body, rules, content_type=content_type, url=url)
    except ReadError:
        found = None
    for address in [item.url for item in found.items] if found is not None else []:
        assert address.startswith(("http://", "https://"))
    next_link(body, ".next", content_type=content_type, url=url)
    print_link(body, "auto", content_type=content_type, url=url)


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
