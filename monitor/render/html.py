"""One self-contained, accessible page: works from a file, from a mail, printed, without scripts, in the dark.

Nothing is loaded and nothing can be: the Content-Security-Policy allows the page's own style and script by their hashes
(W3C CSP 3) and nothing else, so that even an escaping fault could not run what a watched page says.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Final

from monitor.render.inline import explanations
from monitor.render.pieces import Paragraph, Piece, Sign, listed, paragraphs
from monitor.render.safe import one_line, visible
from monitor.render.telling import (
    NOTHING,
    filtered_line,
    move_labels,
    ordered_kinds,
    plural,
    side_time,
    silent_line,
    summary_of,
    telling_kind,
    told_edits,
)
from monitor.render.terminal import fit
from storage.records import Edit, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.render import Comparison, Side, Style

FOLDED: Final = 4
"""So many unchanged paragraphs in a row, and more, are folded (open in print); those next to a change stay."""

LISTED: Final = 500
"""At most so many edits in the list at the top."""

ELEMENTS: Final = {Sign.DELETED: "del", Sign.INSERTED: "ins"}


def html(comparison: Comparison, style: Style) -> str:
    """The page. The whole new text is in it; ``style.context`` counts unchanged paragraphs here."""
    edits = told_edits(comparison, style)
    css, script = _asset("page.css"), _asset("page.js")
    title = f"{one_line(comparison.old.ref)} → {one_line(comparison.new.ref)}"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(css)}'; script-src 'sha256-{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{escaped(title)}</title>",
        f"<style>{css}</style>",
        "</head>",
        "<body>",
        *_header(comparison, edits, title),
    ]
    if comparison.change.identical:
        lines += ["<main>", f"<p>{NOTHING}</p>", "</main>"]
    else:
        lines += [*_list(edits), *_main(comparison, style)]
    lines += [
        *_footer(comparison),
        '<div class="keys" hidden><button type="button" id="previous">Previous <kbd>p</kbd></button>',
        '<span id="place" aria-live="polite"></span>',
        '<button type="button" id="next">Next <kbd>n</kbd></button></div>',
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """``text`` as itself in HTML, in elements and in double-quoted attributes; what cannot be seen is made visible.

    Remembered, for most passages stand in version after version.
    """
    return _escaped_once(text) if len(text) <= REMEMBERED else _escaped(text)


def _escaped(text: str) -> str:
    shown = visible(text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        shown = shown.replace(char, entity)
    return shown


REMEMBERED: Final = 2000
_escaped_once: Final = lru_cache(maxsize=1024)(_escaped)


@cache
def _asset(name: str) -> str:
    return "\n" + files("monitor.render").joinpath(name).read_text("utf-8")


def _hash(asset: str) -> str:
    return base64.b64encode(hashlib.sha256(asset.encode()).digest()).decode()


def _header(comparison: Comparison, edits: Sequence[Edit], title: str) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{escaped(title)}</h1>"
    yield f'<p class="summary">{escaped(summary_of(edits, identical=comparison.change.identical))}</p>'
    if silent := silent_line(comparison):
        yield f'<p class="silent">{silent}</p>'
    if filtered := filtered_line(comparison, edits):
        yield f'<p class="quiet">{filtered}</p>'
    yield "<dl>"
    for name, side in (("Old", comparison.old), ("New", comparison.new)):
        yield f"<dt>{name}</dt><dd>{_side(side)}</dd>"
    if not comparison.change.identical:
        yield (
            "<dt>Signs</dt><dd><del>deleted</del> <ins>inserted</ins> "
            '<del class="moved">moved from here</del> <ins class="moved">moved to here</ins></dd>'
        )
    yield "</dl>"
    yield "</header>"


def _side(side: Side) -> str:
    parts = [escaped(one_line(side.ref))]
    if side.url:
        shown = escaped(one_line(side.url))
        link = side.url.startswith(("http://", "https://"))
        parts.append(f'<a href="{shown}" rel="noopener noreferrer">{shown}</a>' if link else shown)
    if when := side_time(side):
        parts.append(escaped(when))
    return "<br>".join(parts)


def _list(edits: Sequence[Edit]) -> Iterator[str]:
    """Every edit with its kind, as links: the table of contents of a change."""
    if not edits:
        return
    yield '<nav aria-label="Changes">'
    yield "<h2>Changes</h2>"
    yield "<ol>"
    labels = move_labels(edits)
    for number, edit in enumerate(edits[:LISTED], 1):
        if " " not in labels.get(number - 1, " "):
            continue  # where a move goes on: it is listed where it begins
        old, new = (escaped(fit(listed(text), 40)) for text in (edit.old.text, edit.new.text))
        moved = ' class="moved"' if edit.move is not None else ""
        marks = []
        if old:
            marks.append(f"<del{moved}>{old}</del>")
        if new:
            marks.append(f"<ins{moved}>{new}</ins>")
        level = " major" if edit.severity is Severity.MAJOR else ""
        kinds = ", ".join(ordered_kinds(edit))
        yield (
            f'<li value="{number}"><a href="#change-{number}"><span class="kind{level}">{kinds}:</span> '
            f'<bdi lang="">{" ".join(marks)}</bdi></a></li>'
        )
    yield "</ol>"
    if len(edits) > LISTED:
        yield f"<p>and {plural(len(edits) - LISTED, 'more')}</p>".replace("mores", "more")
    yield "</nav>"


def _main(comparison: Comparison, style: Style, *, classed: bool = False) -> Iterator[str]:
    numbers = {id(edit): number for number, edit in enumerate(told_edits(comparison, style), 1)}
    whole = paragraphs(comparison, style)
    shown = _near_changes(whole, style.context)
    title = comparison.new.text.title
    yield '<main lang="">'
    place = 0
    for near, group in groupby(zip(whole, shown, strict=True), key=lambda pair: pair[1]):
        members = [paragraph for paragraph, _ in group]
        fold = not near and len(members) >= FOLDED
        if fold:
            yield f'<details><summary lang="en">{plural(len(members), "paragraph")} unchanged</summary>'
        for paragraph in members:
            yield from _paragraph(paragraph, numbers, style, is_title=place == 0 and bool(title), classed=classed)
            place += 1
        if fold:
            yield "</details>"
    yield "</main>"


def _near_changes(whole: Sequence[Paragraph], context: int) -> list[bool]:
    """For each paragraph whether it is changed or within ``context`` paragraphs of one that is."""
    near = [False] * len(whole)
    for place, paragraph in enumerate(whole):
        if paragraph.changed:
            low = max(0, place - context)
            near[low : place + context + 1] = [True] * len(near[low : place + context + 1])
    return near


def _paragraph(
    paragraph: Paragraph, numbers: dict[int, int], style: Style, *, is_title: bool, classed: bool
) -> Iterator[str]:
    body = "".join(_piece(piece, numbers, classed=classed) for piece in paragraph.pieces).strip()
    names = [name for name, holds in (("title", is_title), ("changed", paragraph.changed)) if holds]
    attribute = f' class="{" ".join(names)}"' if names else ""
    yield f'<p dir="auto"{attribute}>{body}</p>'
    if style.explain:
        yield from (f'<span class="tags" lang="en">{escaped(line)}</span>' for line in explanations(paragraph))
    elif paragraph.edits:
        tags = dict.fromkeys((edit.severity, telling_kind(edit).value) for edit in paragraph.edits)
        words = " · ".join(kind if kind == severity.label else f"{kind} ({severity.label})" for severity, kind in tags)
        yield f'<span class="tags" lang="en">{words}</span>'


def _piece(piece: Piece, numbers: dict[int, int], *, classed: bool = False) -> str:
    shown = escaped(piece.text.replace("\r\n", "\n"))
    if piece.sign is Sign.SAME or piece.edit is None:
        return shown
    number = numbers[id(piece.edit)]
    anchor = f' id="change-{number}" data-change tabindex="-1"' if piece.first else ""
    if piece.sign is Sign.QUIET:
        return f'<span class="quiet"{anchor}>{shown}</span>'
    element = ELEMENTS[piece.sign]
    kinds = f' title="{", ".join(ordered_kinds(piece.edit))}"'
    if not piece.moved:
        light = ' class="cosmetic"' if classed and piece.edit.severity is Severity.COSMETIC else ""
        return f"<{element}{light}{anchor}{kinds}>{shown}</{element}>"
    here, there = ("from", "to") if element == "del" else ("to", "from")
    move = piece.edit.move
    arrow = ""
    if piece.leads:
        arrow = f'<a class="arrow" lang="en" id="move-{move}-{here}" href="#move-{move}-{there}">{piece.label}</a>'
    return f'<{element} class="moved"{anchor}{kinds}>{arrow}{shown}</{element}>'


def _footer(comparison: Comparison) -> Iterator[str]:
    yield "<footer><dl>"
    for name, side in (("Old, SHA-256", comparison.old), ("New, SHA-256", comparison.new)):
        yield f"<dt>{name}</dt><dd><code>{side.text.digest}</code></dd>"
    yield f"<dt>Compared by</dt><dd><code>{escaped(one_line(comparison.change.differ))}</code></dd>"
    yield "</dl></footer>"


def contents(comparison: Comparison, style: Style) -> str:
    """The changes as links, to stand inside a page of someone else's; '' where there are none."""
    return "\n".join(_list(told_edits(comparison, style)))


