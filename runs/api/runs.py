"""Runs: started, waited for, streamed, listed, cancelled, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.db.models import Max
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api import serializers, streams
from runs.api.bodies import joined_body, selected
from runs.api.endpoint import Endpoint, id_of
from runs.api.starting import RunStarter
from runs.api.threads import find_thread
from runs.exceptions import NotFound
from runs.models import Run, RunEvent, RunQuerySet
from runs.wire import run_body

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
EVENTS = {(200, "text/event-stream"): OpenApiTypes.STR}
TAGS = ["Thread Runs"]
NOTHING: list[str] = []  # stream modes of a run whose events nobody reads
VALUES = ["values"]


def find_run(thread_id: str, run_id: str) -> Run:
    """The run in a path."""
    run = runs_in(thread_id, run_id).first()
    if run is None:
        find_thread(thread_id)
        raise NotFound("Not Found")
    return run


def runs_in(thread_id: str, run_id: str) -> RunQuerySet:
    """The run in a path, if there is one."""
    return Run.objects.on(id_of("thread", thread_id)).filter(pk=id_of("run", run_id))


def places(thread_id: object, run_id: object, action: str) -> dict[str, str]:
    """Where the answer to a waiting or streaming client can be had again."""
    place = f"/threads/{thread_id}/runs/{run_id}" if thread_id else f"/runs/{run_id}"
    return {"Location": f"{place}/{action}", "Content-Location": place}


def bound(body: AsyncIterator[bytes], run: Run, *, cancels: bool) -> AsyncIterator[bytes]:
    """A body whose end, or whose client's leaving, has consequences for the run."""
    if run.kwargs["temporary"]:
        body = streams.discarding(body, run)
    return streams.cancelling(body, run) if cancels else body


def wait_for(run: Run) -> StreamingHttpResponse:
    """The answer to a client that started a run and waits for it."""
    cancels = run.kwargs["on_disconnect"] == "cancel"
    body = bound(streams.waited(run), run, cancels=cancels)
    return streams.json_response(body, places(run.thread_id, run.pk, "join"))


def stream_of(run: Run, headers: dict[str, str]) -> StreamingHttpResponse:
    """The answer to a client that started a run and watches it."""
    cancels = run.kwargs["on_disconnect"] == "cancel"
    body = bound(streams.framed(run), run, cancels=cancels)
    return streams.sse_response(body, headers)


