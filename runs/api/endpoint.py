"""What every endpoint of the LangGraph-compatible API has in common."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from hitl_console.headers import PRIVATE
from runs.api.auth import authenticators
from runs.api.negotiation import StrictJSONParser
from runs.exceptions import InvalidInput
from runs.models import Scope


class Endpoint(APIView):
    """Behind a key or auth handlers; bodies are read strictly, whatever their headers say."""

    is_ruled = True  # auth handlers stand in the place of keys
    http_method_names = ["get", "head", "post", "patch", "delete"]
    scopes: Scope | dict[str, Scope] = Scope.RUNS

    @property
    def default_response_headers(self) -> dict[str, str]:
        """On every answer, errors included."""
        return dict(PRIVATE)

    def get_authenticators(self) -> list[BaseAuthentication]:
        """What says who is asking."""
        return authenticators() if self.is_ruled else super().get_authenticators()

    def body(self, shape: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The request's body in this shape; only what the client sent and what has a default."""
        return self._in_shape(shape, StrictJSONParser().parse(self.request._request))  # type: ignore[arg-type]

    def bodies(self, shape: type[BaseSerializer[Any]]) -> list[dict[str, Any]]:
        """The request's body as a list of such, at least one."""
        value = StrictJSONParser().parse(self.request._request)  # type: ignore[arg-type]
        if not isinstance(value, list) or not value:
            raise ValidationError("The request body must be an array of at least one item.")
        return [self._in_shape(shape, item) for item in value]

    def query(self, shape: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The request's query parameters in this shape."""
        return self._in_shape(shape, self.request.query_params)

    def flag(self, name: str) -> bool:
        """A switch in the query string."""
        return self.request.query_params.get(name, "").lower() in ("true", "1", "yes", "on")

    def _in_shape(self, shape: type[BaseSerializer[Any]], value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("The request body must be an object.")
        serializer = shape(data=value)
        serializer.is_valid(raise_exception=True)
        found: dict[str, Any] = serializer.validated_data
        return found


def id_of(noun: str, text: str) -> UUID:
    """The UUID in a path."""
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput(f"Invalid {noun} ID: must be a UUID") from None


def ids_of(noun: str, texts: list[str]) -> list[UUID]:
    """The UUIDs in a search, whose mistakes are answered with 400."""
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            raise ParseError(f"Invalid {noun} ID {text}") from None
    return found


def not_found(request: HttpRequest) -> JsonResponse:
    """A path below the API's roots that is none of its own; without its slash it may be one."""
    if request.path.endswith("/"):
        query = f"?{request.META['QUERY_STRING']}" if request.META["QUERY_STRING"] else ""
        place = request.path.rstrip("/") + query
        return JsonResponse({}, status=307, headers={"Location": place} | PRIVATE)
    return JsonResponse({"detail": "Not Found"}, status=404, headers=PRIVATE)
