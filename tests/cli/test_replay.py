"""Schedules out of populations, and their replay: the same values at the same steps, the same state in the end. CLADE_EXE is
the program, CLADE_CLIENT the directory of clade.py."""
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from program import attempt, clade, events, of_kind, start

MEMBER = pathlib.Path(__file__).resolve().parent / 'seeded.py'
SPEC = """
study: walk
program: ["{python}", "{member}", "{steps}"]
metric: {{name: theta, goal: maximize}}
step: lap
hyperparameters:
  - name: x
    range: [0.0, 1.0]
  - name: size
    ordered_tuning_values: [1, 2, 3]
    change: {change}
search: {{method: random}}
schedule: {{method: pbt, population: 5, interval: 2}}
parallel: 2
seed: 11
limits: {{retries: 9}}
"""
HAND = """
study: walk
trial: 1
seed: 4711
metric: theta
unit: lap
initial: {x: 0.25, size: 1}
changes:
  - {step: 2, set: {x: 0.5}, cause: human}
  - {step: 5, set: {size: 3}, cause: human}
  - {step: 5, set: {x: 0.125}, cause: exploit}
  - {step: 9, set: {x: 1.0, size: 2}, cause: exploit}
"""


def write_spec(directory, steps=12, change='live'):
    text = SPEC.format(python=sys.executable, member=MEMBER, steps=steps, change=change)
    (pathlib.Path(directory) / 'walk.yaml').write_text(text)


def final(directory, study, trial):
    return json.loads((pathlib.Path(directory) / f'clade.db.d/{study}/{trial}/final.json').read_text())


def schedule(directory, address):
    return json.loads(clade(directory, 'schedule', address, '--json').stdout)


def expected(steps):
    """What HAND should lead to, reckoned here."""
    import random
    generator = random.Random(4711)
    theta, seen = 0.0, []
    for step in range(steps):
        x = 0.25 if step < 2 else 0.5 if step < 5 else 0.125 if step < 9 else 1.0
        size = 1 if step < 5 else 3 if step < 9 else 2
        theta += x * generator.random() * size
        seen.append([x, size])
    return {'theta': theta, 'step': steps, 'seen': seen}


def test_replay_of_a_member_comes_to_its_very_state(directory):
    write_spec(directory)
    clade(directory, 'run', 'walk.yaml')
    found = max((schedule(directory, f'walk/{i}') for i in range(1, 6)), key=lambda s: len(s['changes']))
    assert found['unit'] == 'lap' and found['changes'], found
    trial = found['trial']
    winner = final(directory, 'walk', trial)
    values, seen = dict(found['initial']), []
    for step in range(12):
        for change in found['changes']:
            if change['step'] == step and step > 0:
                values.update(change['set'])
        seen.append([values['x'], values['size']])
    assert seen == winner['seen'], (found, winner)

    clade(directory, 'schedule', f'walk/{trial}', '--export', 's.yaml')
    result = json.loads(clade(directory, 'replay', 's.yaml', '--json').stdout)
    assert result['n'] == 1 and result['own'] == winner['theta'] == result['mean'], (result, winner)
    assert final(directory, 'walk-replay', 1) == winner
    again = schedule(directory, 'walk-replay/1')
    assert again['initial'] == found['initial'] and again['seed'] == found['seed']
    assert [{**c, 'cause': 0} for c in again['changes']] == [{**c, 'cause': 0} for c in found['changes']]
    trials = json.loads(clade(directory, 'list', 'trials', 'walk-replay', '--json', '--columns', 'trial,role').stdout)
    assert [t['role'] for t in trials] == ['replay']
    clade(directory, 'check', 'walk-replay')

    result = json.loads(clade(directory, 'replay', f'walk/{trial}', '--seeds', '4', '--seed', '3', '--json').stdout)
    assert result['n'] == 4 and result['fresh'] and result['interval'][0] < result['mean'] < result['interval'][1], result
    assert len({run['seed'] for run in result['runs']} | {found['seed']}) == 5
    for run in result['runs']:
        assert final(directory, 'walk-replay-2', run['trial'])['seen'] == winner['seen']
    check_best(directory, 'walk-replay-2', result)


def check_best(directory, study, result):
    """What a replay study says is best: its schedule; whose states are left: the newest of each run."""
    assert json.loads(clade(directory, 'best', study, '--json').stdout) == result
    text = clade(directory, 'best', study, '--checkpoint', 'winner').stdout
    assert 'the schedule gives' in text and 'the mean of 4 runs on fresh seeds' in text and 'checkpoint  winner: the state' in text, text
    highest = max(result['runs'], key=lambda run: run['value'])['trial']
    assert f' of trial {highest}, which' in text, (highest, text)
    written = attempt(directory, 'best', study, '--write', 'walk.yaml')
    assert written.returncode == 2 and 'there is nothing to write' in written.stderr, written
    log = events(directory, study)
    gone = {e['snapshot'] for e in of_kind(log, 'deleted')}
    left = [e for e in of_kind(log, 'saved') if e['position'] not in gone]
    assert gone and sorted(e['trial'] for e in left) == [run['trial'] for run in result['runs']], (left, gone)
    places = pathlib.Path(directory) / f'clade.db.d/{study}'
    assert sorted(str(p.relative_to(places)) for p in places.glob('*/checkpoints/*')) == sorted(e['path'] for e in left)
    clade(directory, 'check', study)
    refused = attempt(directory, 'schedule', study)
    assert refused.returncode == 3 and 'name one (%s/1), or see what they come to with `clade best %s`' % (study, study) in refused.stderr


