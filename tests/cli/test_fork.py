"""Populations that are cloned by fork, from the command line, with real processes: they decide what the same trainers with files
decide, in the same order of events, and leave no process behind. CLADE_EXE is the program, MEMBER the trainer in C, CLADE_CLIENT the
directory of clade.py."""
import contextlib
import glob
import os
import random
import re
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import program
import tap
from loads import check_loads
from program import clade, events, of_kind, start

MEMBER = os.environ['MEMBER']
PYTHON = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'forked_member.py')]
# Runs the file named by its first argument, with so many bytes in memory that it never uses again.
BALLAST = 'import runpy, sys; ballast = bytearray([1]) * %s; sys.argv.pop(0); runpy.run_path(sys.argv[0])'
SPEC = """
study: theta
program: ["{member}", "{steps}", "{way}", "{pause}"]
metric: {{name: theta, goal: maximize}}
hyperparameters:
  - name: &x
      range: [0.0, 1.0]
search: {{method: random}}
schedule: {{method: pbt, population: {n}, interval: 2, explore: perturb}}
parallel: {parallel}
ordered: true
seed: {seed}
"""


def write_spec(directory, way, member=None, n=6, parallel=6, steps=12, seed=7, pause=0):
    member = '", "'.join(member or [MEMBER])
    with open(os.path.join(directory, 'theta.yaml'), 'w', encoding='utf-8') as file:
        file.write(SPEC.format(member=member, way=way, n=n, parallel=parallel, steps=steps, seed=seed, pause=pause))


def decisions(log):
    """What was decided about whom: no positions, which depend on timing. (Who has no process is not continued, but set.)"""
    owners = {e['position']: (e['trial'], e['step']) for e in of_kind(log, 'saved')}
    rulings = [e for e in log if e['event'] in ('exploited', 'continued', 'set') and e['why'] == 'exploit']
    return sorted(((e['trial'], e['args']['rung'], owners.get(e.get('snapshot')), str(e.get('values')) if e['event'] == 'exploited' else '',
                    e['args'].get('own')) for e in rulings), key=str)


def place(directory, trial, *names):
    return os.path.join(directory, 'clade.db.d', 'theta', str(trial), *names)


def processes(directory):
    """Of trainers and twins of this study: by their environment, which a fork copies."""
    mine, found = f'CLADE_DIR={os.path.realpath(directory)}/'.encode(), []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/environ', 'rb') as file:
                if mine in file.read():
                    found.append(int(name))
        except OSError:
            continue
    return found


def eventually(what, *arguments):
    """What it comes to, within two minutes."""
    end = time.monotonic() + 120
    while not (found := what(*arguments)):
        assert time.monotonic() < end, (what.__name__, arguments)
        time.sleep(0.1)
    return found


def nobody_is_there(directory):
    return not processes(directory)


def none_is_left(directory):
    return eventually(nobody_is_there, directory)


def outputs(directory, n):
    """All lines that the trial's attempts have printed, in order."""
    lines = []
    for trial in range(1, n + 1):
        attempts = sorted((a for a in os.listdir(place(directory, trial)) if a.startswith('attempt-')), key=lambda a: int(a[8:]))
        for attempt in attempts:
            with open(place(directory, trial, attempt, 'stdout'), encoding='utf-8') as file:
                lines += file.read().splitlines()
    return lines


def play(directory, way, n, parallel, **more):
    own = os.path.join(directory, way)
    os.makedirs(own)
    write_spec(own, way, n=n, parallel=parallel, **more)
    assert f'{n} complete' in clade(own, 'run', 'theta.yaml').stdout
    return own, events(own, 'theta')


def compare_with_files(directory, n, parallel, **more):
    forked, log = play(directory, 'fork', n, parallel, **more)
    filed, other = play(directory, 'save', n, parallel, **more)
    assert decisions(log) == decisions(other) and len(of_kind(log, 'exploited')) >= 2
    assert {e['way'] for e in of_kind(log, 'saved')} == {3}
    assert not [e for e in log if e['event'] in ('voided', 'lost')]
    assert all(e.get('status', 0) in (0, 75, 76) and e.get('known') for e in of_kind(log, 'ended')), of_kind(log, 'ended')
    check_loads(forked, log, n)
    assert sorted(outputs(forked, n)) == sorted(outputs(filed, n)), 'a line was printed twice, or got lost'
    assert none_is_left(forked)
    for e in of_kind(log, 'exploited') if parallel >= n else []:  # the clone is the next attempt, after the end of the one before
        after = [f['event'] for f in log if f['position'] > e['position'] and f.get('trial') == e['trial']]
        assert after.index('ended') < after.index('started') < after.index('connected') < after.index('loaded'), after


