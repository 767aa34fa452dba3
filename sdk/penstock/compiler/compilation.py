"""Stage 1: a workflow becomes a plan. Its body runs once, with futures in place of values."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from penstock_plan.check.ends import problems_at_end
from penstock_plan.limits import SCHEMA
from penstock_proto.plan.v1 import plan_pb2

from ..declare import docstrings, modules
from ..declare.recorder import current
from ..declare.signatures import MISSING, Parameter, Problem
from ..declare.static import is_static, names_of, plain
from ..declare.workflows import Workflow, workflow_of
from ..errors import CompileError, CompileErrors, InvalidDeclaration, PenstockError
from . import pydantic_futures, questions, schema
from .arguments import Mismatch
from .children import ChildPlan, Family
from .control import Control
from .future import Future, Origin
from .literals import BadLiteral
from .lowering import checked, located
from .shape import Shape, results_of
from .trace import Trace

if TYPE_CHECKING:
    from ..declare.operators import Operator
    from .bundle import Bundle

TEXT_SHOWN_MAX = 300
_NO_VALUE = "is static and has no value: the plan depends on it, so it must be known when the workflow is compiled"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A workflow as a plan.

    Attributes:
        plan: Typed and immutable; see the plan's .proto.
        data: The plan's bytes; `hash` is their SHA-256, the plan's name.
        bundle: The code that the plan's operators are imported from; None if the caller sees to it.
        artifacts: Bytes of literals too large for the plan, by their SHA-256.
        shape: Puts the outputs together to what the workflow returns.
        operators: By (module, qualname), as this process has them.
        children: The plans of the child runs, those first that others start; they are stored before this one.
    """

    plan: plan_pb2.Plan
    data: bytes
    hash: bytes
    bundle: Bundle | None
    artifacts: dict[bytes, bytes]
    shape: Shape
    operators: dict[tuple[str, str], Operator[..., Any]]
    children: tuple[ChildPlan, ...] = ()


def compile(
    workflow: Workflow[..., Any] | type[Any],
    *,
    root: Path | str | None = None,
    bundle_hash: bytes | None = None,
    local: bool = False,
    static: Mapping[str, Any] | None = None,
) -> Compiled:
    """Compile a workflow; nothing of it is computed. The same code and options give the same plan everywhere.

    Args:
        root: Folder that the operators' modules are imported from, and that is bundled; by default the one that
            the workflow's module was imported from.
        bundle_hash: Names a bundle that was built already, or b"" for what the worker has installed; nothing is
            bundled then.
        local: Allow operators that only this process can find, such as those defined in a function.
        static: Values of the inputs that are `Static`; those left out take their defaults.

    Raises:
        CompileErrors: Everything that is wrong with the workflow, at once.
        FutureUsedAsValue: The body needs a value that only the run will have.
    """
    declared = workflow_of(workflow)
    if declared is None:
        raise InvalidDeclaration(
            f"compile expects a workflow, not {workflow!r:.80}: put @workflow above its def or class"
        )
    folder = Path(root).resolve() if root is not None else modules.root_of(declared.module, declared.place.file)
    family = Family(_trace)
    trace = Trace(folder, Control, family, local=local)
    try:
        shape = _trace(trace, declared, static or {})
    except CompileErrors as error:
        error.errors[:0] = [each for each in trace.errors if each not in error.errors]
        error.workflow = declared.name
        raise
    for plan in family.traced(trace.plan):
        _check_end(trace, plan)
    bundle = None
    if bundle_hash is None and not trace.errors:
        bundle = _bundle(folder, trace)
    if trace.errors:
        raise CompileErrors(declared.name, trace.errors)
    trace.plan.bundle = bundle.hash if bundle else bundle_hash or b""
    children = family.finish(trace.plan.bundle)
    artifacts = trace.literals.artifacts
    for child in children:
        artifacts.update(child.artifacts)
    data = trace.plan.SerializeToString(deterministic=True)
    digest = hashlib.sha256(data).digest()
    return Compiled(trace.plan, data, digest, bundle, artifacts, shape, trace.operators, children)


def _check_end(trace: Trace, plan: plan_pb2.Plan) -> None:
    for index, text in problems_at_end(plan):
        node = plan.nodes[index] if index >= 0 else plan_pb2.Node(name=plan.name.rpartition(":")[2])
        file = str(trace.root / plan.files[node.file]) if node.line else ""
        trace.error(CompileError(problem=text, operator=node.name, file=file, line=node.line))


def _bundle(root: Path, trace: Trace) -> Bundle:
    """The code of the root, and whatever else the operators import; what cannot travel becomes an error."""
    from .bundle import build
    from .imports import imported_by
    from .staleness import changed

    imported = imported_by({module for module, _ in trace.operators}, root)
    trace.errors += imported.errors
    trace.errors += changed(imported.modules.values())
    return build(root, imported.extra, imported.code)


