"""Populations whose members are ready by time or by a metric: real processes of different speed, kill -9, replay. CLADE_EXE is
the program, CLADE_CLIENT the directory of clade.py."""
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from program import attempt as clade, events, of_kind, start

# Trials with an even number are eight times as fast. What cannot save says so in its call.
MEMBER = '''
import json, os, sys, time
import clade
state = {'theta': 0.0, 'step': 0, 'seen': 0}
pause = 0.005 if int(os.environ['CLADE_TRIAL']) % 2 == 0 else 0.04

def save(directory):
    with open(os.path.join(directory, 'state.json'), 'w') as file:
        json.dump(state, file)

def load(directory):
    with open(os.path.join(directory, 'state.json')) as file:
        state.update(json.load(file))

calls = {} if sys.argv[2] == 'unsaved' else {'save': save, 'load': load}
with clade.start(defaults={'x': 0.5}, **calls) as run:
    run.resume()
    while state['step'] < int(sys.argv[1]) and not run.should_stop:
        time.sleep(pause)
        state['theta'] += run.x
        state['step'] += 1
        state['seen'] += 100 + 50 * (state['step'] % 3)
        run.report(state['step'], theta=state['theta'], seen=state['seen'])
'''
SPEC = '''
study: theta
program: ["{python}", member.py, "{steps}", "{saved}"]
metric: {{name: theta, goal: maximize}}
hyperparameters:
  - name: x
    range: [0.0, 1.0]
schedule: {{method: {method}, population: {n}, ready: {ready}, quantile: 0.4{more}}}
parallel: {parallel}
seed: 7
{rest}
'''


def write(directory, ready, *, n=4, parallel=4, steps=60, method='pbt', more='', saved='saved', rest=''):
    here = pathlib.Path(directory)
    text = SPEC.format(python=sys.executable, steps=steps, saved=saved, method=method, n=n, ready=ready, more=more,
                       parallel=parallel, rest=rest)
    (here / 'theta.yaml').write_text(text if method == 'pbt' else text.replace(', quantile: 0.4', ''))
    (here / 'member.py').write_text(MEMBER)


def run(directory, *words):
    done = clade(directory, *words)
    assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
    return done


def check(directory, n):
    """Every ruling, and every answer to a report that was not judged, is the same when it is recomputed; the log is in order."""
    rulings = []
    for trial in range(1, n + 1):
        found = json.loads(run(directory, 'show', f'theta/{trial}', '--verify', '--json').stdout)
        assert all(r['verified'] for r in found['rulings']), [r['difference'] for r in found['rulings']]
        rulings += found['rulings']
    run(directory, 'check', 'theta')
    return rulings


def judged(log):
    return [e for e in log if e['event'] in ('continued', 'exploited') and 'ready' in e['args']]


def not_ready(log):
    return [e for e in log if e['event'] == 'continued' and e['args'].get('which') == 'ready']


def first_answers(log):
    """Positions of the answers to the first report of each process: its clock is read some time after its hello."""
    found, reports = set(), {}
    for e in log:
        if e['event'] in ('connected', 'reported'):
            reports[e['trial']] = 0 if e['event'] == 'connected' else reports.get(e['trial'], 0) + 1
        elif e['event'] == 'continued' and reports.get(e['trial']) == 1:
            found.add(e['position'])
    return found


def test_members_are_judged_by_the_time_that_they_have_trained(directory):
    """A step of the slow ones takes 40 ms or more, so each of their reports is judged; the fast ones take 5 ms."""
    write(directory, '{every: 30ms}', steps=80)
    run(directory, 'run', 'theta.yaml')
    log = events(directory, 'theta')
    rulings, others = judged(log), not_ready(log)
    assert {e['trial'] % 2 for e in rulings} == {0, 1} and of_kind(log, 'exploited'), rulings
    assert all(e['args']['ready']['value'] >= 0.03 and e['args']['ready']['bound'] == 0.03 for e in rulings), rulings
    slow = [e for e in others if e['trial'] % 2 and e['position'] not in first_answers(log)]
    assert any(e['trial'] % 2 == 0 for e in others) and not slow, [(e['trial'], e['args']) for e in slow]
    assert all(e['args']['value'] < 0.03 and e['args']['bound'] == 0.03 for e in others), others
    seconds = [e['seconds'] for e in of_kind(log, 'clock')]
    assert seconds == sorted(seconds)
    # The state that was ranked was asked for when it was needed, and no other.
    asked = of_kind(log, 'checkpoint asked')
    saved = {(e['trial'], e['step']) for e in of_kind(log, 'saved')}
    assert len(asked) >= len(of_kind(log, 'exploited')) and len(saved) <= len(asked), (len(asked), len(saved))
    answers = [r for r in check(directory, 4) if r['answer']]
    assert len(answers) == len(others) + len(asked), (len(answers), len(others), len(asked))
    assert any(r['what'] == 'saves its state' for r in answers)
    assert any(r['explanation'].startswith('it is not ready to be judged: it has come to ') for r in answers), answers
    text = run(directory, 'show', f"theta/{rulings[-1]['trial']}", '--verify').stdout
    assert 'ready: it had trained for ' in text and 'is judged every 0.03 s' in text, text
    assert ' answered without a judgement: not ready, or its state was wanted first; verified\n' in text, text


