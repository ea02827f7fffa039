"""JSON-RPC 2.0 over HTTP: what the endpoints of MCP and A2A have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from hitl_console.origin import is_ours
from runs.api.negotiation import InvalidJSON, StrictJSONParser, sentence
from runs.api.starting import RunStarter

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
REFUSED = -32000  # the first code that is left to servers; `data` says more
FOREIGN = "Pages of other sites may not use this endpoint."
MALFORMED = "This is no JSON-RPC 2.0 request: it needs jsonrpc, an id, and a method."


class Refused(Exception):
    """A request that cannot be done, in JSON-RPC's words."""

    def __init__(
        self, code: int, message: str, data: Any = None, *, http_status: int = 200
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data
        self.http_status = http_status


@dataclass(frozen=True, slots=True)
class Call:
    """One request; a notification has no id, and nobody waits for an answer."""

    id: str | int | None
    method: str
    params: dict[str, Any]


class RpcEndpoint(RunStarter):
    """Endpoints that take one request; whatever is wrong with it is an answer too."""

    def answer(self, do: Callable[[Call], Any]) -> HttpResponseBase:
        """Do what the body asks; a response that `do` makes itself is passed on."""
        refuse_foreign_pages(self.request)
        body: Any = None
        try:
            body = StrictJSONParser().parse(self.request._request)  # type: ignore[arg-type]
            found = do(call_in(body))
        except InvalidJSON as error:
            return self._failed(None, Refused(PARSE_ERROR, sentence(error.detail), http_status=400))
        except Refused as refused:
            return self._failed(id_in(body), refused)
        except APIException as error:
            return self._failed(id_in(body), words_for(error))
        is_response = isinstance(found, HttpResponseBase)
        return found if is_response else Response(success(id_in(body), found))

    def _failed(self, call_id: str | int | None, refused: Refused) -> Response:
        return Response(failure(call_id, refused), status=refused.http_status)


def call_in(body: Any) -> Call:
    """The request in a body."""
    is_request = isinstance(body, dict) and body.get("jsonrpc") == "2.0"
    has_id = is_request and ("id" not in body or id_in(body) is not None)
    if not has_id or not isinstance(body.get("method"), str):
        raise Refused(INVALID_REQUEST, MALFORMED, http_status=status.HTTP_400_BAD_REQUEST)
    params = body.get("params", {})
    if not isinstance(params, dict):
        raise Refused(INVALID_PARAMS, "params must be an object.")
    return Call(id_in(body), body["method"], params)


def id_in(body: Any) -> str | int | None:
    """The id of a request, as far as there is one."""
    found = body.get("id") if isinstance(body, dict) else None
    return found if type(found) in (str, int) else None


def success(call_id: str | int | None, result: Any) -> dict[str, Any]:
    """The answer to a request that was done."""
    return {"jsonrpc": "2.0", "id": call_id, "result": result}


def failure(call_id: str | int | None, refused: Refused) -> dict[str, Any]:
    """The answer to a request that was not done."""
    error = {"code": refused.code, "message": refused.message}
    if refused.data is not None:
        error["data"] = refused.data
    return {"jsonrpc": "2.0", "id": call_id, "error": error}


def words_for(error: APIException) -> Refused:
    """What the API refuses with a status code, as JSON-RPC's code; `data` keeps the status."""
    is_invalid = isinstance(error, ValidationError)
    code = status.HTTP_422_UNPROCESSABLE_ENTITY if is_invalid else error.status_code
    about_params = code in (status.HTTP_400_BAD_REQUEST, status.HTTP_422_UNPROCESSABLE_ENTITY)
    return Refused(
        INVALID_PARAMS if about_params else REFUSED,
        sentence(error.detail),
        {"status": code, "code": getattr(error.detail, "code", error.default_code)},
    )


def refuse_foreign_pages(request: Request) -> None:
    """A browser says where its page came from; programs say nothing."""
    origin = request.headers.get("Origin")
    if origin is None or origin in settings.CORS_ALLOWED_ORIGINS:
        return
    said = {"host": request.get_host(), "origin": origin}
    if not is_ours({k.encode(): v.encode("latin1", "replace") for k, v in said.items()}):
        raise PermissionDenied(FOREIGN)
