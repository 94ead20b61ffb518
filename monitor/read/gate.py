"""Is this capture fit to become a version? Pure.

Never a version: an error, a block page, a consent wall, a captcha, an empty text. Held back until a second look sees the
same: a text much shorter than before, one that shares nothing with it, a redirect to the home page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from monitor.read import Reading
    from storage.records import Latest, Suspicion, Text

HOME: Final = "the address leads to the site's home page"
"""The reason that may mean that the statement is gone."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """When a doubt is believed, and what is doubted.

    A doubt is believed after ``confirm_times`` more looks that say the same, the last at least ``confirm_after_s`` seconds
    after the first. ``min_ratio``: a text shorter than this share of the one before is doubted; ``min_overlap``: so is one
    that shares less than this share of its words with it. ``short_words``: block pages are looked for in texts up to it.
    """

    confirm_after_s: float = 60.0
    confirm_times: int = 1
    min_ratio: float = 0.5
    min_overlap: float = 0.1
    short_words: int = 250

    @property
    def confirm_after(self) -> timedelta:
        """``confirm_after_s`` as a duration."""
        return timedelta(seconds=self.confirm_after_s)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a capture is suspect, why, and whether seeing the same again makes it credible."""

    suspect: bool
    reason: str | None = None
    confirmable: bool = False


FIT: Final = Verdict(False)


def gate(
    reading: Reading,
    *,
    url: str,
    final_url: str,
    status: int | None,
    latest: Latest,
    previous: Text | None,
    rules: GateRules,
) -> Verdict:
    """Judge a capture whose text is new, beside the latest version (None: there is none yet)."""
    text = reading.text
    if status is not None and not 200 <= status < 300:
        return Verdict(True, f"the server answered with status {status}")
    if not text.paragraphs:
        return Verdict(True, "the text is empty")
    if _leads_home(url, final_url) and (latest.final_url is None or not _leads_home(url, latest.final_url)):
        return Verdict(True, HOME, confirmable=latest.number is None)
    blocked = _blocked(text, previous, rules)
    if blocked is not None:
        return Verdict(True, blocked)
    if previous is None:
        return FIT
    if len(text.text) < rules.min_ratio * len(previous.text):
        share = round(100 * len(text.text) / len(previous.text))
        return Verdict(True, f"the text is much shorter than before ({share} %)", confirmable=True)
    if overlap(previous.text, text.text) < rules.min_overlap:
        return Verdict(True, "the text shares next to nothing with the one before", confirmable=True)
    return FIT


def confirmed(suspicion: Suspicion | None, digest: str, now: datetime, rules: GateRules) -> bool:
    """Whether this look confirms a doubt: the same text again, often enough and long enough after the first."""
    if suspicion is None or suspicion.digest != digest:
        return rules.confirm_times == 0
    return suspicion.times >= rules.confirm_times and now - suspicion.first_at >= rules.confirm_after


def overlap(old: str, new: str) -> float:
    """The share of the smaller text's distinct words (CJK: characters) that stand in the other; in [0, 1]."""
    a, b = _words(old), _words(new)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\u3400-\u9fff]|[^\W\d_]{3,}", text.lower()))


def _leads_home(url: str, final_url: str) -> bool:
    asked, got = urlsplit(url), urlsplit(final_url)
    home = re.fullmatch(r"/?(?:[a-z]{2}(?:[-_][A-Za-z]{2})?/?)?(?:(?:index|default|home)\.\w+)?", got.path) is not None
    deep = len(asked.path.strip("/")) > len(got.path.strip("/")) and "/" in asked.path.strip("/") + asked.query + "/"
    return home and deep and not got.query and asked.path != got.path


def _blocked(text: Text, previous: Text | None, rules: GateRules) -> str | None:
    """The sign of a block page in a short text; not when the statement before had the same words."""
    words = text.text
    if len(words.split()) > rules.short_words or len(words) > 8 * rules.short_words:
        return None
    # Signs stand in titles and first lines; a statement about access to a market is not a block page.
    for reason, signs in _signs():
        found = signs.search(words)
        if found and not (previous is not None and found.group() in previous.text):
            return f"{reason} («{found.group()[:60]}»)"
    return None


@lru_cache(maxsize=1)
def _signs() -> tuple[tuple[str, re.Pattern[str]], ...]:
    import tomllib
    from importlib.resources import files

    table = tomllib.loads(files("monitor.read").joinpath("signs.toml").read_text("utf-8"))
    return tuple(
        (one["reason"], re.compile("|".join(re.escape(sign) for sign in one["signs"]), re.IGNORECASE))
        for one in table["page"]
    )
