"""What a newcomer reads holds: the example checks, commands and links exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import WAIT_S

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_example_checks(tmp_path: Path) -> None:
    file = tmp_path / "experiment.py"
    file.write_text((ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0])
    penstock = Path(sys.executable).with_name("penstock")
    done = subprocess.run([penstock, "check", file], capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "experiment: ok" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_links_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
