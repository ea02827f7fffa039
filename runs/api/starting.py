"""From a request body to a run: what is wrong with it is said here, the rest is the service's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from rest_framework.request import Request

from runs import runtime, services
from runs.api import serializers
from runs.api.assistants import find_assistant
from runs.api.auth import may, require
from runs.api.endpoint import Endpoint, id_of
from runs.api.permits import asks_handlers, caller_of, permitted
from runs.api.threads import checkpoint_in, require_resume
from runs.exceptions import InvalidInput, NotFound
from runs.models import Assistant, Run, Scope, Thread

# What a run is asked to do, as far as auth handlers are shown it.
CARRIED = ("input", "command", "config", "context", "stream_mode", "webhook")


class RunStarter(Endpoint):
    """Endpoints that start a run; `modes` are what it streams where the client does not say."""

    def start(self, thread_id: str, modes: list[str]) -> Run:
        """A run on a thread; without modes nothing is kept to be read."""
        at = id_of("thread", thread_id)
        return self.start_on(at, self.body(serializers.ThreadRunSerializer), modes)

    def start_on(self, at: UUID, asked: dict[str, Any], modes: list[str]) -> Run:
        """The same, for what was asked in some other way than by a body."""
        assistant = assistant_in(self.request, asked)
        refuse_foreign_answers(self.request, at, asked)
        among = permitted_run(self.request, at, assistant, asked)
        if asked["if_not_exists"] == "reject":
            return self._create(Thread(pk=at), assistant, asked, modes, among)
        made: dict[str, Any] = {"thread_id": at, "metadata": asked.get("metadata") or {}}
        if asks_handlers(self.request) and not Thread.objects.filter(pk=at).exists():
            permitted(self.request, "threads", "create", {"if_exists": "do_nothing"}, made)
        with transaction.atomic():
            thread = services.create_thread(do_nothing=True, **made)
            return self._create(thread, assistant, asked, modes, among)

    def start_stateless(self, modes: list[str]) -> Run:
        """A run on a thread of its own, which goes with it unless the client keeps it."""
        return self.start_alone(self.body(serializers.StatelessRunSerializer), modes)

    def start_batch(self, modes: list[str]) -> list[Run]:
        """Several such runs, all or none."""
        bodies = self.bodies(serializers.StatelessRunSerializer)
        assistants = [self._assistant_for(asked) for asked in bodies]
        with transaction.atomic():
            return [
                self._start_alone(assistant, asked, modes)
                for assistant, asked in zip(assistants, bodies, strict=True)
            ]

    def start_alone(self, asked: dict[str, Any], modes: list[str]) -> Run:
        """The same, for what was asked in some other way than by a body."""
        return self._start_alone(self._assistant_for(asked), asked, modes)

    def _assistant_for(self, asked: dict[str, Any]) -> Assistant:
        """The assistant of a run without a thread, once the run is permitted."""
        assistant = assistant_in(self.request, asked)
        permitted_run(self.request, None, assistant, asked)
        return assistant

    def _start_alone(self, assistant: Assistant, asked: dict[str, Any], modes: list[str]) -> Run:
        asked["temporary"] = asked["on_completion"] == "delete"
        # The rules that let the run be asked for have to find its thread again.
        metadata = asked.get("metadata") if asks_handlers(self.request) else None
        with transaction.atomic():
            thread = services.create_thread(is_temporary=asked["temporary"], metadata=metadata)
            return self._create(thread, assistant, asked, modes)

    def _create(
        self,
        thread: Thread,
        assistant: Assistant,
        asked: dict[str, Any],
        modes: list[str],
        among: Q = services.EVERY,
    ) -> Run:
        refuse_unknown_nodes(assistant.graph_id, asked)
        if webhook := asked.get("webhook"):
            services.check_url(webhook)
        asked["stream_mode"] = modes and (asked.get("stream_mode") or modes)
        if asked.get("checkpoint_during") is False:
            asked.setdefault("durability", "exit")
        asked["checkpoint_id"] = checkpoint_in(asked)
        asked["caller"] = caller_of(self.request)
        try:
            return services.create_run(
                thread=thread,
                assistant=assistant,
                request=asked,
                actor=self.request.user,  # type: ignore[arg-type]  # a key has a user
                may_decide=may(self.request, Scope.TASKS_DECIDE),
                among=among,
            )
        except Thread.DoesNotExist:
            raise NotFound from None


def assistant_in(request: Request, asked: dict[str, Any]) -> Assistant:
    """The assistant a body names: by id, or by the name of its graph.

    Auth handlers are asked for assistants that clients have made; a graph's own is there to be
    run by whoever may start a run.
    """
    name: str = asked["assistant_id"]
    try:
        UUID(name)
    except ValueError:
        graphs = runtime.registry.graph_ids()
        if name not in graphs:
            raise InvalidInput(
                f"Invalid assistant: '{name}'. Must be either:\n- A valid assistant UUID, or\n"
                f"- One of the registered graphs: {', '.join(graphs)}"
            ) from None
    assistant = services.get_assistant(name)
    if asks_handlers(request) and assistant.pk != services.system_assistant_id(assistant.graph_id):
        find_assistant(request, str(assistant.pk))
    return assistant


def permitted_run(
    request: Request, thread_id: UUID | None, assistant: Assistant | None, asked: dict[str, Any]
) -> Q:
    """Ask whether a request may start a run; of the threads there are, on which of them."""
    strategy = asked.get("multitask_strategy", "enqueue")
    ids = {
        "thread_id": thread_id,
        "assistant_id": assistant and assistant.pk,
        "run_id": None,
        "status": "pending",
        "prevent_insert_if_inflight": strategy == "reject",
        "multitask_strategy": strategy,
        "if_not_exists": asked.get("if_not_exists", "create"),
        "after_seconds": asked.get("after_seconds", 0),
        "kwargs": {name: asked.get(name) for name in CARRIED},
    }
    return permitted(request, "threads", "create_run", ids, asked)


def refuse_foreign_answers(request: Request, thread_id: UUID, asked: dict[str, Any]) -> None:
    """Answers are for keys that may resume; so is going on where a person is waited for."""
    command = asked.get("command") or {}
    if "resume" in command:
        require(request, Scope.RESUME)
    elif command or asked.get("input") is None:
        require_resume(request, thread_id)


def refuse_unknown_nodes(graph_id: str, asked: dict[str, Any]) -> None:
    """A misspelt breakpoint would let the graph run unguarded."""
    for field in ("interrupt_before", "interrupt_after"):
        names = asked.get(field) or []
        if names == "*" or not names:
            continue
        nodes = runtime.nodes(graph_id)
        unknown = [name for name in names if name not in nodes]
        if unknown:
            raise InvalidInput(
                f"{field}: The graph '{graph_id}' has no node '{unknown[0]}'. "
                f"Its nodes are: {', '.join(nodes)}"
            )
