"""YAML 1.2 with the line of every key, at the speed of libyaml.

PyYAML speaks YAML 1.1, where ``no`` is false and ``12:30`` is 750. So its parser is joined here to a resolver of the
YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema), and nodes are kept, since they know their lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.resolver import BaseResolver

try:
    from yaml.cyaml import CParser as Parser
except ImportError:  # a PyYAML without libyaml: slower, the same result

    class Parser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):  # type: ignore[no-redef]
        """The pure parser, put together as the C one is."""

        def __init__(self, stream: str) -> None:
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)


from storage.errors import ConfigError

Path = tuple[str | int, ...]

_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Final = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}


class _Loader(Parser, yaml.composer.Composer, BaseResolver):  # type: ignore[misc]
    def __init__(self, stream: str) -> None:
        Parser.__init__(self, stream)
        yaml.composer.Composer.__init__(self)
        BaseResolver.__init__(self)


@dataclass(frozen=True, slots=True)
class Document:
    """The plain values of a file, and the line (from 1) on which each key or item stands, by its path."""

    name: str
    values: Mapping[str, Any]
    lines: Mapping[Path, int] = field(repr=False)

    def line(self, path: Path) -> int:
        """The line of that key, or of the nearest one above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(words: str, name: str) -> Document:
    """Read YAML. Raises ``ConfigError`` with the line: malformed, a key twice, not a mapping at the top."""
    try:
        node = _Loader(words).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        said = error.problem or error.context or "cannot be read"
        raise ConfigError(f"{place}: not YAML: {said}", hint=_yaml_hint(said)) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None
    if node is None:
        return Document(name, {}, {(): 1})
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{name}:{node.start_mark.line + 1}: expected keys such as 'sources:' at the top")
    lines: dict[Path, int] = {}
    return Document(name, _value(node, (), lines, name), lines)


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in found:
                first = lines[(*path, key)]
                raise ConfigError(f"{name}:{line}: {key}: stands twice, first on line {first}", hint="Keep one of them.")
            lines[(*path, key)] = line
            found[key] = _value(value_node, (*path, key), lines, name)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, place), lines, name) for place, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.ScalarNode) -> Any:
    word: str = node.value
    if node.style is not None:
        return word
    if word in _WORDS:
        return _WORDS[word]
    if _INT.fullmatch(word):
        return int(word, 0) if word[:2] in ("0o", "0x") else int(word)
    if _FLOAT.fullmatch(word):
        return float(word)
    return word


def _yaml_hint(said: str) -> str:
    if "\\t" in said or "tab" in said:
        return "Indent with spaces, not with tabs."
    if "mapping values" in said:
        return "Put a value that holds ': ' in quotes."
    if "expected <block end>" in said or "did not find expected" in said:
        return "Look at the indentation and at brackets and quotes left open, on this line and above it."
    return "Look at this line and the one above it."
