"""A deployment's own rules: the handlers of the `auth` object that langgraph.json names."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from langgraph_sdk import Auth
from langgraph_sdk.auth.exceptions import HTTPException
from langgraph_sdk.auth.types import AuthContext

from runs.exceptions import HandlerFailed, HandlerRefused
from runs.runtime import registry
from runs.runtime.jsonable import UNSTORABLE, jsonable

Filter = dict[str, Any]

ACTIONS = {
    "threads": {"create", "read", "update", "delete", "search", "create_run"},
    "assistants": {"create", "read", "update", "delete", "search"},
    "crons": {"create", "read", "update", "delete", "search"},
    "store": {"put", "get", "search", "delete", "list_namespaces"},
}
IDENTITY = ("identity", "display_name", "is_authenticated", "permissions")
UNAUTHORIZED, FORBIDDEN = 401, 403
NOBODY = "Unauthorized"
# What a run is told of who asked for it, under the names LangGraph gives it.
CONFIGURABLE = ("langgraph_auth_user", "langgraph_auth_user_id", "langgraph_auth_permissions")

logger = logging.getLogger(__name__)


class AuthUser(dict[str, Any]):
    """Who an authenticate handler says is asking; a dict, and an object with an `identity`."""

    def __init__(self, fields: Mapping[str, Any], source: Any = None) -> None:
        defaults = {"display_name": fields["identity"], "is_authenticated": True, "permissions": []}
        super().__init__(defaults | dict(fields))
        self.source = source  # the handler's own object: its methods are for its other handlers

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        return getattr(self.__dict__.get("source"), name)

    @property
    def identity(self) -> str:
        """The name by which the rules know them."""
        return str(self["identity"])

    @property
    def display_name(self) -> str:
        """The name they are called by."""
        return str(self["display_name"])

    @property
    def is_authenticated(self) -> bool:
        """Whether the handler believes them."""
        return bool(self["is_authenticated"])

    @property
    def permissions(self) -> list[str]:
        """What the handler lets them do, in its own words."""
        return list(self["permissions"] or ())


class Headers(dict[str, str]):
    """Headers by their names in lower case, asked for in any case."""

    def get(self, name: str, default: Any = None) -> Any:
        """One header."""
        return super().get(name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


@dataclasses.dataclass(frozen=True)
class AskedRequest:
    """A request as handlers look at it, with the names Starlette's has."""

    method: str
    path: str
    path_params: dict[str, Any]
    query_params: dict[str, str]
    headers: Headers
    cookies: dict[str, str]
    read: Callable[[], bytes]
    parse: Callable[[bytes], Any]

    async def body(self) -> bytes:
        """The bytes of its body."""
        return self.read()

    async def json(self) -> Any:
        """The value of its body; None for an empty one."""
        return self.parsed()

    def parsed(self) -> Any:
        """The same, for handlers that name `body`."""
        raw = self.read()
        return self.parse(raw) if raw else None


# What a handler may name among its parameters.
PARAMETERS: dict[str, Callable[[AskedRequest], Any]] = {
    "request": lambda asked: asked,
    "body": AskedRequest.parsed,
    "path": lambda asked: asked.path,
    "method": lambda asked: asked.method,
    "path_params": lambda asked: asked.path_params,
    "query_params": lambda asked: asked.query_params,
    "headers": lambda asked: {
        name.encode("latin-1"): value.encode("latin-1") for name, value in asked.headers.items()
    },
    "authorization": lambda asked: asked.headers.get("authorization"),
}


