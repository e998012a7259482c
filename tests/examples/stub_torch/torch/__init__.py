"""Stands in for PyTorch where it is not installed, so that the flow of examples/pytorch/train.py is executed.

It learns nothing: a loss falls with the number of optimiser steps, by the learning rate, whatever the data are. What the
trainer must save for a bit-exact resume is real: the weight (number of steps times rate), the generator, the optimiser.
"""
import json
import random

float32 = 'float32'
_generator = random.Random(0)


class Tensor:
    """A list with the few methods that the script calls."""

    def __init__(self, items, loss=None):
        self.items, self.loss = items, loss

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        if isinstance(index, Tensor):
            return Tensor([self.items[i] for i in index.items])
        return Tensor(self.items[index])

    def __eq__(self, other):
        return Tensor([float(a == b) for a, b in zip(self.items, other.items)])

    __hash__ = None

    def view(self, *_shape):
        return self

    def split(self, size):
        return [Tensor(self.items[i:i + size]) for i in range(0, len(self.items), size)]

    def argmax(self, _dimension):
        return Tensor([0] * len(self.items))

    def float(self):
        return self

    def mean(self):
        return Tensor([sum(self.items) / len(self.items)])

    def item(self):
        return self.items[0]

    def backward(self):
        self.loss.gradient = 1.0


class no_grad:  # noqa: N801
    def __enter__(self):
        return self

    def __exit__(self, *_reason):
        return None


def tensor(items):
    return Tensor(list(items))


def manual_seed(seed):
    _generator.seed(seed)


def set_num_threads(_count):
    pass


def randperm(n):
    order = list(range(n))
    _generator.shuffle(order)
    return Tensor(order)


def get_rng_state():
    return _generator.getstate()


def set_rng_state(state):
    version, words, gauss = state
    _generator.setstate((version, tuple(words), gauss))


def save(state, path):
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(state, file)


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


from . import nn, optim  # noqa: E402,F401
