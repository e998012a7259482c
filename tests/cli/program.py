"""The program as tests call it, and what it says of a study. CLADE_EXE is the program; CLADE_CLIENT, where trainers need it, the
directory of clade.py."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from terminal import variables

CLADE = os.environ['CLADE_EXE']
CLIENT = {'PYTHONPATH': os.environ['CLADE_CLIENT']} if 'CLADE_CLIENT' in os.environ else {}


def attempt(directory, *words, **more):
    """Run it to its end, however that is; `more` are variables of its environment."""
    try:
        return subprocess.run([CLADE, *words], capture_output=True, text=True, cwd=directory, stdin=subprocess.DEVNULL, timeout=300,
                              env=variables(**CLIENT, **more), check=False)
    except subprocess.TimeoutExpired as late:  # also when it has ended, and others have its pipes: what it said tells
        raise AssertionError((words, late.stdout, late.stderr)) from None


def clade(directory, *words, status=0, **more):
    done = attempt(directory, *words, **more)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done


def start(directory, *words, output=subprocess.DEVNULL, errors=None, **more):
    """Run it meanwhile. What it says where nobody listens is kept in the directory."""
    if output == subprocess.DEVNULL and errors is None:
        with open(os.path.join(directory, f'{words[0]}.stderr'), 'a', encoding='utf-8') as kept:
            return start(directory, *words, errors=kept, **more)
    return subprocess.Popen([CLADE, *words], cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=errors or output, text=True,
                            env=variables(**CLIENT, **more))


def tail(path, most):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read().splitlines()[-most:]


def explain(directory):
    """What engines and trainers have complained of, and the last events of every study."""
    for place, _, files in os.walk(directory):
        for name in sorted(files):
            path = os.path.join(place, name)
            if (name.endswith('.stderr') or name in ('stderr', 'errors.txt')) and os.path.getsize(path) > 0:
                yield from [f'--- {os.path.relpath(path, directory)}', *tail(path, 20)]
            if name == 'clade.db':
                for study in json.loads(attempt(place, 'list', 'studies', '--json').stdout):
                    yield f'--- {os.path.relpath(path, directory)}: {study["study"]}'
                    yield from attempt(place, 'log', study['study'], '--last', '60').stdout.splitlines()


tap.explainers.append(explain)


def wait_until_begun(directory, study):
    """Until the study's directory is there: from then on it can be resumed."""
    for _ in range(3000):
        if os.path.isdir(os.path.join(directory, 'clade.db.d', study)):
            return
        time.sleep(0.1)
    raise AssertionError('the study has not begun')


def events(directory, study):
    """Every event as one flat dictionary: its fields, and `event`, `trial`, `args`."""
    lines = [json.loads(line) for line in clade(directory, 'log', study, '--all', '--json').stdout.splitlines()]
    return [{**line, **line.get('data', {}), 'args': json.loads(line.get('args', '{}'))} for line in lines]


def of_kind(log, name):
    return [e for e in log if e['event'] == name]


def trials(directory, study, *words):
    return json.loads(clade(directory, 'list', 'trials', study, '--all', '--json', *words).stdout)
