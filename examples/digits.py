"""Handwritten digits: load, split, train with PyTorch, export to ONNX, quantise, then evaluate and predict in parallel.

    penstock run examples/digits.py:digits --epochs 40

The data are the 1,797 images of 8x8 pixels that come with scikit-learn. The same seed gives the same numbers.
Libraries are imported where they are used, so that checking and compiling the workflow needs none of them.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from annotated_types import Interval
from penstock import operator, workflow
from penstock.ml import Dataset, FeatureSet, Metrics, Model, Report

if TYPE_CHECKING:
    import numpy as np
    import torch

PIXELS, CLASSES = 64, 10
BATCH = 64
LEARNING_RATE = 3e-3
RESAMPLES = 2000
OPSET = 18


@dataclass(frozen=True)
class Digit:
    """One image: 64 pixels from 0 to 1, and the digit that it shows."""

    pixels: list[float]
    label: int


@dataclass(frozen=True)
class Prediction:
    """What each form of the model says of one image of the test set."""

    label: int
    torch: int
    onnx: int
    int8: int


class Halves(NamedTuple):
    train: FeatureSet[Digit]
    test: FeatureSet[Digit]


class Forms(NamedTuple):
    """The same model in three forms."""

    torch: Model[dict[str, Any]]
    onnx: Model[bytes]
    int8: Model[bytes]


class Predicted(NamedTuple):
    predictions: Dataset[Prediction]
    agreement: Metrics


class Result(NamedTuple):
    report: Report
    metrics: Metrics
    model: Model[bytes]


@operator
def load() -> FeatureSet[Digit]:
    """Load the images, scaled to 0..1."""
    import numpy as np
    from sklearn.datasets import load_digits

    images: Any = load_digits()
    return FeatureSet((images.data / 16).astype(np.float32), images.target.astype(np.int64))


@operator
def split(digits: FeatureSet[Digit], test_share: float, seed: int) -> Halves:
    """Shuffle, and set a share aside for testing."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(digits))
    count = round(len(digits) * test_share)
    return Halves(train=digits.take(order[count:]), test=digits.take(order[:count]))


@operator(memory="1Gi")
def train(data: FeatureSet[Digit], hidden: int, epochs: int, seed: int) -> Model[dict[str, Any]]:
    """Train a perceptron with one hidden layer by Adam."""
    import torch

    torch.manual_seed(seed)
    net = network(hidden)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    images, labels = torch.from_numpy(data.features.copy()), torch.from_numpy(data.labels.copy())
    loss = torch.zeros(())
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(images[rows]), labels[rows])
            loss.backward()
            optimiser.step()
        if epoch % 10 == 0 or epoch == epochs:
            print(f"epoch {epoch} of {epochs}: loss {loss.detach():.4f}")
    return Model(dict(net.state_dict()), "torch", {"hidden": hidden, "epochs": epochs, "seed": seed})


