"""Keeps child processes running: starts them, waits until they are ready, restarts, stops them."""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from urllib.parse import urlsplit

READY_TIMEOUT = 120.0  # seconds
ROUND = 0.1  # seconds between two looks at the children
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds before a child that died starts again
STEADY = 30.0  # seconds of life after which the delay begins anew
PR_SET_PDEATHSIG = 1
PRINTING = threading.Lock()
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded now: a fork may not


class ChildFailed(Exception):
    """A child did not get ready; the message says which and how, in a sentence."""


@dataclass(frozen=True)
class ChildSpec:
    """A process to keep: ready once it has printed a line, or once a URL answers 200."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    ready_line: str = ""
    ready_url: str = ""


class Child:
    """One kept process, through all its lives."""

    def __init__(self, spec: ChildSpec, prefix: str) -> None:
        self.spec = spec
        self.prefix = prefix
        self.is_ready = False
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = self.start_at = 0.0
        self.delay = 0.0

    @property
    def pid(self) -> int | None:
        """The process id, None while it is not running."""
        return self.process.pid if self.process and self.process.poll() is None else None

    def start(self) -> None:
        """Start the process in a session of its own, so that a Ctrl-C reaches the parent alone."""
        self.started_at, self.start_at = time.monotonic(), 0.0
        self.process = subprocess.Popen(  # noqa: S603
            self.spec.argv,
            env={**self.spec.env, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
        threading.Thread(target=self._pass_output, args=[self.process], daemon=True).start()

    def tend(self) -> None:
        """Start the process again when it has died and its delay is over."""
        if self.process is None or self.pid is not None:
            return
        now = time.monotonic()
        if self.start_at == 0.0:
            is_steady = now - self.started_at > STEADY
            self.delay = FIRST_DELAY if is_steady else min(self.delay * 2, LONGEST_DELAY)
            self.delay = max(self.delay, FIRST_DELAY)
            self.start_at = now + self.delay
            say(f"{self.spec.name} {self.ending()}; it starts again in {self.delay:g} s")
        elif now >= self.start_at:
            self.kill()  # what it had started itself may still be there
            self.start()

    def look(self) -> bool:
        """Whether the process has got ready."""
        if not self.is_ready and self.spec.ready_url:
            self.is_ready = answers(self.spec.ready_url)
        return self.is_ready

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode if self.process else 0
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def send(self, number: signal.Signals) -> None:
        """Signal the process, if it still runs."""
        if self.process is not None and self.pid is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the process at once, with everything it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _pass_output(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for raw in iter(lambda: output.readline(65536), b""):
                line = raw.decode(errors="replace").rstrip("\r\n")
                if self.spec.ready_line and line == self.spec.ready_line:
                    self.is_ready = True
                else:
                    say(line, self.prefix)


class Supervisor:
    """Children that live and end together."""

    def __init__(self, specs: Sequence[ChildSpec], grace: float) -> None:
        width = max(len(spec.name) for spec in specs)
        self.children = [Child(spec, f"{spec.name:<{width}} | ") for spec in specs]
        self.grace = grace
        self.signals = 0  # all a handler may safely touch; the loops look at it

    def run(self, when_ready: Callable[[], None], each_round: Callable[[], None]) -> None:
        """Run the children until a signal to stop; each_round is called once all are ready."""
        with self._listening():
            try:
                for child in self.children:
                    child.start()
                if self._wait_until_ready():
                    when_ready()
                while not self.signals:
                    each_round()
                    for child in self.children:
                        child.tend()
                    time.sleep(ROUND)
            finally:
                self._stop()

    def _wait_until_ready(self) -> bool:
        """False when told to stop before."""
        deadline = time.monotonic() + READY_TIMEOUT
        while not self.signals:
            waiting = [child for child in self.children if not child.look()]
            if not waiting:
                return True
            for child in self.children:
                if child.pid is None:
                    raise ChildFailed(f"{child.spec.name} {child.ending()} while it was starting.")
            if time.monotonic() > deadline:
                late = ", ".join(child.spec.name for child in waiting)
                raise ChildFailed(f"Not ready after {READY_TIMEOUT:g} s: {late}.")
            time.sleep(ROUND)
        return False

    def _stop(self) -> None:
        """SIGTERM, then SIGKILL when the grace is over or a second signal comes."""
        asked = self.signals  # read before anything is said: who reads it may press at once
        say("Stopping; Ctrl-C stops at once.")
        deadline = time.monotonic() + self.grace
        for child in self.children:
            child.send(signal.SIGTERM)
        while any(child.pid for child in self.children) and self.signals == asked:
            if time.monotonic() > deadline:
                say(f"Not stopped after {self.grace:g} s, killing.")
                break
            time.sleep(ROUND / 2)
        for child in self.children:
            child.kill()

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1

    @contextmanager
    def _listening(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._count) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def die_with(parent: int) -> Callable[[], None]:
    """What a child does before it starts, so that Linux ends it when its parent is killed."""

    def before_start() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return before_start


def answers(url: str) -> bool:
    """Whether the URL answers 200 now; asked directly, whatever proxy the environment names."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def say(line: str, prefix: str = "") -> None:
    """Print a line at once; a terminal that has gone is no reason to end."""
    with PRINTING, suppress(OSError, ValueError):
        sys.stdout.write(f"{prefix}{line}\n")
        sys.stdout.flush()
