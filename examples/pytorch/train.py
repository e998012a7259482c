#!/usr/bin/env python3
"""An ordinary PyTorch script: a small convolutional network on handwritten digits, a tenth of a second per epoch.

The lines that make it a trainer of Clade are marked with `# Clade`; without a study it just runs.
"""
import gzip
import math
import os
import random
import sys

import torch
import torch.nn.functional as functional
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "clients", "python"))  # where clade.py is in the source tree
import clade  # Clade  # noqa: E402

DEFAULTS = {"lr": 0.01, "momentum": 0.9, "dropout": 0.2, "batch_size": 32, "epochs": 20,
            "loss": "likelihood",  # or taylor, with these eight numbers; as given, they are the squared error
            "loss_0": 0.0, "loss_1": 0.0, "loss_2": 0.0, "loss_3": -2.0, "loss_4": 0.0, "loss_5": 2.0, "loss_6": 0.0,
            "loss_7": 0.0,
            "data": os.path.join(HERE, "..", "digits", "digits.csv.gz")}


def read_digits(path):
    """Images (n, 1, 8, 8) scaled to about [-1, 2] and labels, shuffled by a constant seed."""
    with gzip.open(path, "rt") as file:
        rows = [[int(word) for word in line.split(",")] for line in file]
    random.Random(123).shuffle(rows)
    images = torch.tensor([[(pixel - 4.88) / 6.02 for pixel in row[:-1]] for row in rows]).view(-1, 1, 8, 8)
    return images, torch.tensor([row[-1] for row in rows])


def parts_of(images, labels, final):
    """Training and validation part; the test part only for the one final training."""
    fifth = len(labels) // 5
    parts = {"validation": slice(fifth, 2 * fifth), "training": slice(2 * fifth, len(labels))}
    if final:
        parts["test"] = slice(0, fifth)
    return {name: (images[part], labels[part]) for name, part in parts.items()}


def build(dropout):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1), nn.Dropout2d(dropout), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(dropout), nn.Linear(32, 10))


def rescaled(theta, classes):
    """The loss's numbers, so that gradients begin as large as those of cross-entropy (CLADE_LOSS_RESCALE)."""
    def slope(x):  # df/dy where all probabilities are equal
        a, b = x - theta[0], 1 / classes - theta[1]
        _, _, t2, t3, t4, t5, t6, t7 = theta
        return t2 + t3 * b + t4 * b * b / 2 + t5 * a + t6 * a * b + t7 * a * a / 2
    difference = abs(slope(1) - slope(0))
    scale = classes * classes / difference if difference > 0 else 1
    return (*theta[:2], *(scale * t for t in theta[2:]))


def taylor_loss(theta, logits, labels, bound=10):
    """The evolved loss of clade/loss.h (TaylorGLO), mean of the examples; slopes keep to a bound (CLADE_LOSS_CLIP)."""
    examples, classes = logits.shape
    t0, t1, t2, t3, t4, t5, t6, t7 = theta
    y = functional.softmax(logits, dim=1)
    if y.requires_grad:
        y.register_hook(lambda slopes: slopes.clamp(-bound / examples, bound / examples))
    a, b = functional.one_hot(labels, classes).to(y) - t0, y - t1
    f = t2 * b + t3 * b**2 / 2 + t4 * b**3 / 6 + t5 * a * b + t6 * a * b**2 / 2 + t7 * a**2 * b / 2
    return -f.sum(dim=1).mean() / classes


class Trainer:
    def __init__(self, run):
        torch.manual_seed(run.seed)
        self.model = build(run.dropout)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=run.lr, momentum=run.momentum)
        self.epoch = 0
        self.loss = functional.cross_entropy

    def set_values(self, run):
        """Values as of now: they may have changed at the last report."""
        if run.loss == "taylor":
            theta = rescaled([run.get(f"loss_{i}") for i in range(8)], 10)
            self.loss = lambda logits, labels: taylor_loss(theta, logits, labels)
        for group in self.optimizer.param_groups:
            group["lr"], group["momentum"] = run.lr, run.momentum
        for layer in self.model.modules():
            if isinstance(layer, (nn.Dropout, nn.Dropout2d)):
                layer.p = run.dropout

    def train(self, images, labels, batch_size):
        self.model.train()
        for batch in torch.randperm(len(labels)).split(batch_size):
            self.optimizer.zero_grad()
            self.loss(self.model(images[batch]), labels[batch]).backward()
            self.optimizer.step()
        self.epoch += 1

    def measure(self, images, labels):
        """Loss and accuracy; without a loss there is no accuracy either."""
        self.model.eval()
        with torch.no_grad():
            output = self.model(images)
            loss = functional.cross_entropy(output, labels).item()
            accuracy = (output.argmax(1) == labels).float().mean().item()
        return loss, accuracy if math.isfinite(loss) else math.nan

    def scores(self, parts, last):
        """Of the validation part; at the end of the final training of the test part, too."""
        scores = dict(zip(("val_loss", "val_accuracy"), self.measure(*parts["validation"])))
        if "test" in parts and last:
            scores.update(zip(("test_loss", "test_accuracy"), self.measure(*parts["test"])))
        return scores

    # Clade: everything that training depends on goes into the directory, and comes back from it
    def save(self, directory):
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "epoch": self.epoch,
                    "random": torch.get_rng_state()}, os.path.join(directory, "state.pt"))

    def load(self, directory):
        state = torch.load(os.path.join(directory, "state.pt"))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.epoch = state["epoch"]


def main():
    torch.set_num_threads(1)
    trainer = None
    with clade.start(defaults=DEFAULTS,                                    # Clade: learns the values
                     save=lambda directory: trainer.save(directory),       # Clade
                     load=lambda directory: trainer.load(directory)) as run:  # Clade
        trainer = Trainer(run)
        parts = parts_of(*read_digits(run.data), run.final)
        run.resume()                                                       # Clade: perhaps goes on from a saved state
        while trainer.epoch < run.epochs and not run.should_stop:
            trainer.set_values(run)
            trainer.train(*parts["training"], run.batch_size)
            scores = trainer.scores(parts, trainer.epoch >= run.epochs)
            run.report(trainer.epoch, scores)                              # Clade: may change values, save, load, stop


if __name__ == "__main__":
    main()
