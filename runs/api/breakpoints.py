"""Breakpoints admins set: where every run of an assistant, a graph or all graphs stops."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api.assistants import find_assistant
from runs.api.endpoint import Endpoint
from runs.api.fields import SwitchField, TextField
from runs.exceptions import InvalidInput, NotFound
from runs.models import Breakpoint, BreakpointVersion, Scope

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
TAGS = ["Breakpoints"]
MAX_VERSIONS = 100
WRITERS = dict.fromkeys(("POST", "PATCH", "DELETE"), Scope.ADMIN)


class BreakpointSerializer(serializers.Serializer[Any]):
    """A place to stop: of one assistant, of one graph, or of every graph that has the node."""

    assistant_id = TextField(required=False)
    graph_id = TextField(required=False)
    node = TextField(max_length=500)
    position = serializers.ChoiceField(Breakpoint.Position.choices, default="before")
    is_on = SwitchField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An assistant has its graph already."""
        if "assistant_id" in attrs and "graph_id" in attrs:
            raise serializers.ValidationError("Name an assistant or a graph, not both.")
        return attrs


class SwitchSerializer(serializers.Serializer[Any]):
    is_on = SwitchField()


class BreakpointEndpoint(Endpoint):
    """What the Agent Server does not have: for keys alone."""

    is_ruled = False
    scopes = {"GET": Scope.RUNS, **WRITERS}

    def author(self) -> User:
        """Who is written down as having set it."""
        assert isinstance(self.request.user, User)
        return self.request.user


class BreakpointListView(BreakpointEndpoint):
    @extend_schema(operation_id="breakpoints_list", responses=ARRAY, tags=TAGS)
    def get(self, request: Request) -> Response:
        """Every breakpoint that is stored, switched on or off."""
        found = Breakpoint.objects.select_related("author").order_by("pk")
        return Response([breakpoint_body(one) for one in found])

    @extend_schema(
        operation_id="breakpoints_set",
        request=BreakpointSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Set a breakpoint; a name that is no node of the graph is refused."""
        asked = self.body(BreakpointSerializer)
        assistant_id = asked.pop("assistant_id", None)
        if assistant_id is not None:
            asked["assistant"] = find_assistant(self.request, assistant_id, may_be_name=True)
        made = services.set_breakpoint(author=self.author(), **asked)
        return Response(breakpoint_body(made))


class BreakpointVersionsView(BreakpointEndpoint):
    @extend_schema(
        operation_id="breakpoints_versions",
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("before", int)],
        responses=ARRAY,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """Who changed what and when, newest first; `before` is a version."""
        found = BreakpointVersion.objects.select_related("author").prefetch_related("changes")
        if before := number_of(request, "before", 0):
            found = found.filter(number__lt=before)
        limit = min(max(number_of(request, "limit", 10), 1), MAX_VERSIONS)
        return Response([version_body(one) for one in found[:limit]])


class BreakpointView(BreakpointEndpoint):
    @extend_schema(operation_id="breakpoints_get", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, breakpoint_id: str) -> Response:
        """One breakpoint."""
        return Response(breakpoint_body(find_breakpoint(breakpoint_id)))

    @extend_schema(
        operation_id="breakpoints_switch", request=SwitchSerializer, responses=OBJECT, tags=TAGS
    )
    def patch(self, request: Request, breakpoint_id: str) -> Response:
        """Switch a breakpoint on or off."""
        switched = services.switch_breakpoint(
            breakpoint_=find_breakpoint(breakpoint_id),
            is_on=self.body(SwitchSerializer)["is_on"],
            author=self.author(),
        )
        return Response(breakpoint_body(switched))

    @extend_schema(operation_id="breakpoints_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, breakpoint_id: str) -> Response:
        """Take a breakpoint away; what waits at it goes on waiting."""
        services.remove_breakpoint(breakpoint_=find_breakpoint(breakpoint_id), author=self.author())
        return Response(status=204)


def find_breakpoint(text: str) -> Breakpoint:
    """The breakpoint in a path."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise InvalidInput("Invalid breakpoint ID: must be a number")
    found = Breakpoint.objects.select_related("author").filter(pk=int(text)).first()
    if found is None:
        raise NotFound(f"Breakpoint {text} not found")
    return found


def number_of(request: Request, name: str, default: int) -> int:
    """A whole number in the query."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise InvalidInput(f"{name} must be a whole number.")
    return int(text)


def version_body(version: BreakpointVersion) -> dict[str, Any]:
    """A version of the set of breakpoints, and what it changed."""
    return {
        "version": version.number,
        "author": version.author.get_username(),
        "created_at": version.created_at,
        "changes": [
            {
                "assistant_id": change.assistant_id,
                "graph_id": change.graph_id or None,
                "node": change.node,
                "position": change.position,
                "was": change.was,
                "became": change.became,
            }
            for change in version.changes.all()
        ],
    }


def breakpoint_body(found: Breakpoint) -> dict[str, Any]:
    """A breakpoint, with who set it last."""
    return {
        "breakpoint_id": found.pk,
        "assistant_id": found.assistant_id,
        "graph_id": found.graph_id or None,
        "node": found.node,
        "position": found.position,
        "is_on": found.is_on,
        "author": found.author.get_username(),
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }
