"""Review tasks and decisions as the API shows and takes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from reviews import payloads
from reviews.models import Decision, Repair, ReviewTask
from reviews.payloads import Kind

KINDS = [(kind.value, kind.name) for kind in Kind]


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """One reviewer's answer and how far it got."""

    reviewer = serializers.CharField(source="reviewer.username")
    delivery = serializers.CharField(source="delivery.state")
    run_id = serializers.UUIDField(source="delivery.run_id", help_text="the run that carries it")
    send_after = serializers.DateTimeField(
        source="delivery.send_after", help_text="until then it can be undone; null: sent at once"
    )

    class Meta:
        model = Decision
        fields = (
            "id",
            "task_id",
            "reviewer",
            "kind",
            "value",
            "comment",
            "via",
            "delivery",
            "run_id",
            "send_after",
            "created_at",
        )


class TaskRowSerializer(serializers.ModelSerializer[ReviewTask]):
    """A task in a list: without what was asked, which may be large."""

    queue = serializers.CharField(source="queue.name")
    claimed_by = serializers.CharField(source="holder.username", default=None)
    assistant_id = serializers.UUIDField()
    edition = serializers.CharField(help_text="said with a verdict: which request it is about")

    class Meta:
        model = ReviewTask
        fields: tuple[str, ...] = (
            "id",
            "edition",
            "status",
            "shape",
            "title",
            "summary",
            "queue",
            "claimed_by",
            "graph_id",
            "assistant_id",
            "node",
            "namespace",
            "thread_id",
            "run_id",
            "created_at",
            "closed_at",
        )


class TaskSerializer(TaskRowSerializer):
    """A task with what was asked, what may be answered and what has been."""

    interrupt_id = serializers.SerializerMethodField()
    allowed = serializers.SerializerMethodField(help_text="the verdicts this task takes")
    decisions = DecisionSerializer(many=True, read_only=True)

    class Meta(TaskRowSerializer.Meta):
        fields = (
            *TaskRowSerializer.Meta.fields,
            "interrupt_id",
            "superseded_by",
            "checkpoint_id",
            "is_breakpoint",
            "position",
            "channels",
            "high_risk",
            "value",
            "response_schema",
            "digest",
            "fingerprint",
            "version",
            "allowed",
            "decisions",
        )

    def get_interrupt_id(self, task: ReviewTask) -> str | None:
        return task.interrupt.key if task.interrupt and not task.is_breakpoint else None

    def get_allowed(self, task: ReviewTask) -> list[str]:
        return [kind.value for kind in payloads.allowed_verdicts(task.asked)]


class ActionVerdictSerializer(serializers.Serializer[Any]):
    """The verdict on one of several actions, in the order they were asked."""

    kind = serializers.ChoiceField(choices=KINDS)
    args = serializers.DictField(required=False, help_text="for edit: the arguments to use")
    message = serializers.CharField(required=False, allow_blank=True, help_text="the agent sees it")


class VerdictSerializer(serializers.Serializer[Any]):
    """What a reviewer answers: `value` for a text, a form or any JSON; `actions` for tool calls.

    A breakpoint's `edit` takes as `value` what the state is updated with, by channel.
    """

    kind = serializers.ChoiceField(choices=KINDS, required=False, help_text="not beside `actions`")
    value = serializers.JSONField(required=False, allow_null=True)
    actions = ActionVerdictSerializer(many=True, required=False)
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="between people: no agent sees it"
    )
    confirmed = serializers.BooleanField(
        required=False,
        default=False,
        help_text="that the facts were checked: high risk needs it, and a reason in `comment`",
    )
    seen_digest = serializers.RegexField(
        r"^[0-9a-f]{64}$",
        required=False,
        default="",
        help_text="SHA-256 of the request as the reviewer was shown it; kept in the audit",
    )


class RepairSerializer(serializers.Serializer[Any]):
    """How a stuck task is put right."""

    kind = serializers.ChoiceField(choices=Repair.choices)


class TaskQuerySerializer(serializers.Serializer[Any]):
    """What a list of tasks may be narrowed by."""

    status = serializers.ChoiceField(choices=ReviewTask.Status.choices, required=False)
    graph_id = serializers.CharField(required=False)
    node = serializers.CharField(required=False)
    thread_id = serializers.UUIDField(required=False)
    queue = serializers.CharField(required=False, source="queue__name")
