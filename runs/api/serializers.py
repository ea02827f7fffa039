"""The shapes of request bodies, in LangGraph's field names; what sense they make, services say."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError

from runs.api.fields import (
    AnyField,
    IdField,
    ModesField,
    NodesField,
    NumberField,
    ObjectField,
    SwitchField,
    TextField,
    ValuesField,
    WholeNumberField,
    WordsField,
)
from runs.models import Run, Thread

MAX_NUMBER = 2**31 - 1
MAX_DELAY = 10 * 365 * 24 * 3600  # seconds
MODES = (
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "tasks",
    "checkpoints",
    "debug",
    "custom",
    "events",
)
STRATEGIES = ("delete", "keep_latest")
BOTH = (
    "Cannot specify both configurable and context. Prefer setting context alone. Context was "
    "introduced in LangGraph 0.6.0 and is the long term planned replacement for configurable."
)


class ConfigSerializer(serializers.Serializer[Any]):
    """What a run is configured with; keys it does not know are kept."""

    tags = WordsField(required=False)
    recursion_limit = WholeNumberField(required=False, max_value=MAX_NUMBER)
    configurable = ObjectField(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """All of the config, not only the keys named here."""
        known: dict[str, Any] = super().to_internal_value(data)
        return {**data, **known}


class CheckpointSerializer(serializers.Serializer[Any]):
    checkpoint_id = TextField(required=False, allow_null=True)
    checkpoint_ns = TextField(required=False, allow_blank=True, allow_null=True)
    thread_id = TextField(required=False, allow_null=True)
    checkpoint_map = ObjectField(required=False, allow_null=True)


class CommandSerializer(serializers.Serializer[Any]):
    """What a run does to the thread it goes on with."""

    resume = AnyField(required=False, allow_null=True)
    update = ValuesField(required=False, allow_null=True)  # type: ignore[assignment]
    goto = AnyField(required=False, allow_null=True)

    def validate_goto(self, value: Any) -> Any:
        """A node, a node with its input, or a list of those."""
        for one in value if isinstance(value, list) else [value]:
            is_send = isinstance(one, dict) and isinstance(one.get("node"), str)
            if one is not None and not is_send and not isinstance(one, str):
                raise serializers.ValidationError(
                    "This must be a node, an object with node and input, or a list of those."
                )
        return value


class ConfiguredSerializer(serializers.Serializer[Any]):
    """Config and context say the same in an old way and a new one: only one may speak."""

    config = ConfigSerializer(required=False)
    context = ObjectField(required=False)  # type: ignore[assignment]
    metadata = ObjectField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Copies whichever was sent to the other."""
        configurable = attrs.get("config", {}).get("configurable")
        if configurable and attrs.get("context"):
            raise ParseError(BOTH)
        if configurable:
            attrs["context"] = configurable
        elif attrs.get("context"):
            attrs["config"] = attrs.get("config", {}) | {"configurable": attrs["context"]}
        return attrs


class RunSerializer(ConfiguredSerializer):
    """The body of every endpoint that starts a run without a thread."""

    assistant_id = TextField()
    input = AnyField(required=False, allow_null=True)
    command = CommandSerializer(required=False, allow_null=True)
    webhook = TextField(required=False, max_length=65536)
    interrupt_before = NodesField(required=False)
    interrupt_after = NodesField(required=False)
    stream_mode = ModesField(choices=MODES, required=False)
    stream_subgraphs = SwitchField(required=False)
    stream_resumable = SwitchField(required=False)
    feedback_keys = WordsField(required=False)
    strict_resume = SwitchField(required=False)
    multitask_strategy = serializers.ChoiceField(
        ["reject", "rollback", "interrupt", "enqueue"], required=False
    )
    after_seconds = NumberField(min_value=-MAX_DELAY, max_value=MAX_DELAY, required=False)
    checkpoint_during = SwitchField(required=False)
    durability = serializers.ChoiceField(["sync", "async", "exit"], required=False)
    on_disconnect = serializers.ChoiceField(["cancel", "continue"], required=False)


class StatelessRunSerializer(RunSerializer):
    on_completion = serializers.ChoiceField(["delete", "keep"], default="delete")


class ThreadRunSerializer(RunSerializer):
    checkpoint = CheckpointSerializer(required=False)
    checkpoint_id = TextField(required=False)
    if_not_exists = serializers.ChoiceField(["create", "reject"], default="reject")


