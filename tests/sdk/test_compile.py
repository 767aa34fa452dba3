"""What calls in a workflow's body become in the plan."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import penstock
import pytest
from google.protobuf.json_format import MessageToDict
from penstock import Compiled, Workflow, after, barrier, workflow
from penstock_plan.check import validation
from penstock_proto.plan.v1 import plan_pb2

from tests.sdk.programs import Config, Evaluation, Settings, Split, add, evaluate, fit, load, note, split, total


class Both(NamedTuple):
    sum: int
    parts: Split


def compiled(definition: Workflow[..., Any]) -> Compiled:
    made = penstock.compile(definition, bundle_hash=b"")
    validation.load(made.data)
    return made


def plan(definition: Workflow[..., Any]) -> plan_pb2.Plan:
    return compiled(definition).plan


def arguments(node: plan_pb2.Node) -> dict[str, Any]:
    """Each argument as JSON, literals as their text."""
    return {each.name: _plain(MessageToDict(each.value)) for each in node.arguments}


def _plain(expr: dict[str, Any]) -> Any:
    (kind, value), *_ = expr.items()
    match kind:
        case "literal":
            import base64

            return base64.b64decode(value["inline"]).decode()
        case "output":
            return f"node {value.get('node', 0)}.{value.get('output', 0)}"
        case "sequence":
            return [value["kind"], *map(_plain, value.get("items", []))]
        case "mapping":
            return dict(zip(map(_plain, value["keys"]), map(_plain, value["values"]), strict=True))
        case "record":
            return dict(zip(value["names"], map(_plain, value["values"]), strict=True))
        case _:
            return f"{kind} {value}"


def test_calls_become_nodes_and_futures_edges() -> None:
    @workflow
    def small(count: int) -> int:
        rows = load(count)
        parts = split(rows, share=0.25)
        return add(total(parts.train), b=total(parts.test))

    made = plan(small)
    assert [node.name for node in made.nodes] == ["load", "split", "total", "total-2", "add"]
    assert [arguments(node) for node in made.nodes] == [
        {"count": "input 0"},
        {"rows": "node 0.0", "share": "0.25"},
        {"rows": "node 1.0"},
        {"rows": "node 1.1"},
        {"a": "node 2.0", "b": "node 3.0"},
    ]
    assert [(output.name, _plain(MessageToDict(output.value))) for output in made.outputs] == [("result", "node 4.0")]


def test_the_line_and_file_of_each_call_are_kept() -> None:
    @workflow
    def two_lines() -> int:
        rows = load()
        return total(rows)

    made = plan(two_lines)
    first, second = made.nodes
    assert list(made.files) == ["tests/sdk/test_compile.py"]
    assert second.line == first.line + 1 == two_lines.fn.__code__.co_firstlineno + 3


def test_containers_and_records_with_futures() -> None:
    @workflow
    def nested() -> float:
        rows = load(4)
        one = total(rows)
        parts = split([1, one], 0.5)
        return fit(Config(0.5, parts.train), Settings(rate=2.0, rows=[one, 7]))

    made = plan(nested)
    assert arguments(made.nodes[2]) == {"rows": ["list", "1", "node 1.0"], "share": "0.5"}
    assert arguments(made.nodes[3]) == {
        "config": {"rate": "0.5", "rows": "node 2.0"},
        "settings": {"rate": "2.0", "rows": ["list", "node 1.0", "7"], "name": '"plain"'},
    }


def test_a_whole_result_is_put_together_again() -> None:
    @penstock.operator
    def use(parts: Split) -> int:
        return len(parts.train)

    @workflow
    def whole() -> int:
        return use(split(load()))

    made = penstock.compile(whole, bundle_hash=b"", local=True).plan
    assert arguments(made.nodes[2]) == {"parts": {"train": "node 1.0", "test": "node 1.1"}}


def test_a_named_tuple_is_unpacked() -> None:
    @workflow
    def unpacked() -> int:
        train, test = split(load())
        return add(total(test), total(train))

    assert arguments(plan(unpacked).nodes[2]) == {"rows": "node 1.1"}


def test_sets_are_written_in_the_same_order_everywhere() -> None:
    @penstock.operator
    def gather(numbers: set[int]) -> int:
        return len(numbers)

    @workflow
    def both_ways(flip: int = 0) -> int:
        a, b, c = add(1), add(2), add(3)
        return add(gather({a, b, c, 5}), gather({5, c, b, a}))

    made = penstock.compile(both_ways, bundle_hash=b"", local=True).plan
    assert arguments(made.nodes[3]) == arguments(made.nodes[4])


def test_after_orders_without_data() -> None:
    @workflow
    def ordered() -> int:
        rows = load()
        said = note("hello")
        with after(said, rows):
            result = total(rows)  # uses rows: only the note is left to order
            with after(result):
                note("bye")
        note("free")
        return result

    made = plan(ordered)
    assert [list(node.after) for node in made.nodes] == [[], [], [1], [0, 1, 2], []]


def test_a_barrier_is_one_node() -> None:
    @workflow
    def gated(count: int) -> None:
        gate = barrier([add(count, 1), add(count, 2)], note("x"))
        with after(gate):
            note("y")
            note("z")

    made = plan(gated)
    kinds = [node.kind for node in made.nodes]
    assert kinds == [plan_pb2.NODE_KIND_TASK] * 3 + [plan_pb2.NODE_KIND_PASS] + [plan_pb2.NODE_KIND_TASK] * 2
    assert [list(node.after) for node in made.nodes[3:]] == [[0, 1, 2], [3], [3]]
    assert not made.outputs


def test_a_called_workflow_becomes_part_of_the_plan() -> None:
    @workflow
    def inner(rows: list[int], times: int) -> int:
        value = total(rows)
        for _ in range(times):  # a literal stays a plain value
            value = add(value, 1)
        return value

    @workflow
    def outer() -> int:
        with after(note("first")):
            return add(inner(load(), 2), inner(load(), times=1))

    made = plan(outer)
    assert [node.name for node in made.nodes] == [
        "note",
        "load",
        "inner/total",
        "inner/add",
        "inner/add-2",
        "load-2",
        "inner-2/total",
        "inner-2/add",
        "add",
    ]
    assert all(list(node.after) == [0] for node in made.nodes[1:])


def test_names_are_unique_and_can_be_chosen() -> None:
    named = add.options(name="add-2")

    @workflow
    def many() -> None:
        add(1)
        named(1)
        add(1)
        named(1)

    assert [node.name for node in plan(many).nodes] == ["add", "add-2", "add-3", "add-2-2"]


def test_options_of_the_operator_and_of_the_call() -> None:
    @workflow
    def various() -> None:
        rows = load()
        split(rows)
        split.options(gpu=1, retries=2)(rows)
        split.options(timeout_s=None, on_failure="block")(rows)
        split.options(cpu=2)(rows)

    made = plan(various)
    declared = made.operators[1]
    assert declared.resources == plan_pb2.Resources(cpu_milli=2000, memory_bytes=2**30, labels={"zone": "a"})
    assert (declared.retry.retries, declared.retry.delay_s, declared.timeout_s) == (2, 1.0, 60.0)
    assert declared.on_failure == plan_pb2.FAILURE_POLICY_CANCEL_DEPENDENTS
    first, second, third, fourth = made.nodes[1:]
    assert not first.HasField("overrides") and not fourth.HasField("overrides")
    assert second.overrides.resources.gpu == 1 and second.overrides.resources.cpu_milli == 2000
    assert not second.overrides.HasField("retry")  # 2 is what is declared
    assert third.overrides.HasField("timeout_s") and third.overrides.timeout_s == 0
    assert third.overrides.on_failure == plan_pb2.FAILURE_POLICY_BLOCK_DEPENDENTS


def test_operators_types_and_files_are_written_once() -> None:
    @workflow
    def many() -> int:
        result = 0
        for _ in range(20):
            result = add(result, 1)
        return result

    made = plan(many)
    assert (len(made.nodes), len(made.operators), len(made.types), len(made.files)) == (20, 1, 1, 1)
    operator = made.operators[0]
    assert (operator.module, operator.qualname) == ("tests.sdk.programs", "add")
    assert [(port.name, port.required) for port in operator.inputs] == [("a", True), ("b", False)]
    assert len(operator.source_hash) == 32


def test_inputs_have_types_defaults_schemas_and_prose() -> None:
    @workflow(name="Described")
    def described(count: int, names: list[str] | None = None, rate: float = 1) -> None:
        """Do things.

        Args:
            count: How many things,
                counted.
            rate (float): How fast.
        """
        load(count)

    made = plan(described)
    assert made.doc == "Do things."
    count, names, rate = made.inputs
    assert (count.required, count.doc, count.schema_json) == (True, "How many things, counted.", '{"type": "integer"}')
    assert (names.required, names.doc, names.default.inline) == (False, "", b"null")
    assert '"anyOf"' in names.schema_json
    assert (rate.default.inline, rate.doc) == (b"1", "How fast.")


def test_outputs_by_field_by_key_or_single() -> None:
    @workflow
    def by_field() -> Both:
        return Both(total([1]), split([1]))

    @workflow
    def by_key(count: int) -> dict[str, Any]:
        return {"rows": load(count), "given": count, "literal": [1, 2]}

    @workflow
    def by_node() -> Evaluation:
        return evaluate([1])

    @workflow
    def bare():  # type: ignore[no-untyped-def]  # pyright: ignore
        return [total([1]), "x"]  # pyright: ignore

    def outputs(definition: Workflow[..., Any]) -> list[tuple[str, str]]:
        made = penstock.compile(definition, bundle_hash=b"", local=True)
        validation.load(made.data)
        from penstock_plan.spelling import spell

        return [(output.name, spell(made.plan.types, output.type)) for output in made.plan.outputs]

    assert outputs(by_field) == [("sum", "int"), ("parts", "Split")]
    assert outputs(by_key) == [("rows", "list[int]"), ("given", "int"), ("literal", "list[int]")]
    assert outputs(by_node) == [("metrics", "Metrics"), ("worst", "list[int]")]
    assert outputs(bare) == [("result", "list[int | str]")]


def test_a_large_literal_becomes_an_artifact() -> None:
    text = "x" * 2000

    @workflow
    def large() -> None:
        note(text)
        note("x" * 100)

    made = compiled(large)
    value = made.plan.nodes[0].arguments[0].value.literal
    assert made.artifacts == {value.artifact: f'"{text}"'.encode()}
    assert value.artifact == hashlib.sha256(made.artifacts[value.artifact]).digest()
    assert value.size_bytes == 2002
    assert made.plan.nodes[1].arguments[0].value.literal.WhichOneof("body") == "inline"


def test_literals_of_one_node_stay_within_the_limit_of_a_grant() -> None:
    @penstock.operator
    def take(texts: list[str], more: str) -> None: ...

    @workflow
    def many(text: str) -> None:
        take([text, *(str(number) * 1000 for number in range(10)), *("y" * 1000 for _ in range(90))], text)

    made = penstock.compile(many, bundle_hash=b"", local=True)
    validation.load(made.data)
    assert made.artifacts


def test_the_hash_is_of_the_bytes_and_options_change_it() -> None:
    @workflow
    def plain() -> int:
        return add(1)

    once, again = compiled(plain), compiled(plain)
    assert once.data == again.data and once.hash == hashlib.sha256(once.data).digest()
    assert penstock.compile(plain, bundle_hash=b"\x01" * 32).plan.bundle == b"\x01" * 32
    assert penstock.compile(plain, bundle_hash=b"\x01" * 32).hash != once.hash


def test_the_bundle_is_built_from_the_root(tmp_path: Any) -> None:
    @workflow
    def plain() -> int:
        return add(1)

    (tmp_path / "a.py").write_text("x = 1\n")
    made = penstock.compile(plain, root=tmp_path)
    assert made.bundle is not None and made.plan.bundle == made.bundle.hash


def test_outside_a_compilation_everything_is_plain_python() -> None:
    @workflow
    def plain(count: int) -> int:
        parts = split(load(count))
        with after(parts):
            barrier(parts)
            return add(total(parts.train), len(parts.test))

    assert plain(4) == 3
    assert split.options(gpu=1)([1, 2]) == Split([1], [2])


@pytest.mark.parametrize("keyword", [False, True])
def test_the_order_of_keywords_does_not_matter(keyword: bool) -> None:
    @workflow
    def called() -> int:
        return add(a=1, b=2) if keyword else add(b=2, a=1)

    assert arguments(plan(called).nodes[0]) == {"a": "1", "b": "2"}
    assert [each.name for each in plan(called).nodes[0].arguments] == ["a", "b"]


def test_names_stay_within_what_a_plan_admits() -> None:
    @workflow(name="w" * 100)
    def deep(levels: int, value: int) -> int:
        return deep(levels - 1, value) if levels else add.options(name="o" * 100)(value)

    @workflow
    def outer(value: int) -> int:
        return add(deep(5, value), deep(5, value))

    names = [node.name for node in plan(outer).nodes]
    assert len(set(names)) == 3 and max(map(len, names)) <= 255
