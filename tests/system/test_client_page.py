"""docs/client.md: its module, and each of its programs, typed as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.system.conftest import Served
from tests.waiting import WAIT_S

PAGE = Path(__file__).parents[2] / "docs" / "client.md"


def test_every_program_runs(stack: Served, tmp_path: Path) -> None:
    module, *programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "flow.py").write_text(module)
    imports = programs[0].split("\n\n")[0] + "\n\n"
    printed: list[str] = []
    for number, program in enumerate(programs):
        file = tmp_path / f"program_{number}.py"
        file.write_text(program if program.startswith(imports) else imports + program)
        done = subprocess.run(
            [sys.executable, file],
            cwd=tmp_path,
            env=os.environ | {"PENSTOCK_ADDRESS": stack.address},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{program}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    submitted, many, watched, outputs = printed
    assert submitted.split()[1] == str(4 + 9 + 16)
    assert many.strip() == str([sum((start + step) ** 2 for step in range(3)) for start in range(5)])
    assert "ended" in watched and "squaring 3" in watched and "1.0 1.0 squared" in watched
    assert f"{1 + 4 + 9} 1" in outputs
    assert (tmp_path / "result.json").read_text().strip() == "14"
