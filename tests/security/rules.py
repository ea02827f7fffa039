"""What each URL answers to whom: the rules that access is tried against."""

from __future__ import annotations

from collections.abc import Callable

from tests.security.people import DEAD_KEYS

Codes = Callable[[str, str, bool], set[int] | None]  # of a person, a method, a route with an id
KEYS_IN = ("key runs", "key admin")


def public(person: str, method: str, with_id: bool) -> set[int] | None:
    """Everybody."""
    return None


def runs(person: str, method: str, with_id: bool) -> set[int] | None:
    """Keys for runs; a session is no key."""
    if person in KEYS_IN:
        return None
    is_key = person.startswith("key") and person not in DEAD_KEYS
    return {403} if is_key else {401}


def tasks(person: str, method: str, with_id: bool) -> set[int] | None:
    """Signed-in people and keys for tasks; of others' tasks they hear nothing, not even a no."""
    if person in ("nobody", "disabled", *DEAD_KEYS):
        return {401}
    wanted = "key tasks:read" if method == "GET" else "key tasks:decide"
    if person.startswith("key") and person not in (wanted, "key admin"):
        return {403}
    sees_all = person in ("rosa", "ada", "sam", "key admin")
    return {404} if with_id and not sees_all else None


def page(person: str, method: str, with_id: bool) -> set[int] | None:
    """Signed-in people; a task's pages only for the people of its queue, and staff."""
    if person in ("nobody", "disabled") or person.startswith("key"):
        return {302}
    return {404, 405} if with_id and person == "omar" else None


def view(person: str, method: str, with_id: bool) -> set[int] | None:
    """Signed-in people; the view asked for here is not theirs, so nobody has it."""
    return page(person, method, False) or {404}


def thread_page(person: str, method: str, with_id: bool) -> set[int] | None:
    """Signed-in people; reviewers only where a task of theirs was asked."""
    return {404} if person == "omar" else page(person, method, with_id=False)


def operating(person: str, method: str, with_id: bool) -> set[int] | None:
    """Staff, and people with the right to operate; of others' threads nobody hears anything."""
    return {403, 404} if person in ("rosa", "omar") else page(person, method, with_id=False)


def breakpoints(person: str, method: str, with_id: bool) -> set[int] | None:
    """Keys for runs see where runs stop; only an admin's key changes it."""
    is_kept_out = method != "GET" and person == "key runs"
    return {403} if is_kept_out else runs(person, method, with_id)


def metrics(person: str, method: str, with_id: bool) -> set[int] | None:
    """Keys for metrics, and those for runs."""
    return None if person == "key metrics" else runs(person, method, with_id)


def described(person: str, method: str, with_id: bool) -> set[int] | None:
    """Everybody but with a key that is dead."""
    return {401} if person in DEAD_KEYS else None


def own(person: str, method: str, with_id: bool) -> set[int] | None:
    """Signed-in people, for themselves alone."""
    return page(person, method, False)


def admins(person: str, method: str, with_id: bool) -> set[int] | None:
    """Everybody of the staff; others hear that they may not."""
    if person in ("ada", "sam"):
        return None
    return {403} if person in ("rosa", "omar") else {302}


def staff(person: str, method: str, with_id: bool) -> set[int] | None:
    """Everybody of the staff."""
    return None if person in ("ada", "sam") else {302}


def admin(person: str, method: str, with_id: bool) -> set[int] | None:
    """Staff with a right to it; what is read-only is so for everybody."""
    without_rights = {302, 403, 404}  # 302: to the index, where such a thing is not
    return {"ada": {200} | without_rights, "sam": without_rights}.get(person, {302})


