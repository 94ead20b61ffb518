"""The verb that takes out what is kept: export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.cli.asking import Asking
    from monitor.transfer.chosen import Chosen
    from storage.archive import Archive

FILE = click.Path(path_type=Path)


@click.command("export")
@click.argument("names", nargs=-1, metavar="[SOURCE[@A..B]|SERIES]…")
@click.option("--exhibit", metavar="FILE.zip", type=FILE, help="Texts, raw bytes, headers, diffs, sums and a verifier.")
@click.option("--warc", metavar="FILE", type=FILE, help="The captures as WARC; gzipped when the name ends in .gz.")
@click.option("--folder", metavar="DIR", type=FILE, help="The wordings as dated text files.")
@click.option("--git", metavar="DIR", type=FILE, help="The wordings as a git repository, a commit for each version.")
@click.option("--jsonl", metavar="FILE|-", type=FILE, help="A JSON object a line for each version.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def export_command(
    asking: Asking,
    names: Sequence[str],
    exhibit: Path | None,
    warc: Path | None,
    folder: Path | None,
    git: Path | None,
    jsonl: Path | None,
    force: bool,
) -> None:
    """Take out what is kept, all of it or the named sources, series or ranges of versions.

    An exhibit is one self-explaining folder of one source, which anybody can check without this program.

    \b
    Examples:
      variorum export readout@1..3 --exhibit readout.zip
      variorum export fomc --warc fomc.warc.gz
    """
    ways = {"exhibit": exhibit, "warc": warc, "folder": folder, "git": git, "jsonl": jsonl}
    asked = {way: path for way, path in ways.items() if path is not None}
    if len(asked) != 1:
        raise UsageError(
            "export takes one of --exhibit, --warc, --folder, --git and --jsonl", hint="variorum export --help"
        )
    ((way, path),) = asked.items()
    if way in ("exhibit", "warc", "jsonl") and str(path) != "-" and path.exists() and not force:
        raise UsageError(f"{path}: exists already", hint="--force overwrites it.")
    from monitor.render.telling import plural
    from monitor.transfer.chosen import choose

    with asking.archive() as archive:
        chosen = choose(archive, names)
        gone = sum(version.pruned for one in chosen for version in one.versions)
        if gone and way != "exhibit":
            asking.note(f"note: {plural(gone, 'pruned version')} left out: the content is no longer kept")
        try:
            count = _write(asking, archive, chosen, way, path)
        except BrokenPipeError:
            raise  # the reader of --jsonl - went away: that is its right
        except OSError as error:
            raise UsageError(f"{error.filename or path}: {error.strerror}") from None
    if str(path) != "-":
        asking.note(f"{path}: {plural(count, 'capture' if way == 'warc' else 'version')}")


def _write(asking: Asking, archive: Archive, chosen: list[Chosen], way: str, path: Path) -> int:
    """Write what was chosen; a file appears under its name only when it is whole."""
    if way == "folder":
        from monitor.transfer.texts import export_folder

        return export_folder(archive, chosen, path)
    if way == "git":
        from monitor.transfer.to_git import export_git

        return export_git(archive, chosen, path)
    if way == "jsonl" and str(path) == "-":
        import sys

        from monitor.transfer.texts import export_jsonl

        return export_jsonl(archive, chosen, sys.stdout.buffer)
    # The ending stays: it decides whether a WARC is gzipped.
    part = path.with_name(f".part-{path.name}")
    try:
        count = _write_file(asking, archive, chosen, way, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _write_file(asking: Asking, archive: Archive, chosen: list[Chosen], way: str, part: Path) -> int:
    if way == "warc":
        from monitor.transfer.warc import export_warc

        return export_warc(archive, chosen, part)
    if way == "jsonl":
        from monitor.transfer.texts import export_jsonl

        with part.open("wb") as out:
            return export_jsonl(archive, chosen, out)
    from monitor.transfer.exhibit import export_exhibit

    if len(chosen) != 1:
        raise UsageError("an exhibit is of one source", hint=f"variorum export {chosen[0].name} --exhibit FILE.zip")
    return export_exhibit(archive, chosen[0], part, asking.rules())
