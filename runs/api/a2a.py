"""A2A, the Agent2Agent protocol: an assistant as an agent that other agents talk to.

A context is a thread. A task that waits for a person is `input-required`; a message to it is an
answer, and goes through the same door as every other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api import a2a_words, serializers, streams
from runs.api.a2a_tasks import Task, artifact_bodies, status_body, task_body, task_waiting_on
from runs.api.a2a_words import NEW, OLD, SendSerializer, TaskSerializer, Words
from runs.api.assistants import find_assistant
from runs.api.endpoint import Endpoint
from runs.api.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    MALFORMED,
    METHOD_NOT_FOUND,
    Call,
    Refused,
    RpcEndpoint,
    failure,
    success,
)
from runs.api.negotiation import dumps
from runs.api.runs import NOTHING, find_run
from runs.api.threads import find_thread
from runs.exceptions import InvalidInput, NotFound
from runs.models import Assistant, Run

MODES = ["application/json", "text/plain"]
NO_TASK = "Task not found"
NO_QUESTION = "The task asks nothing that a message could answer."
OVER = "The task is not at work: there is nothing to cancel."
NO_MESSAGES = (
    "Assistant '{0}' (graph '{1}') does not support A2A conversational messages. Graph input "
    "schema must include a 'messages' field to accept text or file parts. Available input fields: "
    "{2}"
)


class A2aView(RpcEndpoint):
    """What is done for one assistant, in the version of A2A the client speaks."""

    assistant: Assistant
    words: Words

    @extend_schema(
        operation_id="a2a",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, (200, "text/event-stream"): OpenApiTypes.STR},
        tags=["A2A"],
    )
    def post(self, request: Request, assistant_id: str) -> HttpResponseBase:
        """Talk to an assistant: send it messages, stream, look at its tasks, cancel them."""
        self.assistant = find_assistant(request, assistant_id)
        return self.answer(self._do)

    def _do(self, call: Call) -> Any:
        if call.id is None:
            raise Refused(INVALID_REQUEST, MALFORMED, http_status=status.HTTP_400_BAD_REQUEST)
        self._refuse_other_versions()
        does = METHODS.get(call.method)
        if does is None:
            raise Refused(METHOD_NOT_FOUND, f"Method not found: {call.method}")
        self.words = OLD if "/" in call.method else NEW
        return does(self, call)

    def _refuse_other_versions(self) -> None:
        asked = self.request.headers.get("A2A-Version") or OLD.version
        if not any(f"{asked}.".startswith(f"{one.version}.") for one in (OLD, NEW)):
            message = f"A2A version {asked[:20]} is not supported: speak 0.3 or 1.0."
            raise Refused(a2a_words.UNSUPPORTED_VERSION, message)

    def send(self, call: Call) -> Any:
        """Begin a task or answer it, and say how it stands once it is over or waits."""
        asked = self._in_shape(SendSerializer, call.params)
        task, run = self._begin(asked["message"])
        wanted = asked.get("configuration", {})
        length = wanted.get("historyLength")
        if wanted.get("returnImmediately") or not wanted.get("blocking", True):
            return self.words.one_of("task", task_body(task, self.words, length))

        def tell(run: Run) -> bytes | None:
            if Run.objects.active().filter(pk=run.pk).exists():
                return None
            if (now := fresh(task)) is None:
                return dumps(failure(call.id, Refused(a2a_words.TASK_NOT_FOUND, NO_TASK)))
            body = self.words.one_of("task", task_body(now, self.words, length))
            return dumps(success(call.id, body))

        return streams.json_response(streams.told(run, tell), {})

    def stream(self, call: Call) -> HttpResponseBase:
        """The same, told from the start: the task, what it came to, and how it stands then."""
        asked = self._in_shape(SendSerializer, call.params)
        task, run = self._begin(asked["message"])
        return self._followed(call, task, run)

    def subscribe(self, call: Call) -> HttpResponseBase:
        """Follow a task that was begun before."""
        task = self._task(self._in_shape(TaskSerializer, call.params)["id"])
        return self._followed(call, task, task.last)

    def get_task(self, call: Call) -> dict[str, Any]:
        """How a task stands."""
        asked = self._in_shape(TaskSerializer, call.params)
        task = self._task(asked["id"])
        return self._bare(task, asked.get("historyLength"))

    def cancel(self, call: Call) -> dict[str, Any]:
        """Stop a task that is at work; what a person is asked is not withdrawn."""
        task = self._task(self._in_shape(TaskSerializer, call.params)["id"], "update")
        try:
            services.cancel_run(run=task.last)
        except NotFound:
            raise Refused(a2a_words.NOT_CANCELABLE, OVER) from None
        return self._bare(self._task(task.id))

    def _bare(self, task: Task, length: int | None = None) -> dict[str, Any]:
        return self.words.bare("task", task_body(task, self.words, length))

    def _task(self, text: str, does: str = "read") -> Task:
        """The task of that id, of this assistant; `does` is what is about to be done to it."""
        thread_id, _, run_id = text.partition(":")
        try:
            first = find_run(self.request, thread_id, run_id, does)
        except (InvalidInput, NotFound):
            raise Refused(a2a_words.TASK_NOT_FOUND, NO_TASK) from None
        if first.assistant_id != self.assistant.pk:
            raise Refused(a2a_words.TASK_NOT_FOUND, NO_TASK)
        return Task(first)

    def _begin(self, message: dict[str, Any]) -> tuple[Task, Run]:
        """What a message does: it answers a task that waits, or begins one."""
        context: UUID | None = message.get("contextId")
        task = self._task(message["taskId"]) if "taskId" in message else None
        if task and context not in (None, task.first.thread_id):
            raise Refused(INVALID_PARAMS, "The task belongs to another context.")
        if task is None and context and (task := task_waiting_on(context)):
            find_thread(self.request, str(context))
        if task:
            run = self._answer(task, message)
            return Task(task.first), run
        run = self.start_on(context or uuid4(), self._asked(message), NOTHING)
        return Task(run), run

    def _answer(self, task: Task, message: dict[str, Any]) -> Run:
        """Answer what a task asked, by the ids of its questions: none that came since is meant."""
        questions, value = task.questions, a2a_words.answer_in(message["parts"])
        if not questions:
            raise Refused(INVALID_PARAMS, NO_QUESTION)
        if len(questions) == 1 and not services.is_answer_map(value):
            value = {questions[0].key: value}
        asked = services.continuation_of(questions[0].run) | {
            "assistant_id": str(self.assistant.pk),
            "command": {"resume": value},
            "if_not_exists": "reject",
            "strict_resume": True,
        }
        return self.start_on(task.first.thread_id, asked, NOTHING)

    def _asked(self, message: dict[str, Any]) -> dict[str, Any]:
        """The request for a run that hears the message."""
        texts, data = a2a_words.words_and_data(message["parts"])
        given: dict[str, Any] = {}
        for part in data:
            if not isinstance(part, dict):
                raise Refused(INVALID_PARAMS, "parts: The data must be an object of input fields.")
            given |= part
        if texts:
            fields = input_fields(self.assistant)["properties"]
            if "messages" not in fields:
                about = (self.assistant.pk, self.assistant.graph_id, fields)
                raise Refused(INVALID_PARAMS, NO_MESSAGES.format(*about))
            said = {"role": "user", "content": "\n".join(texts), "id": message["messageId"]}
            given["messages"] = [said]
        asked = {"assistant_id": str(self.assistant.pk), "input": given, "if_not_exists": "create"}
        return self._in_shape(serializers.ThreadRunSerializer, asked)

    def _followed(self, call: Call, task: Task, run: Run) -> HttpResponseBase:
        first = _event(call, self.words.one_of("task", task_body(task, self.words)))

        def tell(run: Run) -> bytes | None:
            if Run.objects.active().filter(pk=run.pk).exists():
                return None
            now = fresh(task)
            return b"".join(_event(call, one) for one in _updates(now, self.words)) if now else b""

        async def followed() -> AsyncIterator[bytes]:
            yield first
            async for part in streams.told(run, tell):
                yield part

        return streams.sse_response(followed(), {})


METHODS: dict[str, Callable[[A2aView, Call], Any]] = {
    "message/send": A2aView.send,
    "message/stream": A2aView.stream,
    "tasks/get": A2aView.get_task,
    "tasks/cancel": A2aView.cancel,
    "tasks/resubscribe": A2aView.subscribe,
    "SendMessage": A2aView.send,
    "SendStreamingMessage": A2aView.stream,
    "GetTask": A2aView.get_task,
    "CancelTask": A2aView.cancel,
    "SubscribeToTask": A2aView.subscribe,
}


class AgentCardView(Endpoint):
    @extend_schema(
        operation_id="agent_card",
        parameters=[OpenApiParameter("assistant_id", required=True)],
        responses=OpenApiTypes.OBJECT,
        tags=["A2A"],
    )
    def get(self, request: Request) -> Response:
        """The card by which other agents know an assistant."""
        asked = request.query_params.get("assistant_id")
        if not asked:
            message = "Missing required query parameter: assistant_id"
            error = {"code": INVALID_PARAMS, "message": message}
            return Response({"error": error}, status=status.HTTP_400_BAD_REQUEST)
        assistant = find_assistant(request, asked)
        return Response(card_body(assistant, request.build_absolute_uri(f"/a2a/{assistant.pk}")))


def card_body(assistant: Assistant, url: str) -> dict[str, Any]:
    """An agent card, readable in both versions of A2A."""
    description = assistant.description or f"{assistant.name} assistant"
    fields = input_fields(assistant)
    skill = {
        "id": f"{assistant.pk}-main",
        "name": f"{assistant.name} Capabilities",
        "description": description,
        "tags": ["assistant", "langgraph"],
        "examples": [],
        "inputModes": MODES,
        "outputModes": MODES,
        "metadata": {"inputSchema": fields | {"supportsA2A": "messages" in fields["properties"]}},
    }
    interface = {"url": url, "protocolBinding": "JSONRPC"}
    return {
        "name": assistant.name,
        "description": description,
        "url": url,
        "supportedInterfaces": [interface | {"protocolVersion": one} for one in ("1.0", "0.3")],
        "capabilities": {
            "streaming": True,
            "pushNotifications": False,
            "stateTransitionHistory": False,
        },
        "defaultInputModes": MODES,
        "defaultOutputModes": MODES,
        "skills": [skill],
        "version": settings.SPECTACULAR_SETTINGS["VERSION"],
    }


def input_fields(assistant: Assistant) -> dict[str, list[str]]:
    """What a graph takes, by the names of its fields."""
    schema = services.input_schema(assistant) or {}
    return {
        "required": list(schema.get("required", [])),
        "properties": list(schema.get("properties", {})),
    }


def fresh(task: Task) -> Task | None:
    """The task as it is by now; None once its run was rolled back."""
    first = Run.objects.filter(pk=task.first.pk).first()
    return Task(first) if first else None


def _updates(task: Task, words: Words) -> list[dict[str, Any]]:
    """What is told at the end of a stream."""
    ids = {"taskId": task.id, "contextId": str(task.first.thread_id)}
    found = [
        words.one_of("artifact-update", ids | {"artifact": artifact, "lastChunk": True})
        for artifact in artifact_bodies(task, words)
    ]
    is_last = {"final": True} if words.is_old else {}
    return [
        *found,
        words.one_of("status-update", ids | {"status": status_body(task, words)} | is_last),
    ]


def _event(call: Call, result: dict[str, Any]) -> bytes:
    return b"data: %s\r\n\r\n" % dumps(success(call.id, result))
