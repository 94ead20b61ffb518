"""The stages put together: pairs of sentences → regions → edits that cover every difference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from monitor.differ import DIFFER
from monitor.differ.align import Pair, align, bag, weight
from monitor.differ.classify import classified, spanned
from monitor.differ.graphemes import is_bound
from monitor.differ.lexicon import Rules, default_rules
from monitor.differ.place import Place
from monitor.differ.raw import Bounds, Raw
from monitor.differ.script import apply, delta, undone
from monitor.differ.segment import REMEMBERED, bounds
from monitor.differ.words import word_edits
from storage.errors import IntegrityError
from storage.records import Change, Edit, Stats, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JOINS: Final = 0.5
"""A free neighbour joins a reworded pair when this share of its words is what the other side has over."""
JOINS_MOST: Final = 3


@dataclass(slots=True)
class Block:
    """Sentences that belong together: places ``[first, last]`` in the old list and in the new one."""

    old: Bounds
    new: Bounds
    equal: bool


def change(old: Text, new: Text, rules: Rules | None) -> Change:
    """The whole differ; see :func:`monitor.differ.compare`."""
    if old.text == new.text:
        edits: tuple[Edit, ...] = ()
    else:
        head, tail_old, tail_new = _same_ends(old.text, new.text)
        units_old = [(a + head, b + head) for a, b in bounds(old.text[head:tail_old])]
        units_new = [(a + head, b + head) for a, b in bounds(new.text[head:tail_new])]
        found = list(_raw_edits(old.text, new.text, (head, tail_old), (head, tail_new), units_old, units_new))
        place = Place(old, new, rules or default_rules(), units_old, units_new)
        raws = _expressions(_tidy(found, old.text, new.text), place)
        edits = tuple(classified(one, place) for one in raws)
    script = delta(edits, len(old.text))
    _prove(edits, script, old.text, new.text)
    severity = max((edit.severity for edit in edits), default=None)
    added = rules.fingerprint if rules is not None else ""
    name = f"{DIFFER}+{added}" if added else DIFFER
    return Change(edits, script, severity, _stats(edits, old.text, new.text), old.digest, new.digest, name)


def _prove(edits: Sequence[Edit], script: str, old: str, new: str) -> None:
    """Never skipped: the script makes the new text, and the edits make the old one again."""
    if apply(script, old) != new or undone(edits, new) != old:
        raise IntegrityError("the differ produced a script that does not rebuild the texts; please report this")


def _raw_edits(
    old: str, new: str, span_old: Bounds, span_new: Bounds, units_old: Sequence[Bounds], units_new: Sequence[Bounds]
) -> Iterator[Raw]:
    """Align the sentences within the two spans; yield what differs inside the pairs and between them, in order."""
    words_old = [old[a:b] for a, b in units_old]
    words_new = [new[a:b] for a, b in units_new]
    pairs = align(words_old, words_new)
    moves = {pair: number for number, pair in enumerate((pair for pair in pairs if pair.moved), 1)}
    moves = _travelling(moves)
    moved_old = {pair.old: number for pair, number in moves.items()}
    moved_new = {pair.new: number for pair, number in moves.items()}
    reworded = _reworded(moves, old, new, units_old, units_new)
    blocks = _blocks(pairs, words_old, words_new, set(moved_old), set(moved_new))
    (at_old, tail_old), (at_new, tail_new) = span_old, span_new
    next_old = next_new = 0
    for block in [*blocks, None]:
        first_old, first_new = (block.old[0], block.new[0]) if block else (len(units_old), len(units_new))
        end_old = units_old[first_old][0] if block else tail_old
        end_new = units_new[first_new][0] if block else tail_new
        for raw in _region(
            old,
            new,
            (at_old, end_old),
            (at_new, end_new),
            [(units_old[one], moved_old.get(one)) for one in range(next_old, first_old)],
            [(units_new[one], moved_new.get(one)) for one in range(next_new, first_new)],
        ):
            yield from _parted(raw, reworded) if raw.move in reworded else (raw,)
        if block is None:
            return
        at_old, at_new = units_old[block.old[1]][1], units_new[block.new[1]][1]
        next_old, next_new = block.old[1] + 1, block.new[1] + 1
        if not block.equal:
            yield from _inside(old, new, block, units_old, units_new, (end_old, at_old), (end_new, at_new))


def _same_ends(old: str, new: str) -> tuple[int, int, int]:
    """How much is equal at both ends, cut back to paragraph breaks: where the difference can begin and must end."""
    most = min(len(old), len(new))
    head = _common(lambda size: old[:size] == new[:size], most)
    cut = old.rfind("\n\n", 0, head)
    head = cut + 2 if cut >= 0 else 0
    tail = _common(lambda size: size == 0 or old[-size:] == new[-size:], most - head)
    start = old.find("\n\n", len(old) - tail) if tail else -1
    tail = len(old) - start if start >= 0 else 0
    return head, len(old) - tail, len(new) - tail


def _common(same: Callable[[int], bool], most: int) -> int:
    """The largest size for which ``same`` holds (it holds for every smaller one): a search in log steps over slices."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if same(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _travelling(moves: dict[Pair, int]) -> dict[Pair, int]:
    """Neighbours that move together are one move: one number for both."""
    ordered = sorted(moves, key=lambda pair: pair.old or 0)
    numbered: dict[Pair, int] = {}
    group = 0
    before: Pair | None = None
    for pair in ordered:
        together = before is not None and pair.old == (before.old or 0) + 1 and pair.new == (before.new or 0) + 1
        group = group if together else group + 1
        numbered[pair] = group
        before = pair
    return numbered


