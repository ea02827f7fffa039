"""The approve_tool agent with interrupt_mode="per_call": one typed interrupt per tool call."""

from graphs.approve_tool import ScriptedModel, read_inbox, send_email
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware

graph = create_agent(
    model=ScriptedModel(),
    tools=[send_email, read_inbox],
    middleware=[
        HumanInTheLoopMiddleware(
            interrupt_on={"send_email": {"allowed_decisions": ["approve", "edit", "reject"]}},
            interrupt_mode="per_call",
        )
    ],
    name="approve_tool_per_call",
)
