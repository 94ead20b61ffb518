"""The verbs that operate: config, migrate, demo."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.asking import Asking, say_json, write


@click.group("config")
def config_command() -> None:
    """Check config.yaml, print its JSON Schema.

    \b
    Examples:
      variorum config check
      variorum config schema > variorum.schema.json
    """


@config_command.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def check(asking: Asking, as_json: bool) -> None:
    """Say whether the configuration is right, and where it is not.

    \b
    Examples:
      variorum config check
      variorum --config /etc/variorum/config.yaml config check
    """
    from monitor.render.telling import plural

    settings = asking.settings(check_selectors=True)
    count = len(settings.declarations)
    if as_json:
        say_json({"format": 1, "file": str(asking.config_path), "sources": count, "notes": list(settings.notes)})
        return
    write(f"{asking.config_path}: good; {plural(count, 'source')}\n")
    for line in settings.notes:
        asking.note(f"note: {line}")


@config_command.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of config.yaml, for editors.

    \b
    Examples:
      variorum config schema
      variorum config schema > variorum.schema.json
    """
    from monitor.config import schema

    say_json(schema())


@click.command("migrate")
@click.pass_obj
def migrate_command(asking: Asking) -> None:
    """Bring the database to this program's schema. A copy of an SQLite file is made beside it first.

    \b
    Examples:
      variorum migrate
      variorum --database sqlite:///old.db migrate
    """
    from storage.engine import shown
    from storage.migrate import migrate

    url = asking.database or asking.settings().database
    before, after, backup = migrate(url)
    if before == after:
        write(f"{shown(url)}: at schema {after} already\n")
        return
    write(f"{shown(url)}: from schema {before or 'none'} to {after}\n")
    if backup:
        asking.note(f"the database as it was: {backup}")


@click.command("demo")
@click.option("--dir", "folder", default="demo", show_default=True, help="Folder for its configuration and database.")
@click.option("--pace", default=1.0, show_default=True, help="Seconds between the looks.")
@click.pass_obj
def demo_command(asking: Asking, folder: str, pace: float) -> None:
    """Watch a statement being quietly edited: the main job from end to end, offline.

    A server on this machine publishes the seeded readout inside a page with the usual furniture, and edits it between
    the checks. The edits are invented and marked as such.

    \b
    Examples:
      variorum demo
      variorum demo --dir /tmp/variorum-demo --pace 0
    """
    from monitor.demo import run_demo

    run_demo(Path(folder), asking.style(), pace_s=pace, say=write)
