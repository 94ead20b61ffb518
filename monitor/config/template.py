"""Writing ``config.yaml``: the commented first one, and one more source at its end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from storage.errors import ConfigError

TEMPLATE: Final = """\
# Variorum: what is watched, how often, and with what it is compared.
# `variorum config check` says whether this file is right; `variorum config schema` prints its JSON Schema.

database: sqlite:///variorum.db        # beside this file; or postgresql://user@host/name

# Say who you are: webmasters look here first.
user_agent: "Variorum/{version} (+mailto:you@example.org)"

defaults:                              # any key of a source may stand here
  every: 15m
  timeout: 30s
  max_size: 5MB
  robots: true

sources:
  - id: mfa-nz-2022-02-25
    url: http://nz.china-embassy.gov.cn/eng/ztbd/nzchina_UkraineCrisis/202202/t20220226_10645843.htm
    select: "#article"                 # CSS of the statement; leave it out to have the main text found
    baseline: seeds/2022-02-25-xi-putin-call.txt
    series: xi-putin-calls
    every: {young: 5m, for: 1d, then: 1h, until: 7d, finally: 24h}   # by age since first seen or last change
    tags: [ukraine]

series:
  - id: xi-putin-calls
    title: Calls between Xi Jinping and Vladimir Putin
    baseline: seeds/2022-02-25-xi-putin-call.txt
"""


def template() -> str:
    """The commented ``config.yaml`` that ``variorum init`` writes."""
    return TEMPLATE


def append_source(words: str, entry: Mapping[str, object]) -> str:
    """``words`` with one more source at the end of its ``sources:`` list; comments and layout stay as they are.

    Raises ``ConfigError`` when the list is written in one line with items in it, which has no end of its own.
    """
    lines = words.splitlines()
    at = next((place for place, line in enumerate(lines) if re.match(r"sources\s*:", line)), None)
    if at is None:
        return "\n".join([*lines, *([""] if lines and lines[-1].strip() else []), "sources:", *_item(entry, "  ")]) + "\n"
    rest = lines[at].split(":", 1)[1].split("#", 1)[0].strip()
    if rest not in ("", "[]", "null", "~"):
        raise ConfigError(
            f"config.yaml:{at + 1}: sources: is written in one line; one more cannot be appended there",
            hint="Write the list with one `- id:` a line.",
        )
    if rest:
        lines[at] = "sources:"
    end, indent = _end_of_list(lines, at)
    return "\n".join([*lines[:end], *_item(entry, indent), *lines[end:]]) + "\n"


def _end_of_list(lines: list[str], at: int) -> tuple[int, str]:
    """Where the list ends (behind its last line that is no comment of what follows), and how its items are indented."""
    end, indent = at + 1, "  "
    first = True
    for place in range(at + 1, len(lines)):
        line = lines[place]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        item = re.match(r"( *)- ", line)
        if not line.startswith(" ") and not item:
            break
        if first and item:
            indent, first = item.group(1), False
        end = place + 1
    return end, indent


def _item(entry: Mapping[str, object], indent: str) -> list[str]:
    pairs = [f"{key}: {_flow(value)}" for key, value in entry.items()]
    return [f"{indent}{'- ' if place == 0 else '  '}{pair}" for place, pair in enumerate(pairs)]


def _flow(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_flow(one) for one in value)}]"
    words = str(value)
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/@+-]*", words) and words.lower() not in ("true", "false", "null", "yes", "no"):
        return words
    if re.fullmatch(r"https?://[A-Za-z0-9._~/?&=%@:+-]+", words) and not words.endswith(":"):
        return words
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
