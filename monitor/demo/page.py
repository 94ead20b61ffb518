"""The pages of the demonstration: the seeded readout with the furniture of a ministry's site around it. Pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Step:
    """One state of the page: its text (None: gone), and what the demonstration says of it."""

    title: str
    say: str
    text: str | None
    looks: int = 1


def steps(seed: str) -> Iterator[Step]:
    """The states of the page, from the seeded text on. Raises ``ValueError`` when an edit does not fit the seed."""
    table = tomllib.loads(files("monitor.demo").joinpath("edits.toml").read_text("utf-8"))
    now = seed
    yield Step("First look", "the readout as it was published", now)
    for one in table["step"]:
        if one.get("restore"):
            now = seed
        for find, put in (("find", "replace"), ("then_find", "then_replace")):
            if find in one:
                now = _edited(now, one[find], one[put])
        yield Step(one["title"], one["say"], None if one.get("gone") else now, one.get("looks", 1))


def _edited(text: str, find: str, put: str) -> str:
    if text.count(find) != 1:
        raise ValueError(f"an edit of the demonstration fits {text.count(find)} times, not once: {find!r}")
    return text.replace(find, put)


RELATED = (
    "Spokesperson's remarks on the evacuation of citizens",
    "Ambassador meets the press",
    "Regular press conference",
    "Notice on consular services during the holiday",
    "Speech at the opening of the exhibition",
)


def page(text: str, views: int) -> str:
    """The page around a text in the layout of a seed: title, date and paragraphs parted by blank lines.

    ``views`` is how often it was asked for: it turns the counter, the clock and the list of related links.
    """
    title, published, *paragraphs = [block.strip() for block in text.split("\n\n")]
    body = "\n".join(f"      <p>{escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)
    related = "\n".join(f'      <li><a href="/{views}/{place}">{one}</a></li>' for place, one in _turned(views))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{escape(title)} — Embassy (a demonstration on your own machine)</title>
  <script>var visit = {views};</script>
</head>
<body>
  <nav><a href="/">Home</a> <a href="/news">News</a> <a href="/consular">Consular</a> <a href="/about">About us</a></nav>
  <div class="clock">Local time: 12:{views % 60:02d}:07</div>
  <main>
    <article id="article">
      <h1>{escape(title)}</h1>
      <p class="date">{escape(published)}</p>
{body}
    </article>
    <p class="views">This page has been viewed {4210 + views} times.</p>
    <h2>Related</h2>
    <ul>
{related}
    </ul>
  </main>
  <footer>© Embassy. Visitor {90000 + views}. Suggest to a friend | Print</footer>
</body>
</html>
"""


def _turned(views: int) -> Sequence[tuple[int, str]]:
    start = views % len(RELATED)
    return list(enumerate((RELATED[start:] + RELATED[:start])[:3]))


def marked(step: Step, number: int) -> Step:
    """The step with its number in the title, as it is printed."""
    return replace(step, title=f"{number}. {step.title}")
