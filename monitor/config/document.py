"""YAML 1.2 with the line of every key and the environment filled in, at the speed of libyaml.

PyYAML speaks YAML 1.1, where ``no`` is false and ``12:30`` is 750. So only its parser is used: values are built here
from its events, by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema). No nodes are kept, since
a file may hold a hundred thousand sources; deep lines are looked up by a second pass, when there is something to tell.

``${NAME}`` and ``${NAME:-default}`` stand for environment variables, in values only; ``$$`` is a dollar sign. A key
that starts with ``_`` is a remark: it may hold anything (anchors, for one) and is left out.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import yaml

from monitor.config.problems import ConfigProblems, KeyPath, Problem

try:
    from yaml.cyaml import CParser as Parser  # type: ignore[attr-defined]
except ImportError:  # a PyYAML without libyaml: slower, the same events

    class Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        """The pure parser, put together as the C one is."""

        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_INT: Final = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS.update({word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")})
_VARIABLE: Final = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\{)")
_TEXT_TAGS: Final = ("!", "tag:yaml.org,2002:str")
_DEEPEST: Final = 40
_SHALLOW: Final = 2
"""How deep lines are kept at once: enough for "the source on line 12"."""


class Guarded(str):
    """Text that must not be seen where it might be logged: ``repr`` shows ``shown`` in its place (``${TOKEN}``)."""

    __slots__ = ("shown",)
    shown: str

    def __new__(cls, value: str, shown: str) -> Guarded:
        """``value`` is the text itself, ``shown`` what may be seen of it."""
        self = super().__new__(cls, value)
        self.shown = shown
        return self

    def __repr__(self) -> str:
        """What may be seen."""
        return repr(self.shown)

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Copies (``dataclasses.asdict`` makes some) stay guarded."""
        return str(self), self.shown


class Document:
    """The plain values of a file: ``values``; and where each stands: ``line(path)``."""

    __slots__ = ("_lines", "_whole", "_words", "name", "problems", "unfilled", "values")

    def __init__(self, words: str, name: str, env: Mapping[str, str]) -> None:
        """Read YAML. Raises ``ConfigProblems`` when it is malformed or no mapping; ``problems`` holds lesser faults."""
        build = _Build(words, name, env, _SHALLOW)
        self.name = name
        self.values: Mapping[str, Any] = build.top()
        self.problems: list[Problem] = build.problems
        self.unfilled: set[KeyPath] = build.unfilled
        """Where a variable stands that is not set."""
        self._words = words
        self._lines = build.lines
        self._whole = False

    def line(self, path: KeyPath) -> int:
        """The line (from 1) of that key, or of the nearest one above it."""
        if len(path) > _SHALLOW and not self._whole:
            build = _Build(self._words, self.name, {}, _DEEPEST)
            build.top()
            self._lines, self._whole = build.lines, True
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def problem(self, path: KeyPath, message: str, hint: str | None = None) -> Problem:
        """A problem at that key, with its line."""
        return Problem(self.line(path), path, message, hint)


def events_of(words: str) -> Iterator[Any]:
    """The parser's events, each with its marks; raises ``yaml.YAMLError``."""
    parser = Parser(words)
    while not isinstance(event := parser.get_event(), yaml.StreamEndEvent):
        yield event


def core_scalar(word: str) -> str | int | float | bool | None:
    """What an unquoted word stands for in YAML 1.2: ``null``, ``true``, ``12``, ``0o17``, ``1.5``, else itself."""
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(word):
        return int(word, 0) if word[:2] in ("0o", "0x") else int(word)
    if _FLOAT.fullmatch(word) and isfinite(number := float(word)):
        return number
    return word


