"""A console whose langgraph.json names auth handlers, for the tests that come to its door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.console import ROOT, Console, running

RULES = ROOT / "tests" / "langgraph_auth.json"


@pytest.fixture(scope="package")
def ruled(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A second door to the same database, which the handlers of tests/auth.py keep."""
    folder = tmp_path_factory.mktemp("ruled")
    door = Console(folder, console.database_url, LANGGRAPH_CONFIG=str(RULES))
    with running(door, workers=0):
        yield door


@pytest.fixture
def person(ruled: Console) -> Callable[[str], httpx.Client]:
    """Somebody at that door, by name."""

    def at_the_door(name: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {name}"}
        return httpx.Client(base_url=ruled.url, headers=headers, trust_env=False, timeout=60)

    return at_the_door


@pytest.fixture
def sdk_of(ruled: Console) -> Callable[[str], SyncLangGraphClient]:
    """The official SDK, as somebody uses it at that door."""

    def client(name: str) -> SyncLangGraphClient:
        headers = {"authorization": f"Bearer {name}"}
        return get_sync_client(url=ruled.url, api_key=None, headers=headers)

    return client


def refusal(call: Callable[[], object]) -> int:
    """The status an SDK's call is refused with."""
    with pytest.raises(httpx.HTTPStatusError) as error:
        call()
    return error.value.response.status_code
