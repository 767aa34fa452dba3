"""Golden plans: a workflow's plan as a file that people read in reviews, and that tests compare with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compiler.compilation import compile
from ..errors import BadGolden, GoldenDiffers

if TYPE_CHECKING:
    from penstock_plan.show.outline import Outline
    from penstock_proto.plan.v1 import plan_pb2

    from ..declare.workflows import Workflow

UPDATE = "PENSTOCK_UPDATE_GOLDEN"


def assert_golden(
    workflow: Workflow[..., Any] | type[Any], path: Path | str, *, code: bool = False, update: bool | None = None
) -> None:
    """Compile a workflow and compare its plan with a golden file.

    Args:
        code: Whether the source of the operators is compared too.
        update: Write the file instead, if anything differs; by default if PENSTOCK_UPDATE_GOLDEN is 1.

    Raises:
        GoldenDiffers: The plan differs from the file, or the file does not exist; the text shows the differences.
        BadGolden: The file is no golden plan.
        CompileErrors: The workflow is wrong.
    """
    from penstock_plan.show.differences import differences
    from penstock_plan.show.outline import outline

    path, plan = Path(path), compile(workflow, bundle_hash=b"", local=True).plan
    if update is None:
        update = os.environ.get(UPDATE) == "1"
    found = differences(read(path), outline(plan)) if path.exists() else None
    if update and found != []:
        path.write_text(text_of(plan), encoding="utf-8")
    elif found is None:
        raise GoldenDiffers(f"golden plan {path} does not exist; {UPDATE}=1 writes it")
    elif shown := [str(each) for each in found if code or each.kind != "code"]:
        lines = "\n".join(f"  {line}" for line in shown)
        raise GoldenDiffers(
            f"the plan of {plan.name} differs from {path}:\n{lines}\nif this is intended, {UPDATE}=1 writes it"
        )


def text_of(plan: plan_pb2.Plan) -> str:
    """The text of a golden file."""
    from penstock_plan.show.outline import Outline, outline
    from pydantic import TypeAdapter

    return TypeAdapter(Outline).dump_json(outline(plan), indent=2, exclude_defaults=True).decode() + "\n"


def read(path: Path) -> Outline:
    """Read a golden file; raise BadGolden."""
    from penstock_plan.show.outline import VERSION, Outline
    from pydantic import TypeAdapter, ValidationError

    try:
        found = TypeAdapter(Outline).validate_json(path.read_bytes())
    except OSError as error:
        raise BadGolden(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadGolden(f"{path} is not a golden plan: {where + ': ' if where else ''}{first['msg']}") from None
    if found.outline > VERSION:
        raise BadGolden(
            f"{path} was written by a newer Penstock (format {found.outline}, this version reads {VERSION})"
        )
    return found
