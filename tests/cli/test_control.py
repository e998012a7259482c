"""Steering a study that runs: update, pause, stop, resume, and engines with different slots. CLADE_EXE is the program,
CLADE_CLIENT the directory of clade.py. Every wait is for a condition."""
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from program import attempt, clade, start

TRAINER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'trainer.py')
SPEC = '''program: [%s, %s, %s, '--lr={lr}'%s]
metric: {name: loss, goal: minimize}
trials: 9
parallel: 2
seed: 38
limits: {grace: 0.2s}
hyperparameters:
  - name: lr
    range: [0.1, 0.9]
'''
# Waits for a file go-N or go.
SHELL = '''program: [sh, -c, 'while [ -e here ] && ! [ -e go ] && ! [ -e go-$CLADE_TRIAL ]; do sleep 0.05; done; echo loss=0.$((CLADE_TRIAL * 100 + 85)) momentum=$1', sh, 'm={momentum}']
metric: {name: loss, goal: minimize}
trials: 3
parallel: 1
seed: 38
limits: {grace: 0.2s}
hyperparameters:
  - name: lr
    range: [0.1, 0.9]
  - name: momentum
    values: [0.238, 0.5]
'''


def write(directory, name, text):
    with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
        file.write(text)


def trials(directory, study='s'):
    done = attempt(directory, 'list', 'trials', study, '--json')
    return {row['trial']: row for row in json.loads(done.stdout)} if done.returncode == 0 else {}


def wait(directory, condition, what):
    limit = time.monotonic() + 300
    while time.monotonic() < limit:
        rows = trials(directory)
        if condition(rows):
            return rows
        time.sleep(0.05)
    raise AssertionError(f'never: {what}: {trials(directory)} {clade(directory, "log", "s").stdout}')


def running(n):
    return lambda rows: sum(row['state'] == 'RUNNING' for row in rows.values()) == n


def state(number, *states):
    return lambda rows: number in rows and rows[number]['state'] in states


