"""Statements of English prose that are edited a little at a time: what the benches of the archive are fed with.

The sentences are those of the language reference that ships with Python, with some words exchanged: so their entropy is
near that of real statements, which that of word salad is not. Paragraphs stay where they are; an edit exchanges a word,
alters a figure, or adds or drops a sentence inside one of them. Same seed, same texts.
"""

from __future__ import annotations

import random
import re
from functools import cache

CHINESE = (
    "双方就共同关心的国际和地区问题交换了意见",
    "中方一贯主张尊重各国主权和领土完整",
    "合理安全关切应当得到重视和妥善解决",
    "会议强调要继续实施稳健的货币政策",
    "有关各方应当保持克制避免局势升级",
    "两国领导人同意加强战略沟通与协调",
)


@cache
def sentences() -> tuple[str, ...]:
    """Sentences of the language reference, in the order of its topics."""
    from pydoc_data.topics import topics

    found = [
        one
        for name in sorted(topics)
        for one in re.split(r"(?<=[.])\s+", re.sub(r"\s+", " ", topics[name]))
        if 7 <= len(one.split()) <= 38 and re.fullmatch(r"[A-Z][A-Za-z ,;'-]+\.", one)
    ]
    return tuple(dict.fromkeys(found))


@cache
def vocabulary() -> tuple[str, ...]:
    """Words of those sentences, with repeats."""
    return tuple(word for one in sentences() for word in re.findall(r"[a-z]{4,}", one))


class Statement:
    """One statement of about 6.4 KB; ``chinese`` is the share of its sentences that are Chinese."""

    def __init__(self, seed: int, *, chinese: float = 0.0, length: int = 5700) -> None:
        self._dice = random.Random(f"prose/{seed}")
        self._chinese = chinese
        self.title = f"Statement {seed} on {self._dice.choice(vocabulary())} {self._dice.choice(vocabulary())}"
        self.paragraphs: list[list[str]] = []
        target = length * self._dice.uniform(0.4, 1.6)
        while sum(len(one) for part in self.paragraphs for one in part) < target:
            self.paragraphs.append([self.sentence() for _ in range(self._dice.randint(2, 6))])

    def sentence(self) -> str:
        dice = self._dice
        if dice.random() < self._chinese:
            return dice.choice(CHINESE) + "，" + dice.choice(CHINESE) + "。"
        words = dice.choice(sentences())[:-1].split()
        for _ in range(max(1, len(words) // 8)):
            words[dice.randrange(1, len(words))] = dice.choice(vocabulary())
        if dice.random() < 0.25:
            words.insert(dice.randrange(1, len(words)), f"{dice.randrange(2, 9999):,}")
        return " ".join(words) + "."

    def edit(self) -> None:
        """One small edit."""
        dice = self._dice
        part = dice.choice(self.paragraphs)
        place = dice.randrange(len(part))
        how = dice.randrange(4)
        if how < 2:
            words = part[place].split(" ")
            words[dice.randrange(len(words))] = f"{dice.randrange(2, 9999):,}" if how else dice.choice(vocabulary())
            part[place] = " ".join(words)
        elif how == 2 or len(part) == 1:
            part.insert(place, self.sentence())
        else:
            del part[place]

    @property
    def blocks(self) -> list[str]:
        """The paragraphs as text."""
        return [" ".join(part) for part in self.paragraphs]

    @property
    def text(self) -> str:
        """Title and paragraphs, a blank line between."""
        return "\n\n".join([self.title, *self.blocks])

    def html(self, furniture: str = "") -> str:
        """A page with the statement in an article."""
        body = "\n".join(f"<p>{block}</p>" for block in self.blocks)
        return (
            f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{self.title}</title></head><body>'
            f"{furniture}<main><article><h1>{self.title}</h1>\n{body}\n</article></main></body></html>"
        )
