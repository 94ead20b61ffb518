"""Edits inside one sentence: ``EDITS[type](sentence, …)`` answers what to exchange, or None where it does not fit.

An answer is ``(start, end, put)``: ``sentence[start:end]`` becomes ``put``. Which kinds an edit of a type must have and
may have besides stands in ``EXPECTED``; what is beyond is a kind too many.
"""

# ruff: noqa: ARG001  (all edits have one form)
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.differ.lists import HAN
from storage.records import EditKind as K

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from bench.differ.lists import Lists

    Edit = Callable[[str, str, Lists, random.Random], tuple[int, int, str] | None]

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|janv|févr|mars|avril|mai|juin|juil|août|sept|oct|nov|déc)"


def place(
    kind: str, sentence: str, pairs: Sequence[tuple[str, str]], dice: random.Random
) -> tuple[int, int, str] | None:
    """Exchange the first of one of ``pairs`` for its second, where the sentence has it as whole words."""
    fits = []
    for a, b in pairs:
        if len(a) < 2 and HAN.match(a):
            continue
        fits += [(*one.span(), b) for one in _whole(a).finditer(sentence) if _alone(sentence, one, kind)]
    return dice.choice(fits) if fits else None


def _from_list(kind: str) -> Edit:
    """Any listed pair, both ways round."""

    def edit(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
        return place(kind, sentence, lists.pairs(kind, language), dice)

    return edit


def _whole(words: str) -> re.Pattern[str]:
    before = r"(?<![\d.,/$€£-])" if words[0].isdigit() else r"(?<![^\W\u3400-\u9fff])" if words[0].isalnum() else ""
    after = ""
    if words[-1].isalnum() and not HAN.match(words[-1]):
        after = (
            r"(?![\d/%-]|[.,:]\d|\s?(?:%|per ?cent|pour cent|to \d|à \d|[-–—]\d|[至万亿年月日号时点]))"
            if words[-1].isdigit()
            else r"(?![^\W\u3400-\u9fff])"
        )
    return re.compile(before + re.escape(words) + after)


_NEGATED = re.compile(r"\s*(?:not|n[’']t|never|pas|no)\b")


def _alone(sentence: str, found: re.Match[str], kind: str) -> bool:
    """Not beside another word of its kind, which would make the result no sentence or no edit of the kind."""
    if kind in ("negation", "modality"):
        before = sentence[max(0, found.start() - 2) : found.start()]
        return not _NEGATED.match(sentence, found.end()) and not set(before) & set("不没未必相反适供")
    if kind in ("number_words", "ordinal", "number"):
        near = sentence[max(0, found.start() - 1) : found.start()] + sentence[found.end() : found.end() + 2]
        return not set(near) & set("零〇一二三四五六七八九十百千万亿第-–年月日")
    return True


def _number(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    """A bare figure of up to three digits becomes a larger one; no part of a date, a time, a law's number or a range."""
    found = [
        one
        for one in re.finditer(r"(?<![\w.,/:$€£§–—-])\d{1,3}(?![\w.,/:–—-]|\s?(?:%|°|h\b|a\.?m|p\.?m|to \d|à \d|per ?cent|pour cent|[年月日号至时]))", sentence)
        if not re.match(rf"\s*(?:of\s+)?{_MONTH}", sentence[one.end() :], re.IGNORECASE)
        and not re.search(rf"{_MONTH}\w*\.?\s*$", sentence[: one.start()], re.IGNORECASE)
    ]  # fmt: skip
    if not found or dice.random() < 0.3:
        return _from_list("number")(sentence, language, lists, dice)
    one = dice.choice(found)
    return (*one.span(), str(int(one.group()) + dice.randint(1, 9)))


def _spans(sentence: str, language: str, least: int) -> list[tuple[int, int]]:
    """Plain small words with space (or Han) on both sides, not the first."""
    if language == "zh":
        return [(at, at + least) for at in range(1, len(sentence) - least) if re.fullmatch(rf"[\u3400-\u9fff]{{{least + 2}}}", sentence[at - 1 : at + least + 1])]  # fmt: skip
    return [one.span() for one in re.finditer(rf"(?<= )[a-zàâçéèêëîïôûù]{{{least},}}(?= )", sentence)]


def _word(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    if language == "zh":
        return _from_list("word")(sentence, language, lists, dice)
    free = [one for one in _spans(sentence, language, 5) if not lists.guarded(language, sentence[slice(*one)])]
    return (*dice.choice(free), dice.choice(lists.words("word", language))) if free else None


def _phrase(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    """Three to six words in a row become others."""
    words, size = _spans(sentence, language, 1), dice.randint(3, 6)
    windows = []
    if language == "zh":
        windows = [(a, a + size + 1) for a, _ in words if HAN.match(sentence[a + size + 1 : a + size + 2] or "x")]
        windows = [one for one in windows if re.fullmatch(r"[\u3400-\u9fff]+", sentence[slice(*one)])]
    else:
        for place in range(len(words) - size + 1):
            window = (words[place][0], words[place + size - 1][1])
            if len(sentence[slice(*window)].split(" ")) == size:
                windows.append(window)
    # a word of two characters may reach over the end of a Chinese window: 可[以…]
    over = 1 if language == "zh" else 0
    windows = [(a, b) for a, b in windows if not lists.guarded(language, sentence[max(0, a - over) : b + over])]
    return (*dice.choice(windows), dice.choice(lists.words("phrase", language))) if windows else None


def _word_in(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    places = [start for start, _ in _spans(sentence, language, 2)]
    if language == "zh":
        places = [one for one in places if not lists.guarded(language, sentence[one - 1 : one + 1])]
    if not places:
        return None
    at = dice.choice(places)
    return (at, at, dice.choice(lists.words("word_in", language)) + ("" if language == "zh" else " "))


def _word_out(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    words = _spans(sentence, language, 2 if language == "zh" else 4)
    free = [one for one in words if not lists.guarded(language, sentence[max(0, one[0] - 1) : one[1] + 1])]
    if not free:
        return None
    start, end = dice.choice(free)
    return (start, end if language == "zh" else end + 1, "")


def _case(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    words = [] if language == "zh" else _spans(sentence, language, 5)
    if not words:
        return None
    start, end = dice.choice(words)
    put = sentence[start:end].capitalize() if dice.random() < 0.8 else sentence[start:end].upper()
    return (start, end, put)


def _punctuation(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    marks = {"，": "；、", "；": "，", "、": "，"} if language == "zh" else {", ": ("; ", " ", " – "), "; ": (", ",)}
    found = [(*one.span(), put) for mark, others in marks.items() for one in re.finditer(re.escape(mark), sentence) for put in others]  # fmt: skip
    if language != "zh":
        found = [(a, b, put) for a, b, put in found if not re.match(r"(?:and|but|et|mais)\b|\d", sentence[b:])]
    return dice.choice(found) if found else None


def _split(sentence: str, language: str, lists: Lists, dice: random.Random) -> tuple[int, int, str] | None:
    """“…, and the …” becomes “…. The …”; in Chinese a comma becomes a full stop."""
    if language == "zh":
        found = [
            (*one.span(), "。") for one in re.finditer(r"(?<=[\u3400-\u9fff]{7})，(?=[\u3400-\u9fff]{7})", sentence)
        ]
    else:
        found = [
            (one.start(), one.end(), ". " + one.group(1).upper())
            for one in re.finditer(r", (?:and|but|while|et|mais) (?:also )?([a-zéàê])(?=[a-zé’']* )", sentence)
            if len(sentence[: one.start()].split()) >= 4 and len(sentence[one.end() :].split()) >= 4
            and "," not in sentence[max(0, one.start() - 30) : one.start()]
        ]  # fmt: skip
    return dice.choice(found) if found else None


NUMBERS = ("number", "number_words", "percent", "range", "currency", "ordinal", "fraction")
EDITS: dict[str, Edit] = {
    "number": _number,
    **{kind: _from_list(kind) for kind in NUMBERS[1:]},
    **{kind: _from_list(kind) for kind in ("date", "negation", "modality", "attribution", "quotes", "dashes", "width")},
    "case": _case,
    "punctuation": _punctuation,
    **{kind: _from_list(kind) for kind in ("spelling", "name", "formula")},
    "word": _word,
    "phrase": _phrase,
    "word_in": _word_in,
    "word_out": _word_out,
    "sentence_split": _split,
    "sentences_merged": _split,
}
"""The types made inside a sentence; ``sentences_merged`` is a split read the other way round."""

EXPECTED: dict[str, tuple[frozenset[K], frozenset[K]]] = {
    **dict.fromkeys(NUMBERS, (frozenset({K.NUMBER}), frozenset[K]())),
    "date": (frozenset({K.DATE}), frozenset()),
    "negation": (frozenset({K.NEGATION}), frozenset()),
    "modality": (frozenset({K.MODALITY}), frozenset()),
    "attribution": (frozenset({K.ATTRIBUTION}), frozenset()),
    **dict.fromkeys(("quotes", "dashes", "width"), (frozenset({K.TYPOGRAPHY}), frozenset[K]())),
    "case": (frozenset({K.CASE}), frozenset()),
    "punctuation": (frozenset({K.PUNCTUATION}), frozenset()),
    "spelling": (frozenset({K.SPELLING}), frozenset()),
    "name": (frozenset({K.NAME}), frozenset()),
    "formula": (frozenset({K.FORMULA}), frozenset({K.WORDING})),
    "word": (frozenset({K.WORDING}), frozenset()),
    "phrase": (frozenset({K.WORDING}), frozenset()),
    "word_in": (frozenset({K.INSERTED}), frozenset()),
    "word_out": (frozenset({K.DELETED}), frozenset()),
    "sentence_in": (frozenset({K.INSERTED}), frozenset()),
    "sentence_out": (frozenset({K.DELETED}), frozenset()),
    **dict.fromkeys(("sentence_split", "paragraph_split"), (frozenset({K.SPLIT}), frozenset[K]())),
    **dict.fromkeys(("sentences_merged", "paragraphs_merged"), (frozenset({K.MERGED}), frozenset[K]())),
}
"""Type → kinds that must be told, and kinds that may be told besides.

``inserted`` and ``deleted`` may be told wherever truth itself leaves one side empty (“will [not]”).
"""
