"""The Model Context Protocol: every assistant is a tool; one that asks a person says where.

Streamable HTTP without sessions: each request stands for itself and is answered in JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from runs import services
from runs.api import streams
from runs.api.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, Call, Refused, RpcEndpoint, success
from runs.api.negotiation import dumps
from runs.api.runs import NOTHING, bound
from runs.api.tools import input_of, tool_body, tools
from runs.models import Interrupt, Run

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
UNSUPPORTED_VERSION = -32022
PAGE = 100  # tools in one answer
INSTRUCTIONS = (
    "Each tool runs an agent. An agent may have to ask a person first; its tool then answers at "
    "once, says which thread waits for which answer, and has not done what was asked of it yet."
)
NOT_FINISHED = (
    "This is not finished. A person is asked first: {what}. The thread {thread_id} goes on when "
    "that is decided; GET /threads/{thread_id}/state shows what came of it."
)
GONE = "The run was rolled back: nothing of it is left."
CANCELLED = "The run was cancelled before its end."


class McpView(RpcEndpoint):
    @extend_schema(
        operation_id="mcp",
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiTypes.OBJECT, 202: None},
        tags=["MCP"],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """One message of the Model Context Protocol; a notification is only taken."""
        return self.answer(self._do)

    @extend_schema(exclude=True)
    def delete(self, request: Request) -> Response:
        """There are no sessions that could be ended."""
        return Response(status=status.HTTP_404_NOT_FOUND)

    def _do(self, call: Call) -> Any:
        if call.method != "initialize":
            self._refuse_other_versions()
        if call.id is None:
            return Response(status=status.HTTP_202_ACCEPTED)
        does = METHODS.get(call.method)
        if does is None:
            raise Refused(METHOD_NOT_FOUND, f"Method not found: {call.method}")
        return does(self, call)

    def _refuse_other_versions(self) -> None:
        asked = self.request.headers.get("MCP-Protocol-Version")
        if asked is not None and asked not in VERSIONS:
            data = {"supported": VERSIONS, "requested": asked}
            message = f"Unsupported protocol version: {asked}"
            raise Refused(UNSUPPORTED_VERSION, message, data, http_status=400)

    def initialize(self, call: Call) -> dict[str, Any]:
        """Who is here; in the client's version of the protocol if it is known, else in ours."""
        asked = call.params.get("protocolVersion")
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[-1],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {
                "name": "HITL Console",
                "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            },
            "instructions": INSTRUCTIONS,
        }

    def ping(self, call: Call) -> dict[str, Any]:
        """Nothing but an answer."""
        return {}

    def list_tools(self, call: Call) -> dict[str, Any]:
        """A page of the tools there are."""
        cursor = call.params.get("cursor") or "0"
        if not isinstance(cursor, str) or not (cursor.isascii() and cursor.isdecimal()):
            raise Refused(INVALID_PARAMS, "cursor: This must be a nextCursor of this server.")
        start = min(int(cursor[:9]), 10**9)
        found = list(tools(self.request).items())
        body: dict[str, Any] = {"tools": [tool_body(*one) for one in found[start : start + PAGE]]}
        return body | ({"nextCursor": str(start + PAGE)} if found[start + PAGE :] else {})

    def call_tool(self, call: Call) -> HttpResponseBase:
        """Run an assistant on a thread of its own, to its end or to where it asks a person."""
        name, arguments = call.params.get("name"), call.params.get("arguments", {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise Refused(INVALID_PARAMS, "tools/call needs a name, and arguments in an object.")
        if (assistant := tools(self.request).get(name)) is None:
            raise Refused(INVALID_PARAMS, f"Unknown tool: {name[:200]}")
        given = input_of(assistant, arguments)
        asked = {"assistant_id": str(assistant.pk), "input": given, "on_completion": "delete"}
        run = self.start_alone(asked, NOTHING)

        def tell(run: Run) -> bytes | None:
            result = result_of(run)
            return None if result is None else dumps(success(call.id, result))

        return streams.json_response(bound(streams.told(run, tell), run, cancels=False), {})


METHODS: dict[str, Callable[[McpView, Call], Any]] = {
    "initialize": McpView.initialize,
    "ping": McpView.ping,
    "tools/list": McpView.list_tools,
    "tools/call": McpView.call_tool,
}


def result_of(run: Run) -> dict[str, Any] | None:
    """What a tool says of its run; None while that is not over."""
    now = Run.objects.filter(pk=run.pk).first()
    if now is None:
        return _failed(GONE)
    if now.is_active:
        return None
    output = now.output
    if isinstance(output, dict) and "__error__" in output:
        error = output["__error__"]
        return _failed(f"{error.get('error')}: {error.get('message')}")
    if now.status != Run.Status.SUCCESS:
        return _failed(CANCELLED)
    result: dict[str, Any] = {"content": [_text(dumps(output).decode())]}
    if isinstance(output, dict):
        result["structuredContent"] = output
    return result | _waiting(now, result)


def _waiting(run: Run, result: dict[str, Any]) -> dict[str, Any]:
    """What is added where a person is asked; the thread stays for who comes back to it."""
    asked = list(Interrupt.objects.on(run.thread_id).unsettled().order_by("pk"))
    if not asked:
        return {}
    services.keep_thread(thread_id=run.thread_id)
    what = ", ".join(_name(one) for one in asked)
    said = _text(NOT_FINISHED.format(what=what, thread_id=run.thread_id))
    ids = {"thread_id": run.thread_id, "run_id": run.pk, "interrupts": [one.key for one in asked]}
    return {"content": [*result["content"], said], "_meta": ids}


def _name(asked: Interrupt) -> str:
    if asked.is_breakpoint:
        return f"to let it through a breakpoint at {asked.node}"
    return f"to answer the interrupt {asked.key} of {asked.node}"


def _failed(why: str) -> dict[str, Any]:
    return {"content": [_text(why)], "isError": True}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
