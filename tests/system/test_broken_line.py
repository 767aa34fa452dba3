"""A client whose line to the stack breaks while it waits."""

from collections.abc import Callable
from pathlib import Path

from penstock import AsyncClient
from penstock.compiler.loader import load_workflow

from tests.chaos.link import Link
from tests.system.conftest import Served
from tests.waiting import WAIT_S

FLOW = """
    import time
    from pathlib import Path

    from penstock import operator, workflow


    @operator
    def until_there(path: str) -> int:
        while not Path(path).exists():
            time.sleep(0.01)
        return 42


    @workflow
    def waiting(path: str) -> int:
        return until_there(path)
"""


async def test_who_waits_over_a_broken_line_hears_of_the_end(
    stack: Served, project: Callable[[str, str], Path], tmp_path: Path
) -> None:
    workflow = load_workflow(f"{project('waiting.py', FLOW)}:waiting")
    link, there, later = Link(stack.address), tmp_path / "there", tmp_path / "later"
    there.touch()
    async with AsyncClient(await link.open()) as client:
        first = await client.submit(workflow, path=str(there))
        assert await client.result(first, timeout_s=WAIT_S) == 42
        second = await client.submit(workflow, path=str(later))
        await link.cut()
        await link.mend()
        later.touch()
        assert await client.result(second, timeout_s=WAIT_S) == 42
    await link.close()
    assert link.carried >= 2
