"""What was imported is what travels: a worker, which has nothing but the bundle, gets what the workflow gets here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import penstock
import pytest
from penstock.client import submission
from penstock.compiler import bundle
from penstock.compiler.loader import isolate, load_workflow
from penstock.errors import CompileErrors

USES = """
from penstock import operator, workflow

@operator
def work(x: int) -> int:
    return {0}

@workflow
def wf(x: int = 1) -> int:
    return work(x)
"""
SCALE = "def scale(x: int) -> int:\n    return x * 10\n"
IN_SRC = "sys.path.insert(0, str(Path(__file__).resolve().parents[{0}] / 'src'))\n"
ON_PATH = f"import sys\nfrom pathlib import Path\n{IN_SRC}from core.common import scale\n"
SETTINGS = "import json\nfrom pathlib import Path\nHERE = Path(__file__).parent\n"
LATE = "\ndef late(x):\n    from {0} import scale\n    return scale(x)\n"
SRC = {"src/core/__init__.py": "", "src/core/common.py": SCALE, "src/core/late.py": SCALE}
SHOP = {
    "shop/__init__.py": "",
    "shop/util/__init__.py": "",
    "shop/util/common.py": SCALE,
    "shop/flows/__init__.py": "",
    "shop/flows/relative.py": f"from ..util.common import scale\n{USES.format('scale(x)')}",
    "shop/flows/absolute.py": f"from shop.util.common import scale\n{USES.format('scale(x)')}",
    "shop/flows/__main_flow__.py": f"from . import relative\n{USES.format('relative.scale(x)')}",
}
# The file that is run, the files, and what is expected of 1.
LAYOUTS: dict[str, tuple[str, dict[str, str], int]] = {
    "relative imports": ("shop/flows/relative.py", SHOP, 10),
    "absolute imports": ("shop/flows/absolute.py", SHOP, 10),
    "a package's module": ("shop/flows/__main_flow__.py", SHOP, 10),
    "names only": ("names.py", {**SHOP, "names.py": "from shop.flows.relative import wf\n"}, 10),
    "script in a package": (
        "tasks/flow.py",
        {
            "tasks/__init__.py": "",
            "tasks/beside.py": SCALE,
            "tasks/flow.py": f"from beside import scale\n{USES.format('scale(x)')}",
        },
        10,
    ),
    "src below": ("flow.py", {**SRC, "flow.py": f"{ON_PATH.format(0)}{USES.format('scale(x)')}"}, 10),
    "src beside": ("flows/flow.py", {**SRC, "flows/flow.py": f"{ON_PATH.format(1)}{USES.format('scale(x)')}"}, 10),
    "late import of src beside": (
        "flows/flow.py",
        {
            **SRC,
            "flows/flow.py": f"{ON_PATH.format(1)}{USES.format('late(x)')}{LATE.format('core.late')}",
        },
        10,
    ),
    "folder called build": (
        "flow.py",
        {
            "build/__init__.py": "",
            "build/features.py": SCALE,
            "flow.py": f"from build.features import scale\n{USES.format('scale(x)')}",
        },
        10,
    ),
    "import in an operator": (
        "flow.py",
        {
            "dist/__init__.py": "",
            "dist/late.py": SCALE,
            "flow.py": USES.format("late(x)")
            + "\ndef late(x):\n    from dist.late import scale\n    return scale(x)\n",
        },
        10,
    ),
    "data beside the code": (
        "flow.py",
        {
            "settings.json": '{"factor": 7}',
            "flow.py": SETTINGS
            + "FACTOR = json.loads((HERE / 'settings.json').read_text())['factor']\n"
            + USES.format("x * FACTOR"),
        },
        7,
    ),
    "data in a folder": (
        "flow.py",
        {
            "config/settings.json": '{"factor": 7}',
            "flow.py": SETTINGS
            + USES.format("x * json.loads((HERE / 'config' / 'settings.json').read_text())['factor']"),
        },
        7,
    ),
    "data that the project includes": (
        "flow.py",
        {
            "pyproject.toml": '[tool.penstock]\ninclude = ["data/**/*.txt"]\n',
            "data/deep/a.txt": "7",
            "flow.py": SETTINGS + USES.format("sum(int(p.read_text()) for p in HERE.glob('*/*/*.txt'))"),
        },
        7,
    ),
    "namespace packages": (
        "flow.py",
        {"parts/common.py": SCALE, "flow.py": f"from parts.common import scale\n{USES.format('scale(x)')}"},
        10,
    ),
}
WORKER = """
import importlib, json, os, sys
sys.path.insert(0, sys.argv[1])
os.chdir(sys.argv[2])
plan = json.loads(sys.argv[3])
found = importlib.import_module(plan["module"])
print(getattr(found, plan["qualname"]).fn(1))
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def on_a_worker(compiled: Any, folder: Path) -> int:
    """Call the operator where only the bundle is."""
    unpacked = bundle.unpack(compiled.bundle.data, folder / "bundles")
    (folder / "empty").mkdir(exist_ok=True)
    (declared,) = compiled.plan.operators
    which = json.dumps({"module": declared.module, "qualname": declared.qualname})
    command = [sys.executable, "-c", WORKER, str(unpacked), str(folder / "empty"), which]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_works_on_a_worker(tmp_path: Path, layout: str) -> None:
    file, files, expected = LAYOUTS[layout]
    project, kept = tmp_path / "project", tmp_path / "kept"
    write(project, files)
    kept.mkdir()
    with isolate():
        compiled = penstock.compile(load_workflow(str(project / file)))
    project.rename(tmp_path / "gone")  # nothing but the bundle is left
    assert on_a_worker(compiled, kept) == expected