def marked(comparison: Comparison, style: Style) -> str:
    """The whole text with its marks, to stand inside a page of someone else's. Cosmetic ones have that class too."""
    main = list(_main(comparison, style, classed=True))
    return "\n".join(['<div class="statement" lang="">', *main[1:-1], "</div>"])


def columns(comparison: Comparison, style: Style) -> str:
    """Old and new beside each other, a row for each paragraph, to stand inside a page of someone else's."""
    edits = told_edits(comparison, style)
    numbers = {id(edit): number for number, edit in enumerate(edits, 1)}
    lines = ['<table class="sides"><thead><tr>']
    lines += [f'<th scope="col">{escaped(one_line(side.ref))}</th>' for side in (comparison.old, comparison.new)]
    lines += ["</tr></thead><tbody>"]
    for paragraph in paragraphs(comparison, style):
        gone = {id(piece.edit) for piece in paragraph.pieces if piece.sign is Sign.DELETED}
        old = [piece for piece in paragraph.pieces if piece.sign is not Sign.INSERTED]
        new = [
            replace(piece, first=piece.first and id(piece.edit) not in gone)
            for piece in paragraph.pieces
            if piece.sign is not Sign.DELETED
        ]
        cells = ("".join(_piece(piece, numbers, classed=True) for piece in side).strip() for side in (old, new))
        row = "".join(f'<td lang="" dir="auto">{cell}</td>' for cell in cells)
        opening = '<tr class="changed">' if paragraph.changed else "<tr>"
        lines.append(f"{opening}{row}</tr>")
    return "\n".join([*lines, "</tbody></table>"])
