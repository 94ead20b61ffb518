"""``variorum doctor``: is all that the daemon leans on as it should be, and if not, what is to be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say_json, write
from storage.errors import VariorumError

if TYPE_CHECKING:
    from monitor.examination import Finding

SIGNS = {"good": "ok  ", "doubtful": "note", "bad": "BAD "}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--offline", is_flag=True, help="Leave out what needs the network.")
@click.pass_obj
def doctor_command(asking: Asking, as_json: bool, offline: bool) -> int:
    """Examine configuration, database, disk, clock, names, certificates and channels; say what to mend.

    Nothing is sent and nothing is changed. The exit code is 2 when something is bad.

    \b
    Examples:
      variorum doctor
      variorum doctor --offline --json
    """
    import asyncio

    from monitor.examination import Finding, examine, report_problems
    from monitor.render.telling import plural

    found: list[Finding] = []
    try:
        settings = asking.settings(check_selectors=True)
    except VariorumError as error:
        found = report_problems(error, str(asking.config_path))
    else:
        said = f"{settings.path}: {plural(len(settings.declarations), 'source')}"
        found.append(Finding("configuration", "good", said))
        found += asyncio.run(examine(settings, offline=offline))
    bad = sum(one.state == "bad" for one in found)
    if as_json:
        findings = [{"what": one.what, "state": one.state, "said": one.said, "mend": one.mend} for one in found]
        say_json({"format": 1, "healthy": not bad, "findings": findings})
    else:
        for one in found:
            write(f"{SIGNS[one.state]}  {one.what}: {one.said}\n")
            if one.mend:
                write(f"      {one.mend}\n")
    return 2 if bad else 0
