"""Populations from the command line, with real processes: members lend each other slots, take over each other's states, and
survive kill -9. CLADE_EXE is the program, CLADE_CLIENT the directory of clade.py."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from loads import check_loads, disk_peak
from program import CLADE, CLIENT, attempt as clade, events, of_kind, start, trials, wait_until_begun
from terminal import Terminal

MEMBER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'member.py')
SPEC = """
study: theta
program: ["{python}", "{member}", "{steps}", "{rotten}", "{padding}", "{pause}"]
metric: {{name: theta, goal: maximize}}
hyperparameters:
  - name: &x
      range: [0.0, 1.0]
search: {{method: random}}
schedule: {{method: pbt, population: {n}, interval: 2, explore: perturb{more}}}
parallel: {parallel}
seed: 7
"""


def write_spec(directory, n, parallel, steps, more='', rotten=0, rest='', padding=0, pause=0):
    with open(os.path.join(directory, 'theta.yaml'), 'w', encoding='utf-8') as file:
        file.write(SPEC.format(python=sys.executable, member=MEMBER, n=n, parallel=parallel, steps=steps, more=more,
                               rotten=rotten, padding=padding, pause=pause) + rest)


def check_again(directory, n):
    """Every ruling, recomputed from the log, is the same."""
    rulings = []
    for trial in range(1, n + 1):
        result = clade(directory, 'show', f'theta/{trial}', '--verify', '--json')
        found = json.loads(result.stdout)
        assert all(r['verified'] for r in found['rulings']), [r['difference'] for r in found['rulings']]
        assert result.returncode == 0, (result.stdout, result.stderr)
        rulings += found['rulings']
    return rulings


def test_low_members_take_over_states_and_values(directory):
    write_spec(directory, 6, 3, 12)
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '6 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    exploits = of_kind(log, 'exploited')
    assert len(exploits) >= 3, len(exploits)
    for e in exploits:
        args = e['args']
        assert args['rule'] == 'truncation' and args['score'] > args['own'] and 0 <= e['values']['1'] <= 1, e
    check_loads(directory, log, 6)
    rulings = check_again(directory, 6)
    assert len([r for r in rulings if r['what'].startswith('takes over')]) == len(exploits)
    e = exploits[0]
    text = clade(directory, 'show', f"theta/{e['trial']}", '--why', '--verify').stdout
    assert f"takes over snapshot {e['snapshot']}: x=" in text and f"trial {e['args']['donor']} had {e['args']['score']:.17g}"[:20] in text, text
    assert re.search(r'truncation: rank \d of \d in the table of rung \d; it had [\d.]+ at step \d', text), text
    assert re.search(r'\n  x was multiplied by (1\.2|0\.8)\n  verified\n', text), text
    text = clade(directory, 'log', 'theta', '--all').stdout
    assert re.search(r'takes over snapshot \d+, because of exploit \(truncation: rank \d of \d, at step', text), text


def test_slots_are_lent_when_the_population_is_larger(directory):
    write_spec(directory, 7, 2, 8, ', end: 8')
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '7 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    assert len(of_kind(log, 'paused')) >= 7
    assert all(row['state'] == 'COMPLETE' for row in trials(directory, 'theta'))
    check_loads(directory, log, 7)
    assert any('lends its slot' in r['explanation'] for r in check_again(directory, 7))


def test_a_terminal_shows_how_far_all_members_are_together(directory):
    """Nobody has a result before the end, so neither the share nor the best can wait for results."""
    write_spec(directory, 4, 2, 12, ', end: 12', pause=0.1)  # seconds in all: members are looked at twice in each
    shown = Terminal(directory, CLADE, 'run', 'theta.yaml', size=(100, 30), **CLIENT)
    assert shown.finish() == 0, shown.screen.text()
    seen = re.sub(r'\x1b\[[\d;]*[A-Za-z]', '', shown.raw).replace('\r', '').split('\n')
    before = [line for line in seen if re.search(r'\d %  0 of 4 ', line)]
    shares = [int(re.search(r'(\d+) %', line).group(1)) for line in before]
    assert shares == sorted(shares) and any(0 < share < 100 for share in shares), shares
    assert any(re.search(r', about [\d.:]+( s)? left', line) for line in before), before
    head = [line for line in seen if line.startswith('theta  random + pbt, maximize theta')]
    leaders = [line for line in seen if re.match(r'best [\d.]+  trial \d', line)]
    assert head and leaders, seen[-10:]
    assert any(re.match(r' +\d  trial \d .*step \d+ \(\d+ %\)', line) for line in seen), seen[-10:]
    text = '\n'.join(seen)
    assert 'theta, the best member' in text and '% done' in text, text[-2000:]


def test_without_a_last_step_the_terminal_counts_results_alone(directory):
    write_spec(directory, 4, 2, 12)
    shown = Terminal(directory, CLADE, 'run', 'theta.yaml', size=(100, 30), **CLIENT)
    assert shown.finish() == 0, shown.screen.text()
    found = re.findall(r'(\d+) %  (\d) of 4 ', shown.raw)
    assert found and all(int(share) == 25 * int(results) for share, results in found), found


def test_population_goes_on_after_kill_9(directory):
    write_spec(directory, 5, 2, 16)
    process = start(directory, 'run', 'theta.yaml')
    wait_until_begun(directory, 'theta')
    for round_ in range(6):
        time.sleep(0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start(directory, 'resume', 'theta')
    assert process.wait(timeout=300) == 0
    log = events(directory, 'theta')
    assert [row['state'] for row in trials(directory, 'theta')] == ['COMPLETE'] * 5
    assert max(e['trial'] for e in of_kind(log, 'proposed')) == 5
    check_loads(directory, log, 5)
    check_again(directory, 5)
    assert clade(directory, 'check', 'theta').returncode == 0


def check_voids(log):
    """Every load that failed is voided, and its snapshot not given to anybody who knew; how many."""
    gone = {}
    for e in log:
        if e['event'] == 'exploited':
            assert not e['snapshot'] in gone or e['as_of'] < gone[e['snapshot']], (e, gone)
        if e['event'] == 'voided':
            assert e['why'] == 'missing' and e['args']['change'] == e['change'], e
            gone[e['args']['snapshot']] = e['position']
    exploited = {e['position'] for e in of_kind(log, 'exploited')}
    failed = [e for e in of_kind(log, 'loaded') if e.get('error') and e['change'] in exploited]
    assert {e['change'] for e in failed} <= {e['change'] for e in of_kind(log, 'voided')}
    return len(gone)


def test_a_state_that_cannot_be_loaded_is_voided_and_decided_again(directory):
    write_spec(directory, 6, 3, 14, rotten=5)
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '6 complete' in result.stdout, (result.stdout, result.stderr)
    assert 'this state is rotten' in result.stderr, result.stderr
    log = events(directory, 'theta')
    assert check_voids(log) >= 1
    assert any(e['step'] == 14 and e['metrics'][0][2] > 0 for e in of_kind(log, 'reported'))
    assert not [e for e in of_kind(log, 'reported') if e['metrics'][0][2] < 0]  # nobody trains on from half a state
    check_loads(directory, log, 6)
    assert clade(directory, 'check', 'theta').returncode == 0


def test_ordered_mode_decides_again_alike(directory):
    """With another number of slots (so held members or paused ones) and other timing: the same decisions."""
    said = []
    for slots in ('1', '4'):
        os.makedirs(os.path.join(directory, slots))
        write_spec(os.path.join(directory, slots), 4, 2, 8, rotten=5, rest='ordered: true\n')
        result = clade(os.path.join(directory, slots), 'run', 'theta.yaml', '--parallel', slots)
        assert result.returncode == 0 and '4 complete' in result.stdout, (result.stdout, result.stderr)
        log = events(os.path.join(directory, slots), 'theta')
        owners = {e['position']: (e['trial'], e['step']) for e in of_kind(log, 'saved')}
        assert check_voids(log) >= 1
        said.append(sorted((e['trial'], owners[e['snapshot']], str(e['values'])) for e in of_kind(log, 'exploited')))
    assert said[0] == said[1], said


def test_states_that_are_deleted_by_hand_are_missed_and_not_given(directory):
    write_spec(directory, 6, 2, 16)
    said = os.path.join(directory, 'errors.txt')
    with open(said, 'w', encoding='utf-8') as errors:
        process = start(directory, 'run', 'theta.yaml', output=subprocess.PIPE, errors=errors)

    def is_missed():
        with open(said, encoding='utf-8') as file:
            return 'is gone' in file.read()

    study, taken = os.path.join(directory, 'clade.db.d', 'theta'), 0
    while process.poll() is None:
        for trial in os.listdir(study) if os.path.isdir(study) else ():
            states = os.path.join(study, trial, 'checkpoints')
            for name in os.listdir(states) if os.path.isdir(states) else ():
                if not name.endswith('.new') and (taken < 8 or not is_missed()):
                    shutil.rmtree(os.path.join(states, name), ignore_errors=True)
                    taken += 1
        time.sleep(0.05)
    output, errors = process.stdout.read(), open(said, encoding='utf-8').read()
    assert process.returncode == 0 and '6 complete' in output, (output, errors)
    log = events(directory, 'theta')
    assert taken >= 8 and [e for e in of_kind(log, 'deleted') if e['why'] == 'missing'] and 'is gone' in errors, errors
    check_voids(log)
    check_loads(directory, log, 6)
    assert clade(directory, 'check', 'theta').returncode == 0


def states_on_disk(directory):
    study = os.path.join(directory, 'clade.db.d', 'theta')
    trials = [t for t in os.listdir(study) if t.isdigit()]
    return {f'{t}/checkpoints/{name}' for t in trials if os.path.isdir(os.path.join(study, t, 'checkpoints'))
            for name in os.listdir(os.path.join(study, t, 'checkpoints'))}


def check_disk(directory, log):
    """On the disk is what was saved and not deleted; nothing that was given or begun from was deleted before."""
    gone = {}
    for e in log:
        if e['event'] == 'deleted':
            gone[e['snapshot']] = e['position']
        used = e.get('snapshot') if e['event'] in ('exploited', 'loaded') else e.get('from') if e['event'] == 'started' else None
        assert used not in gone, (e, gone)
    left = {e['path'] for e in of_kind(log, 'saved') if e['position'] not in gone}
    assert states_on_disk(directory) == left, (states_on_disk(directory), left)
    return len(left)


def test_states_that_nobody_needs_are_removed(directory):
    """And what they will take is said before anything runs: by their number, later by the size of an earlier one."""
    write_spec(directory, 5, 2, 40, padding=65536)
    text = clade(directory, 'check', 'theta.yaml').stdout
    assert 'states   5 members, 2 at a time, keep about two saved states each: up to 16' in text and 'On disk that is 16 times' in text, text
    result = clade(directory, 'run', 'theta.yaml')
    assert 'On disk that is 16 times what one takes' in result.stderr and 'would set a bound' in result.stderr, result.stderr
    text = clade(directory, 'run', 'theta.yaml', '--dry-run', '--set', 'limits.disk=512K').stdout
    assert re.search(r"On disk that is 1\.0\d+ MiB, by the 64\.\d+ KiB that one took in 'theta'; `limits: disk` allows 512 KiB: states", text), text
    assert result.returncode == 0 and '5 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    check_loads(directory, log, 5)
    saved, left = len(of_kind(log, 'saved')), check_disk(directory, log)
    assert saved >= 60 and left == 5, (saved, left)  # the last one of each
    most, n = 0, 0
    for e in log:
        n += (e['event'] == 'saved') - (e['event'] == 'deleted')
        most = max(most, n)
    assert most <= 25, most
    assert all(e['args']['which'] == 'disk' for e in of_kind(log, 'deleted')), of_kind(log, 'deleted')[0]
    assert clade(directory, 'check', 'theta').returncode == 0


def test_best_hands_out_the_winners_state(directory):
    write_spec(directory, 4, 2, 8)
    assert clade(directory, 'run', 'theta.yaml').returncode == 0
    best = json.loads(clade(directory, 'best', 'theta', '--json').stdout)
    assert 'checkpoint' not in best
    told = json.loads(clade(directory, 'best', 'theta', '--checkpoint', 'winner', '--json').stdout)['checkpoint']
    with open(os.path.join(directory, 'winner', 'state.json'), encoding='utf-8') as file:
        state = json.load(file)
    assert told['step'] == state['step'] and told['score'] == state['theta'] and told['directory'] == 'winner', (told, state)
    assert told['trial'] == state['trial'] and told['bytes'] == os.path.getsize(os.path.join(directory, 'winner', 'state.json'))
    assert not os.path.exists(os.path.join(directory, 'winner.part'))
    text = clade(directory, 'best', 'theta', '--checkpoint', 'again')
    assert text.returncode == 0 and re.search(r'checkpoint  again: the state at step \d+.*, which earned theta \d', text.stdout), text
    taken = clade(directory, 'best', 'theta', '--checkpoint', 'winner')
    assert taken.returncode == 2 and "'winner' exists already" in taken.stderr and taken.stdout == '', taken
    paths = [e['path'] for e in of_kind(events(directory, 'theta'), 'saved') if e['trial'] == told['trial'] and e['step'] == told['step']]
    source = os.path.join(directory, 'clade.db.d', 'theta', paths[-1])
    with open(os.path.join(source, 'state.json'), 'a', encoding='utf-8') as file:
        file.write(' ')
    changed = clade(directory, 'best', 'theta', '--checkpoint', 'third')
    assert changed.returncode == 1 and 'somebody has changed it' in changed.stderr, changed
    assert not os.path.exists(os.path.join(directory, 'third')) and not os.path.exists(os.path.join(directory, 'third.part'))
    shutil.rmtree(source)
    gone = clade(directory, 'best', 'theta', '--checkpoint', 'third')
    assert gone.returncode == 1 and 'is not here' in gone.stderr, gone


def newest_states(log):
    """Step of the newest state of each trial that is left."""
    gone = {e['snapshot'] for e in of_kind(log, 'deleted')}
    return {e['trial']: e['step'] for e in of_kind(log, 'saved') if e['position'] not in gone}


def test_what_was_trained_to_the_end_is_saved_there(directory):
    """Nobody is asked anything at `end`; the state is that of the last score all the same. In a replay too, and in a run that confirms."""
    write_spec(directory, 4, 2, 7, ', end: 7')
    assert clade(directory, 'run', 'theta.yaml').returncode == 0
    best = json.loads(clade(directory, 'best', 'theta', '--checkpoint', 'winner', '--json').stdout)
    assert best['checkpoint']['step'] == 7 and best['checkpoint']['score'] == best['value'], best
    log = events(directory, 'theta')
    assert newest_states(log) == {1: 7, 2: 7, 3: 7, 4: 7}, newest_states(log)
    assert all(e['until'] is None or e['until'] < 7 for e in log if 'until' in e)
    check_loads(directory, log, 4)
    assert clade(directory, 'replay', 'theta', '--seeds', '2').returncode == 0
    assert newest_states(events(directory, 'theta-replay')) == {1: 7, 2: 7}
    told = clade(directory, 'best', 'theta-replay', '--checkpoint', 'again')
    assert 'checkpoint  again: the state at step 7' in told.stdout, told
    assert clade(directory, 'replay', 'theta-replay/1', '--name', 'twice').returncode == 0
    assert newest_states(events(directory, 'twice')) == {1: 7}
    assert clade(directory, 'confirm', 'theta', '--top', '1', '--repeats', '1').returncode == 0
    assert newest_states(events(directory, 'theta'))[5] == 7
    assert clade(directory, 'check', 'theta').returncode == 0


def test_disk_stays_within_its_budget_and_one_state(directory):
    """Each state has about 64 KiB; measured from outside, and in the log."""
    for bound, enough in ((32, True), (6, False)):
        place = os.path.join(directory, str(bound))
        os.makedirs(place)
        write_spec(place, 6, 2, 24, rest=f'limits: {{disk: {bound * 66}K}}\n', padding=65536)
        process = start(place, 'run', 'theta.yaml', output=subprocess.PIPE)
        most = 0
        for _ in range(2000):
            if process.poll() is not None:
                break
            there = os.path.isdir(os.path.join(place, 'clade.db.d', 'theta'))
            most = max(most, len([s for s in (states_on_disk(place) if there else ()) if not s.endswith('.new')]))
            time.sleep(0.03)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0 and '6 complete' in output, (output, errors)
        assert 'a saved state takes 0.06' in errors and ('is used up' in errors) != enough, errors
        log = events(place, 'theta')
        peak, size = disk_peak(log)
        assert peak <= bound * 66 * 1024 + size and most <= bound + 1, (peak / size, most, bound)
        assert enough or peak > (bound - 2) * size, (peak / size, bound)
        check_disk(place, log)
        check_loads(place, log, 6)


def test_first_states_that_do_not_fit_do_not_stay(directory):
    """Four come at the same time, before anybody knows how much one takes; there is room for one and a half."""
    write_spec(directory, 4, 4, 12, ', sync: true', rest='limits: {disk: 96K}\n', padding=65536)
    result = clade(directory, 'run', 'theta.yaml')
    assert result.returncode == 0 and '4 complete' in result.stdout and 'is used up' in result.stderr, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    peak, size = disk_peak(log)
    assert size <= peak <= 96 * 1024 + size, (peak, size)
    check_disk(directory, log)
    check_loads(directory, log, 4)


def test_several_engines_share_the_disk_budget(directory):
    write_spec(directory, 6, 2, 24, rest='limits: {disk: 528K}\n', padding=65536)
    engines = [start(directory, 'run', 'theta.yaml')]
    wait_until_begun(directory, 'theta')
    engines.append(start(directory, 'resume', 'theta', '--parallel', '2'))
    assert [engine.wait(timeout=300) for engine in engines] == [0, 0]
    log = events(directory, 'theta')
    peak, size = disk_peak(log)
    assert 4 * size <= peak <= 528 * 1024 + size, peak / size
    assert {e['by'] for e in of_kind(log, 'saved')} >= {1, 2}, 'only one of them saved'
    check_loads(directory, log, 6)


def test_what_was_deleted_is_removed_after_a_kill(directory):
    """Deleted in the log, and the engine dies before the files are gone: the next one removes them."""
    write_spec(directory, 5, 2, 40)
    process = start(directory, 'run', 'theta.yaml')
    for turn in range(600):
        time.sleep(0.05)
        if process.poll() is not None or (turn > 20 and of_kind(events(directory, 'theta'), 'deleted')):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    gone = [e['snapshot'] for e in of_kind(events(directory, 'theta'), 'deleted')]
    paths = {e['position']: e['path'] for e in of_kind(events(directory, 'theta'), 'saved')}
    for snapshot in gone:  # as if it had died earlier
        os.makedirs(os.path.join(directory, 'clade.db.d', 'theta', paths[snapshot], 'weights'), exist_ok=True)
    result = clade(directory, 'resume', 'theta')
    assert gone and result.returncode == 0, (gone, result.stderr)
    log = events(directory, 'theta')
    check_loads(directory, log, 5)
    assert check_disk(directory, log) == 5


def test_what_does_not_make_a_population_is_refused(directory):
    for more, words in ((', quantile: 0.7', 'quantile must be a share up to 0.5'), (', intervall: 2', 'did you mean interval'),
                        (', factors: [0]', 'factors'), (', exploit: gamble', 'exploit')):
        write_spec(directory, 4, 2, 4, more)
        result = clade(directory, 'run', 'theta.yaml')
        assert result.returncode == 2 and words in result.stderr, (more, result.stderr)
    write_spec(directory, 1, 1, 4)
    assert clade(directory, 'run', 'theta.yaml').returncode == 2


def test_policies_of_ones_own_rule_real_trainers(directory):
    """The example, examples/policies/roulette.c, and a path that does not lead to one."""
    write_spec(directory, 6, 2, 12)
    path = os.path.join(directory, 'theta.yaml')
    spec = open(path, encoding='utf-8').read()
    own = '{method: ./libroulette.so, population: 6, interval: 2, end: 12, window: 2, sd: 0.25, enough: 1000}'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(re.sub(r'schedule: .*', f'schedule: {own}', spec).replace('range: [0.0, 1.0]', 'values: [0.0, 0.25]\n      change: live'))
    result = clade(directory, 'check', path)
    assert result.returncode == 2 and 'libroulette.so cannot be loaded' in result.stderr, result.stderr
    assert 'build it first, or write its path' in result.stderr, result.stderr
    with open(f'{directory}/libroulette.so', 'w', encoding='utf-8') as file:
        file.write('no shared object')
    assert 'build it on this machine' in clade(directory, 'check', path).stderr
    shutil.copy(os.environ['ROULETTE'], directory)
    result = clade(directory, 'run', path, '--dry-run')
    assert './libroulette.so' in result.stdout and 'sd 0.25' in result.stdout, (result.stdout, result.stderr)
    result = clade(directory, 'run', path)
    assert result.returncode == 0 and '6 complete' in result.stdout, (result.stdout, result.stderr)
    log = events(directory, 'theta')
    exploits = of_kind(log, 'exploited')
    assert exploits and all(e['args']['rule'] == 'roulette' and 'share' in e['args']['notes'] for e in exploits), exploits
    check_loads(directory, log, 6)
    rulings = check_again(directory, 6)
    assert len(rulings) >= 6 * 5
    assert any('noted: rise 0, share' in r['explanation'] for r in rulings), [r['explanation'] for r in rulings]
    assert any('it is not ready to be judged' in r['explanation'] for r in rulings)
    e = exploits[0]
    text = clade(directory, 'show', f"theta/{e['trial']}", '--why', '--verify').stdout
    assert 'roulette: rank' in text and 'verified' in text, text
    assert 'roulette' in clade(directory, 'log', 'theta', '--all').stdout
    os.remove(os.path.join(directory, 'libroulette.so'))  # who only reads does not need it
    assert clade(directory, 'list', 'trials', 'theta').returncode == 0 and clade(directory, 'lineage', 'theta').returncode == 0
    assert 'cannot be loaded' in clade(directory, 'show', f"theta/{e['trial']}", '--why', '--verify').stderr


if len(sys.argv) > 1:
    tap.run({name: globals()[name] for name in sys.argv[1:]})
tap.run(globals())
