"""Regions of a document that a command writes: between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(document: Path, name: str, text: str) -> None:
    """Replace what stands between the markers; ``ValueError`` where the document has none of that name."""
    whole = document.read_text("utf-8")
    region = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not region.search(whole):
        raise ValueError(f"{document}: no <!-- {name}:begin --> … <!-- {name}:end -->")
    document.write_text(region.sub(lambda found: f"{found[1]}\n{text.strip()}\n\n{found[2]}", whole, count=1), "utf-8")
