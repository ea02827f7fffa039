"""pgvector for the embedded PostgreSQL: whoever owns a database may switch it on there.

PostgreSQL wants a superuser for that, and this server lets nobody be one, unless the extension is
marked as trusted. So it is found in a folder of ours first, where its control file says so.
"""

from __future__ import annotations

import shutil
from pathlib import Path

SHIPPED = "$system"


def control_path(home: Path, programs: Path) -> str:
    """Where the server looks for extensions; the folder is made anew, of what it comes with."""
    shipped = programs.parent / "share" / "postgresql" / "extension"
    if not (shipped / "vector.control").is_file() or ":" in str(home):
        return SHIPPED
    share = home / "share"
    shutil.rmtree(share, ignore_errors=True)
    ours = share / "extension"
    ours.mkdir(parents=True)
    for script in shipped.glob("vector--*.sql"):
        (ours / script.name).symlink_to(script)
    control = ours / "vector.control"
    control.write_text((shipped / "vector.control").read_text().rstrip() + "\ntrusted = true\n")
    for path, mode in ((share, 0o755), (ours, 0o755), (control, 0o644)):
        path.chmod(mode)  # the server may run as another account, which only reads
    return f"{share}:{SHIPPED}"