def test_replay_follows_a_file_with_the_spec_beside_it(directory):
    write_spec(directory)
    (pathlib.Path(directory) / 'hand.yaml').write_text(HAND)
    result = json.loads(clade(directory, 'replay', 'hand.yaml', '--spec', 'walk.yaml', '--json').stdout)
    assert final(directory, 'walk-replay', 1) == expected(12), result
    assert result['own'] is None and result['runs'][0]['seed'] == 4711


def test_values_of_class_restart_come_with_a_new_process_from_the_same_state(directory):
    write_spec(directory, change='restart')
    (pathlib.Path(directory) / 'hand.yaml').write_text(HAND)
    clade(directory, 'replay', 'hand.yaml', '--spec', 'walk.yaml')
    assert final(directory, 'walk-replay', 1) == expected(12)
    pids = (pathlib.Path(directory) / 'clade.db.d/walk-replay/1/pids.txt').read_text().split()
    assert len(pids) == 3, pids  # a change of size at step 5, another at 9


def test_a_replay_without_a_score_has_failed(directory):
    write_spec(directory, steps='none')
    (pathlib.Path(directory) / 'hand.yaml').write_text(HAND)
    result = attempt(directory, 'replay', 'hand.yaml', '--spec', 'walk.yaml', '--name', 'nothing')
    assert result.returncode == 1 and 'came to no result' in result.stderr, (result.returncode, result.stderr)
    assert 'no run has come to a score' in result.stdout, result.stdout
    assert clade(directory, 'best', 'nothing', status=3).stdout == result.stdout


def test_killed_replay_comes_to_the_same(directory):
    write_spec(directory, 14, change='restart')
    (pathlib.Path(directory) / 'hand.yaml').write_text(HAND)
    words = ['replay', 'hand.yaml', '--spec', 'walk.yaml']
    pids = pathlib.Path(directory) / 'clade.db.d/walk-replay/1/pids.txt'
    for turn in range(7):
        process = start(directory, *words, PAUSE='0.06')
        end = time.monotonic() + 300
        while not pids.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2 + 0.09 * turn)
        if process.poll() is not None:
            break
        trainers = pids.read_text().splitlines(keepends=True) if pids.exists() else []
        if turn % 2 == 0 and trainers and trainers[-1].endswith('\n'):  # the trainer, not the engine
            try:
                os.kill(int(trainers[-1]), signal.SIGKILL)
            except ProcessLookupError:
                pass
            time.sleep(0.2)
        process.kill()
        process.wait()
        words = ['resume', 'walk-replay']
    if process.poll() is None or process.returncode != 0:
        clade(directory, 'resume', 'walk-replay')
    assert final(directory, 'walk-replay', 1) == expected(14)
    clade(directory, 'check', 'walk-replay')


def test_assessment_is_the_schedule_once_more_and_is_counted(directory):
    write_spec(directory)
    clade(directory, 'run', 'walk.yaml')
    best = json.loads(clade(directory, 'best', 'walk', '--json').stdout)
    first = json.loads(clade(directory, 'assess', 'walk', '--json').stdout)
    assert first['trial'] == 6 and first['of'] == best['trial'] and first['assessments'] == 1, first
    assert final(directory, 'walk', 6) == final(directory, 'walk', best['trial'])
    assert first['metrics']['test'] == first['metrics']['theta'] / 2
    assert json.loads(clade(directory, 'best', 'walk', '--json').stdout)['value'] == best['value']
    again = clade(directory, 'assess', 'walk')
    assert 'has been seen 1 time already' in again.stderr and 'test set seen 2 times' in again.stdout, again
    assert 'test set seen 2 times' in clade(directory, 'best', 'walk').stdout
    starts = [e for e in of_kind(events(directory, 'walk'), 'started') if e['trial'] > 5]
    assert len(starts) == 2, starts
    clade(directory, 'check', 'walk')


