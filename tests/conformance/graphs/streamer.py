"""Emits custom stream data, then an LLM-like message, then ends."""

import operator
from typing import Annotated

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph


class State(MessagesState, total=False):
    n: int
    out: Annotated[list[str], operator.add]


def custom(state: State):
    w = get_stream_writer()
    for i in range(int(state.get("n") or 2)):
        w({"progress": i})
    return {"out": ["custom"]}


async def talk(state: State):
    model = GenericFakeChatModel(messages=iter([AIMessage(content="Hello brave world", id="ai-1")]))
    msg = await model.ainvoke(state["messages"])
    return {"messages": [msg], "out": ["talk"]}


b = StateGraph(State)
b.add_node("custom", custom)
b.add_node("talk", talk)
b.add_edge(START, "custom")
b.add_edge("custom", "talk")
b.add_edge("talk", END)
graph = b.compile()
