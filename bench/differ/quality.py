"""Synthetic edits with known truth: what is found, in how many pieces, and under which name.

A case is a text of invented (or, where ``../shared/corpus`` is there, real) sentences and one to eight edits of it, each
in a sentence of its own. Truth is known by construction: which tokens changed on each side, which sentences moved. The
words that are put in come from lists of this file, not from the differ's rules.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.differ import compare
from monitor.differ.segment import sentences
from monitor.differ.words import tokens
from storage.records import EditKind, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
TOKEN = re.compile(r"[\u3400-\u9fff]|\w+|[^\w\s]")
Spans = set[tuple[int, int]]


@dataclass
class Case:
    """Old and new text; changed tokens of each side; kinds of the edits; moved sentences of the new side."""

    old: str = ""
    new: str = ""
    changed_old: Spans = field(default_factory=set)
    changed_new: Spans = field(default_factory=set)
    edits: list[tuple[str, tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    moved: list[tuple[int, int]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def _swap(pairs: Iterable[tuple[str, str]]) -> Callable[[str, random.Random], str | None]:
    both = [(a, b) for pair in pairs for a, b in (pair, pair[::-1])]

    def edit(sentence: str, dice: random.Random) -> str | None:
        fits = []
        for a, b in both:
            edge = "" if re.match(r"[\u3400-\u9fff]", a) else r"\b"
            found = list(re.finditer(edge + re.escape(a) + edge, sentence))
            fits += [(one, b) for one in found]
        if not fits:
            return None
        found, put = dice.choice(fits)
        return sentence[: found.start()] + put + sentence[found.end() :]

    return edit


def _number(sentence: str, dice: random.Random) -> str | None:
    found = list(re.finditer(r"(?<![\d.,/-])\d{1,3}(?:\.\d+)?(?![\d.,/-]|\s?(?:th|st|nd|rd)\b)", sentence))
    found = [
        one
        for one in found
        if not re.match(r"\s*(?:[年月日号]|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))", sentence[one.end() :])
    ]
    found = [
        one
        for one in found
        if not re.search(
            r"(?:January|February|March|April|May|June|July|August|September|October|November|December)\s*$",
            sentence[: one.start()],
        )
    ]
    if not found:
        return None
    one = dice.choice(found)
    put = str(int(float(one.group())) + dice.randint(1, 9))
    return sentence[: one.start()] + put + sentence[one.end() :]


def _word(sentence: str, dice: random.Random) -> str | None:
    words = [
        one
        for one in re.finditer(r"\b[a-zéèê]{5,}\b", sentence)
        if one.start() > 0 and one.group() not in ("percent", "billion", "million")
    ]
    if not words:
        return None
    one = dice.choice(words)
    put = dice.choice(["ponderous", "lantern", "velvet", "harvest", "crimson", "orchard", "mosaic", "whisper"])
    return sentence[: one.start()] + put + sentence[one.end() :]


def _insert(sentence: str, dice: random.Random) -> str | None:
    gaps = [one.start() for one in re.finditer(r"(?<=[a-zé]) (?=[a-zé])", sentence)]
    if not gaps:
        return None
    at = dice.choice(gaps)
    return sentence[:at] + " " + dice.choice(["velvet", "quietly crimson", "harvest"]) + sentence[at:]


def _delete(sentence: str, dice: random.Random) -> str | None:
    words = list(re.finditer(r" [a-zé]{4,}(?= [a-zé])", sentence))
    words = [
        one
        for one in words
        if one.group().strip()
        not in ("will", "must", "should", "shall", "could", "would", "might", "never", "without", "cannot")
    ]
    if not words:
        return None
    one = dice.choice(words)
    return sentence[: one.start()] + sentence[one.end() :]


def _negate(sentence: str, dice: random.Random) -> str | None:
    return _swap(
        [
            ("will", "will not"),
            ("is", "is not"),
            ("are", "are not"),
            ("was", "was not"),
            ("has", "has not"),
            ("支持", "不支持"),
            ("同意", "不同意"),
        ]
    )(sentence, dice)


def _case(sentence: str, dice: random.Random) -> str | None:
    words = list(re.finditer(r"(?<= )[a-z]{5,}\b", sentence))
    if not words:
        return None
    one = dice.choice(words)
    return sentence[: one.start()] + one.group().capitalize() + sentence[one.end() :]


def _typography(sentence: str, dice: random.Random) -> str | None:
    return _swap([("’", "'"), (" – ", " - "), ("“", '"'), ("，", ",")])(sentence, dice) or (
        sentence.replace("'", "’", 1) if "'" in sentence else None
    )


def _punctuation(sentence: str, dice: random.Random) -> str | None:
    if ", " in sentence:
        return sentence.replace(", ", " ", 1) if dice.random() < 0.5 else sentence.replace(", ", "; ", 1)
    return sentence.replace("，", "；", 1) if "，" in sentence else None


EDITS: dict[str, Callable[[str, random.Random], str | None]] = {
    "number": _number,
    "negation": _negate,
    "modality": _swap([("will", "may"), ("should", "must"), ("shall", "should"), ("can", "could"), ("must", "may"), ("应", "须"), ("必须", "可以"), ("doit", "peut")]),
    "attribution": _swap([("said", "stressed"), ("noted", "warned"), ("stated", "claimed"), ("指出", "强调"), ("表示", "重申"), ("a dit", "a souligné")]),
    "date": _swap([("January", "March"), ("June", "July"), ("Monday", "Friday"), ("2022", "2021"), ("2014", "2013"), ("5月", "6月"), ("September", "October")]),
    "spelling": _swap([("program", "programme"), ("labor", "labour"), ("recognize", "recognise"), ("center", "centre"), ("defense", "defence"), ("国", "國"), ("favor", "favour")]),
    "case": _case,
    "typography": _typography,
    "punctuation": _punctuation,
    "wording": _word,
    "inserted": _insert,
    "deleted": _delete,
}  # fmt: skip


def own_sentences() -> list[list[str]]:
    """Invented official prose."""
    dice = random.Random(9)
    who = [
        "The ministers",
        "Both sides",
        "The committee",
        "Members of the council",
        "The two leaders",
        "Representatives of the region",
    ]
    did = [
        "said that the talks",
        "noted that inflation",
        "agreed that trade",
        "stated that the program",
        "will ensure that support",
        "should see that labor",
    ]
    what = [
        "has grown by {n} percent since June 2022",
        "is a matter of concern, as the region’s partners know",
        "was raised in {n} meetings on Monday",
        "must remain open, fair and predictable",
        "can be strengthened in the center of the country",
        "are expected to recognize the favor shown in 2014",
    ]
    tail = [
        "over the coming quarters",
        "in line with earlier decisions",
        "despite persistent headwinds",
        "under the agreed framework",
        "with due regard to local needs",
        "as previously announced",
    ]
    texts = []
    for _ in range(40):
        texts.append(
            [
                f"{dice.choice(who)} {dice.choice(did)} {dice.choice(what).format(n=dice.randint(2, 90))} {dice.choice(tail)}, item {dice.randint(100, 999)}."
                for _ in range(dice.randint(12, 40))
            ]
        )
    chinese = [
        "双方指出，{a}合作应继续加强，{b}将得到支持",
        "中方表示，{a}问题必须通过{b}解决",
        "会议强调，{a}和{b}是共同利益所在",
        "各方同意在{a}领域开展{b}",
    ]
    nouns = ["贸易", "能源", "安全", "文化", "科技", "农业", "金融", "环境", "教育", "卫生", "交通", "海洋"]
    for _ in range(20):
        texts.append(
            [
                dice.choice(chinese).format(a=dice.choice(nouns), b=dice.choice(nouns))
                + f"，涉及第{dice.randint(10, 99)}号文件。"
                for _ in range(dice.randint(10, 30))
            ]
        )
    return texts


def real_sentences() -> list[list[str]]:
    """Sentences of the corpus, where it is; short and repeated ones left out."""
    files = sorted([*CORPUS.glob("pairs/*/*.old.*"), *CORPUS.glob("series/*/*.txt")])[::7]
    texts = []
    for file in files:
        found = [" ".join(one.text.split()) for one in sentences(file.read_text("utf-8", "replace"))]
        counted = Counter(found)
        kept = [
            one
            for one in found
            if counted[one] == 1
            and 30 <= len(one) <= 400
            and "http" not in one
            and "|" not in one
            and "#" not in one
            and one[-1] in ".!?。！？"
        ][:60]
        if len(kept) >= 10:
            texts.append(kept)
    return texts


def make(parts: list[str], dice: random.Random) -> Case:
    """One case from sentences of one text."""
    count = dice.randint(1, 8)
    chosen = dice.sample(range(len(parts)), min(count, len(parts) // 2))
    how: dict[int, str] = {}
    changed = dict(enumerate(parts))
    for place in chosen:
        for kind in dice.sample(sorted(EDITS), len(EDITS)):
            put = EDITS[kind](parts[place], dice)
            if put is not None and put != parts[place]:
                changed[place], how[place] = put, kind
                break
    order = list(range(len(parts)))
    moved: list[int] = []
    free = [place for place in order if place not in how and len(TOKEN.findall(parts[place])) >= 8]
    if dice.random() < 0.5 and len(free) > 4:
        place = dice.choice(free)
        order.remove(place)
        target = dice.choice([one for one in range(len(order) + 1) if abs(one - place) >= 3] or [0])
        order.insert(target, place)
        moved.append(place)
    return _assembled(parts, changed, how, order, moved)


def _assembled(
    parts: list[str], changed: dict[int, str], how: dict[int, str], order: list[int], moved: list[int]
) -> Case:
    gap = "" if re.match(r"[\u3400-\u9fff]", parts[0]) else " "
    joiners = [("\n\n" if place % 5 == 4 else gap) for place in range(len(parts))]
    case, starts_old, starts_new = Case(), {}, {}
    for rank in range(len(parts)):
        starts_old[rank] = len(case.old)
        case.old += parts[rank] + joiners[rank]
    for rank, place in enumerate(order):
        starts_new[place] = len(case.new)
        case.new += changed[place] + joiners[rank]
    for place, kind in how.items():
        old, new = parts[place], changed[place]
        head = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        a, b = starts_old[place], starts_new[place]
        edit = (kind, (a + head, a + len(old) - tail), (b + head, b + len(new) - tail))
        case.edits.append(edit)
        case.changed_old |= _touched(case.old, *edit[1])
        case.changed_new |= _touched(case.new, *edit[2])
        case.kinds[kind] += 1
    case.moved = [(starts_new[place], starts_new[place] + len(parts[place])) for place in moved]
    return case


def _touched(text: str, start: int, end: int) -> Spans:
    low = max(0, start - 40)
    return {
        one.span()
        for one in TOKEN.finditer(text, low, min(len(text), end + 40))
        if one.start() < end and one.end() > start and one.end() < end + 39
    }


Found = list[tuple[tuple[int, int], tuple[int, int]]]


def flat_dmp(old: str, new: str, *, clean: bool = False) -> Found:
    """diff-match-patch over tokens of the whole texts."""
    from diff_match_patch import diff_match_patch

    engine = diff_match_patch()
    engine.Diff_Timeout = 0
    code: dict[str, str] = {}
    first = [code.setdefault(one, chr(0x100 + len(code))) for one in tokens(old)]
    second = [code.setdefault(one, chr(0x100 + len(code))) for one in tokens(new)]
    words = {char: token for token, char in code.items()}
    runs = engine.diff_main("".join(first), "".join(second), False)
    if clean:
        engine.diff_cleanupSemantic(runs)
    return _collected((sign, "".join(words[char] for char in run)) for sign, run in runs)


def flat_difflib(old: str, new: str) -> Found:
    """difflib over tokens of the whole texts."""
    a, b = tokens(old), tokens(new)
    runs: list[tuple[int, str]] = []
    for tag, i, j, k, m in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            runs.append((0, "".join(a[i:j])))
        else:
            runs += [(-1, "".join(a[i:j])), (1, "".join(b[k:m]))]
    return _collected(runs)


def _collected(runs: Iterable[tuple[int, str]]) -> Found:
    found: Found = []
    a = b = 0
    open_at: tuple[int, int] | None = None
    for sign, run in [*runs, (0, "")]:
        if sign == 0:
            if open_at is not None:
                found.append(((open_at[0], a), (open_at[1], b)))
            open_at = None
            a, b = a + len(run), b + len(run)
            continue
        open_at = open_at or (a, b)
        a, b = (a + len(run), b) if sign < 0 else (a, b + len(run))
    return found


def table(cases: int, seed: int, *, misses: bool) -> None:
    """Print scores as Markdown: ours beside flat differs, then ours by kind."""
    for name, texts in (("invented", own_sentences()), ("corpus", real_sentences())):
        if not texts:
            print(f"\n{name}: not here, left out")
            continue
        dice = random.Random(f"{seed}/{name}")
        made = [make(dice.choice(texts), dice) for _ in range(cases)]
        _score(name, made, misses=misses)


def _score(name: str, made: list[Case], *, misses: bool) -> None:
    print(
        f"\n**{name}**, {len(made)} cases, {sum(len(one.edits) for one in made)} edits, {sum(len(one.moved) for one in made)} moves\n"
    )
    print("| differ | F1 of changed tokens | without moves | edits per true edit | moves found | moves right |")
    print("|---|---|---|---|---|---|")
    rivals: dict[str, Callable[[str, str], Found]] = {
        "dmp on tokens": flat_dmp,
        "dmp on tokens, semantic clean-up": lambda old, new: flat_dmp(old, new, clean=True),
        "difflib on tokens": flat_difflib,
    }
    ours = [compare(Text(one.old), Text(one.new)) for one in made]
    plain = [
        [((e.old.start, e.old.end), (e.new.start, e.new.end)) for e in one.edits if e.move is None] for one in ours
    ]
    moved = [[(e.new.start, e.new.end) for e in one.edits if e.move is not None and e.new.text] for one in ours]
    truth, told = sum(len(one.moved) for one in made), sum(map(len, moved))
    right = sum(_hits(case.moved, found) for case, found in zip(made, moved, strict=True))
    _row("**variorum**", made, plain, f"{right / max(1, truth):.3f}", f"{right / max(1, told):.3f}")
    for title, rival in rivals.items():
        _row(title, made, [rival(one.old, one.new) for one in made], "0", "–")
    _kinds(made, ours, misses=misses)


def _hits(truth: list[tuple[int, int]], found: list[tuple[int, int]]) -> int:
    return sum(any(abs(a - c) <= 2 and abs(b - d) <= 3 for c, d in found) for a, b in truth)


def _row(title: str, made: list[Case], found: list[Found], recall: str, precision: str) -> None:
    scores = {"all": [0, 0, 0], "still": [0, 0, 0]}
    pieces = edits = 0
    for case, edit_list in zip(made, found, strict=True):
        got_old = set().union(*(_touched(case.old, *one[0]) for one in edit_list)) if edit_list else set()
        got_new = set().union(*(_touched(case.new, *one[1]) for one in edit_list)) if edit_list else set()
        hits = len(got_old & case.changed_old) + len(got_new & case.changed_new)
        for group in ("all",) if case.moved else ("all", "still"):
            scores[group][0] += hits
            scores[group][1] += len(got_old) + len(got_new)
            scores[group][2] += len(case.changed_old) + len(case.changed_new)
        if not case.moved:
            pieces += len(
                [one for one in edit_list if case.old[slice(*one[0])].strip() or case.new[slice(*one[1])].strip()]
            )
            edits += len(case.edits)
    f1 = {group: 2 * hit / max(1, got + true) for group, (hit, got, true) in scores.items()}
    print(
        f"| {title} | {f1['all']:.3f} | {f1['still']:.3f} | {pieces / max(1, edits):.2f} | {recall} | {precision} |",
        flush=True,
    )


def _kinds(made: list[Case], ours: list[object], *, misses: bool) -> None:
    right: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for case, change in zip(made, ours, strict=True):
        for kind, old, new in case.edits:
            near = [
                e for e in change.edits if _meets(e.old.start, e.old.end, old) and _meets(e.new.start, e.new.end, new)
            ]  # type: ignore[attr-defined]
            total[kind] += 1
            good = any(EditKind(kind) in e.kinds for e in near)
            right[kind] += good
            if misses and not good:
                said = [(e.old.text, e.new.text, [str(k) for k in e.kinds]) for e in near]
                print(
                    f"    {kind}: {case.old[old[0] - 30 : old[1] + 30]!r} → {case.new[new[0] - 15 : new[1] + 15]!r}: {said}"
                )
    print("\n| kind | " + " | ".join(sorted(total)) + " |\n|---|" + "---|" * len(total))
    print(
        "| right | " + " | ".join(f"{right[kind] / total[kind]:.3f} of {total[kind]}" for kind in sorted(total)) + " |"
    )


def _meets(start: int, end: int, span: tuple[int, int]) -> bool:
    # an insertion or deletion may be told a few characters off: “a [very ]small” is “a[ very] small”
    return start <= span[1] + 2 and end >= span[0] - 2
