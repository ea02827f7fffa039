"""One verdict for several tasks, for programs: the same services as the pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from hitl_console.headers import PRIVATE
from reviews import bulk, services
from reviews.api.serializers import KINDS, ActionVerdictSerializer, DecisionSerializer
from reviews.api.views import IDEMPOTENCY_KEY, MayReviewTasks, ReviewTaskViewSet, tasks_of
from reviews.digests import digest_of
from reviews.models import Batch, BatchItem, Decision, ReviewTask
from reviews.payloads import AnswerRefused

NOT_FOUND = "not_found"


class ChosenSerializer(serializers.Serializer[Any]):
    """A task, and which edition of it was looked at."""

    task = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    seen = serializers.CharField(
        max_length=100, help_text="the task's `edition`, or its `digest`: what the verdict is about"
    )


class SharedVerdictSerializer(serializers.Serializer[Any]):
    """The verdict on all of them."""

    kind = serializers.ChoiceField(choices=KINDS, required=False, help_text="not beside `actions`")
    value = serializers.JSONField(required=False, allow_null=True)
    actions = ActionVerdictSerializer(many=True, required=False)
    message = serializers.CharField(
        required=False, max_length=4_000, help_text="why; needed to reject, and told to the agents"
    )


class BatchSerializer(serializers.Serializer[Any]):
    """Several tasks and one verdict."""

    tasks = ChosenSerializer(many=True, allow_empty=False)
    verdict = SharedVerdictSerializer()
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="between people: no agent sees it"
    )

    def validate_tasks(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({chosen["task"] for chosen in tasks}) < len(tasks):
            raise serializers.ValidationError("Each task once.")
        if len(tasks) > bulk.CAP:
            raise serializers.ValidationError(f"At most {bulk.CAP} tasks.")
        return tasks


class ResultSerializer(serializers.Serializer[Any]):
    """What became of one task."""

    task = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=[*BatchItem.Outcome.values, NOT_FOUND])
    detail = serializers.CharField(help_text="why it was not decided")
    decision = DecisionSerializer(allow_null=True)


class BatchResultSerializer(serializers.Serializer[Any]):
    """What became of all of them, in the order they were sent."""

    batch = serializers.IntegerField()
    results = ResultSerializer(many=True)


class BulkView(GenericAPIView[ReviewTask]):
    """The door to decide several tasks."""

    authentication_classes = ReviewTaskViewSet.authentication_classes
    permission_classes = [MayReviewTasks]
    serializer_class = BatchSerializer
    queryset = ReviewTask.objects.none()

    @property
    def default_response_headers(self) -> dict[str, str]:
        """On every answer, errors included."""
        return super().default_response_headers | PRIVATE

    @extend_schema(
        request=BatchSerializer, responses=BatchResultSerializer, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request) -> Response:
        """Give up to 200 tasks one verdict: a decision for each that still is what was seen.

        They have to ask the same thing: same assistant, node, shape and tools. One that is of high
        risk, claimed by somebody else or different is not decided, and its result says why.
        """
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        key, digest = request.headers.get("Idempotency-Key", ""), digest_of(request.data)
        batch = self._begun(key) or self._begin(given, key[:255], digest)
        if batch.body_digest not in ("", digest):
            detail = "This Idempotency-Key was used with another body."
            return Response({"detail": detail}, status=422)
        services.run_batch(batch=batch)
        return Response({"batch": batch.pk, "results": list(results(batch, given["tasks"]))})

    def handle_exception(self, exc: Exception) -> Response:
        """A verdict that cannot be shared, in the API's words."""
        if isinstance(exc, AnswerRefused):
            errors = [{"pointer": f"/verdict{e.pointer}", "message": e.message} for e in exc.errors]
            return Response({"detail": str(exc), "errors": errors}, status=422)
        return super().handle_exception(exc)

    def _begun(self, key: str) -> Batch | None:
        """The batch a request with this key has made."""
        made = Batch.objects.of(self._person()).filter(idempotency_key=key)
        return made.select_related("reviewer").first() if key else None

    def _begin(self, given: Mapping[str, Any], key: str, digest: str) -> Batch:
        seen = {chosen["task"]: chosen["seen"] for chosen in given["tasks"]}
        tasks = services.tasks_to_compare(tasks_of(self.request).filter(pk__in=seen).order_by("pk"))
        try:
            with transaction.atomic():
                batch = services.prepare_batch(
                    reviewer=self._person(),
                    verdict=given["verdict"],
                    tasks=tasks,
                    found=len(tasks),
                    via=Decision.Via.API,
                    seen=seen,
                    idempotency_key=key,
                    body_digest=digest if key else "",
                )
                services.begin_batch(batch=batch, comment=given["comment"])
        except IntegrityError:  # the same request, sent twice at once
            if (batch_made := self._begun(key)) is None:
                raise
            return batch_made
        return batch

    def _person(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user


def results(batch: Batch, chosen: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What became of each task that was sent."""
    items = batch.items.select_related("decision__delivery", "decision__reviewer")
    found = {item.task_id: item for item in items}
    for one in chosen:
        item = found.get(one["task"])
        if item is None:
            yield {"task": one["task"], "outcome": NOT_FOUND, "detail": "", "decision": None}
            continue
        decision = DecisionSerializer(item.decision).data if item.decision else None
        yield {
            "task": item.task_id,
            "outcome": item.outcome,
            "detail": item.why,
            "decision": decision,
        }
