"""What .ci/run prints last and leaves as status, whatever happens inside ./dev (a made-up one)."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap


def ci(directory, setup='true', tests='echo "2385 passed, 0 failed"', lint='echo "lint: 11 rules kept, 0 broken"',
       tsan='echo "0 passed, 0 failed"', valgrind='echo "0 passed, 0 failed"'):
    """(exit status, last line, everything) of .ci/run beside a dev whose commands are these."""
    root = pathlib.Path(directory, 'tree')
    (root / '.ci').mkdir(parents=True)
    shutil.copy(os.path.join(tap.ROOT, '.ci/run'), root / '.ci/run')
    (root / 'dev').write_text(f'#!/bin/bash\ncase "$*" in\nsetup*) {setup} ;;\ntest) {tests} ;;\n"test --tsan") {tsan} ;;\n'
                             f'"test --valgrind") {valgrind} ;;\nlint) {lint} ;;\nesac\n')
    (root / 'dev').chmod(0o755)
    result = subprocess.run(['bash', str(root / '.ci/run')], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=300)
    return result.returncode, result.stdout.splitlines()[-1], result.stdout


def test_all_well_is_status_0_and_the_count_last(directory):
    assert ci(directory)[:2] == (0, '2385 passed, 0 failed')


def test_skipped_cases_stand_before_the_last_line(directory):
    status, last, text = ci(directory, tests='echo "7 passed, 0 failed, 3 skipped"')
    assert (status, last) == (0, '7 passed, 0 failed') and '(3 skipped)' in text


def test_a_failed_test_fails_the_run(directory):
    assert ci(directory, tests='echo "7 passed, 1 failed"; exit 1')[:2] == (1, '7 passed, 1 failed')


def test_each_broken_rule_is_one_failure(directory):
    lint = 'echo "lint: floors FAILED (1 s)"; echo "lint: tidy FAILED (9 s)"; echo "lint: 9 rules kept, 2 broken"; exit 1'
    assert ci(directory, lint=lint)[:2] == (1, '2385 passed, 2 failed')


def test_a_lint_that_breaks_down_is_a_failure(directory):
    assert ci(directory, lint='echo "Segmentation fault"; exit 139')[:2] == (1, '2385 passed, 1 failed')


def test_a_failed_setup_passes_nothing(directory):
    assert ci(directory, setup='exit 1')[:2] == (1, '0 passed, 1 failed')


def test_a_run_without_a_count_passes_nothing(directory):
    assert ci(directory, tests='echo "ok"')[:2] == (1, '0 passed, 1 failed')


def test_a_status_that_contradicts_the_count_fails_the_run(directory):
    assert ci(directory, tests='echo "7 passed, 0 failed"; exit 1')[:2] == (1, '7 passed, 1 failed')


def test_the_samples_count_too(directory):
    status, last, text = ci(directory, tests='echo "7 passed, 0 failed"', tsan='echo "11 passed, 0 failed, 2 skipped"',
                            valgrind='echo "13 passed, 0 failed"')
    assert (status, last) == (0, '31 passed, 0 failed') and '(2 skipped)' in text


def test_a_race_or_a_leak_fails_the_run(directory):
    for n, way in enumerate(('tsan', 'valgrind')):
        where = os.path.join(directory, way)
        assert ci(where, **{way: 'echo "3 passed, 1 failed"; exit 1'})[:2] == (1, '2388 passed, 1 failed')
        assert ci(f'{where}-{n}', **{way: 'echo "no compiler"; exit 1'})[:2] == (1, '2385 passed, 1 failed')


tap.run(globals())
