"""Cases with known truth: a text, its edited form, and what was done to it.

A case starts from the sentences of one passage, put into paragraphs of three to six. Each edit has a sentence of its own
(or a paragraph break). Where no sentence of the text can take an edit of the wanted type, a sentence that can, a
*carrier*, is added to both sides first. A sentence moves only over fixed text at least twice as heavy as itself, since
otherwise it would be as true to say that the other text moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from bench.differ.edits import EDITS
from bench.differ.edits import place as placed
from bench.differ.tokens import TOKEN, Pieces, Span, Tokens, canonical, least

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from bench.differ.lists import Lists
    from bench.differ.passages import Passage

STRUCTURE = ("sentence_in", "sentence_out", "paragraph_split", "paragraphs_merged")
MOVES = ("moved", "moved_edited", "paragraph_moved")
TYPES = (*EDITS, *STRUCTURE, *MOVES)
CARRIED = 0.3
"""How often a type that needs no pair takes a carrier all the same: the texts have few “…, and the …”."""
MOVED_SHARE = 0.25
MOVED_TOKENS = 8
"""A shorter sentence is not moved: “The ministers met.” in two places says nothing."""


@dataclass(eq=False)
class Piece:
    """A sentence on both sides; None where it is not. ``old_at``, ``new_at``: what its edit exchanged, within it."""

    old: str | None
    new: str | None
    kind: str = ""
    old_at: Span = (0, 0)
    new_at: Span = (0, 0)
    move: int = 0
    break_old: bool = False
    break_new: bool = False

    @property
    def free(self) -> bool:
        """Whether nothing was done to it, or behind it, so far."""
        return not (self.kind or self.move or self.break_old or self.break_new)


@dataclass(frozen=True)
class Done:
    """One true edit: its type, its characters on both sides, its canonical tokens, whether its sentence also moved."""

    kind: str
    old: Span
    new: Span
    pieces: Pieces
    moved: bool
    language: str

    @property
    def one_sided(self) -> str:
        """``inserted`` or ``deleted`` where truth leaves one side without a token, else ''."""
        olds, news = sum(b - a for (a, b), _ in self.pieces), sum(d - c for _, (c, d) in self.pieces)
        return "" if olds and news else "inserted" if news else "deleted" if olds else ""


@dataclass
class Case:
    """Both texts with their tokens.

    ``truth``: the smallest token edits, in order. ``may``: numbers of tokens on each side of which either telling is right.
    ``moves``: for each, the numbers of its tokens on both sides.
    """

    language: str
    origin: str
    old: str = ""
    new: str = ""
    edits: list[Done] = field(default_factory=list)
    truth: Pieces = field(default_factory=list)
    may: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    moves: list[tuple[set[int], set[int]]] = field(default_factory=list)
    tokens_old: Tokens = field(default_factory=lambda: Tokens(""))
    tokens_new: Tokens = field(default_factory=lambda: Tokens(""))


def make(passage: Passage, lists: Lists, dice: random.Random, wanted: Sequence[str]) -> Case:
    """The passage with one edit of each type in ``wanted``; a type that finds no place is left out."""
    size = min(len(passage.sentences), dice.randint(14, 40))
    start = dice.randint(0, len(passage.sentences) - size)
    rows = [Piece(one, one) for one in passage.sentences[start : start + size]]
    old: list[list[Piece]] = []
    while rows:
        cut = dice.randint(3, 6)
        old.append(rows[:cut])
        rows = rows[cut:]
    draft = _Draft(old, passage.language, lists, dice)
    for kind in sorted(wanted, key=lambda one: one not in MOVES):  # moves first: they need the most room
        draft.add(kind)
    return _assembled(draft, passage)


class _Draft:
    """The two layouts while edits are put in."""

    def __init__(self, paragraphs: list[list[Piece]], language: str, lists: Lists, dice: random.Random) -> None:
        self.old = paragraphs
        self.new = [list(one) for one in paragraphs]
        self.language, self.lists, self.dice = language, lists, dice
        self.moves = 0
        self.carried: set[str] = set()

    def add(self, kind: str) -> None:
        if kind in MOVES:
            self._move(kind)
        elif kind in EDITS:
            self._local(kind, [one for one in self._fixed() if one.free])
        elif kind in STRUCTURE[:2]:
            self._whole(kind)
        else:
            self._break(kind)

    def _fixed(self) -> list[Piece]:
        return [one for paragraph in self.old for one in paragraph if not one.move]

    def _local(self, kind: str, free: list[Piece]) -> bool:
        self.dice.shuffle(free)
        pairs = self.lists.pairs(kind, self.language)
        if pairs:
            # one pair, drawn first: else the pair that the texts have most often would be most of what is measured
            pair = self.dice.choice(pairs)
            if any(self._exchanged(kind, piece, placed(kind, piece.old or "", [pair], self.dice)) for piece in free):
                return True
            if (carrier := self._carrier(kind, pair)) is not None:
                return self._plant(carrier)
        elif self.dice.random() < CARRIED and (carrier := self._carrier(kind)) is not None:
            return self._plant(carrier)
        if any(self._edited(kind, piece) for piece in free[:25]):
            return True
        return (carrier := self._carrier(kind)) is not None and self._plant(carrier)

    def _carrier(self, kind: str, pair: tuple[str, str] | None = None) -> Piece | None:
        """A sentence that holds the pair, or takes an edit of the type; each once in a case.

        The same carrier twice, with the same pair both ways round, would be a true move.
        """
        listed = "sentence_split" if kind == "sentences_merged" else kind
        left = [one for one in self.lists.carriers(listed, self.language) if one not in self.carried]
        if not left:
            return None
        sentence = self.dice.choice(left)
        self.carried.add(sentence)
        if "{}" not in sentence:
            piece = Piece(sentence, sentence)
            return piece if self._edited(kind, piece) else None
        if pair is None:
            return None
        (a, b), at = pair, sentence.index("{}")
        return Piece(sentence.replace("{}", a), sentence.replace("{}", b), kind, (at, at + len(a)), (at, at + len(b)))

    def _edited(self, kind: str, piece: Piece) -> bool:
        return self._exchanged(kind, piece, EDITS[kind](piece.old or "", self.language, self.lists, self.dice))

    def _exchanged(self, kind: str, piece: Piece, found: tuple[int, int, str] | None) -> bool:
        sentence = piece.old
        if sentence is None or found is None:
            return False
        a, b, put = found
        edited = sentence[:a] + put + sentence[b:]
        if edited == sentence:
            return False
        piece.kind, piece.new = kind, edited
        piece.old_at, piece.new_at = (a, b), (a, a + len(put))
        if kind == "sentences_merged":
            piece.old, piece.new, piece.old_at, piece.new_at = edited, sentence, piece.new_at, piece.old_at
        return True

    def _plant(self, piece: Piece, *, old: bool = True) -> bool:
        """Put it behind a sentence that is free and fixed, on the new side and, with ``old``, on the old one."""
        anchors = [one for one in self._fixed() if one.free and self._lonely(one)] or [
            one for one in self._fixed() if one.free
        ]
        if not anchors:
            return False
        anchor = self.dice.choice(anchors)
        if not old:
            anchor.kind = "beside"
        for side in (self.old, self.new) if old else (self.new,):
            paragraph = next(one for one in side if anchor in one)
            paragraph.insert(paragraph.index(anchor) + 1, piece)
        return True

    def _whole(self, kind: str) -> None:
        if kind == "sentence_in":
            present = {one.new for paragraph in self.new for one in paragraph}
            sentences = [one for one in self.lists.words(kind, self.language) if one not in present]
            if sentences:
                self._plant(Piece(None, self.dice.choice(sentences), kind), old=False)
            return
        free = [
            one for paragraph in self.old if len(paragraph) > 2 for one in paragraph if one.free and self._lonely(one)
        ]
        if free:
            piece = self.dice.choice(free)
            for one in self._neighbours(piece):
                one.kind = one.kind or "beside"
            piece.kind, piece.new = kind, None

    def _neighbours(self, piece: Piece) -> list[Piece]:
        found = []
        for side in (self.old, self.new):
            flat = [one for paragraph in side for one in paragraph]
            at = flat.index(piece)
            found += flat[max(0, at - 1) : at] + flat[at + 1 : at + 2]
        return found

    def _lonely(self, piece: Piece) -> bool:
        """Nothing else goes, comes or moves beside it: a sentence for another is a rewording, not one in and one out."""
        return not any(one.move or one.kind in STRUCTURE for one in self._neighbours(piece))

    def _break(self, kind: str) -> None:
        """A break behind a sentence, on one side only; the sentences beside it are the same and adjacent on both."""
        places = [
            (here, after)
            for paragraph in self.old
            for here, after in pairwise(paragraph)
            if here.free and after.free and self._adjacent(here, after)
        ]
        if not places:
            return
        piece, after = self.dice.choice(places)
        piece.kind, after.kind = kind, "beside"
        piece.break_new, piece.break_old = kind == "paragraph_split", kind == "paragraphs_merged"

    def _adjacent(self, here: Piece, after: Piece) -> bool:
        return any(a is here and b is after for one in self.new for a, b in pairwise(one))

    def _move(self, kind: str) -> None:
        if kind == "moved_edited" and self._move_carrier():
            return
        units = self.new if kind == "paragraph_moved" else [[one] for paragraph in self.new for one in paragraph]
        units = [one for one in units if all(piece.free and _heavy(piece) for piece in one) and self._light(one)]
        self.dice.shuffle(units)
        for unit in units:
            if self._moved(list(unit), whole=kind == "paragraph_moved"):
                self.moves += 1
                for piece in unit:
                    piece.move = self.moves
                if kind == "moved_edited":
                    self._edited("word", unit[0])
                return

    def _move_carrier(self) -> bool:
        """Move a sentence in which a number, a negation or a modality changes; half of the time, if one is left."""
        kind = self.dice.choice(("number", "percent", "negation", "modality"))
        pairs = self.lists.pairs(kind, self.language)
        if self.dice.random() < 0.5 or (piece := self._carrier(kind, self.dice.choice(pairs))) is None:
            return False
        (prefix,) = self.lists.carriers("moved", self.language)
        if prefix in self.carried:
            return False
        self.carried.add(prefix)
        before = prefix.removesuffix("{}")
        piece.old, piece.new = before + (piece.old or ""), before + (piece.new or "")
        piece.old_at, piece.new_at = (
            (len(before) + start, len(before) + end) for start, end in (piece.old_at, piece.new_at)
        )
        if not (self._light([piece]) and self._plant(piece) and self._moved([piece], whole=False)):
            return False
        self.moves += 1
        piece.move = self.moves
        return True

    def _light(self, unit: list[Piece]) -> bool:
        """Whether, with ``unit``, at most a share ``MOVED_SHARE`` of the text has moved: else what stayed is open."""
        everything = [one for paragraph in self.old for one in paragraph]
        gone = sum(len(one.old or "") for one in (*(one for one in everything if one.move), *unit))
        return gone <= MOVED_SHARE * sum(len(one.old or "") for one in everything)

    def _moved(self, unit: list[Piece], *, whole: bool) -> bool:
        rest = [[one for one in paragraph if one not in unit] for paragraph in self.new]
        home = next(place for place, paragraph in enumerate(self.new) if unit[0] in paragraph)
        flat = [one for paragraph in self.new for one in paragraph]
        at = flat.index(unit[0])
        need = 2 * sum(len(one.new or "") for one in unit)
        options = []
        for number, paragraph in enumerate(rest):
            for place in [0] if whole else range(len(paragraph) + 1):
                if whole and (number in (home, home + 1)):
                    continue
                beside = paragraph[max(0, place - 1) : place + 1]
                if not whole and (not beside or any(one.move for one in beside)):
                    continue
                before = sum(len(one) for one in rest[:number]) + place
                low, high = sorted((at, before))
                passed = [one for one in [one for one in flat if one not in unit][low:high] if not one.move]
                if sum(len(one.new or "") for one in passed) >= need:
                    options.append((number, place))
        if not options:
            return False
        number, place = self.dice.choice(options)
        if whole:
            rest.insert(number, unit)
        else:
            rest[number][place:place] = unit
        self.new = [one for one in rest if one]
        return True


def _heavy(piece: Piece) -> bool:
    return len(TOKEN.findall(piece.old or "")) >= MOVED_TOKENS


def _written(paragraphs: list[list[Piece]], side: str, gap: str) -> tuple[str, dict[Piece, Span]]:
    """The text of one side, and where each sentence stands in it."""
    text, spans = "", {}
    for paragraph in paragraphs:
        between = "\n\n" if text else ""
        for piece in paragraph:
            sentence = getattr(piece, side)
            if sentence is None:
                continue
            text += between
            spans[piece] = (len(text), len(text) + len(sentence))
            text += sentence
            between = "\n\n" if getattr(piece, f"break_{side}") else gap
    return text, spans


def _assembled(draft: _Draft, passage: Passage) -> Case:
    gap = "" if passage.language == "zh" else " "
    case = Case(passage.language, passage.origin)
    case.old, where_old = _written(draft.old, "old", gap)
    case.new, where_new = _written(draft.new, "new", gap)
    case.tokens_old, case.tokens_new = Tokens(case.old), Tokens(case.new)
    truth: Pieces = []
    for piece in [one for paragraph in draft.new for one in paragraph if one.kind not in ("", "beside")]:
        done = _done(case, piece, where_old, where_new)
        case.edits.append(done)
        if not done.moved and piece.old is not None and piece.new is not None:
            truth += _inside(case, done)
    truth += _between(case, draft, where_old, where_new)
    case.truth = sorted(truth)
    for number in range(1, draft.moves + 1):
        pieces = [one for paragraph in draft.new for one in paragraph if one.move == number]
        olds = {at for one in pieces for at in range(*case.tokens_old.over(where_old[one]))}
        news = {at for one in pieces for at in range(*case.tokens_new.over(where_new[one]))}
        case.moves.append((olds, news))
    return case


def _inside(case: Case, done: Done) -> Pieces:
    """The smallest token edits of one edit, taken alone; the rest of what it exchanged may be told or not."""
    (a, b), (c, d) = case.tokens_old.over(done.old), case.tokens_new.over(done.new)
    case.may[0].update(range(a, b))
    case.may[1].update(range(c, d))
    found = least(case.tokens_old.words[a:b], case.tokens_new.words[c:d])
    return [((i + a, j + a), (k + c, m + c)) for (i, j), (k, m) in found]


def _done(case: Case, piece: Piece, where_old: dict[Piece, Span], where_new: dict[Piece, Span]) -> Done:
    if piece.old is None or piece.new is None:
        old, new = where_old.get(piece), where_new.get(piece)
        tokens = (case.tokens_old.over(old) if old else (0, 0), case.tokens_new.over(new) if new else (0, 0))
        return Done(piece.kind, old or (0, 0), new or (0, 0), [tokens], moved=False, language=case.language)
    (a, _), (c, _) = where_old[piece], where_new[piece]
    if piece.break_old or piece.break_new:
        ends = where_old[piece][1], where_new[piece][1]
        return Done(piece.kind, (ends[0],) * 2, (ends[1],) * 2, [], moved=False, language=case.language)
    old = (a + piece.old_at[0], a + piece.old_at[1])
    new = (c + piece.new_at[0], c + piece.new_at[1])
    done = Done(piece.kind, old, new, [], moved=bool(piece.move), language=case.language)
    scratch = Case("", "", tokens_old=case.tokens_old, tokens_new=case.tokens_new)
    words = case.tokens_old.words, case.tokens_new.words
    done.pieces.extend(one for each in _inside(scratch, done) for one in canonical(*words, [each]))
    return done


def _between(case: Case, draft: _Draft, where_old: dict[Piece, Span], where_new: dict[Piece, Span]) -> Pieces:
    """Sentences that went, came or moved, at their places between the fixed ones."""
    olds = [one for paragraph in draft.old for one in paragraph if one in where_old]
    news = [one for paragraph in draft.new for one in paragraph if one in where_new]
    out: Pieces = []
    a = b = c = d = at = 0
    for piece in [*news, None]:
        if piece is not None and (piece.move or piece.old is None):
            d = case.tokens_new.over(where_new[piece])[1]
            continue
        while at < len(olds) and olds[at] is not piece:
            b = case.tokens_old.over(where_old[olds[at]])[1]
            at += 1
        if a < b or c < d:
            out.append(((a, b), (c, d)))
        if piece is not None:
            at += 1
            a = b = case.tokens_old.over(where_old[piece])[1]
            c = d = case.tokens_new.over(where_new[piece])[1]
    return out
