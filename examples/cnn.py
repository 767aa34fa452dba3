"""Train a small CNN on handwritten digits; killed at any time, it goes on from its last epoch.

    penstock run examples/cnn.py:cnn --epochs 20

Kill the process that trains (`kill -9` with the number that `penstock logs RUN` shows), or the worker, or pull the plug
and start `penstock up` again: the next attempt loads the checkpoint, and the result is the same.
"""

import os
from typing import Annotated, NamedTuple

import penstock
import torch
from annotated_types import Gt
from penstock import FeatureSet, Metrics, Model, operator, workflow
from sklearn.datasets import load_digits
from torch import nn

BATCH = 64


class Halves(NamedTuple):
    train: FeatureSet
    test: FeatureSet


class Result(NamedTuple):
    model: Model[dict[str, torch.Tensor]]
    metrics: Metrics


@operator
def load(share: float) -> Halves:
    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    at = round(len(images) * share)
    return Halves(FeatureSet(images[:at], labels[:at]), FeatureSet(images[at:], labels[at:]))


@operator(cpu=1, memory="2Gi", retries=3, retry_delay_s=0.5)
def train(data: FeatureSet, epochs: int, seed: int) -> Model[dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    first = 0
    if (state := penstock.last_checkpoint()) is not None:
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
    print(f"process {os.getpid()} trains from epoch {first + 1} on")
    for epoch in range(first, epochs):
        loss = train_epoch(net, optimizer, data, torch.Generator().manual_seed(seed + epoch))
        penstock.checkpoint({"epoch": epoch + 1, "net": net.state_dict(), "optimizer": optimizer.state_dict()})
        penstock.progress(epoch + 1, epochs, f"loss {loss:.4f}")
    return Model(net.state_dict(), format="torch", metadata={"epochs": epochs, "seed": seed})


@operator(cpu=1, memory="1Gi")
def evaluate(model: Model[dict[str, torch.Tensor]], data: FeatureSet) -> Metrics:
    net = network()
    net.load_state_dict(model.payload)
    net.eval()
    with torch.no_grad():
        predicted = net(data.features).argmax(1)
    return Metrics({"accuracy": (predicted == data.labels).float().mean().item()})


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 2 * 2, 10),
    )  # fmt: skip


def train_epoch(
    net: nn.Module, optimizer: torch.optim.Optimizer, data: FeatureSet, generator: torch.Generator
) -> float:
    """Train on all images once, in another order each time; return the mean loss."""
    losses: list[float] = []
    for rows in torch.randperm(len(data), generator=generator).split(BATCH):
        loss = nn.functional.cross_entropy(net(data.features[rows]), data.labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@workflow
def cnn(epochs: Annotated[int, Gt(0)] = 10, seed: int = 0, share: float = 0.8) -> Result:
    """Train a CNN on a share of the images, and test it on the others.

    Args:
        epochs: How often to go through the images.
    """
    halves = load(share)
    model = train(halves.train, epochs, seed)
    return Result(model, evaluate(model, halves.test))
