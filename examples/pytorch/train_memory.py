#!/usr/bin/env python3
"""train.py with its state in memory: no files, and a member of a population that takes over another one's state keeps its process.

Clade copies the bytes of the arrays that are registered, out of them and into them. So they must be there before training
starts, stay where they are, and be all that training depends on. Only for what is on the CPU.
"""
import torch

import train
from train import clade


class Trainer(train.Trainer):
    def __init__(self, run):
        super().__init__(run)
        self.make_velocities()
        self.counter = torch.zeros(1, dtype=torch.int64)
        self.random = torch.get_rng_state()
        run.state("model", self.model.state_dict())
        for i, arrays in self.optimizer.state_dict()["state"].items():
            run.state("optimizer.%d" % i, arrays)
        run.state("epoch", self.counter)
        run.state("random", self.random)

    def make_velocities(self):
        """Optimizers make their arrays at the first step: one without gradients, which changes nothing else."""
        for group in self.optimizer.param_groups:
            group["momentum"] = 0.9  # with 0 there would be none
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.optimizer.step()

    def remember(self):
        """What PyTorch and Python keep for themselves, into the arrays."""
        self.counter[0] = self.epoch
        self.random.copy_(torch.get_rng_state())

    def take_over(self):
        """And back. The weights and velocities are there already."""
        self.epoch = int(self.counter[0])
        torch.set_rng_state(self.random)


def main():
    torch.set_num_threads(1)
    with clade.start(defaults=train.DEFAULTS) as run:
        trainer = Trainer(run)
        parts = train.parts_of(*train.read_digits(run.data), run.final)
        run.resume()
        if run.loaded():
            trainer.take_over()
        while trainer.epoch < run.epochs and not run.should_stop:
            trainer.set_values(run)
            trainer.train(*parts["training"], run.batch_size)
            scores = trainer.scores(parts, trainer.epoch >= run.epochs)
            trainer.remember()
            run.report(trainer.epoch, scores)  # may copy the arrays, or fill them with another member's
            if run.loaded():
                trainer.take_over()


if __name__ == "__main__":
    main()
