"""A random program that leaves its process changed never changes the result of another."""

import random
from typing import Any

import pytest

from tests.executors.harness import Worker, result

HEAD = """
import asyncio, builtins, collections, copyreg, csv, dataclasses, decimal, functools, itertools, json, locale, logging
import math, os, pathlib, random, signal, socket, string, sys, tempfile, threading, time, warnings
from dataclasses import dataclass, field
from json import JSONEncoder
import numpy as np
from penstock import operator

COUNT = 0
LIST, DICT, SET, DEQUE = [1], {"a": [1]}, {1}, collections.deque([1])
NESTED = {"deep": [{"er": {1: [2]}}]}
TUPLE = ([1], {"a": 1})
BYTES = bytearray(b"ab")
COUNTER, DEFAULTS = collections.Counter("a"), collections.defaultdict(list)
ARRAY, BIG, RNG = np.arange(4), np.zeros(300_000), np.random.default_rng(7)
OWN_RANDOM = random.Random(3)
TICKS = itertools.count()
LOG = logging.getLogger("own")
LOG.addHandler(logging.NullHandler())

@dataclass
class Config:
    rate: float = 0.1
    parts: list = field(default_factory=list)

CONFIG = Config()

class Model:
    weights = [1, 2]
    size = 3

    def __init__(self):
        self.seen = {}

    def area(self):
        return self.size

class Slotted:
    __slots__ = ("x",)

MODEL, SLOTTED = Model(), Slotted()
SLOTTED.x = 1

@functools.lru_cache
def cached(key):
    return [key]

def defaults(a, held=[], *, named={}):
    held.append(a); named[a] = a
    return len(held) + len(named)

def closed():
    held = [0]; count = 0
    def inner(change):
        nonlocal count
        if change:
            held.append(1); count += 1
        return held, count
    return inner

inner = closed()

def rule(a):
    return a

@functools.singledispatch
def dispatched(a):
    return "any"

@operator
def collect(a: int, seen: list = []) -> list:
    seen.append(a)
    return seen

@operator
def probe() -> int:
    handlers = [(type(h).__name__, h.level) for h in logging.root.handlers]
    found = dict(
        count=COUNT, list=LIST, dict=DICT, set=sorted(SET), deque=list(DEQUE), nested=NESTED, tuple=TUPLE,
        bytes=bytes(BYTES), counter=dict(COUNTER), defaults=dict(DEFAULTS), array=ARRAY, big=float(BIG.sum()),
        rng=RNG.bit_generator.state["state"]["state"], own_random=OWN_RANDOM.getstate()[1][:3], ticks=repr(TICKS),
        log=(LOG.level, LOG.handlers, LOG.propagate, LOG.disabled), config=repr(CONFIG), weights=Model.weights,
        size=Model.size, area=MODEL.area(), names=sorted(vars(MODEL)), seen=MODEL.seen, slot=SLOTTED.x,
        cached=cached("k"), cache=cached.cache_info().hits, default=defaults.__defaults__, kw=defaults.__kwdefaults__,
        inner=inner(False), rule=rule(1), dispatched=dispatched(1), new="NEW" in globals(), attributes=vars(rule),
        added=hasattr(Model, "extra"), collect=collect.fn.__defaults__,
        dumps=json.dumps({"a": 1}), encoder=JSONEncoder().encode([1]), loads=json.loads("[1]"), pi=math.pi,
        sqrt=math.sqrt(4), open=open.__module__, builtin=hasattr(builtins, "mine"), length=len([1]),
        letters=string.ascii_lowercase, exists=os.path.exists("/"), path=str(pathlib.Path("a") / "b"),
        read=pathlib.Path.__truediv__.__name__, sleep=type(time.sleep).__name__, module=sys.modules["json"] is json,
        fake="fake_module" in sys.modules, missing="csv" in sys.modules, random=random.random.__class__.__name__,
        socket=socket.getdefaulttimeout(), csv=csv.field_size_limit(), root=(logging.root.level, handlers),
        disabled=logging.root.manager.disable, new_logger=logging.getLogger("lib.a").level,
        new_handlers=logging.getLogger("lib.a").handlers,
        argv=sys.argv, digits=sys.get_int_max_str_digits(), byte=sys.dont_write_bytecode, stack=threading.stack_size(),
        cores=sorted(os.sched_getaffinity(0)), zone=time.tzname, tempdir=tempfile.gettempdir(),
        errors=np.geterr(), printing=np.get_printoptions()["precision"], where=np.where.__name__,
        third=str(decimal.Decimal(1) / 3),
        filters=len(warnings.filters), reduce=copyreg.dispatch_table.get(Config), hook=sys.excepthook.__name__,
        policy=asyncio.events._event_loop_policy is None, environ=os.environ.get("MINE"), np_name=hasattr(np, "mine"),
    )
    for name, value in found.items():
        print(f"{name}={value!r}")
    return len(found)

@operator
def drawn() -> list[float]:
    return [random.random(), float(np.random.rand())]

@operator
def seeded() -> list:
    random.seed(5); np.random.seed(5)
    return [random.random(), float(np.random.rand()), random.gauss(0, 1)]
"""

