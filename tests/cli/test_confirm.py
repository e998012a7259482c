"""Winners run again on fresh seeds, and their values written into a spec. CLADE_EXE is the program."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
import program
from program import clade

# Noise from the seed; a file `slow` holds each run until there is a file `go`, a file `broken` makes it fail.
TRAINER = r'''
[ -e broken ] && { echo "no such disk" >&2; exit 3; }
while [ -e slow ] && [ ! -e go ] && [ -d . ] && kill -0 $PPID 2>/dev/null; do sleep 0.05; done
echo "loss=$1.$((CLADE_SEED % 900 + 100))"
'''
SPEC = '''# what is tried
study: bowl
program: [sh, train.sh, "{x}"]
metric: {name: loss, goal: minimize}
hyperparameters:
  - name: x          # small is good
    ordered_tuning_values: [1, 2, 3, 4]
    tuned_value: 4   # from the paper
trials: 8
parallel: 2
seed: 3
'''


def search(directory):
    here = pathlib.Path(directory)
    (here / 'train.sh').write_text(TRAINER)
    (here / 'spec.yaml').write_text(SPEC)
    clade(directory, 'run', 'spec.yaml')
    return here


def confirmed(directory, *words):
    return json.loads(clade(directory, 'confirm', 'bowl', '--json', *words).stdout)


def trials(directory, role):
    return [t for t in program.trials(directory, 'bowl', '--columns', 'trial,role,state,of,seed') if t['role'] == role]


def test_each_winner_gets_its_runs_on_seeds_of_their_own(directory):
    search(directory)
    rows = confirmed(directory, '--top', '2', '--repeats', '5')
    assert [row['n'] for row in rows] == [5, 5], rows
    for row in rows:
        assert row['interval'][0] < row['mean'] < row['interval'][1], row
        assert abs(row['luck'] - (row['mean'] - row['claimed'])) < 1e-9, row  # small is good, so luck made it small
        assert row['failed'] == row['pending'] == 0
    runs = trials(directory, 'confirm')
    assert len(runs) == 10 and {t['of'] for t in runs} == {row['trial'] for row in rows}
    seeds = [t['seed'] for t in runs + trials(directory, 'search')]
    assert len(set(seeds)) == len(seeds)
    assert len(trials(directory, 'search')) == 8
    best = json.loads(clade(directory, 'best', 'bowl', '--json').stdout)
    shown = [row for row in rows if row['trial'] == best['trial']]
    if shown:
        assert best['confirmed'] == {key: shown[0][key] for key in ('n', 'mean', 'sd', 'interval')}
    clade(directory, 'check', 'bowl')


def test_confirming_again_adds_only_what_is_missing(directory):
    search(directory)
    first = confirmed(directory, '--top', '1', '--repeats', '3')
    assert confirmed(directory, '--top', '1', '--repeats', '3') == first
    more = confirmed(directory, '--top', '1', '--repeats', '4')
    assert (more[0]['n'], more[0]['trial']) == (4, first[0]['trial'])
    assert len(trials(directory, 'confirm')) == 4
    total = confirmed(directory, '--top', '3', '--repeats', '50', '--total', '12')
    assert sum(row['n'] for row in total) == 12 and min(row['n'] for row in total) >= 3, total


def eventually(what):
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def start(directory, *words):
    return program.start(directory, 'confirm', 'bowl', '--top', '2', '--repeats', '3', *words, output=subprocess.PIPE)


def test_killed_command_goes_on_where_it_stopped(directory):
    here = search(directory)
    (here / 'slow').touch()
    process = start(directory)
    eventually(lambda: any(t['state'] == 'RUNNING' for t in trials(directory, 'confirm')))
    process.kill()
    process.communicate()
    (here / 'go').touch()
    rows = confirmed(directory, '--top', '2', '--repeats', '3')
    assert [row['n'] for row in rows] == [3, 3], rows
    assert all(t['state'] == 'COMPLETE' for t in trials(directory, 'confirm'))


def test_interrupted_command_says_how_to_go_on(directory):
    here = search(directory)
    (here / 'slow').touch()
    process = start(directory, '--grace', '0.1')
    eventually(lambda: any(t['state'] == 'RUNNING' for t in trials(directory, 'confirm')))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and 'the same command goes on' in err, (process.returncode, err)
    (here / 'go').touch()
    assert [row['n'] for row in confirmed(directory, '--top', '2', '--repeats', '3')] == [3, 3]


def test_runs_that_all_fail_end_it_with_status_1(directory):
    here = search(directory)
    (here / 'broken').touch()
    done = clade(directory, 'confirm', 'bowl', '--repeats', '20', '-p', '1', status=1)
    assert 'no such disk' in done.stderr, done.stderr
    assert len(trials(directory, 'confirm')) == 5
    (here / 'broken').unlink()
    rows = confirmed(directory, '--top', '1', '--repeats', '6')
    assert rows[0]['n'] + rows[0]['failed'] == 6, rows  # what failed is not tried again


def test_search_that_is_not_finished_is_left_alone(directory):
    here = search(directory)
    clade(directory, 'update', 'bowl', '--trials', '12')
    before = json.loads(clade(directory, 'list', 'trials', 'bowl', '--json').stdout)
    confirmed(directory, '--top', '1', '--repeats', '2')
    assert len(trials(directory, 'search')) == len(before)
    clade(directory, 'resume', 'bowl')
    assert len(trials(directory, 'search')) == 12
    assert len(trials(directory, 'confirm')) == 2
    assert (here / 'clade.db').exists()


def test_dry_run_runs_nothing(directory):
    search(directory)
    shown = clade(directory, 'confirm', 'bowl', '--dry-run')
    assert 'Nothing has been run on fresh seeds yet.' in shown.stdout
    assert trials(directory, 'confirm') == []


def test_tuned_values_are_written_and_nothing_else(directory):
    here = search(directory)
    done = clade(directory, 'best', 'bowl', '--write', 'spec.yaml')
    assert '1 tuned value of trial' in done.stderr, done.stderr
    old, new = SPEC.splitlines(), (here / 'spec.yaml').read_text().splitlines()
    changed = [(a, b) for a, b in zip(old, new) if a != b]
    assert len(old) == len(new) and len(changed) == 1, changed
    assert re.fullmatch(r'    tuned_value: [123]   # from the paper', changed[0][1]), changed
    assert 'nothing was written' in clade(directory, 'best', 'bowl', '--write', 'spec.yaml').stderr


def test_values_without_a_place_are_refused_and_the_file_stays(directory):
    here = search(directory)
    other = SPEC.replace('name: x ', 'name: y ').replace('{x}', '{y}')
    short = SPEC.split('hyperparameters')[0] + 'hyperparameters: {x: [1, 2, 3, 4]}\ntrials: 8\n'
    for text, sentence in ((other, 'no hyperparameter x'), (short, 'short form'), ('a: [', 'spec.yaml:')):
        (here / 'spec.yaml').write_text(text)
        assert sentence in clade(directory, 'best', 'bowl', '--write', 'spec.yaml', status=2).stderr, sentence
        assert (here / 'spec.yaml').read_text() == text
    clade(directory, 'best', 'bowl', '--write', 'nowhere.yaml', status=3)


tap.run(globals())
