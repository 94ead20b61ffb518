"""What values may look like: durations, sizes, addresses, lists, sections.

Each shape says the same thing twice: to pydantic (which validates) and to editors (JSON Schema), so that the two cannot
drift apart. Pydantic's own engine is used directly, ``pydantic_core``: importing the model layer above it and building
some twenty models costs 115 ms, this 35 ms, and ``variorum sources`` has 200 ms for everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from monitor.config.document import Guarded, core_scalar
from monitor.config.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

JsonSchema = dict[str, Any]

WRONG: Final = "wrong"
"""The error type of our own checks; its context holds ``message`` and ``hint``."""
EXPECTED: Final = "expected"
"""The error type where no form fits; its context holds ``what``."""

_DURATION: Final = re.compile(
    r"(?=[0-9])(?:(?P<d>[0-9]+(?:\.[0-9]+)?)d)?(?:(?P<h>[0-9]+(?:\.[0-9]+)?)h)?"
    r"(?:(?P<m>[0-9]+(?:\.[0-9]+)?)m)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)s)?"
)
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST_S: Final = 10 * 366 * 86_400
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|[KMG]B|[KMG]iB)")
_BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_AN_ADDRESS: Final = "an address such as https://www.example.org/page"
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MAIL: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+|[^<>\r\n]*<[^@\s<>]+@[^@\s<>]+>")


@dataclass(frozen=True, slots=True)
class Shape:
    """``core`` is what pydantic validates, ``json`` what editors are told."""

    core: CoreSchema
    json: JsonSchema


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section: the shape of its value, a sentence about it, and whether it must be there."""

    shape: Shape
    about: str
    required: bool = False


def wrong(message: str, hint: str | None = None) -> PydanticCustomError:
    """The error to raise for a bad value: ``message`` says what was expected, ``hint`` what to do."""
    return PydanticCustomError(WRONG, "{message}", {"message": message, "hint": hint})


def expected(what: str, value: object, hint: str | None = None) -> PydanticCustomError:
    """``expected a duration such as 15m, got 'soon'``."""
    return wrong(f"expected {what}, got {shown(value)}", hint)


def shown(value: object) -> str:
    """A value as an error may show it: short, and without what came from the environment."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        words = repr(value)
        return words if len(words) <= 80 else f"{words[:76]}…{words[-1]}"
    return str(value)[:40]


def parsed(check: Callable[[Any], object], json: JsonSchema) -> Shape:
    """A value that ``check`` takes and turns into another, or refuses by raising :func:`wrong` or :func:`expected`."""
    return Shape(core_schema.no_info_plain_validator_function(check), json)


def words(what: str, accepted: Callable[[str], object] | None = None, *, json: JsonSchema | None = None) -> Shape:
    """Text that is not empty; ``accepted`` may refuse it by raising, or by answering False."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            hint = "Put it in quotes." if isinstance(value, int | float) else _UNQUOTED if value is None else None
            raise expected(what, value, hint)
        if not value.strip():
            raise expected(what, value)
        if accepted is not None and accepted(value) is False:
            raise expected(what, value)
        return value

    return parsed(check, {"type": "string", "minLength": 1, **(json or {})})


_UNQUOTED: Final = "Leave the key out, or put its value in quotes: an unquoted # begins a comment."


def one_of(choices: Iterable[str]) -> Shape:
    """One of these words."""
    known = tuple(choices)

    def check(value: object) -> str:
        if isinstance(value, str) and value in known:
            return str(value)
        hint = nearest(value, known) if isinstance(value, str) else None
        raise expected(f"one of {', '.join(known)}", value, hint)

    return parsed(check, {"enum": list(known)})


def _typed(value: object) -> object:
    """A value from the environment is text until its reader knows better."""
    return core_scalar(str(value)) if isinstance(value, Guarded) else value


def _yes_or_no(value: object) -> bool:
    value = _typed(value)
    if isinstance(value, bool):
        return value
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(str(value).lower())
    raise expected("true or false", value, f"Write {meant}: YAML 1.2 knows no '{value}'." if meant else None)