class RunsCancelSerializer(serializers.Serializer[Any]):
    """Which runs to stop: all in some status, or some of a thread."""

    status = serializers.ChoiceField(["pending", "running", "all"], required=False)
    thread_id = IdField("thread", required=False)
    run_ids = serializers.ListField(child=IdField("run"), required=False, max_length=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuses what names no runs, and what names them twice."""
        by_id = {"thread_id", "run_ids"}
        if not (by_id <= attrs.keys() if "status" not in attrs else not by_id & attrs.keys()):
            raise serializers.ValidationError("Name a status, or a thread_id and run_ids.")
        return attrs


class PageSerializer(serializers.Serializer[Any]):
    limit = WholeNumberField(min_value=1, max_value=1000, default=10)
    offset = WholeNumberField(min_value=0, max_value=MAX_NUMBER, default=0)


class SearchSerializer(PageSerializer):
    metadata = ObjectField(required=False)
    sort_order = serializers.ChoiceField(["asc", "desc"], default="desc")


class AssistantFieldsSerializer(ConfiguredSerializer):
    name = TextField(required=False, max_length=500)
    description = TextField(required=False, allow_null=True, allow_blank=True)


class AssistantCreateSerializer(AssistantFieldsSerializer):
    graph_id = TextField()
    assistant_id = IdField("assistant", required=False)
    if_exists = serializers.ChoiceField(["raise", "do_nothing"], default="raise")


class AssistantPatchSerializer(AssistantFieldsSerializer):
    graph_id = TextField(required=False)


class AssistantFilterSerializer(serializers.Serializer[Any]):
    metadata = ObjectField(required=False)
    graph_id = TextField(required=False)
    name = TextField(required=False)


class AssistantSearchSerializer(AssistantFilterSerializer, SearchSerializer):
    SORTS = ("assistant_id", "created_at", "updated_at", "name", "graph_id")
    KEYS = (*SORTS, "description", "config", "context", "metadata", "version")

    sort_by = serializers.ChoiceField(SORTS, default="created_at")
    select = WordsField(choices=KEYS, required=False)


class VersionsSerializer(PageSerializer):
    metadata = ObjectField(required=False)


class LatestSerializer(serializers.Serializer[Any]):
    version = WholeNumberField(min_value=0, max_value=MAX_NUMBER, required=False)


class SuperstepUpdateSerializer(serializers.Serializer[Any]):
    values = ValuesField(required=False, allow_null=True)
    as_node = TextField(required=False, allow_null=True)
    command = CommandSerializer(required=False, allow_null=True)


class SuperstepSerializer(serializers.Serializer[Any]):
    updates = SuperstepUpdateSerializer(many=True)


class TtlSerializer(serializers.Serializer[Any]):
    """How long a thread stays, and what of it goes then."""

    MAX = 100 * 365 * 24 * 60  # minutes

    ttl = NumberField(min_value=-MAX, max_value=MAX)
    strategy = serializers.ChoiceField(STRATEGIES, default="delete")


class PruneSerializer(serializers.Serializer[Any]):
    thread_ids = serializers.ListField(child=IdField("thread"), max_length=1000)
    strategy = serializers.ChoiceField(STRATEGIES, default="delete")


class ThreadCreateSerializer(serializers.Serializer[Any]):
    thread_id = IdField("thread", required=False)
    metadata = ObjectField(required=False)
    if_exists = serializers.ChoiceField(["raise", "do_nothing"], default="raise")
    supersteps = SuperstepSerializer(many=True, required=False)
    ttl = TtlSerializer(required=False)


class ThreadPatchSerializer(serializers.Serializer[Any]):
    metadata = ObjectField(required=False)
    ttl = TtlSerializer(required=False)


class ThreadFilterSerializer(serializers.Serializer[Any]):
    metadata = ObjectField(required=False)
    values = ObjectField(required=False)
    status = serializers.ChoiceField(Thread.Status.values, required=False)


class ThreadSearchSerializer(ThreadFilterSerializer, SearchSerializer):
    SORTS = ("thread_id", "status", "created_at", "updated_at", "state_updated_at")
    KEYS = (*SORTS, "metadata", "config", "values", "interrupts")
    ROOTS = ("config", "interrupts", "metadata", "values")

    ids = WordsField(required=False)
    sort_by = serializers.ChoiceField(SORTS, default="updated_at")
    select = WordsField(choices=KEYS, required=False)
    extract = ObjectField(required=False)

    def validate_extract(self, paths: dict[str, Any]) -> dict[str, str]:
        """Paths into the parts of a thread that hold data."""
        for path in paths.values():
            if not isinstance(path, str) or path.split(".")[0].split("[")[0] not in self.ROOTS:
                raise serializers.ValidationError(
                    f"Extract path {path!r} must start with one of: {', '.join(self.ROOTS)}"
                )
        return paths


class StateUpdateSerializer(serializers.Serializer[Any]):
    values = ValuesField(required=False, allow_null=True)
    as_node = TextField(required=False)
    checkpoint = CheckpointSerializer(required=False)
    checkpoint_id = TextField(required=False)


class StateAtSerializer(serializers.Serializer[Any]):
    checkpoint = CheckpointSerializer()
    subgraphs = SwitchField(default=False)


class HistorySerializer(serializers.Serializer[Any]):
    limit = WholeNumberField(min_value=1, max_value=1000, default=1)
    before = ObjectField(required=False)
    metadata = ObjectField(required=False)
    checkpoint = CheckpointSerializer(required=False)


class HistoryQuerySerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=1)
    before = serializers.CharField(required=False)


class RunListQuerySerializer(serializers.Serializer[Any]):
    KEYS = (
        "run_id",
        "thread_id",
        "assistant_id",
        "created_at",
        "updated_at",
        "status",
        "metadata",
        "kwargs",
        "multitask_strategy",
        "langsmith_session_name",
    )

    limit = serializers.IntegerField(min_value=0, max_value=1000, default=10)
    offset = serializers.IntegerField(min_value=0, max_value=MAX_NUMBER, default=0)
    status = serializers.ChoiceField(Run.Status.values, required=False)
    select = serializers.MultipleChoiceField(choices=KEYS, required=False)