CHANGES = {
    "count": "global COUNT; COUNT += 1",
    "new global": "global NEW; NEW = 1",
    "deleted global": "global COUNT; del COUNT",
    "list": "LIST.append(2)",
    "list in place": "LIST[0] = 7",
    "dict": "DICT['b'] = 2",
    "list in a dict": "DICT['a'].append(2)",
    "set": "SET.add(2)",
    "deque": "DEQUE.appendleft(2)",
    "nested": "NESTED['deep'][0]['er'][1].append(3)",
    "in a tuple": "TUPLE[0].clear(); TUPLE[1].clear()",
    "bytes": "BYTES.extend(b'c')",
    "counter": "COUNTER.update('ab')",
    "defaultdict": "DEFAULTS['x'].append(1)",
    "array": "ARRAY[0] = 9",
    "big array": "BIG[5] = 9",
    "generator": "RNG.random()",
    "own random": "OWN_RANDOM.random()",
    "count of itertools": "next(TICKS)",
    "dataclass": "CONFIG.rate = 0.5; CONFIG.parts.append(1)",
    "attribute of a class": "Model.size += 1; Model.extra = 1",
    "list of a class": "Model.weights.append(3)",
    "method": "Model.area = lambda self: 'patched'",
    "instance": "MODEL.seen['a'] = 1; MODEL.other = 1",
    "slot": "SLOTTED.x = 2",
    "cache": "cached('k').append(1); cached('k')",
    "mutable default": "defaults(1)",
    "mutable default of an operator": "collect.fn(1)",
    "closure": "inner(True)",
    "function replaced": "global rule; rule = lambda a: 'patched'",
    "attribute of a function": "rule.calls = 1",
    "code of a function": "rule.__code__ = (lambda a: 'patched').__code__",
    "dispatch": "dispatched.register(int, lambda a: 'patched')",
    "logger": "LOG.setLevel(5); LOG.handlers.clear(); LOG.propagate = False",
    "new logger": "logger = logging.getLogger('lib.a'); logger.setLevel(5); logger.addHandler(logging.NullHandler())",
    "basicConfig": "logging.basicConfig(level=5, force=True)",
    "logging off": "logging.disable(50)",
    "module": "json.dumps = lambda *a, **k: 'patched'; json.loads = None",
    "number of a module": "math.pi = 3",
    "function of C": "math.sqrt = lambda x: 7",
    "text of a module": "string.ascii_lowercase = ''",
    "class of a library": "JSONEncoder.encode = lambda self, o: 'patched'",
    "class by its module": "pathlib.Path.__truediv__ = lambda self, o: 'patched'",
    "function of os": "os.path.exists = lambda p: 'patched'",
    "sleep": "time.sleep = lambda s: None",
    "mock": "from unittest import mock; mock.patch('json.dumps', lambda *a, **k: 'mock').start()",
    "setattr": "setattr(json, 'dumps', lambda *a, **k: 'set')",
    "dict of a module": "vars(json)['dumps'] = lambda *a, **k: 'set'",
    "numpy": "np.where = None; np.mine = 1",
    "builtin": "builtins.len = lambda a: 99",
    "new builtin": "builtins.mine = 1",
    "open": "builtins.open = print",
    "fake module": "sys.modules['fake_module'] = object()",
    "replaced module": "sys.modules['json'] = object()",
    "deleted module": "del sys.modules['csv']",
    "socket": "socket.setdefaulttimeout(1)",
    "csv": "csv.field_size_limit(5)",
    "argv": "sys.argv.append('x')",
    "digits": "sys.set_int_max_str_digits(5000)",
    "bytecode": "sys.dont_write_bytecode = not sys.dont_write_bytecode",
    "stack": "threading.stack_size(1 << 20)",
    "cores": "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
    "zone": "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "tempdir": "tempfile.tempdir = '/nowhere'",
    "errors of numpy": "np.seterr(all='raise')",
    "printing of numpy": "np.set_printoptions(precision=2)",
    "decimal": "decimal.getcontext().prec = 3",
    "default of decimal": "decimal.DefaultContext.prec = 3; decimal.setcontext(decimal.Context())",
    "warnings": "warnings.simplefilter('error')",
    "copyreg": "copyreg.pickle(Config, print)",
    "hook": "sys.excepthook = print",
    "event loop policy": "asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())",
    "environment": "os.environ['MINE'] = 'secret'",
    "seed": "random.seed(0); np.random.seed(0)",
    "exec": "exec(\"json.dumps = lambda *a, **k: 'exec'\")",
}
SEVERAL = """
@operator
def several(a: list[str]) -> int:
    for each in a:
        globals()["CHANGES"][each]()
    return os.getpid()
"""


