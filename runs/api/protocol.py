"""The thread-centric protocol: commands to a thread, and one stream of all that happens on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Q
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api import serializers, streams
from runs.api.auth import may, require
from runs.api.endpoint import Endpoint, id_of
from runs.api.negotiation import InvalidJSON, StrictJSONParser, sentence
from runs.api.permits import caller_of, of_threads, permitted
from runs.api.protocol_events import MODES, Wanted, followed, is_namespace, wanted_in
from runs.api.runs import EVENTS
from runs.api.starting import RunStarter, permitted_run
from runs.exceptions import AlreadyAnswered, AnswerRefused, NothingPending, WrongInterrupts
from runs.models import Interrupt, Run, Scope, Thread

MALFORMED = "Protocol commands must include an integer id and string method."
NO_RESPONSE = "input.respond requires an interrupt_id and a response, or a list of responses."
NO_SUBSCRIPTION = "subscription.unsubscribe requires a subscription_id."
RUN_FIELDS = ("assistant_id", "input", "config", "metadata")
Result = dict[str, Any]


class Refused(Exception):
    """A command that cannot be done, in the protocol's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class CommandsView(RunStarter):
    @extend_schema(
        operation_id="threads_commands",
        request=OpenApiTypes.OBJECT,
        responses=OpenApiTypes.OBJECT,
        tags=["Threads"],
    )
    def post(self, request: Request, thread_id: str) -> Response:
        """Do one thing to a thread: `run.start`, `input.respond`, ...; errors are answers too."""
        at = id_of("thread", thread_id)
        try:
            command = StrictJSONParser().parse(request._request)  # type: ignore[arg-type]
        except InvalidJSON:
            raise ParseError("Invalid JSON body") from None
        if not is_command(command):
            body = failure(None, "invalid_argument", MALFORMED)
            return Response(body, status=status.HTTP_400_BAD_REQUEST)
        try:
            return Response(success(command["id"], self._do(at, command)))
        except Refused as refused:
            return Response(failure(command["id"], refused.code, refused.message))
        except APIException as error:
            return Response(failure(command["id"], *_words_for(error)))

    def _do(self, at: UUID, command: dict[str, Any]) -> Result:
        does = COMMANDS.get(command["method"])
        if does is None:
            message = f"Unknown protocol command: {command['method']}"
            raise Refused("unknown_command", message)
        params = command.get("params", {})
        if not isinstance(params, dict):
            raise Refused("invalid_argument", "params must be an object.")
        return does(self, at, params)

    def start_run(self, at: UUID, params: dict[str, Any]) -> Result:
        """Start a run, on a new thread if there is none; behind the one that is there."""
        if not isinstance(params.get("assistant_id"), str):
            raise Refused("invalid_argument", "run.start requires an assistant_id.")
        said = {name: params[name] for name in RUN_FIELDS if name in params}
        asked = self._in_shape(serializers.ThreadRunSerializer, said)
        asked |= {"if_not_exists": "create", "stream_subgraphs": True}
        return {"run_id": self.start_on(at, asked, MODES).pk}

    def respond(self, at: UUID, params: dict[str, Any]) -> Result:
        """Answer what a thread waits for, by interrupt id; its run goes on as it was started."""
        answers = _answers_in(params)
        require(self.request, Scope.RESUME)
        asked = self._resumption_in(answers, params)
        among = permitted_run(self.request, at, None, asked)
        pending = {one.key: one for one in _pending_on(at, among)}
        for key in answers:
            if key not in pending:
                raise _no_such_interrupt(key)
        asking = pending[next(iter(answers))].run
        services.create_run(
            thread=Thread(pk=at),
            assistant=asking.assistant or services.get_assistant(asking.graph_id),
            request=self._resumption_of(asking, asked),
            continues=asking,
            actor=self.request.user,  # type: ignore[arg-type]  # a key has a user
            may_decide=may(self.request, Scope.TASKS_DECIDE),
            among=among,
        )
        return {}

    def _resumption_in(self, answers: Result, params: dict[str, Any]) -> dict[str, Any]:
        said = {name: params[name] for name in ("update", "goto") if name in params}
        command = self._in_shape(serializers.CommandSerializer, said | {"resume": answers})
        more = {name: params[name] for name in ("config", "metadata") if name in params}
        return self._in_shape(serializers.ConfiguredSerializer, more) | {"command": command}

    def _resumption_of(self, asking: Run, given: dict[str, Any]) -> Result:
        before = services.continuation_of(asking)
        config = before["config"] | given.get("config", {})
        config["configurable"] = {
            **before["config"].get("configurable", {}),
            **given.get("config", {}).get("configurable", {}),
        }
        return before | {
            "command": given["command"],
            "config": config,
            "metadata": given.get("metadata", {}),
            "caller": caller_of(self.request) or before["caller"],
            "stream_mode": MODES,
            "stream_subgraphs": True,
            "strict_resume": True,
        }

    def subscribe(self, at: UUID, params: dict[str, Any]) -> Result:
        """Over HTTP each stream says for itself what it wants; this only checks the words."""
        subscribed(params)
        return {"subscription_id": str(uuid4()), "replayed_events": 0}

    def unsubscribe(self, at: UUID, params: dict[str, Any]) -> Result:
        """Over HTTP a stream ends when its client leaves."""
        subscription_in(params)
        return {}

    def get_tree(self, at: UUID, params: dict[str, Any]) -> Result:
        """What is at work on a thread."""
        among = of_threads(permitted(self.request, "threads", "read", {"thread_id": at}))
        run = Run.objects.on(at).filter(among).active().order_by("pk").first()
        if run is None or params.get("run_id", str(run.pk)) != str(run.pk):
            raise Refused("no_such_run", "No active run is bound to this thread.")
        started = "running" if run.status == Run.Status.RUNNING else "started"
        return {"tree": {"namespace": [], "status": started, "graph_name": run.graph_id}}


