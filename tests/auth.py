"""Rules of a deployment as LangGraph's users write them: everybody has what is their own."""

from __future__ import annotations

from typing import Any

from langgraph_sdk import Auth

auth = Auth()

READERS = ("reader", "other reader")


@auth.authenticate
async def authenticate(
    authorization: str | None,
    headers: dict[bytes, bytes],
    method: str,
    path: str,
    path_params: dict[str, str],
    query_params: dict[str, str],
) -> Any:
    """The token is the name; some names are trouble."""
    scheme, _, name = (authorization or "").partition(" ")
    assert headers.get(b"x-mood") != b"bad", "Not in this mood."
    if name == "broken":
        raise RuntimeError("the token service's password is hunter2")
    if scheme != "Bearer" or not name:
        raise Auth.exceptions.HTTPException(
            status_code=401,
            detail="Nobody is known by this token.",
            headers={"WWW-Authenticate": 'Bearer realm="elsewhere"'},
        )
    return {
        "identity": name,
        "display_name": name.title(),
        "permissions": ["threads:delete"] if name == "alice" else [],
        "seen": f"{method} {path}",
        "asked_for": path_params.get("thread_id"),
        "quietly": query_params.get("quietly"),
    }


def own(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> dict[str, Any]:
    """Marks what is made as its maker's, and lets them find nothing else."""
    refuse_trouble(ctx)
    value.setdefault("metadata", {})["owner"] = ctx.user.identity
    return {"owner": ctx.user.identity}


def refuse_trouble(ctx: Auth.types.AuthContext) -> None:
    if ctx.user.identity == "fails":
        raise RuntimeError("the rules' own password is hunter2")
    assert ctx.user.identity != "asserted", "That is not for you."
    if ctx.user.identity == "teapot":
        raise Auth.exceptions.HTTPException(status_code=418, detail=f"{ctx.resource}.{ctx.action}")


@auth.on
async def everything(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    if ctx.user.identity == "mallory":
        return False
    if ctx.user.identity == "nonsense":
        return {"owner": {"$like": "%"}}
    return own(ctx, value)


@auth.on.threads.read
async def reading(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    """Threads say who may read them besides their owner."""
    if ctx.user.identity == "mallory":
        return False
    if ctx.user.identity == "both readers":
        return {"readers": {"$contains": list(READERS)}}
    if ctx.user.identity in READERS:
        return {"readers": {"$contains": ctx.user.identity}}
    refuse_trouble(ctx)
    return {"owner": {"$eq": ctx.user.identity}}


@auth.on.threads.delete
async def deleting(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    return "threads:delete" in ctx.permissions and {"owner": ctx.user.identity}


@auth.on.store
async def keeping(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    """Everybody's items are below their name."""
    if ctx.user.identity == "mallory":
        return False
    if ctx.user.identity == "nonsense":
        return {"owner": "nonsense"}
    refuse_trouble(ctx)
    labels = value["namespace"] or ()
    if labels[:1] != (ctx.user.identity,):
        value["namespace"] = (ctx.user.identity, *labels)
    return None
