"""Is it up, and what is it."""

from __future__ import annotations

from importlib.metadata import version

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.request import Request
from rest_framework.response import Response

from runs import metrics
from runs.api.auth import MayScrape
from runs.api.endpoint import Endpoint

INFO = {
    "version": settings.SPECTACULAR_SETTINGS["VERSION"],
    "langgraph_py_version": version("langgraph"),
    "flags": {
        "assistants": True,
        "crons": True,
        "langsmith": False,
        "langsmith_tracing_replicas": False,
        "langsmith_tracing_session_on_runs": False,
    },
    "host": {
        "kind": "self-hosted",
        "project_id": None,
        "host_revision_id": None,
        "revision_id": None,
        "tenant_id": None,
    },
}


class OpenEndpoint(Endpoint):
    """For everybody."""

    is_ruled = False
    authentication_classes = ()
    permission_classes = ()


class OkView(OpenEndpoint):
    @extend_schema(operation_id="ok", responses=OpenApiTypes.OBJECT, tags=["System"])
    def get(self, request: Request) -> Response:
        """Whether the server answers; with `?check_db=1`, whether its database does."""
        if self.flag("check_db"):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        return Response({"ok": True, "services": {}})


class MetricsView(Endpoint):
    is_ruled = False
    permission_classes = (MayScrape,)

    @extend_schema(
        operation_id="metrics",
        parameters=[OpenApiParameter("format", enum=["prometheus", "json"])],
        responses={(200, "text/plain"): OpenApiTypes.STR, 200: OpenApiTypes.OBJECT},
        tags=["System"],
    )
    def get(self, request: Request) -> HttpResponse:
        """What is at work and what waits: in Prometheus' text, or with `?format=json` as JSON."""
        if request.query_params.get("format") == "json":
            return Response(metrics.as_json())
        return HttpResponse(generate_latest(metrics.Everything()), content_type=CONTENT_TYPE_LATEST)


class InfoView(OpenEndpoint):
    @extend_schema(operation_id="info", responses=OpenApiTypes.OBJECT, tags=["System"])
    def get(self, request: Request) -> Response:
        """Versions, and which parts of the Agent Server API are served."""
        return Response(INFO)
