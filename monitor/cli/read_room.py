"""The verbs of the reading room: web, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.errors import UsageError

if TYPE_CHECKING:
    from monitor.cli.asking import Asking


@click.command("web")
@click.option("--listen", default="127.0.0.1:8466", metavar="HOST:PORT", help="Where to listen.")
@click.option("--token", envvar="VARIORUM_WEB_TOKEN", help="What readers must know; better as $VARIORUM_WEB_TOKEN.")
@click.option("--trust-header", metavar="NAME", help="A reverse proxy signs its users in with this header.")
@click.pass_obj
def web_command(asking: Asking, listen: str, token: str | None, trust_header: str | None) -> None:
    """Serve the pages of the archive, read-only, until interrupted.

    \b
    Examples:
      variorum web
      variorum web --listen 0.0.0.0:8466 --trust-header X-Forwarded-User
    """
    from monitor.web.app import application, require_safe

    host, _, port = listen.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65_536):
        raise UsageError(f"{listen}: not HOST:PORT", hint="For example 127.0.0.1:8466.")
    require_safe(host, token, trust_header)
    import uvicorn

    with asking.archive() as archive:
        asking.note(f"http://{listen}/")
        app = application(asking.settings(), archive, token=token, trust_header=trust_header)
        uvicorn.run(app, host=host.strip("[]"), port=int(port), log_level="warning", server_header=False)


@click.command("report")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to fill.")
@click.pass_obj
def report_command(asking: Asking, out: Path) -> None:
    """Write static pages of everything, with relative links, for any web server.

    \b
    Examples:
      variorum report --out site
      variorum --config desk.yaml report --out /srv/www/variorum
    """
    from monitor.report import write_report

    with asking.archive() as archive:
        asking.note(f"{write_report(asking.settings(), archive, out)} pages in {out}")
