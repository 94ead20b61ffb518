"""The word lists as patterns: what counts as a number, a date, a negation … in English, French and Chinese.

The lists are data (``rules/*.toml``), so that a reader can check and extend them; this file only turns them into patterns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from storage.records import EditKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CLASSES: Final = (EditKind.NEGATION, EditKind.MODALITY, EditKind.ATTRIBUTION)
EXTENSIBLE: Final = (*CLASSES, EditKind.NUMBER, EditKind.DATE, EditKind.NAME, EditKind.SPELLING)
"""The kinds that may be given more words; for spelling, groups of them: ``program programme``."""

HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff〇]")
_DIGIT: Final = re.compile(r"\d|[½¼¾⅓⅔⅛⅕]")
Match = tuple[int, int, str]
WORD: Final = re.compile(r"[^\W\d_]+")
_ALONE: Final = re.compile("[^\\W_㐀-鿿]+")
_EDGE: Final = "(?<![^\\W_㐀-鿿])"
_OVER: Final = "(?![^\\W_㐀-鿿])"
"""Where a word begins and ends; a Chinese character is no part of one."""
_NOTHING: Final = re.compile(r"(?!)")


@dataclass(frozen=True)
class Finder:
    """Patterns for one class. Those for Chinese, and those that need a figure, are tried only where there is one.

    ``vocabulary``: every word, small, that a match can hold, so that most places need not be looked at. ``single``: words
    that match by themselves; they are looked up, since a pattern of thousands takes long to build. ``weak``: what counts
    only where little else changed, or both sides have some. ``needs``: without it ``figures`` finds nothing. A match of a group named ``no`` is none: it keeps others from beginning within a word that only looks like one.
    ``same``: forms that say one thing. ``added``: the words that ``config.yaml`` brought.
    """

    latin: re.Pattern[str]
    vocabulary: frozenset[str]
    han: re.Pattern[str] | None = None
    figures: re.Pattern[str] | None = None
    same: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    needs: re.Pattern[str] = _DIGIT

    def find(self, text: str, low: int, high: int, words: frozenset[str] | None = None) -> list[Match]:
        """``(start, end, words)`` of every match within ``text[low:high]``, in order; overlapping ones by the earlier.

        ``words``: those of which a match that counts must hold one; None when any match counts.
        """
        found: list[Match] = []
        if words is None or not self.vocabulary.isdisjoint(words):
            found = [(*one.span(), one.group()) for one in self.latin.finditer(text, low, high)]
        more = 0
        if self.single and (words is None or not self.single.isdisjoint(words)):
            found += [
                (*one.span(), one.group())
                for one in _ALONE.finditer(text, low, high)
                if one.group().casefold() in self.single
            ]
            more += 1
        for needs, pattern in ((HAN, self.han), (self.needs, self.figures)):
            if pattern is not None and needs.search(text, low, high):
                found += [
                    (*one.span(), one.group()) for one in pattern.finditer(text, low, high) if one.lastgroup != "no"
                ]
                more += 1
        if not more:
            return found
        kept: list[Match] = []
        for one in sorted(found, key=lambda match: (match[0], -match[1])):
            if not kept or one[0] >= kept[-1][1]:
                kept.append(one)
        return kept

    def said(self, match: Match) -> str:
        """What a match says, its form and its white space left out."""
        words = " ".join(match[2].replace("’", "'").casefold().split())
        return self.same.get(words, words)

    def joined(self, words: Sequence[str]) -> Finder:
        """The same with more words."""
        latin = [word for word in words if not HAN.match(word)]
        han = [word for word in words if HAN.match(word)]
        return replace(
            self,
            latin=_either(self.latin, _whole(latin)) if latin else self.latin,
            vocabulary=self.vocabulary | vocabulary(latin),
            han=_either(self.han, _trie(han)) if han else self.han,
            added=self.added | {word.casefold() for word in words},
        )


def vocabulary(lists: Iterable[str]) -> frozenset[str]:
    """The words of some entries, small, cut as :func:`monitor.differ.classify` cuts the words around an edit."""
    return frozenset(WORD.findall(" ".join(lists).casefold()))


def _either(pattern: re.Pattern[str] | None, more: str) -> re.Pattern[str]:
    return re.compile(f"{more}|{pattern.pattern}" if pattern is not None else more, re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """What the classifier works with. ``formulas``: id of a registered set phrase → its variants.

    ``names``: places and bodies by list. ``capitals``: words that are names at the start of a sentence too.
    ``prefixes``: what denies the word it stands before. ``added``: what was given beside the shipped lists, for the
    fingerprint.
    """

    words: Mapping[EditKind, Finder]
    number: Finder
    date: Finder
    names: Finder
    persons: re.Pattern[str]
    foreign: re.Pattern[str]
    own: re.Pattern[str]
    telling: frozenset[str]
    capitals: frozenset[str]
    prefixes: tuple[str, ...]
    variants: Mapping[str, str]
    accents: frozenset[frozenset[str]]
    alike: frozenset[frozenset[str]]
    simplified: Mapping[int, str]
    connectors: frozenset[str]
    common: frozenset[str]
    formulas: tuple[tuple[str, Finder], ...] = ()
    added: tuple[str, ...] = ()

    def extended(
        self,
        extra: Mapping[EditKind, Sequence[str]] | None = None,
        formulas: Mapping[str, Sequence[str]] | None = None,
    ) -> Rules:
        """These rules with more words for some kinds (:data:`EXTENSIBLE`), and with registered set phrases."""
        whole = self
        for kind, more in (extra or {}).items():
            if kind is EditKind.NAME:
                places = [word.casefold() for word in more]
                whole = replace(whole, names=whole.names.joined(more), capitals=whole.capitals | set(places))
            elif kind is EditKind.SPELLING:
                whole = replace(whole, variants={**whole.variants, **_variants(one.casefold() for one in more)})
            elif kind is EditKind.NUMBER:
                whole = replace(whole, number=whole.number.joined(more))
            elif kind is EditKind.DATE:
                whole = replace(whole, date=whole.date.joined(more))
            else:
                whole = replace(whole, words={**whole.words, kind: whole.words[kind].joined(more)})
        phrases = tuple((name, _phrase(variants)) for name, variants in (formulas or {}).items())
        told = [f"{kind.value}={'|'.join(more)}" for kind, more in (extra or {}).items()]
        return replace(whole, formulas=(*self.formulas, *phrases), added=(*self.added, *told))

    @property
    def guards(self) -> tuple[Finder, ...]:
        """Those whose words are never a slip of the keyboard for one another."""
        return (self.number, self.date, *self.words.values())

    @property
    def fingerprint(self) -> str:
        """What tells these lists from the shipped ones: eight hexadecimal digits; '' for the shipped ones.

        Set phrases are left out: they only add a kind, and have ids of their own.
        """
        if not self.added:
            return ""
        from hashlib import sha256

        return sha256("\n".join(self.added).encode()).hexdigest()[:8]


def _phrase(variants: Sequence[str]) -> Finder:
    latin = [variant for variant in variants if not HAN.search(variant)]
    han = [variant for variant in variants if HAN.search(variant)]
    return Finder(
        re.compile(_whole(latin), re.IGNORECASE) if latin else _NOTHING,
        vocabulary(latin),
        re.compile(_trie(han), re.IGNORECASE) if han else None,
    )


@lru_cache(maxsize=1)
def default_rules() -> Rules:
    """The shipped rules, read once."""
    tables = {kind: _table(kind.value) for kind in CLASSES}
    names, spelling = _table("name"), _table("spelling")
    negation = tables[EditKind.NEGATION]
    return Rules(
        words={kind: _lexical(table) for kind, table in tables.items()},
        number=_number(_table("number")),
        date=_date(_table("date")),
        names=Finder(_NOTHING, frozenset(), re.compile(_trie(names["zh"]["places"]))),
        persons=_persons(names["zh"]),
        foreign=re.compile(rf"[{names['zh']['transliterating']}]{{2,}}(?:·[{names['zh']['transliterating']}]+)*"),
        own=re.compile(rf"[{names['zh']['surnames']}][{names['zh']['given']}]{{2}}"),
        telling=frozenset(names["zh"]["telling"]),
        capitals=frozenset([*names["places"], *names["titles"]]),
        prefixes=(*negation["en"]["prefixes"], *negation["zh"]["prefixes"]),
        variants=_variants(spelling["groups"]),
        accents=frozenset(frozenset(pair.split()) for pair in spelling["accents_tell"]),
        alike=frozenset(frozenset(pair.split()) for pair in spelling["alike"]),
        simplified=_simplified(),
        connectors=frozenset(_table("split")["connectors"]),
        common=frozenset(names["not_names"]),
    )


def _table(name: str) -> dict[str, Any]:
    import tomllib
    from importlib.resources import files

    return tomllib.loads(files("monitor.differ").joinpath(f"rules/{name}.toml").read_text("utf-8"))


def _whole(words: Iterable[str]) -> str:
    """Any of the words, as whole words."""
    return f"{_EDGE}{_trie(words)}{_OVER}"


def _trie(words: Iterable[str]) -> str:
    """Any of the words, the longest first; common beginnings are written once, so that few characters are looked at."""
    root: dict[str, Any] = {}
    for word in words:
        node = root
        for char in " ".join(word.split()):
            node = node.setdefault(char, {})
        node[""] = {}
    return _branches(root)


def _branches(node: dict[str, Any]) -> str:
    ways = []
    for char in sorted(node):
        if char:
            rest = ""
            child = node[char]
            while len(child) == 1 and "" not in child:  # a straight way needs no group
                (step,) = child
                rest += _letter(step)
                child = child[step]
            ways.append(_letter(char) + rest + (_branches(child) if set(child) != {""} else ""))
    body = ways[0] if len(ways) == 1 and "" not in node else f"(?:{'|'.join(ways)})"
    return f"{body}?" if "" in node else body


def _letter(char: str) -> str:
    if char == " ":
        return r"\s+"
    return "['’]" if char in "'’" else re.escape(char)


def _lexical(table: Mapping[str, Any]) -> Finder:
    from monitor.differ.inflect import english, french

    en, fr, zh = (table.get(language, {}) for language in ("en", "fr", "zh"))
    same = _variants((*en.get("same", ()), *zh.get("same", ())), "|")
    words = [
        *en.get("words", ()), *en.get("phrases", ()), *fr.get("words", ()), *fr.get("phrases", ()),
        *(form for verb in en.get("regular", ()) for form in english(verb)),
        *(form for verb in (*fr.get("regular", ()), *fr.get("regular_ir", ())) for form in french(verb)),
        *(form for group in (*en.get("irregular", ()), *fr.get("irregular", ())) for form in group.split()),
        *(one for one in same if one[0] != "'" and one not in en.get("endings", ()) and not HAN.match(one)),
    ]  # fmt: skip
    # «n't» and «'ll» hang on another word; «n'» stands before one
    single = frozenset(one for one in words if one.isalpha())
    apart = [one for one in words if one[0] != "'" and one not in single]
    hanging = [*en.get("endings", ()), *(one for one in words if one[0] == "'")]
    latin = [_whole(apart)] if apart else []
    latin += [_trie([one]) + _OVER for one in hanging]
    latin += [_EDGE + _trie([one]) + r"(?=\w)" for one in fr.get("elided", ())]
    han = [_trie(zh["words"])]
    for rule in zh.get("but", ()):
        char, _, exceptions = rule.partition(":")
        after, _, before = exceptions.partition("|")
        behind = rf"(?!{'|'.join(after.split())})" if after.split() else ""
        # looked at from behind the character, which is the cheaper test to make first
        ahead = "".join(rf"(?<!{one}{char})" for one in before.split())
        han.append(f"{char}{behind}{ahead}")
    return Finder(
        re.compile("|".join(latin), re.IGNORECASE),
        vocabulary([*words, *hanging, *fr.get("elided", ())]),
        re.compile("|".join(han)),
        same=same,
        single=single,
    )


_SIGN: Final = r"(?:(?:US|HK|NZ|[ACRS])?[$€£¥￥₽₹₩₺₴]\s?)"
_ROMAN: Final = r"(?:X{0,3}(?:IX|IV|V?I{1,3}|V)|X{1,3})"
"""1 to 39: longer ones are hardly used, and look like words and initials."""


def _number(table: Mapping[str, Any]) -> Finder:
    words, units, zh = table["words"], table["units"]["words"], table["zh"]
    word, unit = _trie([*words["en"], *words["fr"]]), _trie(units)
    link = r"(?:(?:and|et|point|virgule|in|out\s+of|sur)[\s-](?:an?\s|une?\s)?)?"
    spelled = rf"{_EDGE}(?:{word})(?:[\s-]{link}(?:{word}|{unit}){_OVER})*(?:[\s-]et[\s-]une?)?{_OVER}"
    roman = rf"{_EDGE}(?-i:(?!(?:[IVX]{_OVER})){_ROMAN}(?:e|er|ème)?){_OVER}"
    led = "|".join(rf"(?<={one}\s)" for one in sorted(table["units"]["beside"]))
    beside = rf"(?:{led})(?-i:[IVX]){_OVER}"
    codes = _trie(table["units"]["codes"])
    figure = (
        rf"(?:{_SIGN}|{_EDGE}(?-i:{codes})\s?)?(?<![A-Za-z])[+−-]?"
        rf"(?:\d{{1,3}}(?:[\u00a0\u2009\u202f ]\d{{3}})+(?!\d)|\d+(?:[.,:/]\d+)*|[½¼¾⅓⅔⅛⅕])[½¼¾⅓⅔⅛]?"
        rf"(?:st|nd|rd|th|er|re|e|ème|nde)?(?:[\s-]?(?:{unit}){_OVER})*(?:\s?[%％‰°])?(?:\s?[$€£¥₽])?"
    )
    number, currency = zh["numerals"], _trie(zh["currency"])
    measures = _trie(zh["measures"])
    chinese = [
        rf"(?P<no>{_trie(zh['none'])}|十分(?![之钟]))",
        rf"[{number}]+分之[{number}]+(?:点[{number}]+)?|第[{number}]+",
        rf"(?:上|数|几|成)[十百千万亿]+|半数|一半|过半|大半|翻[{number}两]?番|减半|倍增|加倍|[{number}]成(?![为立就员果长本分功])",
        rf"(?<=[(（])[{number}]+(?=[)）])|(?:(?<=\n)|(?<=　)|(?<=。))[{number}]+(?=[、．.])",
        rf"[{number}]{{2,}}(?:点[{number}]+)?(?:{currency})?|[{number}](?={measures})(?:{currency})?",
    ]
    romans = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"]
    romans += [ten + one for ten in ("x", "xx", "xxx") for one in ("", *romans[:9])]
    said = [
        *words["en"],
        *words["fr"],
        *units,
        *romans,
        *(f"{one}e" for one in romans),
        *table["units"]["codes"],
        *words["joined"],
    ]
    return Finder(
        re.compile(f"{spelled}|{roman}|{beside}", re.IGNORECASE),
        vocabulary(said),
        re.compile("|".join(chinese)),
        re.compile(rf"{figure}(?:[多余])?[十百千万亿兆]*(?:{currency})?", re.IGNORECASE),
    )


def _date(table: Mapping[str, Any]) -> Finder:
    month, day = _trie(table["months"]), _trie([*table["weekdays"], *table["weekdays_short"]])
    led = rf"(?:{day}\.?,?\s+)?"
    year = r"(?:,?\s+(?:de\s+)?\d{4})?"
    ordinal = r"(?:st|nd|rd|th|er)?"
    to = r"(?:\s*(?:[-–—/]|to|and|au?|et|through|until)\s*\d{1,2}(?:st|nd|rd|th)?)?"
    before = "|".join(rf"(?<={one}\s)" for one in ("in", "since", "during", "by", "until", "en", "depuis", "early", "late", "year", "fiscal", "année", "mid", "from", "to", "and"))  # fmt: skip
    figures = [
        rf"{_EDGE}{led}(?:le\s+)?\d{{1,2}}{ordinal}{to}(?:\s+of)?(?:\s+|-)(?:{month})\.?(?![^\W_]){year}{_OVER}",
        rf"{_EDGE}{led}(?:{month})\.?(?:\s+|-)(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?(?!\d|\s?%){to}{year}{_OVER}",
        rf"{_EDGE}(?:{month})\.?,?\s+(?:of\s+|de\s+)?\d{{4}}{_OVER}",
        rf"{_EDGE}{day}\.?,?\s+(?:the\s+)?\d{{1,2}}{ordinal}{_OVER}",
        r"\d{4}\s*[-—–至]?\s*(?:\d{4})?\s*年(?:\s*\d{1,2}\s*月(?:份|\s*\d{1,2}\s*[日号]?)?)?(?:\s*至\s*\d{1,2}\s*[日号])?",
        r"\d{1,2}\s*月(?:份|(?:\s*\d{1,2}\s*[日号]?)?(?:\s*[至—–-]\s*(?:\d{1,2}\s*月)?\d{1,2}\s*[日号])?)(?!\d)|(?<![第\d])(?:\d{1,2}[日号]?\s*[至—–-]\s*)?\d{1,2}[日号](?!元|楼|线|文件)",
        r"(?:上午|下午|凌晨|晚上?|中午|早上|清晨|傍晚)?\s*\d{1,2}\s*[时点](?:\s*\d{1,2}\s*分|半|整)?(?![间候代期任而\d])|(?:上午|下午|凌晨|晚上?|中午)\s*\d{1,2}[:：]\d{2}",
        r"\d{2,4}\s*年代|\d{1,2}\s*世纪|\d{4}年度|\d{4}财年",
        rf"{_EDGE}\d{{4}}-\d{{1,2}}-\d{{1,2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?Z?)?{_OVER}|{_EDGE}\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}{_OVER}|{_EDGE}\d{{4}}/\d{{1,2}}/\d{{1,2}}{_OVER}",
        rf"{_EDGE}\d{{1,2}}(?:[:：]\d{{2}}(?::\d{{2}})?|\s?h\s?\d{{2}}|\s?heures?\s\d{{2}})(?:\s?[ap]\.?m\b\.?)?{_OVER}|{_EDGE}\d{{1,2}}(?:\.\d{{2}})?\s?[ap]\.?m\b\.?|(?<!\d à )(?<=à )\d{{1,2}}\s?h(?:eures?)?{_OVER}|{_EDGE}\d{{1,2}}\s+o['’]clock",
        rf"{_EDGE}(?:FY\s?|Q[1-4]\s?|H[12]\s?|T[1-4]\s?)(?:19|20)?\d{{2}}(?:/\d{{2}})?{_OVER}|{_EDGE}Q[1-4]{_OVER}",
        rf"(?:{before})(?:1[5-9]|20)\d{{2}}(?:[-–/]\d{{2,4}})?s?{_OVER}(?!\s*(?:%|per\s|million|billion))",
        rf"{_EDGE}(?<![$€£¥.,/])(?:19|20)\d{{2}}(?:[-–/]\d{{2,4}})?s?{_OVER}(?![.,]\d|/\d|\s*(?:%|per\s|pour\s|million|billion|km|euros?|dollars|people|personnes|(?:[a-z]+\s)?[a-z]{{3,}}s\b|[一-鿿]))",
    ]
    # a month alone: May, March and mai, mars are words too, so those need a word of time before them
    led_en = "|".join(rf"(?<={one}\s)" for one in table["after"])
    led_fr = "|".join(rf"(?<={one}\s)" for one in table["after_fr"])
    alone = [
        _whole([*table["weekdays"], *table["alone"], *table["days"]]),
        rf"(?:{led_en})(?-i:May|March){_OVER}|(?:{led_fr})(?-i:mars|mai){_OVER}|(?<=mid-)(?-i:May|March){_OVER}",
    ]
    few = "[一二三四五六七八九十]"
    han = [
        r"[〇零○一二三四五六七八九]{4}年(?:" + few + r"{1,2}月(?:份|" + few + r"{1,3}[日号])?)?",
        few
        + r"{1,2}月(?:份|"
        + few
        + r"{1,3}[日号])?(?!饼|球|亮)"
        + "|(?:星期|礼拜|周)[一二三四五六日天]|(?<!第)"
        + few
        + r"{2,3}[日号]",
        r"(?:上午|下午|凌晨|晚上?|中午|早上)" + few + r"{1,3}[时点](?:" + few + "{1,3}分|半|整)?",
        r"[二三四五六七八九]十年代|" + few + r"{1,3}世纪|第?[一二三四]季度",
        _trie(table["zh"]),
    ]
    named = vocabulary([*table["weekdays"], *table["alone"], *table["days"], "may", "march", "mars", "mai"])
    return Finder(
        re.compile("|".join(alone), re.IGNORECASE),
        named,
        re.compile("|".join(han)),
        re.compile("|".join(f"(?:{piece})" for piece in figures), re.IGNORECASE),
        weak=frozenset([*table["days"], *table["zh"]]),
        needs=re.compile(
            rf"\d(?:\d\d\d|\s*[:：/.\-月日号年时点世]|\d年代|\s?[hap]|\s*heure|\s+o['’])|\d.{{0,12}}?{month}|{month}.{{0,12}}?\d"
            rf"|(?:FY|[QHT])\s?\d|{day}.{{0,6}}?\d|日.{{0,4}}?\d",
            re.IGNORECASE,
        ),
    )


def _persons(table: Mapping[str, Any]) -> re.Pattern[str]:
    """A family name and one or two characters beside a title; which of the two groups matched says on which side."""
    name, titled = f"[{table['surnames']}][\u4e00-\u9fff]{{1,2}}", _trie(table["titled"])
    return re.compile(rf"(?:{titled})({name})|({name})(?={titled})")


def _variants(groups: Iterable[str], between: str | None = None) -> dict[str, str]:
    """Each listed spelling → the first of its line."""
    found: dict[str, str] = {}
    for group in groups:
        first, *others = group.split(between)
        found.update((form, first) for form in (first, *others))
    return found


def _simplified() -> dict[int, str]:
    pairs = "".join(_table("han")["pairs"]["traditional_simplified"])
    letters = "".join(pairs.split())
    found = {letters[place]: letters[place + 1] for place in range(0, len(letters) - 1, 2)}
    return {ord(form): found.get(simple, simple) for form, simple in found.items()}  # 帳 → 帐 → 账
