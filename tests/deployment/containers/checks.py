"""What is shown with containers: that they are confined as the file says, run workflows, and come back when killed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.deployment.described import ROOT, SERVICES

from .engine import ContainersFailed
from .suite import BUILT, EXAMPLES, STARTED, Suite

ADDRESS: Final = "127.0.0.1:7733"
PENSTOCK: Final = Path(sys.executable).with_name("penstock")
PROBE: Final = Path(__file__).with_name("probe.py")
UNITS: Final = {"m": 1 << 20, "g": 1 << 30}
# Operators import PyTorch from a cold disk.
RUN_S_MAX: Final = 600.0
RESTART_S_MAX: Final = 120.0
STOP_S_MAX: Final = 180.0
# Java ends with 128 + SIGTERM after an orderly stop.
ORDERLY: Final = {"0", "143"}
ACCURACY_MIN: Final = 0.95


def demand(condition: object, what: str) -> None:
    """Raise ContainersFailed if it is not so."""
    if not condition:
        raise ContainersFailed(what)


def check_confinement(suite: Suite) -> str:
    """Ask each container of ours what it may do; compare with the file."""
    services = [name for name in BUILT if name in STARTED]
    for name in services:
        found = json.loads(suite.read(name, "python", "-", data=PROBE.read_bytes()))
        limits = SERVICES[name]["deploy"]["resources"]["limits"]
        expected = {
            "user": 10001,
            "capabilities": 0,
            "no_new_privileges": True,
            "writable": ["/tmp"],
            "memory_bytes": int(limits["memory"][:-1]) * UNITS[limits["memory"][-1]],
            "pids": limits["pids"],
            "cores": float(limits["cpus"]),
        }
        demand(found == expected, f"{name} is not confined as the file says: {found} instead of {expected}")
    return f"{', '.join(services)}: user 10001, no capabilities, read-only root, the file's limits"


def run_workflow(*words: str) -> dict[str, Any]:
    """Run an example as a user does, from this machine; return its outputs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    done = subprocess.run(
        [str(PENSTOCK), "run", *words, "--json"],
        cwd=ROOT,
        env=environment | {"PENSTOCK_ADDRESS": ADDRESS},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S_MAX,
    )
    demand(done.returncode == 0, f"`penstock run {' '.join(words)}` failed: {done.stderr[-2000:]}{done.stdout[-2000:]}")
    return json.loads(done.stdout)["outputs"]


def check_hello() -> str:
    """Run the smallest workflow."""
    outputs = run_workflow("examples/hello.py", "--name", "Ada")
    demand(outputs == {"result": "Hello, Ada! Hello, everybody!"}, f"hello returned {outputs}")
    return outputs["result"]


def check_digits() -> str:
    """Run the workflow that trains with PyTorch."""
    outputs = run_workflow("examples/digits.py:digits", "--epochs", "20")
    accuracies = {form: outputs["metrics"]["numbers"][f"accuracy_{form}"] for form in ("torch", "onnx", "int8")}
    demand(min(accuracies.values()) >= ACCURACY_MIN, f"digits learnt too little: {accuracies}")
    return ", ".join(f"accuracy of {form} {value:.4f}" for form, value in accuracies.items())


def replace_worker(suite: Suite) -> str:
    """Build the worker with the examples' packages, and let it take the other's place."""
    suite.build("worker", files=EXAMPLES)
    suite.start("worker", files=EXAMPLES)
    return suite.size("penstock-examples-worker:0.1.0")


def kill(suite: Suite, service: str) -> None:
    """Kill -9 all that runs in a container; return once the engine has started it again and it is healthy."""
    template = "{{.State.StartedAt}} {{.State.Running}}"
    before = suite.inspect(service, template)
    # Only from the inside: a container that the engine itself kills counts as stopped, and stays so.
    suite.execute(service, "sh", "-c", "kill -9 -1")
    suite.wait(lambda: _has_come_back(suite.inspect(service, template), before), f"{service} is back", RESTART_S_MAX)
    suite.wait_healthy([service])


def _has_come_back(now: str, before: str) -> bool:
    return now != before and now.endswith("true")


def check_stop(suite: Suite) -> str:
    """Stop everything; each process has to end in order, within its grace period."""
    suite.demand("stop", at_most_s=STOP_S_MAX)
    codes = {name: suite.inspect(name, "{{.State.ExitCode}}") for name in STARTED}
    demand(set(codes.values()) <= ORDERLY, f"exit codes after a stop: {codes}")
    return ", ".join(f"{name} {code}" for name, code in codes.items())