HARMFUL = (runs, breakpoints, own, admins, operating)
ASSISTANT, THREAD = "assistants/<str:assistant_id>", "threads/<str:thread_id>"
ASSISTANT_PAGE = "assistants/<uuid:assistant_id>"
RUN = f"{THREAD}/runs/<str:run_id>"
TASK, API_TASK = "tasks/<int:pk>", r"api/tasks/(?P<pk>\d+)"
AGENT_THREAD = "agents/threads/<uuid:thread_id>"
RULES: dict[str, tuple[Codes, str]] = {
    "assistants": (runs, "POST"),
    "assistants/search": (runs, "POST"),
    "assistants/count": (runs, "POST"),
    ASSISTANT: (runs, "GET PATCH DELETE"),
    f"{ASSISTANT}/graph": (runs, "GET"),
    f"{ASSISTANT}/subgraphs": (runs, "GET"),
    f"{ASSISTANT}/subgraphs/<str:namespace>": (runs, "GET"),
    f"{ASSISTANT}/schemas": (runs, "GET"),
    f"{ASSISTANT}/versions": (runs, "POST"),
    f"{ASSISTANT}/latest": (runs, "POST"),
    "threads": (runs, "POST"),
    "threads/search": (runs, "POST"),
    "threads/count": (runs, "POST"),
    "threads/prune": (runs, "POST"),
    f"{THREAD}/storage": (runs, "GET"),
    f"{THREAD}/stream": (runs, "GET"),
    f"{THREAD}/stream/events": (runs, "POST"),
    f"{THREAD}/commands": (runs, "POST"),
    f"{THREAD}/state": (runs, "GET POST"),
    f"{THREAD}/state/checkpoint": (runs, "POST"),
    f"{THREAD}/state/<str:checkpoint_id>": (runs, "GET"),
    f"{THREAD}/history": (runs, "GET POST"),
    f"{THREAD}/copy": (runs, "POST"),
    THREAD: (runs, "GET PATCH DELETE"),
    f"{THREAD}/runs": (runs, "GET POST"),
    f"{THREAD}/runs/stream": (runs, "POST"),
    f"{THREAD}/runs/wait": (runs, "POST"),
    f"{THREAD}/runs/crons": (runs, "POST"),
    RUN: (runs, "GET DELETE"),
    f"{RUN}/join": (runs, "GET"),
    f"{RUN}/stream": (runs, "GET"),
    f"{RUN}/cancel": (runs, "POST"),
    "runs": (runs, "POST"),
    "runs/crons": (runs, "POST"),
    "runs/crons/search": (runs, "POST"),
    "runs/crons/count": (runs, "POST"),
    "runs/crons/<str:cron_id>": (runs, "GET PATCH DELETE"),
    "runs/stream": (runs, "POST"),
    "runs/batch": (runs, "POST"),
    "runs/cancel": (runs, "POST"),
    "runs/<str:run_id>/stream": (runs, "GET"),
    "runs/wait": (runs, "POST"),
    "store/items": (runs, "GET PUT DELETE"),
    "store/items/search": (runs, "POST"),
    "store/namespaces": (runs, "POST"),
    "breakpoints": (breakpoints, "GET POST"),
    "breakpoints/versions": (breakpoints, "GET"),
    "breakpoints/<str:breakpoint_id>": (breakpoints, "GET PATCH DELETE"),
    "info": (public, "GET"),
    "metrics": (metrics, "GET"),
    "ok": (public, "GET"),
    "mcp": (runs, "GET POST DELETE"),
    "mcp/": (runs, "GET POST DELETE"),
    "a2a/<str:assistant_id>": (runs, "POST"),
    ".well-known/agent-card.json": (runs, "GET"),
    r"(?:assistants|breakpoints|threads|runs|store|mcp|a2a|\.well-known|ok|info|metrics)(?:/.*)?": (
        public,
        "GET POST",
    ),
    "": (page, "GET"),
    "inbox/": (page, "GET"),
    "inbox/suggest/": (page, "GET"),
    "views/": (page, "POST"),
    "views/<int:pk>/": (view, "GET"),
    "views/<int:pk>/change/": (view, "POST"),
    "views/<int:pk>/delete/": (view, "POST"),
    "walk/": (page, "GET"),
    "tasks/bulk/": (page, "GET POST"),
    "tasks/bulk/<int:batch>/": (page, "GET POST"),
    "tasks/bulk/<int:batch>/commit/": (page, "GET POST"),
    "tasks/bulk/<int:batch>/undo/": (page, "GET POST"),
    f"{TASK}/": (page, "GET"),
    f"{TASK}/raw/": (page, "GET"),
    f"{TASK}/raw/download/": (page, "GET"),
    f"{TASK}/decide/": (page, "GET POST"),
    f"{TASK}/preview/": (page, "GET POST"),
    f"{TASK}/claim/": (page, "GET POST"),
    f"{TASK}/release/": (page, "GET POST"),
    f"{TASK}/unread/": (page, "GET POST"),
    f"{TASK}/watch/": (page, "GET POST"),
    f"{TASK}/snooze/": (page, "GET POST"),
    f"{TASK}/take-over/": (page, "GET POST"),
    f"{TASK}/hand-over/": (page, "GET POST"),
    f"{TASK}/draft/": (page, "GET POST"),
    f"{TASK}/draft/discard/": (page, "GET POST"),
    f"{TASK}/draft/give/": (page, "GET POST"),
    f"{TASK}/draft/<int:draft_pk>/take/": (page, "GET POST"),
    f"{TASK}/comments/": (page, "GET POST"),
    f"{TASK}/presence/": (page, "GET POST"),
    f"{TASK}/undo/": (page, "GET POST"),
    f"{TASK}/repair/": (page, "GET POST"),
    f"{TASK}/accept/": (page, "GET POST"),
    "agents/threads/": (page, "GET"),
    f"{AGENT_THREAD}/": (thread_page, "GET"),
    f"{AGENT_THREAD}/checkpoints/<uuid:checkpoint_id>/": (thread_page, "GET"),
    f"{AGENT_THREAD}/fork/": (operating, "GET POST"),
    "agents/runs/": (operating, "GET"),
    "agents/runs/<uuid:run_id>/": (operating, "GET"),
    "agents/runs/<uuid:run_id>/cancel/": (operating, "POST"),
    "agents/assistants/<uuid:assistant_id>/start/": (operating, "GET POST"),
    "theme/": (public, "POST"),
    "me/": (own, "GET POST"),
    "me/password/": (own, "GET POST"),
    "me/logins/end/": (own, "GET POST"),
    "me/logins/<int:pk>/end/": (own, "GET POST"),
    "me/keys/": (own, "GET POST"),
    "me/keys/<int:pk>/revoke/": (own, "GET POST"),
    "password/<uidb64>/<token>/": (public, "GET"),
    "agents/assistants/": (admins, "GET"),
    f"agents/{ASSISTANT_PAGE}/": (admins, "GET"),
    f"agents/{ASSISTANT_PAGE}/versions/": (admins, "GET"),
    f"agents/{ASSISTANT_PAGE}/graph/": (admins, "GET POST"),
    f"agents/{ASSISTANT_PAGE}/graph/changes/": (admins, "POST"),
    f"agents/{ASSISTANT_PAGE}/graph/now/": (admins, "GET"),
    "settings/members/": (admins, "GET POST"),
    "settings/members/invite/": (admins, "GET POST"),
    "settings/members/<int:pk>/": (admins, "GET POST"),
    "settings/members/<int:pk>/link/": (admins, "GET POST"),
    "settings/queues/": (admins, "GET POST"),
    "settings/queues/<int:pk>/": (admins, "GET POST"),
    "settings/keys/": (admins, "GET POST"),
    "settings/keys/<int:pk>/revoke/": (admins, "GET POST"),
    "audit/": (admins, "GET POST"),
    "audit/verify/": (admins, "GET POST"),
    "audit/export/": (admins, "GET POST"),
    "api/tasks/": (tasks, "GET"),
    "api/tasks/bulk/": (tasks, "POST"),
    f"{API_TASK}/": (tasks, "GET"),
    "api/tasks/<int:pk>/comments/": (tasks, "GET POST"),
    f"{API_TASK}/claim/": (tasks, "POST"),
    f"{API_TASK}/decide/": (tasks, "POST"),
    f"{API_TASK}/release/": (tasks, "POST"),
    f"{API_TASK}/undo/": (tasks, "POST"),
    f"{API_TASK}/repair/": (tasks, "POST"),
    f"{API_TASK}/accept-change/": (tasks, "POST"),
    "api/schema/": (described, "GET"),
    "docs": (described, "GET"),
    "login/": (public, "GET"),
    "logout/": (public, "GET"),
    "admin/login/": (public, "GET"),
    "admin/logout/": (public, "GET"),
    "admin/": (staff, "GET"),
    "admin/jsi18n/": (staff, "GET"),
    "admin/password_change/": (staff, "GET"),
    "admin/password_change/done/": (staff, "GET"),
}
ADMIN = (admin, "GET")  # Django's own views, all behind its one door
