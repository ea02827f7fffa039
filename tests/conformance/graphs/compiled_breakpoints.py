"""Three sequential nodes: stop before step_2 and after step_3's predecessor."""

from graphs._steps import build

graph = build().compile(interrupt_before=["step_2"], interrupt_after=["step_2"])
