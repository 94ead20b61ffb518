"""Writes what is said of the program from the program itself: ``make docs``.

``configuration.md`` from the JSON Schema of ``config.yaml``; ``commands.md``, the manual page and the completions from the
commands; ``rooms.md`` from the docstrings and the import contract. ``tests/journeys/test_docs.py`` holds the files equal to what this makes.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from monitor import __version__
from monitor.cli import COMMANDS, variorum
from monitor.config.model import BEHAVIOUR, schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
COLUMNS: Final = 100

ABOUT_CONFIGURATION: Final = """\
# Configuration

`config.yaml`, YAML 1.2. `variorum init` writes one to start from, `variorum config check` says whether it is right (file,
line, key, and the nearest key that is known), `variorum config schema` prints a JSON Schema for editors. This page is made
from that schema by `make docs`.

- `${NAME}` and `${NAME:-default}` stand for environment variables, `$$` for a dollar sign. What comes from the environment
  is never shown nor logged. In `{…}` a value that begins with `$` needs quotes: `{password: "${SMTP_PASSWORD}"}`.
- Paths start at the folder of the file.
- Durations: `30s`, `15m`, `1h30m`, `7d`. Sizes: `500KB`, `5MB`.
- Where several values may stand, one may stand alone: `tags: ukraine`.
- Keys that begin with `_` are yours: they are not looked at, and may hold YAML anchors.
"""

ABOUT_COMMANDS: Final = """\
# Commands

What `--help` says of each; this page is made by `make docs`. Results go to standard output, progress and errors to
standard error. Exit codes: 0 done; 1 differences found (only with `--exit-code`); 2 usage or configuration error; 3 some
sources failed; 4 integrity fault; 130 interrupted.

Completion: `variorum.bash`, `variorum.zsh` and `variorum.fish` in [completions](completions/); source yours from the start-up
file of your shell.
"""


ABOUT_ROOMS: Final = """\
# Rooms

Every file with the first line of its docstring, from the top floor to the ground; a room imports only from those below it. The
order is that of the contract in `pyproject.toml`, which `make check` holds; this page is made by `make docs`.
[architecture.md](architecture.md) says what the floors are for.
"""


def pages() -> dict[str, str]:
    """Every file that is made, by its path below ``docs/``."""
    completions = {
        f"completions/variorum.{shell.name}": shell(variorum, {}, "variorum", "_VARIORUM_COMPLETE").source()
        for shell in (BashSource, ZshComplete, FishComplete)
    }
    return {
        "configuration.md": configuration(),
        "commands.md": commands(),
        "variorum.1": manual(),
        "rooms.md": rooms(),
        **{path: text.strip() + "\n" for path, text in completions.items()},
    }


class BashSource(BashComplete):
    """Bash's completion without the look at the bash that runs here: the file is for any."""

    @staticmethod
    def _check_version() -> None:
        return


# configuration.md


def configuration() -> str:
    """The keys of ``config.yaml``, a table for each section."""
    keys = schema()["properties"]
    parts = [ABOUT_CONFIGURATION]
    top = {name: one for name, one in keys.items() if not _is_section(one)}
    parts.append(_table("The file", "What stands once.", top))
    parts.append(
        _table("Sources, listings and defaults", "May stand in each of the three.", keys["defaults"]["properties"])
    )
    for name, one in keys.items():
        if not _is_section(one) or name == "defaults":
            continue
        inner, about = _section(one), one.get("description", "")
        own = inner["properties"]
        if name in ("sources", "listings"):
            own = {key: value for key, value in own.items() if key not in BEHAVIOUR}
            about += " And the keys of [sources, listings and defaults](#sources-listings-and-defaults)."
        if choice := [f"`{key}`" for one_of in inner.get("oneOf", []) for key in one_of["required"]]:
            about += f" Exactly one of {', '.join(choice)}."
        form = "a list" if "items" in one else "keys" if inner is one else "by name"
        parts.append(_table(f"{name}: {form}", about, own, inner.get("required", ())))
    return "\n".join(parts)


def _is_section(shape: dict[str, Any]) -> bool:
    inner = _section(shape)
    return "properties" in inner


def _section(shape: dict[str, Any]) -> dict[str, Any]:
    items = shape.get("items")
    if isinstance(items, dict) and "properties" in items:
        return items
    more = shape.get("additionalProperties")
    if isinstance(more, dict) and "properties" in more:
        return more
    return shape


def _table(title: str, about: str, keys: dict[str, Any], required: Collection[str] = ()) -> str:
    lines = [f"## {title}", "", about, "", "| key | value | |", "|---|---|---|"]
    lines += list(_rows("", keys, required))
    return "\n".join(lines) + "\n"


def _rows(before: str, keys: dict[str, Any], required: Collection[str]) -> Iterator[str]:
    for key, shape in keys.items():
        must = " **Required.**" if key in required else ""
        yield f"| `{before}{key}` | {_cell(_value(shape))} | {_cell(shape.get('description', ''))}{must} |"
        for inner in (shape, *shape.get("anyOf", []), shape.get("items", {})):
            if "properties" in inner:
                yield from _rows(f"{before}{key}.", inner["properties"], inner.get("required", ()))


