"""The words of a picture: for those who see it, and, as title and description, for those who have it read to them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from penstock_proto.plan.v1 import plan_pb2

from ..graph import CONTROL_KINDS, PlanGraph
from ..refs import add_refs
from ..show.description import PlanShown, PortShown
from . import text
from .grouping import Box

# Nodes that a description names, of each level and of a box.
NAMED_MAX = 8
OPERATORS_NAMED_MAX = 2
LEVELS_SPOKEN_MAX = 60


def name(graph: PlanGraph, box: Box) -> str:
    """The node's name, or the operator's with the number of nodes."""
    first = box.nodes[0]
    if len(box.nodes) == 1:
        return graph.names[first]
    return f"{what(graph, box)} \N{MULTIPLICATION SIGN} {len(box.nodes)}"


def what(graph: PlanGraph, box: Box) -> str:
    """The operators of several nodes, the most frequent ones first."""
    counts = Counter(_operator(graph, node) for node in box.nodes)
    common = [operator or graph.names[box.nodes[0]] for operator, _ in counts.most_common(OPERATORS_NAMED_MAX)]
    return ", ".join(common) + (f" and {len(counts) - len(common)} more" if len(counts) > len(common) else "")


def details(plan: plan_pb2.Plan, graph: PlanGraph, box: Box) -> list[str]:
    """A few words below the name: the operator if it is called otherwise, what it holds, what the workflow returns."""
    first = box.nodes[0]
    operator = _operator(graph, first)
    lines = [operator] if len(box.nodes) == 1 and operator and operator != graph.names[first] else []
    if box.steps > 1:
        lines.append(f"{box.steps} one after the other")
    control = _control(plan, first)
    if control:
        lines = [*lines[len(lines) - (box.steps > 1) :], control]
    if box.steps <= 1 and box.levels[0] < box.levels[1]:  # nodes that are not alike
        lines.append(f"levels {box.levels[0] + 1} to {box.levels[1] + 1}")
    if graph.kinds[first] not in CONTROL_KINDS and (box.steps > 1 or box.levels[0] == box.levels[1]):
        lines.append(text.resources(graph.resources[first]) or ("a barrier" if not operator else "holds nothing"))
    if returned := _returned(plan, box):
        lines.append("returned: " + ", ".join(returned))
    return lines


def whole(plan: plan_pb2.Plan, graph: PlanGraph, box: Box) -> str:
    """Everything about a box, as its tooltip."""
    first = box.nodes[0]
    node = plan.nodes[first]
    names = [graph.names[each] for each in box.nodes[:NAMED_MAX]]
    lines = [", ".join(names) + (f" and {len(box.nodes) - NAMED_MAX} more" if len(box.nodes) > NAMED_MAX else "")]
    lines.append(graph.operators[first] or "executes nothing")
    if node.line:
        lines.append(f"called at {plan.files[node.file]}:{node.line}")
    lines += details(plan, graph, box)[-1:] if not graph.operators[first] else [text.resources(graph.resources[first])]
    if graph.retry[first].retries:
        lines.append(f"{graph.retry[first].retries} retries")
    if graph.timeout_s[first]:
        lines.append(f"at most {graph.timeout_s[first]:g} s")
    if box.critical:
        lines.append("on the critical path")
    return "\n".join(text.shown(line) for line in lines if line)


def head(shown: PlanShown) -> list[str]:
    """Lines below the plan's name."""
    peak = text.amounts(**shown["peak_resources"])
    counts = (
        f"{_count(shown['nodes'], 'node')}, {_count(shown['edges'], 'edge')}, {_count(len(shown['levels']), 'level')}; "
        f"critical path of {_count(len(shown['critical_path']), 'node')}"
    )
    lines = [counts + (f"; peak resources {peak}" if peak else "")]
    lines += [f"inputs: {_ports(shown['inputs'])}"] if shown["inputs"] else []
    lines += [f"outputs: {_ports(shown['outputs'])}"] if shown["outputs"] else []
    return lines


def title(shown: PlanShown) -> str:
    return text.shown(f"Plan of {shown['name']}")


def spoken(shown: PlanShown) -> str:
    """The plan in sentences, for those who cannot see it."""
    sentences = [f"{line}." for line in head(shown)]
    for number, level in enumerate(shown["levels"][:LEVELS_SPOKEN_MAX], 1):
        sentences.append(f"Level {number}: {_named(node['name'] for node in level['nodes'])}.")
    if len(shown["levels"]) > LEVELS_SPOKEN_MAX:
        sentences.append(f"{len(shown['levels']) - LEVELS_SPOKEN_MAX} more levels.")
    sentences.append(f"Critical path: {_named(shown['critical_path'])}.")
    return text.shown(" ".join(sentences))


def columns(shown: PlanShown, boxes: Sequence[Box], drawn: Sequence[Sequence[int]]) -> list[tuple[str, str]]:
    """Above each column: which levels of the plan it has, and the most that one of them holds."""
    heads: list[tuple[str, str]] = []
    for column in drawn:
        levels = [level for vertex in column if vertex < len(boxes) for level in boxes[vertex].levels]
        low, high = min(levels), max(levels)
        held = [shown["levels"][level]["resources"] for level in range(low, high + 1)]
        most = {what: max(each[what] for each in held) for what in ("cpu_milli", "gpu", "memory_bytes")}
        heads.append((f"level {low + 1}" if low == high else f"levels {low + 1} to {high + 1}", text.amounts(**most)))
    return heads


def _control(plan: plan_pb2.Plan, index: int) -> str:
    """What a node decides, or which decision it depends on."""
    node = plan.nodes[index]
    match node.kind:
        case plan_pb2.NODE_KIND_MAP:
            return "items, one by one"
        case plan_pb2.NODE_KIND_GATHER:
            return "a list of the results"
        case plan_pb2.NODE_KIND_BRANCH:
            return "takes one side"
        case plan_pb2.NODE_KIND_WAIT if node.wait.HasField("child"):
            return "a run of its own"
        case _:
            pass
    if node.at_end:
        return "at the end, after a failure" if node.at_end == plan_pb2.AT_END_FAILURE else "at the end"
    parts = [f"side {side.side + 1} of {plan.nodes[side.branch].name}" for side in node.sides[-1:]]
    return ", ".join([*(["for each item"] if node.map else []), *parts])


def _operator(graph: PlanGraph, node: int) -> str:
    return graph.operators[node].rpartition(":")[2]


def _returned(plan: plan_pb2.Plan, box: Box) -> list[str]:
    """The workflow's outputs that the box's nodes have a part in."""
    found: list[str] = []
    for output in plan.outputs:
        used: set[int] = set()
        add_refs(output.value, used)
        if not used.isdisjoint(box.nodes):
            found.append(output.name)
    return found


def _ports(ports: Sequence[PortShown]) -> str:
    return ", ".join(f"{port['name']}: {port['type']}" for port in ports)


def _named(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - NAMED_MAX} more" if len(known) > NAMED_MAX else ""
    return ", ".join(known[:NAMED_MAX]) + more


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
