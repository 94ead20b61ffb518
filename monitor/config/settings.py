"""From the file to the settings: expand, merge the defaults, validate, and build what the other rooms need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from monitor.config.document import Document, parse
from monitor.config.values import expanded
from monitor.fetch import FetchRules
from monitor.read import ReadRules
from monitor.read.gate import GateRules
from monitor.schedule import Rhythm
from storage.errors import ConfigError
from storage.records import Source

if TYPE_CHECKING:
    from monitor.config.models import FileModel, SourceModel

LATER: Final = {
    "listings": "listings are not followed",
    "phrases": "phrases are not watched",
    "alerts": "alerts are not sent",
    "channels": "alerts are not sent",
    "web": "no web page is served",
}
"""Keys of the contract that are checked but that this version does not act upon."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A source as it is declared, with the rules that each room needs. ``where`` is its file and line."""

    source: Source
    fetch: FetchRules
    read: ReadRules
    rhythm: Rhythm
    gate: GateRules
    baseline: Path | None = None
    enabled: bool = True
    where: str = "config.yaml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. ``fetch`` holds the defaults for addresses that no source declares."""

    path: Path
    database: str = field(repr=False)  # may hold a password
    declarations: tuple[Declaration, ...]
    fetch: FetchRules
    concurrency: int = 50
    per_host: int = 2
    spacing_s: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def shown_database(self) -> str:
        """The database's address without its password."""
        return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", self.database)


def load(path: Path, env: Mapping[str, str], *, check_selectors: bool = False) -> Settings:
    """Read and validate ``path``. Raises ``ConfigError`` that lists every fault with its file, line and key."""
    document = parse(_words(path), path.name)
    faults: list[str] = []
    plain = _expanded(document, dict(document.values), (), env, faults)
    model = None if faults else _validated(document, plain, faults)
    if model is None:
        _refuse(faults)
        raise AssertionError("unreachable")
    folder = path.resolve().parent
    declarations = _declarations(document, plain, model, folder, faults)
    if check_selectors and not faults:
        faults += _selector_faults(document, declarations)
    _refuse(faults)
    unused = dict.fromkeys(f"{key}: {line} by this version" for key, line in LATER.items() if plain.get(key))
    return Settings(
        path=path,
        database=_anchored(model.database, folder),
        declarations=tuple(declarations),
        fetch=_fetch_rules(model, model.defaults, folder),
        concurrency=model.limits.concurrency,
        per_host=model.limits.per_host,
        spacing_s=model.limits.spacing,
        notes=tuple(unused),
    )


def schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of the file, for editors."""
    from monitor.config.models import FileModel

    found = FileModel.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Variorum configuration"}


def slug(url: str) -> str:
    """A readable id from an address: host and path, without what says nothing."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.")
    words = f"{host}-{unquote(parts.path)}"
    words = re.sub(r"\.(html?|shtml|php|aspx?|pdf|txt|md)$|/(index|default)\.\w+$", "", words)
    plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-").lower()
    if len(plain) <= 60 and plain:
        return plain
    import hashlib

    return f"{plain[:52].strip('-') or 'source'}-{hashlib.sha256(url.encode()).hexdigest()[:7]}"


def _words(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path.name}:{line}: not UTF-8 text", hint="Save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", hint="`variorum init` writes one.") from None


def _refuse(faults: list[str]) -> None:
    if faults:
        first, *rest = faults
        message, _, hint = first.partition("\n")
        more = "".join(f"\nerror: {one.replace(chr(10), chr(10) + 'hint: ')}" for one in rest)
        raise ConfigError(message, hint=(hint or "Mend this line.") + more)


def _fault(document: Document, path: tuple[str | int, ...], said: str, hint: str | None = None) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    told = f"{document.name}:{document.line(path)}: {key}: {said}"
    return f"{told}\n{hint}" if hint else told


