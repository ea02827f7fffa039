"""What reviewers say to each other about a task, for programs."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from hitl_console.headers import PRIVATE
from reviews import services
from reviews.api.views import MayReviewTasks, ReviewTaskViewSet, tasks_of
from reviews.models import Decision, TaskComment


class CommentSerializer(serializers.ModelSerializer[TaskComment]):
    """A comment: only people and keys that see the task read it, and never an agent."""

    author = serializers.CharField(source="author.username", read_only=True)
    text = serializers.CharField(max_length=4_000)

    class Meta:
        model = TaskComment
        fields = ("id", "author", "text", "created_at")


class TaskCommentsView(GenericAPIView[TaskComment]):
    """The comments on a task."""

    authentication_classes = ReviewTaskViewSet.authentication_classes
    permission_classes = [MayReviewTasks]
    serializer_class = CommentSerializer

    @property
    def default_response_headers(self) -> dict[str, str]:
        """On every answer, errors included."""
        return super().default_response_headers | PRIVATE

    @extend_schema(operation_id="tasks_comments_list", responses=CommentSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """What was said about a task, in the order it was said."""
        task = get_object_or_404(tasks_of(request), pk=pk)
        comments = task.comments.select_related("author")
        return Response(CommentSerializer(comments, many=True).data)

    @extend_schema(operation_id="tasks_comments_create", responses={201: CommentSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Say something to everybody who reviews the task."""
        task = get_object_or_404(tasks_of(request), pk=pk)
        body = CommentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        comment = services.add_comment(
            task=task,
            author=request.user,
            text=body.validated_data["text"],
            via=Decision.Via.API,
        )
        return Response(CommentSerializer(comment).data, status=201)
