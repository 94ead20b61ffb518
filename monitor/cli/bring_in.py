"""The verb that brings in what was kept elsewhere: import."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.asking import Asking, write
from storage.errors import UsageError


@click.group("import")
def import_command() -> None:
    """Bring in what was kept elsewhere; true capture times stay apart from the time of import.

    \b
    Examples:
      variorum import folder statements/ --series fomc
      variorum import folder captures/ --source readout
    """


@import_command.command("folder")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--series", help="Each file is a member of this series.")
@click.option("--source", help="Each file is a version of this source, captured on the day in its name.")
@click.option("--selector", help="CSS selector for HTML files.")
@click.pass_obj
def folder_command(asking: Asking, folder: Path, series: str | None, source: str | None, selector: str | None) -> int:
    """Bring in a folder of dated files (YYYY-MM-DD….txt, .md, .html).

    \b
    Examples:
      variorum import folder statements/ --series fomc
      variorum import folder captures/ --source readout
    """
    from monitor.clock import utc_now
    from monitor.read import ReadRules
    from monitor.transfer.folder import import_folder
    from storage.archive import Archive

    if (series is None) == (source is None):
        raise UsageError("import folder takes either --series or --source", hint="--series fomc, or --source readout")
    added = passed = failed = 0
    with Archive.open(asking.database or asking.settings().database) as archive:
        brought = import_folder(
            archive, folder, series=series, source=source, rules=ReadRules(select=selector), now=utc_now()
        )
        for one in brought:
            added += one.version is not None
            known = one.version is None and one.note is not None and one.note.startswith("is ")
            passed += known
            failed += one.version is None and not known
            if one.note and (not known or asking.verbosity > 0):
                asking.note(f"{one.file}: {one.note}")
    write(f"{added} added, {passed} there already" + (f", {failed} could not be read" if failed else "") + "\n")
    return 3 if failed else 0