def program(changes: dict[str, str]) -> str:
    """An operator for each change, in ordinary code, and one that does several of them."""
    parts = [HEAD]
    for index, code in enumerate(changes.values()):
        parts.append(f"def change{index}():\n    {code}\n")
        parts.append(f"@operator\ndef op{index}() -> int:\n    change{index}()\n    return os.getpid()\n")
    return "\n".join(parts)


async def state(it: Worker) -> list[str]:
    """What an operator finds in its process, one line for each thing."""
    (number,) = it.order(it.grant("probe"))
    count = result(await it.ended(number))
    assert len(it.lines[number]) == count > 70
    return it.lines[number]


@pytest.mark.parametrize("part", range(4))
async def test_no_change_reaches_the_next_operator(worker: Any, part: int) -> None:
    changes = dict(list(CHANGES.items())[part::4])
    if "exec" in changes and len(changes) > 1:  # then the code can be read
        del changes["exec"]
    it: Worker = await worker(program(changes), cores=1)
    before = await state(it)
    for index, name in enumerate(changes):
        assert (await it.run(f"op{index}")).HasField("succeeded"), name
        after = await state(it)
        assert after == before, (name, [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]])


async def test_no_mixture_of_changes_does_either(worker: Any) -> None:
    names = list(CHANGES)
    calls = ", ".join(f"{name!r}: change{index}" for index, name in enumerate(names))
    it: Worker = await worker(f"{program(CHANGES)}\nCHANGES = {{{calls}}}\n{SEVERAL}", cores=1)
    before = await state(it)
    chosen = random.Random(20)
    for _ in range(15):
        some = chosen.sample(names, chosen.randint(1, 5))
        await it.run("several", some)  # one change may make the next one fail, which changes nothing of the rule
        assert await state(it) == before, some


async def test_random_numbers_are_nobody_elses(worker: Any) -> None:
    it: Worker = await worker(program({"seed": CHANGES["seed"], "generator": CHANGES["generator"]}), cores=1)
    draws: list[list[float]] = []
    for _ in range(4):
        assert (await it.run("op0")).HasField("succeeded")
        draws.append(result(await it.run("drawn")))
    assert len({each[0] for each in draws}) == len({each[1] for each in draws}) == 4
    seeded = [result(await it.run("seeded"))]
    for _ in range(2):
        await it.run("drawn")
        seeded.append(result(await it.run("seeded")))
    assert seeded[0] == seeded[1] == seeded[2]


async def test_what_the_import_has_seeded_is_the_same_for_each(worker: Any) -> None:
    it: Worker = await worker(f"{HEAD}\nrandom.seed(1); np.random.seed(1)\n", cores=1)
    first = result(await it.run("drawn"))
    await it.run("seeded")
    assert result(await it.run("drawn")) == first
    it.edit(f"{HEAD}\nrandom.random(); np.random.rand()  # no seed\n")
    assert len({tuple(result(await it.run("drawn"))) for _ in range(3)}) == 3