def test_metric_that_grows_decides_alike_however_many_slots_there_are(directory):
    exploits = []
    for parallel in (4, 2):
        place = pathlib.Path(directory) / str(parallel)
        place.mkdir()
        write(place, '{metric: seen, every: 1000}', parallel=parallel, rest='ordered: true', steps=40)
        run(place, 'run', 'theta.yaml')
        log = events(place, 'theta')
        assert not of_kind(log, 'clock')
        assert all(e['args']['ready']['value'] >= 1000 for e in judged(log))
        # 100, 200, 150, … are 150 in the mean: a member is judged about every seven steps
        steps = [e['args']['step'] for e in judged(log) if e['trial'] == 2]
        assert steps and steps[0] == 7, steps
        exploits.append(sorted((e['trial'], e['args']['rung'], e['values']['1']) for e in of_kind(log, 'exploited')))
        check(place, 4)
    assert exploits[0] and exploits[0] == exploits[1], exploits


def test_schedule_of_a_member_has_the_steps_at_which_it_was_ready(directory):
    write(directory, '{metric: seen, every: 1000}', more=', sync: true', steps=40)
    run(directory, 'run', 'theta.yaml')
    log = events(directory, 'theta')
    saved = {e['position']: e['step'] for e in of_kind(log, 'saved')}
    ready = {saved[e['snapshot']] for e in of_kind(log, 'exploited')}
    for trial in range(1, 5):
        found = json.loads(run(directory, 'schedule', f'theta/{trial}', '--json').stdout)
        assert {c['step'] for c in found['changes']} <= ready, (found, ready)
    best = json.loads(run(directory, 'best', 'theta', '--json').stdout)
    again = json.loads(run(directory, 'replay', 'theta', '--json').stdout)
    assert [r['value'] for r in again['runs']] == [best['value']], (again, best)


def test_decisions_by_time_are_recomputed_after_kill_9(directory):
    write(directory, '{every: 100ms}', steps=120)
    process = start(directory, 'run', 'theta.yaml')
    for _ in range(600):  # until somebody has been judged
        log = clade(directory, 'log', 'theta', '--all')
        if process.poll() is not None or 'because of exploit' in log.stdout:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run(directory, 'resume', 'theta')
    log = events(directory, 'theta')
    seconds = [e['seconds'] for e in of_kind(log, 'clock')]
    assert seconds == sorted(seconds) and len(of_kind(log, 'worker')) >= 2
    assert all(e['args']['ready']['value'] >= 0.1 for e in judged(log))
    assert len(check(directory, 4)) >= 3


def test_generations_by_metric_stop_where_they_were_planned(directory):
    write(directory, '{metric: seen, every: 500}', n=4, parallel=2, method='epbt', more=', generations: 3', steps=1000)
    run(directory, 'run', 'theta.yaml')
    found = json.loads(run(directory, 'list', 'trials', 'theta', '--json').stdout)
    assert [t['state'] for t in found] == ['PRUNED'] * 4, found
    log = events(directory, 'theta')
    assert [e['args'] for e in of_kind(log, 'stopped')] == [{'rule': 'stop', 'value': 3, 'bound': 3}] * 4
    check(directory, 4)
    rows = json.loads(run(directory, 'confirm', 'theta', '--top', '1', '--repeats', '2', '--json').stdout)
    assert rows[0]['n'] == 2, rows


def test_members_that_save_no_state_are_judged_without(directory):
    write(directory, '{metric: seen, every: 1000}', saved='unsaved', steps=30)
    run(directory, 'run', 'theta.yaml')
    log = events(directory, 'theta')
    assert judged(log) and not of_kind(log, 'saved') and not of_kind(log, 'checkpoint asked') and not of_kind(log, 'exploited')


def test_specs_that_say_it_wrong_are_told_how_to_say_it(directory):
    cases = [('{every: 30}', 'a time with its unit, like 30s'), ('{metric: seen}', 'with one of every, factor, patience'),
             ('{metric: seen, every: 30s}', 'by which the metric'), ('{metric: seen, factor: 1}', 'always reached'),
             ('{metric: seen, patience: 3}', 'goal: maximize'), ('{every: 30s}, interval: 2', 'give one of the two'),
             ('{metrics: seen, every: 3}', 'did you mean metric?')]
    for ready, wanted in cases:
        write(directory, ready)
        done = clade(directory, 'run', 'theta.yaml')
        assert done.returncode == 2 and wanted in done.stderr, (ready, done.stderr)
    write(directory, '{every: 30s}', rest='ordered: true')
    assert 'ordered mode must not' in clade(directory, 'run', 'theta.yaml').stderr
    write(directory, '{every: 30s}', method='ipbt')
    assert 'ready does not go with method ipbt' in clade(directory, 'run', 'theta.yaml').stderr


if len(sys.argv) > 1:
    tap.run({name: globals()[name] for name in sys.argv[1:]})
tap.run(globals())
