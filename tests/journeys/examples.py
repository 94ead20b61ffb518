"""The examples of the documents, taken apart and followed.

- A ``console`` block is run: lines that begin with ``$ `` are commands, what follows is what they print. A line that is
  ``…`` alone stands for any lines. Times, digests, chain heads, ports and durations may differ, but what is one digest
  in the document must be one in what is printed.
- ``<!-- given: NAME -->`` before it makes a folder to run in (``SCENES``); without it, it goes on in the last one.
- ``<!-- file: NAME -->`` before any block writes it into that folder.
- ``<!-- serves: PORT -->`` before a ``sh`` block starts that command there and leaves it running; wherever the port
  stands, one of the machine's choice is put for it.
- In every other block, lines that begin with ``variorum`` must be commands and options that there are; so must what
  stands as ``variorum …`` within a sentence, and each target of make, measurement and extra that is named.
- A ``yaml`` block with keys of ``config.yaml`` must be a right configuration.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE: Final = re.compile(
    r"(?P<marks>(?:^<!-- (?:given|file|serves): \S+ -->\n)*)^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
DIGEST: Final = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12})\b")
VARIES: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?: ?UTC|Z)?"), "TIME"),
    (re.compile(r"between TIME and (?:TIME|\d\d:\d\d(?::\d\d)?(?: UTC)?)|\bat TIME"), "in a WINDOW"),
    (DIGEST, "HASH"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|KB|MB|bytes)\b"), "SIZE"),
    (re.compile(r"[ \t]+$", re.MULTILINE), ""),
)


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, what stands before it, and its text."""

    line: int
    language: str
    text: str
    given: str | None = None
    file: str | None = None
    serves: str | None = None

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The commands of a ``console`` block, each with what it should print."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> ") and found and not found[-1][1]:
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
            elif found:
                found[-1][1].append(line)
        return [(command, "\n".join(printed).strip("\n")) for command, printed in found]

    @property
    def mentioned(self) -> Iterator[list[str]]:
        """The words of each call of ``variorum`` in a block that is not run, up to a remark or a pipe."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if found := re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*variorum (.*)", line.strip()):
                call = shlex.shlex(re.split(r"\s{3,}", found[1])[0], posix=True, punctuation_chars=True)
                call.whitespace_split = True
                yield list(takewhile(lambda word: word not in {"|", ">", "<", ";", "&&"}, call))


@dataclass
class Document:
    """A document and its blocks."""

    path: Path
    blocks: list[Block] = field(default_factory=list)
    prose: str = ""
    """What stands between the blocks."""

    @property
    def spoken_of(self) -> Iterator[list[str]]:
        """The words of each call of ``variorum`` within a sentence; of ``[-p]`` and ``A|B``, the first that may stand."""
        for call in re.findall(r"`variorum ([^`]+)`", self.prose):
            yield shlex.split(re.sub(r"\[(.*?)\]|\|\S+| [|] .*", r" \1", call))


def read(path: Path) -> Document:
    """A document, taken apart."""
    words = path.read_text("utf-8")
    document = Document(path, prose=FENCE.sub("", words))
    for found in FENCE.finditer(words):
        line = words.count("\n", 0, found.start("text"))
        marks = dict(re.findall(r"<!-- (\w+): (\S+) -->", found["marks"]))
        document.blocks.append(Block(line, found["language"], found["text"], **marks))
    return document


def settled(words: str) -> str:
    """What was printed, without what differs from run to run."""
    for pattern, put in VARIES:
        words = pattern.sub(put, words)
    return words.strip("\n")


def agrees(expected: str, printed: str) -> bool:
    """Whether that was printed; a line ``…`` alone stands for any lines."""
    parts = re.split(r"^…$\n?", settled(expected), flags=re.MULTILINE)
    pattern = r"(?:.*\n)*?".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, settled(printed) + ("\n" if parts[-1] == "" else "")) is not None


def digests(expected: str, printed: str) -> Iterator[tuple[str, str]]:
    """The beginning of each digest that is shown, with that of the one printed in its place; none where lines are left out."""
    if not re.search(r"^…$", expected, re.MULTILINE):
        for shown, true in zip(DIGEST.findall(expected), DIGEST.findall(printed), strict=True):
            yield shown[:12], true[:12]
