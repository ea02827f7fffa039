"""What a deployment's auth handlers let a request do: asked before anything is found or done."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from runs.exceptions import GraphError, HandlerFailed
from runs.models import Scope, Thread
from runs.runtime import jsonable
from runs.runtime.auth import AuthUser, Handlers, handlers

SCOPES = (Scope.RUNS, Scope.RESUME)
NO_FILTERS = (
    "The auth handlers allow this only for what has some metadata, and items of the store have "
    "none: a handler of the store changes the namespace."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Somebody the auth handlers let in; what may be done they are asked again, each time."""

    user: AuthUser
    handlers: Handlers

    def may(self, scope: str) -> bool:
        """They are clients, never reviewers or administrators: those come with a key."""
        return scope in SCOPES


def problem() -> str:
    """Why the rules langgraph.json names cannot be kept, in a sentence; empty if they can."""
    try:
        handlers()
    except GraphError as error:
        return str(error.detail)
    return ""


def asks_handlers(request: Request) -> bool:
    """Whether the request came by way of auth handlers, so that others may not see all it may."""
    return isinstance(request.auth, Caller)


def caller_of(request: Request) -> dict[str, Any] | None:
    """Who asks for a run, for the run to be told; None where no handler was asked."""
    caller: object = request.auth
    return jsonable(caller.user) if isinstance(caller, Caller) else None


def permitted(
    request: Request,
    resource: str,
    action: str,
    ids: Mapping[str, Any],
    fields: dict[str, Any] | None = None,
) -> Q:
    """Ask whether a request may do this; of what has metadata, to that which meets the condition.

    `ids` and `fields` are what is to be done. What the handler makes of the fields' metadata
    stands. Without handlers everything may be done to everything.
    """
    caller: object = request.auth
    if not isinstance(caller, Caller):
        return Q()
    value = dict(ids) if fields is None else {"metadata": {}, **fields, **ids}
    found = caller.handlers.ask(caller.user, resource, action, value)
    if fields is not None:
        fields["metadata"] = _object_in(value, "metadata")
    return Q(*(_condition(name, wanted) for name, wanted in found.items()))


def of_threads(among: Q) -> Q:
    """A condition on threads, for what belongs to them."""
    return Q(thread__in=Thread.objects.filter(among)) if among else among


def namespace_for(
    request: Request, action: str, labels: Sequence[str], fields: Mapping[str, Any]
) -> list[str]:
    """Where in the store a request may do this: where it says, or where the handler moves it."""
    caller: object = request.auth
    if not isinstance(caller, Caller):
        return list(labels)
    asked = None if action == "list_namespaces" and not labels else tuple(labels)
    value = {**fields, "namespace": asked}
    if caller.handlers.ask(caller.user, "store", action, value):
        raise PermissionDenied(NO_FILTERS)
    moved = value["namespace"] or ()
    if not isinstance(moved, (list, tuple)) or not all(isinstance(one, str) for one in moved):
        raise _misunderstood(f"{moved!r} is no namespace")
    return list(moved)


def _condition(name: str, wanted: Any) -> Q:
    """One key of a filter: its value, or what its list has in it."""
    pairs = wanted.items() if isinstance(wanted, dict) else [("$eq", wanted)]
    return Q(*(Q(metadata__contains={name: value}) for value in _values(name, pairs)))


def _values(name: str, pairs: Any) -> Iterator[Any]:
    """What the metadata must contain under a name, as Postgres says it."""
    if name.startswith("$") or not pairs:
        raise _misunderstood(f"{name!r} is no key of a filter")
    for operator, value in pairs:
        many = value if operator == "$contains" and isinstance(value, (list, tuple)) else [value]
        if operator not in ("$eq", "$contains") or not all(map(_is_plain, many)):
            raise _misunderstood(f"{operator!r} of {name!r} is no condition")
        yield value if operator == "$eq" else list(many)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _object_in(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = jsonable(value.get(name))
    if not isinstance(found, dict):
        raise _misunderstood(f"{name} is no object")
    return found


def _misunderstood(what: str) -> HandlerFailed:
    """A handler's answer that nobody can act on: nothing is done."""
    logger.error("auth: a handler's answer cannot be kept to: %s", what)
    return HandlerFailed()
