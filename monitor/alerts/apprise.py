"""Everything else that Apprise knows: chats, phones, push services. Needs the extra ``apprise``.

Apprise opens its own connections: neither the address guard nor the transport of this program stands between it and
the network, and what a service does with a text is its own affair. Addresses come from the configuration alone, never
from a page; what goes out is the short form, as plain text, with calls to people defused.
"""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from monitor.alerts.telling import short
from storage.errors import ConfigError, DeliveryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.alerts import Letter

TIMEOUT_S: Final = 45.0


def require_extra() -> None:
    """Raise ``ConfigError``, which says how to get it, where the library is missing. Loads nothing."""
    from importlib.util import find_spec

    if find_spec("apprise") is None:
        raise ConfigError("Apprise is not installed", hint="pip install 'variorum[apprise]'")


class AppriseChannel:
    """Sends the short form to each of some Apprise addresses, one letter at a time, in a thread of its own.

    An address that hangs holds up this channel only, no longer than Apprise's own time limits.
    """

    def __init__(self, name: str, urls: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> None:
        """``urls`` are secrets: errors count them and never show them. Raises ``ConfigError`` without the extra."""
        require_extra()
        self._name = name
        self._urls = tuple(urls)
        self._timeout_s = timeout_s
        self._thread: ThreadPoolExecutor | None = None
        self._working: asyncio.Future[Any] | None = None
        self._turn = asyncio.Lock()

    async def send(self, letter: Letter) -> None:
        """Send it to the addresses that ``letter.only`` names, or to all. ``DeliveryError`` when one failed."""
        title, body = short(letter)
        named = {_name_of(place, url): url for place, url in enumerate(self._urls, 1)}
        left = [name for name in named if not letter.only or _told_apart(name) in map(_told_apart, letter.only)]
        failed: list[str] = []
        served = False
        late = ""
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                if self._working is not None and not self._working.done():
                    raise DeliveryError(f"{self._name}: Apprise is still busy with an earlier letter")
                while left:
                    late = left[0]
                    loop = asyncio.get_running_loop()
                    self._working = loop.run_in_executor(self._pool(), _notify, named[late], title, body)
                    # A thread cannot be stopped: what runs late counts as unknown, and is sent again.
                    if await asyncio.shield(self._working):
                        served = True
                    else:
                        failed.append(late)
                    left.pop(0)
        except TimeoutError:
            failed += left
            said = f"took longer than {self._timeout_s:g} s with {late}" if late else "is busy"
        else:
            said = f"could not send to {', '.join(failed)}"
        if failed:
            raise DeliveryError(
                f"{self._name}: Apprise {said}, of {len(self._urls)}",
                refused=tuple((name, "not sent") for name in failed) if served or letter.only else (),
                hint="`apprise -vv -b test 'ADDRESS'` says why.",
            )

    async def aclose(self) -> None:
        """Let the thread go; what it is sending ends by itself."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _pool(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"apprise-{self._name}")
        return self._thread


def _name_of(place: int, url: str) -> str:
    """What an address is called: its place, and a mark to know it by when places change. It is a secret itself."""
    return f"address {place} ({hashlib.sha256(url.encode()).hexdigest()[:8]})"


def _told_apart(name: str) -> str:
    return name.rpartition("(")[2]


def _notify(url: str, title: str, body: str) -> bool:
    """Blocking. Whether the service took it; an address that Apprise does not understand was not served."""
    import logging

    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses, which are secrets
    asset = apprise.AppriseAsset(async_mode=False, plugin_paths=[], storage_mode=apprise.PersistentStoreMode.MEMORY)
    sender = apprise.Apprise(asset=asset)
    if not sender.add(url):
        return False
    return bool(sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, interpret_escapes=False))
