"""An attempt goes on where the one before it died, between any two writes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from runs.runtime.resumption import Start, starting_point
from runs.runtime.spec import RunSpec
from tests.graphs import static_steps

EVERYTHING = ["step_1", "step_2", "step_3"]


class DyingSaver(InMemorySaver):
    """Loses the database when it is to save a certain checkpoint."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.left = lost

    async def aput(self, *arguments: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise ConnectionError
        return await super().aput(*arguments)


@pytest.mark.parametrize("lost", [2, 3, 4, 5])
async def test_a_superstep_that_is_written_but_not_saved_is_not_the_end(lost: int) -> None:
    spec = RunSpec(uuid4(), uuid4(), attempt=2, graph_id="static_steps")
    config: Any = {
        "configurable": {"thread_id": str(spec.thread_id)},
        "metadata": {"run_id": str(spec.run_id)},
    }
    graph = static_steps.copy(update={"checkpointer": DyingSaver(lost)})
    with pytest.raises(ConnectionError):
        await graph.ainvoke({"some_text": "a"}, config, durability="sync")

    start = await starting_point(graph, spec, config)

    assert start == Start(None)
    await graph.ainvoke(start.input, config)
    assert (await graph.aget_state(config)).values["visited"] == EVERYTHING
