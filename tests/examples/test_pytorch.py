"""Populations of the real PyTorch: a member that takes over another one's state has what that one had. test_pytorch.py CLADE"""
import json
import os
import pathlib
import subprocess
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


LOSS = """
import sys
sys.path.insert(0, sys.argv[1])
import torch, train
theta = (.3, -.1, 1, -.5, .2, .7, -.4, .25)
def gradient(theta, logits, labels, bound=10):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    value = train.taylor_loss(theta, z, torch.tensor(labels), bound)
    value.backward()
    return value.item(), z.grad.flatten().tolist()
value, slopes = gradient(theta, [[.2, 1.1, -.5]], [1])
assert abs(value - -0.4536127344891776) <= 1e-15, value
assert all(abs(a - b) <= 1e-10 for a, b in zip(slopes, (.0193312343, -.0272155769, .0078843426))), slopes
twice, halves = gradient(theta, [[.2, 1.1, -.5]] * 2, [1, 1])  # the mean example
assert abs(twice - value) <= 1e-15 and all(abs(a - b / 2) <= 1e-15 for a, b in zip(halves, slopes * 2)), halves
for n in range(2, 11):
    _, slopes = gradient(train.rescaled(theta, n), [[0.] * n], [0], 1000)
    assert abs(sum(map(abs, slopes)) / n - 2 * (n - 1) / n / n) <= 1e-12, (n, slopes)
assert train.rescaled((0, 0, .4, 0, 0, 0, 0, 0), 5) == (0, 0, .4, 0, 0, 0, 0, 0)  # flat: it pulls nowhere
assert gradient((0, 0, -500, 0, 0, 2000, 0, 0), [[0., 0.]], [0])[1] == [-5, 5]  # clipped
"""


def test_the_evolved_loss_is_that_of_the_c_library(directory):
    python = tap.python_with('torch')
    if python is None:
        raise tap.Skip('no Python here has PyTorch')
    subprocess.run([python, '-c', LOSS, str(EXAMPLE)], cwd=directory, check=True, timeout=300)


def test_a_population_evolves_its_loss(directory):
    """Two generations; each member trains with its own eight numbers."""
    python = tap.python_with('torch')
    if python is None:
        raise tap.Skip('no Python here has PyTorch')
    changes = {'program': json.dumps([python, str(EXAMPLE / 'train.py'), '--epochs', '2', '--loss', 'taylor']), 'schedule.population': 2,
               'schedule.interval': 1, 'schedule.generations': 2}
    words = [word for key, value in changes.items() for word in ('--set', f'{key}={value}')]
    result = clade(directory, 'run', EXAMPLE / 'pytorch-loss.yaml', '--parallel', '2', *words)
    assert '2 pruned' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'pytorch-loss')
    assert len(of_kind(log, 'exploited')) == 1, of_kind(log, 'exploited')
    first = [e['metrics'][0][2] for e in of_kind(log, 'reported') if e['step'] == 1]
    assert len(first) == 2 and len(set(first)) == 2, first


tap.run(globals())
