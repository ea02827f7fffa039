"""Who calls the API: a program with a key, acting as its own service user."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.timezone import now
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from runs import services
from runs.api.negotiation import BodyTooLarge, loads
from runs.api.permits import Caller
from runs.models import ApiKey, Scope
from runs.runtime import auth

if TYPE_CHECKING:  # the REST framework loads this module while it loads its views
    from rest_framework.views import APIView

ANONYMOUS = "key:anonymous"
SHUT_OUT = "This account is kept out."
CHALLENGE = 'Bearer realm="HITL Console"'
NO_KEY = "Invalid or missing API key."


class ApiKeyAuthentication(BaseAuthentication):
    """`X-Api-Key: <key>` or `Authorization: Bearer <key>`."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's user and the key; None where the request brings no key."""
        if settings.API_AUTH == "none":
            return _anonymous(request)
        text = _key_in(request)
        if text is None:
            return None
        key = ApiKey.objects.find(text)
        if key is None:
            raise AuthenticationFailed(NO_KEY)
        moment = now()
        if key.is_stale(moment):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=moment)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says of the way in."""
        return CHALLENGE


class CallerAuthentication(BaseAuthentication):
    """However the auth handlers of langgraph.json want it."""

    def __init__(self, handlers: auth.Handlers) -> None:
        self.handlers = handlers

    def authenticate(self, request: Request) -> tuple[User, Caller]:
        """The user that stands for who the handler says it is, and what lets them ask for more."""
        who = self.handlers.authenticate(_asked(request))
        user = services.user_called(who.identity)
        if not user.is_active:
            raise AuthenticationFailed(SHUT_OUT)
        return user, Caller(who, self.handlers)

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says of the way in, where the handler does not."""
        return CHALLENGE


def authenticators() -> list[BaseAuthentication]:
    """Who says who is asking: the auth handlers, where there are some, and then no key does."""
    handlers = auth.handlers()
    return [ApiKeyAuthentication()] if handlers is None else [CallerAuthentication(handlers)]


class HasScope(BasePermission):
    """The key may do what the view's `scopes` ask: one scope, or one for each method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises instead of answering no: 401 without a key, 403 naming the scope it lacks."""
        asked: Any = getattr(view, "scopes", Scope.ADMIN)
        method = "GET" if request.method == "HEAD" else request.method
        scope = asked.get(method, Scope.ADMIN) if isinstance(asked, dict) else asked
        require(request, scope)
        return True


class MayScrape(BasePermission):
    """A key for metrics; one for runs sees them too, as on the Agent Server."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises instead of answering no, naming the lesser scope."""
        if not may(request, Scope.RUNS):
            require(request, Scope.METRICS)
        return True


def may(request: Request, scope: str) -> bool:
    """Whether the request's key may do this; without a key nobody may anything."""
    key: object = request.auth
    if not isinstance(key, (ApiKey, Caller)):
        raise NotAuthenticated(NO_KEY)
    return key.may(scope)


def require(request: Request, scope: str) -> None:
    """Refuse a request whose key may not do this."""
    if not may(request, scope):
        whose = "This API key" if isinstance(request.auth, ApiKey) else "This caller"
        raise PermissionDenied(f"{whose} does not have the scope '{scope}'.")


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the key."""

    target_class = ApiKeyAuthentication
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An API key in a header."""
        return {"type": "apiKey", "in": "header", "name": "X-Api-Key"}


class CallerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes what auth handlers look at."""

    target_class = CallerAuthentication
    name = "AuthHandlers"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A token in a header, most likely."""
        return {"type": "http", "scheme": "bearer"}


def _key_in(request: Request) -> str | None:
    if text := request.headers.get("X-Api-Key"):
        return text
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


def _asked(request: Request) -> auth.AskedRequest:
    """The request as auth handlers look at it."""
    return auth.AskedRequest(
        method=str(request.method),
        path=request.path,
        path_params=dict(request.parser_context.get("kwargs", {})),
        query_params=request.query_params.dict(),
        headers=auth.Headers({name.lower(): text for name, text in request.headers.items()}),
        cookies=request.COOKIES,
        read=partial(_body_of, request._request),
        parse=loads,
    )


def _body_of(request: HttpRequest) -> bytes:
    """The bytes of a request's body, left to be read again."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw: bytes = request.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge
    request._stream = BytesIO(raw)
    return raw


def _anonymous(request: Request) -> tuple[User, ApiKey]:
    """Everybody on this machine, but no page of a site that is not let in, in a browser on it."""
    host = request.get_host()
    origin = request.headers.get("Origin", "")
    if origin and urlsplit(origin).netloc != host and origin not in settings.CORS_ALLOWED_ORIGINS:
        raise AuthenticationFailed("Without API keys, other sites may not use this API.")
    user, _ = User.objects.get_or_create(username=ANONYMOUS)
    return user, ApiKey(name="anonymous", user=user, scopes=list(Scope.values))
