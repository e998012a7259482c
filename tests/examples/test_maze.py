"""The maze: stages alone, in a search, in repeats. Usage: test_maze.py CLADE MAZE"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

CLADE, MAZE = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
EXAMPLE = pathlib.Path(tap.ROOT) / 'examples/maze'
PYTHON = [sys.executable, str(EXAMPLE / 'maze.py')]
REPORT = r'  \d\.\d{3} hrs +[\d,]+ iters      \d\.\d{5} rew      \d\.\d{5} win( {4}SAVED)?'


def run(directory, *words, status=0):
    env = {key: value for key, value in os.environ.items() if not key.startswith('CLADE_')}
    env['PYTHONPATH'] = str(pathlib.Path(tap.ROOT) / 'clients/python')
    done = subprocess.run([str(word) for word in words], cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def check_console(out):
    lines = out.splitlines()
    assert lines[:7] == ['Chosen hyperparameter values:', '  lr: 0.3', '  disc: 0.9', '  eps: 0.1', '    ',
                         'Processing stage 1 of 2', 'Learn:  Started'], lines
    reports = [line for line in lines if re.fullmatch(REPORT, line)]
    assert len(reports) == 20, lines
    assert re.search(r'^Objective that would be maximized .* \(hpmax\):  0\.09\d{3}$', out, re.MULTILINE), out
    return reports


def test_both_mazes_are_learned(directory):
    for program in ([MAZE], PYTHON):
        check_console(run(directory, *program, '--lr=0.3', '--iters=8000'))


def test_the_best_state_is_saved(directory):
    reports = check_console(run(directory, MAZE, '--lr=0.3', '--iters=8000', '--best'))
    assert 'SAVED' in reports[0] and sum('SAVED' in line for line in reports) >= 3, reports
    assert sorted(os.listdir(os.path.join(directory, 'best'))) == ['clade-stages', 'maze']


def search(directory, program, *options):
    shutil.copy(EXAMPLE / 'maze.yaml', directory)
    run(directory, CLADE, 'run', *options, 'maze.yaml', '--', *program)
    trials = json.loads(run(directory, CLADE, 'list', 'trials', '--json'))
    consoles = [path.read_text(encoding='utf-8') for path in pathlib.Path(directory).glob('clade.db.d/*/*/attempt-1/stdout')]
    return trials, consoles


def test_a_search_maximizes_hpmax_and_knows_what_to_plot(directory):
    for program in ([MAZE, '--iters=4000'], [*PYTHON, '--iters=1000']):
        trials, consoles = search(directory, program, '--trials', '4', '--again')
        assert len(trials) == 4 and all(t['state'] == 'COMPLETE' for t in trials), trials
        assert list(trials[0]['metrics']) == ['hpmax', 's1-hrs', 's1-rew', 's1-win', 's2-hrs', 's2-rew', 's2-win'], trials[0]
        assert all('Objective being maximized by hyperparameter tuning (hpmax):  ' in text for text in consoles), consoles
        log = run(directory, CLADE, 'log', '--all')
        assert len(re.findall(r'trial \d +.*plotted_metric.*s2-rew', log)) == 4, log


def test_repeats_of_the_tuned_values_are_no_search(directory):
    text = (EXAMPLE / 'maze.yaml').read_text(encoding='utf-8')
    spec = pathlib.Path(directory) / 'repeats.yaml'
    spec.write_text(text.replace('hp_tuning: random', 'hp_tuning: false').replace('total_runs: 40', 'total_runs: 3'), encoding='utf-8')
    run(directory, CLADE, 'run', 'repeats.yaml', '--', MAZE, '--iters=4000')
    consoles = [path.read_text(encoding='utf-8') for path in pathlib.Path(directory).glob('clade.db.d/*/*/attempt-1/stdout')]
    assert len(consoles) == 3 and all('Objective that would be maximized' in text for text in consoles), consoles


if __name__ == '__main__':
    tap.run(dict(globals()))
