#!/usr/bin/env python3
"""The third-party files of the pages, pinned: which npm package each comes from, and its hash.

python static/vendor/vendor.py check    offline: the committed files are the ones in the lock
python static/vendor/vendor.py sync     fetch again; every package and file must match the lock
python static/vendor/vendor.py update   fetch what vendor.toml names, write the files and the lock

`check` needs Python only; the other two ask npm for the packages, so its registry settings apply.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SPEC, LOCK = HERE / "vendor.toml", HERE / "vendor.lock.json"
FOLDERS = (HERE, ROOT / "tests" / "vendor")
OURS = {Path(__file__).resolve(), SPEC, LOCK}
SYMBOL = (
    '<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
    ' stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">{body}</symbol>'
)

Lock = dict[str, dict[str, dict[str, Any]]]


def digest(data: bytes, algorithm: str) -> str:
    """A subresource integrity string."""
    return f"{algorithm}-" + base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def fetch(key: str) -> tuple[str, dict[str, bytes]]:
    """A package's integrity and its files by path; npm has compared it with the registry's word."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", folder, key],
            check=True,
            capture_output=True,
        )
        blob = next(Path(folder).glob("*.tgz")).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(blob), mode="r:gz") as tar:
        files = {
            member.name.split("/", 1)[1]: body.read()
            for member in tar
            if (body := tar.extractfile(member)) is not None
        }
    return digest(blob, "sha512"), files


def sprite(names: list[str], files: dict[str, bytes]) -> bytes:
    """One SVG file with a symbol for each named icon."""
    symbols = []
    for name in names:
        drawing = re.search(r"<svg[^>]*>(.*)</svg>", files[f"icons/{name}.svg"].decode(), re.S)
        if drawing is None:
            sys.exit(f"{name}: not an icon")
        symbols.append(SYMBOL.format(name=name, body=" ".join(drawing[1].split())))
    body = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'.encode()


def build() -> Lock:
    """Write every file that vendor.toml names and describe what was written."""
    lock: Lock = {"packages": {}, "files": {}}
    for package in tomllib.loads(SPEC.read_text())["package"]:
        key = f"{package['name']}@{package['version']}"
        integrity, files = fetch(key)
        lock["packages"][key] = {"integrity": integrity, "license": package["license"]}
        wanted = {dest: files[source] for source, dest in package["files"].items()}
        if "sprite" in package:
            wanted[package["sprite"]["to"]] = sprite(package["sprite"]["icons"], files)
        for dest, data in wanted.items():
            path = ROOT / dest
            if not any(folder in path.resolve().parents for folder in FOLDERS):
                sys.exit(f"{dest}: outside the vendor folders")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            lock["files"][dest] = {
                "from": key,
                "integrity": digest(data, "sha384"),
                "bytes": len(data),
                "gzip": len(gzip.compress(data, 9, mtime=0)),
            }
    return lock


def faults(lock: Lock) -> list[str]:
    """What differs between the lock and the folders, in words."""
    found = []
    for dest, entry in lock["files"].items():
        path = ROOT / dest
        if not path.exists():
            found.append(f"missing: {dest}")
        elif digest(path.read_bytes(), "sha384") != entry["integrity"]:
            found.append(f"changed: {dest}")
    present = {path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()}
    known = {ROOT / dest for dest in lock["files"]} | OURS
    strays = {path for path in present - known if "__pycache__" not in path.parts}
    return found + [f"not in the lock: {path.relative_to(ROOT)}" for path in sorted(strays)]


def main(mode: str) -> None:
    """Run one of the three commands; exits with words when something differs."""
    if mode not in ("check", "sync", "update"):
        sys.exit(__doc__)
    if mode == "update":
        LOCK.write_text(json.dumps(build(), indent=1, sort_keys=True) + "\n")
    lock: Lock = json.loads(LOCK.read_text())
    if mode == "sync" and build() != lock:
        sys.exit("the packages are not the ones in vendor.lock.json")
    if found := faults(lock):
        sys.exit("\n".join(found))
    print(f"{len(lock['files'])} files match vendor.lock.json")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "check")
