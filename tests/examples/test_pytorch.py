"""Populations of the real PyTorch: a member that takes over another one's state has what that one had. test_pytorch.py CLADE"""
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / 'cli')]
os.environ['CLADE_EXE'] = os.path.abspath(sys.argv[1])
os.environ['OMP_NUM_THREADS'] = '1'
import tap  # noqa: E402
from program import clade, events, of_kind  # noqa: E402

EXAMPLE = HERE.parent.parent / 'examples/pytorch'


def run(directory, script):
    """A study of four members, of which the lowest takes over from the highest after each of four epochs; its events."""
    python = tap.python_with('torch')
    if python is None:
        raise tap.Skip('no Python here has PyTorch')
    changes = {'program': json.dumps([python, str(HERE / 'pytorch_member.py'), script, '--epochs', '4']), 'schedule.sync': 'true',
               'schedule.population': 4, 'schedule.interval': 1, 'schedule.end': 4, 'schedule.quantile': 1}
    words = [word for key, value in changes.items() for word in ('--set', f'{key}={value}')]
    result = clade(directory, 'run', EXAMPLE / 'pytorch-pbt.yaml', '--parallel', '4', *words)
    assert '4 complete' in result.stdout, (result.stdout, result.stderr)
    return events(directory, 'pytorch-pbt')


def check_loads(directory, log):
    """What each member measured after loading is what the state's owner had reported for it; returns how many states were another's."""
    saved = {e['position']: e for e in of_kind(log, 'saved')}
    reported = {(e['trial'], e['attempt'], e['step']): {name: value for _, name, value in e['metrics']}['val_loss']
                for e in of_kind(log, 'reported')}
    others = 0
    for trial in range(1, 5):
        path = pathlib.Path(directory, f'clade.db.d/pytorch-pbt/{trial}/loads.txt')
        found = [tuple(map(float, line.split())) for line in (path.read_text().splitlines() if path.exists() else [])]
        wanted = [saved[e['snapshot']] for e in of_kind(log, 'loaded') if e['trial'] == trial]
        assert found == [(s['step'], reported[(s['trial'], s['attempt'], s['step'])]) for s in wanted], (trial, wanted, found)
        others += sum(s['trial'] != trial for s in wanted)
    return others


def test_members_have_the_score_of_the_state_that_they_take_over_from_a_directory(directory):
    log = run(directory, 'train')
    assert check_loads(directory, log) == len(of_kind(log, 'exploited')) == 3, of_kind(log, 'exploited')
    assert {e['way'] for e in of_kind(log, 'saved')} == {1}, of_kind(log, 'saved')


def test_members_have_the_score_of_the_state_that_they_take_over_through_memory(directory):
    log = run(directory, 'train_memory')
    assert check_loads(directory, log) == len(of_kind(log, 'exploited')) == 3, of_kind(log, 'exploited')
    assert {e['way'] for e in of_kind(log, 'saved')} == {2, 4} and len(of_kind(log, 'started')) == 4, 'a member was started again'


tap.run(globals())
