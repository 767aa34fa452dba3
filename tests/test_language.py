"""What people read is plain English: help, errors, log messages, descriptions of settings and metrics, documentation.

docs/glossary.md has the words to use instead. Each finding names the file, the line and the word.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.test_style import MEMBERS, ROOT, TREES, name_of

# Of text: the word that was found, and what to write instead.
BANNED: dict[str, str] = {
    r"\bis no\b(?! longer\b)": "invalid, unknown, or 'is not a'",
    r"\b(?:is|are) none\b": "'does not exist', or the word for the default",
    r"\banew\b": "'again' or re-: reload, reconnect, recreate",
    r"\bfor ever\b": "'without limit' or 'until cancelled'",
    r"\bany more\b": "'no longer'",
    r"\bso many\b": "'this many' or 'at most'",
    r"[;,] else\b": "'default: ...' or 'otherwise'",
    r"\btold\b": "send, notify, advertise, report, show",
    r"\bwhoever\b": "the process, the user or the service meant",
    r"\bmend(?:s|ed|ing)?\b": "fix",
}
ANY_BANNED = re.compile("|".join(BANNED), re.IGNORECASE)
# A sentence that starts so has no subject: "What runs may end".
HEADLESS = re.compile(r"(?:^|[.!?:] )(What|Whether|Which|Whom?|How|Why|When|Where|Of)\b")
# Help is a sentence: it starts with one of these, or has one of those.
IMPERATIVE = re.compile(
    r"(?:Allow|Answer|Attach|Call|Cancel|Check|Choose|Compare|Compile|Connect|Count|Create|Deny|Execute|Explain|Forget|Give"
    r"|Join|Keep|Let|List|Listen|Move|Offer"
    r"|Print|Record|Remove|Report|Run|Save|Send|Serve|Show|Start|Stop|Submit|Use|Write)\b"
)
FINITE = re.compile(r"\b(?:can|must|is|are|has|have|holds|matches|requires|selects)\b")
# The page whose subject the words are.
EXEMPT = {"docs/glossary.md"}
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile", "observability/rules/penstock.yml"]
METRICS = {"Counter", "Histogram", "Gauge", "Scraped"}
SQL = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE)\b")


@dataclass(frozen=True, slots=True)
class Text:
    line: int
    words: str
    # help: of a command or an option; description: of a setting or a metric; text: all others.
    kind: str = "text"


def texts_of(tree: ast.Module) -> Iterator[Text]:
    """All strings of a module that people read, docstrings only where they are the help of a command."""
    kinds: dict[int, str] = {}
    skipped: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, args=args, keywords=keywords):
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                for keyword in keywords:
                    if keyword.arg == "help" or (keyword.arg, name) == ("description", "Field"):
                        kinds[id(keyword.value)] = "help" if keyword.arg == "help" else "description"
                if name in METRICS and len(args) > 1:
                    kinds[id(args[1])] = "description"
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                match node.body:
                    case [ast.Expr(value=ast.Constant(value=str()) as docstring), *_]:
                        skipped.add(id(docstring))
                        if isinstance(node, ast.FunctionDef) and _is_command(node):
                            yield Text(docstring.lineno, str(docstring.value), "help")
                    case _:
                        pass
            case ast.JoinedStr():
                skipped.update(
                    id(part) for part in ast.walk(node) if part is not node and isinstance(part, ast.Constant)
                )
            case _:
                pass
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        match node:
            case ast.Constant(value=str() as words) if " " in words.strip() and not SQL.search(words):
                yield Text(node.lineno, words, kinds.get(id(node), "text"))
            case ast.JoinedStr(values=parts):
                words = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
                if " " in words.strip() and not SQL.search(words):
                    yield Text(node.lineno, words, kinds.get(id(node), "text"))
            case _:
                pass


def _is_command(function: ast.FunctionDef) -> bool:
    """Whether typer makes a command of a function: its parameters or their aliases say how they are given."""
    shared = {"AsJson", "Address", "Data", "RunId"}
    names = {ast.unparse(each.annotation) for each in function.args.args if each.annotation is not None}
    return not function.name.startswith("_") and any(name in shared or "typer." in name for name in names)


def lines_of(page: str) -> Iterator[Text]:
    """The lines of a page without code, which is between fences or backquotes."""
    fenced = False
    for number, line in enumerate(page.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield Text(number, re.sub(r"`[^`]*`", "`…`", line))


def problems(texts: Iterator[Text]) -> Iterator[tuple[int, str]]:
    """What is wrong with texts, each with its line."""
    for text in texts:
        for pattern, instead in BANNED.items() if ANY_BANNED.search(text.words) else ():
            for found in re.finditer(pattern, text.words, re.IGNORECASE):
                yield text.line, f"{found.group().strip()!r}: write {instead}, in {_short(text.words)}"
        if text.kind == "text":
            continue
        words = " ".join(text.words.split())
        if not (words[:1].isupper() or words[:1].isdigit()) or words[-1:] != ".":
            yield text.line, f"not a sentence, from a capital to a full stop: {_short(words)}"
        if found := HEADLESS.search(words):
            yield text.line, f"{found.group(1)!r} starts a sentence without a subject: {_short(words)}"
        if text.kind == "help" and not IMPERATIVE.match(words) and not FINITE.search(words):
            yield text.line, f"no verb that IMPERATIVE or FINITE has: {_short(words)}"


def _short(words: str) -> str:
    words = " ".join(words.split())
    return repr(words if len(words) <= 100 else f"{words[:97]}...")


def report(path: Path, texts: Iterator[Text]) -> list[str]:
    return [f"{name_of(path)}:{line}: {what}" for line, what in problems(texts)]


def test_code_says_it_plainly() -> None:
    read = {*MEMBERS, "examples"}
    trees = [(path, tree) for path, tree in TREES.items() if path.relative_to(ROOT).parts[0] in read]
    found = [line for path, tree in trees for line in report(path, texts_of(tree))]
    assert found == [], "\n".join(["docs/glossary.md has the words to use", *found])


def test_pages_say_it_plainly() -> None:
    pages = [ROOT / page for page in PAGES] + sorted((ROOT / "docs").rglob("*.md"))
    found = [
        line
        for path in pages
        if name_of(path) not in EXEMPT
        for line in report(path, lines_of(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "\n".join(["docs/glossary.md has the words to use", *found])


def test_riddles_are_found() -> None:
    code = '''
"""A docstring of a module may say whoever."""
raise E(f"{x} is no HOST:PORT; start anew")
log.warning("whoever was told")
a = Option(help="at most so many.")
b = Field(description="What is wanted.")
c = Counter("penstock_x", "Where it goes.")
d = E(f"{x} is no longer here, or is not a port")
e = Option(help="Ports, at most.")
'''
    found = [(line, what.split(":")[0]) for line, what in problems(texts_of(ast.parse(code)))]
    assert sorted(found) == [
        (3, "'anew'"),
        (3, "'is no'"),
        (4, "'told'"),
        (4, "'whoever'"),
        (5, "'so many'"),
        (5, "no verb that IMPERATIVE or FINITE has"),
        (5, "not a sentence, from a capital to a full stop"),
        (6, "'What' starts a sentence without a subject"),
        (7, "'Where' starts a sentence without a subject"),
        (9, "no verb that IMPERATIVE or FINITE has"),
    ]
    page = "Plain.\n```\nwhoever\n```\nIt `is no` code; else it is.\n"
    assert [(line, what.split(":")[0]) for line, what in problems(lines_of(page))] == [(5, "'; else'")]
