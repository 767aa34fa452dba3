"""Which operators and nodes of two plans are the same, although they may be named or used differently."""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .expressions import renamed
from .outline import NodeOutline, OperatorOutline, Outline

Names = dict[str, str]  # of the old plan to those of the new one


def match_operators(old: Outline, new: Outline) -> Names:
    """Operators by their names; those that are gone by what else is new and has the same code, or the same ports."""
    pairs = {name: name for name in old.operators if name in new.operators}
    for alike in (_code, _name_and_ports, _ports):
        _pair_alike(pairs, old.operators, new.operators, alike)
    return pairs


def match_nodes(old: Outline, new: Outline, operators: Mapping[str, str]) -> Names:
    """Nodes that compute the same, then those of the same name, then in their order those that call the same."""
    before, after = _identities(old, operators), _identities(new, {})
    pairs = {name: name for name, identity in before.items() if after.get(name) == identity}
    _pair_in_order(pairs, before, after)
    taken = set(pairs.values())
    pairs |= {name: name for name in before if name in after and name not in pairs and name not in taken}
    called = {name: operators.get(node.operator) or node.kind for name, node in old.nodes.items()}
    _pair_in_order(pairs, called, {name: node.operator or node.kind for name, node in new.nodes.items()})
    return pairs


def _code(name: str, operator: OperatorOutline) -> Any:
    return operator.code or None


def _name_and_ports(name: str, operator: OperatorOutline) -> Any:
    return name.rpartition(":")[2], _ports(name, operator)


def _ports(name: str, operator: OperatorOutline) -> Any:
    return json.dumps([operator.inputs, operator.outputs])


def _pair_alike(
    pairs: Names,
    old: Mapping[str, OperatorOutline],
    new: Mapping[str, OperatorOutline],
    alike: Callable[[str, OperatorOutline], Any],
) -> None:
    """Pair what is left where exactly one on each side looks so."""
    taken = set(pairs.values())
    gone, come = defaultdict[Any, list[str]](list), defaultdict[Any, list[str]](list)
    for name in (each for each in old if each not in pairs):
        gone[alike(name, old[name])].append(name)
    for name in (each for each in new if each not in taken):
        come[alike(name, new[name])].append(name)
    for look, names in gone.items():
        if look is not None and len(names) == len(come[look]) == 1:
            pairs[names[0]] = come[look][0]


def _pair_in_order(pairs: Names, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Pair what is left and looks the same, the first with the first."""
    taken = set(pairs.values())
    free = defaultdict[Any, deque[str]](deque)
    for name, look in new.items():
        if name not in taken:
            free[look].append(name)
    for name, look in old.items():
        if name not in pairs and free[look]:
            pairs[name] = free[look].popleft()


def _identities(plan: Outline, operators: Mapping[str, str]) -> dict[str, str]:
    """A hash of what each node computes: its operator, and the same of all that its arguments come from."""
    known: dict[str, str] = {}
    for name, node in plan.nodes.items():
        known[name] = _identity(node, operators.get(node.operator, node.operator), known)
    return known


def _identity(node: NodeOutline, operator: str, known: Mapping[str, str]) -> str:
    arguments = {name: renamed(value, known) for name, value in node.arguments.items()}
    parts = [node.kind, operator, arguments, sorted(_each(node.after, known))]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _each(names: Iterable[str], known: Mapping[str, str]) -> list[str]:
    return [known.get(name, name) for name in names]
