#!/usr/bin/env python3
"""Q-learning in a small maze, in two stages: maze.c in Python, through clade.py (PYTHONPATH=clients/python).

Usage: maze.py [--lr=X] [--disc=X] [--eps=X] [--iters=N]. Alone or in a study (maze.yaml)."""
import os
import pickle
import random

import clade

WALLS = (".....#"
         ".##..."
         ".#..#."
         ".#.##."
         "...#.."
         ".#...G")
SIDE, PATIENCE = 6, 60


class Maze:
    def __init__(self, seed):
        self.value = [[0.5] * 4 for _ in WALLS]  # so that all is tried
        self.random, self.field, self.moves = random.Random(seed), 0, 0

    def save(self, directory):
        with open(os.path.join(directory, "maze"), "wb") as file:
            pickle.dump(self.__dict__, file)

    def load(self, directory):
        with open(os.path.join(directory, "maze"), "rb") as file:
            self.__dict__.update(pickle.load(file))

    @staticmethod
    def follow(field, move):
        """Where a move leads; walls and the edge are run into."""
        x, y = field % SIDE + (1, 0, -1, 0)[move], field // SIDE + (0, 1, 0, -1)[move]
        inside = 0 <= x < SIDE and 0 <= y < SIDE and WALLS[y * SIDE + x] != "#"
        return y * SIDE + x if inside else field

    def step(self, eps, lr, disc):
        """One step; returns the reward."""
        row = self.value[self.field]
        move = self.random.randrange(4) if self.random.random() < eps else row.index(max(row))
        self.field, self.moves = self.follow(self.field, move), self.moves + 1
        reward = float(WALLS[self.field] == "G")
        row[move] += lr * (reward + disc * (0 if reward else max(self.value[self.field])) - row[move])
        return reward


def main():
    maze = Maze(1)
    with clade.start(defaults={"lr": 0.1, "disc": 0.9, "eps": 0.1}, save=maze.save, load=maze.load) as run:
        maze.random.seed(run.seed)
        metrics, iters = [clade.Metric("rew", "reward per step"), clade.Metric("win", "episodes won")], int(run.get("iters", 20000))
        learn = clade.Stage("Learn", iters, metrics)
        stages = run.stages([learn, clade.Stage("Play", max(1, iters // 4), metrics)])
        run.resume()
        for stage in stages:  # the second one only looks at what was learned
            reward = maze.step(run.eps, run.lr, run.disc) if stage is learn else maze.step(0.02, 0, run.disc)
            stages.add("rew", reward)
            if reward or maze.moves >= PATIENCE:
                stages.add("win", reward)
                maze.field = maze.moves = 0


if __name__ == "__main__":
    main()
