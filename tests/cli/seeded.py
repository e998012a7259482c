"""A member whose training is random: theta takes steps of x times a draw of its own generator, which begins with the trial's
seed and is part of the state. seeded.py STEPS; the last state stands in final.json of the trial's directory, the process in
pids.txt. With CLADE_FINAL=1 it also reports what only the final training may."""
import json
import os
import random
import sys
import time

import clade

state = {'theta': 0.0, 'step': 0, 'seen': []}
generator = random.Random()


def save(directory):
    with open(os.path.join(directory, 'state.json'), 'w', encoding='utf-8') as file:
        json.dump({**state, 'generator': generator.getstate()}, file)


def load(directory):
    with open(os.path.join(directory, 'state.json'), encoding='utf-8') as file:
        loaded = json.load(file)
    version, words, gauss = loaded.pop('generator')
    generator.setstate((version, tuple(words), gauss))
    state.update(loaded)


with clade.start(defaults={'x': 0.5, 'size': 1}, save=save, load=load) as run:
    directory = os.environ['CLADE_DIR']
    with open(os.path.join(directory, 'pids.txt'), 'a', encoding='utf-8') as file:
        print(os.getpid(), file=file)
    generator.seed(run.seed)
    run.resume()
    while state['step'] < int(sys.argv[1]) and not run.should_stop:
        state['theta'] += run.x * generator.random() * run.size
        state['step'] += 1
        state['seen'].append([run.x, run.size])
        time.sleep(float(os.environ.get('PAUSE', '0')))
        more = {'test': state['theta'] / 2} if run.final and state['step'] == int(sys.argv[1]) else {}
        run.report(state['step'], theta=state['theta'], **more)
    with open(os.path.join(directory, 'final.json'), 'w', encoding='utf-8') as file:
        json.dump(state, file)
