"""Times a pause-and-resume cycle, and the CPU time it costs web, workers and Postgres.

    make up                       # in one terminal
    make bench                    # in another, or: python benchmarks/cycle.py --help

A cycle is what one approval by API costs: a thread is made, a run asks, a second run answers by
interrupt id and ends. It counts only if the question and the answer are the expected ones. CPU
times are read from /proc (Linux), for the processes named in the console's up.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

GRAPH = "human_in_the_loop"
WARM_UP = 10
TICKS = os.sysconf("SC_CLK_TCK")
PARTS = ("web", "workers", "postgres")

Pids = dict[str, list[int]]


@dataclass(frozen=True)
class Measured:
    """What one phase took: seconds a cycle, seconds altogether, CPU seconds by part."""

    name: str
    latencies: list[float]
    elapsed: float
    cpu: dict[str, float]

    def row(self) -> list[str]:
        count = len(self.latencies)
        per_cycle = {part: 1000 * seconds / count for part, seconds in self.cpu.items()}
        return [
            self.name,
            str(count),
            f"{1000 * statistics.median(self.latencies):.0f}",
            f"{1000 * statistics.quantiles(self.latencies, n=20)[-1]:.0f}",
            f"{count / self.elapsed:.1f}",
            *(f"{per_cycle[part]:.1f}" for part in PARTS),
            f"{sum(per_cycle.values()):.1f}",
        ]


async def cycle(client: httpx.AsyncClient, number: int) -> float:
    """One question and its answer; returns the seconds it took."""
    started = time.perf_counter()
    made = await client.post("/threads", json={})
    path = f"/threads/{made.json()['thread_id']}/runs/wait"
    text = f"text {number}"
    asked = await client.post(path, json={"assistant_id": GRAPH, "input": {"some_text": text}})
    (question,) = asked.json()["__interrupt__"]
    assert question["value"] == {"text_to_revise": text}, asked.text
    resume = {question["id"]: f"{text}, revised"}
    ended = await client.post(path, json={"assistant_id": GRAPH, "command": {"resume": resume}})
    assert ended.json() == {"some_text": f"{text}, revised"}, ended.text
    return time.perf_counter() - started


async def phase(url: str, key: str, pids: Pids, *, clients: int, cycles: int) -> Measured:
    """So many cycles, by so many clients at once."""
    limits = httpx.Limits(max_connections=clients)
    headers = {"X-Api-Key": key}
    latencies: list[float] = []
    numbers = iter(range(cycles))

    async def one_client(client: httpx.AsyncClient) -> None:
        for number in numbers:
            latencies.append(await cycle(client, number))

    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=120, trust_env=False
    ) as client:
        before, started = cpu_of(pids), time.perf_counter()
        await asyncio.gather(*(one_client(client) for _ in range(clients)))
        elapsed, after = time.perf_counter() - started, cpu_of(pids)
    cpu = {part: after[part] - before[part] for part in PARTS}
    return Measured("one client" if clients == 1 else f"{clients} clients", latencies, elapsed, cpu)


def cpu_of(pids: Pids) -> dict[str, float]:
    """CPU seconds used so far, by part; a server that is not on this machine counts as none."""
    return {part: sum(cpu_seconds(pid) for pid in pids[part]) for part in PARTS}


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, of its running children, and of those it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = sum(int(ticks) for ticks in fields[11:15]) / TICKS
    return own + sum(cpu_seconds(int(child)) for child in children)


def processes(up: dict[str, object]) -> Pids:
    """The pids in up.json, by part."""
    pids = up["pids"]
    assert isinstance(pids, dict)
    return {
        "web": [pids["web"]],
        "workers": pids["workers"],
        "postgres": [pids["postgres"]] if pids["postgres"] else [],
    }


def print_table(rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]))


async def main() -> None:
    default = Path(os.environ.get("HITL_DATA", "var")) / "up.json"
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--up", type=Path, default=default, help=f"default: {default}")
    parser.add_argument("--cycles", type=int, default=200, help="in each phase (default: 200)")
    parser.add_argument("--clients", type=int, default=32, help="in the second (default: 32)")
    asked = parser.parse_args()
    if not asked.up.exists():
        parser.error(f"{asked.up} is not there: start the console with `make up` first.")
    up = json.loads(asked.up.read_text())
    pids = processes(up)
    where = (up["url"], up["api_key"], pids)
    await phase(*where, clients=1, cycles=WARM_UP)
    measured = [
        await phase(*where, clients=clients, cycles=asked.cycles) for clients in (1, asked.clients)
    ]
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{platform.machine()}, {cores} cores, load {load:.1f}; {len(pids['workers'])} worker(s)")
    head = ["", "cycles", "p50 ms", "p95 ms", "cycles/s"]
    head += [f"{part} CPU ms" for part in PARTS] + ["CPU ms a cycle"]
    print_table([head, *(one.row() for one in measured)])


if __name__ == "__main__":
    asyncio.run(main())