@pytest.mark.parametrize("limit", ["FILES_MAX", "BUNDLE_BYTES_MAX"])
def test_in_a_folder_of_many_scripts_what_is_imported_travels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    code = {
        "flow.py": f"from shop.prices import scale\nfrom parts.common import plus\n{USES.format('plus(scale(x))')}",
        "shop/__init__.py": "",
        "shop/prices.py": SCALE,
        "shop/late.py": "# a package comes as a whole",
        "parts/common.py": "def plus(x: int) -> int:\n    return x + 1\n",
    }
    write(tmp_path / "project", code | {f"scripts/other_{n}.py": "#" * 1_000 for n in range(8)})
    monkeypatch.setattr(bundle, limit, {"FILES_MAX": 10, "BUNDLE_BYTES_MAX": 5_000}[limit])
    with isolate(), pytest.warns(UserWarning, match="only what the operators import travels"):
        compiled = penstock.compile(load_workflow(str(tmp_path / "project" / "flow.py")))
    assert compiled.bundle is not None and compiled.bundle.files == len(code)
    (tmp_path / "project").rename(tmp_path / "gone")
    assert on_a_worker(compiled, tmp_path) == 11


def test_a_linked_package_travels(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", {"linked_core/__init__.py": "", "linked_core/common.py": SCALE})
    write(tmp_path / "project", {"flow.py": f"from linked_core.common import scale\n{USES.format('scale(x)')}"})
    (tmp_path / "project" / "linked_core").symlink_to(tmp_path / "elsewhere" / "linked_core")
    with isolate():
        compiled = penstock.compile(load_workflow(str(tmp_path / "project" / "flow.py")))
    (tmp_path / "elsewhere").rename(tmp_path / "gone")
    assert on_a_worker(compiled, tmp_path) == 10


def test_a_module_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {name: text for name, text in SHOP.items() if not name.endswith("__init__.py")})
    monkeypatch.chdir(tmp_path)
    with isolate():
        assert load_workflow("shop.flows.relative:wf").module == "shop.flows.relative"


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[dict[str, str]], list[str]]:
    def compile_files(files: dict[str, str]) -> list[str]:
        write(tmp_path, files)
        with isolate(), pytest.raises(CompileErrors) as caught:
            penstock.compile(load_workflow(str(tmp_path / "flow.py")))
        return [f"{Path(each.file).name}:{each.line}: {each.problem}; {each.remedy}" for each in caught.value.errors]

    return compile_files


