"""EPBT on digits with real processes: the public example, and an evolved loss with a teacher. Usage: test_epbt.py CLADE DIGITS"""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

CLADE, DIGITS = (pathlib.Path(path).resolve() for path in sys.argv[1:3])


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith('CLADE_')}


def clade(directory, *words):
    done = subprocess.run([str(CLADE), *words], cwd=directory, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def prepare(directory, spec, changes=()):
    """Write an example's spec, with texts of it replaced."""
    text = (DIGITS.parent / spec).read_text()
    for old, new in [('"./digits"', json.dumps(str(DIGITS))), *changes]:
        assert old in text, old
        text = text.replace(old, new)
    os.makedirs(directory, exist_ok=True)
    pathlib.Path(directory, spec).write_text(text)


def results(directory):
    """Trials and events of the latest study."""
    events = [json.loads(line) for line in clade(directory, 'log', '--all', '--json').splitlines()]
    for event in events:
        event['args'] = json.loads(event.get('args') or '{}')
    return json.loads(clade(directory, 'list', 'trials', '--json')), events


def run(directory, spec, changes=()):
    prepare(directory, spec, changes)
    clade(directory, 'run', spec)
    return results(directory)


def generations_of(events):
    """Rulings by generation: (trials that stayed, trials that got a descendant)."""
    all_of = {}
    for event in events:
        if event.get('why') == 'generation' and event['event'] != 'paused':
            stayed, descended = all_of.setdefault(event['args']['number'], ([], []))
            (descended if event['event'] == 'exploited' else stayed).append(event['trial'])
    return all_of


def test_the_public_example_runs_three_generations(directory):
    trials, events = run(directory, 'digits-epbt.yaml')
    assert len(trials) == 5 and {trial['state'] for trial in trials} == {'PRUNED'}, trials
    for trial in trials:
        values = trial['values']
        assert 1e-6 <= values['lr'] <= 1 and 1 <= values['batch_size'] <= 1024 and 0.1 <= values['gamma'] <= 0.99, values
    generations = generations_of(events)
    assert sorted(generations) == [1, 2], generations
    for stayed, descended in generations.values():
        assert len(stayed) == 2 and len(descended) == 3, generations
    first = {event['trial']: event for event in events if event['event'] == 'exploited' and event['args']['number'] == 1}
    assert all(event['args']['parents'][0] == event['args']['donor'] for event in first.values()), first


SMALL = [('population: 12, interval: 4, generations: 12, redraws: 20', 'population: 6, interval: 1, generations: 4'),
         ('"--epochs", "48"', '"--epochs", "4"')]


def test_losses_evolve_and_the_best_teaches(directory):
    trials, events = run(directory, 'digits-loss.yaml', SMALL)
    assert len(trials) == 6, trials
    infeasible = set()
    for event in events:  # what must not be trained is not started before it has other values
        if event['event'] == 'exploited':
            (infeasible.add if event['data'].get('infeasible') else infeasible.discard)(event['trial'])
        assert event['event'] != 'started' or event['trial'] not in infeasible, event
    assert sorted(generations_of(events)) == [1, 2, 3], events
    names = sorted(os.listdir(os.path.join(directory, 'clade.db.d/digits-loss/teachers')))
    assert {name.split('-')[0] for name in names} == {'1', '2', '3', '4'}, names


def kill_at(directory, position, *words):
    """Start clade, and kill -9 it when the log has come to that position (or it has ended before)."""
    with subprocess.Popen([str(CLADE), *words], cwd=directory, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as engine:
        for _ in range(3000):
            done = subprocess.run([str(CLADE), 'log', '--last', '1', '--json'], cwd=directory, env=environment(), capture_output=True,
                                  text=True, check=False)
            if engine.poll() is not None or (done.returncode == 0 and json.loads(done.stdout or '{}').get('position', 0) >= position):
                break
        engine.kill()


def summary(trials):
    return [(trial['trial'], trial['state'], trial['values'], trial['metrics'].get('val_accuracy')) for trial in trials]


def test_killed_engines_change_neither_descendants_nor_teachers(directory):
    whole, broken = os.path.join(directory, 'whole'), os.path.join(directory, 'broken')
    trials, events = run(whole, 'digits-loss.yaml', SMALL)
    prepare(broken, 'digits-loss.yaml', SMALL)
    kill_at(broken, len(events) // 3, 'run', 'digits-loss.yaml')
    kill_at(broken, 2 * len(events) // 3, 'resume', 'digits-loss')
    clade(broken, 'resume', 'digits-loss')
    again, more = results(broken)
    assert len(more) >= len(events) and summary(again) == summary(trials), (again, trials)


if __name__ == '__main__':
    tap.run(globals())
