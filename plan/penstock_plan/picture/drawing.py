"""The plan drawn as SVG: levels from left to right, the critical path in bold, every name also as text for readers."""

from xml.etree import ElementTree

from penstock_proto.plan.v1 import plan_pb2

from ..graph import PlanGraph
from ..show.description import describe
from . import captions, text
from .boxes import Link, boxes_of
from .geometry import BEND, BOLD, MARGIN, NAME_SIZE, PADDING, SMALL_SIZE, TEXT_LINE, Geometry, Piece, Words

TITLE_SIZE = 17.0
HEAD_WIDTH_MIN, HEAD_WIDTH_MAX = 480.0, 1000.0
HEAD_LINE = 17.0
FOOT = 44.0
PILE = 5.0  # how far the second of a pile of boxes looks out
TIP = 8.0

STYLE = """
text { font-family: system-ui, "Segoe UI", "DejaVu Sans", Arial, sans-serif; fill: #1f2933 }
.page { fill: #ffffff }
.small { font-size: 10.5px; fill: #52606d }
.name { font-size: 13px; font-weight: 600 }
.title { font-size: 17px; font-weight: 700 }
.box { fill: #f5f7fa; stroke: #7b8794; stroke-width: 1.2 }
.critical .box { fill: #fff4e5; stroke: #b44d12; stroke-width: 2.6 }
.line { fill: none; stroke: #7b8794; stroke-width: 1.2 }
.line.order { stroke-dasharray: 5 4 }
.line.critical { stroke: #b44d12; stroke-width: 2.6 }
.tip { fill: #7b8794 }
.tip.critical { fill: #b44d12 }
.label { font-size: 10.5px; fill: #3e4c59 }
"""


def draw(plan: plan_pb2.Plan, plan_hash: bytes) -> str:
    """Return a valid plan as an SVG document, the same for the same plan."""
    return _Drawing(plan, plan_hash).document()


