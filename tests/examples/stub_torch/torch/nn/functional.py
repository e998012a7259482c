"""A loss that falls as the weight grows, a little by which images were asked for."""
import math


def cross_entropy(output, labels):
    weight = output.loss
    shift = 1e-3 * sum(labels.items) / len(labels.items)
    return type(labels)([2.3 * math.exp(-weight.value) + shift], loss=weight)
