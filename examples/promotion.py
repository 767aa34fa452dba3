"""A person decides before a model is promoted: `penstock run examples/promotion.py:promotion --folds 3`.

The run then waits for `penstock approve RUN`, and holds no worker. `penstock why RUN` shows the question.
"""

from datetime import timedelta
from statistics import mean

import penstock
from penstock import Static, operator, workflow


@operator
def measured(fold: int, folds: int) -> float:
    """Stand for a training: the share of the rows that a fold leaves to it."""
    return 1 - 1 / (folds + fold)


@operator
def averaged(scores: list[float]) -> float:
    """Average the scores of all folds."""
    return mean(scores)


@operator
def promoted(score: float, percent: int) -> str:
    """Say what was promoted; here a real one would move an alias, or change a deployment."""
    return f"promoted to {percent} % of the traffic, score {score:.2f}"


@workflow
def promotion(folds: Static[int] = 5) -> str:
    """Score a model, ask for approval, and promote it to the share of the traffic that is sent, 5 % by default."""
    score = averaged([measured(fold, folds) for fold in range(folds)])
    with penstock.after(score):
        approved = penstock.approval("Promote this model?", timeout=timedelta(days=7))
    with penstock.after(approved):
        percent = penstock.signal("percent", int, timeout=timedelta(seconds=1), otherwise=5)
        return promoted(score, percent)
