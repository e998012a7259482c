"""What probe_stages.c does, through clade.py."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../clients/python"))
import clade  # noqa: E402

VALUES = {"seqlen": 24, "disc": 0.90, "clip": 2048, "lr": 4e-4, "rscale": 32, "embed": 1024, "units": 384, "out": 1024}
LUCK = ((2, 17), (2, 18), (1, 17), (1, 17), (2, 18))  # rewards, episodes in a thousand steps
MAZE = clade.Stage("RL_Proc", 5000, [clade.Metric("rew", "reward per step"), clade.Metric("win", "episodes won")],
                   iters_per_report=1000)
FIT = clade.Stage(None, 1234567, [clade.Metric("loss", "cross-entropy", aggregate="min", goal="minimize"),
                                  clade.Metric("top", aggregate="max")])


class Walk:
    def __init__(self, mode):
        self.mode, self.turns = mode, 0

    def save(self, directory):
        if self.mode == "unsaved":
            raise RuntimeError("the program's save function returned 9")
        with open(directory + "/turns", "w", encoding="utf-8") as file:
            file.write("%d\n" % self.turns)

    def load(self, directory):
        with open(directory + "/turns", encoding="utf-8") as file:
            self.turns = int(file.read())


def learn(walk, stages):
    stages.count(61728)
    walk.turns += 61728
    x = stages.iters / 1e6
    stages.add("loss", (x - 0.7) * (x - 0.7) + 2.385)
    stages.add("top", x)


def train(walk, stages):
    for stage in stages:
        if stage is FIT:
            learn(walk, stages)
            continue
        walk.turns += 1
        if walk.mode == "unknown":
            stages.add("wins", 1)
        rewards, episodes = LUCK[stages.iters // 1000 % 5]
        i = stages.iters % 1000
        if walk.mode != "empty":
            stages.add("rew", i < rewards)
            if i < episodes:
                stages.add("win", i < rewards)
        if walk.mode == "early" and walk.turns == 3:
            raise clade.Error("EINVAL", "stage 1 of 1 is not completed")


def main():
    mode = sys.argv[1][7:] if sys.argv[1:] else "tutorial"
    walk = Walk(mode)
    functions = {} if mode == "stateless" else {"save": walk.save, "load": walk.load}
    inside = "CLADE_SOCKET" in os.environ
    with clade.start(defaults={} if inside else VALUES, **functions) as run:
        stages = run.stages([MAZE, FIT] if mode == "two" else [MAZE], best="best" if mode in ("best", "unsaved") else None,
                            seconds=lambda: walk.turns * 0.00792)
        run.resume()
        train(walk, stages)
        print("value %.17g" % stages.value("rew" if stages.current == 0 else "top"), file=sys.stderr)


try:
    main()
except clade.Error as reason:
    print(reason, file=sys.stderr)
    sys.exit(1)