def _reworded(
    moves: dict[Pair, int], old: str, new: str, units_old: Sequence[Bounds], units_new: Sequence[Bounds]
) -> dict[int | None, list[tuple[Bounds, Bounds]]]:
    """For each move whose words changed too: what was exchanged in its passage, ``(old span, new span)``, in order."""
    found: dict[int | None, list[tuple[Bounds, Bounds]]] = {}
    for pair, number in sorted(moves.items(), key=lambda one: one[0].old or 0):
        if pair.old is None or pair.new is None:
            continue
        (a, b), (c, d) = units_old[pair.old], units_new[pair.new]
        if old[a:b] != new[c:d]:
            edits = word_edits(old[a:b], new[c:d])
            found.setdefault(number, []).extend(((a + i, a + j), (c + k, c + m)) for i, j, k, m in edits)
    return found


def _parted(half: Raw, reworded: dict[int | None, list[tuple[Bounds, Bounds]]]) -> Iterator[Raw]:
    """One half of a move, cut where its words changed: they are plain edits between the pieces that only moved.

    What went out of the passage stands in its old half, what came into it in its new one.
    """
    side = 0 if half.old[0] < half.old[1] else 1
    start, end = (half.old, half.new)[side]
    at = (half.new, half.old)[side]

    def piece(a: int, b: int) -> Raw:
        spans = ((a, b), at) if side == 0 else (at, (a, b))
        return Raw(*spans, half.move, whole=True)

    for twin in reworded[half.move]:
        a, b = twin[side]
        if a < b and start <= a and b <= end:
            if start < a:
                yield piece(start, a)
            inner = piece(a, b)
            inner.move, inner.within, inner.twin = None, half.move, twin
            yield inner
            start = b
    if start < end:
        yield piece(start, end)


def _blocks(
    pairs: Sequence[Pair],
    old: Sequence[str],
    new: Sequence[str],
    moved_old: set[int | None],
    moved_new: set[int | None],
) -> list[Block]:
    """The chain's pairs, each with the free neighbours that were split off from it or merged into it."""
    chain = [
        Block((pair.old, pair.old), (pair.new, pair.new), old[pair.old] == new[pair.new])
        for pair in pairs
        if pair.old is not None and pair.new is not None and not pair.moved
    ]
    for place, block in enumerate(chain):
        if block.equal:
            continue
        low_old, low_new = (chain[place - 1].old[1] + 1, chain[place - 1].new[1] + 1) if place else (0, 0)
        last = place + 1 == len(chain)
        high_old = len(old) - 1 if last else chain[place + 1].old[0] - 1
        high_new = len(new) - 1 if last else chain[place + 1].new[0] - 1
        block.old = _joined(block.old, block.new, old, new, low_old, high_old, moved_old)
        block.new = _joined(block.new, block.old, new, old, low_new, high_new, moved_new)
    return chain


