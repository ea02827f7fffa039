"""Node.js and the npm packages of tests/js, as they are pinned there."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

from tests.conftest import require

FOLDER = Path(__file__).resolve().parent / "js"
LOCK = FOLDER / "package-lock.json"
NPM_CI = ("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--engine-strict")


def installed() -> str:
    """The path of Node, once the packages are there; of several processes one installs them."""
    node, npm = require("Node.js of version 20 or newer", "nodejs", "node"), require("npm", "npm")
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_up_to_date():
            done = subprocess.run(
                [npm, *NPM_CI], cwd=FOLDER, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stderr
    return node


def bundle(node: str, source: str, target: Path) -> None:
    """A page's module and all it imports as one script."""
    esbuild = FOLDER / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ("--bundle", "--jsx=automatic", '--define:process.env.NODE_ENV="production"')
    done = subprocess.run(
        [node, esbuild, source, *options, f"--outfile={target}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def _is_up_to_date() -> bool:
    marker = FOLDER / "node_modules" / ".package-lock.json"
    return marker.exists() and marker.stat().st_mtime >= LOCK.stat().st_mtime
