"""A function's name says what it does: acts, answers yes or no, or waits. The names of files are in test_style.py.

* A function that returns nothing acts, and its name is a verb: `connect`, not `connected`.
* A function that returns `bool` asks a question: `is_open`, `has_room`, `can_start`, `fits`. A few act and return
  whether they could; they start with a verb of `ACTS`.
* An asynchronous function that does nothing but wait is called `wait_...`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.test_style import MEMBERS, TREES, name_of, of_member

# First words of questions: a verb in the third person (`fits`, `is`, `has`, `lacks`), or one of these.
QUESTION = re.compile(r"[a-z]+s|all|any|are|can|have|may|must")
# First words of functions that act and return whether they could.
ACTS = re.compile(
    "apply|check|fail|flush|forget|grant|listen|obey|put|relieve|remember|repeat|restore|send|settle|skip|start|succeed|swap|take|wait"
)
PARTICIPLE = re.compile(
    r"[a-z]{2,}(?:ed|ing)|begun|done|found|given|gone|held|kept|known|left|lost|said|seen|sent|taken|told"
)
# They end like participles, and are none.
VERBS = re.compile("bring|embed|exceed|feed|need|ping|proceed|seed|speed|string|succeed")
# The public surface keeps its names.
PUBLIC = {"sdk/penstock/client/view.py RunState.ended", "sdk/penstock/declare/waiting.py approval"}
CONTEXTS = {"contextmanager", "asynccontextmanager"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Named:
    """A function with its class, if it has one."""

    node: Function
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.owner}.{self.node.name}" if self.owner else self.node.name

    @property
    def word(self) -> str:
        """The first word of the name."""
        return self.node.name.lstrip("_").split("_")[0]

    @property
    def returns(self) -> str:
        """The annotation of the result."""
        return "" if self.node.returns is None else ast.unparse(self.node.returns)

    @property
    def is_context(self) -> bool:
        """Whether it makes a context manager that gives nothing: it acts before and after a block."""
        last = {ast.unparse(each).rpartition(".")[2] for each in self.node.decorator_list}
        return bool(last & CONTEXTS) and self.returns.endswith("Generator[None]")


def functions_of(tree: ast.AST, owner: str = "") -> Iterator[Named]:
    """All functions within, also those within functions; those of Python's own protocols are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            if not node.name.startswith("__"):
                yield Named(node, owner)
            yield from functions_of(node)
        else:
            yield from functions_of(node, node.name if isinstance(node, ast.ClassDef) else owner)


def is_participle(word: str) -> bool:
    return VERBS.fullmatch(word) is None and PARTICIPLE.fullmatch(word) is not None


def only_waits(node: Function) -> bool:
    """Whether all that it does is to await what waits."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return bool(body) and all(_waits(statement) for statement in body)


def _waits(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Await(value=ast.Call(func=function))):
            return re.fullmatch(r"wait(_\w+)?", ast.unparse(function).rpartition(".")[2]) is not None
        case _:
            return False


def problem_of(function: Named) -> str:
    """What is wrong with a name; empty if nothing is."""
    node, word = function.node, function.word
    if isinstance(node, ast.AsyncFunctionDef) and only_waits(node) and word != "wait":
        return "only waits: call it wait_..."
    if function.returns == "bool":
        is_right = QUESTION.fullmatch(word) or ACTS.fullmatch(word)
        return "" if is_right else "returns bool: ask a question, as is_..., has_... or can_..."
    if (function.returns == "None" or function.is_context) and is_participle(word):
        return "acts: start with a verb"
    return ""


def problems_of(tree: ast.AST) -> list[str]:
    return [f"{one} {problem}" for one in functions_of(tree) if (problem := problem_of(one))]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_name_says_what_a_function_does(member: str) -> None:
    found = [f"{name_of(path)} {problem}" for path, tree in of_member(member) for problem in problems_of(tree)]
    assert [each for each in found if not each.startswith(tuple(PUBLIC))] == []


def test_what_is_public_is_there() -> None:
    there = {f"{name_of(path)} {one}" for path, tree in TREES.items() for one in functions_of(tree)}
    assert there >= PUBLIC


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def _connected(self) -> None: self.x = 1", "_connected acts"),
        ("async def told(self) -> None: self.x = 1", "told acts"),
        ("class A:\n def publishing(self) -> None: ...", "A.publishing acts"),
        ("@contextmanager\ndef contained() -> Generator[None]:\n yield", "contained acts"),
        ("@contextlib.asynccontextmanager\nasync def held() -> AsyncGenerator[None]:\n yield", "held acts"),
        ("def outer() -> int:\n def marked() -> None: ...\n return 1", "marked acts"),
        ("@property\ndef ready(self) -> bool: return True", "ready returns bool"),
        ("def _stopping() -> bool: return True", "_stopping returns bool"),
        ("async def loaded(self) -> None:\n 'Doc.'\n await self.event.wait()", "loaded only waits"),
        ("async def settle(self) -> None:\n await self.wait_committed()", "settle only waits"),
    ],
)
def test_a_wrong_name_is_found(source: str, says: str) -> None:
    (problem,) = problems_of(ast.parse(source))
    assert problem.startswith(says)


@pytest.mark.parametrize(
    "source",
    [
        "def connect(self) -> None: self.x = 1",
        "def clipped(text: str) -> str: return text[:3]",
        "def feed(self) -> None: ...",
        "def is_open(self) -> bool: return True",
        "def _fits(self) -> bool: return True",
        "def send(self) -> bool: return True",
        "async def wait_loaded(self) -> None:\n await self.event.wait()",
        "async def run(self) -> None:\n await self.event.wait()\n self.x = 1",
        "@contextmanager\ndef opened() -> Generator[File]:\n yield File()",
        "def __bool__(self) -> bool: return True",
    ],
)
def test_a_right_name_is_not_found(source: str) -> None:
    assert problems_of(ast.parse(source)) == []
