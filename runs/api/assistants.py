"""Assistants: what can be run, at which version, and what its graph looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from runs import runtime, services
from runs.api import serializers
from runs.api.bodies import assistant_body, selected, version_body
from runs.api.endpoint import Endpoint, id_of
from runs.api.paging import page_of
from runs.api.permits import asks_handlers, permitted
from runs.exceptions import GraphNotFound, InvalidInput, NotFound
from runs.models import Assistant, Thread

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
TAGS = ["Assistants"]


def find_assistant(
    request: Request,
    text: str,
    action: str = "read",
    fields: dict[str, Any] | None = None,
    *,
    may_be_name: bool = False,
) -> Assistant:
    """The assistant in a path: by id, and where clients may say so, by the name of its graph.

    `action` is what is to be done to it, `fields` with which values.
    """
    if may_be_name and text in runtime.registry.graph_ids():
        assistant_id = services.system_assistant_id(text)
    else:
        assistant_id = id_of("assistant", text)
    ids = {"assistant_id": assistant_id}
    among = permitted(request, "assistants", action, ids, fields)
    assistant = Assistant.objects.filter(among, pk=assistant_id).first()
    if assistant is None:
        raise NotFound(f"Assistant with ID {assistant_id} not found")
    return assistant


def matching(request: Request, asked: dict[str, Any]) -> QuerySet[Assistant]:
    """The assistants a search or a count means."""
    found = Assistant.objects.filter(permitted(request, "assistants", "search", {}, asked))
    if (graph_id := asked.get("graph_id")) is not None:
        if graph_id not in runtime.registry.graph_ids():
            raise GraphNotFound(f"Graph '{graph_id}' not found.")
        found = found.filter(graph_id=graph_id)
    if metadata := asked.get("metadata"):
        found = found.filter(metadata__contains=metadata)
    if name := asked.get("name"):
        found = found.filter(name__icontains=name)
    return found


class AssistantListView(Endpoint):
    @extend_schema(
        operation_id="assistants_create",
        request=serializers.AssistantCreateSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Create an assistant: a graph with a configuration of its own."""
        fields = self.body(serializers.AssistantCreateSerializer)
        ids = {"assistant_id": fields.setdefault("assistant_id", uuid4())}
        permitted(request, "assistants", "create", ids, fields)
        do_nothing = fields.pop("if_exists") == "do_nothing"
        if do_nothing and asks_handlers(request):  # who is given what was there, reads it
            known = Assistant.objects.filter(pk=fields["assistant_id"])
            if known.exists():
                return Response(assistant_body(find_assistant(request, str(known[0].pk))))
        author = cast("User", request.user)
        assistant = services.create_assistant(do_nothing=do_nothing, author=author, **fields)
        return Response(assistant_body(assistant))


