"""Digits with little data and wrong labels: EPBT with an evolved loss, PBT of learning rate and momentum, and cross-entropy with
fixed values. Usage: epbt.py CLADE DIGITS DIGITS_TEST [--seeds A-B]

Every arm has as many members, updates and initial values of learning rate and momentum as the others, and is seeded alike; the
winner is chosen by validation accuracy, then measured once on the test part. A seed chooses the images, their wrong labels, the
initial weights and the initial values. Seeds 1-5 served to choose SETUP and the options of ARMS (five sets for EPBT, four for PBT);
results are of others.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import tempfile

SETUP = {'members': 12, 'epochs': 48, 'interval': 4, 'limit': 30, 'noise': 0.4, 'width': 8, 'batch': 16}

PLAIN = """
  - {name: lr, range: [0.001, 0.1], scale: log, tuned_value: 0.01}
  - {name: momentum, range: [0.0, 0.98], tuned_value: 0.9}
"""
# Around the squared error, which is what the tuned values are.
SPREAD = 1.0
LOSS = ''.join(f'  - {{name: loss_{i}, range: [{at - SPREAD:.3f}, {at + SPREAD:.3f}], type: float, tuned_value: {at:.1f}}}\n'
               for i, at in enumerate([0, 0, 0, -2, 0, 2, 0, 0]))
INVARIANT = 'constraints: ["taylor_loss(loss_0, loss_1, loss_2, loss_3, loss_4, loss_5, loss_6, loss_7, 10)"]\n'
DISTIL = '  - {name: distil, range: [0.0, 0.9], tuned_value: 0.3}\n'

GENERATIONS = f'interval: {SETUP["interval"]}, generations: {SETUP["epochs"] // SETUP["interval"]}'
EPBT = f'{{method: epbt, redraws: 20, {GENERATIONS}}}'
ARMS = {  # hyperparameters, further lines of the spec, loss, schedule
    'fixed': (PLAIN, '', 'likelihood', f'{{method: epbt, elites: {SETUP["members"]}, {GENERATIONS}}}'),  # nobody is replaced
    'PBT': (PLAIN, '', 'likelihood', f'{{method: pbt, quantile: 0.34, sync: true, interval: {SETUP["interval"]}, stop: {SETUP["epochs"]}}}'),
    'EPBT, likelihood': (PLAIN, '', 'likelihood', EPBT),
    'EPBT': (PLAIN + LOSS, INVARIANT, 'taylor', EPBT),
    'EPBT, distil': (PLAIN + LOSS + DISTIL, INVARIANT, 'taylor', EPBT),
}
PAIRS = [('EPBT', 'PBT'), ('PBT', 'fixed'), ('EPBT', 'fixed'), ('EPBT', 'EPBT, likelihood'), ('EPBT, distil', 'EPBT'),
         ('EPBT, distil', 'PBT')]

SPEC = """study: s
program: [{digits}, --epochs, "{epochs}", --limit, "{limit}", --label_noise, "{noise}", --data_seed, "{seed}", --width, "{width}",
  --batch_size, "{batch}", --dropout, "0", --loss, {loss}]
metric: {{name: val_accuracy, goal: maximize}}
hyperparameters:{hyperparameters}{more}search: {{method: random}}
schedule: {schedule}
trials: {members}
parallel: {slots}
seed: {seed}
"""

# Two-sided 95 % points of Student's t for 1, 2, ... degrees of freedom.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
       2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045]


def t95(df):
    """Beyond the table by the first terms of the expansion about the normal distribution's point (error below 0.001)."""
    z = 1.959964
    return T95[df - 1] if df <= len(T95) else z + (z ** 3 + z) / (4 * df) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df * df)


def tested(options, state, seed):
    """Test accuracy of a saved state."""
    done = subprocess.run([options.digits_test, pathlib.Path(options.digits).parent / 'digits.csv.gz', str(SETUP['width']),
                           str(SETUP['limit']), str(seed), state], capture_output=True, text=True, check=True)
    return float(done.stdout)


def run_arm(options, arm, seed):
    """The winner's accuracies: validation, test; and how many members were infeasible at some time."""
    hyperparameters, more, loss, schedule = ARMS[arm]
    env = {key: value for key, value in os.environ.items() if not key.startswith('CLADE_')}
    with tempfile.TemporaryDirectory(prefix='clade-bench-') as directory:
        def clade(*words):
            return subprocess.run([options.clade, *words], cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=True).stdout
        spec = SPEC.format(digits=options.digits, hyperparameters=hyperparameters, more=more, loss=loss, schedule=schedule, seed=seed,
                           slots=options.slots, **SETUP)
        pathlib.Path(directory, 's.yaml').write_text(spec, encoding='utf-8')
        clade('run', '--quiet', 's.yaml')
        trials = [t for t in json.loads(clade('list', 'trials', 's', '--json')) if t['state'] in ('PRUNED', 'COMPLETE')]
        events = [json.loads(line) for line in clade('log', 's', '--all', '--json').splitlines()]
        best = max(trials, key=lambda t: (t['metrics']['val_accuracy'], -t['trial']))
        text = clade('best', 's', '--checkpoint', 'winner')
        assert f's/{best["trial"]} ' in text and f'the state at step {SETUP["epochs"]},' in text, text
        infeasible = sum(bool(e['data'].get('infeasible')) for e in events if e['event'] == 'exploited')
        return best['metrics']['val_accuracy'], tested(options, pathlib.Path(directory, 'winner'), seed), infeasible


def interval(differences):
    n = len(differences)
    mean = sum(differences) / n
    sd = math.sqrt(sum((x - mean) ** 2 for x in differences) / (n - 1))
    half = t95(n - 1) * sd / math.sqrt(n)
    return mean, mean - half, mean + half


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('clade')
    parser.add_argument('digits')
    parser.add_argument('digits_test')
    parser.add_argument('--seeds', default='6-20')
    parser.add_argument('--slots', default='2')
    parser.add_argument('--arms', default=','.join(ARMS).replace(', ', '; '))
    options = parser.parse_args()
    for name in ('clade', 'digits', 'digits_test'):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    first, last = (int(word) for word in options.seeds.split('-'))
    arms = [arm.replace('; ', ', ') for arm in options.arms.split(',')]
    results = {arm: [] for arm in arms}
    for seed in range(first, last + 1):
        for arm in arms:
            results[arm].append(run_arm(options, arm, seed))
        print(f'seed {seed:3}', *(f'{arm} {results[arm][-1][1]:.3f}' for arm in arms), sep='  ', flush=True)
    print(f'\n{last - first + 1} seeds: test accuracy of the winner by validation, mean [least, largest]; in brackets validation')
    for arm, rows in results.items():
        test = [row[1] for row in rows]
        print(f'  {arm:18} {sum(test) / len(test):.3f} [{min(test):.3f}, {max(test):.3f}]  ({sum(row[0] for row in rows) / len(rows):.3f})'
              f'  infeasible descendants {sum(row[2] for row in rows) / len(rows):.1f}')
    print('difference of test accuracies, paired by seed: mean and 95 % interval (t)')
    for a, b in PAIRS:
        if a in results and b in results and len(results[a]) > 1:
            mean, low, high = interval([x[1] - y[1] for x, y in zip(results[a], results[b])])
            print(f'  {a} - {b}: {mean:+.3f} [{low:+.3f}, {high:+.3f}]')


if __name__ == '__main__':
    main()