def _joined(
    mine: Bounds, theirs: Bounds, side: Sequence[str], other: Sequence[str], low: int, high: int, moved: set[int | None]
) -> Bounds:
    """``mine`` with its neighbours that hold what ``theirs`` has over."""
    first, last = mine
    over = bag(" ".join(other[theirs[0] : theirs[1] + 1])) - bag(" ".join(side[first : last + 1]))
    for _ in range(JOINS_MOST):
        for place in (last + 1, first - 1):
            if not low <= place <= high or place in moved:
                continue
            words = bag(side[place])
            size = weight(words)
            if size and weight(words & over) >= JOINS * size:
                first, last, over = min(first, place), max(last, place), over - words
                break
        else:
            break
    return first, last


def _inside(
    old: str,
    new: str,
    block: Block,
    units_old: Sequence[Bounds],
    units_new: Sequence[Bounds],
    span_old: Bounds,
    span_new: Bounds,
) -> Iterator[Raw]:
    """Word edits of a reworded block; those at a sentence bound that only one side has are its split or merge."""
    gaps_old = [units_old[one][1] for one in range(block.old[0], block.old[1])]
    gaps_new = [units_new[one][1] for one in range(block.new[0], block.new[1])]
    for a, b, c, d in word_edits(old[slice(*span_old)], new[slice(*span_new)]):
        raw = Raw((span_old[0] + a, span_old[0] + b), (span_new[0] + c, span_new[0] + d))
        in_old = any(raw.old[0] - 1 <= gap <= raw.old[1] for gap in gaps_old)
        in_new = any(raw.new[0] - 1 <= gap <= raw.new[1] for gap in gaps_new)
        raw.split = in_new and not in_old
        raw.merged = in_old and not in_new
        yield raw


Unit = tuple[Bounds, int | None]


def _region(
    old: str,
    new: str,
    span_old: Bounds,
    span_new: Bounds,
    units_old: Sequence[Unit],
    units_new: Sequence[Unit],
) -> Iterator[Raw]:
    """What lies between two blocks: white space, and sentences that went, came or moved."""
    if old[slice(*span_old)] == new[slice(*span_new)] and not any(number for _, number in (*units_old, *units_new)):
        return
    if not units_old and not units_new:
        yield Raw(span_old, span_new)
        return
    if units_old and units_new:
        yield from _exchanged(old, new, span_old, span_new, units_old, units_new)
        return
    if units_old:
        cut, lead = _cut_out(old, span_old, units_old, new[slice(*span_new)])
        at = span_new[0] if lead is None else span_new[1]
        if lead is not None and old[slice(*lead)] != new[slice(*span_new)]:
            yield Raw(lead, span_new)
        yield from (Raw(piece, (at, at), number, whole=True) for piece, number in _grouped(cut, units_old))
    else:
        cut, lead = _cut_out(new, span_new, units_new, old[slice(*span_old)])
        at = span_old[0] if lead is None else span_old[1]
        if lead is not None and new[slice(*lead)] != old[slice(*span_old)]:
            yield Raw(span_old, lead)
        yield from (Raw((at, at), piece, number, whole=True) for piece, number in _grouped(cut, units_new))


def _cut_out(text: str, span: Bounds, units: Sequence[Unit], gap: str) -> tuple[Bounds, Bounds | None]:
    """Which part of ``span`` the sentences take with them, so that ``gap`` is left.

    Returns the part and what is left before it; None when what is left stands behind it.
    """
    first, last = units[0][0][0], units[-1][0][1]
    if text[span[0] : first] != gap and text[last : span[1]] == gap:
        return (span[0], last), None
    return (first, span[1]), (span[0], first)


