"""Find good settings of a support vector machine: on a grid, at random, and by Optuna, which stops early.

    penstock run examples/tuning.py:on_a_grid
    penstock run examples/tuning.py:at_random --count 12 --seed 1
    penstock run examples/tuning.py:searched
    penstock get RUN table settings.csv

The data are the 1,797 images of handwritten digits that come with scikit-learn. `searched` needs Optuna on the workers.
"""

from penstock import operator, sweeps, workflow
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC


@operator(cpu=1, cache=True)
def accuracy(penalty: float, gamma: float, kernel: str = "rbf", images: int = 600) -> float:
    """Return the share of digits that are recognized, as the mean of three folds."""
    digits = load_digits()
    machine = SVC(C=penalty, gamma=gamma, kernel=kernel)
    return float(cross_val_score(machine, digits.data[:images], digits.target[:images], cv=3).mean())


@workflow
def on_a_grid(images: int = 600) -> sweeps.Sweep:
    """Try all combinations."""
    space = {"penalty": sweeps.choice(0.1, 1.0, 10.0), "gamma": sweeps.choice(1e-4, 1e-3, 1e-2)}
    return sweeps.grid(accuracy, space, goal="maximize", images=images)


@workflow
def at_random(count: int = 12, seed: int = 0) -> sweeps.Sweep:
    """Try settings at random; the same seed tries the same."""
    space = {
        "penalty": sweeps.log_uniform(1e-2, 1e2),
        "gamma": sweeps.log_uniform(1e-5, 1e-1),
        "kernel": sweeps.choice("rbf", "sigmoid"),
    }
    return sweeps.random(accuracy, space, count=count, seed=seed, goal="maximize")


@workflow
def searched(seed: int = 0, images: int = 600) -> sweeps.Sweep:
    """Let Optuna choose four settings a round, until three rounds find nothing better or the score is good enough."""
    space = {"penalty": sweeps.log_uniform(1e-2, 1e2), "gamma": sweeps.log_uniform(1e-5, 1e-1)}
    return sweeps.search(
        accuracy, space, rounds_max=8, parallel=4, patience=3, target=0.96, seed=seed, goal="maximize", images=images
    )
