"""The same as forked_member.c, in Python: forked_member.py STEPS [save | fork [MILLISECONDS]]"""
import os
import sys
import time

import clade

state = {'theta': 0.0, 'step': 0, 'trial': 0}


def save(directory):
    with open(os.path.join(directory, 'state'), 'w', encoding='utf-8') as file:
        file.write('%(theta)r %(step)d %(trial)d\n' % state)


def load(directory):
    with open(os.path.join(directory, 'state'), encoding='utf-8') as file:
        theta, step, trial = file.read().split()
    state.update(theta=float(theta), step=int(step), trial=int(trial))


def begin(run):
    with open(os.path.join(run.directory, 'pid'), 'w', encoding='utf-8') as file:
        file.write('%d\n' % os.getpid())
    if state['step'] > 0:
        with open(os.path.join(run.directory, 'loads.txt'), 'a', encoding='utf-8') as file:
            file.write('%(trial)d %(step)d %(theta)r\n' % state)


saves = sys.argv[2] == 'save'
with clade.start(defaults={'x': 0.5}, save=save if saves else None, load=load if saves else None) as run:
    if not saves:
        run.fork()
    run.resume()
    begin(run)
    own = run.trial, run.attempt
    while state['step'] < int(sys.argv[1]) and not run.should_stop:
        time.sleep(float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0)
        state.update(theta=state['theta'] + run.x, step=state['step'] + 1, trial=run.trial)
        before = dict(state)
        print('trial %d step %d' % (run.trial, state['step']))  # into a buffer that is copied by a fork
        run.report(state['step'], theta=state['theta'])
        if not run.should_stop and (own != (run.trial, run.attempt) or before != state):
            begin(run)
        own = run.trial, run.attempt