def _grouped(cut: Bounds, units: Sequence[Unit]) -> list[tuple[Bounds, int | None]]:
    """``cut`` in pieces: sentences of one move (or of none) together, each with the space behind it."""
    pieces: list[tuple[Bounds, int | None]] = []
    for place, ((start, _), number) in enumerate(units):
        begin = cut[0] if place == 0 else start
        if pieces and pieces[-1][1] == number:
            pieces[-1] = ((pieces[-1][0][0], cut[1]), number)
        else:
            if pieces:
                pieces[-1] = ((pieces[-1][0][0], begin), pieces[-1][1])
            pieces.append(((begin, cut[1]), number))
    return pieces


def _exchanged(
    old: str, new: str, span_old: Bounds, span_new: Bounds, units_old: Sequence[Unit], units_new: Sequence[Unit]
) -> Iterator[Raw]:
    """Sentences on both sides that are no wordings of each other: one replacement, unless some of them moved."""
    core_old, core_new = (units_old[0][0][0], units_old[-1][0][1]), (units_new[0][0][0], units_new[-1][0][1])
    leads = old[span_old[0] : core_old[0]], new[span_new[0] : core_new[0]]
    trails = old[core_old[1] : span_old[1]], new[core_new[1] : span_new[1]]
    if leads[0] != leads[1] and trails[0] != trails[1] and (leads[0] == trails[1] or trails[0] == leads[1]):
        # One left the beginning of a paragraph, another came to the end of the one before (or the other way round): the
        # break between the two stays, and what went and came stand on its two sides.
        out = [
            (Raw(piece, (span_new[leads[0] == trails[1]],) * 2, number, whole=True))
            for piece, number in _grouped(
                (core_old[0], span_old[1]) if leads[0] == trails[1] else (span_old[0], core_old[1]), units_old
            )
        ]
        come = [
            Raw((span_old[leads[0] != trails[1]],) * 2, piece, number, whole=True)
            for piece, number in _grouped(
                (span_new[0], core_new[1]) if leads[0] == trails[1] else (core_new[0], span_new[1]), units_new
            )
        ]
        yield from (*come, *out) if leads[0] == trails[1] else (*out, *come)
        return
    lead = Raw((span_old[0], core_old[0]), (span_new[0], core_new[0]))
    trail = Raw((core_old[1], span_old[1]), (core_new[1], span_new[1]))
    if old[slice(*lead.old)] != new[slice(*lead.new)]:
        yield lead
    if any(number for _, number in (*units_old, *units_new)):
        yield from (
            Raw(piece, (core_new[0],) * 2, number, whole=True) for piece, number in _grouped(core_old, units_old)
        )
        yield from (
            Raw((core_old[1],) * 2, piece, number, whole=True) for piece, number in _grouped(core_new, units_new)
        )
    else:
        yield Raw(core_old, core_new, whole=True)
    if old[slice(*trail.old)] != new[slice(*trail.new)]:
        yield trail


def _tidy(found: list[Raw], old: str, new: str) -> list[Raw]:
    """No empty ones, no cut grapheme; touching ones that must be one, joined. They come, and stay, in order."""
    edits = [one for one in found if old[slice(*one.old)] != new[slice(*one.new)]]
    place = 0
    while place < len(edits):
        one = edits[place]
        if place and _one_run(edits[place - 1], one):
            edits[place - 1 : place + 1] = [_union(edits[place - 1], one)]
            place -= 1
            continue
        _widen_left(one, old, new)
        if _widened_right(one, old, new, edits[place + 1] if place + 1 < len(edits) else None):
            place += 1
        else:
            edits[place : place + 2] = [_union(one, edits[place + 1])]
    return edits


_FIGURED: Final = re.compile(r"[\d零〇一二三四五六七八九十百千万亿两]")
EXPRESSION_GAP: Final = 12
EXPRESSION_LONGEST: Final = 80


