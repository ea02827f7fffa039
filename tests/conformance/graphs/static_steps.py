"""Three sequential nodes without any compiled-in breakpoint."""

from graphs._steps import build

graph = build().compile()