class Handlers:
    """The handlers of one auth object, asked as LangGraph's documentation has it."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth

    def authenticate(self, asked: AskedRequest) -> AuthUser:
        """Who sent a request; raises where the handler lets nobody in, or fails."""
        handler: Any = self.auth._authenticate_handler
        wanted = [name for name in inspect.signature(handler).parameters if name in PARAMETERS]
        given = {name: PARAMETERS[name](asked) for name in wanted}
        found = _called(handler, given, UNAUTHORIZED)
        try:
            user = _user_in(found)
        except Exception as error:
            raise _failed("the authenticate handler", error) from error
        if user is None or not user.is_authenticated or UNSTORABLE.search(user.identity):
            raise HandlerRefused(UNAUTHORIZED, NOBODY)
        return user

    def ask(self, user: AuthUser, resource: str, action: str, value: dict[str, Any]) -> Filter:
        """The filter an `on` handler sets, empty where it allows all; it may change the value."""
        handler = self._handler_for(resource, action)
        if handler is None:
            return {}
        context = AuthContext(
            user=user,
            permissions=user.permissions,
            resource=resource,  # type: ignore[arg-type]  # one of ACTIONS
            action=action,  # type: ignore[arg-type]
        )
        found = _called(handler, {"ctx": context, "value": value}, FORBIDDEN)
        if found is None or found is True:
            return {}
        if found is False:
            raise HandlerRefused(FORBIDDEN, "Forbidden")
        if not isinstance(found, dict):
            what = TypeError(f"{type(found).__name__} is neither None, a bool nor a filter")
            raise _failed(f"the handler of {resource}.{action}", what) from what
        return found

    def _handler_for(self, resource: str, action: str) -> Callable[..., Awaitable[Any]] | None:
        """The most specific one."""
        for key in ((resource, action), (resource, "*"), ("*", action)):
            if found := self.auth._handlers.get(key):
                return found[-1]
        return self.auth._global_handlers[-1] if self.auth._global_handlers else None


def handlers() -> Handlers | None:
    """The handlers langgraph.json names; None where it names none."""
    auth = registry.auth()
    if auth is None:
        return None
    if not isinstance(auth, Auth):
        raise registry.unloadable(registry.AUTH, f"it is a {type(auth).__name__}, not an Auth")
    return _checked(auth)


def configurable_of(caller: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a run's configuration says of who asked for it; nothing where no handler knows."""
    if caller is None:
        return {}
    user = AuthUser(caller)
    return dict(zip(CONFIGURABLE, (user, user.identity, user.permissions), strict=True))


@cache
def _checked(auth: Auth) -> Handlers:
    """Rules that nobody keeps are worse than none: what would never be asked is refused."""
    if auth._authenticate_handler is None:
        raise registry.unloadable(registry.AUTH, "it has no authenticate handler")
    for name, parameter in inspect.signature(auth._authenticate_handler).parameters.items():
        is_needed = parameter.default is parameter.empty and parameter.kind not in (2, 4)
        if is_needed and name not in PARAMETERS:
            raise registry.unloadable(
                registry.AUTH,
                f"its authenticate handler asks for {name!r}; there are {', '.join(PARAMETERS)}",
            )
    for resource, action in auth._handlers:
        if not _is_asked(resource, action):
            reason = f"it has a handler of {resource}.{action}, which nothing asks for"
            raise registry.unloadable(registry.AUTH, reason)
    return Handlers(auth)


def _is_asked(resource: str, action: str) -> bool:
    kinds = ACTIONS.values() if resource == "*" else [ACTIONS.get(resource, set())]
    return any(action in actions or (action == "*" and actions) for actions in kinds)


def _called(handler: Callable[..., Any], given: dict[str, Any], refusal: int) -> Any:
    """What a handler returns; what it raises is a refusal in its words, or a failure in ours."""
    try:
        if inspect.iscoroutinefunction(handler):
            return async_to_sync(handler)(**given)
        made = handler(**given)
        return async_to_sync(_awaited)(made) if inspect.isawaitable(made) else made
    except HTTPException as error:
        status = error.status_code if 400 <= error.status_code < 600 else refusal
        raise HandlerRefused(status, error.detail, error.headers) from None
    except AssertionError as error:
        raise HandlerRefused(refusal, str(error) or NOBODY) from None
    except Exception as error:
        raise _failed(getattr(handler, "__qualname__", repr(handler)), error) from error


async def _awaited(made: Awaitable[Any]) -> Any:
    return await made


def _failed(what: str, error: Exception) -> HandlerFailed:
    logger.error("auth: %s failed", what, exc_info=error)
    return HandlerFailed()


def _user_in(found: Any) -> AuthUser | None:
    """Whatever form a handler chose for who is asking; None for nobody."""
    if isinstance(found, str):
        found = {"identity": found}
    if not found:
        return None
    if isinstance(found, Mapping):
        user = AuthUser({str(name): value for name, value in found.items()})
    else:
        named = {name: getattr(found, name) for name in IDENTITY if hasattr(found, name)}
        user = AuthUser(_fields_of(found) | named, found)
    if not isinstance(user["identity"], str):
        raise TypeError("an identity is a string")
    return user if user["identity"] else None


def _fields_of(found: Any) -> dict[str, Any]:
    fields = jsonable(found)
    return fields if isinstance(fields, dict) else {}