def _trace(trace: Trace, workflow: Workflow[..., Any], static: Mapping[str, Any]) -> Shape:
    """Run the body with futures for its inputs."""
    trace.plan.name = f"{workflow.module}:{workflow.qualname}"
    trace.plan.doc = docstrings.first_paragraph(workflow.fn)
    signature = workflow.signature
    for problem in signature.problems:
        trace.error(located(workflow.place, workflow.name, problem))
    if any(parameter.is_variadic for parameter in signature.parameters.values()):
        raise CompileErrors("", [])  # there is no input to call the body with
    prose = docstrings.arguments(workflow.fn)
    if workflow.cls is not None:
        prose |= docstrings.arguments(workflow.cls.run)
    _refuse_unknown(trace, workflow, static)
    futures = {
        name: _input(trace, workflow, parameter, prose.get(name, ""), static)
        for name, parameter in signature.parameters.items()
    }
    if trace.errors and names_of(signature):
        raise CompileErrors("", [])  # the body would run on values that it must not get
    args = [futures.pop(parameter.name) for parameter in signature.positional]
    token = current.set(trace)
    try:
        with pydantic_futures.admit_futures(), questions.refuse_futures(workflow):
            returned = workflow.fn(*args, **futures)
    except CompileErrors:
        raise
    except Exception as error:
        _body_raised(trace, workflow, error)
    finally:
        current.reset(token)
    return _outputs(trace, workflow, returned)


def _input(
    trace: Trace, workflow: Workflow[..., Any], parameter: Parameter, doc: str, static: Mapping[str, Any]
) -> Any:
    """Add an input of the run; return its future, or its value if it is static."""
    problems: list[Problem] = []
    given = parameter.annotation
    annotation, type_index = checked(trace.types, given if given is MISSING else plain(given), parameter.name, problems)
    position = len(trace.plan.inputs)
    value = static.get(parameter.name, parameter.default)
    declared = trace.plan.inputs.add(name=parameter.name, type=type_index, required=value is MISSING, doc=doc)
    declared.schema_json = schema.of(annotation)
    if value is not MISSING:
        try:
            declared.default.CopyFrom(trace.literals.encode(value, annotation))
        except BadLiteral as error:
            what = "its value" if parameter.name in static else "its default"
            expected = f"expected {trace.types.spell(type_index)}, " if error.mistyped else ""
            problems.append(Problem(f"{what} does not fit: {expected}{error.problem}", parameter.name, error.remedy))
    elif is_static(given):
        problems.append(Problem(_NO_VALUE, parameter.name, _no_value_remedy(parameter.name)))
    for problem in problems:
        trace.error(located(workflow.place, workflow.name, problem))
    if is_static(given):
        trace.plan.schema = SCHEMA
        declared.static.CopyFrom(declared.default)
        return value
    origin = Origin(-1, parameter.name, workflow.name, 0, {parameter.name: (position, annotation, type_index)})
    return Future(trace, origin, position, annotation, type_index)


def _no_value_remedy(name: str) -> str:
    return (
        f"write `penstock run FILE --{name} VALUE`, `penstock compile FILE --input {name}=VALUE`, "
        f"compile(workflow, static={{{name!r}: ...}}), or a default"
    )


def _refuse_unknown(trace: Trace, workflow: Workflow[..., Any], static: Mapping[str, Any]) -> None:
    known = names_of(workflow.signature)
    for name in static:
        if name not in known:
            text = f"is not a static input; those are {', '.join(known) or 'none'}"
            trace.error(located(workflow.place, workflow.name, Problem(text, name)))


def _outputs(trace: Trace, workflow: Workflow[..., Any], returned: Any) -> Shape:
    problems: list[Problem] = []
    results, shape = results_of(returned, workflow.signature.returns)
    trace.literals.begin_node()
    if trace.control is not None:
        trace.control.gather([result.value for result in results])
    for result in results:
        where = "return" if len(results) == 1 else f"return.{result.name}"
        annotation, type_index = checked(trace.types, result.annotation, where, problems)
        output = trace.plan.outputs.add(name=result.name, type=type_index)
        for wrong in trace.writer.write(output.value, result.value, annotation, where):
            trace.error(_returned_wrong(workflow, wrong))
    for problem in problems:
        trace.error(located(workflow.place, workflow.name, problem))
    return shape


def _returned_wrong(workflow: Workflow[..., Any], wrong: Mismatch) -> CompileError:
    return CompileError(
        problem=wrong.problem,
        operator=workflow.name,
        argument=wrong.argument,
        expected=wrong.expected,
        given=wrong.given,
        file=workflow.place.file,
        line=workflow.place.line,
        remedy=wrong.remedy,
    )


def _on_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= TEXT_SHOWN_MAX else text[: TEXT_SHOWN_MAX - 3] + "..."


def _body_raised(trace: Trace, workflow: Workflow[..., Any], error: Exception) -> NoReturn:
    """The workflow's own code failed: show it like any other error, at the line in the user's code."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not modules.is_library(frame.filename)]
    if frames[-1].filename.startswith(modules.OWN_FOLDER) and not (isinstance(error, PenstockError) and theirs):
        raise error  # a mistake of ours
    own = [frame for frame in frames if frame.filename == workflow.place.file] or theirs or frames
    raised = f"the workflow's body raised {type(error).__name__}: {_on_one_line(error)}"
    remedy = ""
    if "<future: " in str(error) or "Future is not" in str(error):
        remedy = (
            "a future has no value yet: pass it to an operator, or hold it in a list, dict, dataclass or pydantic model"
        )
    raise CompileErrors(
        workflow.name,
        [
            CompileError(
                problem=_on_one_line(error) if isinstance(error, PenstockError) else raised,
                operator=workflow.name,
                file=own[-1].filename,
                line=own[-1].lineno or 0,
                remedy=remedy,
            )
        ],
    ) from error
