"""The auth object of langgraph.json: how it is loaded, what it is asked, what it may answer."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from langgraph_sdk.auth.types import BaseUser

from runs.api import permits
from runs.checks import graphs_import
from runs.exceptions import GraphError, HandlerFailed, HandlerRefused
from runs.runtime import auth, jsonable, registry
from tests.console import ROOT

HEAD = """
from dataclasses import dataclass
from langgraph_sdk import Auth
auth = Auth()
"""
ANYBODY = """
@auth.authenticate
def authenticate(authorization): return authorization
"""


@pytest.fixture
def project(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A langgraph.json whose auth entry is the test's own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    settings.LANGGRAPH_CONFIG = tmp_path / "langgraph.json"

    def write(code: str = "", entry: Any = None) -> None:
        (tmp_path / "auth.py").write_text(HEAD + code)
        config = {"graphs": {}, "auth": {"path": "./auth.py:auth"} if entry is None else entry}
        settings.LANGGRAPH_CONFIG.write_bytes(orjson.dumps(config))
        forget()

    yield write
    forget()


def forget() -> None:
    registry.forget()
    for name in [one for one in sys.modules if re.fullmatch(r"langgraph_json_\w+_auth", one)]:
        del sys.modules[name]


def asked(**changes: Any) -> auth.AskedRequest:
    """A request as handlers are given it."""
    request = auth.AskedRequest(
        method="POST",
        path="/threads/x/runs",
        path_params={"thread_id": "x"},
        query_params={"a": "b"},
        headers=auth.Headers({"authorization": "alice", "x-team": "blue"}),
        cookies={"c": "d"},
        read=lambda: b'{"input": 1}',
        parse=orjson.loads,
    )
    return dataclasses.replace(request, **changes)


def handlers() -> auth.Handlers:
    found = auth.handlers()
    assert found is not None
    return found


# -- loading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [{}, {"disable_studio_auth": True}])
def test_without_a_path_keys_are_asked_for(project, entry):
    project(entry=entry)
    assert auth.handlers() is None


@pytest.mark.parametrize(
    ("code", "entry", "why"),
    [
        ("", {"paht": "./auth.py:auth"}, 'an "auth" entry without a "path"'),
        ("", "./auth.py:auth", 'an "auth" entry without a "path"'),
        ("", {"path": "./nowhere.py:auth"}, "./nowhere.py does not exist"),
        ("", {"path": "./auth.py:other"}, "./auth.py has no 'other'"),
        ("", {"path": "./auth.py"}, "is neither ./file.py:name nor package.module:name"),
        ("import nothing_like_it", None, "No module named 'nothing_like_it'"),
        ("auth = None", None, "./auth.py:auth is None"),
        ("auth = 42", None, "it is a int, not an Auth"),
        ("auth = {}", None, "it is a dict, not an Auth"),
        ("", None, "it has no authenticate handler"),
        (
            "@auth.authenticate\nasync def authenticate(token): ...",
            None,
            "its authenticate handler asks for 'token'; there are request, body, path",
        ),
        (
            ANYBODY + "@auth.on(resources='runs', actions='read')\nasync def on(ctx, value): ...",
            None,
            "it has a handler of runs.read, which nothing asks for",
        ),
        (
            ANYBODY + "@auth.on(resources='threads', actions='put')\nasync def on(ctx, value): ...",
            None,
            "it has a handler of threads.put, which nothing asks for",
        ),
    ],
)
def test_rules_that_would_not_be_kept_stop_the_start(project, code, entry, why):
    project(code, entry)
    with pytest.raises(GraphError) as refused:
        auth.handlers()
    assert why in str(refused.value.detail)
    assert [message.id for message in graphs_import()] == ["runs.E001"]


def test_a_web_process_does_not_start_on_them(project, settings):
    project("auth = None")
    why = "The auth object cannot be loaded: ./auth.py:auth is None."
    assert permits.problem() == why
    started = subprocess.run(
        [sys.executable, "-c", "import hitl_console.asgi"],
        cwd=ROOT,
        env=os.environ | {"LANGGRAPH_CONFIG": str(settings.LANGGRAPH_CONFIG)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (started.returncode, started.stderr.strip()) == (1, why)
    project(ANYBODY)
    assert permits.problem() == ""


# -- who it is -------------------------------------------------------------------------------


def test_handlers_are_given_what_they_name(project):
    project("""
