"""The verb that has somebody else vouch for the time: timestamp."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.asking import Asking, say_json, write
from storage.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.stamps import Timestamp


@click.command("timestamp")
@click.argument("names", nargs=-1, metavar="[SOURCE|SERIES]…")
@click.option("--url", help="Address of the authority (else `timestamps: url:` of the configuration).")
@click.option(
    "--certificates", type=click.Path(path_type=Path), help="Root certificates (PEM) to check answers against."
)
@click.option("--allow-private", multiple=True, metavar="CIDR", help="Allow addresses in this network (repeatable).")
@click.option("--list", "listing", is_flag=True, help="List the time-stamps that are kept; ask nobody.")
@click.option("--verify", is_flag=True, help="Check the time-stamps that are kept; ask nobody.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def timestamp_command(
    asking: Asking,
    names: Sequence[str],
    url: str | None,
    certificates: Path | None,
    allow_private: Sequence[str],
    listing: bool,
    verify: bool,
    as_json: bool,
) -> None:
    """Have the chain heads stamped by a time-stamping authority (RFC 3161), and keep its proof.

    One stamp covers every source; exhibits carry those of their source. With `timestamps: every:` the daemon does it.

    \b
    Examples:
      variorum timestamp --url https://freetsa.org/tsr --certificates freetsa.pem
      variorum timestamp --verify --certificates freetsa.pem
    """
    from monitor.transfer.stamping import require_extra

    require_extra()
    configured = asking.settings().timestamps if asking.config_path.exists() else None
    certificates = certificates or (configured.certificates if configured else None)
    if listing or verify:
        _show(asking, certificates, verify=verify, as_json=as_json)
        return
    url = url or (configured.url if configured else None)
    if url is None:
        raise UsageError("no authority is named", hint="--url, or `timestamps: {url: …}` in config.yaml.")
    from dataclasses import replace

    from monitor.transfer.chosen import choose
    from monitor.transfer.stamping import obtain
    from monitor.transfer.texts import time_of
    from storage.archive import Archive

    rules = asking.fetch_rules(allow_private=(*allow_private, *(configured.allow_private if configured else ())))
    with Archive.open(asking.database or asking.settings().database, create=False) as archive:
        only = {one.source.id for one in choose(archive, names)} if names else None
        made = obtain(archive, url, replace(rules, robots=False), certificates=certificates, only=only)
    if as_json:
        say_json({"format": 1, "timestamp": made.number, "at": time_of(made.at), "heads": made.heads, "authority": url})
        return
    write(f"timestamp {made.number}: {made.heads} chain heads at {time_of(made.at)}\n")
    if certificates is None:
        asking.note("hint: --certificates FILE.pem would check the authority's signature as well")


def _show(asking: Asking, certificates: Path | None, *, verify: bool, as_json: bool) -> None:
    from monitor.transfer.stamping import faults

    with asking.archive() as archive:
        stamps = archive.timestamps()
        found = faults(archive, certificates) if verify else []
    if as_json:
        listed = [_document(stamp) for stamp in stamps]
        say_json({"format": 1, "timestamps": listed} | ({"faults": found} if verify else {}))
    else:
        for stamp in stamps:
            write(f"{stamp.number}  {stamp.at:%Y-%m-%d %H:%M:%S} UTC  {len(stamp.heads)} heads  {stamp.authority}\n")
        for fault in found:
            asking.note(fault)
    if found:
        raise IntegrityError(f"{len(found)} faults in the time-stamps", hint="The archive was altered, or the proofs.")
    if verify and not as_json:
        signed = "signed under the given certificates" if certificates else "their signatures were not checked"
        write(f"{len(stamps)} time-stamps hold; {signed}\n")


def _document(stamp: Timestamp) -> dict[str, object]:
    from monitor.transfer.texts import time_of

    return {
        "number": stamp.number,
        "at": time_of(stamp.at),
        "authority": stamp.authority,
        "root": stamp.root.hex(),
        "heads": [{"source": head.source, "version": head.version, "chain": head.seal} for head in stamp.heads],
    }
