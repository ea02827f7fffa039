"""What a timeline draws: branches in lanes, and how two states differ."""

from __future__ import annotations

from reviews.lanes import places
from reviews.state_changes import changes


def test_lines_part_where_ways_part() -> None:
    lineage = {"e": "b", "d": "c", "c": "b", "b": "a", "a": None}  # e went on from b

    found = places(lineage)

    assert {name: place.cells for name, place in found.items()} == {
        "e": ("dot down",),
        "d": ("through", "dot down"),
        "c": ("through", "dot up down"),
        "b": ("dot up down", "join"),
        "a": ("dot up",),
    }
    assert [name for name, place in found.items() if place.is_current] == ["e", "b", "a"]
    assert found["b"].children == ("c", "e")


def test_many_branches_stay_within_the_lanes_that_are_drawn() -> None:
    lineage: dict[str, str | None] = {f"tip{n}": "root" for n in range(20)} | {"root": None}

    cells = [place.cells for place in places(lineage).values()]

    assert max(map(len, cells)) == 6
    assert all(any("dot" in cell for cell in row) for row in cells)


def test_differences_are_told_in_order_and_not_without_end() -> None:
    before = {"a": [1, 2], "b": {"deep": True}, "gone": 1}
    after = {"a": [1, 3, 4], "b": {"deep": 1}, "new": None}

    found, has_more = changes(before, after)

    assert [(edit.pointer, edit.change) for edit in found] == [
        ("/a/1", "changed"),
        ("/a/2", "added"),
        ("/b/deep", "changed"),
        ("/gone", "removed"),
        ("/new", "added"),
    ]
    assert not has_more
    assert changes([0] * 500, [1] * 500)[1]