COMMANDS: dict[str, Callable[[CommandsView, UUID, dict[str, Any]], Result]] = {
    "run.start": CommandsView.start_run,
    "input.respond": CommandsView.respond,
    "subscription.subscribe": CommandsView.subscribe,
    "subscription.unsubscribe": CommandsView.unsubscribe,
    "agent.getTree": CommandsView.get_tree,
}


class EventsView(Endpoint):
    @extend_schema(
        operation_id="threads_events",
        request=OpenApiTypes.OBJECT,
        responses=EVENTS,
        tags=["Threads"],
    )
    def post(self, request: Request, thread_id: str) -> StreamingHttpResponse:
        """Follow a thread from its first event, or from `since` on; also before it is made."""
        at = id_of("thread", thread_id)
        asked = StrictJSONParser().parse(request._request)  # type: ignore[arg-type]
        wanted = wanted_in(asked if isinstance(asked, dict) else {})
        among = permitted_to_follow(request, at)
        return streams.sse_response(framed(at, wanted, among), {})


def permitted_to_follow(request: Request, thread_id: UUID) -> Q:
    """Ask whether a request may follow a thread, made or not; of its runs, which."""
    among = permitted(request, "threads", "read", {"thread_id": thread_id})
    if among and Thread.objects.filter(pk=thread_id).exists():
        services.get_thread(thread_id, among)
    return of_threads(among)


async def framed(thread_id: UUID, wanted: Wanted, among: Q) -> AsyncIterator[bytes]:
    """A thread's events as server-sent events, for as long as the client stays."""
    yield streams.HEADERS
    async for event in followed(thread_id, wanted, among):
        if event is None:
            yield b": heartbeat\r\n\r\n"
        else:
            yield streams.frame(event["method"], event, event["seq"])


def is_command(value: object) -> bool:
    """Whether something has the shape of a command."""
    return (
        isinstance(value, dict)
        and type(value.get("id")) is int
        and value["id"] >= 0
        and isinstance(value.get("method"), str)
    )


def success(command_id: int, result: Result, *, through: int = 0) -> Result:
    """The answer to a command that was done."""
    meta = {"applied_through_seq": through}
    return {"type": "success", "id": command_id, "result": result, "meta": meta}


def failure(command_id: int | None, code: str, message: str) -> Result:
    """The answer to a command that was not done."""
    return {"type": "error", "id": command_id, "error": code, "message": message}


def subscribed(params: dict[str, Any]) -> Wanted:
    """What a subscription is to bring."""
    try:
        return wanted_in(params)
    except ParseError as error:
        raise Refused("invalid_argument", str(error.detail)) from None


def subscription_in(params: dict[str, Any]) -> str:
    """The subscription a command ends."""
    found = params.get("subscription_id")
    if not isinstance(found, str):
        raise Refused("invalid_argument", NO_SUBSCRIPTION)
    return found


def _pending_on(thread_id: UUID, among: Q) -> list[Interrupt]:
    pending = Interrupt.objects.on(thread_id).filter(of_threads(among)).pending()
    pending = pending.filter(kind=Interrupt.Kind.DYNAMIC)
    return list(pending.select_related("run__assistant"))


def _answers_in(params: dict[str, Any]) -> dict[str, Any]:
    entries = params.get("responses", [params])
    if not isinstance(entries, list) or not entries or not all(map(_is_answer, entries)):
        raise Refused("invalid_argument", NO_RESPONSE)
    return {entry["interrupt_id"]: entry["response"] for entry in entries}


def _is_answer(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("interrupt_id"), str)
        and "response" in value
        and is_namespace(value.get("namespace", []))
    )


def _no_such_interrupt(key: str) -> Refused:
    return Refused("no_such_interrupt", f"Unknown or already-consumed interrupt: {key}")


def _words_for(error: APIException) -> tuple[str, str]:
    """What went wrong, as a code of the protocol and a sentence."""
    said = sentence(error.detail)
    if isinstance(error, (AlreadyAnswered, NothingPending)):
        return "no_such_interrupt", said
    if isinstance(error, (ValidationError, AnswerRefused, WrongInterrupts)):
        return "invalid_argument", said
    if error.status_code == status.HTTP_403_FORBIDDEN:
        return "permission_denied", said
    return "unknown_error", f"{error.status_code}: {said}"
