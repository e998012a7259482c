"""The tutorial's runspec, out of the tutorial: its top and its hyperparameters as printed there, and below them what the
tutorial leaves out. Usage: runspec.py TUTORIAL"""
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    lines = [line.rstrip("\n") for line in file]


def block(first):
    """The indented block whose first line that is, without the indent."""
    start = lines.index("    " + first)
    end = next(i for i in range(start, len(lines)) if not lines[i].startswith("    "))
    return [line[4:] for line in lines[start:end]]


REST = """
processing_stages:
  - component: RL_Proc
    max_iterations: 100000
    iters_per_report: 10000
    environment:
      random_seed: randint
    agent:
      sequence_length: *seqlen
      discount_factor: *disc
      gradient_clip: *clip
      learning_rate: *lr
      reward_scale: *rscale
      embedding_size: *embed
      hidden_units: *units
      output_units: *out
"""
print("\n".join(block("component: root/Root_Component") + [""] + block("hyperparameters:")) + REST, end="")
