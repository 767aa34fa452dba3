"""Code that a worker imports or executes cannot submit runs: each would wait for room that it takes itself."""

from typing import Any

import pytest
from penstock_proto.state_tracker.v1 import events_pb2 as ev

from tests.executors.harness import Worker, result

WORK = (
    "import penstock\nfrom penstock import operator, workflow\n\n@operator\ndef work(a: int) -> int:\n    return a\n\n"
)
SCRIPT = f"{WORK}with penstock.Client('127.0.0.1:9') as client:\n    client.runs()\n"
IN_OPERATOR = """
import asyncio, threading
import penstock
from penstock import operator

@operator
def at_once(a: int) -> int:
    penstock.Client("127.0.0.1:9")
    return a

@operator
def in_a_thread(a: int) -> str:
    said = []
    def attempt():
        try:
            penstock.AsyncClient("127.0.0.1:9")
        except penstock.errors.PenstockError as error:
            said.append(str(error))
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return said[0]
"""


async def test_a_file_that_submits_when_it_is_imported_is_refused(worker: Any) -> None:
    it: Worker = await worker(SCRIPT, cores=1)
    failed = (await it.run("work", 1)).failed
    assert failed.cause == ev.CAUSE_NOT_LOADABLE
    assert "ops.py, line 8, uses a client while ops is imported" in failed.failure.message
    assert 'put that under `if __name__ == "__main__":`' in failed.failure.message
    it.edit(SCRIPT.replace("with ", 'if __name__ == "__main__":\n  with ').replace("    client", "      client"))
    assert result(await it.run("work", 1)) == 1


@pytest.mark.parametrize("operator", ["at_once", "in_a_thread"])
async def test_an_operator_cannot_submit(worker: Any, operator: str) -> None:
    it: Worker = await worker(IN_OPERATOR, cores=1)
    report = await it.run(operator, 1)
    said = result(report) if report.HasField("succeeded") else report.failed.failure.message
    assert "uses a client in an operator; an operator that waits for a run holds the cores" in said