class Engine:
    """A process of clade; at the end of a test its trainers end by themselves, for `here` is gone."""

    def __init__(self, directory, *words):
        self.directory = directory
        self.process = start(directory, *words, output=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if os.path.exists(os.path.join(self.directory, 'here')):
            os.remove(os.path.join(self.directory, 'here'))
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def finish(self):
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err


def begin(directory, text=None, *options, mute=False):
    text = text or SPEC % (sys.executable, TRAINER, os.environ['CLADE_CLIENT'], ', --mute' if mute else '')
    write(directory, 's.yaml', text)
    write(directory, 'here', '')
    return Engine(directory, 'run', 's.yaml', *options)


def let_go(directory, which='go'):
    write(directory, which, '')


def has_reported(number):
    return lambda rows: number in rows and 'loss' in rows[number]['metrics']


def test_a_paused_trial_goes_on_from_the_step_at_which_it_was_saved(directory):
    with begin(directory) as engine:
        wait(directory, lambda rows: has_reported(1)(rows) and has_reported(2)(rows), 'both report')
        done = clade(directory, 'pause', 's/1')
        assert done.stdout == 's/1  RUNNING -> PAUSED: it saves its state at its next report, and ends\n', done.stdout
        wait(directory, state(3, 'RUNNING'), 'the slot is used for trial 3')
        shown = json.loads(clade(directory, 'show', 's/1', '--json').stdout)
        assert shown['attempt_list'][0]['end'] == 'status 75', shown['attempt_list']
        saved = shown['attempt_list'][0]['last_step']
        done = clade(directory, 'resume', 's/1')
        assert f'PAUSED -> WAITING: it goes on from step {saved:g} when a slot is free' in done.stdout, (saved, done.stdout)
        clade(directory, 'stop', 's/2')
        wait(directory, state(1, 'RUNNING'), 'trial 1 runs again')
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and 's is finished: 9 trials' in out, (status, out, err)
    shown = json.loads(clade(directory, 'show', 's/1', '--json').stdout)
    assert shown['attempts'] == 2 and shown['attempt_list'][1]['from_step'] == saved, shown['attempt_list']
    steps = [json.loads(line) for line in clade(directory, 'export', 's/1', '--reports', '--format', 'jsonl').stdout.splitlines()]
    second = [row['step'] for row in steps if row['attempt'] == 2]
    assert second[0] == saved + 1, (saved, second[:3])
    rows = trials(directory)
    assert rows[2]['state'] == 'PRUNED' and rows[1]['state'] == 'COMPLETE', rows
    assert 'agree' in clade(directory, 'check', 's').stdout


def test_a_trial_that_cannot_save_is_paused_only_when_that_is_meant(directory):
    with begin(directory, mute=True) as engine:
        wait(directory, has_reported(1), 'a report')
        done = clade(directory, 'pause', 's/1', status=1)
        assert 'not done: its trainer cannot save a state, so it would begin again: --from-start' in done.stdout, done.stdout
        done = clade(directory, 'pause', 's/1', '--from-start')
        assert 'without saving: it will begin again' in done.stdout, done.stdout
        wait(directory, state(1, 'PAUSED'), 'paused')
        wait(directory, state(3, 'RUNNING'), 'its slot is used')
        clade(directory, 'resume', 's/1')
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and '(9 complete)' in out, (status, out, err)


def test_a_program_that_does_not_listen_gets_a_signal_after_the_grace(directory):
    with begin(directory, SHELL) as engine:
        wait(directory, state(1, 'RUNNING'), 'it runs')
        done = clade(directory, 'pause', 's/1', status=1)
        assert 'its program is not connected and cannot save' in done.stdout, done.stdout
        done = clade(directory, 'stop', 's/1')
        assert 'it gets SIGTERM in 0.2 s, and SIGKILL after 0.2 s more' in done.stdout, done.stdout
        wait(directory, state(2, 'RUNNING'), 'the next one')
        assert 'signal 15' in clade(directory, 'show', 's/1').stdout
        done = clade(directory, 'stop', 's/1', status=1)
        assert 's/1  PRUNED  not done: it has ended already (PRUNED)' in done.stdout, done.stdout
        done = clade(directory, 'stop', 's/2', '--now', '--json')
        answer = json.loads(done.stdout)
        assert answer['trials'] == [{'trial': 2, 'before': 'RUNNING', 'after': 'PRUNED', 'done': True,
                                     'text': 'its program gets SIGTERM, and SIGKILL after 0.2 s'}], answer
        assert answer['engines'] == 1 and answer['changed'] is False, answer
        assert 'trial 38' in clade(directory, 'stop', 's/38', status=3).stderr
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and '1 complete, 2 pruned' in out, (status, out, err)


LAST_WORDS = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import clade
with clade.start() as run:
    run.report(1, loss=float(run.text))
time.sleep(0.5)  # a signal would come at once
open(os.path.join(run.directory, 'last words'), 'w').close()
"""


def test_a_trainer_that_has_said_done_may_finish_whatever_its_score(directory):
    write(directory, 'last.py', LAST_WORDS)
    write(directory, 's.yaml', """
study: s
program: [%s, last.py, %s]
metric: {name: loss, goal: minimize}
hyperparameters:
  - name: &text
      unordered_tuning_values: ["nan", "2.385"]
search: {method: grid}
trials: 2
parallel: 2
limits: {grace: 120}
""" % (sys.executable, os.environ['CLADE_CLIENT']))
    clade(directory, 'run', 's.yaml')
    assert sorted(row['state'] for row in trials(directory).values()) == ['COMPLETE', 'DIVERGED']
    for number in (1, 2):
        assert os.path.exists(os.path.join(directory, f'clade.db.d/s/{number}/last words')), number
        assert 'status 0' in clade(directory, 'show', f's/{number}').stdout


def test_a_stopped_study_ends_and_can_be_opened_again(directory):
    with begin(directory) as engine:
        wait(directory, lambda rows: has_reported(1)(rows) and has_reported(2)(rows), 'both report')
        done = clade(directory, 'stop', 's')
        assert 's: the study is finished' in done.stdout and 's/2  RUNNING -> PRUNED: it ends at its next report' in done.stdout, done.stdout
        status, out, err = engine.finish()
        assert status == 0 and re.search(r'^s was ended by a person: 2 of 9 trials', out, re.MULTILINE), (status, out, err)
    assert 'is finished already' in clade(directory, 'stop', 's', status=1).stderr
    assert 'is finished: there is nothing to pause' in clade(directory, 'pause', 's', status=1).stderr
    assert 'nothing to resume' in clade(directory, 'resume', status=3).stderr
    let_go(directory)
    write(directory, 'here', '')
    done = clade(directory, 'resume', 's')
    assert 'open again' in done.stderr and 's is finished: 9 trials' in done.stdout, (done.stdout, done.stderr)


def test_draining_lets_what_runs_come_to_its_end(directory):
    with begin(directory) as engine:
        wait(directory, lambda rows: has_reported(1)(rows) and has_reported(2)(rows), 'both report')
        clade(directory, 'stop', 's', '--drain')
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and 's was ended by a person: 2 of 9 trials' in out and '(2 complete)' in out, (status, out, err)


def test_a_paused_study_starts_nothing_and_goes_on_where_it_was(directory):
    with begin(directory) as engine:
        wait(directory, lambda rows: has_reported(1)(rows) and has_reported(2)(rows), 'both report')
        clade(directory, 'pause', 's/1')
        wait(directory, state(3, 'RUNNING'), 'trial 3 takes its place')
        wait(directory, has_reported(3), 'trial 3 reports')
        done = clade(directory, 'pause', 's')
        assert 's: the study is paused' in done.stdout and 's/3  RUNNING -> PAUSED' in done.stdout, done.stdout
        assert 's: the study was paused already' in clade(directory, 'pause', 's', status=1).stdout
        wait(directory, running(0), 'nothing runs')
        assert 'the study itself is paused' in clade(directory, 'resume', 's/1', status=1).stdout
        shown = json.loads(clade(directory, 'show', 's/3', '--json').stdout)
        done = clade(directory, 'resume', 's')  # the engine is there: it goes on, and this command ends
        assert 's: the study goes on' in done.stdout and done.stderr == '', (done.stdout, done.stderr)
        rows = wait(directory, state(3, 'RUNNING'), 'trial 3 goes on')
        assert rows[1]['state'] == 'PAUSED', 'trial 1 was paused for itself'
        assert shown['attempts'] == 1
        clade(directory, 'resume', 's/state:PAUSED')
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and '(9 complete)' in out and 'the study is paused' in err, (status, out, err)


def test_a_paused_study_is_resumed_also_when_its_engine_is_gone(directory):
    with begin(directory) as engine:
        wait(directory, lambda rows: has_reported(1)(rows) and has_reported(2)(rows), 'both report')
        clade(directory, 'pause', 's')
        wait(directory, lambda rows: json.loads(clade(directory, 'show', 's/2', '--json').stdout)['attempt_list'][0]['end'] != 'running', 'it ends')
        engine.process.send_signal(signal.SIGINT)
        status, out, err = engine.finish()
        assert status == 130, (status, out, err)
    let_go(directory)
    write(directory, 'here', '')
    done = clade(directory, 'resume')
    assert 's: the study goes on' in done.stderr and '(9 complete)' in done.stdout, (done.stdout, done.stderr)


def test_more_and_fewer_trials_and_slots_are_followed_while_it_runs(directory):
    with begin(directory, SHELL) as engine:
        wait(directory, running(1), 'one at a time')
        done = clade(directory, 'update', 's', '--trials', '7', '--parallel', '3')
        assert done.stdout == 's is updated\n  trials    3 -> 7\n  parallel  1 -> 3\n1 engine works on it and follows.\n', done.stdout
        wait(directory, running(3), 'three at a time')
        answer = json.loads(clade(directory, 'update', 's', '--parallel', '2', '--json').stdout)
        assert answer['parallel'] == 2 and answer['parallel_before'] == 3 and answer['engines'] == 1, answer
        let_go(directory, 'go-1')
        wait(directory, state(1, 'COMPLETE'), 'trial 1 ends')
        assert len([r for r in trials(directory).values() if r['state'] == 'RUNNING']) == 2
        done = clade(directory, 'update', 's', '--trials', '2', status=1)
        assert done.stderr == 'clade: trials cannot be 2: 3 have been proposed already (`clade stop s` ends the study now)\n', done.stderr
        assert 'was like that already' in clade(directory, 'update', 's', '--parallel', '2').stdout
        clade(directory, 'update', 's', '--trials', '4')
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and 's is finished: 4 trials' in out, (status, out, err)


def test_a_finished_study_that_gets_more_trials_is_opened_again(directory):
    let_go(directory)
    with begin(directory, SHELL) as engine:
        assert engine.finish()[0] == 0
    done = clade(directory, 'update', 's', '--trials', '5')
    assert 'The study was finished, and is open again.\nNo engine works on it: `clade resume` starts one.\n' in done.stdout, done.stdout
    write(directory, 'here', '')
    assert 's is finished: 5 trials' in clade(directory, 'resume').stdout


def test_a_new_space_is_for_later_trials_and_older_ones_keep_their_values(directory):
    with begin(directory, SHELL) as engine:
        before = wait(directory, state(1, 'RUNNING'), 'it runs')
        write(directory, 'new.yaml', SHELL.split('hyperparameters:')[0].replace("'m={momentum}'", "'m={momentum}', '--w={warm-up}'") +
              'hyperparameters:\n  - name: lr\n    range: [2.0, 3.0]\n  - name: warm-up\n    values: [23, 85]\n  - name: momentum\n    values: [0.238, 0.5]\n')
        done = clade(directory, 'update', 's', '--space', 'new.yaml')
        for line in ('  new       warm-up\n', '  changed   lr\n', "  the program's command is another one\n", 'drawn from space 2'):
            assert line in done.stdout, (line, done.stdout)
        let_go(directory)
        status, out, err = engine.finish()
        assert status == 0 and '(3 complete)' in out, (status, out, err)
    rows = trials(directory)
    assert rows[1]['values'] == before[1]['values'] and 'warm-up' not in rows[1]['values'], rows[1]
    for number in (2, 3):
        assert 2 <= rows[number]['values']['lr'] <= 3 and rows[number]['values']['warm-up'] in (23, 85), rows[number]
    shown = json.loads(clade(directory, 'show', 's/2', '--json').stdout)
    assert 'agree' in clade(directory, 'check', 's').stdout and shown['state'] == 'COMPLETE'
    write(directory, 'less.yaml', SHELL.replace('    values: [0.238, 0.5]\n', '    values: [0.5, 0.238, 0.75]\n'))
    done = clade(directory, 'update', 's', '--space', 'less.yaml', '--trials', '4')
    assert '  removed   warm-up\n' in done.stdout and '  changed   lr, momentum\n' in done.stdout, done.stdout
    write(directory, 'here', '')
    assert 's is finished: 4 trials' in clade(directory, 'resume').stdout
    assert set(trials(directory)[4]['values']) == {'lr', 'momentum'}


def test_a_space_that_the_study_cannot_use_is_refused_with_its_place(directory):
    let_go(directory)
    with begin(directory, SHELL.replace('    range: [0.1, 0.9]', '    values: [0.1, 0.9]') + 'search: grid\n') as engine:
        assert engine.finish()[0] == 0
    write(directory, 'bad.yaml', SHELL)
    error = clade(directory, 'update', 's', '--space', 'bad.yaml', status=2).stderr
    assert 'bad.yaml:8:3: ' in error and 'lr is continuous, and a grid needs levels' in error, error
    write(directory, 'bad.yaml', 'hyperparameters:\n  - name: lr\n    values: [0.1, 0.9]\n')
    error = clade(directory, 'update', 's', '--space', 'bad.yaml', status=2).stderr
    assert 'momentum' in error, error
    assert 'missing.yaml' in clade(directory, 'update', 's', '--space', 'missing.yaml', status=3).stderr
    assert 'say what to change' in clade(directory, 'update', 's', status=2).stderr
    assert json.loads(clade(directory, 'show', 's', '--json').stdout)['state'] == 'finished'


def test_engines_have_slots_of_their_own(directory):
    with begin(directory, SHELL.replace('trials: 3', 'trials: 12')) as engine:
        wait(directory, running(1), 'one slot')
        with Engine(directory, 'work', 's', '--slots', '3') as helper:
            wait(directory, running(4), 'one and three')
            clade(directory, 'update', 's', '--parallel', '2')
            wait(directory, running(5), 'two and three')
            let_go(directory)
            assert engine.finish()[0] == 0
            status, out, err = helper.finish()
            assert status == 0 and '12 complete' in out, (status, out, err)
    events = [json.loads(line) for line in clade(directory, 'log', 's', '--json').stdout.splitlines()]
    slots = [(e['data']['worker'], e['data']['slots']) for e in events if e['event'] == 'worker' and e['data']['state'] != 3]
    assert sorted(slots) == [(1, 1), (1, 2), (2, 3)], slots


def git(directory, *words):
    subprocess.run(['git', '-c', 'user.name=n', '-c', 'user.email=e@example.org', *words], cwd=directory, check=True, capture_output=True, timeout=300)


def test_resume_warns_when_the_code_has_changed_and_each_attempt_keeps_what_it_ran(directory):
    write(directory, 'train.sh', 'i=0; while [ $i -lt 400 ] && [ -e here ] && ! [ -e go ]; do sleep 0.05; i=$((i+1)); done; echo loss=0.385\n')
    write(directory, 'model.txt', '23\n')
    git(directory, 'init', '-q')
    git(directory, 'add', 'train.sh', 'model.txt')
    git(directory, 'commit', '-q', '-m', 'first')
    spec = SHELL.replace(SHELL.splitlines()[0], 'program: [sh, train.sh, "{lr}"]').replace('parallel: 1', 'parallel: 2')
    with begin(directory, spec) as engine:
        wait(directory, running(2), 'they run')
        engine.process.send_signal(signal.SIGINT)
        assert engine.finish()[0] == 130
    write(directory, 'here', '')
    with Engine(directory, 'resume', '--grace', '0.2') as engine:  # nothing has changed: no warning
        wait(directory, running(2), 'they run again')
        engine.process.send_signal(signal.SIGINT)
        status, out, err = engine.finish()
        assert status == 130 and 'the code has changed' not in err, err
    write(directory, 'model.txt', '85\n')
    write(directory, 'train.sh', 'echo loss=0.238\n')
    git(directory, 'add', 'train.sh')
    git(directory, 'commit', '-q', '-m', 'second')
    done = clade(directory, 'resume')
    for line in (r"the code has changed since 's' was started: its trials may not be comparable", r'the git commit was [0-9a-f]{40}, it is [0-9a-f]{40} now',
                 r'the hash of uncommitted changes was none, it is [0-9a-f]{16} now', r"the file 'train.sh' has changed"):
        assert re.search(line, done.stderr), (line, done.stderr)
    attempts = json.loads(clade(directory, 'show', 's/1', '--json').stdout)['attempt_list']
    assert len(attempts) == 3, attempts
    assert attempts[0]['provenance'] is None and attempts[0]['code_changes'] is None, attempts[0]
    assert attempts[1]['provenance']['command'][1] == 'resume' and attempts[1]['code_changes'] is None, attempts[1]
    assert 'train.sh' in attempts[2]['code_changes'] and attempts[2]['provenance']['dirty'], attempts[2]
    assert attempts[2]['provenance']['files'].keys() == {'train.sh'}, attempts[2]
    shown = clade(directory, 'show', 's/1').stdout
    assert '  attempt 3 ran other code than the study began with:\n    the git commit was' in shown, shown


tap.run(globals())
