"""kill -9 of engines (their workers with them), of members and of twins at random instants, in ordered mode: a population ends with the
decisions of an undisturbed one, nobody ever loads a state other than the one that was ranked, by the hash of its contents, and
the disk keeps to its budget and one state.

clones.py CLADE CLIENT [KILLS [FORKED]]: studies with seeds of their own, one after the other, until so many kills have been spread
over them. CLADE_THOROUGH=1 makes it 200. With FORKED, a program that lets itself be forked, states are processes: known by what
they have computed, instead of hash and disk."""
import os
import random
import shutil
import signal
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, 'cli'))
os.environ.update(CLADE_EXE=os.path.abspath(sys.argv[1]), CLADE_CLIENT=os.path.abspath(sys.argv[2]))
import loads as by_score
import program
import tap
from program import attempt, events, of_kind

KILLS = 200 if os.environ.get('CLADE_THOROUGH') == '1' else int(sys.argv[3]) if len(sys.argv) > 3 else 200
MEMBER = os.path.join(TESTS, 'cli', 'member.py')
FORKED = os.path.abspath(sys.argv[4]) if len(sys.argv) > 4 else None
MEMBERS, STEPS, BUDGET, PADDING = 5, 16, 40, 8192
PROGRAM = [FORKED, str(STEPS), 'fork', '20'] if FORKED else [sys.executable, MEMBER, str(STEPS), '0', str(PADDING), '0.02']
SPEC = f"""
study: theta
program: {PROGRAM}
metric: {{name: theta, goal: maximize}}
hyperparameters:
  - name: &x
      range: [0.0, 1.0]
search: {{method: random}}
schedule: {{method: pbt, population: {MEMBERS}, interval: 2}}
parallel: 3
ordered: true
limits: {{retries: 100, max_failures: 0, reconnect: 60{'' if FORKED else f', disk: {BUDGET * (PADDING + 200) // 1024}K'}}}
"""


def start(directory, *words):
    return program.start(directory, *words, errors=open(os.path.join(directory, 'errors.txt'), 'a', encoding='utf-8'))


def begin(directory, seed):
    with open(os.path.join(directory, 'theta.yaml'), 'w', encoding='utf-8') as file:
        file.write(SPEC + f'seed: {seed}\n')
    return start(directory, 'run', 'theta.yaml')


def states(directory):
    """The states that are whole, on disk: their bytes."""
    study, sizes = os.path.join(directory, 'clade.db.d', 'theta'), []
    for trial in range(1, MEMBERS + 1):
        place = os.path.join(study, str(trial), 'checkpoints')
        for name in os.listdir(place) if os.path.isdir(place) else ():
            try:
                files = [os.stat(os.path.join(place, name, f)).st_size for f in os.listdir(os.path.join(place, name))]
            except OSError:
                continue  # it goes just now
            if not name.endswith('.new'):
                sizes.append(sum(files))
    return sizes


def kill_member(directory, chance):
    """One of this study's own, by what its process says that it is."""
    trials = list(range(1, MEMBERS + 1))
    chance.shuffle(trials)
    for trial in trials:
        try:
            with open(os.path.join(directory, 'clade.db.d', 'theta', str(trial), 'pid'), encoding='utf-8') as file:
                pid = int(file.read())
            with open(f'/proc/{pid}/environ', 'rb') as file:
                mine = f'CLADE_DIR={directory}/'.encode() in file.read()
            if mine:
                os.kill(pid, signal.SIGKILL)
                return True
        except (OSError, ValueError):
            continue
    return False


def kill_twin(directory, chance):
    """A frozen copy, by the note of its worker."""
    study, found = os.path.join(directory, 'clade.db.d', 'theta'), []
    for parent, _, names in os.walk(study):
        found += [os.path.join(parent, name) for name in names if name.startswith('twin-')]
    chance.shuffle(found)
    for path in found:
        try:
            with open(path, encoding='utf-8') as file:
                _, pid, start, _ = file.read().split()
            with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
                fields = file.read().rsplit(')', 1)[1].split()
            if fields[19] == start and fields[0] not in 'ZX':
                os.kill(int(pid), signal.SIGKILL)
                return True
        except (OSError, ValueError):
            continue
    return False


def disturb(directory, seed, most):
    """Run a study, with up to `most` kills; how many there were, and the most that was on disk."""
    chance, kills, peak, deadline = random.Random(seed), 0, 0, time.monotonic() + 600
    process = begin(directory, seed)
    while process.poll() is None:
        assert time.monotonic() < deadline, 'the study does not come to its end'
        for _ in range(chance.randrange(1, 12)):
            time.sleep(0.02)
            peak = max(peak, sum(states(directory)))
        if kills >= most:
            continue
        if FORKED and chance.random() < 0.4:
            kills += kill_twin(directory, chance)
        elif chance.random() < 0.5:
            kills += kill_member(directory, chance)
        elif os.path.isdir(os.path.join(directory, 'clade.db.d', 'theta', '1')):
            process.kill()
            process.wait()
            kills += 1
            process = start(directory, 'resume', 'theta')
    assert process.returncode == 0, f'an engine ended with {process.returncode} after {kills} kills'
    return kills, peak


