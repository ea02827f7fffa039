"""A thread's history as events of the thread-centric protocol, numbered from its first run on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.db.models import DateTimeField, Q
from django.db.models.functions import Coalesce
from rest_framework.exceptions import ParseError

from runs import events, runtime
from runs.api import streams
from runs.api.following import watch
from runs.models import Interrupt, Run, RunEvent

INTERRUPT = "__interrupt__"
CHANNELS = (
    "values",
    "updates",
    "messages",
    "tools",
    "custom",
    "lifecycle",
    "input",
    "tasks",
    "checkpoints",
)
# What a run says where the protocol started it; messages, tools and more are in the last one.
MODES = ["values", "updates", "custom", "tasks", runtime.PROTOCOL]
NO_CHANNELS = "channels is required and must be a non-empty array"
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a client asked for."""

    channels: frozenset[str]
    namespaces: tuple[list[str], ...] = ()
    depth: int | None = None
    since: int = 0

    def takes(self, event: Event) -> bool:
        """Whether an event is one of them."""
        return (
            event["seq"] > self.since
            and not self.channels.isdisjoint(_channels_of(event))
            and self._has(event["params"]["namespace"])
        )

    def _has(self, namespace: list[str]) -> bool:
        return not self.namespaces or any(
            _is_below(namespace, prefix)
            and (self.depth is None or len(namespace) - len(prefix) <= self.depth)
            for prefix in self.namespaces
        )


def wanted_in(asked: dict[str, Any]) -> Wanted:
    """What a body or a subscription asks for; its mistakes are answered with 400."""
    channels = asked.get("channels")
    if not isinstance(channels, list) or not channels:
        raise ParseError(NO_CHANNELS)
    if unknown := [one for one in channels if not _is_channel(one)]:
        raise ParseError(
            f"channels contains unsupported entries: {', '.join(map(str, unknown))}. "
            f"Allowed: {', '.join(CHANNELS)}, or any `custom:<name>`."
        )
    namespaces = asked.get("namespaces") or []
    if not isinstance(namespaces, list) or not all(map(is_namespace, namespaces)):
        raise ParseError("namespaces must be an array of arrays of strings")
    return Wanted(
        channels=frozenset(channels),
        namespaces=tuple(namespaces),
        depth=_count_in(asked, "depth"),
        since=_count_in(asked, "since") or 0,
    )


