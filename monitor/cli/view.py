"""The verb of the viewer: view."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from storage.errors import UsageError

if TYPE_CHECKING:
    from monitor.cli.asking import Asking


@click.command("view")
@click.argument("source", required=False)
@click.pass_obj
def view_command(asking: Asking, source: str | None) -> None:
    """Sources, versions and the diff on one screen, with keys and mouse. `?` shows the keys.

    It needs Textual: pip install 'variorum[tui]'.

    \b
    Examples:
      variorum view
      variorum view fomc
    """
    from importlib.util import find_spec

    if find_spec("textual") is None:
        raise UsageError("the viewer needs Textual", hint="pip install 'variorum[tui]'")
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise UsageError("the viewer needs a terminal", hint="`variorum log` and `variorum diff` write to pipes.")
    with asking.archive() as archive:
        start = None
        if source is not None:
            from monitor.histories import history_of

            start = history_of(archive, source)
        from monitor.tui.app import Viewer

        Viewer(asking.watched(), archive, start).run()