def test_what_cannot_travel_is_said_at_once(refused: Callable[[dict[str, str]], list[str]]) -> None:
    import _heapq  # any compiled module that lies in a file

    source = Path(importlib.import_module("_ctypes").__file__ or _heapq.__file__ or "")
    late = "\ndef late(x):\n    import quick_parts\n    return quick_parts\n"
    files = {"flow.py": USES.format("late(x)") + late, f"quick_parts{''.join(source.suffixes)}": ""}
    (error,) = refused(files)
    assert error.startswith("flow.py:13: imports quick_parts, which is not Python code and does not travel")
    assert "install it as a package" in error


def test_large_data_that_an_import_reads_is_said(refused: Callable[[dict[str, str]], list[str]]) -> None:
    text = f"{SETTINGS}S = (HERE / 'big.csv').read_text()\n{USES.format('len(S)')}"
    (error,) = refused({"flow.py": text, "big.csv": "x" * (5 << 20)})
    assert error.startswith("flow.py:4: reads big.csv, which has more than") and "input of the workflow" in error


def test_an_edited_file_is_no_longer_what_was_imported(tmp_path: Path) -> None:
    write(tmp_path, {"flow.py": USES.format("x")})
    with isolate():
        wf = load_workflow(str(tmp_path / "flow.py"))
        write(tmp_path, {"flow.py": USES.format("x + 1")})
        with pytest.raises(CompileErrors, match=r"flow.py has changed since it was imported(.|\n)*importlib.reload"):
            penstock.compile(wf)


def test_a_reloaded_module_is_compiled_again(tmp_path: Path) -> None:
    files = {"helper_again.py": "def factor():\n    return 2\n"}
    write(tmp_path, {**files, "flow.py": f"import helper_again\n{USES.format('x * helper_again.factor()')}"})
    with isolate():
        wf = load_workflow(str(tmp_path / "flow.py"))
        first = submission.compile_once(wf)
        assert submission.compile_once(wf) is first
        assert on_a_worker(first, tmp_path / "kept") == 2
        write(tmp_path, {"helper_again.py": "def factor():\n    return 30 + 0\n"})
        assert submission.compile_once(wf) is first  # edited, and not imported
        importlib.reload(sys.modules["helper_again"])
        second = submission.compile_once(wf)
        assert wf(1) == on_a_worker(second, tmp_path / "kept") == 30
        assert submission.compile_once(wf) is second


def test_code_without_a_file_is_refused_at_once(tmp_path: Path) -> None:
    script = USES.format("x") + "import penstock\npenstock.compile(wf)\n"
    for command, text in (([sys.executable, "-"], script), ([sys.executable, "-c", script], "")):
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 1
        assert "work: is defined in a notebook, a shell or standard input, whose code does not travel" in done.stderr
        assert "put it into a .py file" in done.stderr


def test_two_files_of_one_name_cannot_both_travel(tmp_path: Path) -> None:
    write(tmp_path / "src", {"core/__init__.py": "", "core/common.py": SCALE})
    flow = f"{ON_PATH.format(1)}{USES.format('scale(x)')}"
    write(tmp_path / "flows", {"flow.py": flow, "core/common.py": "# another\n"})
    with isolate(), pytest.raises(bundle.BundleError, match="rename one of them"):
        penstock.compile(load_workflow(str(tmp_path / "flows" / "flow.py")))


def test_include_is_read_with_care(tmp_path: Path) -> None:
    for text in ('include = "x"', 'include = ["/etc/*"]', 'include = ["../*"]', "include = ["):
        write(tmp_path, {"pyproject.toml": f"[tool.penstock]\n{text}\n", "flow.py": ""})
        with pytest.raises(bundle.BundleError, match=r"pyproject\.toml"):
            bundle.build(tmp_path)
