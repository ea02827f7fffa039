"""Threads: made, found, changed, copied, deleted; and the state their checkpoints hold."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID, uuid4

from django.db.models import JSONField, QuerySet
from django.db.models.functions import Cast
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from runs import runtime, services
from runs.api import serializers
from runs.api.auth import may, require
from runs.api.bodies import EMPTY_STATE, selected, thread_body
from runs.api.endpoint import Endpoint, id_of, ids_of
from runs.api.paging import page_of
from runs.api.permits import asks_handlers, permitted
from runs.exceptions import InvalidInput, InvalidUpdate
from runs.models import Interrupt, Scope, Thread, uuid7

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
TAGS = ["Threads"]
HALF_MADE = "Thread {} was created, but there were problems updating the state: {}"
STEP = re.compile(r"[^.\[\]]+|\[-?\d{1,6}\]")  # a key or an index of an extract path


def find_thread(
    request: Request, text: str, action: str = "read", fields: dict[str, Any] | None = None
) -> Thread:
    """The thread in a path; `action` is what is to be done to it, `fields` with which values."""
    thread_id = id_of("thread", text)
    among = permitted(request, "threads", action, {"thread_id": thread_id}, fields)
    return services.get_thread(thread_id, among)


def matching(request: Request, asked: dict[str, Any]) -> QuerySet[Thread]:
    """The threads a search or a count means; those of stateless runs are nobody's business."""
    among = permitted(request, "threads", "search", {}, asked)
    found = Thread.objects.filter(among, is_temporary=False)
    if ids := asked.get("ids"):
        found = found.filter(pk__in=ids_of("thread", ids))
    if status := asked.get("status"):
        found = found.filter(status=status)
    if metadata := asked.get("metadata"):
        found = found.filter(metadata__contains=metadata)
    if values := asked.get("values"):
        as_jsonb = Cast("values", JSONField())
        found = found.alias(searchable=as_jsonb).filter(searchable__contains=values)
    return found


def extracted(body: dict[str, Any], path: str) -> Any:
    """The value at a path such as `values.messages[-1].content`; null where there is none."""
    value: Any = body
    for step in STEP.findall(path):
        try:
            value = value[int(step[1:-1])] if step[0] == "[" else value[step]
        except (LookupError, TypeError):
            return None
    return value


def require_resume(request: Request, thread_id: UUID) -> None:
    """While a thread waits for a person, only a key that may answer may move it on."""
    if may(request, Scope.RESUME):
        return
    if Interrupt.objects.on(thread_id).unsettled().exists():
        require(request, Scope.RESUME)


