"""The product's services under every fault, seed by seed; in processes of their own, whose hash seed is fixed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FIRST_SEED
from tests.simulation.mutations import MUTATIONS, kept_seeds

ROOT = Path(__file__).parents[2]
# Seeds that found something once; what they found is in `mutations.py` as well, since seeds' stories change.
KEPT = (29, 1132, 5002291, 20, 10009, 10140)
FRESH_SEEDS = 80
TIMEOUT_S = 600
MUTATIONS_AT_ONCE = 8


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.timeout(TIMEOUT_S)
def test_every_invariant_holds_in_fresh_seeds() -> None:
    done = simulated("--from", os.environ[FIRST_SEED], "--seeds", str(FRESH_SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("seed", KEPT)
def test_seeds_that_found_something_hold(seed: int) -> None:
    done = simulated("--seed", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_repeats_exactly_in_another_process() -> None:
    first, second = (simulated("--seed", "7", "--trace").stdout.splitlines()[:-1] for _ in range(2))
    assert first == second and len(first) > 20


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("at", range(0, len(MUTATIONS), MUTATIONS_AT_ONCE))
def test_deliberate_bugs_are_caught_by_the_seeds_kept_for_them(at: int) -> None:
    names = [mutation.name for mutation in MUTATIONS[at : at + MUTATIONS_AT_ONCE]]
    done = simulated("--mutations", *names)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_deliberate_bug_has_its_seed() -> None:
    assert list(kept_seeds()) == [mutation.name for mutation in MUTATIONS]


def test_a_failure_says_how_to_repeat_it() -> None:
    name = "the retry delay is lost"
    seed = kept_seeds()[name]
    done = simulated("--seed", str(seed), "--with", name)
    assert done.returncode == 1
    (again,) = re.findall(r"^PYTHONHASHSEED=0 python -m tests\.simulation --seed \d+ --trace$", done.stdout, re.M)
    assert f"--seed {seed} " in again