class _Build:
    """One pass over the events of the parser. ``lines`` are kept down to ``depth`` keys."""

    def __init__(self, words: str, name: str, env: Mapping[str, str], depth: int) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self.unfilled: set[KeyPath] = set()
        self._words = words
        self._env = env
        self._depth = depth
        self._path: list[str | int] = []
        self._anchors: dict[str, Any] = {}
        self._remark = False
        self._next: Callable[[], Any] = _no_parser

    def top(self) -> dict[str, Any]:
        """The mapping at the top; an empty file is an empty one."""
        try:
            self._next = Parser(self._words).get_event
            self._next()
            first = self._next()
            if isinstance(first, yaml.StreamEndEvent):
                return {}
            event = self._next()
            values = self._value(event)
            self._next()
            if not isinstance(self._next(), yaml.StreamEndEvent):
                raise self._fatal(event, "a second document ('---'); one is expected", "Keep one document in the file.")
        except yaml.YAMLError as error:
            raise self._malformed(error) from None
        if values is None:
            return {}
        if not isinstance(values, dict):
            raise self._fatal(
                event, "expected keys such as 'sources:' at the top", "`variorum init` writes an example."
            )
        return values

    def _value(self, event: Any) -> Any:
        if event.anchor is None:
            return self._plain(event)
        if type(event) is not yaml.AliasEvent:
            return self._anchored(event)
        if event.anchor not in self._anchors:
            raise self._fatal(event, f"*{event.anchor} names no anchor above it", _ALIAS_HINT)
        return self._anchors[event.anchor]

    def _plain(self, event: Any) -> Any:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        return self._mapping(event) if kind is yaml.MappingStartEvent else self._sequence(event)

    def _anchored(self, event: Any) -> Any:
        # What an anchor names may be used outside its remark, so it is read as any other value.
        before, self._remark = self._remark, False
        value = self._anchors[event.anchor] = self._plain(event)
        self._remark = before
        return value

    def _mapping(self, start: Any) -> dict[str, Any]:
        self._enter(start)
        path, shallow = self._path, len(self._path) < self._depth
        found: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            line: int = event.start_mark.line + 1
            if type(event) is not yaml.ScalarEvent:
                raise self._fatal(event, "a key must be a word", None)
            key: str = event.value
            path.append(key)
            if shallow:
                self.lines.setdefault(tuple(path), line)
            if key in found:
                first = first_lines[key]
                message = f"stands twice, first on line {first}"
                self.problems.append(Problem(line, tuple(path), message, "Keep one of them."))
            if key.startswith("_"):
                before, self._remark = self._remark, True
                self._value(self._next())
                self._remark = before
            else:
                found[key] = self._value(self._next())
                first_lines.setdefault(key, line)
            path.pop()
        return found

    def _sequence(self, start: Any) -> list[Any]:
        self._enter(start)
        path, shallow = self._path, len(self._path) < self._depth
        found: list[Any] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            path.append(len(found))
            if shallow:
                self.lines[tuple(path)] = event.start_mark.line + 1
            found.append(self._value(event))
            path.pop()
        return found

    def _enter(self, start: Any) -> None:
        if len(self._path) >= _DEEPEST:
            raise self._fatal(start, f"nested more than {_DEEPEST} deep", None)

    def _scalar(self, event: Any) -> Any:
        word: str = event.value
        plain: bool = event.implicit[0]
        if not plain and event.tag is not None and event.tag not in _TEXT_TAGS and not self._remark:
            self._note(event, f"the tag {event.tag} is not understood", "Leave the tag out.")
        if "$" in word and not self._remark:
            filled = self._filled(word, event)
            if "${" in word:
                # Only who reads the value knows whether a number is wanted: see ``shapes``.
                return Guarded(filled, word)
            word = filled
        return core_scalar(word) if plain else word

    def _filled(self, word: str, event: Any) -> str:
        def put(found: re.Match[str]) -> str:
            if found.group() == "$$":
                return "$"
            name, default = found["name"], found["default"]
            if name is None:
                self._note(event, "'${' begins no variable", "Write ${NAME} or ${NAME:-default}; $$ is a dollar sign.")
                return ""
            value = self._env.get(name)
            if default is not None:
                return value or default
            if value is None:
                self.unfilled.add(tuple(self._path))
                hint = f"Set {name}, or write ${{{name}:-default}}."
                self._note(event, f"the environment variable {name} is not set", hint)
            return value or ""

        return _VARIABLE.sub(put, word)

    def _note(self, event: Any, message: str, hint: str | None) -> None:
        self.problems.append(Problem(event.start_mark.line + 1, tuple(self._path), message, hint))

    def _fatal(self, event: Any, message: str, hint: str | None) -> ConfigProblems:
        return ConfigProblems(self.name, [Problem(event.start_mark.line + 1, tuple(self._path), message, hint)])

    def _malformed(self, error: yaml.YAMLError) -> ConfigProblems:
        if not isinstance(error, yaml.MarkedYAMLError):
            position = getattr(error, "position", 0)
            line = self._words.count("\n", 0, position if isinstance(position, int) else 0) + 1
            said = str(error).splitlines()[0]
            return ConfigProblems(self.name, [Problem(line, (), f"not YAML: {said}", "Remove that character.")])
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = error.problem or "it cannot be read"
        start = error.context_mark
        if error.context and start and start.line + 1 < line:
            said += f" ({error.context} that begins on line {start.line + 1})"
        near = self._words.splitlines()[line - 1 : line]
        near_words = near[0] if near else ""
        rest = near_words[mark.column :] if mark else ""
        return ConfigProblems(self.name, [Problem(line, (), f"not YAML: {said}", _hint(said, near_words, rest))])


_ALIAS_HINT: Final = "Put a value that starts with * in quotes."


def _hint(said: str, line: str, rest: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "Indent with spaces, not with tabs."
    if rest[:1] in ("@", "`", "%"):
        return f"Put a value that starts with {rest[0]} in quotes."
    if "${" in line and ("{" in line.replace("${", "") or "[" in line):
        return 'Inside brackets, put ${NAME} in quotes: "${NAME}".'
    if "mapping values" in said:
        return "Put a value that holds ': ' in quotes, and look at the indentation."
    if "quoted scalar" in said:
        return "Close the quotation mark."
    return "Look at the indentation, and for brackets and quotes left open, here and above."


def _no_parser() -> object:
    raise AssertionError