def decisions(log):
    """What was decided about whom: no positions, which depend on timing."""
    owners = {e['position']: (e['trial'], e['step']) for e in of_kind(log, 'saved')}
    rulings = [e for e in log if e['event'] in ('exploited', 'continued', 'set') and e['why'] == 'exploit']
    said = [(e['trial'], e['args']['rung'], owners.get(e.get('snapshot')), str(e.get('values')) if e['event'] == 'exploited' else '',
             e['args'].get('own')) for e in rulings]
    return sorted(said, key=str)


def check_loads(directory, log):
    if FORKED:
        by_score.check_loads(directory, log, MEMBERS)
        return sum(not e.get('error') for e in of_kind(log, 'loaded'))
    return check_hashes(directory, log)


def check_hashes(directory, log):
    """Every load that was acknowledged is of the snapshot that was decided on, and its contents are those that were saved; and
    no load at all is of anything that was not saved and ranked at that step."""
    saved = {e['position']: e for e in of_kind(log, 'saved')}
    score = {(e['trial'], e['attempt'], e['step']): e['metrics'][0][2] for e in of_kind(log, 'reported')}
    known = {(e['trial'], e['hash']) for e in saved.values()}
    n = 0
    for trial in range(1, MEMBERS + 1):
        path = os.path.join(directory, 'clade.db.d', 'theta', str(trial), 'loads.txt')
        lines = open(path, encoding='utf-8').read().splitlines() if os.path.exists(path) else []
        loads = {(int(a), float(b), float(c), d) for a, b, c, d in (line.split() for line in lines)}
        for owner, _, _, found in loads:
            assert (owner, found) in known, (trial, owner, found)
        for e in of_kind(log, 'loaded'):
            if e['trial'] != trial or e.get('error'):
                continue
            s = saved[e['snapshot']]
            theta = score[(s['trial'], s['attempt'], s['step'])]
            assert (s['trial'], s['step'], theta, s['hash']) in loads, (trial, s, theta, loads)
            n += 1
    return n


def check_disk(log, peak):
    if FORKED:
        return 0
    sizes = {e['position']: e['bytes'] for e in of_kind(log, 'saved')}
    used, most, bound = 0, 0, BUDGET * (PADDING + 200) // 1024 * 1024
    for e in log:
        used += e['bytes'] if e['event'] == 'saved' else -sizes[e['snapshot']] if e['event'] == 'deleted' else 0
        most = max(most, used)
    assert max(most, peak) <= bound + max(sizes.values()), (most, peak, bound)
    return most


def none_is_left(directory):
    """No trainer and no twin of this study, by their environment, which a fork copies."""
    mine = f'CLADE_DIR={directory}/'.encode()
    for _ in range(1200):
        found = []
        for name in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{name}/environ', 'rb') as file:
                    found += [name] * (mine in file.read())
            except OSError:
                continue
        if not found:
            return True
        time.sleep(0.1)
    return False


def play(seed, most):
    directory = os.path.realpath(tempfile.mkdtemp(prefix='clade-clones-'))
    try:
        calm, wild = os.path.join(directory, 'calm'), os.path.join(directory, 'wild')
        os.makedirs(calm)
        os.makedirs(wild)
        disturb(calm, seed, 0)
        kills, peak = disturb(wild, seed, most)
        log = events(wild, 'theta')
        loads = check_loads(wild, log)
        disk = check_disk(log, peak)
        wanted, found = decisions(events(calm, 'theta')), decisions(log)
        assert wanted == found, [d for d in wanted + found if (d in wanted) != (d in found)]
        if FORKED:
            assert {e['way'] for e in of_kind(log, 'saved')} == {3}
            assert none_is_left(wild), 'a process is left'
        check = attempt(wild, 'check', 'theta')
        assert check.returncode == 0, check.stderr
        print(f'# seed {seed}: {kills} kills, {len(found)} decisions, {loads} loads, at most {disk} bytes of states', flush=True)
        return kills
    except Exception:
        print(f'# seed {seed}:', flush=True)
        tap.explain(directory)
        raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    done = seed = 0
    while done < KILLS:
        seed += 1
        assert seed <= KILLS, 'the studies end before anything is killed'
        done += play(seed, min(KILLS - done, 12))
    print(f'1..1\nok 1 - {done} kills change no decision, no state and no budget')


main()
