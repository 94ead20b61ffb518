#!/usr/bin/env python3
"""Checks this folder: the sums of its files, the facts in chain.json, and the seals over them. Python 3.8 or newer alone.

Says what it found, one line for each fault. Exit code 0: everything holds; 1: something does not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

LEAF, NODE = b"\x00", b"\x01"


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def decimal(number: int | None) -> bytes:
    """A number as it is sealed."""
    return b"" if number is None else str(number).encode()


def seal(previous: bytes, source: str, row: dict) -> str:  # type: ignore[type-arg]
    """The seal of one version after the seal before it."""
    headers = "\n".join("{}: {}".format(*pair) for pair in row["headers"])
    fields = [
        b"variorum/chain/1",
        previous,
        source.encode(),
        decimal(row["number"]),
        bytes.fromhex(row["body_sha256"]),
        bytes.fromhex(row["text_sha256"]),
        decimal(row["captured_us"]),
        decimal(row["imported_us"]),
        decimal(row["after_us"]),
        decimal(row["before_us"]),
        row["url"].encode(),
        row["final_url"].encode(),
        decimal(row["status"]),
        headers.encode("utf-8", "surrogateescape"),
        row["reader"].encode(),
        b"reread" if row["reread"] else b"",
    ]
    hashed = hashlib.sha256()
    for field in fields:
        hashed.update(len(field).to_bytes(8, "big") + field)
    return hashed.hexdigest()


def root_of(leaf: bytes, path: list) -> bytes:  # type: ignore[type-arg]
    """The root of a Merkle tree (RFC 6962) from one leaf and the hashes beside its way up."""
    at = hashlib.sha256(LEAF + leaf).digest()
    for side, beside in path:
        other = bytes.fromhex(beside)
        at = hashlib.sha256(NODE + (other + at if side == "left" else at + other)).digest()
    return at


def faults_of_files(folder: Path) -> list[str]:
    """What is wrong with the files by SHA256SUMS: altered, missing, not named in it."""
    faults, named = [], {"SHA256SUMS"}
    for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        named.add(name)
        file = folder / name
        if not file.is_file():
            faults.append(f"{name}: missing")
        elif sha256(file.read_bytes()) != digest:
            faults.append(f"{name}: altered")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return faults + [f"{name}: not in SHA256SUMS" for name in sorted(there - named)]


def faults_of_chain(folder: Path, chain: dict) -> list[str]:  # type: ignore[type-arg]
    """What is wrong with the versions: a text or raw bytes that are not those sealed, a seal that does not follow."""
    faults = []
    previous = chain["before"]
    expected = chain["versions"][0]["number"] if chain["versions"] else 1
    for row in chain["versions"]:
        at = f"version {row['number']}"
        if row["number"] != expected:
            faults.append(f"{at}: out of order")
        # A text on several pages has a sum for each of them, one after the other. Of what was pruned there is no file.
        for names, digest in (([row["text_file"]], row["text_sha256"]), (row["raw_files"], row["body_sha256"])):
            there = [name for name in names if name is not None]
            if there and "".join(sha256((folder / name).read_bytes()) for name in there) != digest:
                faults.append(f"{at}: {', '.join(there)} is not what was sealed")
        if seal(bytes.fromhex(previous), chain["source"], row) != row["seal"]:
            faults.append(f"{at}: the seal does not hold")
        previous, expected = row["seal"], row["number"] + 1
    return faults


def faults_of_stamps(folder: Path, chain: dict) -> list[str]:  # type: ignore[type-arg]
    """What is wrong with the proofs of time: a seal that is none of this chain, a root that it does not lead to.

    That the token is the authority's is for `openssl ts -verify` to say; README.txt has the command.
    """
    faults = []
    seals = {row["number"]: row["seal"] for row in chain["versions"]}
    for stamp in chain.get("timestamps", []):
        leaf = f"{chain['source']}\t{stamp['version']}\t{stamp['seal']}".encode()
        if seals.get(stamp["version"]) != stamp["seal"]:
            faults.append(f"{stamp['token_file']}: is over another seal than that of version {stamp['version']}")
        root = (folder / stamp["root_file"]).read_bytes()
        if root_of(leaf, stamp["path"]) != root:
            faults.append(f"{stamp['root_file']}: the seal of version {stamp['version']} does not lead to it")
        if hashlib.sha256(root).digest() not in (folder / stamp["token_file"]).read_bytes():
            faults.append(f"{stamp['token_file']}: is not a time-stamp of {stamp['root_file']}")
    return faults


def main() -> int:
    """Check the folder this file is in, or the one that is named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    try:
        chain = json.loads((folder / "chain.json").read_text("utf-8"))
        faults = faults_of_files(folder) + faults_of_chain(folder, chain) + faults_of_stamps(folder, chain)
    except (OSError, ValueError, KeyError, TypeError) as error:
        faults = [f"this folder cannot be read as an exhibit: {type(error).__name__}: {error}"]
        chain = {}
    for fault in faults:
        sys.stdout.write(f"FAULT {fault}\n")
    if not faults:
        numbers = [row["number"] for row in chain["versions"]]
        sys.stdout.write(f"OK {chain['source']}: versions {numbers[0]} to {numbers[-1]}, every file and seal holds\n")
        gone = [row["number"] for row in chain["versions"] if row["text_file"] is None]
        if gone:
            sys.stdout.write(f"pruned, so that there is a digest and no text: {', '.join(map(str, gone))}\n")
        sys.stdout.write(f"seal of version {numbers[-1]}: {chain['versions'][-1]['seal']}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
