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
from runs.api.permits import of_threads, permitted
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


def find_run(request: Request, thread_id: str, run_id: str, does: str = "read") -> Run:
    """The run in a path; `does` is what the client is about to do to it."""
    run = runs_in(request, thread_id, run_id, does).first()
    if run is None:
        find_thread(request, thread_id)
        raise NotFound("Not Found")
    return run


def runs_in(
    request: Request, thread_id: str, run_id: str, does: str = "read", **more: Any
) -> RunQuerySet:
    """The run in a path, if there is one; rules on its thread are rules on it."""
    at, pk = id_of("thread", thread_id), id_of("run", run_id)
    ids = {"thread_id": at, "run_id": pk, **more}
    among = of_threads(permitted(request, "threads", does, ids))
    return Run.objects.on(at).filter(among, pk=pk)


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
        found = Run.objects.on(find_thread(request, thread_id).pk).order_by("-created_at", "-pk")
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
        return Response(run_body(find_run(request, thread_id, run_id)))

    @extend_schema(operation_id="runs_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, thread_id: str, run_id: str) -> Response:
        """Delete a run that is over; what it did to the thread stays."""
        services.delete_run(run=find_run(request, thread_id, run_id, "delete"))
        return Response(status=204)


class JoiningEndpoint(Endpoint):
    """Endpoints of who comes to a run that somebody else has started."""

    def met(self, thread_id: str, run_id: str) -> RunQuerySet:
        """The run, if there is one; who would cancel it by leaving must be allowed to."""
        found = runs_in(self.request, thread_id, run_id)
        if self.flag("cancel_on_disconnect"):
            found &= runs_in(self.request, thread_id, run_id, "update", action="interrupt")
        return found


class RunJoinView(JoiningEndpoint):
    @extend_schema(operation_id="runs_join", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, thread_id: str, run_id: str) -> StreamingHttpResponse:
        """Wait for a run's output; one that is over answers where its thread is now."""
        run = self.met(thread_id, run_id).select_related("thread").first()
        if run is None:
            body = streams.said({"__error__": streams.GONE})
        elif run.is_active:
            cancels = self.flag("cancel_on_disconnect")
            body = bound(streams.waited(run), run, cancels=cancels)
        else:
            body = streams.said(joined_body(run.thread))
        return streams.json_response(body, places(thread_id, run_id, "join"))


class JoinedStream(JoiningEndpoint):
    """Those that watch it."""

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
        run = self.met(thread_id, run_id).first()
        body = streams.failed_stream() if run is None else self.joined(run)
        return streams.sse_response(body, places(thread_id, run_id, "stream"))


class RunCancelView(Endpoint):
    @extend_schema(operation_id="runs_cancel", request=None, responses=OBJECT, tags=TAGS)
    def post(self, request: Request, thread_id: str, run_id: str) -> Response:
        """Stop a run; `?action=rollback` also removes it and its checkpoints."""
        is_rollback = request.query_params.get("action") == "rollback"
        action = "rollback" if is_rollback else "interrupt"
        run = runs_in(request, thread_id, run_id, "update", action=action).first()
        if run is None:
            raise NotFound("No runs found to cancel.")
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
        ids = {"thread_id": asked.get("thread_id"), "action": action}
        among = of_threads(permitted(request, "threads", "update", ids))
        if not services.cancel_runs(runs=_meant(asked).filter(among), action=action):
            raise NotFound("No runs found to cancel.")
        return Response(status=204)


def _meant(asked: dict[str, Any]) -> RunQuerySet:
    """The active runs a body names."""
    if "status" not in asked:
        return Run.objects.on(asked["thread_id"]).active().filter(pk__in=asked["run_ids"])
    found = Run.objects.active()
    return found if asked["status"] == "all" else found.filter(status=asked["status"])
