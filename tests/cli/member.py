"""A member of a population whose state is one number: theta grows by the hyperparameter x at every step. A saved state says
whose it is and what it scored; what is loaded is written down in loads.txt of the trial's directory. member.py STEPS"""
import json
import os
import sys

import clade

state = {'theta': 0.0, 'step': 0, 'trial': int(os.environ.get('CLADE_TRIAL', 0))}


def save(directory):
    with open(os.path.join(directory, 'state.json'), 'w', encoding='utf-8') as file:
        json.dump({**state, 'trial': int(os.environ['CLADE_TRIAL'])}, file)


def load(directory):
    with open(os.path.join(directory, 'state.json'), encoding='utf-8') as file:
        state.update(json.load(file))
    with open(os.path.join(os.environ['CLADE_DIR'], 'loads.txt'), 'a', encoding='utf-8') as file:
        print(state['trial'], state['step'], repr(state['theta']), file=file)


with clade.start(defaults={'x': 0.5}, save=save, load=load) as run:
    run.resume()
    while state['step'] < int(sys.argv[1]) and not run.should_stop:
        state['theta'] += run.x
        state['step'] += 1
        run.report(state['step'], theta=state['theta'])