class ThreadRunsView(RunStarter):
    @extend_schema(
        operation_id="runs_list",
        parameters=[serializers.RunListQuerySerializer],
        responses=ARRAY,
        tags=TAGS,
    )
    def get(self, request: Request, thread_id: str) -> Response:
        """A thread's runs, the newest first."""
        asked = self.query(serializers.RunListQuerySerializer)
        found = Run.objects.on(find_thread(thread_id).pk).order_by("-created_at", "-pk")
        if status := asked.get("status"):
            found = found.filter(status=status)
        start = asked["offset"]
        page = found[start : start + asked["limit"]]
        return Response([selected(run_body(run), asked.get("select")) for run in page])

    @extend_schema(
        operation_id="runs_create",
        request=serializers.ThreadRunSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """Start a run and do not wait for it."""
        run = self.start(thread_id, VALUES)
        place = f"/threads/{run.thread_id}/runs/{run.pk}"
        return Response(run_body(run), headers={"Content-Location": place})


class ThreadRunWaitView(RunStarter):
    @extend_schema(
        operation_id="runs_wait",
        request=serializers.ThreadRunSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> StreamingHttpResponse:
        """Start a run and wait for its output."""
        return wait_for(self.start(thread_id, NOTHING))


class ThreadRunStreamView(RunStarter):
    @extend_schema(
        operation_id="runs_stream",
        request=serializers.ThreadRunSerializer,
        responses=EVENTS,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> StreamingHttpResponse:
        """Start a run and watch its events."""
        run = self.start(thread_id, VALUES)
        return stream_of(run, places(run.thread_id, run.pk, "stream"))


class RunView(Endpoint):
    @extend_schema(operation_id="runs_get", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str, run_id: str) -> Response:
        """One run."""
        return Response(run_body(find_run(thread_id, run_id)))

    @extend_schema(operation_id="runs_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, thread_id: str, run_id: str) -> Response:
        """Delete a run that is over; what it did to the thread stays."""
        services.delete_run(run=find_run(thread_id, run_id))
        return Response(status=204)


class RunJoinView(Endpoint):
    @extend_schema(operation_id="runs_join", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str, run_id: str) -> StreamingHttpResponse:
        """Wait for a run's output; one that is over answers where its thread is now."""
        run = runs_in(thread_id, run_id).select_related("thread").first()
        if run is None:
            body = streams.said({"__error__": streams.GONE})
        elif run.is_active:
            cancels = self.flag("cancel_on_disconnect")
            body = bound(streams.waited(run), run, cancels=cancels)
        else:
            body = streams.said(joined_body(run.thread))
        return streams.json_response(body, places(thread_id, run_id, "join"))


class JoinedStream(Endpoint):
    """Endpoints that watch a run somebody else has started."""

    def joined(self, run: Run) -> AsyncIterator[bytes]:
        """Its events from now on, or of a resumable one from its start or `Last-Event-ID`."""
        modes = [mode for mode in self.request.query_params.getlist("stream_mode") if mode]
        body = streams.framed(run, after=self._seen(run), modes=modes)
        return bound(body, run, cancels=self.flag("cancel_on_disconnect"))

    def _seen(self, run: Run) -> int:
        """The last event the client is not to be told again."""
        said = self.request.headers.get("Last-Event-ID")
        if run.kwargs["resumable"] and said in ("-1", "-"):
            return 0
        if run.kwargs["resumable"] and said is not None and said.isdecimal():
            return min(int(said), 2**63 - 1)
        if run.kwargs["resumable"] and run.is_active and said is None:
            return 0
        newest = RunEvent.objects.filter(run=run).aggregate(newest=Max("pk"))["newest"]
        return newest or 0


class RunStreamView(JoinedStream):
    @extend_schema(operation_id="runs_join_stream", responses=EVENTS, tags=TAGS)
    def get(self, request: Request, thread_id: str, run_id: str) -> StreamingHttpResponse:
        """Watch a run from now on, or a resumable one from its start or from `Last-Event-ID`."""
        run = runs_in(thread_id, run_id).first()
        body = streams.failed_stream() if run is None else self.joined(run)
        return streams.sse_response(body, places(thread_id, run_id, "stream"))


class RunCancelView(Endpoint):
    @extend_schema(operation_id="runs_cancel", request=None, responses=OBJECT, tags=TAGS)
    def post(self, request: Request, thread_id: str, run_id: str) -> Response:
        """Stop a run; `?action=rollback` also removes it and its checkpoints."""
        run = runs_in(thread_id, run_id).first()
        if run is None:
            raise NotFound("No runs found to cancel.")
        is_rollback = request.query_params.get("action") == "rollback"
        action = "rollback" if is_rollback else "interrupt"
        services.cancel_run(run=run, action=action)
        if not self.flag("wait"):
            return Response(status=202)
        return Response({}, headers=places(run.thread_id, run_id, "join"))


class RunsCancelView(Endpoint):
    @extend_schema(
        operation_id="runs_cancel_many",
        request=serializers.RunsCancelSerializer,
        responses={204: None},
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Stop the runs in some status, or some of a thread; `?action=rollback` removes them."""
        asked = self.body(serializers.RunsCancelSerializer)
        is_rollback = request.query_params.get("action") == "rollback"
        action = "rollback" if is_rollback else "interrupt"
        if not services.cancel_runs(runs=_meant(asked), action=action):
            raise NotFound("No runs found to cancel.")
        return Response(status=204)


def _meant(asked: dict[str, Any]) -> RunQuerySet:
    """The active runs a body names."""
    if "status" not in asked:
        return Run.objects.on(asked["thread_id"]).active().filter(pk__in=asked["run_ids"])
    found = Run.objects.active()
    return found if asked["status"] == "all" else found.filter(status=asked["status"])