class _Drawing:
    """One picture while it is made."""

    def __init__(self, plan: plan_pb2.Plan, plan_hash: bytes) -> None:
        graph = PlanGraph.of(plan, plan_hash)
        self._plan, self._graph, self._shown = plan, graph, describe(plan, plan_hash)
        self._boxes, links = boxes_of(plan, graph)
        self._words = [Words(captions.name(graph, box), captions.details(plan, graph, box)) for box in self._boxes]
        self._place = Geometry(self._boxes, links, self._words)
        self._ordered = any(not link.labels for link in links.values())
        self._head_lines = captions.head(self._shown)
        self._top = MARGIN + TITLE_SIZE + HEAD_LINE * len(self._head_lines) + 58
        wanted = 2 * MARGIN + max(text.width(line, SMALL_SIZE) for line in self._head_lines)
        self._width = max(self._place.width, HEAD_WIDTH_MIN, min(HEAD_WIDTH_MAX, wanted))
        self._height = self._top + self._place.height + FOOT

    def document(self) -> str:
        name = f"plan-{self._shown['hash'][:12]}"
        wide, high = _number(self._width), _number(self._height)
        root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {wide} {high}"})
        root.attrib |= {"width": wide, "height": high, "role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
        _add(root, "title", captions.title(self._shown), id=f"{name}-title")
        _add(root, "desc", captions.spoken(self._shown), id=f"{name}-desc")
        _add(root, "style", STYLE)
        _add(root, "rect", kind="page", width=wide, height=high)
        self._head(root)
        self._lines(root)
        for box in range(len(self._boxes)):
            self._box(root, box)
        self._legend(root)
        ElementTree.indent(root, " ")
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _head(self, root: ElementTree.Element) -> None:
        room = self._width - 2 * MARGIN
        y = MARGIN + TITLE_SIZE
        _text(root, MARGIN, y, text.fitted(self._shown["name"], TITLE_SIZE * BOLD, room), "title")
        for line in self._head_lines:
            y += HEAD_LINE
            _text(root, MARGIN, y, text.fitted(line, SMALL_SIZE, room), "small")
        place = self._place
        heads = captions.columns(self._shown, self._boxes, place.layout.columns)
        for lines, left, wide in zip(heads, place.lefts, place.widths, strict=True):
            for number, line in enumerate(lines):
                y = self._top - 34 + 14 * number
                _text(root, left + wide / 2, y, text.fitted(line, SMALL_SIZE, wide + 50), "small", "middle")

    def _lines(self, root: ElementTree.Element) -> None:
        """Plain lines first, so that the critical path lies above them."""
        for piece, link in sorted(self._place.pieces.items(), key=lambda item: item[1].critical):
            self._line(root, piece, link)

    def _line(self, root: ElementTree.Element, piece: Piece, link: Link) -> None:
        """From a box or point, in one bend, then straight below its label."""
        place = self._place
        (one, other), y1, y2 = piece, self._top + place.starts[piece], self._top + place.ends[piece]
        from_x, to_x = place.right(one), place.left(other)
        bend, end_x = from_x + BEND, to_x - TIP + 1 if place.is_box(other) else place.right(other)
        middle = (from_x + bend) / 2
        curve = " ".join(map(_number, (middle, y1, middle, y2, bend, y2)))
        kind = " critical" if link.critical else ""
        order = "" if link.labels else " order"
        _add(root, "path", kind="line" + kind + order, d=f"M{_number(from_x)} {_number(y1)}C{curve}H{_number(end_x)}")
        if place.is_box(other):
            corners = [(to_x, y2), (to_x - TIP, y2 - 4), (to_x - TIP, y2 + 4)]
            _add(root, "polygon", kind="tip" + kind, points=" ".join(f"{_number(x)},{_number(y)}" for x, y in corners))
        if label := place.label(piece):
            _text(root, to_x - TIP - 3, y2 - 4, label, "label", "end")

    def _box(self, root: ElementTree.Element, box: int) -> None:
        place, words = self._place, self._words[box]
        left, wide, height = place.left(box), place.wide(box), place.heights[box]
        top = self._top + place.layout.y[box] - height / 2
        group = _add(root, "g", kind="node critical" if self._boxes[box].critical else "node")
        _add(group, "title", captions.whole(self._plan, self._graph, self._boxes[box]))
        shape = {"width": _number(wide), "height": _number(height), "rx": "7"}
        if len(self._boxes[box].nodes) > 1:
            _add(group, "rect", kind="box", x=_number(left + PILE), y=_number(top + PILE), **shape)
        _add(group, "rect", kind="box", x=_number(left), y=_number(top), **shape)
        room = wide - 2 * PADDING + 2
        y = top + (height - TEXT_LINE * (1 + len(words.details))) / 2 + 11
        _text(group, left + PADDING, y, text.fitted(words.name, NAME_SIZE * BOLD, room), "name")
        for number, detail in enumerate(words.details, 1):
            _text(group, left + PADDING, y + 1 + TEXT_LINE * number, text.fitted(detail, SMALL_SIZE, room), "small")

    def _legend(self, root: ElementTree.Element) -> None:
        y = self._height - 16
        _add(root, "path", kind="line critical", d=f"M{_number(MARGIN)} {_number(y - 4)}h26")
        _text(root, MARGIN + 32, y, "critical path", "small")
        if self._ordered:
            _add(root, "path", kind="line order", d=f"M{_number(MARGIN + 120)} {_number(y - 4)}h26")
            _text(root, MARGIN + 152, y, "order only", "small")


def _add(
    parent: ElementTree.Element, tag: str, content: str | None = None, *, kind: str = "", **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, {"class": kind, **attributes} if kind else attributes)
    element.text = content
    return element


def _text(parent: ElementTree.Element, x: float, y: float, content: str, kind: str, anchor: str = "") -> None:
    element = _add(parent, "text", content, kind=kind, x=_number(x), y=_number(y))
    if anchor:
        element.set("text-anchor", anchor)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
