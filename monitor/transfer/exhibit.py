"""One self-explaining folder, zipped: what a page said, when, how it was received, and the means to check all of it.

Made from the archive alone, without the time of making: two exports of the same range are the same bytes. What moves
later (when the latest wording was last seen) is left out; a time-stamp obtained later is new evidence and does appear.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from monitor.render import Comparison, Side, Style, render
from monitor.sides import compared
from monitor.transfer.texts import texts_of, time_of
from storage.chain import DOMAIN, START, seal
from storage.errors import IntegrityError, Pruned
from storage.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from monitor.differ.lexicon import Rules
    from monitor.transfer.chosen import Chosen
    from storage.archive import Archive
    from storage.chain import Sealed
    from storage.records import Snapshot, Text, Version

ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""The first moment a zip file can hold: the files are dated by what they say, not by when they were packed."""
_SUFFIX: Final = {"html": ".html", "pdf": ".pdf", "plain": ".txt"}


@dataclass(frozen=True, slots=True)
class _Item:
    """One version with everything about it."""

    version: Version
    text: Text | None
    """None where it was pruned."""
    taken: Snapshot
    sealed: Sealed
    raw: bool
    """Whether the raw bytes are there; without them ``taken`` has an empty body."""


def export_exhibit(archive: Archive, chosen: Chosen, file: Path, rules: Rules | None = None) -> int:
    """Write the exhibit of one run of versions; returns how many there are in it."""
    first = chosen.versions[0].number
    sealed = {record.number: (record, seal) for record, seal in archive.seals(chosen.source.id)}
    texts = {version.number: text for version, text in texts_of(archive, chosen)}
    items = [
        _Item(version, texts.get(version.number), taken, sealed[version.number][0], raw)
        for version in chosen.versions
        for taken, raw in [_taken(archive, version)]
    ]
    before = sealed[first - 1][1] if first > 1 else START
    _require_sound(items, before)
    contents = _contents(chosen, items, rules)
    contents["chain.json"] = _chain(chosen, items, before, _stamps(archive, items, contents))
    _pack(file, _folder_name(chosen), contents)
    return len(items)


def _taken(archive: Archive, version: Version) -> tuple[Snapshot, bool]:
    """The capture of a version, and whether its raw bytes are there."""
    try:
        return archive.snapshot(version.snapshot), True
    except Pruned:
        return archive.snapshot(version.snapshot, bodiless=True), False


def _require_sound(items: list[_Item], before: bytes) -> None:
    """Raise ``IntegrityError`` unless every seal, text and body holds: an exhibit that fails its own check helps nobody."""
    for item in items:
        sealed, version = item.sealed, item.version
        text = bytes.fromhex(item.text.digest) if item.text is not None else sealed.text
        body = b"".join(bytes.fromhex(one.body_digest) for one in _pages(item)) if item.raw else sealed.body
        if seal(before, sealed).hex() != version.chain or (text, body) != (sealed.text, sealed.body):
            raise IntegrityError(
                f"{version.source}@{version.number}: what is kept is not what was sealed; nothing was exported",
                hint="`variorum verify` names every fault; a backup may still have it.",
            )
        before = bytes.fromhex(version.chain)


def _contents(chosen: Chosen, items: list[_Item], rules: Rules | None) -> dict[str, bytes]:
    """Path in the folder → bytes, without chain and sums."""
    contents: dict[str, bytes] = {}
    raw_names = _raw_names(items)
    for item in items:
        number = f"{item.version.number:04d}"
        if item.text is not None:
            contents[f"texts/{number}.txt"] = item.text.text.encode("utf-8", "surrogatepass")
        for name, page in zip(raw_names[item.version.snapshot], _pages(item), strict=False):
            contents[name] = page.body
        contents[f"headers/{number}.txt"] = b"\n".join(_received(page) for page in _pages(item))
    read = [item for item in items if item.text is not None]
    for old, new in pairwise(read):
        name = f"diffs/{old.version.number:04d}-{new.version.number:04d}.html"
        contents[name] = _diff(chosen, old, new, rules)
    if len(read) > 2:
        contents["diffs/first-last.html"] = _diff(chosen, read[0], read[-1], rules)
    contents["verify.py"] = files("monitor.transfer").joinpath("exhibit_verifier.py").read_bytes()
    contents["README.txt"] = _readme(chosen, items).encode()
    return contents


def _pages(item: _Item) -> tuple[Snapshot, ...]:
    """The capture and those of the further pages of the same text, in their order."""
    return (item.taken, *item.taken.pages)


def _raw_names(items: Iterable[_Item]) -> dict[int, list[str]]:
    """Snapshot → files, one a page; a capture that was read again is there once, one that was pruned not at all."""
    names: dict[int, list[str]] = {}
    for item in items:
        several = bool(item.taken.pages)
        listed = [
            f"raw/{item.version.number:04d}{f'-{place}' if several else ''}{_suffix(page)}"
            for place, page in enumerate(_pages(item) if item.raw else (), 1)
        ]
        names.setdefault(item.version.snapshot, listed)
    return names


