"""Fetching, from an address to the bytes that stood there. Light: rules and result only; the work is in ``client``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor import __version__
from storage.frozen import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from storage.records import Snapshot, Validators

USER_AGENT: Final = f"Variorum/{__version__}"


@dataclass(frozen=True, slots=True)
class FetchRules:
    """How one source is fetched.

    ``timeout_s`` bounds the whole exchange, redirects and body included (waiting for the host's turn is not counted).
    ``max_size_bytes`` bounds the body, on the wire and after decoding. ``headers`` are sent in addition; other than
    ``accept*`` and ``user-agent`` they stay with the first origin. ``allow_private`` names the networks (CIDR) outside
    the public internet that may be connected to, ``file_roots`` the folders below which local files may be read.
    ``proxy`` is the proxy that is asked (none is taken from the environment). With ``browser`` the page is rendered by
    the Chromium at ``browser_path`` (found by itself if None), which waits for the CSS selector ``wait_for``.
    """

    timeout_s: float = 30.0
    max_size_bytes: int = 5_000_000
    user_agent: str = USER_AGENT
    headers: tuple[tuple[str, str], ...] = ()
    robots: bool = True
    allow_private: tuple[str, ...] = ()
    follow_redirects: int = 5
    file_roots: tuple[str, ...] = ()
    proxy: str | None = None
    browser: bool = False
    browser_path: str | None = None
    wait_for: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought.

    ``snapshot`` is None exactly when ``not_modified``. ``validators`` are those for the next request (on 304 the old
    ones, renewed where the server sent new). ``permanent_url`` is the last address when the source was redirected and
    every hop was permanent (301, 308).
    """

    snapshot: Snapshot | None
    not_modified: bool
    validators: Validators
    fetched_at: datetime
    permanent_url: str | None = None
