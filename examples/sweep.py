"""Cross-validate ten settings of a random forest on three folds: 30 trainings in parallel, and a confusion matrix.

    penstock run examples/sweep.py:sweep
    penstock get RUN matrix matrix.png

The data are the 1,797 images of handwritten digits that come with scikit-learn.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import matplotlib
from penstock import FeatureSet, operator, workflow
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedKFold, cross_val_predict

matplotlib.use("Agg")  # draws files, needs no screen

FOLDS = 3


@dataclass(frozen=True)
class Setting:
    trees: int
    depth: int


@dataclass(frozen=True)
class Score:
    """How well a setting does on one fold."""

    setting: Setting
    accuracy: float


SETTINGS = [Setting(trees, depth) for trees in (5, 10, 20, 40, 80) for depth in (4, 12)]


class Result(NamedTuple):
    best: Setting
    accuracy: float
    matrix: Path


@operator
def load() -> FeatureSet:
    digits = load_digits()
    return FeatureSet(digits.data, digits.target)


@operator(cpu=1, memory="1Gi")
def train(data: FeatureSet, setting: Setting, fold: int) -> Score:
    """Train on all folds but one, and test on that."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    rest, tested = list(folds.split(data.features, data.labels))[fold]
    forest = classifier(setting).fit(data.features[rest], data.labels[rest])
    accuracy = forest.score(data.features[tested], data.labels[tested])
    print(f"{setting}, fold {fold}: {accuracy:.3f}")
    return Score(setting, accuracy)


@operator
def best(scores: list[Score]) -> Score:
    """The setting with the highest accuracy in the mean of its folds."""
    means = {
        setting: sum(score.accuracy for score in scores if score.setting == setting) / FOLDS for setting in SETTINGS
    }
    chosen = max(SETTINGS, key=lambda setting: means[setting])
    return Score(chosen, means[chosen])


@operator(cpu=1, memory="1Gi")
def draw(data: FeatureSet, best: Score) -> Path:
    """The confusion matrix of a setting, as a picture."""
    predicted = cross_val_predict(classifier(best.setting), data.features, data.labels, cv=FOLDS)
    shown = ConfusionMatrixDisplay.from_predictions(data.labels, predicted)
    shown.ax_.set_title(f"{best.setting.trees} trees of depth {best.setting.depth}")
    shown.figure_.savefig("matrix.png", dpi=100)
    return Path("matrix.png")


def classifier(setting: Setting) -> RandomForestClassifier:
    return RandomForestClassifier(setting.trees, max_depth=setting.depth, random_state=0)


@workflow
def sweep() -> Result:
    """Train every setting on every fold, and draw the confusion matrix of the best."""
    data = load()
    scores = [train(data, setting, fold) for setting in SETTINGS for fold in range(FOLDS)]
    chosen = best(scores)
    return Result(chosen.setting, chosen.accuracy, draw(data, chosen))
