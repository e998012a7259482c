"""A model of one weight that anneals towards 1; what it reaches depends on lr and momentum. Usage: member.py [--epochs=N]

Half an epoch is a step. It stands for the networks of the population based documents."""
import os
import random

import clade


class Model:
    def __init__(self):
        self.weight, self.epoch = 0.0, 0.0

    def save(self, directory):
        with open(os.path.join(directory, "model"), "w", encoding="utf-8") as file:
            file.write("%r %r\n" % (self.weight, self.epoch))

    def load(self, directory):
        with open(os.path.join(directory, "model"), encoding="utf-8") as file:
            self.weight, self.epoch = map(float, file.read().split())

    def train(self, lr, momentum):
        self.weight += min(lr / (1 - momentum), 1.9) * (1 - self.weight)
        self.epoch += 0.5


model = Model()
with clade.start(defaults={"lr": 0.01, "momentum": 0.5, "epochs": 10}, save=model.save, load=model.load) as run:
    model.weight = random.Random(run.seed).uniform(-0.5, 0.5)
    run.resume()
    while model.epoch < run.epochs and not run.should_stop:
        model.train(run.lr, run.momentum)
        run.report(model.epoch, accuracy=1 - abs(1 - model.weight))
