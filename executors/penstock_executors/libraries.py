"""Settings of libraries that are imported, and generators of random numbers, as they are between two operators."""

import copy
import logging
import random
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, NamedTuple

BLOCKS_MAX: Final = 64  # of random numbers that imports may draw without being taken for seeds
WORDS: Final = 624  # of one block of the Mersenne Twister


NOTHING: Final = "nothing"  # a setting that is usually None


class Setting(NamedTuple):
    """Something that a library keeps for the whole process."""

    module: str
    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any, Any], object]
    usual: Any = None  # what it is when the library was imported only meanwhile; None: unknown


Read = Callable[[Any], Any]
Write = Callable[[Any, Any], object]


def _ask(name: str) -> Read:
    return lambda module: attrgetter(name)(module)()


def _tell(name: str) -> Write:
    return lambda module, was: attrgetter(name)(module)(was)


def _several(names: str) -> tuple[Read, Write]:
    """Attributes, by their names."""
    holder, _, last = names.rpartition(".")
    each = last.split()

    def held(module: Any) -> Any:
        return attrgetter(holder)(module) if holder else module

    def write(module: Any, was: tuple[Any, ...]) -> None:
        for name, value in zip(each, was, strict=True):
            setattr(held(module), name, value)

    return lambda module: tuple(getattr(held(module), name) for name in each), write


def _dict(of: Read, *, deep: bool = False) -> tuple[Read, Write]:
    """What is in a dict; `deep`: it holds others."""

    def write(module: Any, was: dict[Any, Any]) -> None:
        held: dict[Any, Any] = of(module)
        plain: Any = dict  # some have a `clear` of their own, which refuses
        plain.clear(held)
        plain.update(held, copy.deepcopy(was) if deep else was)

    def read(module: Any) -> dict[Any, Any]:
        return copy.deepcopy(of(module)) if deep else dict(of(module))

    return read, write


def _determinism(module: Any) -> tuple[bool, bool]:
    return module.are_deterministic_algorithms_enabled(), module.is_deterministic_algorithms_warn_only_enabled()


def _write_determinism(module: Any, was: tuple[bool, bool]) -> None:
    module.use_deterministic_algorithms(was[0], warn_only=was[1])


def _device(module: Any) -> str:
    return str(module.get_default_device())


def _close_figures(module: Any, _was: object) -> None:
    module.close("all")


def _configure(module: Any, was: dict[str, Any]) -> None:
    module.set_config(**was)


_ANOMALY: Final = "autograd.set_detect_anomaly"
_PRODUCTS: Final = (_ask("get_float32_matmul_precision"), _tell("set_float32_matmul_precision"))
_POOL: Final = "_default_context._actual_context"
SETTINGS: Final = (
    Setting("torch", "default dtype", _ask("get_default_dtype"), _tell("set_default_dtype")),
    Setting("torch", "gradients", _ask("is_grad_enabled"), _tell("set_grad_enabled"), True),
    Setting("torch", "deterministic algorithms", _determinism, _write_determinism, (False, False)),
    Setting("torch", "threads", _ask("get_num_threads"), _tell("set_num_threads")),
    Setting("torch", "device", _device, _tell("set_default_device"), "cpu"),
    Setting("torch", "precision of products", *_PRODUCTS, "highest"),
    Setting("torch", "detection of anomalies", _ask("is_anomaly_enabled"), _tell(_ANOMALY), False),
    Setting("torch", "settings of cuDNN", *_several("backends.cudnn.enabled benchmark deterministic allow_tf32")),
    Setting("torch._tensor_str", "options of printing", *_dict(attrgetter("PRINT_OPTS.__dict__"))),
    Setting("pandas._config.config", "options", *_dict(attrgetter("_global_config"), deep=True)),
    Setting("matplotlib", "rcParams", *_dict(attrgetter("rcParams"))),
    Setting("matplotlib.pyplot", "figures", _ask("get_fignums"), _close_figures, []),
    Setting("sklearn", "configuration", _ask("get_config"), _configure),
    Setting("csv", "limit of fields", _ask("field_size_limit"), _tell("field_size_limit"), 131072),
    Setting("socket", "timeout", _ask("getdefaulttimeout"), _tell("setdefaulttimeout"), NOTHING),
    Setting("copyreg", "ways to copy", *_dict(attrgetter("dispatch_table"))),
    Setting("multiprocessing.context", "start method", *_several(_POOL)),
    Setting("asyncio.events", "event loop policy", *_several("_event_loop_policy")),
)


class Libraries:
    """The settings and seeds of all libraries that are imported now."""

    def __init__(self, unseeded: Any) -> None:
        """`unseeded` is the state of `random` before the code of users was imported."""
        self._known = [
            (each, module, each.read(module))
            for each in SETTINGS
            if (module := sys.modules.get(each.module)) is not None
        ]
        self._late = [each for each in SETTINGS if each.module not in sys.modules]
        self._logging = _Logging()
        self._seeds = _Seeds(unseeded)
        self._begun: list[Any] = []

    def import_begins(self) -> None:
        """Code that an operator imports may change settings for good: what it changes is found when it ends."""
        self._begun = [each.read(module) for each, module, _ in self._known]

    def import_ends(self) -> None:
        for index, ((each, module, _), begun) in enumerate(zip(self._known, self._begun, strict=True)):
            if (now := each.read(module)) != begun:
                self._known[index] = each, module, now
        for each in [each for each in self._late if each.module in sys.modules]:  # imported by that code
            self._late.remove(each)
            self._known.append((each, sys.modules[each.module], each.read(sys.modules[each.module])))

    def restore(self) -> list[str]:
        """Put back what has changed; return what cannot be put back."""
        unfit: list[str] = []
        for each, module, before in self._known:
            unfit += _restored(each, module, before)
        for each in self._late:
            module = sys.modules.get(each.module)
            if module is not None and each.usual is not None:  # imported by the operator
                unfit += _restored(each, module, None if each.usual is NOTHING else each.usual)
        self._seeds.restore()
        self._logging.restore()
        return unfit


