"""The cores under every fault, seed by seed."""

import pytest

from tests.simulation.invariants import Violation
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.world import World

SEEDS = 500
CHUNK = 25
MUTATION_SEEDS = 1000


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_invariant_holds(first: int) -> None:
    for seed in range(first, first + CHUNK):
        World(seed).run()


def test_a_seed_repeats_exactly() -> None:
    first, second = World(1234, trace=True), World(1234, trace=True)
    first.run()
    second.run()
    assert list(first.trace) == list(second.trace) and first.steps == second.steps


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.name for mutation in MUTATIONS])
def test_a_deliberate_bug_is_caught(mutation: Mutation) -> None:
    assert mutation.caught_by(range(MUTATION_SEEDS)) is not None


def test_a_failure_says_how_to_repeat_it() -> None:
    (mutation,) = [mutation for mutation in MUTATIONS if mutation.name == "the retry delay is lost"]
    seed = mutation.caught_by(range(MUTATION_SEEDS))
    assert seed is not None
    with mutation.applied(), pytest.raises(Violation, match=rf"python -m tests\.simulation --seed {seed} --trace"):
        World(seed).run()
