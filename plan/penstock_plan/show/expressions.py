"""The expressions of a plan as JSON and in words: what a golden file shows of arguments.

The first key says what it is: {"node": "split", "output": "train"}, {"input": "count"}, {"value": 3},
{"sha256": ..., "codec": ...}, {"list": [...]} (or "tuple", "set"), {"dict": [[key, value], ...]},
{"record": "module.Name", "fields": {...}}, {"item": "score.items", "list": 0}, {"choice": "when", "sides": [...]}.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from penstock_proto.plan.v1 import plan_pb2
from penstock_proto.value.v1.value_pb2 import Value

from ..spelling import spell

LITERAL_LENGTH_SHOWN = 60

Expression = dict[str, Any]


def expression(plan: plan_pb2.Plan, expr: plan_pb2.Expr) -> Expression:
    """A plan's expression as JSON."""
    match expr.WhichOneof("kind"):
        case "output":
            node = plan.nodes[expr.output.node]
            return {"node": node.name, "output": plan.operators[node.operator].outputs[expr.output.output].name}
        case "input":
            return {"input": plan.inputs[expr.input].name}
        case "sequence":
            return {expr.sequence.kind: [expression(plan, item) for item in expr.sequence.items]}
        case "mapping":
            pairs = zip(expr.mapping.keys, expr.mapping.values, strict=True)
            return {"dict": [[expression(plan, key), expression(plan, value)] for key, value in pairs]}
        case "record":
            fields = zip(expr.record.names, expr.record.values, strict=True)
            return {
                "record": spell(plan.types, expr.record.type, full=True),
                "fields": {name: expression(plan, value) for name, value in fields},
            }
        case "item":
            return {"item": plan.nodes[expr.item.node].name, "list": expr.item.list}
        case "choice":
            sides = [expression(plan, side) for side in expr.choice.sides]
            return {"choice": plan.nodes[expr.choice.branch].name, "sides": sides}
        case _:
            return literal(expr.literal)


def literal(value: Value) -> Expression:
    """A value as JSON, or by its hash if it is none, or too large for the plan."""
    if value.WhichOneof("body") == "artifact":
        return {"sha256": value.artifact.hex(), "codec": value.codec}
    try:
        return {"value": json.loads(value.inline)}
    except ValueError:
        return {"sha256": hashlib.sha256(value.inline).hexdigest(), "codec": value.codec}


def renamed(expression: Any, nodes: Mapping[str, str]) -> Any:
    """The expression, or the list of expressions, with the nodes' other names."""
    if isinstance(expression, list):
        return [renamed(item, nodes) for item in cast("list[Any]", expression)]
    match next(iter(expression)):
        case "node":
            return {**expression, "node": nodes.get(expression["node"], expression["node"])}
        case "record":
            return {**expression, "fields": {name: renamed(part, nodes) for name, part in expression["fields"].items()}}
        case "item":
            return {**expression, "item": nodes.get(expression["item"], expression["item"])}
        case "choice":
            branch = nodes.get(expression["choice"], expression["choice"])
            return {"choice": branch, "sides": renamed(expression["sides"], nodes)}
        case "list" | "tuple" | "set" | "dict" as kind:
            return {kind: renamed(expression[kind], nodes)}
        case _:
            return expression


def spell_expression(expression: Expression) -> str:
    """An expression of an outline as one would write it: `split.train`, `input count`, `[a, 3]`."""
    match next(iter(expression)):
        case "node":
            output = expression["output"]
            return expression["node"] if output == "result" else f"{expression['node']}.{output}"
        case "input":
            return f"input {expression['input']}"
        case "value":
            text = json.dumps(expression["value"], ensure_ascii=False)
            return text if len(text) <= LITERAL_LENGTH_SHOWN else text[: LITERAL_LENGTH_SHOWN - 3] + "..."
        case "record":
            fields = ", ".join(f"{name}={spell_expression(part)}" for name, part in expression["fields"].items())
            return f"{expression['record'].replace(':', '.').rpartition('.')[2]}({fields})"
        case "dict":
            pairs = [f"{spell_expression(key)}: {spell_expression(part)}" for key, part in expression["dict"]]
            return f"{{{', '.join(pairs)}}}"
        case "item":
            return f"an item of {expression['item']}"
        case "choice":
            return f"{expression['choice']}({', '.join(map(spell_expression, expression['sides']))})"
        case "list" | "tuple" | "set" as kind:
            opening, closing = {"list": "[]", "tuple": "()", "set": "{}"}[kind]
            return f"{opening}{', '.join(map(spell_expression, expression[kind]))}{closing}"
        case _:
            return f"{expression['codec']} data {expression['sha256'][:8]}"
