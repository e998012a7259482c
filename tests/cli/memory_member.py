"""A member of a population whose state is a region of memory: theta, which grows by the hyperparameter x at every step, the step,
and whose state it is. What is loaded is written down in loads.txt of the trial's directory. memory_member.py STEPS"""
import array
import os
import sys

import clade

own = float(os.environ['CLADE_TRIAL'])
memory = array.array('d', [0.0, 0.0, own])  # theta, step, trial


def take_over():
    if run.loaded('memory'):
        with open(os.path.join(os.environ['CLADE_DIR'], 'loads.txt'), 'a', encoding='utf-8') as file:
            print(int(memory[2]), int(memory[1]), repr(memory[0]), file=file)
        memory[2] = own


with clade.start(defaults={'x': 0.5}) as run:
    run.state('memory', memory)
    run.resume()
    take_over()
    while memory[1] < int(sys.argv[1]) and not run.should_stop:
        memory[0] += run.x
        memory[1] += 1
        run.report(memory[1], theta=memory[0])
        take_over()
