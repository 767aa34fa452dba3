"""What people are shown of a plan."""

import json

from penstock_plan.show.description import describe

from tests.plan.plans import valid_plan


def test_a_plan_is_described_as_data() -> None:
    shown = describe(valid_plan(), b"\x01" * 32)
    assert json.loads(json.dumps(shown)) == shown
    assert (shown["name"], shown["hash"], shown["nodes"], shown["edges"]) == ("flow:main", "01" * 32, 4, 5)
    assert [[node["name"] for node in level["nodes"]] for level in shown["levels"]] == [
        ["load"],
        ["train"],
        ["point"],
        ["evaluate"],
    ]
    assert shown["critical_path"] == ["load", "train", "point", "evaluate"]
    assert [port["type"] for port in shown["inputs"]] == ["int", "float"]
    assert [port["name"] for port in shown["outputs"]] == ["accuracy", "seed"]
    assert shown["resources"] == shown["peak_resources"] == {"cpu_milli": 2000, "gpu": 0, "memory_bytes": 0}


def test_a_node_says_what_it_needs_and_why_it_waits() -> None:
    level = describe(valid_plan(), bytes(32))["levels"][3]
    (node,) = level["nodes"]
    assert node["operator"] == "flow:evaluate"
    assert node["call"] == "flow.py:6"
    assert (node["uses"], node["after"], node["uses_inputs"]) == (["load", "train"], ["point"], True)
    assert (node["timeout_s"], node["retries"], node["kind"]) == (60, 0, "task")


def test_resources_of_a_level_add_up() -> None:
    plan = valid_plan()
    twin = plan.nodes.add()
    twin.CopyFrom(plan.nodes[1])
    twin.name = "train-2"
    shown = describe(plan, bytes(32))
    assert shown["levels"][1]["resources"]["cpu_milli"] == 4000
    assert shown["peak_resources"]["cpu_milli"] == shown["resources"]["cpu_milli"] == 4000
