"""Settings of libraries, and modules that an operator imports, as the next operator finds them."""

from typing import Any

import pytest

from tests.executors.harness import Worker, result

HEAD = """
import copy, os
import numpy as np
import pandas as pd
import torch
from penstock import operator

WEIGHTS = torch.zeros(3)
NET = torch.nn.Linear(2, 2)
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
SCALES = {"x": np.ones(2)}

@operator
def probe() -> int:
    found = dict(
        dtype=torch.ones(1).dtype, grad=(torch.ones(1, requires_grad=True) * 2).requires_grad,
        deterministic=torch.are_deterministic_algorithms_enabled(), threads=torch.get_num_threads(),
        device=str(torch.get_default_device()), matmul=torch.get_float32_matmul_precision(),
        cudnn=torch.backends.cudnn.benchmark, printed=str(torch.tensor([0.123456789])),
        anomaly=torch.is_anomaly_enabled(), weights=WEIGHTS.tolist(), net=NET.weight.sum().item() != 0,
        training=NET.training, frame=FRAME.to_dict(), columns=list(FRAME), scales=SCALES["x"].tolist(),
        rows=pd.get_option("display.max_rows"), method=hasattr(pd.DataFrame, "mine"), mean=pd.DataFrame.mean.__name__,
        relu=torch.nn.functional.relu.__name__, forward=torch.nn.Linear.forward.__name__,
    )
    for name, value in found.items():
        print(f"{name}={value!r}")
    return len(found)

@operator
def drawn() -> list[float]:
    return [torch.rand(1).item(), torch.randn(1).item()]

@operator
def seeded() -> list[float]:
    torch.manual_seed(5)
    return torch.rand(2).tolist()
"""
CHANGES = {
    "dtype": "torch.set_default_dtype(torch.float64)",
    "grad": "torch.set_grad_enabled(False)",
    "deterministic": "torch.use_deterministic_algorithms(True)",
    "threads": "torch.set_num_threads(3)",
    "device": "torch.set_default_device('meta')",
    "matmul": "torch.set_float32_matmul_precision('medium')",
    "cudnn": "torch.backends.cudnn.benchmark = True",
    "printed": "torch.set_printoptions(precision=2)",
    "anomaly": "torch.autograd.set_detect_anomaly(True)",
    "weights": "WEIGHTS.add_(1)",
    "trained": "NET.weight.data.zero_()",
    "eval": "NET.eval()",
    "frame": "FRAME.loc[0, 'a'] = 9",
    "column": "FRAME['c'] = 1",
    "array": "SCALES['x'] *= 2",
    "option": "pd.set_option('display.max_rows', 5)",
    "method": "pd.DataFrame.mine = lambda self: 1",
    "replaced": "pd.DataFrame.mean = lambda self: 1",
    "function": "torch.nn.functional.relu = lambda x: x",
    "forward": "torch.nn.Linear.forward = lambda self, x: x",
    "seed": "torch.manual_seed(0)",
}


def program(changes: dict[str, str]) -> str:
    parts = [HEAD]
    for index, code in enumerate(changes.values()):
        parts.append(f"@operator\ndef op{index}() -> int:\n    {code}\n    return os.getpid()\n")
    return "\n".join(parts)


async def state(it: Worker) -> list[str]:
    (number,) = it.order(it.grant("probe"))
    assert result(await it.ended(number)) == len(it.lines[number])
    return it.lines[number]


async def test_settings_of_libraries_are_as_the_import_left_them(worker: Any) -> None:
    it: Worker = await worker(program(CHANGES), cores=1)
    before = await state(it)
    draws: list[list[float]] = []
    for index, name in enumerate(CHANGES):
        assert (await it.run(f"op{index}")).HasField("succeeded"), name
        assert await state(it) == before, name
        if name in ("dtype", "seed"):
            draws.append(result(await it.run("drawn")))
            draws.append(result(await it.run("drawn")))
    assert len({tuple(each) for each in draws}) == 4
    seeded = result(await it.run("seeded"))
    await it.run("drawn")
    assert result(await it.run("seeded")) == seeded


LATE = """
import os
from penstock import operator

@operator
def uses(a: int) -> list:
    import late_module
    late_module.LIST.append(a)
    return [os.getpid(), late_module.LIST, os.environ.get("SET_LATE"), late_module.REGISTRY]

@operator
def changes_first(a: int) -> int:
    KEPT.append(a)
    import late_module
    return a

@operator
def kept() -> list:
    return KEPT

KEPT = []
REGISTRY = {}
"""
MODULE = """
import os
import ops

LIST = []
os.environ["SET_LATE"] = "yes"
ops.REGISTRY["late"] = 1
REGISTRY = ops.REGISTRY
"""


@pytest.fixture
def late(worker: Any) -> Any:
    async def make() -> Worker:
        it: Worker = await worker("", cores=1)
        (it.folder / "project" / "late_module.py").write_text(MODULE)
        it.edit(LATE)
        return it

    return make


async def test_what_an_import_does_stays_whenever_it_comes(late: Any) -> None:
    it = await late()
    first = result(await it.run("uses", 1))
    assert first[1:] == [[1], "yes", {"late": 1}]
    assert result(await it.run("uses", 2)) == [first[0], [2], "yes", {"late": 1}]


async def test_what_an_operator_did_before_its_import_does_not_stay(late: Any) -> None:
    it = await late()
    await it.run("changes_first", 1)
    assert result(await it.run("kept")) == []
    assert result(await it.run("uses", 2))[1:] == [[2], "yes", {"late": 1}]
