"""TAP for test programs written in Python: `tap.run(globals())` runs every function whose name starts with test_."""
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


explainers = []  # of a directory in which a test has failed: lines for people


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def need(*programs):
    """Skip the calling test where a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f'{program} is not installed')


def raises(kind, function, *words):
    """The exception of that kind that the function raises, whose text has all these words."""
    try:
        function()
    except kind as reason:
        for word in words:
            assert word in str(reason), reason
        return reason
    raise AssertionError('nothing was raised')


def python_with(*modules):
    """A Python that has one of these modules, the first where possible: this one or else that of the system; None: there is none."""
    for module in modules:
        for python in (sys.executable, '/usr/bin/python3'):
            found = shutil.which(python) and subprocess.run([python, '-c', f'import {module}; {module}.zeros'], capture_output=True, check=False)
            if found and found.returncode == 0:
                return python
    return None


def explain(directory):
    """What is left behind says why, most of the time; nothing that goes wrong here hides the failure itself."""
    for explainer in explainers:
        try:
            for line in explainer(directory):
                print('# ' + line)
        except Exception as reason:
            print(f'# no more can be said: {reason}')


def run_one(number, name, function):
    """Run a test in its own directory; returns its TAP line."""
    title = name.removeprefix('test_')
    with tempfile.TemporaryDirectory(prefix='clade-test-') as directory:
        try:
            function(directory)
        except Skip as reason:
            return f'ok {number} - {title} # SKIP {reason}'
        except Exception:
            for line in traceback.format_exc().splitlines():
                print('# ' + line)
            explain(directory)
            return f'not ok {number} - {title}'
    return f'ok {number} - {title}'


def run(names):
    tests = [(name, function) for name, function in names.items() if name.startswith('test_') and callable(function)]
    print(f'1..{len(tests)}')
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        line = run_one(number, name, function)
        failed += line.startswith('not ok')
        print(line, flush=True)
    sys.exit(1 if failed else 0)
