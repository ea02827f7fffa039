"""An agent that talks: its model streams word by word, and its tool asks a person first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.types import interrupt

CALL = "call_1"
ARGUMENTS = ('{"order": ', '"A-1042"}')


class TalkingModel(BaseChatModel):
    """Wants a refund for whoever speaks to it, and reports what became of it."""

    @property
    def _llm_type(self) -> str:
        return "talking"

    def bind_tools(self, tools: Any, **kwargs: Any) -> TalkingModel:
        return self

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in pieces(messages[-1]):
            found = ChatGenerationChunk(message=chunk)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.content), chunk=found)
            yield found

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        whole, *rest = pieces(messages[-1])
        for chunk in rest:
            whole += chunk
        answer = AIMessage(whole.content, tool_calls=whole.tool_calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])


def pieces(last: BaseMessage) -> list[AIMessageChunk]:
    """What the model says to the last message, as it comes."""
    if isinstance(last, ToolMessage):
        return [AIMessageChunk(word) for word in ("All done: ", str(last.content), ".")]
    said = [AIMessageChunk(word) for word in ("I will ", "ask.")]
    called = [
        AIMessageChunk(
            "",
            tool_call_chunks=[
                tool_call_chunk(
                    name=None if index else "refund",
                    id=None if index else CALL,
                    args=part,
                    index=1,
                )
            ],
        )
        for index, part in enumerate(ARGUMENTS)
    ]
    return said + called


@tool
def refund(order: str) -> str:
    """Pay a customer back, if a person agrees."""
    answer = interrupt({"question": f"Refund {order}?"})
    return f"{order} {answer}"


chat = create_agent(TalkingModel(), [refund])
