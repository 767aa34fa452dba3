"""What of a bundle counts as an operator's code, and what does not."""

import io
import zipfile
from collections.abc import Mapping

import pytest
from penstock.compiler.fingerprints import BundleCode, changed, digest_of

FILES = {
    "flow.py": """
from __future__ import annotations
import json
from pathlib import Path
import numpy as np
from penstock import operator
from shapes import Row
from tools import clean as tidy
import tools.deep as deep
import tools.plain

LIMIT = 3
SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_text())

def inner() -> int:
    return LIMIT

@operator(cpu=2)
def used(row: Row) -> int:
    return inner() + tidy(row) + deep.dig(np.zeros(1)) + tools.plain.walk()

@operator
def configured() -> dict:
    return SETTINGS

@operator
def alone(x: int) -> int:
    return x
""",
    "shapes.py": "class Base: pass\nclass Row(Base):\n    x: int\nclass Other: pass\n",
    "settings.json": "{}",
    "tools/__init__.py": "from .cleaning import *\nfrom . import cleaning as c\n",
    "tools/cleaning.py": "def clean(x): return helper(x)\ndef helper(x): return x\ndef unused(): pass\n",
    "tools/deep.py": "def dig(x): return x\n",
    "tools/plain.py": "def walk(): return late()\ndef late():\n    from tools.deep import dig\n    return dig\n",
}


def code(files: Mapping[str, str]) -> BundleCode:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return BundleCode(data.getvalue())


@pytest.mark.parametrize(
    ("file", "old", "new", "touched"),
    [
        ("flow.py", "LIMIT = 3", "LIMIT = 4", {"used": "LIMIT in flow"}),
        ("flow.py", "return x", "return x + 1", {"alone": "alone in flow"}),
        ("flow.py", "cpu=2", "cpu=4, retries=3", {}),
        ("flow.py", "def inner() -> int:", "def inner() -> int:  # why\n", {}),
        ("shapes.py", "class Base: pass", "class Base: y = 1", {"used": "Base in shapes"}),
        ("shapes.py", "class Other: pass", "class Other: y = 1", {}),
        ("tools/cleaning.py", "helper(x): return x", "helper(x): return -x", {"used": "helper in tools.cleaning"}),
        ("tools/cleaning.py", "unused(): pass", "unused(): return 1", {}),
        ("tools/deep.py", "return x", "return -x", {"used": "dig in tools.deep"}),
        ("tools/plain.py", "return dig", "return dig(1)", {"used": "late in tools.plain"}),
        ("settings.json", "{}", '{"a": 1}', {"configured": "file settings.json"}),
        (
            "flow.py",
            "LIMIT = 3",
            "LIMIT = 3\nnp.random.seed(1)",
            dict.fromkeys(("used", "configured", "alone"), "module flow"),
        ),
    ],
)
def test_a_change_touches_the_operators_that_use_it(file: str, old: str, new: str, touched: dict[str, str]) -> None:
    assert old in FILES[file]
    before, after = code(FILES), code({**FILES, file: FILES[file].replace(old, new)})
    found = {
        name: ", ".join(parts)
        for name in ("used", "configured", "alone")
        if (parts := changed(before.of("flow", name), after.of("flow", name)))
    }
    assert found == touched
    for name in ("used", "configured", "alone"):
        same = digest_of(before.of("flow", name)) == digest_of(after.of("flow", name))
        assert same == (name not in touched)


def test_what_the_bundle_does_not_have_has_no_code() -> None:
    assert code(FILES).of("elsewhere", "f") == {}
    assert code({"flow.py": "def broken(:"}).of("flow", "broken") == {"flow:": code({"a.py": ""}).of("a", "f")["a:"]}
