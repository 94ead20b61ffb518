"""Comparisons made by hand: golden files must not move when the differ is tuned. All texts are invented."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from monitor.render import Comparison, Side
from storage.records import Change, Edit, EditKind, Severity, Span, Stats, Text, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

K = EditKind
UNQUOTED = "!~*'();/?:@&=+$,# "
"""What diff-match-patch leaves as it is in a delta."""

COSMETIC, MINOR, WORDING, MAJOR = Severity


@dataclass(frozen=True)
class E:
    """One edit between unchanged strings."""

    old: str
    new: str
    kinds: tuple[EditKind, ...] = (K.WORDING,)
    severity: Severity = WORDING
    move: int | None = None
    rules: tuple[str, ...] = ()


def comparison(
    parts: Sequence[str | E],
    *,
    title: str | None = None,
    silent: bool = False,
    refs: tuple[str, str] = ("mfa@1", "mfa@2"),
) -> Comparison:
    """The two texts and the change between them, from unchanged strings and edits in order."""
    old = new = script = ""
    edits = []
    for part in parts:
        if isinstance(part, str):
            old, new, script = old + part, new + part, script + f"={len(part)}\t"
            continue
        edits.append(
            Edit(
                part.kinds,
                part.severity,
                Span(len(old), len(old) + len(part.old), part.old),
                Span(len(new), len(new) + len(part.new), part.new),
                move=part.move,
                rules=part.rules,
            )
        )
        script += f"-{len(part.old)}\t" if part.old else ""
        script += "+" + quote(part.new.encode("utf-8", "surrogatepass"), safe=UNQUOTED) + "\t" if part.new else ""
        old, new = old + part.old, new + part.new
    texts = Text(old, title), Text(new, title)
    change = Change(
        tuple(edits),
        script.rstrip("\t"),
        max((edit.severity for edit in edits), default=None),
        Stats(
            len(old.split()),
            len(new.split()),
            sum(len(edit.old.text.split()) for edit in edits),
            sum(len(edit.new.text.split()) for edit in edits),
            0.978 if edits else 1.0,
        ),
        texts[0].digest,
        texts[1].digest,
        "variorum/1",
        silent,
    )
    return Comparison(
        Side(refs[0], texts[0], "mfa", "https://mfa.example/readout?id=1&lang=en", Window(None, NINE), NINE),
        Side(
            refs[1],
            texts[1],
            "mfa",
            "https://mfa.example/readout?id=1&lang=en",
            Window(NINE + timedelta(hours=2), NINE + timedelta(hours=2, minutes=15)),
            NINE + timedelta(hours=2, minutes=15),
        ),
        change,
    )


def readout() -> Comparison:
    """An English readout with edits of many kinds."""
    return comparison(
        [
            "Ministers of Ardonia and Belmark speak by telephone\n\n2026-11-20 18:30\n\n",
            "On the morning of 20 November the two ministers spoke by telephone. The talk lasted ",
            E("forty", "fifty", (K.NUMBER,), WORDING, rules=("number:words",)),
            " minutes. Both sides praised the harbour agreement. They recalled the exchange of letters in spring.",
            " They thanked the mediators.\n\n",
            "The minister of Ardonia ",
            E("said", "stressed", (K.ATTRIBUTION,), WORDING, rules=("attribution:stressed",)),
            " that his government ",
            E("will ", "will not ", (K.NEGATION, K.INSERTED), MAJOR, rules=("negation:not",)),
            "accept a new tariff. It is Ardonia",
            E("’", "'", (K.TYPOGRAPHY,), COSMETIC, rules=("typography:quotes",)),
            "s settled view that talks ",
            E("shall", "should", (K.MODALITY,), MAJOR, rules=("modality:shall",)),
            " go on.",
            E(" The northern border remains closed.", "", (K.DELETED,), WORDING),
            "\n\nThe first unchanged paragraph stands here. It has two sentences.\n\nThe second stands here.\n\n",
            "The third stands here.\n\nBoth sides agreed to meet ",
            E("", "again ", (K.INSERTED,), WORDING),
            "in ",
            E("the spring", "early summer"),
            ".",
        ],
        title="Ministers of Ardonia and Belmark speak by telephone",
        silent=True,
    )


def chinese() -> Comparison:
    """A Chinese readout: wide characters, no spaces, full-width punctuation."""
    return comparison(
        [
            "两国外长通电话\n\n2026年11月20日\n\n11月20日，甲国外长同乙国外长通电话。双方就港口合作交换意见，通话持续",
            E("四十", "五十", (K.NUMBER,), WORDING),
            "分钟。双方同意保持沟通，共同维护地区和平与稳定，推动双边关系持续健康向前发展，造福两国人民。\n\n",
            "甲方",
            E("希望", "要求", (K.ATTRIBUTION,), WORDING),
            "乙方",
            E("", "不", (K.NEGATION, K.INSERTED), MAJOR),
            "采取新的关税措施",
            E(",", "，", (K.TYPOGRAPHY,), COSMETIC),
            "通过对话解决“分歧”。",
        ],
        title="两国外长通电话",
    )


def right_to_left() -> Comparison:
    """Arabic and Hebrew, with Latin between."""
    return comparison(
        [
            "اتصال هاتفي بين الوزيرين\n\nناقش الوزيران ",
            E("اتفاق", "معاهدة"),
            " الميناء لمدة ",
            E("40", "50", (K.NUMBER,), WORDING),
            " دقيقة.\n\nשני השרים ",
            E("יפגשו", "לא יפגשו", (K.NEGATION,), MAJOR),
            " באביב, according to GPO.",
        ]
    )


def combining() -> Comparison:
    """Combining marks, conjuncts and joiners of scripts that need them."""
    return comparison(
        [
            "Le pre\u0301sident a parle\u0301 de l'e\u0301",
            E("te\u0301", "lection"),
            ". नमस्ते ",
            E("दुनिया", "क्\u200dष"),
            " می\u200cخواهم Tie\u0302\u0301ng Vie\u0323\u0302t.",
        ]
    )


def emoji() -> Comparison:
    """Emoji sequences are one grapheme and two columns each."""
    return comparison(
        [
            "The ministry posted 👨\u200d👩\u200d👧 and ",
            E("👍🏽", "🏳\ufe0f\u200d🌈"),
            " beside the flags 🇨🇳🇳🇿 and a heart ❤\ufe0f, then deleted ",
            E("🙂", "", (K.DELETED,)),
            "the post.",
        ]
    )


def hostile() -> Comparison:
    """What must come out visible and harmless: escape sequences, overrides, NUL, C1, separators, surrogates, markup."""
    return comparison(
        [
            "Title \x1b]0;owned\x07 <script>alert(1)</script>\n\nA \x1b[31mred\x1b[0m word and ",
            E("a \u202eright-to-left\u202c trick", "a <img src=x onerror=alert(1)> & \"quotes\" 'too'"),
            ". NUL \x00, C1 \x9b31m, separators \u2028 and \u2029, zero\u200bwidth, mark \ufeff, lone \udc80. ",
            E("\u200b", "", (K.DELETED,), COSMETIC),
            "Markdown *bold* _it_ [link](javascript:alert(1)) `code` # | ~~x~~ @desk #12 https://evil.example\n\n",
            E("- list\n1. number", "+ list\r\n\t2. number"),
            "\n\n> quote\x7f",
        ],
        title="Title \x1b]0;owned\x07 <script>alert(1)</script>",
        refs=("a\x1b[2Jb\n@1", '<b>&"ref"\u202e'),
    )


def emptied() -> Comparison:
    """A text that is gone whole."""
    return comparison([E("One sentence. Another one.", "", (K.DELETED,))])


def filled() -> Comparison:
    """A text where there was none."""
    return comparison([E("", "One sentence.\n\nAnother paragraph.", (K.INSERTED,))])


def identical() -> Comparison:
    """No difference at all."""
    return comparison(["The same text. In both."])


def moved_and_split() -> Comparison:
    """A sentence that moved down, one that moved up, a paragraph split in two and two merged into one."""
    long = "The parties took note of the report of the joint commission on the river crossings and thanked its chair. "
    return comparison(
        [
            "The ministers met on Monday. ",
            E(long, "", (K.MOVED,), MINOR, move=1),
            "They spoke about trade. They spoke about tariffs.",
            E(" ", "\n\n", (K.SPLIT, K.WHITESPACE), MINOR),
            "They spoke about fish.\n\n",
            E("", "Lunch was served. ", (K.MOVED,), MINOR, move=2),
            "They agreed to meet again. ",
            E("", long, (K.MOVED,), MINOR, move=1),
            "The date is open.",
            E("\n\n", " ", (K.MERGED, K.WHITESPACE), MINOR),
            "The place is open. ",
            E("Lunch was served. ", "", (K.MOVED,), MINOR, move=2),
            "A list of topics was kept.",
            E("\n\nThe press was not admitted.", "", (K.DELETED,), WORDING),
            "\n\nA joint note was published.",
            E("", "\n\nIts annex lists the delegates.\n\nIt is in two languages.", (K.INSERTED,), WORDING),
        ]
    )


def moved_in_pieces() -> Comparison:
    """A sentence that moved down with a word and a number changed in it, and one that moved up with a word put in."""
    half = (K.MOVED,)
    return comparison(
        [
            "The ministers met on Monday. ",
            E("The parties took note of the report on the ", "", half, MINOR, move=1),
            E("river", "", (K.WORDING,)),
            E(" crossings, which counts ", "", half, MINOR, move=1),
            E("forty", "", (K.NUMBER,), rules=("number:words",)),
            E(" bridges, and thanked the chair of the joint commission for it. ", "", half, MINOR, move=1),
            "They spoke about trade.\n\n",
            E("", "Lunch was ", half, MINOR, move=2),
            E("", "not ", (K.NEGATION, K.INSERTED), MAJOR),
            E("", "served. ", half, MINOR, move=2),
            "They agreed to meet again. ",
            E("", "The parties took note of the report on the ", half, MINOR, move=1),
            E("", "border", (K.WORDING,)),
            E("", " crossings, which counts ", half, MINOR, move=1),
            E("", "fifty", (K.NUMBER,), rules=("number:words",)),
            E("", " bridges, and thanked the chair of the joint commission for it. ", half, MINOR, move=1),
            "The place is open. ",
            E("Lunch was ", "", half, MINOR, move=2),
            E("served. ", "", half, MINOR, move=2),
            "A list was kept.",
        ]
    )


def rewrapped() -> Comparison:
    """A raw file wrapped anew, with one real edit in it."""
    parts: list[str | E] = []
    for number in range(14):
        parts += [
            f"Line {number} of the first paragraph of a file that was wrapped",
            E("\n", " ", (K.WHITESPACE,), COSMETIC),
        ]
        parts += ["anew by an editor", E(" ", "\n", (K.WHITESPACE,), COSMETIC), "overnight. "]
    parts += [
        "\n\nThe second paragraph has ",
        E("one", "two", (K.NUMBER,), WORDING),
        " real",
        E("\n", " ", (K.WHITESPACE,), COSMETIC),
    ]
    parts += ["edits."]
    return comparison(parts, refs=("old.txt", "new.txt"))


def only_rewrapped() -> Comparison:
    """A raw file in which three line ends moved and nothing else."""
    return comparison(
        [
            "A short file that was",
            E("\n", " ", (K.WHITESPACE,), COSMETIC),
            "wrapped",
            E(" ", "\n", (K.WHITESPACE,), COSMETIC),
            "anew. It ends here.",
            E("", "\n", (K.WHITESPACE,), COSMETIC),
        ],
        refs=("old.txt", "new.txt"),
    )


CASES: dict[str, Callable[[], Comparison]] = {
    "readout": readout,
    "chinese": chinese,
    "right-to-left": right_to_left,
    "combining": combining,
    "emoji": emoji,
    "hostile": hostile,
    "emptied": emptied,
    "filled": filled,
    "identical": identical,
    "moved-and-split": moved_and_split,
    "moved-in-pieces": moved_in_pieces,
    "rewrapped": rewrapped,
    "only-rewrapped": only_rewrapped,
}
