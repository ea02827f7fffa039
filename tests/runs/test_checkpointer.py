"""The saver that runs are given keeps LangChain's own contract for checkpointers."""

from __future__ import annotations

from collections.abc import AsyncIterator

from langgraph.checkpoint.conformance import checkpointer_test, validate

from runs.runtime import checkpointer
from tests.runs.held import held


async def test_the_fenced_saver_conforms() -> None:
    async with held() as spec:

        @checkpointer_test(name="FencedSaver")
        async def saver() -> AsyncIterator[checkpointer.FencedSaver]:
            yield await checkpointer.fenced_saver(spec)

        report = await validate(saver)

    failures = {name: found.failures for name, found in report.results.items() if found.failures}
    assert failures == {}
    assert report.passed_all_base()
    tried = {name for name, found in report.results.items() if found.tests_passed}
    assert tried == {"put", "put_writes", "get_tuple", "list", "delete_thread", "prune"}