def _expanded(document: Document, value: Any, path: tuple[str | int, ...], env: Mapping[str, str], faults: list[str]) -> Any:
    """Variables put in, remarks (keys that start with ``_``) taken out."""
    if isinstance(value, Mapping):
        kept = {key: one for key, one in value.items() if not key.startswith("_")}
        return {key: _expanded(document, one, (*path, key), env, faults) for key, one in kept.items()}
    if isinstance(value, list):
        return [_expanded(document, one, (*path, place), env, faults) for place, one in enumerate(value)]
    try:
        return expanded(value, env)
    except ValueError as error:
        faults.append(_fault(document, path, str(error), "Set it, or write ${NAME:-default}."))
        return value


def _validated(document: Document, plain: dict[str, Any], faults: list[str]) -> FileModel | None:
    from pydantic import ValidationError

    from monitor.config.models import FileModel

    defaults = plain.get("defaults")
    merged = plain
    if isinstance(defaults, Mapping) and isinstance(plain.get("sources"), list):
        sources = [{**defaults, **one} if isinstance(one, Mapping) else one for one in plain["sources"]]
        merged = {**plain, "sources": sources}
    try:
        return FileModel.model_validate(merged)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            faults += _told(document, plain, one)
        faults[:] = list(dict.fromkeys(faults))
        return None


def _told(document: Document, plain: Mapping[str, Any], error: Mapping[str, Any]) -> Iterator[str]:
    """One fault of pydantic's in plain words; none for a fault of the defaults that every source repeats."""
    path = tuple(part for part in error["loc"] if not (isinstance(part, str) and part in ("Interval", "Ageing", "Cron")))
    if path[:1] == ("sources",) and len(path) > 2 and isinstance(path[1], int):
        own = plain["sources"][path[1]]
        if isinstance(own, Mapping) and path[2] not in own and path[2] in (plain.get("defaults") or {}):
            return
    kind, given = error["type"], error.get("input")
    if kind == "extra_forbidden":
        yield _fault(document, path, "unknown key", _nearest_key(path))
        return
    said = {
        "missing": "is missing",
        "string_type": f"expected a text, got {given!r}",
        "bool_type": f"expected true or false, got {given!r}",
        "bool_parsing": f"expected true or false, got {given!r}",
        "int_type": f"expected a whole number, got {given!r}",
        "int_parsing": f"expected a whole number, got {given!r}",
        "list_type": f"expected a list, got {given!r}",
        "dict_type": f"expected keys and values, got {given!r}",
        "model_type": f"expected keys and values, got {given!r}",
        "model_attributes_type": f"expected keys and values, got {given!r}",
    }.get(kind)
    if said is None:
        context = error.get("ctx") or {}
        said = str(context["error"]) if "error" in context else f"{error['msg'].lower()}, got {given!r}"
    yield _fault(document, path, said)


def _nearest_key(path: tuple[str | int, ...]) -> str:
    from difflib import get_close_matches

    known = sorted(_keys_at(path[:-1]))
    near = get_close_matches(str(path[-1]), known, n=1)
    return f"Did you mean '{near[0]}'?" if near else f"Known keys here: {', '.join(known)}."


def _keys_at(path: tuple[str | int, ...]) -> set[str]:
    """The keys that may stand at a place, from the JSON Schema."""
    whole: Any = schema()
    place: Any = whole
    for part in path:
        place = _resolved(whole, place)
        place = place.get("items") if isinstance(part, int) else place.get("properties", {}).get(part, place.get("additionalProperties"))
        if not isinstance(place, Mapping):
            return set()
    return set(_resolved(whole, place).get("properties", {}))


def _resolved(whole: Any, place: Any) -> Any:
    for one in (place, *place.get("anyOf", ())):
        if "$ref" in one:
            return whole["$defs"][one["$ref"].rpartition("/")[2]]
    return place