@operator(memory="1Gi")
def export(model: Model[dict[str, Any]]) -> Model[bytes]:
    """Write the network as ONNX, weights included, for batches of any size."""
    import torch

    example = torch.zeros(2, PIXELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            restored(model),
            (example,),
            input_names=["pixels"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch exported nothing; this needs its new exporter (torch 2.10 or newer)")
    return Model(program.model_proto.SerializeToString(deterministic=True), "onnx", model.metadata)


@operator
def quantise(model: Model[bytes]) -> Model[bytes]:
    """Turn the weights into 8-bit integers."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(onnx.load_from_string(model.payload), path, weight_type=QuantType.QInt8)
        return Model(path.read_bytes(), "onnx", {**model.metadata, "weights": "int8"})


@operator(memory="1Gi")
def evaluate(forms: Forms, test: FeatureSet[Digit], seed: int) -> Metrics:
    """Measure each form's accuracy, with a 95 % interval by resampling the test set."""
    import numpy as np

    draws = np.random.default_rng(seed).integers(len(test), size=(RESAMPLES, len(test)))
    numbers: dict[str, float] = {}
    for name, logits in all_logits(forms, test.features).items():
        right = logits.argmax(axis=1) == test.labels
        low, high = np.percentile(right[draws].mean(axis=1), [2.5, 97.5])
        numbers |= {f"accuracy_{name}": right.mean(), f"accuracy_{name}_low": low, f"accuracy_{name}_high": high}
        print(f"{name}: {right.mean():.4f} ({low:.4f} to {high:.4f})")
    return Metrics(numbers)


@operator(memory="1Gi")
def predict(forms: Forms, test: FeatureSet[Digit]) -> Predicted:
    """Predict each image of the test set with each form, and say how far they agree."""
    import numpy as np

    logits = all_logits(forms, test.features)
    said = {name: values.argmax(axis=1) for name, values in logits.items()}
    agreement = {
        "onnx_agrees": (said["torch"] == said["onnx"]).mean(),
        "int8_agrees": (said["torch"] == said["int8"]).mean(),
        "onnx_difference_max": np.abs(logits["torch"] - logits["onnx"]).max(),
    }
    return Predicted(Dataset({"label": test.labels, **said}, "digits, test set"), Metrics(agreement))


@operator
def summarise(forms: Forms, accuracy: Metrics, agreement: Metrics) -> Report:
    """Write the table that people read."""
    sizes = {"onnx": len(forms.onnx.payload), "int8": len(forms.int8.payload)}
    rows = [
        f"| {name} | {accuracy[f'accuracy_{name}']:.2%} | {accuracy[f'accuracy_{name}_low']:.2%} to "
        f"{accuracy[f'accuracy_{name}_high']:.2%} | {f'{sizes[name] / 1024:.1f} KiB' if name in sizes else ''} |"
        for name in ("torch", "onnx", "int8")
    ]
    text = "\n".join(["| form | accuracy | 95 % interval | size |", "|---|---|---|---|", *rows])
    text += f"\n\nONNX agrees with torch on {agreement['onnx_agrees']:.2%} of the test set"
    text += (
        f" (logits differ by at most {agreement['onnx_difference_max']:.1e}), int8 on {agreement['int8_agrees']:.2%}."
    )
    return Report("Handwritten digits", text, Metrics({**accuracy, **agreement}))


@workflow
def digits(
    seed: int = 0,
    epochs: Annotated[int, Interval(ge=1, le=1000)] = 30,
    hidden: Annotated[int, Interval(ge=1, le=4096)] = 64,
    test_share: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
) -> Result:
    """Train a classifier of handwritten digits, export and quantise it, and report how good each form is."""
    halves = split(load(), test_share, seed)
    model = train(halves.train, hidden, epochs, seed)
    exported = export(model)
    forms = Forms(torch=model, onnx=exported, int8=quantise(exported))
    accuracy = evaluate(forms, halves.test, seed)
    predicted = predict(forms, halves.test)
    report = summarise(forms, accuracy, predicted.agreement)
    return Result(report=report, metrics=accuracy, model=forms.int8)


def network(hidden: int) -> torch.nn.Module:
    import torch

    torch.set_num_threads(1)  # a node holds one core, and sums in one order are the same every time
    return torch.nn.Sequential(torch.nn.Linear(PIXELS, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, CLASSES))


def restored(model: Model[dict[str, Any]]) -> torch.nn.Module:
    net = network(model.metadata["hidden"])
    net.load_state_dict(model.payload)
    return net.eval()


def all_logits(forms: Forms, features: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the logits (B, 10) that each form computes."""
    import onnxruntime as ort
    import torch

    with torch.inference_mode():
        logits = {"torch": restored(forms.torch)(torch.from_numpy(features.copy())).numpy()}
    for name, model in (("onnx", forms.onnx), ("int8", forms.int8)):
        session = ort.InferenceSession(model.payload, providers=["CPUExecutionProvider"])
        logits[name] = session.run(None, {"pixels": features})[0]
    return logits