def is_namespace(value: object) -> bool:
    """A path of subgraphs; the root's is empty."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


async def followed(thread_id: UUID, wanted: Wanted, among: Q) -> AsyncIterator[Event | None]:
    """What a client asked for of a thread, past and to come; None when it has been quiet.

    Who has read further than there is anything (a run was deleted) is told everything again.
    """
    reader = Reader(thread_id, among)
    await database_sync_to_async(watch)(thread_id)
    async with streams.listening(events.thread_group(thread_id)) as changed:
        while True:
            before, known = reader.mark, len(reader.seen)
            for event in await database_sync_to_async(reader.unread)():
                if wanted.takes(event):
                    yield event
            if len(reader.seen) > known:  # the thread may not have been there before
                await database_sync_to_async(watch)(thread_id)
            if reader.mark != before:
                continue
            if wanted.since > reader.seq:
                reader, wanted = Reader(thread_id, among), replace(wanted, since=0)
            elif not await changed():
                yield None
                await database_sync_to_async(watch)(thread_id)


@dataclass
class Reader:
    """How far a thread's runs have been read, one after the other.

    An event's number is its place in the thread, so that it is the same for every reader, at any
    time: what is read of a run is written only once, and what was pruned is counted.
    """

    thread_id: UUID
    among: Q  # of its runs, those the client may follow
    seq: int = 0
    run: Run | None = None
    after: int = 0  # the last event read of that run
    began: datetime | None = None
    seen: set[UUID] = field(default_factory=set)

    @property
    def mark(self) -> tuple[object, ...]:
        """Another one after each step."""
        return len(self.seen), self.run is None, self.after

    def unread(self) -> list[Event]:
        """The next events, a page of them."""
        if self.run is None:
            return list(self._open_next())
        known = Run.objects.filter(pk=self.run.pk)  # unless it was deleted meanwhile
        status = known.values_list("status", flat=True).first()
        page = list(RunEvent.objects.after(self.run.pk, self.after)[: streams.PAGE])
        found = [event for row in page for event in self._said(row)]
        self.after = page[-1].pk if page else self.after
        if status not in Run.ACTIVE and len(page) < streams.PAGE:
            found += [event for run in known for event in self._closing(run)]
            self.run = None
        return found

    def _open_next(self) -> Iterator[Event]:
        started = Q(started_at__isnull=False) | Q(status=Run.Status.ERROR)  # or refused in its turn
        began = Coalesce("started_at", "updated_at", output_field=DateTimeField())
        runs = (
            Run.objects.on(self.thread_id)
            .filter(self.among, started)
            .alias(began=began)
            .defer("kwargs", "output")
        )
        if self.began is not None:
            runs = runs.filter(began__gte=self.began)
        run = next((one for one in runs.order_by("began", "pk") if one.pk not in self.seen), None)
        if run is None:
            return
        self.run, self.after = run, 0
        self.began = run.started_at or run.updated_at
        self.seen.add(run.pk)
        yield self._lifecycle(run, "running", self.began)
        self.seq += run.forgotten

    def _said(self, row: RunEvent) -> Iterator[Event]:
        name, *namespace = row.event.split("|")
        if name in (events.BEGIN, events.END):
            return
        self.seq += 1  # also for what this protocol does not show: all keep their numbers
        channel = name.removeprefix(f"{runtime.PROTOCOL}/")
        data = row.data if channel != name else _shown(name, row.data)
        if data is not None:
            yield self._event(str(row.pk), channel, namespace, row.created_at, data)

    def _closing(self, run: Run) -> Iterator[Event]:
        asked = list(_asked_in(run))
        for key, value, namespace in asked:
            self.seq += 1
            event_id = f"synth:{run.pk}:input||{key}"
            # The protocol's word is `payload`; the Python SDK reads `value`.
            data = {"interrupt_id": key, "payload": value, "value": value}
            yield self._event(event_id, "input.requested", namespace, run.updated_at, data)
        if run.status in (Run.Status.ERROR, Run.Status.TIMEOUT):
            yield self._lifecycle(run, "failed", run.updated_at, error=_error_of(run))
        elif asked or run.status == Run.Status.INTERRUPTED or _is_at_breakpoint(run):
            yield self._lifecycle(run, "interrupted", run.updated_at)
        else:
            yield self._lifecycle(run, "completed", run.updated_at)

    def _lifecycle(self, run: Run, phase: str, moment: datetime, **more: str) -> Event:
        data = {"event": phase, "graph_name": run.graph_id, **more}
        self.seq += 1
        return self._event(f"synth:{run.pk}:lc||{phase}", "lifecycle", [], moment, data)

    def _event(
        self, event_id: str, method: str, namespace: list[str], moment: datetime, data: Any
    ) -> Event:
        params = {
            "namespace": namespace,
            "timestamp": int(moment.timestamp() * 1000),
            "data": data,
        }
        return {
            "type": "event",
            "event_id": event_id,
            "seq": self.seq,
            "method": method,
            "params": params,
        }


def _shown(mode: str, data: Any) -> Any:
    """A chunk in the protocol's words; None for what it leaves out, or says in its own way."""
    is_object = isinstance(data, dict)
    if mode == "values":
        return {k: v for k, v in data.items() if k != INTERRUPT} if is_object else data
    if mode == "updates" and is_object and INTERRUPT not in data:
        return _update(data)
    if mode == "custom":
        is_named = is_object and isinstance(data.get("name"), str) and "payload" in data
        return data if is_named else {"payload": data}
    return data if mode == "tasks" else None


def _update(data: dict[str, Any]) -> dict[str, Any]:
    if len(data) != 1:
        return {"values": data}
    node, values = next(iter(data.items()))
    return {"node": node, "values": {} if values is None else values}


def _asked_in(run: Run) -> Iterator[tuple[str, Any, list[str]]]:
    """The questions a run ended with: their ids, what they ask, and the subgraphs they are in."""
    output = run.output if run.status == Run.Status.SUCCESS else None
    asked = output.get(INTERRUPT) if isinstance(output, dict) else None
    if not asked:
        return
    known = Interrupt.objects.on(run.thread_id).filter(kind=Interrupt.Kind.DYNAMIC)
    places = dict(known.values_list("key", "namespace"))
    for one in asked:
        if one["id"] in places:
            place = places[one["id"]]
            yield one["id"], one["value"], place.split("|") if place else []


def _is_at_breakpoint(run: Run) -> bool:
    return run.asked.filter(kind=Interrupt.Kind.BREAKPOINT).exists()


def _error_of(run: Run) -> str:
    error = run.error or {}
    return f"{error.get('error', 'Error')}: {error.get('message', '')}"


def _channels_of(event: Event) -> set[str]:
    method = event["method"]
    if method == "custom" and (name := event["params"]["data"].get("name")):
        return {method, f"custom:{name}"}
    return {"input" if method == "input.requested" else method}


def _is_below(namespace: list[str], prefix: list[str]) -> bool:
    """Whether a path starts with another, which may name nodes without their tasks."""
    return len(namespace) >= len(prefix) and all(
        found in (asked, f"{asked}:{found.partition(':')[2]}")
        for found, asked in zip(namespace, prefix, strict=False)
    )


def _is_channel(value: object) -> bool:
    return isinstance(value, str) and (
        value in CHANNELS or (value.startswith("custom:") and value != "custom:")
    )


def _count_in(asked: dict[str, Any], name: str) -> int | None:
    value = asked.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise ParseError(f"{name} must be a whole number of at least 0")
    return value
