"""Plans for tests."""

import json
from collections.abc import Iterable

from penstock_proto.plan.v1 import plan_pb2 as pb
from penstock_proto.value.v1.value_pb2 import Value

# Indexes of the types of `valid_plan`.
INT, FLOAT, STR, ROWS, MODEL, LIST_INT, ROW, CONFIG, TUPLE_INT, OPTIONAL, DICT, ANY = range(12)


def plan_of(edges: Iterable[Iterable[int]], after: Iterable[Iterable[int]] | None = None) -> pb.Plan:
    """A plan of one operator, whose node n uses the outputs of `edges[n]`."""
    edges = [list(parents) for parents in edges]
    plan = pb.Plan(schema=1, name="flow:main", files=["flow.py"], types=[pb.Type(name="any")])
    ports = [pb.Port(name=f"a{position}", type=0) for position in range(max(map(len, edges), default=0))]
    result = pb.Port(name="result", type=0)
    plan.operators.add(
        module="flow", qualname="step", inputs=ports, outputs=[result], output_shape=pb.OUTPUT_SHAPE_SINGLE
    )
    for index, (parents, before) in enumerate(zip(edges, after or [()] * len(edges), strict=True)):
        node = plan.nodes.add(name=f"step-{index}", kind=pb.NODE_KIND_TASK, after=before)
        for position, parent in enumerate(parents):
            node.arguments.add(name=f"a{position}").value.output.node = parent
    return plan


def literal(value: object, type_name: str = "") -> pb.Expr:
    """A JSON literal."""
    inline = json.dumps(value).encode()
    return pb.Expr(literal=Value(codec="json", inline=inline, size_bytes=len(inline), type_name=type_name))


def output(node: int, index: int = 0) -> pb.Expr:
    """An output of a node."""
    return pb.Expr(output=pb.OutputRef(node=node, output=index))


def valid_plan() -> pb.Plan:
    """load -> train -> evaluate with one of everything that the format has today."""
    plan = pb.Plan(schema=1, name="flow:main", doc="Trains.", bundle=bytes(32), files=["flow.py"])
    plan.types.extend(
        [
            pb.Type(name="int"),
            pb.Type(name="float"),
            pb.Type(name="str"),
            pb.Type(name="Dataset", args=[ROW]),
            pb.Type(name="Model"),
            pb.Type(name="list", args=[INT]),
            pb.Type(name="record", qualname="flow:Row", fields=[pb.Field(name="x", type=INT, required=True)]),
            pb.Type(
                name="record",
                qualname="flow:Config",
                fields=[pb.Field(name="rate", type=FLOAT, required=True), pb.Field(name="note", type=STR)],
            ),
            pb.Type(name="tuple", args=[INT], variadic=True),
            pb.Type(name="union", args=[LIST_INT, STR]),
            pb.Type(name="dict", args=[STR, FLOAT]),
            pb.Type(name="any"),
        ]
    )
    _add_operators(plan)
    plan.inputs.add(name="seed", type=INT, required=True, schema_json='{"type": "integer"}')
    plan.inputs.add(name="rate", type=FLOAT).default.CopyFrom(literal(0.1).literal)
    load = plan.nodes.add(name="load", kind=pb.NODE_KIND_TASK, operator=0, line=3)
    load.arguments.add(name="seed").value.input = 0
    train = plan.nodes.add(name="train", kind=pb.NODE_KIND_TASK, operator=1, line=4)
    train.arguments.add(name="rows", value=output(0))
    config = train.arguments.add(name="config").value.record
    config.type = CONFIG
    config.names.append("rate")
    config.values.add().input = 1
    point = plan.nodes.add(name="point", kind=pb.NODE_KIND_PASS, after=[1])
    point.line = 5
    last = plan.nodes.add(name="evaluate", kind=pb.NODE_KIND_TASK, operator=2, after=[2], line=6)
    last.arguments.add(name="model", value=output(1))
    sizes = last.arguments.add(name="sizes").value.sequence
    sizes.kind = "list"
    sizes.items.extend([literal(1, "int"), output(0, 1), pb.Expr(input=0)])
    weights = last.arguments.add(name="weights").value.mapping
    weights.keys.append(literal("a", "str"))
    weights.values.append(literal(2, "int"))
    last.overrides.timeout_s = 60
    plan.outputs.add(name="accuracy", type=FLOAT, value=output(3))
    plan.outputs.add(name="seed", type=INT).value.input = 0
    return plan


def _add_operators(plan: pb.Plan) -> None:
    load = plan.operators.add(module="flow", qualname="load", output_shape=pb.OUTPUT_SHAPE_FIELDS)
    load.inputs.add(name="seed", type=INT, required=True)
    load.outputs.add(name="rows", type=ROWS)
    load.outputs.add(name="count", type=INT)
    train = plan.operators.add(module="flow", qualname="train", output_shape=pb.OUTPUT_SHAPE_SINGLE)
    train.inputs.add(name="rows", type=ROWS, required=True)
    train.inputs.add(name="config", type=CONFIG, required=True)
    train.outputs.add(name="result", type=MODEL)
    train.resources.cpu_milli = 2000
    train.retry.retries = 2
    evaluate = plan.operators.add(module="flow", qualname="evaluate", output_shape=pb.OUTPUT_SHAPE_SINGLE)
    evaluate.inputs.add(name="model", type=MODEL, required=True)
    evaluate.inputs.add(name="sizes", type=OPTIONAL)
    evaluate.inputs.add(name="weights", type=DICT)
    evaluate.outputs.add(name="result", type=FLOAT)