def _declarations(
    document: Document, plain: Mapping[str, Any], model: FileModel, folder: Path, faults: list[str]
) -> list[Declaration]:
    baselines = {one.id: one.baseline for one in model.series}
    places: dict[str, int] = {}
    found = []
    for place, one in enumerate(model.sources):
        path = ("sources", place)
        name = one.id or slug(one.url)
        if name in places:
            first = document.line(("sources", places[name]))
            hint = "Give each source an id of its own." if one.id else "Two addresses make the same id: give one an `id:`."
            faults.append(_fault(document, (*path, "id"), f"'{name}' is the id of another source, on line {first}", hint))
            continue
        places[name] = place
        baseline = one.baseline or (baselines.get(one.series) if one.series else None)
        file = _baseline_file(document, (*path, "baseline"), baseline, folder, faults)
        if one.select and one.xpath and "xpath" in plain["sources"][place] and "select" in plain["sources"][place]:
            faults.append(_fault(document, (*path, "xpath"), "stands beside 'select'", "Keep one of the two."))
        found.append(_declared(document, model, one, place, name, baseline, file, folder))
    return found


def _declared(
    document: Document,
    model: FileModel,
    one: SourceModel,
    place: int,
    name: str,
    baseline: str | None,
    file: Path | None,
    folder: Path,
) -> Declaration:
    own = document.values["sources"][place]
    return Declaration(
        source=Source(name, _address(one.url, folder), one.series, tuple(one.tags), baseline),
        fetch=_fetch_rules(model, one, folder),
        read=ReadRules(
            # a selector of the source's own puts the default of the other kind aside
            select=one.select if "xpath" not in own else None,
            xpath=one.xpath if "select" not in own else None,
            remove=tuple(one.remove),
            start_after=one.start_after,
            end_before=one.end_before,
            keep_lines_matching=tuple(one.keep_lines_matching),
            delete_lines_matching=tuple(one.delete_lines_matching),
            substitute=tuple(one.substitute),
            encoding=one.encoding,
            kind=one.kind,
        ),
        rhythm=one.every,
        gate=GateRules(confirm_after_s=one.confirm.after, confirm_times=one.confirm.times),
        baseline=file,
        enabled=one.enabled,
        where=f"{document.name}:{document.line(('sources', place))}",
    )


def _fetch_rules(model: FileModel, one: Any, folder: Path) -> FetchRules:
    from monitor import __version__

    return FetchRules(
        timeout_s=one.timeout,
        max_size_bytes=one.max_size,
        user_agent=model.user_agent.replace("{version}", __version__),
        headers=tuple(one.headers.items()),
        robots=one.robots,
        allow_private=tuple(one.allow_private),
        file_roots=(str(folder),),
    )


def _baseline_file(
    document: Document, path: tuple[str | int, ...], baseline: str | None, folder: Path, faults: list[str]
) -> Path | None:
    if baseline is None or baseline.startswith("@"):
        return None
    file = folder / baseline
    try:
        file.read_text("utf-8")
    except UnicodeDecodeError:
        faults.append(_fault(document, path, f"{baseline} is not UTF-8 text", "Save the file as UTF-8."))
    except OSError as error:
        hint = f"The path is taken from {folder}."
        faults.append(_fault(document, path, f"{baseline}: {(error.strerror or 'unreadable').lower()}", hint))
    return file


def _selector_faults(document: Document, declarations: list[Declaration]) -> Iterator[str]:
    from monitor.read.html import check_rules

    for place, one in enumerate(declarations):
        try:
            check_rules(one.read)
        except ConfigError as error:
            key = error.message.partition(":")[0]
            yield _fault(document, ("sources", place, key), error.message.partition(": ")[2], error.hint)


def _address(url: str, folder: Path) -> str:
    """A plain path is a file below the folder of the configuration."""
    return url if "://" in url or url.startswith("file:") else (folder / url).resolve().as_uri()


def _anchored(database: str, folder: Path) -> str:
    """A relative SQLite file lies beside the configuration, wherever the program was started."""
    if not database.startswith("sqlite:///") or database.startswith(("sqlite:////", "sqlite:///:memory:")):
        return database
    return f"sqlite:///{folder / database.removeprefix('sqlite:///')}"



