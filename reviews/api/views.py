"""Review tasks for programs: the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import action
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from hitl_console.headers import PRIVATE
from reviews import services
from reviews.api.serializers import (
    DecisionSerializer,
    RepairSerializer,
    TaskQuerySerializer,
    TaskRowSerializer,
    TaskSerializer,
    VerdictSerializer,
)
from reviews.exceptions import AlreadyDecided, ClaimedByOther, NothingToUndo, ReviewError
from reviews.models import Decision, ReviewTask, ReviewTaskQuerySet
from reviews.payloads import AnswerRefused
from runs.models import ApiKey, Scope

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    description="Repeated with the same body it returns the first answer; with another, 422.",
)

IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    description='The digest of the task the decision is about, as in `"<digest>"`; 409 when the '
    "task is no longer that one.",
)


class MayReviewTasks(BasePermission):
    """People by their session; keys by the scopes of review tasks."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            is_read = request.method in SAFE_METHODS
            return request.auth.may(Scope.TASKS_READ if is_read else Scope.TASKS_DECIDE)
        return bool(request.user and request.user.is_authenticated)


class NewestFirst(CursorPagination):
    """Pages of 50 that do not shift while tasks come and go."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = ("-created_at", "-id")


def tasks_of(request: Request) -> ReviewTaskQuerySet:
    """The tasks a person or a key may see."""
    if isinstance(request.auth, ApiKey) and request.auth.may(Scope.ADMIN):
        return ReviewTask.objects.all()
    return ReviewTask.objects.visible_to(request.user)


class ReviewTaskViewSet(ReadOnlyModelViewSet[ReviewTask]):
    """What agents wait for, and the door to decide it."""

    authentication_classes = [
        *api_settings.DEFAULT_AUTHENTICATION_CLASSES,  # type: ignore[list-item]  # imported by now
        SessionAuthentication,
    ]
    permission_classes = [MayReviewTasks]
    pagination_class = NewestFirst
    lookup_value_regex = r"\d+"
    queryset = ReviewTask.objects.none()

    @property
    def default_response_headers(self) -> dict[str, str]:
        """On every answer, errors included."""
        return super().default_response_headers | PRIVATE

    def get_queryset(self) -> ReviewTaskQuerySet:
        """The tasks this person or key may see."""
        tasks = tasks_of(self.request)
        if self.action != "list":
            return tasks.select_related("claimed_by", "queue", "interrupt").prefetch_related(
                "decisions__reviewer", "decisions__delivery"
            )
        query = TaskQuerySerializer(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return tasks.for_inbox().filter(**query.validated_data)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return TaskRowSerializer if self.action == "list" else TaskSerializer

    @extend_schema(parameters=[TaskQuerySerializer])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The tasks this person or key may see, newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        request=VerdictSerializer,
        responses=DecisionSerializer,
        parameters=[IDEMPOTENCY_KEY, IF_MATCH],
    )
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Decide a task. 409 says who was faster; 422 says which field is wrong (JSON Pointers)."""
        body = VerdictSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        verdict = dict(body.validated_data)
        decision = services.decide(
            task=self.get_object(),
            reviewer=self._person(),
            comment=verdict.pop("comment"),
            seen_digest=verdict.pop("seen_digest"),
            confirmed=verdict.pop("confirmed"),
            verdict=verdict,
            via=Decision.Via.API,
            idempotency_key=request.headers.get("Idempotency-Key", ""),
            seen=request.headers.get("If-Match", "").strip('" '),
        )
        decision.refresh_from_db()
        return Response(DecisionSerializer(decision).data)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Take a task for fifteen minutes, or renew one's claim."""
        task = services.claim_task(
            task=self.get_object(), reviewer=self._person(), via=Decision.Via.API
        )
        return Response(TaskSerializer(task).data)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Give a claim back."""
        task = services.release_task(
            task=self.get_object(), reviewer=self._person(), via=Decision.Via.API
        )
        return Response(TaskSerializer(task).data)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Take back one's decision while it is held; 409 once the agent has it."""
        task = self.get_object()
        decision = Decision.objects.standing_on(task)
        if decision is None:
            raise NothingToUndo(task)
        task = services.undo_decision(
            decision=decision, reviewer=self._person(), via=Decision.Via.API
        )
        return Response(TaskSerializer(task).data)

    @extend_schema(request=RepairSerializer, responses=DecisionSerializer)
    @action(detail=True, methods=["post"])
    def repair(self, request: Request, pk: str) -> Response:
        """Send a stuck task's answer again, or have its question asked again."""
        body = RepairSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decision = services.repair(
            task=self.get_object(),
            reviewer=self._person(),
            kind=body.validated_data["kind"],
            via=Decision.Via.API,
        )
        return Response(DecisionSerializer(decision).data)

    @extend_schema(request=None, responses=TaskSerializer)
    @action(detail=True, methods=["post"], url_path="accept-change")
    def accept_change(self, request: Request, pk: str) -> Response:
        """Let an open task be decided although its graph was changed since it asked."""
        task = services.accept_change(
            task=self.get_object(), reviewer=self._person(), via=Decision.Via.API
        )
        return Response(TaskSerializer(task).data)

    def handle_exception(self, exc: Exception) -> Response:
        """What reviews refuse, in the API's words."""
        if isinstance(exc, AnswerRefused):
            errors = [{"pointer": e.pointer, "message": e.message} for e in exc.errors]
            return Response({"detail": str(exc), "errors": errors}, status=422)
        if isinstance(exc, ReviewError):
            return Response(conflict(exc), status=exc.status_code)
        return super().handle_exception(exc)

    def _person(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user


def conflict(error: ReviewError) -> dict[str, Any]:
    """Who was faster, with what, and when."""
    body: dict[str, Any] = {"detail": str(error), "status": error.task.status}
    if isinstance(error, ClaimedByOther) and error.task.holder:
        body["claimed_by"] = error.task.holder.get_username()
    if isinstance(error, AlreadyDecided) and error.decision:
        body["decision"] = DecisionSerializer(error.decision).data
    return body