def whole(least: int, most: int) -> Shape:
    """A whole number within bounds."""

    def check(value: object) -> int:
        value = _typed(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise expected(f"a whole number from {least} to {most}", value)
        return value

    return parsed(check, {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, _FROM_ENVIRONMENT]})


DURATION_JSON: Final[JsonSchema] = {
    "type": "string",
    "pattern": r"^(?:[0-9]+(?:\.[0-9]+)?[dhms])+$|\$\{",
    "examples": ["30s", "15m", "1h30m", "7d"],
}


def seconds_of(value: object, least_s: float = 0.0) -> float:
    """``30s``, ``15m``, ``1h30m``, ``7d`` → seconds; anything else is refused, and what is shorter than ``least_s``."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        bare = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f"A number needs a unit: {value}s, {value}m, {value}h or {value}d." if bare else None
        raise expected("a duration such as 15m", value, hint)
    seconds = sum(float(found[unit]) * size for unit, size in _SECONDS.items() if found[unit])
    if not least_s <= seconds <= _LONGEST_S:
        raise expected(f"a duration of {least_s:g}s to ten years", value)
    return seconds


def duration(least_s: float = 0.0) -> Shape:
    """``30s``, ``15m``, ``1h30m``, ``7d`` → seconds."""
    return parsed(lambda value: seconds_of(value, least_s), DURATION_JSON)


def _size(value: object) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise expected("a size such as 5MB or 500KB", value, "KB and MB count in thousands, KiB and MiB in 1024s.")
    size = int(float(found[1]) * _BYTES[found[2]])
    if not 1 <= size <= 2**31:
        raise expected("a size up to 2GiB", value)
    return size


def _url(value: str) -> None:
    if not _is_address(value) and not (value.startswith("file:/") and _is_parted(value)):
        hint = "It begins with http:// or https://; a local file is `file: PATH` in the place of `url:`."
        raise expected(_AN_ADDRESS, value, hint)


def _web_url(value: str) -> None:
    if not _is_address(value):
        raise expected(_AN_ADDRESS, value, "It begins with http:// or https://.")


def _is_address(value: str) -> bool:
    from urllib.parse import urlsplit

    return _is_parted(value) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).hostname)


def _is_parted(value: str) -> bool:
    from urllib.parse import urlsplit

    try:
        urlsplit(value).port  # noqa: B018  (raises for a bad one)
    except ValueError:
        return False
    return " " not in value and value.isprintable()


def _identifier(value: str) -> None:
    if not ID.fullmatch(value):
        raise expected(
            "an id", value, "Up to 80 letters (a-z), digits and . _ - after a first letter or digit; no spaces."
        )


@lru_cache(maxsize=64)
def _network(value: str) -> None:
    """Seen through once, however many sources name it."""
    import ipaddress

    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        hint = f"The network is {ipaddress.ip_network(value, strict=False)}." if "host bits" in str(error) else None
        raise expected("a network such as 10.0.0.0/8 or an address", value, hint) from None


def _pattern(value: str) -> None:
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise wrong(f"not a regular expression: {shown(value)}: {error}") from None


def _encoding(value: str) -> None:
    import codecs

    try:
        "".encode(codecs.lookup(value).name)
    except (LookupError, ValueError):
        raise expected("an encoding such as utf-8 or gb18030", value) from None


def _header_value(value: str) -> bool:
    return all(char == "\t" or (" " <= char <= "ÿ" and char != "\x7f") for char in value)


def _secret(value: object) -> Guarded:
    if not isinstance(value, str) or not value:
        # The value itself is not shown: a password of digits is one all the same.
        raise wrong("expected text, got nothing" if value in (None, "") else "expected text", "Put it in quotes.")
    return Guarded(str(value), "…")


_FROM_ENVIRONMENT: Final[JsonSchema] = {"type": "string", "pattern": r"^\$\{.*\}$"}

TEXT: Final = words("text")
FLAG: Final = parsed(_yes_or_no, {"anyOf": [{"type": "boolean"}, _FROM_ENVIRONMENT]})
SIZE: Final = parsed(_size, {"type": "string", "pattern": r"^[0-9.]+ ?([KMG]i?)?B$|\$\{", "examples": ["5MB", "500KB"]})
URL: Final = words(_AN_ADDRESS, _url, json={"format": "uri"})
WEB_URL: Final = words(_AN_ADDRESS, _web_url, json={"format": "uri"})
IDENTIFIER: Final = words("an id", _identifier, json={"pattern": f"^(?:{ID.pattern})$"})
NETWORK: Final = words("a network such as 10.0.0.0/8 or an address", _network)
PATTERN: Final = words("a regular expression", _pattern, json={"format": "regex"})
ENCODING: Final = words("an encoding such as utf-8 or gb18030", _encoding)
MAIL: Final = words("a mail address", lambda value: _MAIL.fullmatch(value) is not None)
SECRET: Final = parsed(_secret, {"type": "string", "minLength": 1})


def many(item: Shape, *, single: bool = True, least: int = 0) -> Shape:
    """A list of ``item``; with ``single``, one alone needs no brackets. Comes out as a tuple."""
    core: CoreSchema = core_schema.list_schema(item.core, min_length=least)
    json: JsonSchema = {"type": "array", "items": item.json, **({"minItems": least} if least else {})}
    if single:
        core = core_schema.no_info_before_validator_function(_listed, core)
        json = {"anyOf": [item.json, json]}
    return Shape(core_schema.no_info_after_validator_function(tuple, core), json)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def mapping(key: Shape, value: Shape) -> Shape:
    """A mapping with keys of the user's choice."""
    return Shape(
        core_schema.dict_schema(key.core, value.core),
        {"type": "object", "propertyNames": key.json, "additionalProperties": value.json},
    )


