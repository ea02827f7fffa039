"""A real langchain agent with HumanInTheLoopMiddleware and a scripted chat model."""

from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool


@tool
def send_email(to: str, body: str) -> str:
    """Send an email."""
    return f"sent to {to}: {body}"


@tool
def read_inbox(limit: int = 1) -> str:
    """Read the inbox."""
    return f"{limit} message(s)"


class ScriptedModel(BaseChatModel):
    """Asks for one tool call, and after the tool's answer says it is finished."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        last = messages[-1]
        if isinstance(last, ToolMessage):
            msg = AIMessage(content=f"Done: {last.content}")
        else:
            text = last.content if isinstance(last.content, str) else "hello"
            calls = [
                {
                    "name": "send_email",
                    "args": {"to": "ann@example.com", "body": text},
                    "id": "call_1",
                    "type": "tool_call",
                }
            ]
            if "two" in text:
                calls.append(
                    {
                        "name": "send_email",
                        "args": {"to": "bob@example.com", "body": text},
                        "id": "call_2",
                        "type": "tool_call",
                    }
                )
            msg = AIMessage(content="", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=msg)])


graph = create_agent(
    model=ScriptedModel(),
    tools=[send_email, read_inbox],
    middleware=[
        HumanInTheLoopMiddleware(
            interrupt_on={
                "send_email": {"allowed_decisions": ["approve", "edit", "reject"]},
                "read_inbox": False,
            }
        )
    ],
    name="approve_tool",
)
