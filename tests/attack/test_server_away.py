#!/usr/bin/env python3
"""The PostgreSQL server of a study goes away, stands still, and comes back, while trials run."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tap  # noqa: E402

CLADE = os.environ['CLADE_EXE']
PATIENCE = 120

# Runs until the file `go` is there, its parent is gone, or five minutes have passed.
TRAINER = '''#!/bin/sh
echo $$ >> pids
n=0
while [ ! -e go ] && [ $n -lt 3000 ]; do sleep 0.1; n=$((n + 1)); done
echo "loss=0.$CLADE_TRIAL"
'''


def wait_until(true, what):
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f'{what}: not within {PATIENCE} s')
        time.sleep(0.05)


class Study:
    """A server, and an engine with two slots that runs four trials on it."""

    def __init__(self, directory):
        if not glob.glob('/usr/lib/postgresql/*/bin/initdb') and not shutil.which('initdb'):
            raise tap.Skip('PostgreSQL is not installed')
        self.directory, self.server = directory, os.path.join(directory, 'server')
        os.chmod(directory, 0o755)  # the server is another user's where this one is root
        self.address = self.start()
        self.password = re.match('postgresql://[^:]*:([^@]*)@', self.address).group(1)
        self.text = ''
        with open(os.path.join(directory, 'train.sh'), 'w', encoding='utf-8') as file:
            file.write(TRAINER)
        os.chmod(os.path.join(directory, 'train.sh'), 0o755)
        with open(os.path.join(directory, 'spec.yaml'), 'w', encoding='utf-8') as file:
            file.write(f'study: away\nstore: {self.address}\nprogram: ./train.sh\nmetric: {{name: loss, goal: minimize}}\n'
                       'trials: 4\nparallel: 2\nseed: 1\nlimits: {grace: 1s}\nhyperparameters: {lr: "log(0.001, 1)"}\n')
        self.engine = self.begin('run', 'spec.yaml', '--store', self.address)
        wait_until(lambda: len(self.trainers()) == 2, 'two trials run')

    def clade(self, *words):
        done = subprocess.run([CLADE, *words], cwd=self.directory, capture_output=True, text=True, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        return self.clade('store', 'start', self.server, '-q').strip()

    def stop(self):
        self.clade('store', 'stop', self.server)

    def begin(self, *words):
        engine = subprocess.Popen([CLADE, *words], cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self.read, args=(engine,), daemon=True)
        self.reader.start()
        return engine

    def read(self, engine):
        for line in engine.stdout:
            self.text += line

    def says(self, what):
        wait_until(lambda: what in self.text, f'it says "{what}"; it said: {self.text}')

    def trainers(self):
        try:
            with open(os.path.join(self.directory, 'pids'), encoding='utf-8') as file:
                return [int(line) for line in file.read().splitlines()]
        except FileNotFoundError:
            return []

    def go(self):
        with open(os.path.join(self.directory, 'go'), 'w', encoding='utf-8'):
            pass

    def ends(self):
        code = self.engine.wait(timeout=PATIENCE)
        self.reader.join(timeout=PATIENCE)
        return code

    def is_left_alone(self):
        """Ctrl-C ends the engine soon, and no trainer."""
        began = time.monotonic()
        self.engine.send_signal(signal.SIGINT)
        assert self.ends() == 130, self.text
        assert time.monotonic() - began < 20, time.monotonic() - began
        assert 'take' in self.text and 'clade resume' in self.text, self.text
        for pid in self.trainers():
            os.kill(pid, 0)

    def is_finished(self):
        self.engine = self.begin('resume', 'away', '--store', self.address)
        self.go()
        assert self.ends() == 0, self.text
        assert self.states() == ['COMPLETE'] * 4, self.states()
        assert len(self.trainers()) == 4, 'a trial was started twice'

    def states(self):
        table = self.clade('list', 'away', '--columns', 'state', '--store', self.address)
        return re.findall('COMPLETE|RUNNING|FAILED|LOST|WAITING|PREEMPTED', table)

    def backends(self):
        with open(os.path.join(self.server, 'data', 'postmaster.pid'), encoding='utf-8') as file:
            first = int(file.readline())
        children = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(first)], capture_output=True, text=True, check=False)
        return [first] + [int(pid) for pid in children.stdout.split()]

    def end(self):
        self.go()
        if self.engine.poll() is None:
            self.engine.kill()
        self.engine.wait()
        subprocess.run([CLADE, 'store', 'stop', self.server], capture_output=True, check=False)


def playing(directory, play):
    study = Study(directory)
    try:
        play(study)
    finally:
        study.end()


def test_an_engine_waits_for_its_server_and_goes_on(directory):
    def play(study):
        study.stop()
        study.says('the store does not answer')
        study.go()
        study.start()
        study.says('the store answers again')
        assert study.ends() == 0, study.text
        assert study.states() == ['COMPLETE'] * 4, study.states()
        assert len(study.trainers()) == 4
    playing(directory, play)


def test_an_engine_without_server_can_be_ended(directory):
    def play(study):
        study.stop()
        study.says('the store does not answer')
        study.is_left_alone()
        study.start()
        study.is_finished()
    playing(directory, play)


def test_an_engine_can_be_ended_while_its_server_stands_still(directory):
    def play(study):
        stopped = study.backends()
        assert len(stopped) > 2
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            study.says('the store does not answer')
            study.is_left_alone()
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        study.is_finished()
    playing(directory, play)


def test_a_password_is_neither_printed_nor_recorded(directory):
    def play(study):
        study.go()
        assert study.ends() == 0, study.text
        printed = study.text
        for words in (['run', 'spec.yaml', '--dry-run', '--name', 'other'], ['show', 'away', '--json'], ['show', 'away/1'],
                      ['log', 'away'], ['export', 'away', '--study'], ['list', 'studies'], ['best', 'away']):
            printed += study.clade(*words, '--store', study.address)
        assert 'away' in printed and '***@127.0.0.1' in printed, printed
        assert study.password not in printed, printed
        for path in glob.glob(os.path.join(directory, 'away', '**'), recursive=True):
            if os.path.isfile(path):
                with open(path, encoding='utf-8', errors='replace') as file:
                    assert study.password not in file.read(), path
    playing(directory, play)


def test_ctrl_c_during_a_slow_call_is_the_ordinary_one(directory):
    """Trials are asked to end: the store is there, it only takes its time."""
    def play(study):
        stopped = study.backends()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(0.3)  # it looks ten times a second, and waits in there
            study.engine.send_signal(signal.SIGINT)
            wait_until(lambda: 'stopping:' in study.text or 'without the store' in study.text, 'it hears the signal')
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
        assert study.ends() == 130, study.text
        if 'does not answer' in study.text:
            raise tap.Skip('this machine stands still for a second')
        assert 'without the store' not in study.text, study.text
        wait_until(lambda: not any(os.path.exists(f'/proc/{pid}') for pid in study.trainers()), 'no trainer is left')
    playing(directory, play)


if __name__ == '__main__':
    tap.run(globals())
