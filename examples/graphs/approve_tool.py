"""A support agent whose tool calls a person approves, edits or rejects.

The agent is LangChain's, with its `HumanInTheLoopMiddleware`. Only the model is not real: it reads
the customer's message with a regular expression, so the example needs no key and says the same
each time. Ask it: "Order A-1042 arrived broken, I want my 89.90 back".

`batched` asks once for all calls of a turn. `per_call` asks one question for each call.
"""

from __future__ import annotations

import re
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool


@tool
def refund_order(order: str, amount: float) -> str:
    """Pay a customer back."""
    return f"Refunded {amount:.2f} for order {order}."


@tool
def send_email(to: str, subject: str, body: str) -> str:
    """Write to a customer."""
    return f"Sent {subject!r} to {to}."


@tool
def find_order(order: str) -> str:
    """Look up an order; harmless, so nobody is asked."""
    return f"Order {order}: 1 ceramic lamp, delivered."


class ScriptedModel(BaseChatModel):
    """Answers a complaint with a refund and an e-mail, and their results with a summary."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> ScriptedModel:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        answer = summary(messages) if isinstance(messages[-1], ToolMessage) else plan(messages[-1])
        return ChatResult(generations=[ChatGeneration(message=answer)])


def plan(complaint: BaseMessage) -> AIMessage:
    text = str(complaint.content)
    order = re.search(r"\b[A-Z]-\d+\b", text)
    amount = re.search(r"\d+\.\d{2}", text)
    if order is None:
        return AIMessage("Which order is it about? Its number looks like A-1042.")
    refund = {"order": order[0], "amount": float(amount[0]) if amount else 25.0}
    email = {
        "to": "ann@example.com",
        "subject": f"Your order {order[0]}",
        "body": f"Dear Ann,\n\nwe are sorry. {refund['amount']:.2f} is on its way back to you.",
    }
    return AIMessage(
        "I would pay the customer back and tell her.",
        tool_calls=[
            {"name": "refund_order", "args": refund, "id": "call_refund"},
            {"name": "send_email", "args": email, "id": "call_email"},
        ],
    )


def summary(messages: list[BaseMessage]) -> AIMessage:
    last_plan = max(i for i, message in enumerate(messages) if isinstance(message, AIMessage))
    results = [str(message.content) for message in messages[last_plan + 1 :]]
    return AIMessage(" ".join(results))


def agent(name: str, **mode: Any) -> Any:
    review = HumanInTheLoopMiddleware(
        interrupt_on={
            "refund_order": {"allowed_decisions": ["approve", "edit", "reject"]},
            "send_email": {"allowed_decisions": ["approve", "edit", "reject", "respond"]},
            "find_order": False,
        },
        description_prefix="The agent wants to act for a customer",
        **mode,
    )
    tools = [refund_order, send_email, find_order]
    return create_agent(ScriptedModel(), tools, middleware=[review], name=name)


batched = agent("approve_tool")
per_call = agent("approve_tool_per_call", interrupt_mode="per_call")
