"""What the readers' libraries log while they mend a damaged page is not the user's business: whether text came out is."""

from __future__ import annotations


def hush() -> None:
    """Keep pypdf and trafilatura from writing to standard error. Called where pages are about to be read."""
    import logging

    for library in ("pypdf", "trafilatura"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
