"""The verbs of the reading room: web, report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from storage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.cli.asking import Asking
    from monitor.config import Settings
    from monitor.config.settings import Web
    from storage.archive import Archive

LISTEN = "127.0.0.1:8466"


@click.command("web")
@click.option("--listen", metavar="HOST:PORT", help=f"Where to listen (else as configured, else {LISTEN}).")
@click.option("--token", envvar="VARIORUM_WEB_TOKEN", help="What readers must know; better as $VARIORUM_WEB_TOKEN.")
@click.option("--trust-header", metavar="NAME", help="A reverse proxy signs its users in with this header.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="NETWORK", help="Where that proxy asks from, if not from this machine."
)
@click.pass_obj
def web_command(
    asking: Asking, listen: str | None, token: str | None, trust_header: str | None, proxies: Sequence[str]
) -> None:
    """Serve the pages of the archive, read-only, until interrupted. `variorum daemon` serves them too (`web:`).

    \b
    Examples:
      variorum web
      variorum web --listen 0.0.0.0:8466 --trust-header X-Forwarded-User --proxy 10.0.0.2
    """
    settings = asking.settings()
    web = _web(settings, listen, token, trust_header, proxies)
    from monitor.web.guard import access_of, require_safe

    access = access_of(web)
    require_safe(web.host, access)
    import asyncio

    from monitor.web.app import application
    from monitor.web.server import Server

    async def serve(archive: Archive) -> None:
        server = Server(application(settings, archive, access), web.host, web.port, signals=True)
        serving = await server.begin()
        asking.note(f"http://{f'[{web.host}]' if ':' in web.host else web.host}:{web.port}/")
        await serving

    with asking.archive() as archive:
        asyncio.run(serve(archive))


def _web(
    settings: Settings, listen: str | None, token: str | None, trust_header: str | None, proxies: Sequence[str]
) -> Web:
    """What the options say, over what is configured. Raises ``UsageError`` for an address or network that is none."""
    from monitor.config.settings import Web

    web = settings.web or Web("127.0.0.1", 8466, settings.public_url)
    if listen is not None:
        host, _, port = listen.rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 65_536):
            raise UsageError(f"{listen}: not HOST:PORT", hint=f"For example {LISTEN}.")
        web = replace(web, host=host.strip("[]"), port=int(port))
    if proxies:
        import ipaddress

        for one in proxies:
            try:
                ipaddress.ip_network(one, strict=False)
            except ValueError:
                raise UsageError(f"--proxy {one}: not a network", hint="For example 10.0.0.0/24.") from None
        web = replace(web, proxies=tuple(proxies))
    return replace(web, token=token or web.token, trust_header=trust_header or web.trust_header)


@click.command("report")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to fill.")
@click.option("--jobs", type=click.IntRange(1), help="Processes that write at once (else one for each core).")
@click.pass_obj
def report_command(asking: Asking, out: Path, jobs: int | None) -> None:
    """Write static pages of everything, with relative links, for any web server or none.

    A page that would be the same is left as it is, so that a copy by time and size stays small.

    \b
    Examples:
      variorum report --out site
      variorum --config desk.yaml report --out /srv/www/variorum
    """
    from monitor.report import write_report

    with asking.archive() as archive:
        written = write_report(asking.settings(), archive, out, jobs=jobs)
    asking.note(f"{written:,} pages in {out}")