def _chain(chosen: Chosen, items: list[_Item], before: bytes, stamps: list[dict[str, Any]]) -> bytes:
    """``chain.json``: every fact about each version, and its seal."""
    raw_names = _raw_names(items)
    chain = {
        "format": "variorum/exhibit/1",
        "seal": DOMAIN.decode(),
        "source": items[0].sealed.source,
        "series": chosen.source.series,
        "url": chosen.source.url,
        "before": before.hex(),
        "versions": [_row(item, raw_names[item.version.snapshot]) for item in items],
        "timestamps": stamps,
    }
    return (json.dumps(chain, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")


def _stamps(archive: Archive, items: list[_Item], contents: dict[str, bytes]) -> list[dict[str, Any]]:
    """The time-stamps over a seal of this run: token and root as files, and the path from the seal to the root."""
    seals = {item.version.number: item.version.chain for item in items}
    source = items[0].sealed.source  # of a renamed source the name that its chain began with
    found: list[dict[str, Any]] = []
    for kept in archive.timestamps():
        for place, head in enumerate(kept.heads):
            if head.source != source or seals.get(head.version) != head.seal:
                continue
            name = f"timestamps/{len(found) + 1:04d}"
            contents[f"{name}.tsr"], contents[f"{name}.root"] = kept.token, kept.root
            found.append(
                {
                    "version": head.version,
                    "seal": head.seal,
                    "at": time_of(kept.at),
                    "authority": kept.authority,
                    "path": [[side, beside.hex()] for side, beside in kept.path(place)],
                    "root_file": f"{name}.root",
                    "token_file": f"{name}.tsr",
                }
            )
    return found


def _row(item: _Item, raw_names: list[str]) -> dict[str, Any]:
    """One version: first what its seal covers, named as in the format, then what it is called and where it is."""
    version, sealed = item.version, item.sealed
    return {
        "number": sealed.number,
        "body_sha256": sealed.body.hex(),
        "text_sha256": sealed.text.hex(),
        "captured_us": sealed.captured,
        "imported_us": sealed.imported,
        "after_us": sealed.after,
        "before_us": sealed.before,
        "url": sealed.url,
        "final_url": sealed.final_url,
        "status": sealed.status,
        "headers": [list(pair) for pair in sealed.headers],
        "reader": sealed.reader,
        "reread": sealed.reread,
        "seal": version.chain,
        "captured": time_of(version.captured),
        "imported": time_of(version.imported),
        "window": {"after": time_of(version.window.after), "before": time_of(version.window.before)},
        "severity": version.severity.label if version.severity else None,
        "silent": version.silent,
        "title": version.title,
        "published": version.published,
        "text_file": f"texts/{version.number:04d}.txt" if item.text is not None else None,
        "raw_files": raw_names,
        "headers_file": f"headers/{version.number:04d}.txt",
    }


def _received(taken: Snapshot) -> bytes:
    """How the bytes were received, as people know it: redirects, status, headers."""
    lines = [f"asked: {taken.url}", *(f"redirected from: {one}" for one in taken.redirects)]
    lines += [f"answered: {taken.final_url}", f"time: {time_of(taken.fetched_at)}"]
    lines += [f"status: {taken.status if taken.status is not None else 'none (a file)'}", ""]
    lines += [f"{name}: {value}" for name, value in taken.headers]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _diff(chosen: Chosen, old: _Item, new: _Item, rules: Rules | None) -> bytes:
    follows = new.version.number == old.version.number + 1
    silent = new.version.silent and follows
    assert old.text is not None  # noqa: S101  (only versions with a text are compared)
    assert new.text is not None  # noqa: S101
    comparison: Comparison = compared(_side(chosen, old), _side(chosen, new), silent=silent, rules=rules)
    return render(comparison, "html", Style()).encode("utf-8", "surrogatepass")


def _side(chosen: Chosen, item: _Item) -> Side:
    version = item.version
    assert item.text is not None  # noqa: S101
    return Side(
        ref=f"{version.source}@{version.number}",
        text=item.text,
        source=version.source,
        url=chosen.source.url,
        window=version.window,
        captured=version.captured,
    )


def _suffix(taken: Snapshot) -> str:
    from monitor.read import kind_of

    return _SUFFIX[kind_of(taken.body, taken.header("content-type"), taken.url)]


def _folder_name(chosen: Chosen) -> str:
    first, last = chosen.versions[0], chosen.versions[-1]
    return f"{chosen.source.id}-{first.number}" + (f"-{last.number}" if last.number != first.number else "")


def _pack(file: Path, folder: str, contents: Mapping[str, bytes]) -> None:
    """A zip file that depends on the contents only: order, times, permissions and system are fixed."""
    sums = "".join(f"{digest_of(contents[name])}  {name}\n" for name in sorted(contents))
    whole = {**contents, "SHA256SUMS": sums.encode()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(whole):
            entry = zipfile.ZipInfo(f"{folder}/{name}", ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = (0o100755 if name == "verify.py" else 0o100644) << 16
            packed.writestr(entry, whole[name])


def _readme(chosen: Chosen, items: Iterable[_Item]) -> str:
    listed = "\n".join(
        f"  {item.version.number:>4}  captured {time_of(item.version.captured)}"
        + (f", imported {time_of(item.version.imported)}" if item.version.imported else "")
        + (", the same capture read anew" if item.version.reread else "")
        + (", pruned: its text is no longer kept" if item.text is None else "")
        + f"\n        sha256 {item.version.digest}"
        for item in items
    )
    template = files("monitor.transfer").joinpath("exhibit_readme.txt").read_text("utf-8")
    last = chosen.versions[-1]
    return template.format(
        name=chosen.name,
        url=chosen.source.url,
        folder=_folder_name(chosen),
        listed=listed,
        head=last.chain,
        last=last.number,
    )
