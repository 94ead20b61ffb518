"""From the keys of a source or of the defaults to the rules that fetching, reading and the gate declare.

Each takes the rules that hold where a key is not set.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from monitor import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.settings import PageRules
    from monitor.fetch import FetchRules
    from monitor.read import ReadRules
    from monitor.read.gate import GateRules

_FETCH_KEYS: Final = {
    "timeout": "timeout_s",
    "max_size": "max_size_bytes",
    "user_agent": "user_agent",
    "headers": "headers",
    "robots": "robots",
    "allow_private": "allow_private",
    "proxy": "proxy",
    "browser": "browser",
    "browser_path": "browser_path",
    "wait_for": "wait_for",
}
_PAGE_KEYS: Final = ("pages", "next", "print_view", "max_pages")
_READ_KEYS: Final = ("select", "xpath", "remove", "start_after", "end_before", "encoding", "kind")
_CONFIRM_KEYS: Final = {"after": "confirm_after_s", "times": "confirm_times"}


def fetch_rules(base: FetchRules, found: Mapping[str, Any]) -> FetchRules:
    """How to fetch: bounds, headers, robots, private addresses, a proxy or a browser."""
    changes = {rule: found[key] for key, rule in _FETCH_KEYS.items() if key in found}
    if "headers" in changes:
        changes["headers"] = tuple(changes["headers"].items())
    if "user_agent" in changes:
        changes["user_agent"] = user_agent(changes["user_agent"])
    return replace(base, **changes) if changes else base


def read_rules(base: ReadRules, found: Mapping[str, Any]) -> ReadRules:
    """What to read, and what of it is left out or put in other words."""
    changes = {key: found[key] for key in _READ_KEYS if key in found}
    if "select" in changes or "xpath" in changes:
        # The selector of a source replaces a default one of the other sort.
        changes = {"select": None, "xpath": None} | changes
    if "filters" in found:
        changes |= _filters(found["filters"])
    return replace(base, **changes) if changes else base


def _filters(filters: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """The filters of a file as the reader takes them: patterns of lines, and pairs of what is put for what."""
    keep: list[str] = []
    delete: list[str] = []
    put: list[tuple[str, str]] = []
    for one in filters:
        for key, value in one.items():
            if key == "re.sub":
                put.append(value)
            else:
                pattern = value if key.endswith("matching") else re.escape(value)
                (keep if key.startswith("keep") else delete).append(pattern)
    return {"keep_lines_matching": tuple(keep), "delete_lines_matching": tuple(delete), "substitute": tuple(put)}


def page_rules(base: PageRules, found: Mapping[str, Any]) -> PageRules:
    """On which further pages the text goes on."""
    changes = {key: found[key] for key in _PAGE_KEYS if key in found}
    return replace(base, **changes) if changes else base


def gate_rules(base: GateRules, found: Mapping[str, Any]) -> GateRules:
    """How long a doubtful capture is doubted."""
    confirm = found.get("confirm", {})
    changes = {rule: confirm[key] for key, rule in _CONFIRM_KEYS.items() if key in confirm}
    return replace(base, **changes) if changes else base


def user_agent(words: str) -> str:
    """How we introduce ourselves, with ``{version}`` filled in."""
    return words.replace("{version}", __version__) if "{version}" in words else words
