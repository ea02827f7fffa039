"""Runs on threads of their own, which go with them unless their client keeps them."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from runs.api import serializers, streams
from runs.api.endpoint import id_of
from runs.api.permits import asks_handlers
from runs.api.runs import EVENTS, NOTHING, VALUES, JoinedStream, places, stream_of, wait_for
from runs.api.starting import RunStarter
from runs.exceptions import NotFound
from runs.models import Run
from runs.wire import run_body

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
STATELESS = ["Stateless Runs"]


class StatelessRunsView(RunStarter):
    @extend_schema(
        operation_id="stateless_runs_create",
        request=serializers.StatelessRunSerializer,
        responses=OBJECT,
        tags=STATELESS,
    )
    def post(self, request: Request) -> Response:
        """Start a run on a thread of its own and do not wait for it."""
        run = self.start_stateless(VALUES)
        return Response(run_body(run), headers={"Content-Location": f"/runs/{run.pk}"})


class StatelessRunWaitView(RunStarter):
    @extend_schema(
        operation_id="stateless_runs_wait",
        request=serializers.StatelessRunSerializer,
        responses=OBJECT,
        tags=STATELESS,
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Start a run on a thread of its own and wait for its output."""
        return wait_for(self.start_stateless(NOTHING))


class StatelessRunStreamView(RunStarter):
    @extend_schema(
        operation_id="stateless_runs_stream",
        request=serializers.StatelessRunSerializer,
        responses=EVENTS,
        tags=STATELESS,
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """Start a run on a thread of its own and watch its events."""
        run = self.start_stateless(VALUES)
        return stream_of(run, places(None, run.pk, "stream"))


class RunBatchView(RunStarter):
    @extend_schema(
        operation_id="stateless_runs_batch",
        request=serializers.StatelessRunSerializer(many=True),
        responses=ARRAY,
        tags=STATELESS,
    )
    def post(self, request: Request) -> Response:
        """Start several runs, each on a thread of its own; all of them or none."""
        return Response([run_body(run) for run in self.start_batch(VALUES)])


class StatelessJoinStreamView(JoinedStream):
    @extend_schema(operation_id="stateless_runs_join_stream", responses=EVENTS, tags=STATELESS)
    def get(self, request: Request, run_id: str) -> StreamingHttpResponse:
        """Watch a run whose thread its client need not know."""
        run = Run.objects.filter(pk=id_of("run", run_id)).first()
        if run is None or (asks_handlers(request) and not self._may_meet(run)):
            raise NotFound("Not Found")
        return streams.sse_response(self.joined(run), places(None, run.pk, "stream"))

    def _may_meet(self, run: Run) -> bool:
        return self.met(str(run.thread_id), str(run.pk)).exists()