def _restored(setting: Setting, module: Any, before: Any) -> list[str]:
    try:
        if setting.read(module) == before:
            return []
        setting.write(module, before)
        fits = setting.read(module) == before
    except Exception:
        fits = False
    return [] if fits else [f"{setting.name} of {setting.module}"]


class _Logging:
    """The loggers: levels, handlers, filters."""

    def __init__(self) -> None:
        self._disabled = logging.root.manager.disable
        self._raises = logging.raiseExceptions
        self._known = {each: self._of(each) for each in _loggers()}
        self._usual: tuple[Any, ...] = (logging.NOTSET, False, True, [], [], [])

    @staticmethod
    def _of(logger: logging.Logger) -> tuple[Any, ...]:
        handlers = [(each.level, each.formatter, list(each.filters)) for each in logger.handlers]
        return logger.level, logger.disabled, logger.propagate, list(logger.handlers), list(logger.filters), handlers

    def restore(self) -> None:
        if logging.root.manager.disable != self._disabled:
            logging.disable(self._disabled)
        logging.raiseExceptions = self._raises
        for logger in _loggers():
            before = self._known.get(logger, self._usual)
            if self._of(logger) != before:
                level, logger.disabled, logger.propagate, handlers, filters, kept = before
                logger.setLevel(level)
                logger.handlers[:], logger.filters[:] = handlers, filters
                for handler, (level, formatter, filters) in zip(handlers, kept, strict=True):
                    handler.setLevel(level)
                    handler.formatter, handler.filters = formatter, list(filters)


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


class _Seeds:
    """Generators of random numbers that belong to the process.

    One that the imported code has seeded is as after the import for each operator. All others begin anew, from the
    entropy of the system, once an operator has used them.
    """

    def __init__(self, unseeded: Any) -> None:
        state = random.getstate()
        self._random = state if _is_seeded(unseeded, state) else None
        self._random_used: Any = state
        self._numpy: Any = None
        self._torch: Any = None
        self._numpy_used: Any = None
        numpy, torch = _numpy(), sys.modules.get("torch")
        if numpy is not None:
            self._numpy_used = numpy.get_state(legacy=False)
            self._numpy = self._numpy_used if _is_numpy_seeded(numpy, self._numpy_used) else None
        self._torch_used = torch.get_rng_state() if torch is not None else None
        if torch is not None and torch.initial_seed() < 2**32:  # its own choice has 53 bits
            self._torch = torch.initial_seed(), self._torch_used

    def restore(self) -> None:
        if random.getstate() != self._random_used:
            if self._random is not None:
                random.setstate(self._random)
            else:
                random.seed()
                self._random_used = random.getstate()
        numpy, torch = _numpy(), sys.modules.get("torch")
        if numpy is not None and not _is_same(numpy.get_state(legacy=False), self._numpy_used):
            if self._numpy is not None:
                numpy.set_state(self._numpy)
            else:
                numpy.seed(None)
                self._numpy_used = numpy.get_state(legacy=False)
        if torch is not None and self._is_torch_used(torch):
            if self._torch is not None:
                torch.manual_seed(self._torch[0])
                torch.set_rng_state(self._torch[1])
            else:
                torch.seed()
                self._torch_used = torch.get_rng_state()

    def _is_torch_used(self, torch: Any) -> bool:
        if self._torch_used is None or torch.cuda.is_initialized():  # which has generators of its own
            return True
        return not torch.equal(torch.get_rng_state(), self._torch_used)


def _numpy() -> Any:
    module = sys.modules.get("numpy.random.mtrand")
    return getattr(module, "_rand", None)


def _is_same(state: Any, other: Any) -> bool:
    if other is None or state["bit_generator"] != other["bit_generator"]:
        return False
    one, two = state["state"], other["state"]
    gauss = (state.get("has_gauss"), state.get("gauss")) == (other.get("has_gauss"), other.get("gauss"))
    return gauss and one["pos"] == two["pos"] and one["key"].tobytes() == two["key"].tobytes()


def _is_seeded(before: Any, after: Any) -> bool:
    """Whether the state cannot come from drawing numbers only."""
    if before[1][:WORDS] == after[1][:WORDS]:
        return False
    drawn = random.Random()
    drawn.setstate(before)
    for _ in range(BLOCKS_MAX):
        drawn.getrandbits(32 * WORDS)
        if drawn.getstate()[1][:WORDS] == after[1][:WORDS]:
            return False
    return True


def _is_numpy_seeded(numpy: Any, state: Any) -> bool:
    sequence = getattr(numpy._bit_generator, "seed_seq", None)
    if sequence is None:
        return True
    fresh = type(numpy._bit_generator)(sequence)
    for _ in range(BLOCKS_MAX):
        if fresh.state["state"]["key"].tobytes() == state["state"]["key"].tobytes():
            return False
        fresh.random_raw(WORDS)
    return True