class AssistantSearchView(Endpoint):
    @extend_schema(
        operation_id="assistants_search",
        request=serializers.AssistantSearchSerializer,
        responses=ARRAY,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """The assistants that match, a page of them."""
        asked = self.body(serializers.AssistantSearchSerializer)
        page, headers = page_of(matching(request, asked), asked)
        keys = asked.get("select")
        return Response([selected(assistant_body(one), keys) for one in page], headers=headers)


class AssistantCountView(Endpoint):
    @extend_schema(
        operation_id="assistants_count",
        request=serializers.AssistantFilterSerializer,
        responses=OpenApiTypes.INT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """How many assistants match."""
        asked = self.body(serializers.AssistantFilterSerializer)
        return Response(matching(request, asked).count())


class AssistantView(Endpoint):
    @extend_schema(operation_id="assistants_get", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, assistant_id: str) -> Response:
        """One assistant."""
        return Response(assistant_body(find_assistant(request, assistant_id)))

    @extend_schema(
        operation_id="assistants_patch",
        request=serializers.AssistantPatchSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def patch(self, request: Request, assistant_id: str) -> Response:
        """Change an assistant, as a new version of it."""
        changes = self.body(serializers.AssistantPatchSerializer)
        at = id_of("assistant", assistant_id)
        among = permitted(request, "assistants", "update", {"assistant_id": at}, changes)
        assistant = services.update_assistant(
            assistant_id=at,
            among=among,
            author=cast("User", request.user),
            **changes,
        )
        return Response(assistant_body(assistant))

    @extend_schema(operation_id="assistants_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, assistant_id: str) -> Response:
        """Delete an assistant; with `?delete_threads=true`, the threads it ran on last as well."""
        at, actor = id_of("assistant", assistant_id), cast("User", request.user)
        among = permitted(request, "assistants", "delete", {"assistant_id": at})
        threads = None
        if self.flag("delete_threads"):
            theirs = permitted(request, "threads", "delete", {"thread_id": None})
            threads = Thread.objects.filter(theirs, metadata__assistant_id=str(at))
        services.delete_assistant(assistant_id=at, among=among, threads=threads, actor=actor)
        return Response(status=204)


class AssistantVersionsView(Endpoint):
    @extend_schema(
        operation_id="assistants_versions",
        request=serializers.VersionsSerializer,
        responses=ARRAY,
        tags=TAGS,
    )
    def post(self, request: Request, assistant_id: str) -> Response:
        """Every version an assistant had, the newest first."""
        asked = self.body(serializers.VersionsSerializer)
        versions = find_assistant(request, assistant_id).versions.order_by("-version")
        if metadata := asked.get("metadata"):
            versions = versions.filter(metadata__contains=metadata)
        start = asked["offset"]
        return Response([version_body(one) for one in versions[start : start + asked["limit"]]])


class AssistantLatestView(Endpoint):
    @extend_schema(
        operation_id="assistants_latest",
        request=serializers.LatestSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, assistant_id: str) -> Response:
        """Make a version the one that runs; its number is in the body."""
        asked = self.body(serializers.LatestSerializer)
        version = asked.get("version")
        found = find_assistant(request, assistant_id, "update", asked)
        if version is None:
            raise NotFound(f"Version None not found for assistant {found.pk}")
        return Response(
            assistant_body(services.set_latest_version(assistant_id=found.pk, version=version))
        )


class AssistantGraphView(Endpoint):
    @extend_schema(operation_id="assistants_graph", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, assistant_id: str) -> Response:
        """The nodes and edges of its graph; `?xray=true` or a depth opens subgraphs."""
        assistant = find_assistant(request, assistant_id, may_be_name=True)
        return Response(runtime.drawing(assistant.graph_id, xray=self._xray()))

    def _xray(self) -> bool | int:
        text = self.request.query_params.get("xray", "false").lower()
        if text in ("true", "false"):
            return text == "true"
        if text.isdecimal() and len(text) < 4:
            return int(text)
        raise InvalidInput("Invalid xray value")


class AssistantSchemasView(Endpoint):
    @extend_schema(operation_id="assistants_schemas", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, assistant_id: str) -> Response:
        """The JSON schemas of its graph."""
        return Response(runtime.schemas(find_assistant(request, assistant_id).graph_id))


class AssistantSubgraphsView(Endpoint):
    @extend_schema(operation_id="assistants_subgraphs", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, assistant_id: str) -> Response:
        """The schemas of its subgraphs; `?recurse=true` goes into theirs."""
        return self.answer(find_assistant(request, assistant_id), None)

    def answer(self, assistant: Assistant, namespace: str | None) -> Response:
        """The subgraphs below a namespace."""
        recurse = self.flag("recurse")
        return Response(runtime.subgraphs(assistant.graph_id, namespace, recurse=recurse))


class AssistantSubgraphView(AssistantSubgraphsView):
    @extend_schema(operation_id="assistants_subgraph", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, assistant_id: str, namespace: str) -> Response:  # type: ignore[override]
        """The schemas of the subgraphs in one namespace."""
        return self.answer(find_assistant(request, assistant_id), namespace)