def _expressions(edits: list[Raw], place: Place) -> list[Raw]:
    """Edits within one date or one number on both sides are one edit: «May 3, 2021» for «June 4, 2022»."""
    old, new = place.old.text, place.new.text
    out: list[Raw] = []
    for one in edits:
        last = out[-1] if out else None
        close = last is not None and 0 < one.old[0] - last.old[1] <= EXPRESSION_GAP
        if last is not None and close and one.old[1] - last.old[0] <= EXPRESSION_LONGEST and _joinable(last, one):
            gap = old[last.old[1] : one.old[0]]
            figured = _FIGURED.search(old[slice(*last.old)]) or _FIGURED.search(old[slice(*one.old)])
            if (
                figured
                and "\n" not in gap
                and gap == new[last.new[1] : one.new[0]]
                and spanned(place.rules, old, (last.old[1], one.old[0]), (last.old[0], one.old[1]))
                and spanned(place.rules, new, (last.new[1], one.new[0]), (last.new[0], one.new[1]))
            ):
                out[-1] = _union(last, one)
                continue
        out.append(one)
    return out


def _joinable(a: Raw, b: Raw) -> bool:
    return not (a.whole or b.whole or a.split or b.split or a.merged or b.merged) and a.move is None and b.move is None


def _one_run(a: Raw, b: Raw) -> bool:
    """Two word edits that touch are one edit; whole sentences and moves stay apart.

    What lies between two edits is equal on both sides: when they touch on one, they touch on the other.
    """
    return a.old[1] == b.old[0] and a.move is None and b.move is None and not (a.whole or b.whole)


def _union(a: Raw, b: Raw) -> Raw:
    move = a.move if a.move == b.move else None
    old, new = (a.old[0], b.old[1]), (a.new[0], b.new[1])
    return Raw(old, new, move, a.split or b.split, a.merged or b.merged, a.whole or b.whole)


def _widen_left(one: Raw, old: str, new: str) -> None:
    """Move the start outwards, over equal characters, until no grapheme cluster is cut.

    The edit before is never in the way: it was widened to the right, so it ends at a bound.
    """
    (a, b), (c, d) = one.old, one.new
    while not (is_bound(old, a) and is_bound(new, c)):
        a, c = a - 1, c - 1
    one.old, one.new = (a, b), (c, d)


def _widened_right(one: Raw, old: str, new: str, after: Raw | None) -> bool:
    """The same for the end; False: ``after`` is in the way, which has not been widened yet."""
    (a, b), (c, d) = one.old, one.new
    stop_b, stop_d = (after.old[0], after.new[0]) if after else (len(old), len(new))
    while not (is_bound(old, b) and is_bound(new, d)):
        if b >= stop_b or d >= stop_d:
            return after is None
        b, d = b + 1, d + 1
    one.old, one.new = (a, b), (c, d)
    return True


def _stats(edits: Sequence[Edit], old: str, new: str) -> Stats:
    total_old, total_new = _count_all(old), _count_all(new)
    deleted = sum(_count(edit.old.text) for edit in edits if edit.move is None)
    inserted = sum(_count(edit.new.text) for edit in edits if edit.move is None)
    whole = total_old + total_new
    similarity = 1.0 if not whole else max(0.0, (whole - deleted - inserted) / whole)
    return Stats(total_old, total_new, deleted, inserted, round(similarity, 4))


_WORD: Final = re.compile(
    r"[\u3400-\u9fff\u3040-\u30ff]|[^\W_\u3400-\u9fff\u3040-\u30ff]+(?:[.,'’][^\W_\u3400-\u9fff\u3040-\u30ff]+)*"
)
_PLAIN_WORD: Final = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")


def _count(text: str) -> int:
    return len((_PLAIN_WORD if text.isascii() else _WORD).findall(text))


def _count_all(text: str) -> int:
    """The words of a whole text, paragraph by paragraph: most stand in version after version."""
    return sum(_count_known(part) if len(part) <= REMEMBERED else _count(part) for part in text.split("\n\n"))


_count_known: Final = lru_cache(maxsize=1024)(_count)