def test_a_forked_population_decides_what_one_with_files_does(directory):
    compare_with_files(directory, 6, 6)


def test_what_frozen_processes_may_hold_is_said(directory):
    ballast = str(32 << 20)
    forked, log = play(directory, 'fork', 5, 2, steps=4, member=[sys.executable, '-c', BALLAST % ballast, PYTHON[1]])
    sizes = [e['bytes'] for e in of_kind(log, 'saved')]
    assert min(sizes) > 32 << 20, sizes
    said = clade(forked, 'run', 'theta.yaml', '--dry-run', '--set', 'limits.memory=2G').stdout
    wanted = r"keep about two saved states each: up to (\d+), .*Each is a frozen process: in memory they hold up to ([\d.]+) MiB together, by the " \
        r"([\d.]+) MiB that one held in 'theta', .*; `limits: memory` allows each 2 GiB$"
    most, together, one = map(float, re.search(wanted, said, re.MULTILINE).groups())
    assert abs(one * most / together - 1) < 0.01 and abs(one * (1 << 20) / sizes[0] - 1) < 0.01 and 'On disk' not in said, said


def test_a_member_that_lends_its_slot_goes_on_from_its_twin(directory):
    compare_with_files(directory, 7, 2, steps=8)


def test_a_forked_population_in_python_does_so_too(directory):
    compare_with_files(directory, 5, 5, member=PYTHON, steps=8)


@contextlib.contextmanager
def on_server(directory):
    """Every call has its studies on a private PostgreSQL server."""
    if not glob.glob('/usr/lib/postgresql/*/bin/initdb') and not shutil.which('initdb'):
        raise tap.Skip('PostgreSQL is not installed')
    os.chmod(directory, 0o755)  # the server is another user's where this one is root
    server = os.path.join(directory, 'server')
    program.CLIENT['CLADE_STORE'] = clade(directory, 'store', 'start', server, '-q').stdout.strip()
    try:
        yield
    finally:
        del program.CLIENT['CLADE_STORE']
        clade(directory, 'store', 'stop', server)


def test_a_forked_population_on_postgresql_decides_the_same(directory):
    with on_server(directory):
        served = os.path.join(directory, 'served')
        os.makedirs(served)
        os.symlink('clade.d', os.path.join(served, 'clade.db.d'))
        write_spec(served, 'fork', n=6, parallel=6)
        assert '6 complete' in clade(served, 'run', 'theta.yaml').stdout
        log = events(served, 'theta')
        assert clade(served, 'check', 'theta').returncode == 0
    _, other = play(directory, 'save', 6, 6)
    assert decisions(log) == decisions(other) and len(of_kind(log, 'exploited')) >= 2
    assert {e['way'] for e in of_kind(log, 'saved')} == {3}
    check_loads(served, log, 6)
    assert none_is_left(served)


def found_in_log(directory, kind, n=1, trial=None):
    """The events of that kind, when there are so many; the study may not have begun yet."""
    if not os.path.isdir(place(directory, 1)):
        return None
    found = [e for e in of_kind(events(directory, 'theta'), kind) if trial in (None, e['trial'])]
    return found if len(found) >= n else None


def interrupt_and_resume(directory, way):
    """Some members have taken over others when they are interrupted, all of them in the middle of their training."""
    hold = os.path.join(directory, 'hold')
    write_spec(directory, way, n=5, parallel=5, steps=12)
    with open(hold, 'w', encoding='utf-8'):
        process = start(directory, 'run', 'theta.yaml', HOLD=hold, HOLD_STEP='8')
    eventually(found_in_log, directory, 'exploited', 2)
    process.send_signal(signal.SIGINT)
    eventually(found_in_log, directory, 'preempting', 1)
    os.unlink(hold)
    process.wait(timeout=300)
    assert none_is_left(directory)
    result = clade(directory, 'resume', 'theta')
    return events(directory, 'theta'), result.stdout + result.stderr


