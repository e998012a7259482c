"""A member of a population whose state is one number: theta grows by the hyperparameter x at every step. A saved state says
whose it is and what it scored; what is loaded is written down in loads.txt of the trial's directory, with a hash of its
contents. States of others that are rotten, by their trial and step, cannot be loaded.
member.py STEPS [ROTTEN-OF-TEN [PADDING [SECONDS-PER-STEP]]]"""
import json
import os
import sys
import time

import clade
from state_hash import content_hash

state = {'theta': 0.0, 'step': 0, 'trial': int(os.environ.get('CLADE_TRIAL', 0))}


def save(directory):
    with open(os.path.join(directory, 'state.json'), 'w', encoding='utf-8') as file:
        json.dump({**state, 'trial': int(os.environ['CLADE_TRIAL'])}, file)
    padding = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    if padding > 0:
        with open(os.path.join(directory, 'padding'), 'wb') as file:
            file.write(bytes(padding))


def load(directory):
    found_hash = content_hash(directory)
    with open(os.path.join(directory, 'state.json'), encoding='utf-8') as file:
        found = json.load(file)
    others = found['trial'] != int(os.environ['CLADE_TRIAL'])
    if others and (found['trial'] * 7 + int(found['step']) * 3) % 10 < int((sys.argv + ['0', '0'])[2]):
        state['theta'] = -1000.0  # half of it has been replaced
        raise RuntimeError('this state is rotten')
    state.update(found)
    with open(os.path.join(os.environ['CLADE_DIR'], 'loads.txt'), 'a', encoding='utf-8') as file:
        print(state['trial'], state['step'], repr(state['theta']), found_hash, file=file)


with open(os.path.join(os.environ['CLADE_DIR'], 'pid'), 'w', encoding='utf-8') as own:
    own.write(str(os.getpid()))
with clade.start(defaults={'x': 0.5}, save=save, load=load) as run:
    run.resume()
    while state['step'] < int(sys.argv[1]) and not run.should_stop:
        time.sleep(float(sys.argv[4]) if len(sys.argv) > 4 else 0)
        state['theta'] += run.x
        state['step'] += 1
        run.report(state['step'], theta=state['theta'])
