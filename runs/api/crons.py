"""Crons: runs that are asked for again and again, by the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api.bodies import selected
from runs.api.endpoint import Endpoint, id_of
from runs.api.fields import (
    AnyField,
    IdField,
    ModesField,
    NodesField,
    ObjectField,
    SwitchField,
    TextField,
    WordsField,
)
from runs.api.paging import page_of
from runs.api.permits import caller_of, permitted
from runs.api.serializers import MODES, ConfiguredSerializer, SearchSerializer
from runs.api.starting import assistant_in, permitted_run, refuse_unknown_nodes
from runs.exceptions import NotFound
from runs.models import Cron

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OBJECT, ARRAY = OpenApiTypes.OBJECT, {(200, "application/json"): {"type": "array", "items": {}}}
TAGS = ["Crons"]
KEYS = (
    "cron_id",
    "assistant_id",
    "thread_id",
    "user_id",
    "end_time",
    "schedule",
    "timezone",
    "payload",
    "next_run_date",
    "metadata",
    "on_run_completed",
    "enabled",
    "created_at",
    "updated_at",
)
# The wire's names for columns of ours.
COLUMNS = {"end_time": "ends_at", "enabled": "is_enabled"}
SORTED_BY = {
    "cron_id": "pk",
    "assistant_id": "assistant",
    "thread_id": "thread",
    "next_run_date": "next_run_at",
    "end_time": "ends_at",
    "created_at": "created_at",
    "updated_at": "updated_at",
}


class MomentField(serializers.DateTimeField):
    """A date and time; without an offset it is in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        """The moment in UTC, if that has a date there."""
        try:
            return super().to_internal_value(value).astimezone(UTC)
        except OverflowError:
            raise serializers.ValidationError("This is no date.") from None


class CronPatchSerializer(ConfiguredSerializer):
    """When it fires, and what its runs are asked to do."""

    schedule = TextField(required=False, max_length=200)
    timezone = TextField(required=False, max_length=64)
    end_time = MomentField(required=False, allow_null=True)
    enabled = SwitchField(required=False)
    on_run_completed = serializers.ChoiceField(Cron.OnRunCompleted.values, required=False)
    input = AnyField(required=False, allow_null=True)
    webhook = TextField(required=False, max_length=65536)
    interrupt_before = NodesField(required=False)
    interrupt_after = NodesField(required=False)
    stream_mode = ModesField(choices=MODES, required=False)
    stream_subgraphs = SwitchField(required=False)
    stream_resumable = SwitchField(required=False)
    durability = serializers.ChoiceField(["sync", "async", "exit"], required=False)


class CronCreateSerializer(CronPatchSerializer):
    schedule = TextField(max_length=200)
    end_time = MomentField(required=False)
    assistant_id = TextField()
    multitask_strategy = serializers.ChoiceField(
        ["reject", "rollback", "interrupt", "enqueue"], required=False
    )


class CronFilterSerializer(serializers.Serializer[Any]):
    assistant_id = IdField("assistant", required=False)
    thread_id = IdField("thread", required=False)
    metadata = ObjectField(required=False)


class CronSearchSerializer(CronFilterSerializer, SearchSerializer):
    enabled = SwitchField(required=False)
    sort_by = serializers.ChoiceField(tuple(SORTED_BY), default="created_at")
    select = WordsField(choices=KEYS, required=False)


def cron_body(cron: Cron) -> dict[str, Any]:
    """A cron, key by key as the Agent Server orders and writes it."""
    user = cron.created_by
    return {
        "cron_id": cron.pk,
        "assistant_id": cron.assistant_id,
        "thread_id": cron.thread_id,
        "user_id": user.get_username() if user else None,
        "end_time": cron.ends_at,
        "schedule": cron.schedule,
        "timezone": cron.timezone or None,
        "payload": cron.payload
        | {"schedule": cron.schedule, "assistant_id": str(cron.assistant_id)},
        "next_run_date": cron.next_run_at,
        "metadata": cron.metadata,
        "on_run_completed": cron.on_run_completed or None,
        "enabled": cron.is_enabled,
        "created_at": cron.created_at,
        "updated_at": cron.updated_at,
    }


def matching(request: Request, asked: dict[str, Any]) -> QuerySet[Cron]:
    """The crons a search or a count means."""
    among = permitted(request, "crons", "search", {}, asked)
    found = Cron.objects.filter(among).select_related("created_by")
    for name in ("assistant_id", "thread_id"):
        if name in asked:
            found = found.filter(**{name: asked[name]})
    if "enabled" in asked:
        found = found.filter(is_enabled=asked["enabled"])
    if metadata := asked.get("metadata"):
        found = found.filter(metadata__contains=metadata)
    return found