class ThreadListView(Endpoint):
    @extend_schema(
        operation_id="threads_create",
        request=serializers.ThreadCreateSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Create a thread, with a past if there are supersteps."""
        fields = self.body(serializers.ThreadCreateSerializer)
        supersteps = fields.pop("supersteps", [])
        thread = self._made(fields, "update" if supersteps else "read")
        if not supersteps:
            return Response(thread_body(thread))
        may_decide = may(request, Scope.TASKS_DECIDE)
        try:
            services.write_past(thread=thread, supersteps=supersteps, may_decide=may_decide)
        except InvalidUpdate as error:
            return Response({"detail": HALF_MADE.format(thread.pk, error.detail)}, status=201)
        return Response(thread_body(services.get_thread(thread.pk)))

    def _made(self, fields: dict[str, Any], does: str) -> Thread:
        """A new thread; the one that is there, if the client may do to it what it is about to."""
        if asks_handlers(self.request):
            at = fields.setdefault("thread_id", uuid7())
            permitted(self.request, "threads", "create", {"thread_id": at}, fields)
            if fields["if_exists"] == "do_nothing" and Thread.objects.filter(pk=at).exists():
                return find_thread(self.request, str(at), does)
        do_nothing = fields.pop("if_exists") == "do_nothing" and not asks_handlers(self.request)
        return services.create_thread(do_nothing=do_nothing, **fields)


class ThreadSearchView(Endpoint):
    @extend_schema(
        operation_id="threads_search",
        request=serializers.ThreadSearchSerializer,
        responses=ARRAY,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """The threads that match, a page of them."""
        asked = self.body(serializers.ThreadSearchSerializer)
        page, headers = page_of(matching(request, asked), asked)
        return Response([self._shown(thread, asked) for thread in page], headers=headers)

    def _shown(self, thread: Thread, asked: dict[str, Any]) -> dict[str, Any]:
        whole = thread_body(thread)
        shown = selected(whole, asked.get("select"))
        if paths := asked.get("extract"):
            shown |= {"extracted": {name: extracted(whole, path) for name, path in paths.items()}}
        return shown


class ThreadCountView(Endpoint):
    @extend_schema(
        operation_id="threads_count",
        request=serializers.ThreadFilterSerializer,
        responses=OpenApiTypes.INT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """How many threads match."""
        asked = self.body(serializers.ThreadFilterSerializer)
        return Response(matching(request, asked).count())


class ThreadView(Endpoint):
    @extend_schema(operation_id="threads_get", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str) -> Response:
        """One thread; `?include=ttl` shows how long it stays."""
        with_ttl = "ttl" in request.query_params.getlist("include")
        return Response(thread_body(find_thread(request, thread_id), with_ttl=with_ttl))

    @extend_schema(
        operation_id="threads_patch",
        request=serializers.ThreadPatchSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def patch(self, request: Request, thread_id: str) -> Response:
        """Merge metadata; with `Prefer: return=minimal` the answer is empty."""
        asked = self.body(serializers.ThreadPatchSerializer)
        thread = services.update_thread(
            thread=find_thread(request, thread_id, "update", asked),
            metadata=asked.get("metadata", {}),
            ttl=asked.get("ttl"),
        )
        if "return=minimal" in request.headers.get("Prefer", ""):
            return Response(status=204)
        return Response(thread_body(thread))

    @extend_schema(operation_id="threads_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, thread_id: str) -> Response:
        """Delete a thread; one that waits for a person only with `?force=true`, as an admin."""
        if force := self.flag("force"):
            require(request, Scope.ADMIN)
        services.delete_thread(
            thread=find_thread(request, thread_id, "delete"),
            force=force,
            actor=request.user,  # type: ignore[arg-type]  # a key has a user
        )
        return Response(status=204)


class ThreadPruneView(Endpoint):
    @extend_schema(
        operation_id="threads_prune",
        request=serializers.PruneSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Delete threads, or all of them but where they stand; unknown ones are skipped."""
        asked = self.body(serializers.PruneSerializer)
        if asks_handlers(request):
            asked["thread_ids"] = [at for at in asked["thread_ids"] if self._may_delete(at)]
        count = services.prune_threads(
            **asked,
            actor=request.user,  # type: ignore[arg-type]  # a key has a user
        )
        return Response({"pruned_count": count})

    def _may_delete(self, thread_id: UUID) -> bool:
        among = permitted(self.request, "threads", "delete", {"thread_id": thread_id})
        return Thread.objects.filter(among, pk=thread_id).exists()


class ThreadStorageView(Endpoint):
    @extend_schema(operation_id="threads_storage", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str) -> Response:
        """How much a thread's checkpoints take."""
        return Response(runtime.sizes(find_thread(request, thread_id).pk))


class ThreadCopyView(Endpoint):
    @extend_schema(operation_id="threads_copy", request=None, responses=OBJECT, tags=TAGS)
    def post(self, request: Request, thread_id: str) -> Response:
        """A new thread with the same checkpoints."""
        thread, may_decide = find_thread(request, thread_id), may(request, Scope.TASKS_DECIDE)
        fields: dict[str, Any] = {"thread_id": uuid4(), "metadata": thread.metadata}
        permitted(request, "threads", "create", {}, fields)
        body = thread_body(services.copy_thread(thread=thread, may_decide=may_decide, **fields))
        del body["values"]
        return Response(body)


class ThreadStateView(Endpoint):
    @extend_schema(operation_id="threads_state", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str) -> Response:
        """The latest state; `?subgraphs=true` opens that of subgraphs at work."""
        return Response(state_of(find_thread(request, thread_id), subgraphs=self.flag("subgraphs")))

    @extend_schema(
        operation_id="threads_update_state",
        request=serializers.StateUpdateSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """Write to the state as if a node had."""
        asked = self.body(serializers.StateUpdateSerializer)
        thread = find_thread(request, thread_id, "update")
        require_resume(request, thread.pk)
        return Response(
            services.update_state(
                thread=thread,
                values=asked.get("values"),
                as_node=asked.get("as_node"),
                checkpoint_id=checkpoint_in(asked),
                may_decide=may(request, Scope.TASKS_DECIDE),
            )
        )


class ThreadStateAtView(Endpoint):
    @extend_schema(operation_id="threads_state_at", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str, checkpoint_id: str) -> Response:
        """The state at one checkpoint."""
        thread = find_thread(request, thread_id)
        return Response(
            state_of(thread, checkpoint_id=checkpoint_id, subgraphs=self.flag("subgraphs"))
        )


class ThreadStateCheckpointView(Endpoint):
    @extend_schema(
        operation_id="threads_state_checkpoint",
        request=serializers.StateAtSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """The state at one checkpoint, of the thread or of a subgraph at work."""
        asked = self.body(serializers.StateAtSerializer)
        checkpoint = asked["checkpoint"]
        return Response(
            state_of(
                find_thread(request, thread_id),
                checkpoint_id=checkpoint.get("checkpoint_id"),
                checkpoint_ns=checkpoint.get("checkpoint_ns") or "",
                subgraphs=asked["subgraphs"],
            )
        )


class ThreadHistoryView(Endpoint):
    @extend_schema(
        operation_id="threads_history",
        parameters=[serializers.HistoryQuerySerializer],
        responses=ARRAY,
        tags=TAGS,
    )
    def get(self, request: Request, thread_id: str) -> Response:
        """Its states, the newest first; `?before=` is a checkpoint id."""
        asked = self.query(serializers.HistoryQuerySerializer)
        thread = find_thread(request, thread_id)
        if thread.graph_id is None:
            return Response([])
        return Response(runtime.history(thread.pk, thread.graph_id, **asked))

    @extend_schema(
        operation_id="threads_search_history",
        request=serializers.HistorySerializer,
        responses=ARRAY,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """Its states that match, the newest first."""
        asked = self.body(serializers.HistorySerializer)
        thread = find_thread(request, thread_id)
        if thread.graph_id is None:
            return Response([])
        before, checkpoint = asked.get("before", {}), asked.get("checkpoint", {})
        return Response(
            runtime.history(
                thread.pk,
                thread.graph_id,
                limit=asked["limit"],
                before=text_in(before.get("configurable") or before),
                metadata=asked.get("metadata"),
                checkpoint_id=checkpoint.get("checkpoint_id"),
                checkpoint_ns=checkpoint.get("checkpoint_ns") or "",
            )
        )


def state_of(thread: Thread, *, checkpoint_id: str | None = None, **where: Any) -> dict[str, Any]:
    """A state of a thread; one that has no graph yet, or not that checkpoint, has an empty one."""
    if thread.graph_id is not None:
        return runtime.read_state(thread.pk, thread.graph_id, checkpoint_id=checkpoint_id, **where)
    if checkpoint_id is None:
        return EMPTY_STATE
    checkpoint = {"checkpoint_id": checkpoint_id, "thread_id": str(thread.pk)}
    return EMPTY_STATE | {"checkpoint": checkpoint, "checkpoint_id": checkpoint_id}


def checkpoint_in(asked: dict[str, Any]) -> str | None:
    """The checkpoint a body names, by its id or as an object; never a subgraph's."""
    checkpoint = asked.get("checkpoint") or {}
    if checkpoint.get("checkpoint_ns"):
        raise InvalidInput("checkpoint: A subgraph's checkpoint can be read, but not started from.")
    found: str | None = asked.get("checkpoint_id") or checkpoint.get("checkpoint_id")
    try:
        return found and str(UUID(found))
    except ValueError:
        raise InvalidInput("checkpoint_id: Invalid checkpoint ID: must be a UUID") from None


def text_in(checkpoint: Any) -> str | None:
    """The id in a client's `before`, whichever of its two forms it has."""
    found = checkpoint.get("checkpoint_id") if isinstance(checkpoint, dict) else None
    if found is not None and not isinstance(found, str):
        raise InvalidInput("before: This must be an object with a checkpoint_id.")
    return found
