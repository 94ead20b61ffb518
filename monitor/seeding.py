"""Where the shipped seeds are: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path


def seed_bytes(name: str) -> bytes:
    """The bytes of the shipped seed of that name. ``FileNotFoundError`` when there is none."""
    here = Path(__file__).resolve().parent
    for folder in (here / "seeds", here.parent / "seeds"):
        if (folder / name).is_file():
            return (folder / name).read_bytes()
    raise FileNotFoundError(name)
