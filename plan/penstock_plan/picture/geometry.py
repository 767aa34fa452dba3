"""Where everything of a picture is, in pixels."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from . import text
from .boxes import Link, Links
from .grouping import Box
from .layout import Layout, lay_out

# Types are written on the lines of a picture that has no more boxes, unless more lines than these meet in one box.
LABELLED_BOXES_MAX = 40
LABELLED_LINES_MAX = 8

NAME_SIZE, SMALL_SIZE = 13.0, 10.5
BOLD = 1.08  # how much wider bold letters are
MARGIN, BOX_GAP, LINE_GAP = 24.0, 22.0, 16.0
BOX_WIDTH_MIN, BOX_WIDTH_MAX, BOX_HEIGHT_MIN = 110.0, 230.0, 40.0
PADDING, TEXT_LINE = 10.0, 14.0
COLUMN_GAP, LABEL_WIDTH_MAX = 58.0, 170.0
BEND = 46.0  # what a line takes to get from one height to another
PORT_GAP = 16.0  # between the ends of lines along the side of a box

Piece = tuple[int, int]  # of a line, between vertices of neighbouring columns


@dataclass(frozen=True, slots=True)
class Words:
    """What is written in a box."""

    name: str
    details: list[str]

    @property
    def width(self) -> float:
        wide = [text.width(each, SMALL_SIZE) for each in self.details]
        return max(text.width(self.name, NAME_SIZE) * BOLD, *wide) + 2 * PADDING


class Geometry:
    """The places of boxes (by index) and pieces of lines, before anything is moved below the heading."""

    def __init__(self, boxes: Sequence[Box], links: Links, words: Sequence[Words]) -> None:
        self._arriving = [0] * len(boxes)
        for _, other in links:
            self._arriving[other] += 1
        self._labelled = len(boxes) <= LABELLED_BOXES_MAX
        self.heights = [self._height(each, arriving) for each, arriving in zip(words, self._arriving, strict=True)]
        self.layout: Layout = lay_out(self.heights, links, gap=BOX_GAP, line_gap=LINE_GAP)
        self.column_of = {vertex: index for index, column in enumerate(self.layout.columns) for vertex in column}
        self.pieces = _pieces(self.layout, links)
        self._measure(words)
        self.starts = self._ends(0)
        self.ends = self._ends(1)

    def is_box(self, vertex: int) -> bool:
        """Else it is a point that a long line passes."""
        return vertex < len(self.heights)

    def left(self, vertex: int) -> float:
        return self.lefts[self.column_of[vertex]]

    def right(self, vertex: int) -> float:
        return self.left(vertex) + self.wide(vertex)

    def wide(self, vertex: int) -> float:
        return self.widths[self.column_of[vertex]]

    def label(self, piece: Piece) -> str:
        """What is written where a line arrives at a box, cut to the room there is."""
        other = piece[1]
        if not self._labelled or not self.is_box(other) or self._arriving[other] > LABELLED_LINES_MAX:
            return ""
        return text.fitted(", ".join(self.pieces[piece].labels), SMALL_SIZE, LABEL_WIDTH_MAX)

    def _height(self, words: Words, arriving: int) -> float:
        height = max(BOX_HEIGHT_MIN, 22 + TEXT_LINE * (1 + len(words.details)) - 4)
        return max(height, PORT_GAP * min(arriving, LABELLED_LINES_MAX) + 6) if self._labelled else height

    def _measure(self, words: Sequence[Words]) -> None:
        """Choose the width of each column, and of the gap before it by the labels that it has to hold."""
        gaps = [0.0, *[COLUMN_GAP] * (len(self.layout.columns) - 1)]
        for piece in self.pieces:
            column = self.column_of[piece[1]]
            if label := self.label(piece):
                gaps[column] = max(gaps[column], BEND + text.width(label, SMALL_SIZE) + 18)
        self.lefts, self.widths = list[float](), list[float]()
        x = MARGIN
        for gap, column in zip(gaps, self.layout.columns, strict=False):
            wide = max((words[vertex].width for vertex in column if self.is_box(vertex)), default=0.0)
            self.lefts.append(x + gap)
            self.widths.append(min(BOX_WIDTH_MAX, max(BOX_WIDTH_MIN, wide)))
            x += gap + self.widths[-1]
        self.width = x + MARGIN
        bottoms = [y + (self.heights[each] / 2 if self.is_box(each) else 0) for each, y in enumerate(self.layout.y)]
        self.height = max(bottoms, default=0.0)

    def _ends(self, side: int) -> dict[Piece, float]:
        """The height of one end of each piece: apart from each other along the side of a box, in the others' order."""
        y = self.layout.y
        meeting: dict[int, list[Piece]] = {}
        for piece in self.pieces:
            meeting.setdefault(piece[side], []).append(piece)
        heights: dict[Piece, float] = {}
        for vertex, pieces in meeting.items():
            pieces.sort(key=lambda piece: (y[piece[1 - side]], piece[1 - side]))
            room = self.heights[vertex] - 14 if self.is_box(vertex) else 0.0
            step = min(PORT_GAP, room / max(1, len(pieces) - 1))
            for number, piece in enumerate(pieces):
                heights[piece] = y[vertex] + step * (number - (len(pieces) - 1) / 2)
        return heights


def _pieces(layout: Layout, links: Links) -> dict[Piece, Link]:
    """What each piece of line belongs to: several lines may share one."""
    pieces: dict[Piece, Link] = {}
    for edge, route in layout.routes.items():
        link = links[edge]
        for piece in itertools.pairwise(route):
            whole = pieces.setdefault(piece, Link())
            whole.critical |= link.critical
            whole.labels += [label for label in link.labels if label not in whole.labels]
    return pieces
