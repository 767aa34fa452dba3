"""Commands that only compile: `check` and `compile`. They need no service."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import exits, terminal
from .options import AsJson, Static, pairs_of, static_values

if TYPE_CHECKING:
    from penstock_plan.show.description import PlanShown
    from penstock_proto.plan.v1.plan_pb2 import Plan

    from ..declare.workflows import Workflow
    from ..errors import CompileError

# Named in a list of them.
OPERATORS_SHOWN = 8
Target = Annotated[
    str,
    typer.Argument(metavar="FILE.py:WORKFLOW", help="Compile this workflow; omit the name if the file has only one."),
]


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.py...", help="Compile the workflows in these files.")],
    static: Static = None,
    as_json: AsJson = False,
) -> int:
    """Check the workflows in files without running anything.

    Compiles all of them and prints each error as FILE:LINE:COLUMN, for editors and CI. No services are needed.
    """
    given = pairs_of("--input", static or ())
    found = [_check_file(path, given) for path in files]
    errors = [error for each in found for error in each["errors"]]
    if as_json:
        terminal.json_out({"files": found, "errors": len(errors)})
    else:
        for each in found:
            _print_checked(each)
    return exits.USAGE if errors else exits.SUCCEEDED


def _check_file(path: Path, given: dict[str, str]) -> dict[str, Any]:
    from ..compiler.loader import hidden_in, hidden_text, isolate, workflows_in
    from ..errors import LoadError

    shown: dict[str, Any] = {"file": str(path), "workflows": [], "errors": []}
    with isolate():  # as if it were the only one
        try:
            workflows, hidden = workflows_in(path), hidden_in(path)
        except LoadError as error:
            shown["errors"].append(_load_error(path, error))
            return shown
        for each in hidden:
            shown["errors"].append(_error(_relative(each.place.file), each.place.line, hidden_text(each)))
        if not workflows and not hidden:
            shown["errors"].append(
                _error(str(path), 1, "this file defines no workflow; decorate a function or class with @workflow")
            )
        for name, workflow in workflows.items():
            _check_workflow(path, name, workflow, shown, given)
    return shown


def _check_workflow(
    path: Path, name: str, workflow: Workflow[..., Any], shown: dict[str, Any], given: dict[str, str]
) -> None:
    from ..compiler.bundle import BundleError
    from ..compiler.compilation import compile
    from ..compiler.static_inputs import values_of
    from ..declare.static import names_of
    from ..errors import CompileErrors

    static = {each: given[each] for each in names_of(workflow.signature) if each in given}
    parameters = workflow.signature.parameters
    if missing := [
        each for each in names_of(workflow.signature) if each not in static and parameters[each].is_required
    ]:
        shown["workflows"].append({"name": name, "nodes": 0, "secrets": [], "static": missing})
        return
    try:
        plan = compile(workflow, static=values_of(workflow, static)).plan
    except CompileErrors as errors:
        known = {(each["file"], each["line"], each["problem"]) for each in shown["errors"]}
        new = [_compile_error(each, path) for each in errors.errors]
        shown["errors"] += [each for each in new if (each["file"], each["line"], each["problem"]) not in known]
    except BundleError as error:
        shown["errors"].append(_error(str(path), 1, str(error)))
    except Exception as error:  # a mistake of ours must not hide what is wrong elsewhere
        problem = f"{name}: compiling it raised {type(error).__name__}: {error}"
        own = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == workflow.place.file]
        line = own[-1].lineno if own else workflow.place.line
        shown["errors"].append(_error(_relative(workflow.place.file), line or 1, problem))
    else:
        shown["workflows"].append({"name": name, "nodes": len(plan.nodes), "secrets": _secrets(plan)})


def _secrets(plan: Plan) -> list[str]:
    """Return the names of secrets that workers need for a plan."""
    return sorted({name for operator in plan.operators for name in operator.secrets})


def _print_checked(shown: dict[str, Any]) -> None:
    for error in shown["errors"]:
        what = (
            f"{error['operator']}({error['argument']}): "
            if error["argument"]
            else error["operator"] and f"{error['operator']}: "
        )
        text = f"{error['file']}:{error['line']}:{error['column']}: error: {what}{error['problem']}"
        for line in text.splitlines():
            terminal.line(line)
        if error["remedy"]:
            terminal.line(f"    {error['remedy']}")
    for workflow in shown["workflows"]:
        if missing := workflow.get("static"):
            remedy = " ".join(f"--input {each}=VALUE" for each in missing)
            terminal.line(f"{shown['file']}: {workflow['name']}: not compiled, it needs {remedy}")
            continue
        needs = f", needs the secrets {', '.join(workflow['secrets'])}" if workflow["secrets"] else ""
        terminal.line(f"{shown['file']}: {workflow['name']}: ok, {workflow['nodes']} nodes{needs}")


def _compile_error(error: CompileError, path: Path) -> dict[str, Any]:
    shown = _error(_relative(error.file) if error.file else str(path), error.line or 1, error.problem, error.remedy)
    return {
        **shown,
        "operator": error.operator,
        "argument": error.argument,
        "expected": error.expected,
        "given": error.given,
    }


def _load_error(path: Path, error: Exception) -> dict[str, Any]:
    """Why a file cannot be imported, at the line of the file where that is known."""
    cause = error.__cause__
    if isinstance(cause, SyntaxError) and cause.filename:
        return {
            **_error(_relative(cause.filename), cause.lineno or 1, f"SyntaxError: {cause.msg}"),
            "column": cause.offset or 1,
        }
    line, trace = 1, cause.__traceback__ if cause else None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return _error(str(path), line, str(error))


def _error(file: str, line: int, problem: str, remedy: str = "") -> dict[str, Any]:
    return {
        "file": file, "line": line, "column": 1, "operator": "", "argument": "", "expected": "", "given": "",
        "problem": problem, "remedy": remedy,
    }  # fmt: skip


def _relative(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def compile_(
    target: Target,
    svg: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the plan as an SVG picture to this file (- for stdout)."),
    ] = None,
    golden: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a golden plan, for `penstock diff`, to this file (- for stdout)."),
    ] = None,
    static: Static = None,
    as_json: AsJson = False,
) -> int:
    """Show the plan of a workflow, level by level.

    Also its critical path, its inputs and outputs, and what its nodes hold while they run. Nothing is run, and no
    services are needed.
    """
    from penstock_plan.show.description import describe

    from ..compiler.compilation import compile
    from ..compiler.loader import load_workflow

    workflow = load_workflow(target)
    compiled = compile(workflow, static=static_values(workflow, static))
    if svg is not None:
        from penstock_plan.picture import draw

        _write(svg, draw(compiled.plan, compiled.hash))
        return exits.SUCCEEDED
    if golden is not None:
        from ..testing.golden import text_of

        _write(golden, text_of(compiled.plan))
        return exits.SUCCEEDED
    shown = describe(compiled.plan, compiled.hash)
    if as_json:
        terminal.json_out(shown)
    else:
        _print_plan(shown)
    return exits.SUCCEEDED


def _write(file: str, text: str) -> None:
    if file == "-":
        print(text, end="")
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"cannot write {file}: {error.strerror}") from None
    terminal.line(f"wrote {file}")


def _print_plan(shown: PlanShown) -> None:
    from .terminal import line

    line(f"{shown['name']}  {shown['nodes']} nodes, {shown['edges']} edges")
    if shown["doc"]:
        line(f"  {' '.join(shown['doc'].split())}")
    line(f"  plan {shown['hash']}")
    line(f"  bundle {shown['bundle'] or 'none'}")
    for title, ports in (("inputs", shown["inputs"]), ("outputs", shown["outputs"])):
        line(f"{title}:")
        for port in ports:
            needed = " (required)" if title == "inputs" and port["required"] else ""
            doc = f"  {port['doc']}" if port["doc"] else ""
            line(f"  {port['name']}: {port['type']}{needed}{doc}")
    for number, level in enumerate(shown["levels"], 1):
        line(f"level {number}: {_resources(level['resources'])}")
        for node in level["nodes"]:
            uses = ", ".join(node["uses"] + [f"after {each}" for each in node["after"]])
            line(f"  {node['name']}" + (f" <- {uses}" if uses else "") + (f"  {node['call']}" if node["call"] else ""))
    line("critical path: " + " -> ".join(shown["critical_path"]))
    line(f"peak resources: {_resources(shown['peak_resources'])}")
    nodes = [node for level in shown["levels"] for node in level["nodes"] if node["kind"] == "task"]
    if unlimited := list(dict.fromkeys(node["operator"] for node in nodes if not node["memory_limit_bytes"])):
        more = f" and {len(unlimited) - OPERATORS_SHOWN} more" if len(unlimited) > OPERATORS_SHOWN else ""
        line(f"without a limit of memory: {', '.join(unlimited[:OPERATORS_SHOWN])}{more}")


def _resources(shown: Any) -> str:
    from penstock_plan.show.sizes import size

    gpu = f", {shown['gpu']} GPU" if shown["gpu"] else ""
    return f"{shown['cpu_milli'] / 1000:g} CPU{gpu}, {size(shown['memory_bytes'])}"
