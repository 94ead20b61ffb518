"""Is this capture fit to become a version? Pure.

Never a version: an error, a block page, a consent wall, a captcha, an empty text. Held back until a second look sees the
same: a text much shorter than before, one that shares nothing with it, a redirect to the home page of the site.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from storage.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.read import Reading
    from storage.records import Latest, Suspicion, Text

HOME: Final = "the address leads to the site's home page"
"""The reason that may mean that the statement is gone."""
SHINGLE_WORDS: Final = 3
"""Texts are compared by runs of so many words: of single words, any two English pages share a fifth."""
SAME_OVERLAP: Final = 0.5
"""A text that shares so much with the one before is the statement, whatever it says."""
GONE_PATIENCE: Final = 10
"""A missing page is waited for so many times as long as any other doubt: ten minutes, by default."""
TELLING_CHARACTERS: Final = 300
"""A sign of a block page stands in its title or so near the top …"""
LOOKED_AT: Final = 5000
TELLING_WORDS: Final = 80
"""… or the whole page has no more words than these."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """When a doubt is believed, and what is doubted.

    A doubt is believed after ``confirm_times`` more looks that say the same, the last at least ``confirm_after_s``
    seconds after the first. A text is doubted that is shorter than ``min_ratio`` of the one before (and by ``min_loss``
    characters at least), or that shares less than ``min_overlap`` of its runs of three words with it. Block pages are
    looked for in texts of up to ``short_words`` words.

    The defaults were measured on 387 real pairs of versions: two would wait for a second look for their length, two for
    their overlap; of unrelated texts nine in ten share less than 0.05.
    """

    confirm_after_s: float = 60.0
    confirm_times: int = 1
    min_ratio: float = 0.5
    min_loss: int = 120
    min_overlap: float = 0.05
    short_words: int = 250

    @property
    def gone_after_s(self) -> float:
        """How long a page must be missing before it is believed gone, in seconds."""
        return GONE_PATIENCE * self.confirm_after_s

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
    """Judge a capture whose text is new, beside the latest version (``previous`` is None: there is none yet).

    ``url`` is the address that was asked, ``final_url`` the one that answered; ``status`` is None for a local file.
    """
    text = reading.text
    if status is not None and not 200 <= status < 300:
        return Verdict(True, f"the server answered with status {status}")
    if not text.paragraphs:
        return Verdict(True, "the text is empty")
    shared = None if previous is None else overlap(previous.text, text.text)
    if shared is None or shared < SAME_OVERLAP:
        if leads_home(url, final_url) and (latest.final_url is None or not leads_home(url, latest.final_url)):
            return Verdict(True, HOME, confirmable=latest.number is None)
        if (stand_in := _stand_in(reading, url, final_url, rules)) is not None:
            return Verdict(True, stand_in)
    if previous is None or shared is None:
        return FIT
    lost = len(previous.text) - len(text.text)
    if len(text.text) < rules.min_ratio * len(previous.text) and lost >= rules.min_loss:
        share = round(100 * len(text.text) / len(previous.text))
        return Verdict(True, f"the text is much shorter than before ({share} %)", confirmable=True)
    if shared < rules.min_overlap:
        return Verdict(True, "the text shares next to nothing with the one before", confirmable=True)
    return FIT


def confirmed(suspicion: Suspicion | None, digest: str, now: datetime, rules: GateRules) -> bool:
    """Whether this look confirms a doubt: the same text again, often enough and long enough after the first."""
    if suspicion is None or suspicion.digest != digest:
        return rules.confirm_times == 0
    return suspicion.times >= rules.confirm_times and now - suspicion.first_at >= rules.confirm_after


def overlap(old: str, new: str) -> float:
    """The share of the smaller text's runs of three words (CJK: characters) that stand in the other; in [0, 1].

    Texts of less than three words are compared word by word.
    """
    a, b = _words(old), _words(new)
    length = min(SHINGLE_WORDS, len(a), len(b))
    if not length:
        return 1.0 if not a and not b else 0.0
    runs_a, runs_b = _runs(a, length), _runs(b, length)
    return len(runs_a & runs_b) / min(len(runs_a), len(runs_b))


def leads_home(url: str, final_url: str) -> bool:
    """Whether a deeper address ended at the top of a site (or of one of its languages)."""
    asked, got = _split(url), _split(final_url)
    if got[1] or not _HOME_PATH.fullmatch(got[0]):
        return False
    return bool(asked[1]) or not _HOME_PATH.fullmatch(asked[0])


_HOME_PATH: Final = re.compile(
    r"/?(?:[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?/?)?(?:(?:index|default|home|main|portal)(?:\.\w{2,5})?/?)?"
)
_AWAY: Final = frozenset(
    """
    403 404 500 503 error errors error404 404error notfound not-found not_found pagenotfound page-not-found denied
    access-denied accessdenied blocked forbidden captcha challenge consent login log-in logon signin sign-in sso
    maintenance unavailable
    """.split()  # noqa: SIM905
)


def _split(url: str) -> tuple[str, str]:
    """Path and query; of an address that cannot be parsed, the whole as path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, ""
    return unquote(parts.path), parts.query


def _stand_in(reading: Reading, url: str, final_url: str, rules: GateRules) -> str | None:
    """Why a capture looks like a page that stands in for the statement; None when it does not."""
    last, asked = (_split(one)[0].rstrip("/").rpartition("/")[2].lower() for one in (final_url, url))
    if last != asked and last.partition(".")[0] in _AWAY:
        return f"the address leads to another page (…/{last[:40]})"
    words = " ".join(reading.text.text.split()).replace("’", "'")
    count = len(_words(words))
    if count > rules.short_words:
        return None
    if "challenge" in reading.hints and count <= TELLING_WORDS:
        return "a captcha or robot check (its script is in the page)"
    told = words[:LOOKED_AT] if count <= TELLING_WORDS else words[:TELLING_CHARACTERS]
    for reason, signs, patterns in _signs():
        found = signs.search(told) or (patterns.search(told) if count <= TELLING_WORDS else None)
        if found:
            return f"{reason} («{found.group().strip()[:60]}»)"
    return None


def _words(text: str) -> list[str]:
    return re.findall(
        r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+", text.lower()
    )


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return set(zip(*(words[start:] for start in range(length)), strict=False))


@lru_cache(maxsize=1)
def _signs() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    import tomllib
    from importlib.resources import files

    table = tomllib.loads(files("monitor.read").joinpath("signs.toml").read_text("utf-8"))
    return tuple(
        (
            one["reason"],
            re.compile("|".join(_bounded(sign) for sign in one["signs"]), re.IGNORECASE),
            re.compile("|".join(one["patterns"]), re.IGNORECASE),
        )
        for one in table["page"]
    )


def _bounded(sign: str) -> str:
    """A sign as a pattern that does not begin or end inside a word."""
    before = r"(?<!\w)" if sign[0].isascii() and sign[0].isalnum() else ""
    after = r"(?!\w)" if sign[-1].isascii() and sign[-1].isalnum() else ""
    return before + re.escape(sign) + after
