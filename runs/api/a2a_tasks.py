"""Tasks of A2A: a run and all that went on from it, through every question a person was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from django.db.models.fields.json import KeyTextTransform

from runs.api.a2a_words import Words
from runs.models import Interrupt, InterruptQuerySet, Run, RunQuerySet, Thread

SPEAKERS = {"human": "user", "ai": "agent"}
RESPONSE = {"name": "Response", "description": "What the agent has to say"}
QUESTION = {"name": "Interrupt", "description": "Agent requires input to continue"}
AT_BREAKPOINT = "The agent waits at a breakpoint: a person has to let it go on."


@dataclass
class Task:
    """One task as it is now: the context is a thread, and the first run names the task."""

    first: Run
    runs: list[Run] = field(init=False)
    is_current: bool = field(init=False)  # nothing new was begun on the thread since

    def __post_init__(self) -> None:
        thread_id = self.first.thread_id
        following = _begun_on(thread_id).filter(pk__gt=self.first.pk).order_by("pk").first()
        later = Run.objects.on(thread_id).filter(pk__gt=self.first.pk).order_by("pk")
        self.runs = [self.first, *(later.filter(pk__lt=following.pk) if following else later)]
        self.is_current = following is None

    @property
    def id(self) -> str:
        """Its id on the wire."""
        return f"{self.first.thread_id}:{self.first.pk}"

    @property
    def last(self) -> Run:
        """The run that says how it stands."""
        return self.runs[-1]

    @cached_property
    def pending(self) -> list[Interrupt]:
        """What it waits for."""
        return list(self._asked.pending().order_by("pk"))

    @property
    def questions(self) -> list[Interrupt]:
        """The questions an answer could mean: those that are open, or else the last there was."""
        dynamic = self._asked.filter(kind=Interrupt.Kind.DYNAMIC)
        return list(dynamic.pending().order_by("pk")) or list(dynamic.order_by("-pk")[:1])

    @cached_property
    def state(self) -> str:
        """Its state, in the words of 0.3."""
        if self.last.is_active:
            return "submitted" if self.last.status == Run.Status.PENDING else "working"
        if self.pending:
            return "input-required"
        if self.last.status == Run.Status.INTERRUPTED or self._is_left_behind:
            return "canceled"
        return "completed" if self.last.status == Run.Status.SUCCESS else "failed"

    @cached_property
    def values(self) -> dict[str, Any]:
        """What the graph holds, as far as the task has come."""
        thread = Thread.objects.get(pk=self.first.thread_id)
        found = thread.values if self.is_current else self.last.output
        return found if isinstance(found, dict) else {}

    @property
    def _asked(self) -> InterruptQuerySet:
        return Interrupt.objects.filter(run__in=self.runs)

    @property
    def _is_left_behind(self) -> bool:
        """Whether it asked something that nobody can answer any more."""
        gone = self._asked.filter(run=self.last, status=Interrupt.Status.CLOSED)
        return gone.filter(answered_by=None).exists()


def task_waiting_on(thread_id: UUID) -> Task | None:
    """The task a thread waits with for a person."""
    asked = Interrupt.objects.on(thread_id).pending().select_related("run").first()
    if asked is None:
        return None
    begun = _begun_on(thread_id).filter(pk__lte=asked.run_id).order_by("-pk").first()
    return Task(begun or asked.run)


def task_body(task: Task, words: Words, length: int | None = None) -> dict[str, Any]:
    """A task, with the last messages of its context, or all of them."""
    body = {
        "id": task.id,
        "contextId": str(task.first.thread_id),
        "history": _history(task, words, length),
        "status": status_body(task, words),
    }
    artifacts = artifact_bodies(task, words)
    return body | ({"artifacts": artifacts} if artifacts else {})


def status_body(task: Task, words: Words) -> dict[str, Any]:
    """How a task stands, and in words why, where that is not plain."""
    state = task.state
    moment = task.last.updated_at.isoformat()
    body: dict[str, Any] = {"state": words.state(state), "timestamp": moment}
    why = ""
    if state == "failed":
        error = task.last.error or {}
        why = f"{error.get('error')}: {error.get('message')}"
    elif state == "input-required" and all(one.is_breakpoint for one in task.pending):
        why = AT_BREAKPOINT
    if why:
        name = str(uuid5(task.last.pk, state))
        body["message"] = _message(task, words, "agent", name, [words.text(why)])
    return body


def artifact_bodies(task: Task, words: Words) -> list[dict[str, Any]]:
    """What a task has come to: its questions, or its result."""
    if (state := task.state) == "input-required":
        asked = [one for one in task.pending if not one.is_breakpoint]
        return [_artifact(task, one.key, QUESTION, words.data(_question(one))) for one in asked]
    if state != "completed":
        return []
    values = task.values
    said = [text for who, _, text in _spoken(values.get("messages")) if who == "agent" and text]
    part = words.text(said[-1]) if said else words.data(values)
    return [_artifact(task, "response", RESPONSE, part)]


def _artifact(task: Task, key: str, titles: dict[str, str], part: dict[str, Any]) -> dict[str, Any]:
    return {"artifactId": str(uuid5(task.last.pk, key)), **titles, "parts": [part]}


def _question(asked: Interrupt) -> dict[str, Any]:
    body = {"id": asked.key, "value": asked.value}
    if asked.response_schema is not None:
        body["response_schema"] = asked.response_schema
    return body


def _history(task: Task, words: Words, length: int | None) -> list[dict[str, Any]]:
    """What was said in the context, with what a run that is not over was sent."""
    said = _spoken(task.values.get("messages"))
    known = {key for _, key, _ in said}
    given = task.last.kwargs["input"] if task.last.is_active else None
    if isinstance(given, dict):
        said += [one for one in _spoken(given.get("messages")) if one[1] not in known]
    bodies = [
        _message(task, words, who, key, [words.text(text)]) for who, key, text in said if text
    ]
    return bodies if length is None else bodies[len(bodies) - min(length, len(bodies)) :]


def _message(
    task: Task, words: Words, who: str, key: str, parts: list[dict[str, Any]]
) -> dict[str, Any]:
    ids = {"messageId": key, "taskId": task.id, "contextId": str(task.first.thread_id)}
    return words.bare("message", {"role": words.role(who), "parts": parts} | ids)


def _spoken(messages: Any) -> list[tuple[str, str, str]]:
    """Who said what under which id, of LangChain's messages; tools do not speak."""
    found = []
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            who = SPEAKERS.get(str(message.get("type", "human")))
            if who is not None:
                found.append((who, str(message.get("id")), _text_of(message.get("content"))))
    return found


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = [one.get("text") if isinstance(one, dict) else one for one in blocks]
    return "".join(text for text in texts if isinstance(text, str))


def _begun_on(thread_id: UUID) -> RunQuerySet:
    """The runs that brought something new to a thread; the others only went on."""
    runs = Run.objects.on(thread_id).alias(given=KeyTextTransform("input", "kwargs"))
    return runs.filter(given__isnull=False)
