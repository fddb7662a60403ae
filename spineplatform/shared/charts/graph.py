"""Boxes and what leads from one to the next, such as versions made from others: `components/graph.html` draws them.

Children stand to the right of their parents and branches below. A graph is drawn at its own size and scrolls in its
panel, for a box holds text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Pixels: of a box, and between boxes.
BOX_WIDTH, BOX_HEIGHT = 168, 58
GAP_X, GAP_Y, MARGIN = 44, 18, 4


@dataclass(frozen=True)
class Node:
    """What a box says: ``name``, ``figure`` at its right end, ``status`` below, and ``title`` in words.

    It leads to ``url``; ``css`` is a class of its look.
    """

    name: str
    title: str
    url: str
    figure: str = ""
    status: str = ""
    css: str = ""


@dataclass(frozen=True)
class Box(Generic[K]):
    """One node; ``x`` and ``y`` are the upper left corner."""

    key: K
    x: int
    y: int
    node: Node
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT


@dataclass(frozen=True)
class Graph(Generic[K]):
    """Boxes in the order given, and the paths (SVG) from parents to children."""

    title: str
    boxes: tuple[Box[K], ...]
    paths: tuple[str, ...]
    width: int
    height: int

    @classmethod
    def of(cls, title: str, nodes: Mapping[K, Node], parents: Mapping[K, Sequence[K]]) -> Graph[K]:
        """Lay out ``nodes``, the oldest first, by the parents of each, the one it continues first.

        A node stands one column right of its last parent. Its first child goes on in its row, every other child begins
        a new row: no two share a place. A parent that is no node is left out.
        """
        known = {key: [one for one in parents.get(key, ()) if one in nodes] for key in nodes}
        columns, rows = _columns(known), _rows(known)
        boxes = {
            key: Box(key, MARGIN + columns[key] * (BOX_WIDTH + GAP_X), MARGIN + rows[key] * (BOX_HEIGHT + GAP_Y), node)
            for key, node in nodes.items()
        }
        paths = tuple(_path(boxes[above], boxes[key]) for key, all_above in known.items() for above in all_above)
        width = max((box.x + BOX_WIDTH for box in boxes.values()), default=0) + MARGIN
        height = max((box.y + BOX_HEIGHT for box in boxes.values()), default=0) + MARGIN
        return cls(title, tuple(boxes.values()), paths, width, height)


def _columns(parents: Mapping[K, Sequence[K]]) -> dict[K, int]:
    """Parents are older, so each key's parents have their column before it."""
    columns: dict[K, int] = {}
    for key, above in parents.items():
        columns[key] = 1 + max((columns.get(one, 0) for one in above), default=-1)
    return columns


def _rows(parents: Mapping[K, Sequence[K]]) -> dict[K, int]:
    children: dict[K, list[K]] = defaultdict(list)
    for key, above in parents.items():
        if above:
            children[above[0]].append(key)
    rows: dict[K, int] = {}
    lowest = 0
    places: list[tuple[K, int | None]] = []
    places += [(key, None) for key in list(parents)[::-1] if not parents[key]]
    while places:
        key, row = places.pop()
        if row is None:
            row, lowest = lowest, lowest + 1
        rows[key] = row
        places += [(child, None) for child in children[key][:0:-1]]
        places += [(child, row) for child in children[key][:1]]
    return rows


def _path(parent: Box[K], child: Box[K]) -> str:
    """A smooth line from the right edge of the parent to the left edge of the child."""
    x1, y1 = parent.x + BOX_WIDTH, parent.y + BOX_HEIGHT // 2
    x2, y2 = child.x, child.y + BOX_HEIGHT // 2
    if y1 == y2:
        return f"M{x1} {y1}H{x2}"
    bend = x1 + GAP_X // 2
    return f"M{x1} {y1}C{bend} {y1} {bend - 4} {y2} {x1 + GAP_X} {y2}H{x2}"
