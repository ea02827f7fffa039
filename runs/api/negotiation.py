"""JSON in and JSON out, strictly read and quickly written; every error is one sentence."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from runs.exceptions import StorageLost

MAX_DEPTH = (
    128  # levels of nesting; what a graph keeps may be a little deeper than what it was sent
)
NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # Postgres keeps none in its JSON
BIG_NUMBER = re.compile(rb"\d{19}")
SEPARATORS = (",", ":")
AWAY = "The database cannot be reached. Nothing was done; try again."

logger = logging.getLogger(__name__)


class InvalidJSON(exceptions.APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "Invalid JSON in request body"
    default_code = "invalid_json"


class BodyTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request body is too large."
    default_code = "too_large"


class AlwaysJSON(BaseContentNegotiation):
    """Whatever a client sends or accepts: SDKs ask for event streams and get JSON errors."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser:  # type: ignore[override]
        """The first parser; the body's content type is not looked at."""
        return parsers[0]

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer; the Accept header is not looked at."""
        return renderers[0], str(renderers[0].media_type)


class StrictJSONParser(BaseParser):
    """JSON that every part of the house can keep: UTF-8, finite numbers, whole characters."""

    media_type = "*/*"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of a request body; an empty body has none."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise BodyTooLarge
        return loads(raw)


class OrjsonRenderer(BaseRenderer):
    """JSON as the Agent Server writes it: compact, UTF-8, times with microseconds and offset."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The bytes of a response; none at all where there is nothing to say."""
        return b"" if data is None else dumps(data)


def loads(raw: bytes) -> Any:
    """Strict JSON; whole numbers of any size stay exact."""
    if b"\\u0000" in raw:
        raw = NUL.sub(rb"\1\\ufffd", raw)
    try:
        value = orjson.loads(raw)
        if BIG_NUMBER.search(raw):
            value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError) or "depth" in str(error):
            raise _too_deep() from None
        raise InvalidJSON from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_too_deep(value):
        raise _too_deep()
    return value


def dumps(value: Any) -> bytes:
    """Compact JSON bytes of anything the API answers."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:  # numbers beyond 64 bits, lone surrogates
        return json.dumps(value, default=_plain, separators=SEPARATORS).encode()


def error_response(error: Exception, context: Mapping[str, Any]) -> Response:
    """`{"detail": "..."}` for whatever went wrong; the unexpected is logged and kept private."""
    if isinstance(error, (OperationalError, InterfaceError, StorageLost)):
        logger.warning("%s: %s", type(context["view"]).__name__, error)
        return Response({"detail": AWAY}, status=503, headers={"Retry-After": "1"})
    failure = _known(error)
    if failure is None:
        logger.exception("%s failed", type(context["view"]).__name__, exc_info=error)
        body = {"detail": "Internal Server Error"}
        return Response(body, status=status.HTTP_500_INTERNAL_SERVER_ERROR)
    headers: dict[str, str] = dict(getattr(failure, "headers", {}))
    if authenticate := getattr(failure, "auth_header", None):
        headers["WWW-Authenticate"] = authenticate
    if isinstance(failure, exceptions.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
        failure.detail = "Method Not Allowed"  # type: ignore[assignment]
    code = failure.status_code
    if isinstance(failure, exceptions.ValidationError):
        code = status.HTTP_422_UNPROCESSABLE_ENTITY
    return Response({"detail": sentence(failure.detail)}, status=code, headers=headers)


def sentence(detail: Any, field: str = "") -> str:
    """The first thing wrong, with the field it is wrong in."""
    if isinstance(detail, Mapping):
        name, inner = next(iter(detail.items()))
        path = field if name == "non_field_errors" else f"{field}.{name}" if field else str(name)
        return sentence(inner, path)
    if isinstance(detail, list):
        return sentence(next((one for one in detail if one), ""), field)
    return f"{field}: {detail}" if field else str(detail)


def _known(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, (Http404, ObjectDoesNotExist)):
        return exceptions.NotFound("Not Found")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge()
    if isinstance(error, DisallowedHost):
        return exceptions.ParseError("Invalid host header.")
    return None


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for one in level
            for item in (one.values() if isinstance(one, dict) else one)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def _too_deep() -> exceptions.APIException:
    return InvalidJSON(f"The request body is nested too deeply: more than {MAX_DEPTH} levels.")


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