class CronEndpoint(Endpoint):
    """Endpoints that set a cron or change one."""

    def fields(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The columns a body fills; what is none of them is for the runs."""
        if webhook := asked.get("webhook"):
            services.check_url(webhook)
        own = ("schedule", "timezone", "end_time", "enabled", "on_run_completed")
        found = {COLUMNS.get(name, name): asked[name] for name in own if name in asked}
        left = {name: value for name, value in asked.items() if name not in (*own, "assistant_id")}
        return found | {"metadata": left.pop("metadata", {}), "payload": left}

    def create(self, thread_id: str | None) -> Response:
        """A new cron, on a thread or with one for each run."""
        at = None if thread_id is None else id_of("thread", thread_id)
        asked = self.body(CronCreateSerializer)
        assistant = assistant_in(self.request, asked)
        asked["on_run_completed"] = "" if at else asked.get("on_run_completed", "delete")
        fields = self.fields(asked)
        self.permitted("create", {"cron_id": None, "thread_id": at}, fields)
        among = services.EVERY
        if at is not None:
            run = asked | {"if_not_exists": "reject"}
            among = permitted_run(self.request, at, assistant, run)
        refuse_unknown_nodes(assistant.graph_id, asked)
        cron = services.create_cron(
            assistant=assistant,
            thread_id=at,
            among=among,
            caller=caller_of(self.request),
            actor=self.request.user,  # type: ignore[arg-type]  # a key has a user
            **fields,
        )
        return Response(cron_body(cron))

    def permitted(self, action: str, ids: dict[str, Any], fields: dict[str, Any]) -> Q:
        """Ask whether the client may set a cron so, or change it."""
        user = cast("User", self.request.user)
        said = {"user_id": user.get_username(), "end_time": fields.get("ends_at")}
        return permitted(self.request, "crons", action, {**said, **ids}, fields)


class ThreadCronsView(CronEndpoint):
    @extend_schema(
        operation_id="crons_create_for_thread",
        request=CronCreateSerializer,
        responses=OBJECT,
        tags=TAGS,
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """Set a cron whose runs all go on with this thread."""
        return self.create(thread_id)


class CronsView(CronEndpoint):
    @extend_schema(
        operation_id="crons_create", request=CronCreateSerializer, responses=OBJECT, tags=TAGS
    )
    def post(self, request: Request) -> Response:
        """Set a cron whose runs each have a thread of their own."""
        return self.create(None)


class CronView(CronEndpoint):
    @extend_schema(operation_id="crons_get", responses=OBJECT, tags=TAGS)
    def get(self, request: Request, cron_id: str) -> Response:
        """One cron."""
        at = id_of("cron", cron_id)
        among = permitted(request, "crons", "read", {"cron_id": at})
        return Response(cron_body(self._found(at, among)))

    @extend_schema(
        operation_id="crons_patch", request=CronPatchSerializer, responses=OBJECT, tags=TAGS
    )
    def patch(self, request: Request, cron_id: str) -> Response:
        """Change a cron; when it fires next is counted from now."""
        at, asked = id_of("cron", cron_id), self.body(CronPatchSerializer)
        fields = self.fields(asked)
        among = self.permitted("update", {"cron_id": at}, fields)
        cron = self._found(at, among)
        refuse_unknown_nodes(cron.assistant.graph_id if cron.assistant else "", asked)
        if cron.thread_id:
            fields.pop("on_run_completed", None)
        changed = services.update_cron(
            cron_id=at,
            among=among,
            caller=caller_of(request),
            actor=request.user,  # type: ignore[arg-type]  # a key has a user
            **fields,
        )
        return Response(cron_body(changed))

    @extend_schema(operation_id="crons_delete", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, cron_id: str) -> Response:
        """Delete a cron; the runs it made stay."""
        at = id_of("cron", cron_id)
        among = permitted(request, "crons", "delete", {"cron_id": at})
        services.delete_cron(cron_id=at, among=among)
        return Response(status=204)

    def _found(self, cron_id: UUID, among: Q = services.EVERY) -> Cron:
        rows = Cron.objects.select_related("assistant", "created_by")
        cron = rows.filter(among, pk=cron_id).first()
        if cron is None:
            raise NotFound("Cron not found.")
        return cron


class CronSearchView(Endpoint):
    @extend_schema(
        operation_id="crons_search", request=CronSearchSerializer, responses=ARRAY, tags=TAGS
    )
    def post(self, request: Request) -> Response:
        """The crons that match, a page of them."""
        asked = self.body(CronSearchSerializer)
        order = {"sort_by": SORTED_BY[asked["sort_by"]]}
        page, headers = page_of(matching(request, asked), asked | order)
        return Response(
            [selected(cron_body(cron), asked.get("select")) for cron in page], headers=headers
        )


class CronCountView(Endpoint):
    @extend_schema(
        operation_id="crons_count",
        request=CronFilterSerializer,
        responses=OpenApiTypes.INT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """How many crons match."""
        return Response(matching(request, self.body(CronFilterSerializer)).count())