def section(
    keys: Mapping[str, Key],
    *,
    about: str | None = None,
    after: Callable[[dict[str, Any]], object] | None = None,
    exactly_one: tuple[str, ...] = (),
) -> Shape:
    """A mapping with these keys and no others. ``after`` turns it into something else, or refuses it."""
    fields = {name: core_schema.typed_dict_field(key.shape.core, required=key.required) for name, key in keys.items()}
    core: CoreSchema = core_schema.typed_dict_schema(fields, extra_behavior="forbid")

    def complete(found: dict[str, Any]) -> object:
        given = [name for name in exactly_one if name in found]
        if exactly_one and not given:
            raise wrong(f"a key is missing: {' or '.join(exactly_one)}")
        if len(given) > 1:
            raise wrong(f"{' and '.join(given)} stand side by side", "Keep one of them.")
        return after(found) if after is not None else found

    if exactly_one or after is not None:
        core = core_schema.no_info_after_validator_function(complete, core)
    json: JsonSchema = {
        "type": "object",
        "properties": {name: {"description": key.about, **key.shape.json} for name, key in keys.items()},
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }
    if about:
        json["description"] = about
    if required := [name for name, key in keys.items() if key.required]:
        json["required"] = required
    if exactly_one:
        json["oneOf"] = [{"required": [name]} for name in exactly_one]
    return Shape(core, json)


def either(forms: Mapping[str, tuple[Callable[[object], bool], Shape]], what: str) -> Shape:
    """The first form whose test says that the value is meant as it. ``what`` names all of them, for the error.

    The names stand in angle brackets, ``<cron>``: pydantic puts them into the path of an error, from where they are
    taken out again.
    """

    def meant(value: object) -> str | None:
        return next((name for name, (test, _) in forms.items() if test(value)), None)

    core = core_schema.tagged_union_schema(
        {name: shape.core for name, (_, shape) in forms.items()},
        discriminator=meant,
        custom_error_type=EXPECTED,
        custom_error_message="{what}",
        custom_error_context={"what": what},
    )
    return Shape(core, {"anyOf": [shape.json for _, shape in forms.values()]})


HEADERS: Final = mapping(
    words("the name of a header", lambda name: _HEADER.fullmatch(name) is not None),
    words("a header's text on one line", _header_value),
)
