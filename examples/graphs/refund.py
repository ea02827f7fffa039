"""Small refunds are paid at once, larger ones when a person has agreed.

The payment is one line in a file (REFUND_LOG, default var/refunds.log): paid twice would show.
It has a node of its own, after the question. A node runs again from its first line when its
question is answered, so whatever must happen once belongs behind the question, never before it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

LIMIT = 100


class State(TypedDict, total=False):
    order: str
    amount: float
    reason: str
    status: str
    note: str


def check(state: State) -> Command[Literal["pay", "ask"]]:
    return Command(goto="pay" if state["amount"] < LIMIT else "ask")


def ask(state: State) -> Command[Literal["pay", "__end__"]]:
    answer = interrupt(
        {
            "action": "refund",
            "order": state.get("order", ""),
            "amount": state["amount"],
            "reason": state.get("reason", ""),
            "question": f"Refund {state['amount']:.2f}? Amounts of {LIMIT} and more need a person.",
        }
    )
    if isinstance(answer, dict) and answer.get("action") == "approve":
        return Command(goto="pay", update={"amount": float(answer.get("amount", state["amount"]))})
    note = answer.get("reason", "") if isinstance(answer, dict) else str(answer)
    return Command(goto=END, update={"status": "rejected", "note": note})


def pay(state: State) -> State:
    log = Path(os.environ.get("REFUND_LOG", "var/refunds.log"))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(json.dumps({"order": state.get("order", ""), "amount": state["amount"]}) + "\n")
    return {"status": "paid"}


builder = StateGraph(State)
builder.add_node(check)
builder.add_node(ask)
builder.add_node(pay)
builder.add_edge(START, "check")
builder.add_edge("pay", END)
graph = builder.compile()
