"""What langgraph.json says of the store: searching it by meaning, and how long items stay."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.core.checks import run_checks
from django.core.management import CommandError
from django.db import connection
from django.test import Client
from langgraph.store.postgres import PostgresStore

from runs.apps import prepare_runtime
from runs.exceptions import GraphError, LeaseLost
from runs.models import Scope
from runs.runtime import embedding, registry, store
from tests.conftest import issue_key
from tests.runs.held import held, let_go

EMBED = """
WORDS = ("lamp", "refund", "weather")

def embed(texts):
    return [[text.lower().count(word) + 0.01 for word in WORDS] for text in texts]

async def aembed(texts):
    return embed(texts)

nothing = None
"""
SEARCH = "/store/items/search"

Says = Callable[..., None]


@pytest.fixture
def says(tmp_path: Path, settings: Any) -> Iterator[Says]:
    """Write a langgraph.json with this store entry."""
    graph = Path(__file__).parents[1] / "graphs.py"
    name = f"embed_{uuid4().hex}.py"
    (tmp_path / name).write_text(EMBED)
    settings.LANGGRAPH_CONFIG = tmp_path / "langgraph.json"

    def write(**store: Any) -> None:
        config = {"graphs": {"static_steps": f"{graph}:static_steps"}, "store": store}
        text = orjson.dumps(config).replace(b"embed.py", name.encode())
        settings.LANGGRAPH_CONFIG.write_bytes(text)
        registry.forget()

    yield write
    registry.forget()


@pytest.fixture
def vectors() -> None:
    """Postgres has pgvector, as the embedded one does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'")
        if cursor.fetchone() is None:
            assert os.environ.get("CI") != "true"
            pytest.skip("this PostgreSQL has no pgvector")


@pytest.fixture
def root() -> str:
    """A namespace no other test writes to."""
    return uuid4().hex


@pytest.mark.parametrize("function", ["embed", "aembed"])
def test_items_are_found_by_what_they_mean(
    says: Says, vectors: None, root: str, function: str
) -> None:
    says(index={"dims": 3, "embed": f"./embed.py:{function}", "fields": ["text"]})
    store.create_tables()
    client = Client(headers={"X-Api-Key": issue_key("meaning", [Scope.RUNS])})

    def put(key: str, text: str, **more: Any) -> None:
        body = {"namespace": [root], "key": key, "value": {"text": text, "n": 1}, **more}
        kind = "application/json"
        assert client.put("/store/items", orjson.dumps(body), content_type=kind).status_code == 204

    put("lamp", "A lamp arrived broken")
    put("money", "They want a refund")
    put("hidden", "refund refund", index=False)

    def found(**asked: Any) -> list[tuple[str, float | None]]:
        body = orjson.dumps({"namespace_prefix": [root], **asked})
        answer = client.post(SEARCH, body, content_type="application/json")
        assert answer.status_code == 200, answer.content
        return [(item["key"], item["score"]) for item in answer.json()["items"]]

    (first, best), (second, worse) = found(query="Where is my refund?")
    assert (first, second) == ("money", "lamp")
    assert best is not None
    assert worse is not None
    assert best > 0.99 > worse
    assert dict(found()) == dict.fromkeys(("lamp", "money", "hidden"))
    assert [key for key, _ in found(query="lamp", filter={"n": 1}, limit=1)] == ["lamp"]


async def test_nodes_keep_and_find_as_long_as_their_run_is_theirs(
    says: Says, vectors: None, root: str
) -> None:
    says(index={"dims": 3, "embed": "./embed.py:aembed"})
    await sync_to_async(store.create_tables)()
    async with held() as spec, store.fenced_store(spec) as attempt:
        await attempt.aput((root,), "lamp", {"said": "a lamp"})
        await attempt.aput((root,), "sky", {"said": "the weather"})
        found = await attempt.asearch((root,), query="lamp")
        assert [item.key for item in found] == ["lamp", "sky"]

        await let_go(spec.run_id)
        with pytest.raises(LeaseLost):
            await attempt.aput((root,), "late", {"said": "a lamp"})
        assert len(await attempt.asearch((root,), query="lamp")) == 2


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"embed": "./embed.py:embed"}, 'needs "dims"'),
        ({"dims": "3", "embed": "./embed.py:embed"}, 'needs "dims"'),
        ({"dims": True, "embed": "./embed.py:embed"}, 'needs "dims"'),
        ({"dims": 3}, 'needs "embed"'),
        ({"dims": 3, "embed": "./embed.py:embed", "fields": "text"}, "no list of paths"),
        ({"dims": 3, "embed": "./embed.py:missing"}, "has no 'missing'"),
        ({"dims": 3, "embed": "./embed.py:nothing"}, "embed must be provided"),
        ({"dims": 3, "embed": "./nowhere.py:embed"}, "./nowhere.py does not exist"),
        ({"dims": 3, "embed": "nobody:model"}, "nobody"),
        ({"dims": 3, "embed": "openai:text-embedding-3-small"}, "langchain-openai"),
    ],
)
def test_an_index_that_cannot_be_kept_stops_the_start(
    says: Says, index: dict[str, Any], said: str
) -> None:
    says(index=index)
    with pytest.raises(GraphError) as refused:
        embedding.index()
    assert said in str(refused.value.detail)
    assert [error.id for error in run_checks(tags=["compatibility"])] == ["runs.E001"]


def test_a_postgres_without_vectors_is_named(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    def setup(self: PostgresStore) -> None:
        with self._cursor() as cursor:
            cursor.execute("CREATE EXTENSION no_such_vector")

    monkeypatch.setattr(PostgresStore, "setup", setup)
    says(index={"dims": 3, "embed": "./embed.py:embed"})
    with pytest.raises(CommandError, match="install pgvector there and CREATE EXTENSION vector"):
        prepare_runtime()


def test_vectors_of_another_length_are_not_mixed(says: Says, vectors: None) -> None:
    says(index={"dims": 3, "embed": "./embed.py:embed"})
    store.create_tables()
    says(index={"dims": 4, "embed": "./embed.py:embed"})
    with pytest.raises(CommandError, match="vectors of 4, but the database keeps some of 3"):
        prepare_runtime()


def test_items_stay_as_long_as_langgraph_json_says(says: Says, root: str) -> None:
    says(ttl={"default_ttl": 0.5, "refresh_on_read": False, "sweep_interval_minutes": 60})
    store.put([root], "usual", {}, index=None, minutes=None)
    store.put([root], "long", {}, index=None, minutes=7)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, ttl_minutes FROM store WHERE prefix = %s", [root])
        assert dict(cursor.fetchall()) == {"usual": 1, "long": 7}


@pytest.mark.parametrize(
    "ttl",
    [
        "for ever",
        {"default_ttl": 0},
        {"default_ttl": True},
        {"default_ttl": "1"},
        {"refresh_on_read": "no"},
    ],
)
def test_a_lifetime_nobody_can_keep_stops_the_start(says: Says, ttl: Any) -> None:
    says(ttl=ttl)
    assert [error.id for error in run_checks(tags=["compatibility"])] == ["runs.E001"]
