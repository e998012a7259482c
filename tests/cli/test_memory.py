"""Populations whose states are regions of memory, from the command line, with real processes: states go through the memory of
the engine, from engine to engine by copies, and survive kill -9 of engines and members. CLADE_EXE is the program, CLADE_CLIENT the
directory of clade.py, CLADE_TEST_KILLS how often it is killed."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from loads import check_loads, disk_peak
from program import attempt as clade, events, of_kind, start, trials, wait_until_begun

MEMBER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'memory_member.py')
SPEC = """
study: theta
program: ["{python}", "{member}", "{steps}"]
metric: {{name: theta, goal: maximize}}
hyperparameters:
  - name: &x
      range: [0.0, 1.0]
search: {{method: random}}
schedule: {{method: pbt, population: {n}, interval: 2, explore: perturb{more}}}
parallel: {parallel}
seed: 7
"""


def write_spec(directory, n, parallel, steps, more=''):
    with open(os.path.join(directory, 'theta.yaml'), 'w', encoding='utf-8') as file:
        file.write(SPEC.format(python=sys.executable, member=MEMBER, n=n, parallel=parallel, steps=steps, more=more))


def memory_of(directory):
    """Directories of buffers that the study's workers say they have."""
    study = os.path.join(directory, 'clade.db.d', 'theta')
    notes = [name for name in os.listdir(study) if name.endswith('.memory')]
    return [open(os.path.join(study, name), encoding='utf-8').read().strip() for name in notes]


def wait_for_memory(directory):
    """The first directories of buffers that a study has which begins just now."""
    wait_until_begun(directory, 'theta')
    for _ in range(600):
        if memory_of(directory):
            break
        time.sleep(0.1)
    return set(memory_of(directory))


def test_states_go_through_memory_in_the_same_process(directory):
    write_spec(directory, 6, 6, 12, ', sync: true')
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '6 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    assert len(of_kind(log, 'exploited')) >= 3
    assert len(of_kind(log, 'started')) == 6, 'a member was started again'
    saved = of_kind(log, 'saved')
    regions = [e for e in saved if e['way'] == 2]
    assert regions and {e['way'] for e in saved} <= {2, 4}, saved
    copies = {(e['trial'], e['path']) for e in saved if e['way'] == 4}
    gone = {e['snapshot'] for e in of_kind(log, 'deleted')}
    for e in regions:
        assert (e['trial'], e['path']) in copies or e['position'] in gone, e
    check_loads(directory, log, 6)
    assert memory_of(directory) == []


def test_slots_are_lent_through_memory_when_the_population_is_larger(directory):
    write_spec(directory, 7, 2, 8, ', end: 8')
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '7 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    assert len(of_kind(log, 'paused')) >= 7
    check_loads(directory, log, 7)


def test_two_engines_hand_over_states_by_copies(directory):
    write_spec(directory, 8, 3, 24)
    words = [['run', 'theta.yaml'], ['resume', 'theta', '--parallel', '3']]
    engines = []
    for command in words:
        engines.append(start(directory, *command))
        for _ in range(300):  # until it runs
            if os.path.exists(os.path.join(directory, 'clade.db.d', 'theta', '1', 'attempt-1')):
                break
            time.sleep(0.1)
    assert [engine.wait(timeout=90) for engine in engines] == [0, 0]
    log = events(directory, 'theta')
    saved = {e['position']: e for e in of_kind(log, 'saved')}
    assert [e for e in of_kind(log, 'loaded') if e['by'] != saved[e['snapshot']]['by']], 'nothing went across'
    check_loads(directory, log, 8)
    assert memory_of(directory) == []


def test_copies_stay_within_the_disk_budget_and_one_state(directory):
    """A state takes 8 KiB in memory, and as a copy little more than what is in it."""
    write_spec(directory, 6, 3, 24)
    with open(os.path.join(directory, 'theta.yaml'), 'a', encoding='utf-8') as file:
        file.write('limits: {disk: 28K}\n')
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '6 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    size = max(e['bytes'] for e in of_kind(log, 'saved') if e['way'] == 2)
    copies = {e['path'] for e in of_kind(log, 'saved') if e['way'] == 4}
    peak, paths, held = 0, {}, {}
    for e in log:  # copies, and what waits for one
        if e['event'] == 'saved' and e['way'] == 2:
            paths[e['trial'], e['path']] = e['position']
        if e['event'] == 'saved':
            held[e['position']] = e['bytes']
        if e['event'] == 'saved' and e['way'] == 4:
            held.pop(paths[e['trial'], e['path']], None)
        if e['event'] == 'deleted':
            held.pop(e['snapshot'], None)
        peak = max(peak, sum(held.values()))
    assert copies and disk_peak(log)[0] <= 28 * 1024, (disk_peak(log), copies)
    assert 2 * size <= peak <= 28 * 1024 + size, (peak, size)
    check_loads(directory, log, 6)
    assert memory_of(directory) == []


def test_a_deleted_study_leaves_no_memory(directory):
    write_spec(directory, 4, 4, 400)
    process = start(directory, 'run', 'theta.yaml')
    left = wait_for_memory(directory)
    for _ in range(2):  # the second one kills at once
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    process.wait(timeout=60)
    assert left and clade(directory, 'delete', 'theta', '--yes').returncode == 0
    assert not any(map(os.path.exists, left)), left


def kill_a_member(directory, round_):
    study = os.path.join(directory, 'clade.db.d', 'theta')
    for name in sorted(os.listdir(study))[round_ % 3:]:
        try:
            attempts = sorted(os.listdir(os.path.join(study, name)))
            last = [a for a in attempts if a.startswith('attempt-')][-1]
            with open(os.path.join(study, name, last, 'lock'), encoding='utf-8') as file:
                holder = file.read().splitlines()[1].split()
            with open('/proc/%s/stat' % holder[0], encoding='utf-8') as file:
                start = file.read().rsplit(')', 1)[1].split()[19]
            if start == holder[1]:
                os.kill(int(holder[0]), signal.SIGKILL)
                return
        except (OSError, IndexError):
            continue


def test_population_in_memory_goes_on_after_kill_9_of_engines_and_members(directory):
    rounds = int(os.environ.get('CLADE_TEST_KILLS', 8))
    write_spec(directory, 5, 3, 10 * rounds // 4)
    process = start(directory, 'run', 'theta.yaml')
    memory = wait_for_memory(directory)
    for round_ in range(rounds):
        time.sleep(0.3 + 0.037 * (round_ % 7))
        if round_ % 2 == 1:
            kill_a_member(directory, round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
        memory.update(memory_of(directory))
        process = start(directory, 'resume', 'theta')
    assert process.wait(timeout=90) == 0
    log = events(directory, 'theta')
    assert [row['state'] for row in trials(directory, 'theta')] == ['COMPLETE'] * 5
    check_loads(directory, log, 5)
    assert memory and not any(map(os.path.exists, memory)), memory
    assert clade(directory, 'check', 'theta').returncode == 0


if len(sys.argv) > 1:
    tap.run({name: globals()[name] for name in sys.argv[1:]})
tap.run(globals())