def test_member_that_was_stopped_at_the_end_is_a_result(directory):
    write_spec(directory, steps=40)
    spec = pathlib.Path(directory) / 'walk.yaml'
    spec.write_text(spec.read_text().replace('interval: 2}', 'interval: 2, stop: 6}'))
    clade(directory, 'run', 'walk.yaml')
    best = json.loads(clade(directory, 'best', 'walk', '--json').stdout)
    winner = json.loads(clade(directory, 'list', 'trials', f"walk/{best['trial']}", '--json').stdout)[0]
    assert winner['state'] == 'PRUNED' and best['repeats'] == 1, (best, winner)
    rows = json.loads(clade(directory, 'confirm', 'walk', '--top', '1', '--repeats', '3', '--json').stdout)
    assert rows[0]['trial'] == best['trial'] and rows[0]['n'] == 3 and rows[0]['failed'] == 0, rows
    assert json.loads(clade(directory, 'best', 'walk', '--json').stdout)['trial'] == best['trial']
    assessed = json.loads(clade(directory, 'assess', 'walk', '--json').stdout)
    log = [json.loads(line) for line in clade(directory, 'log', 'walk', '--all', '--json').stdout.splitlines()]
    for trial in list(range(6, 9)) + [assessed['trial']]:
        steps = [e['data']['step'] for e in log if e['event'] == 'reported' and e['trial'] == trial and not e.get('late')]
        assert steps == [1, 2, 3, 4, 5, 6], (trial, steps)
    found = schedule(directory, f"walk/{best['trial']}")
    assert found['end'] == 6, found
    clade(directory, 'schedule', 'walk', '--best', '--export', 's.yaml')
    assert 'end: 6\n' in (pathlib.Path(directory) / 's.yaml').read_text()
    again = json.loads(clade(directory, 'replay', 's.yaml', '--json').stdout)
    assert [run['value'] for run in again['runs']] == [best['value']], (again, best)
    clade(directory, 'check', 'walk')


def test_assessment_of_a_plain_search_trains_its_values(directory):
    write_spec(directory)
    text = (pathlib.Path(directory) / 'walk.yaml').read_text().replace('schedule: {method: pbt, population: 5, interval: 2}', 'trials: 3')
    (pathlib.Path(directory) / 'walk.yaml').write_text(text)
    clade(directory, 'run', 'walk.yaml')
    found = json.loads(clade(directory, 'assess', 'walk/2', '--json').stdout)
    assert found['of'] == 2 and final(directory, 'walk', found['trial']) == final(directory, 'walk', 2)


def test_program_that_cannot_be_told_is_stopped(directory):
    (pathlib.Path(directory) / 'train.sh').write_text('for i in 1 2 3 4; do echo "step=$i theta=$1"; sleep 0.3; done\n')
    (pathlib.Path(directory) / 'walk.yaml').write_text(
        'study: walk\nprogram: [sh, train.sh, "{x}"]\nmetric: {name: theta, goal: maximize}\ntrials: 2\n'
        'hyperparameters:\n  - name: x\n    range: [0.0, 1.0]\n')
    (pathlib.Path(directory) / 's.yaml').write_text('initial: {x: 0.5}\nchanges: [{step: 2, set: {x: 0.25}}]\n')
    done = clade(directory, 'replay', 's.yaml', '--spec', 'walk.yaml', status=1)
    assert 'cannot change while it trains' in done.stderr and 'no run has come to a score' in done.stdout, done


def test_schedules_that_do_not_fit_are_refused(directory):
    write_spec(directory)
    for text, words in (('initial: {x: 2.0}\n', 'the initial values'), ('initial: {y: 1}\n', "no hyperparameter 'y'"),
                        ('initial: {x: 0.5}\nchanges: [{step: 3, set: {size: 7}}]\n', 'the change at step 3'), ('x: 1\n', "no key 'x'")):
        (pathlib.Path(directory) / 's.yaml').write_text(text)
        done = clade(directory, 'replay', 's.yaml', '--spec', 'walk.yaml', status=2)
        assert words in done.stderr, done.stderr
    (pathlib.Path(directory) / 's.yaml').write_text(HAND)
    assert '--spec SPEC' in clade(directory, 'replay', 's.yaml', status=3).stderr
    clade(directory, 'replay', 'nothing', status=3)
    clade(directory, 'assess', 'nothing', status=3)


def test_confirm_trains_with_the_schedule_of_the_winner_on_fresh_seeds(directory):
    write_spec(directory)
    clade(directory, 'run', 'walk.yaml')
    found = max((schedule(directory, f'walk/{i}') for i in range(1, 6)), key=lambda s: len(s['changes']))
    member = final(directory, 'walk', found['trial'])
    rows = json.loads(clade(directory, 'confirm', f'walk/{found["trial"]}', '--repeats', '4', '--json').stdout)
    assert len(rows) == 1 and rows[0]['n'] == 4 and rows[0]['claimed'] == member['theta'], rows
    trials = json.loads(clade(directory, 'list', 'trials', 'walk', '--json', '--columns', 'trial,role,of,seed').stdout)
    runs = [t for t in trials if t['role'] == 'confirm']
    assert len(runs) == 4 and {t['of'] for t in runs} == {found['trial']} and len({t['seed'] for t in trials}) == 9, trials
    for run in runs:
        assert final(directory, 'walk', run['trial'])['seen'] == member['seen'], run
    mean = sum(final(directory, 'walk', run['trial'])['theta'] for run in runs) / 4
    assert abs(rows[0]['mean'] - mean) < 1e-12
    again = json.loads(clade(directory, 'confirm', f'walk/{found["trial"]}', '--repeats', '4', '--json').stdout)
    assert again == rows
    clade(directory, 'check', 'walk')


if len(sys.argv) > 1:
    tap.run({name: globals()[name] for name in sys.argv[1:]})
tap.run(globals())