def _value(shape: dict[str, Any]) -> str:
    """What may be written there, in a few words."""
    if "anyOf" in shape:
        forms = [form for form in shape["anyOf"] if form.get("pattern") != "^\\$\\{.*\\}$"]
        said = [_value(form) for form in forms]
        if len(said) == 2 and said[1] == f"list of {said[0]}":
            return f"{said[0]}, or a list"
        return " or ".join(dict.fromkeys(said))
    if "enum" in shape:
        return ", ".join(f"`{one}`" for one in shape["enum"])
    if "examples" in shape:
        return ", ".join(f"`{one}`" for one in shape["examples"][:3])
    kind = shape.get("type")
    if kind == "integer":
        return f"{shape['minimum']} to {shape['maximum']}"
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "array":
        return f"list of {_value(shape['items'])}"
    if kind == "object":
        return "keys" if "properties" in shape else "names and values"
    if shape.get("format") == "uri":
        return "address"
    if shape.get("format") == "regex":
        return "regular expression"
    if "A-Za-z0-9._-" in shape.get("pattern", ""):
        return "name"
    return "text"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# commands.md


def commands() -> str:
    """Each command as its ``--help`` shows it."""
    parts = [ABOUT_COMMANDS, f"```\n{_root().get_help().strip()}\n```\n"]
    parts += [f"## {one.command_path}\n\n```\n{one.get_help().strip()}\n```\n" for one in _verbs()]
    return "\n".join(parts)


def _root() -> click.Context:
    return click.Context(
        variorum,
        info_name="variorum",
        terminal_width=COLUMNS,
        max_content_width=COLUMNS,
        help_option_names=["-h", "--help"],
    )


def _verbs() -> Iterator[click.Context]:
    """The context of each command, those of a group after it."""
    root = _root()
    for name in COMMANDS:
        command = variorum.get_command(root, name)
        assert command is not None
        verb = click.Context(command, info_name=name, parent=root)
        yield verb
        if isinstance(command, click.Group):
            for inner in command.list_commands(verb):
                found = command.get_command(verb, inner)
                assert found is not None
                yield click.Context(found, info_name=inner, parent=verb)


# variorum.1


def manual() -> str:
    """The manual page, by man-pages(7)."""
    lines = [
        f'.TH VARIORUM 1 "" "Variorum {__version__}" "User Commands"',
        ".SH NAME",
        "variorum \\- keeps every wording of an official statement, and shows exactly which words changed",
        ".SH SYNOPSIS",
        ".B variorum",
        "[OPTIONS] COMMAND [ARGS]...",
        ".SH OPTIONS",
        *_options(_root()),
        ".SH COMMANDS",
    ]
    for verb in _verbs():
        usage = " ".join([verb.command_path, *verb.command.collect_usage_pieces(verb)])
        lines += [f".SS {_roff(usage)}", *_paragraphs(verb.command.help or ""), *_options(verb)]
    lines += [
        ".SH EXIT STATUS",
        _roff(
            "0 done; 1 differences found (only with --exit-code); 2 usage or configuration error; 3 some sources failed; "
            "4 integrity fault; 130 interrupted."
        ),
        ".SH ENVIRONMENT",
        ".TP\n.B VARIORUM_CONFIG\n" + _roff("The configuration, where --config does not name one."),
        ".TP\n.B NO_COLOR\nNo colour in what is shown.",
        ".SH FILES",
        ".TP\n.I config.yaml\nWhat is watched; see the configuration reference.",
    ]
    return "\n".join(lines) + "\n"


def _options(verb: click.Context) -> Iterator[str]:
    for parameter in verb.command.get_params(verb):
        record = parameter.get_help_record(verb)
        if record is not None and "--help" not in record[0]:
            yield f".TP\n.B {_roff(record[0])}\n{_roff(record[1])}"


def _paragraphs(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in block.strip().splitlines()]
        if lines and lines[0] == "\b":
            yield from (".PP\n.nf", *(_roff(line) for line in lines[1:]), ".fi")
        elif lines:
            yield f".PP\n{_roff(' '.join(lines))}"


def _roff(text: str) -> str:
    """Text that troff shows as it is."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + safe if safe.startswith((".", "\\(aq")) else safe


# rooms.md


def rooms() -> str:
    """The files of every room with their duty, in the order of the floors."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    parts = [ABOUT_ROOMS]
    for layer in next(one["layers"] for one in contracts if one["type"] == "layers"):
        rooms = layer.split(" | ")
        title = ", ".join(f"`{room}`" for room in rooms)
        lines = [line for room in rooms for line in _files(room)]
        parts.append(f"## {title}\n\n| file | duty |\n|---|---|\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _files(room: str) -> Iterator[str]:
    """A row for each file of a room: the module, or the package and what is in it."""
    place = ROOT / room.replace(".", "/")
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    for path in paths:
        about = ast.get_docstring(ast.parse(path.read_text("utf-8")))
        if about is not None and "versions" not in path.parts:
            yield f"| `{path.relative_to(ROOT)}` | {_cell(about.splitlines()[0].replace('``', '`'))} |"


def main() -> None:
    """Write every page."""
    for path, text in pages().items():
        target = HERE / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, "utf-8")
        sys.stdout.write(f"docs/{path}\n")


if __name__ == "__main__":
    main()