def test_states_that_are_gone_with_their_processes_are_made_again(directory):
    _, log = play(directory, 'fork', 5, 5, steps=12)
    wild = os.path.join(directory, 'wild')
    os.makedirs(wild)
    found, _ = interrupt_and_resume(wild, 'fork')
    assert decisions(found) == decisions(log)
    assert not [e for e in found if e['event'] == 'voided' or (e['event'] == 'deleted' and e['why'] == 'missing')]
    check_loads(wild, found, 5)


def test_states_are_made_again_on_postgresql_too(directory):
    _, log = play(directory, 'fork', 5, 5, steps=12)
    with on_server(directory):
        wild = os.path.join(directory, 'wild')
        os.makedirs(wild)
        os.symlink('clade.d', os.path.join(wild, 'clade.db.d'))
        found, _ = interrupt_and_resume(wild, 'fork')
    assert decisions(found) == decisions(log)
    assert not [e for e in found if e['event'] == 'voided' or (e['event'] == 'deleted' and e['why'] == 'missing')]
    check_loads(wild, found, 5)


def pid_of(directory, trial):
    def read():
        try:
            with open(place(directory, trial, 'pid'), encoding='utf-8') as file:
                return int(file.read())
        except (OSError, ValueError):
            return None
    return eventually(read)


def wait_for(directory, kind, trial):
    return eventually(found_in_log, directory, kind, 1, trial)


def test_a_member_that_dies_within_its_question_is_answered_before_it_goes_on(directory):
    hold = os.path.join(directory, 'hold')
    write_spec(directory, 'fork', n=2, parallel=2, steps=6)
    with open(os.path.join(directory, 'theta.yaml'), 'a', encoding='utf-8') as file:
        file.write('limits: {retries: 9}\n')
    with open(hold, 'w', encoding='utf-8'):  # the second one waits for the first, in ordered mode
        process = start(directory, 'run', 'theta.yaml', HOLD=hold, HOLD_STEP='1', HOLD_TRIAL='1')
    wait_for(directory, 'saved', 2)
    os.kill(pid_of(directory, 2), signal.SIGKILL)
    wait_for(directory, 'ended', 2)
    os.unlink(hold)
    assert process.wait(timeout=300) == 0
    log = [e for e in events(directory, 'theta') if e.get('trial') == 2]
    after = log[[e['event'] for e in log].index('ended') + 1:]
    ruling = next(e for e in after if e.get('why') == 'exploit')
    assert (ruling['args']['rung'], ruling['args']['step']) == (1, 2) and after.index(ruling) == 0, after[:4]
    check_loads(directory, events(directory, 'theta'), 2)


def test_what_scores_something_else_is_not_the_state_that_was_ranked(directory):
    log, said = interrupt_and_resume(directory, 'dice')
    assert 'scored something else' in said and '5 complete' in said, said
    assert [e for e in log if e['event'] == 'deleted' and e['why'] == 'missing']
    check_loads(directory, log, 5)


def children():
    """Of this process: engines."""
    with open(f'/proc/self/task/{os.getpid()}/children', encoding='ascii') as file:
        return [int(pid) for pid in file.read().split()]


@contextlib.contextmanager
def halts(directory, rng):
    """Meanwhile trainers, twins and engines stand still at instants by chance, as on a machine that is too busy for them."""
    over = threading.Event()

    def halt():
        while not over.is_set():
            halted = []
            for pid in rng.sample(found := processes(directory) + children(), min(len(found), 3)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
                    halted.append(pid)
            time.sleep(rng.choice((0.002, 0.01, 0.03, 0.08)))
            for pid in halted:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            time.sleep(rng.choice((0, 0.005, 0.02)))

    thread = threading.Thread(target=halt)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_who_stands_still_at_any_instant_hinders_nobody_for_long(directory):
    rng = random.Random(2385)
    for i in range(int(os.environ.get('CLADE_THOROUGH', 0)) * 95 + 5):
        own = os.path.join(directory, str(i))
        os.makedirs(own)
        with halts(own, rng):
            log, _ = interrupt_and_resume(own, rng.choice(('dice', 'dice', 'fork')))
        check_loads(own, log, 5)


def test_processes_end_when_the_study_is_interrupted(directory):
    write_spec(directory, 'fork', steps=400, pause=20)
    process = start(directory, 'run', 'theta.yaml')
    eventually(lambda: len(processes(directory)) > 7)  # some twins are there
    process.send_signal(signal.SIGINT)
    process.wait(timeout=300)
    assert none_is_left(directory)


tap.run(globals())
