"""Layers that only exist, and a model of one weight."""
from . import functional  # noqa: F401


class Layer:
    def __init__(self, *_arguments, **_options):
        self.p = None


class Conv2d(Layer):
    pass


class MaxPool2d(Layer):
    pass


class ReLU(Layer):
    pass


class Flatten(Layer):
    pass


class Linear(Layer):
    pass


class Dropout(Layer):
    pass


class Dropout2d(Layer):
    pass


class Weight:
    def __init__(self):
        self.value, self.gradient = 0.0, 0.0


class Sequential:
    def __init__(self, *layers):
        self.layers, self.weight = layers, Weight()

    def __call__(self, images):
        images.loss = self.weight
        return images

    def modules(self):
        return self.layers

    def parameters(self):
        return [self.weight]

    def train(self):
        pass

    def eval(self):
        pass

    def state_dict(self):
        return {'weight': self.weight.value}

    def load_state_dict(self, state):
        self.weight.value = state['weight']