@auth.authenticate
async def authenticate(
    request, body, path, method, path_params, query_params, headers, authorization, more="default"
):
    return {
        "identity": authorization,
        "body": body, "path": path, "method": method, "more": more,
        "params": [path_params, query_params], "team": headers[b"x-team"].decode(),
        "request": [
            request.headers["Authorization"], request.headers.get("x-none", "none"),
            "X-Team" in request.headers, request.cookies, await request.json(),
            (await request.body()).decode(),
        ],
    }
""")
    assert handlers().authenticate(asked()) == {
        "identity": "alice",
        "display_name": "alice",
        "is_authenticated": True,
        "permissions": [],
        "body": {"input": 1},
        "path": "/threads/x/runs",
        "method": "POST",
        "more": "default",
        "params": [{"thread_id": "x"}, {"a": "b"}],
        "team": "blue",
        "request": ["alice", "none", True, {"c": "d"}, {"input": 1}, '{"input": 1}'],
    }


FORMS = {
    "a name": "return 'alice'",
    "a dict": "return {'identity': 'alice', 'permissions': ['p'], 'team': 'blue'}",
    "a dataclass": """
    @dataclass
    class User:
        identity: str
        permissions: list
        team: str
        def greeting(self): return 'hello'
    return User('alice', ['p'], 'blue')""",
    "an object": """
    class User:
        identity, permissions, display_name = 'alice', ['p'], 'Alice A.'
        def greeting(self): return 'hello'
    return User()""",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("word", ["def", "async def"])
def test_a_user_has_any_form(project, form, word):
    project(f"@auth.authenticate\n{word} authenticate():\n    {FORMS[form]}")
    user = handlers().authenticate(asked())
    assert (user.identity, user["identity"], user.is_authenticated) == ("alice", "alice", True)
    assert user.permissions == ([] if form == "a name" else ["p"])
    assert user.display_name == ("Alice A." if form == "an object" else "alice")
    assert isinstance(user, BaseUser)
    assert jsonable(user)["identity"] == "alice"
    assert auth.configurable_of(jsonable(user))["langgraph_auth_user"].identity == "alice"
    if form in ("a dict", "a dataclass"):
        assert user["team"] == user.team == "blue"
    if "object" in form or "dataclass" in form:
        assert user.greeting() == "hello"
    with pytest.raises(AttributeError):
        _ = user.nothing_of_the_kind


@pytest.mark.parametrize(
    "nobody",
    [
        "None",
        "''",
        "{}",
        "{'identity': ''}",
        "{'identity': 'a', 'is_authenticated': False}",
        "'nul\\x00'",
        "'half \\ud800'",
    ],
)
def test_who_is_nobody_is_not_let_in(project, nobody):
    project(f"@auth.authenticate\ndef authenticate(): return {nobody}")
    with pytest.raises(HandlerRefused) as refused:
        handlers().authenticate(asked())
    assert refused.value.status_code == 401


@pytest.mark.parametrize("answer", ["42", "{'name': 'alice'}", "{'identity': 7}", "1 / 0"])
def test_what_no_handler_should_answer_lets_nobody_in(project, answer, caplog):
    project(f"@auth.authenticate\nasync def authenticate(): return {answer}")
    with pytest.raises(HandlerFailed) as failed:
        handlers().authenticate(asked())
    assert (failed.value.status_code, str(failed.value.detail)) == (500, "Internal Server Error")
    assert "failed" in caplog.text


@pytest.mark.parametrize(("status", "answered"), [(418, 418), (503, 503), (200, 401), (302, 401)])
def test_a_refusal_is_one_whatever_its_status(project, status, answered):
    project(
        "@auth.authenticate\nasync def authenticate():\n"
        f"    raise Auth.exceptions.HTTPException({status}, 'no', {{'X-Why': 'so'}})"
    )
    with pytest.raises(HandlerRefused) as refused:
        handlers().authenticate(asked())
    assert (refused.value.status_code, str(refused.value.detail)) == (answered, "no")
    assert refused.value.headers == {"X-Why": "so"}


# -- what they may ---------------------------------------------------------------------------


def test_the_most_specific_rule_is_asked(project):
    rules = {
        "on": "all",
        "on.threads": "threads",
        "on.threads.create_run": "runs",
        "on(actions=['delete'])": "deletes",
        "on(resources=['crons'], actions=['delete', 'search'])": "crons",
        "on.store(actions='put')": "puts",
    }
    project(
        ANYBODY
        + "".join(
            f"@auth.{rule}\nasync def rule_{word}(ctx, value): return {{'by': '{word}'}}\n"
            for rule, word in rules.items()
        )
    )
    alice = handlers().authenticate(asked())
    found = {
        f"{resource}.{action}": handlers().ask(alice, resource, action, {})["by"]
        for resource, actions in auth.ACTIONS.items()
        for action in actions
    }
    expected = dict.fromkeys(found, "all")
    expected |= {name: "threads" for name in found if name.startswith("threads.")}
    expected |= {"threads.create_run": "runs", "assistants.delete": "deletes"}
    expected |= {"crons.delete": "crons", "crons.search": "crons"}
    expected |= {"store.put": "puts", "store.delete": "deletes"}
    assert found == expected


def test_without_a_rule_everything_is_allowed(project):
    project(ANYBODY)
    alice = handlers().authenticate(asked())
    assert handlers().ask(alice, "threads", "read", {}) == {}


@pytest.mark.parametrize(("answer", "found"), [("None", {}), ("True", {}), ("{'a': 1}", {"a": 1})])
def test_a_rule_allows_with_and_without_conditions(project, answer, found):
    project(ANYBODY + f"@auth.on\nasync def rule(ctx, value): return {answer}")
    alice = handlers().authenticate(asked())
    assert handlers().ask(alice, "threads", "read", {}) == found


@pytest.mark.parametrize("answer", ["'yes'", "0", "[]", "value['nothing']"])
def test_an_answer_that_is_none_is_a_failure(project, answer):
    project(ANYBODY + f"@auth.on\nasync def rule(ctx, value): return {answer}")
    alice = handlers().authenticate(asked())
    with pytest.raises(HandlerFailed):
        handlers().ask(alice, "threads", "read", {})


def test_the_rules_of_the_documentation_are_rules(project):
    text = (ROOT / "docs" / "security.md").read_text()
    (written,) = re.findall(r"```python\n(from langgraph_sdk import Auth\n.*?)```", text, re.DOTALL)
    project(
        written
        + """
async def who_has(token):
    class User:
        id, permissions = "alice", ["write"]
    return User if token == "alice" else None
"""
    )
    alice = handlers().authenticate(asked())
    assert (alice.identity, alice.permissions) == ("alice", ["write"])
    with pytest.raises(HandlerRefused):
        handlers().authenticate(asked(headers=auth.Headers()))
    thread: dict[str, Any] = {"metadata": {"owner": "bob"}}
    assert handlers().ask(alice, "threads", "create", thread) == {"owner": "alice"}
    assert thread == {"metadata": {"owner": "alice"}}
    for labels in (("notes",), ("alice", "notes")):
        item: dict[str, Any] = {"namespace": labels}
        assert handlers().ask(alice, "store", "put", item) == {}
        assert item["namespace"] == ("alice", "notes")
