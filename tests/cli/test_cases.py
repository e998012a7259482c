#!/usr/bin/env python3
"""The command line against pairs of input and output. Usage: test_cases.py DIRECTORY-OF-CLADE FILL

Each file of cases/ holds blocks: a line `$ COMMAND` (for the shell, in a directory with a store of told studies), the lines
of stdout after `| `, those of stderr after `! `, and `= STATUS`. A carriage return is written as `␍`. With
CLADE_GOLDEN_WRITE=1 the files are written anew from what the commands say.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import tap

CLADE, FILL = (pathlib.Path(p).resolve() for p in sys.argv[1:3])


def environment(directory, **more):
    kept = {k: v for k, v in os.environ.items() if k.startswith(('ASAN', 'UBSAN', 'LSAN'))}
    return {**kept, 'PATH': f'{CLADE}:{os.environ["PATH"]}', 'TZ': 'UTC', 'LANG': 'C.UTF-8', 'TERM': 'xterm-256color',
            'HOME': str(directory), 'FILL': str(FILL), **more}


def fill(directory):
    """A store of the told studies; made once, then copied."""
    subprocess.run([FILL, pathlib.Path(directory) / 'clade.db', 'repeats', 'pbt', 'hostile', 'empty', 'many:120', 'maze', 'mnist'], check=True)


def run(command, directory, **more):
    done = subprocess.run(['bash', '-c', command], cwd=directory, env=environment(directory, **more), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300)
    return done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace'), done.returncode


def marked(text, mark):
    """Lines with a mark before each; a last line without its end is marked too."""
    lines = text.replace('\r', '␍').split('\n')
    if lines[-1] == '':
        lines.pop()
    else:
        lines[-1] += '␄'
    return [f'{mark} {line}'.rstrip(' ') if not line else f'{mark} {line}' for line in lines]


def blocks(path):
    """[(comment lines, command, expected lines)…] of a file of cases."""
    comments, found = [], []
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.startswith('$ '):
            found.append((comments, line[2:], []))
            comments = []
        elif line.startswith(('|', '!', '=')):
            found[-1][2].append(line)
        else:
            comments.append(line)
    return found


def check(path, directory):
    fill(directory)
    wrong, written = [], []
    for comments, command, expected in blocks(path):
        out, err, status = run(command, directory)
        got = marked(out, '|') + marked(err, '!') + [f'= {status}']
        written += comments + [f'$ {command}'] + got
        if got != expected:
            wrong.append('\n'.join([f'$ {command}', 'expected:', *expected, 'but got:', *got]))
    if os.environ.get('CLADE_GOLDEN_WRITE'):
        path.write_text('\n'.join(written) + '\n', encoding='utf-8')
    elif wrong:
        raise AssertionError('\n\n'.join(wrong))


def make_test(path):
    return lambda directory: check(path, directory)


for case in sorted((HERE / 'cases').glob('*.txt')):
    globals()[f'test_{case.stem}_says_what_is_written_down'] = make_test(case)


def described():
    out, _, _ = run('clade __describe', '/')
    return json.loads(out)


def test_every_command_has_help_with_options_and_examples(directory):
    for command in described()['commands']:
        name = command['name']
        out, err, status = run(f'clade {name} --help', directory)
        assert (err, status) == ('', 0), name
        assert out.startswith(f'Usage: clade {name}'), name
        for option in command['options']:
            assert f"--{option['long']}" in out, (name, option['long'])
        assert command['examples'], f'{name} has no example'
        for example in command['examples']:
            assert example['command'] in out, (name, example['command'])
        assert max(len(line) for line in out.splitlines()) <= 110, name
        assert run(f'clade help {name}', directory)[0] == out, name


def test_every_command_refuses_an_unknown_option_with_status_2(directory):
    for command in described()['commands']:
        out, err, status = run(f"clade {command['name']} --frobnicate", directory)
        assert (out, status) == ('', 2), (command['name'], out, status)
        assert err.startswith('clade: '), err


def test_examples_of_reading_commands_parse(directory):
    fill(directory)
    for command in described()['commands']:
        if command['name'] not in ('list', 'show', 'best', 'eval', 'export'):
            continue
        for example in command['examples']:
            if '--write' in example['command']:
                continue  # of a file that is not there
            _, err, status = run(example['command'], directory)
            assert status in (0, 1), (example['command'], err)


def test_json_of_every_table_is_json(directory):
    fill(directory)
    for command in ('list', 'list mnist', 'list studies we*', 'show mnist', 'show mnist/5', 'show mnist/1-3', 'show mnist/1 --why',
                    'best repeats', 'eval repeats', 'confirm repeats --dry-run', 'export mnist --format json', 'export pbt --reports --format json',
                    'list "we/ird \'na\\"me 漢"', 'show "we/ird \'na\\"me 漢/1"'):
        out, err, status = run(f'clade --json {command}', directory)
        assert status == 0, (command, err)
        json.loads(out)
    out, _, _ = run('clade log pbt --json', directory)
    events = [json.loads(line) for line in out.splitlines()]
    assert [event['position'] for event in events] == list(range(1, len(events) + 1))


def test_trials_as_json_have_the_keys_of_the_contract(directory):
    fill(directory)
    trials = json.loads(run('clade list trials many --json', directory)[0])
    assert len(trials) == 120
    assert list(trials[0]) == ['trial', 'state', 'values', 'metrics', 'parent', 'attempts', 'started', 'ended']
    assert len(json.loads(run('clade list runs many --json --last 7', directory)[0])) == 7
    best = json.loads(run('clade best repeats --json', directory)[0])
    assert list(best) == ['trial', 'values', 'value', 'estimate', 'repeats', 'interval', 'confirmed']


def test_csv_is_read_back_by_another_reader(directory):
    import csv
    fill(directory)
    out, _, status = run('clade export "we/ird \'na\\"me 漢" -o out.csv', directory)
    assert (out, status) == ('', 0)
    with open(pathlib.Path(directory) / 'out.csv', newline='', encoding='utf-8') as file:
        rows = list(csv.reader(file))
    assert rows[0][:5] == ['trial', 'state', 'role', "na'me", 'hparams.trial'], rows[0]
    assert [row[3] for row in rows[1:]] == ['two\nlines', '\x1b[31mred', 'quote"comma,', 'café 漢字', '\u202etxt']
    assert len({len(row) for row in rows}) == 1


def test_full_disk_is_an_error(directory):
    fill(directory)
    _, err, status = run('clade list mnist > /dev/full', directory)
    assert status == 1 and 'not complete' in err, (err, status)


def test_store_is_taken_from_option_then_environment_then_directory(directory):
    fill(directory)
    empty = pathlib.Path(directory) / 'elsewhere'
    empty.mkdir()
    assert run('clade list mnist', empty)[2] == 3
    assert run('clade list mnist', empty, CLADE_STORE='../clade.db')[2] == 0
    assert run('clade list mnist --store ../clade.db', empty, CLADE_STORE='nowhere.db')[2] == 0
    assert run('clade --store=../clade.db list mnist', empty)[2] == 0


def test_log_follows_what_another_process_appends(directory):
    fill(directory)
    follower = subprocess.Popen(['clade', 'log', 'many', '--follow', '--last', '1', '--json'], cwd=directory,
                                env=environment(directory), stdout=subprocess.PIPE, executable=CLADE / 'clade')
    try:
        first = json.loads(follower.stdout.readline())
        subprocess.run([FILL, pathlib.Path(directory) / 'clade.db', 'more'], check=True)
        second = json.loads(follower.stdout.readline())
        assert second['position'] == first['position'] + 1, (first, second)
    finally:
        follower.terminate()
        assert follower.wait(60) == -15


def eventually(what, *arguments):
    """Wait for something that must come, at most two minutes."""
    end = time.monotonic() + 120
    while not what(*arguments):
        assert time.monotonic() < end, arguments
        time.sleep(0.05)


def test_study_that_runs_is_not_deleted_and_one_whose_engine_was_killed_is(directory):
    os.mkfifo(pathlib.Path(directory) / 'gate')
    (pathlib.Path(directory) / 'spec.yaml').write_text(
        'study: s\nprogram: ["sh", "-c", "cat gate; echo loss=0.385", "{x}"]\nmetric: {name: loss, goal: minimize}\n'
        'hyperparameters:\n  - name: &x\n      range: [-2.0, 2.0]\ntrials: 9\nparallel: 1\n')
    engine = subprocess.Popen([CLADE / 'clade', 'run', 'spec.yaml'], cwd=directory, env=environment(directory),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    eventually(lambda: 'RUNNING' in run('clade list s --json', directory)[0])
    _, err, status = run('clade delete --yes s', directory)
    assert status == 1 and 's runs: worker 1 works on it' in err, err
    engine.kill()
    engine.wait()
    _, err, status = run('clade delete --yes s', directory)
    assert status == 1 and 'trial 1 of s still trains as process' in err, err
    (pathlib.Path(directory) / 'gate').write_text('open')
    eventually(lambda: run('clade delete --yes s', directory)[2] == 0)
    assert run('clade list s', directory)[2] == 3
    assert not (pathlib.Path(directory) / 'clade.db.d' / 's').exists()


tap.run(globals())
