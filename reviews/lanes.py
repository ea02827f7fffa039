"""The lines beside a timeline: which way each checkpoint went, drawn as `git log --graph` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WIDEST = 6  # lanes that are drawn; branches further out share the last one


@dataclass(frozen=True)
class Place:
    """Where a checkpoint stands among the lines."""

    cells: tuple[str, ...]  # CSS classes, one cell per lane
    is_current: bool  # on the way that led to where the thread is now
    children: tuple[str, ...]  # the checkpoints that follow, oldest first


def places(lineage: Mapping[str, str | None], *, goes_on: bool = False) -> dict[str, Place]:
    """Where each checkpoint stands; `lineage` has the parent of each, newest first.

    With `goes_on`, the line comes from above to the first: something is to follow it.
    """
    children: dict[str | None, list[str]] = {}
    for child, parent in lineage.items():
        children.setdefault(parent, []).insert(0, child)
    current = next(iter(lineage), None)
    lanes = [current] if goes_on else []  # the checkpoint each line comes to next
    found = {}
    for checkpoint, parent in lineage.items():
        cells = _row(lanes, checkpoint, parent)
        is_current = checkpoint == current
        current = parent if is_current else current
        found[checkpoint] = Place(cells, is_current, tuple(children.get(checkpoint, ())))
    return found


def _row(lanes: list[str | None], checkpoint: str, parent: str | None) -> tuple[str, ...]:
    """The cells of one row; `lanes` are moved on to the next."""
    is_awaited = checkpoint in lanes
    if is_awaited:
        at = lanes.index(checkpoint)
    else:
        at = lanes.index(None) if None in lanes else len(lanes)
        lanes[at : at + 1] = [checkpoint]
    joining = [lane for lane, awaited in enumerate(lanes) if awaited == checkpoint and lane > at]
    cells = [_cell(awaited, lane, at, joining) for lane, awaited in enumerate(lanes)]
    cells[at] = f"dot{' up' if is_awaited else ''}{' down' if parent else ''}"
    for lane in joining:
        lanes[lane] = None
    lanes[at] = parent
    while lanes and lanes[-1] is None:
        lanes.pop()
    return tuple(cells if at < WIDEST else [*cells[: WIDEST - 1], cells[at]])[:WIDEST]


def _cell(awaited: str | None, lane: int, at: int, joining: list[int]) -> str:
    if lane in joining:
        return "join"
    crossed = bool(joining) and at < lane < joining[-1]
    return " ".join(
        word for word, holds in (("through", awaited is not None), ("cross", crossed)) if holds
    )
