"""Local files as sources: only below the allowed roots, whatever symbolic links say."""

from __future__ import annotations

import email.utils
import mimetypes
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from monitor.fetch import Fetched, FetchRules
from storage.errors import FetchError, FetchReason
from storage.frozen import dataclass
from storage.records import Snapshot, Validators

if TYPE_CHECKING:
    from datetime import datetime

SETTLED_S: Final = 2.0
"""A file written more recently gets no stamp: it may be written again within the resolution of its time."""
_NO_FILE_HINT: Final = "A page on the web starts with http:// or https://; a file is looked for from the first root."


def is_local(url: str) -> bool:
    """Whether the address is a ``file:`` URL or a plain path."""
    return url[:5].lower() == "file:" or "://" not in url


def fetch_local(url: str, rules: FetchRules, validators: Validators, now: datetime) -> Fetched:
    """The bytes of a local file. Blocking. Raises ``FetchError``.

    A relative path starts at the first of ``rules.file_roots``. The stamp in ``etag`` is made of size and times, weak
    by nature: a file with the same stamp is not read again.
    """
    path = _permitted(_path(url), rules.file_roots)
    try:
        # Not blocking: a named pipe would wait for a writer for ever. No link: the path is resolved already.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = _Stamp.of(os.fstat(descriptor), path, now)
            if found.etag is not None and found.etag == validators.etag:
                return Fetched(None, True, validators, now)
            if found.size_bytes > rules.max_size_bytes:
                raise _too_large(path, rules)
            with open(descriptor, "rb", closefd=False) as file:
                body = file.read(rules.max_size_bytes + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FetchError(f"{_shown(path)}: {_said(error)}", reason=FetchReason.FILE) from None
    if len(body) > rules.max_size_bytes:
        raise _too_large(path, rules)
    snapshot = Snapshot(url, url, None, found.headers, (), now, body)
    return Fetched(snapshot, False, Validators(found.etag, found.last_modified), now)


@dataclass(frozen=True, slots=True)
class _Stamp:
    size_bytes: int
    etag: str | None
    last_modified: str
    content_type: str | None

    @classmethod
    def of(cls, status: os.stat_result, path: Path, now: datetime) -> _Stamp:
        if not stat.S_ISREG(status.st_mode):
            raise FetchError(f"{_shown(path)}: not a regular file", reason=FetchReason.FILE)
        settled = abs(now.timestamp() - status.st_mtime) > SETTLED_S
        return cls(
            status.st_size,
            f'W/"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_size:x}"' if settled else None,
            email.utils.formatdate(status.st_mtime, usegmt=True),
            mimetypes.guess_type(path.name)[0],
        )

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        told = (("content-type", self.content_type), ("last-modified", self.last_modified), ("etag", self.etag))
        return tuple((name, value) for name, value in told if value is not None)


def _path(url: str) -> str:
    if url[:5].lower() != "file:":
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        raise FetchError(
            f"{_shown(url)}: not a valid address", reason=FetchReason.FILE, hint="Write file:///path."
        ) from None
    if parts.netloc not in ("", "localhost"):
        raise FetchError(
            f"{_shown(url)}: a file of another machine cannot be read",
            reason=FetchReason.FILE,
            hint="Write file:///path.",
        )
    return url2pathname(parts.path)


def _permitted(written: str, roots: tuple[str, ...]) -> Path:
    """The real path, below one of the real roots."""
    if not roots:
        raise _outside(written)
    path = Path(roots[0], written)  # an absolute path stays as it is
    try:
        real = path.resolve(strict=True)
        allowed = any(real.is_relative_to(Path(root).resolve()) for root in roots)
    except OSError as error:
        said = _said(error)
    except ValueError:  # a NUL, or half of a surrogate pair
        said = "not a name that a file can have"
    except RuntimeError:  # before Python 3.13
        said = "its links go round in a circle"
    else:
        if not allowed:
            raise _outside(written)
        return real
    raise FetchError(f"{_shown(path)}: {said}", reason=FetchReason.FILE, hint=_NO_FILE_HINT)


def _outside(written: str) -> FetchError:
    return FetchError(
        f"{_shown(written)}: this file is outside the folders that may be read",
        reason=FetchReason.FILE,
        hint="Local files may lie below the folder of config.yaml or an allowed root.",
    )


def _too_large(path: Path, rules: FetchRules) -> FetchError:
    return FetchError(
        f"{_shown(path)}: larger than {rules.max_size_bytes:,} bytes",
        reason=FetchReason.TOO_LARGE,
        hint="Raise max_size on the source if this is meant.",
    )


def _shown(path: str | Path) -> str:
    """The path on one line, whatever characters it holds."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode() for sign in str(path)
    )


def _said(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
