"""The word lists as patterns: what counts as a number, a date, a negation … in English, French and Chinese.

The lists are data (``rules/*.toml``), so that a reader can check and extend them; this file only turns them into patterns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import regex

from storage.records import EditKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CLASSES: Final = (EditKind.NEGATION, EditKind.MODALITY, EditKind.ATTRIBUTION)


_HAN: Final = regex.compile(r"[\p{Han}]")
_DIGIT: Final = regex.compile(r"\d")
Match = tuple[int, int, str]
WORD: Final = regex.compile(r"[\p{L}\p{M}]+")


@dataclass(frozen=True)
class Finder:
    """Patterns for one class. Those for Chinese, and those that need a figure, are tried only where there is one.

    ``vocabulary``: every word, small, that a match of ``latin`` can hold, so that most places need not be looked at.
    """

    latin: regex.Pattern[str]
    vocabulary: frozenset[str]
    han: regex.Pattern[str] | None = None
    figures: regex.Pattern[str] | None = None

    def find(self, text: str, low: int, high: int, words: frozenset[str] | None = None) -> list[Match]:
        """``(start, end, words)`` of every match within ``text[low:high]``, in order; overlapping ones by the earlier.

        ``words``: those of which a match that counts must hold one; None when any match counts.
        """
        found: list[Match] = []
        if words is None or not self.vocabulary.isdisjoint(words):
            found = [(*one.span(), one.group()) for one in self.latin.finditer(text, low, high)]
        more = 0
        for needs, pattern in ((_HAN, self.han), (_DIGIT, self.figures)):
            if pattern is not None and needs.search(text, low, high):
                found += [(*one.span(), one.group()) for one in pattern.finditer(text, low, high)]
                more += 1
        if not more:
            return found
        kept: list[Match] = []
        for one in sorted(found, key=lambda match: (match[0], -match[1])):
            if not kept or one[0] >= kept[-1][1]:
                kept.append(one)
        return kept

    def joined(self, words: Sequence[str]) -> Finder:
        """The same with more words."""
        latin = [word for word in words if not _HAN.match(word)]
        han = [word for word in words if _HAN.match(word)]
        return Finder(
            _either(self.latin, _alternatives(latin)) if latin else self.latin,
            self.vocabulary | vocabulary(latin),
            _either(self.han, _alternatives(han)) if han else self.han,
            self.figures,
        )


def vocabulary(lists: Iterable[str]) -> frozenset[str]:
    """The words of some entries, small, cut as :func:`monitor.differ.classify` cuts the words around an edit."""
    return frozenset(WORD.findall(" ".join(lists).casefold()))


def _either(pattern: regex.Pattern[str] | None, more: str) -> regex.Pattern[str]:
    return regex.compile(f"(?:{pattern.pattern})|{more}" if pattern is not None else more, regex.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """What the classifier works with. ``formulas``: id of a registered set phrase → its variants."""

    words: Mapping[EditKind, Finder]
    number: Finder
    date: Finder
    variants: Mapping[str, str]
    simplified: Mapping[int, str]
    connectors: frozenset[str]
    common: frozenset[str]
    formulas: tuple[tuple[str, Finder], ...] = ()

    def extended(
        self,
        extra: Mapping[EditKind, Sequence[str]] | None = None,
        formulas: Mapping[str, Sequence[str]] | None = None,
    ) -> Rules:
        """These rules with more words for some kinds, and with registered set phrases."""
        words = dict(self.words)
        for kind, more in (extra or {}).items():
            words[kind] = words[kind].joined(more)
        phrases = tuple((name, _phrase(variants)) for name, variants in (formulas or {}).items())
        return replace(self, words=words, formulas=(*self.formulas, *phrases))


def _phrase(variants: Sequence[str]) -> Finder:
    latin = [variant for variant in variants if not _HAN.search(variant)]
    han = [variant for variant in variants if _HAN.search(variant)]
    return Finder(
        regex.compile(_alternatives(latin) if latin else r"(?!)", regex.IGNORECASE),
        vocabulary(latin),
        regex.compile(_alternatives(han), regex.IGNORECASE) if han else None,
    )


@lru_cache(maxsize=1)
def default_rules() -> Rules:
    """The shipped rules, read once."""
    table = _table("kinds")
    return Rules(
        words={kind: _lexical(table[kind.value]) for kind in CLASSES},
        number=_number(table["number"]),
        date=_date(table["date"]),
        variants=_variants(table["spelling"]),
        simplified=_simplified(),
        connectors=frozenset(table["split"]["connectors"]),
        common=frozenset(table["name"]["not_names"]),
    )


def _table(name: str) -> dict[str, dict[str, list[str]]]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("monitor.differ").joinpath(f"rules/{name}.toml").read_text("utf-8"))


def _alternatives(words: Sequence[str]) -> str:
    """The longest first; whole words where the script has words."""
    ordered = sorted(words, key=lambda word: (-len(word), word))
    spaced = [_spaced(word) for word in ordered if not regex.match(r"\p{Han}", word)]
    han = [regex.escape(word) for word in ordered if regex.match(r"\p{Han}", word)]
    parts = ([rf"(?<![\p{{L}}\p{{N}}])(?:{'|'.join(spaced)})(?![\p{{L}}\p{{N}}])"] if spaced else []) + han
    return "|".join(parts)


def _spaced(word: str) -> str:
    return r"\s+".join(regex.escape(part).replace("'", "['’]") for part in word.split())


def _lexical(part: Mapping[str, Sequence[str]]) -> Finder:
    """Words of all languages; Chinese characters with what must not stand before or behind them."""
    latin = [_alternatives([*part.get("en", ()), *part.get("fr", ())])]
    latin += [_spaced(one) for one in part.get("endings", ())]
    han = [_alternatives(part["zh"])]
    for rule in part.get("zh_but", ()):
        # «不:断 仅|说»: the character, then what must not follow, then what must not precede
        char, _, exceptions = rule.partition(":")
        after, _, before = exceptions.partition("|")
        behind = rf"(?!{'|'.join(after.split())})" if after.split() else ""
        # looked at from behind the character, which is the cheaper test to make first
        ahead = "".join(rf"(?<!{one}{char})" for one in before.split())
        han.append(f"{char}{behind}{ahead}")
    spelled = [*part.get("en", ()), *part.get("fr", ()), *part.get("endings", ())]
    return Finder(_compiled(latin), vocabulary(spelled), _compiled(han))


def _compiled(pieces: Sequence[str]) -> regex.Pattern[str]:
    return regex.compile("|".join(f"(?:{piece})" for piece in pieces if piece), regex.IGNORECASE)


def _number(part: Mapping[str, Sequence[str]]) -> Finder:
    units = "|".join(_spaced(word) for word in sorted(part["units"], key=len, reverse=True))
    words = "|".join(sorted(part["words"], key=len, reverse=True))
    han, after = part["han"][0], "|".join(part["han_after"])
    figure = rf"[$€£¥₽]?\s?\p{{N}}+(?:[.,:/\u2009\u202f]\p{{N}}+)*(?:st|nd|rd|th)?(?:[\s-]?(?:{units})(?![\p{{L}}])|\s?[%％‰°])?"
    spelled = rf"(?<![\p{{L}}\p{{N}}])(?:{words})(?:[\s-](?:and\s)?(?:{words}|{units}))*(?![\p{{L}}])"
    chinese = rf"百分之[{han}点]+|第[{han}]+|[{han}]{{2,}}(?=[^{han}]|\Z)(?!以上|一)|[{han}](?={after})|[几数]+[十百千万亿]|半数|一半"
    said = vocabulary([*part["words"], *part["units"], "and"])
    return Finder(_compiled([spelled]), said, _compiled([chinese]), _compiled([f"{figure}[十百千万亿]*"]))


def _date(part: Mapping[str, Sequence[str]]) -> Finder:
    months = "|".join(sorted(part["months"], key=len, reverse=True))
    days = "|".join(sorted(part["weekdays"], key=len, reverse=True))
    edge, over = r"(?<![\p{L}\p{N}])", r"(?![\p{L}\p{N}])"
    figures = [
        rf"{edge}(?:(?:{days}),?\s+)?(?:le\s+)?\d{{1,2}}(?:st|nd|rd|th|er)?(?:\s+of)?\s+(?:{months})\.?(?:,?\s+\d{{4}})?{over}",
        rf"{edge}(?:(?:{days}),?\s+)?(?:{months})\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:\s*[-–]\s*\d{{1,2}})?(?:,?\s+\d{{4}})?{over}",
        rf"{edge}(?:{months})\.?,?\s+\d{{4}}{over}",
        r"\d{4}\s*年(?:\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号])?)?|\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号])?|\d{1,2}[日号](?!元)",
        rf"{edge}\d{{4}}-\d{{1,2}}-\d{{1,2}}{over}|{edge}\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}{over}",
        rf"{edge}\d{{1,2}}(?::\d{{2}}|[hH]\d{{2}})(?:\s?[ap]\.?m\.?)?{over}|{edge}\d{{1,2}}\s?[ap]\.m\.",
        rf"{edge}(?:19|20)\d{{2}}(?:[-–/]\d{{2,4}})?{over}(?!\s*(?:%|per|million|billion))",
    ]
    # a month alone: May and March are words too, so those need a figure beside them
    words = [rf"{edge}(?:{days}|{'|'.join(part['months_alone'])}){over}"]
    han = [
        r"[二〇零一三四五六七八九]{4}年|[一二三四五六七八九十]{1,2}月(?:[一二三四五六七八九十]{1,3}日)?|(?:星期|周)[一二三四五六日天]"
    ]
    named = vocabulary([*part["weekdays"], *part["months_alone"]])
    return Finder(_compiled(words), named, _compiled(han), _compiled(figures))


def _variants(part: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each listed spelling → the first of its line."""
    found: dict[str, str] = {}
    for group in part["groups"]:
        first, *others = group.split()
        found.update((other, first) for other in others)
    return found


def _simplified() -> dict[int, str]:
    pairs = "".join(_table("han")["pairs"]["traditional_simplified"])
    letters = "".join(pairs.split())
    return {ord(letters[place]): letters[place + 1] for place in range(0, len(letters) - 1, 2)}
