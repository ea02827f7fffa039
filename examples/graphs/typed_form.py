"""A question with a form: `response_schema` says what an answer looks like.

LangGraph validates the answer before the node sees it, and the node gets a `Booking`. A wrong one
is refused and not saved, so the question stays open.
"""

from __future__ import annotations

from datetime import date
from enum import Enum

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel, Field
from typing_extensions import TypedDict


class Travel(Enum):
    TRAIN = "train"
    PLANE = "plane"
    CAR = "car"


class Booking(BaseModel):
    """What the agent may book."""

    approved: bool = Field(description="Nothing is booked without it")
    by: Travel = Field(description="How to travel")
    budget: float = Field(ge=0, le=5000, description="In euros")
    leaving: date = Field(description="Day of departure")
    travellers: list[str] = Field(min_length=1, description="Who travels")
    note: str | None = Field(default=None, max_length=200, description="For the booking agent")


class State(TypedDict, total=False):
    destination: str
    booking: dict[str, object]
    result: str


def ask(state: State) -> State:
    destination = state.get("destination", "Lisbon")
    booking = interrupt(
        {"question": f"Book the trip to {destination}?", "destination": destination},
        response_schema=Booking,
    )
    return {"booking": booking.model_dump(mode="json")}


def book(state: State) -> State:
    booking = state["booking"]
    return {"result": f"booked by {booking['by']}" if booking["approved"] else "not booked"}


builder = StateGraph(State)
builder.add_node(ask)
builder.add_node(book)
builder.add_edge(START, "ask")
builder.add_edge("ask", "book")
builder.add_edge("book", END)
graph = builder.compile()
