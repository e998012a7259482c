#!/usr/bin/env python3
"""kill -9 of engines and trainers at random instants; afterwards everything must add up.

Usage: kill.py CLADE TRAINER [--kills 200] [--trials 300] [--seed 1] [--postgres]

Two engines of two slots each run one study. At random instants one of {first engine, second engine, a trainer} is killed;
dead engines are replaced by `clade resume` and `clade work`. With --postgres the store is a private server, which is killed
now and then as well, all of it at once. At the end: exactly --trials results, no trial completed
twice, every report that a trainer saw answered is in the log and was not answered for an attempt that did not exist,
and trainers of dead engines were adopted. Prints one line per fact and `ok` or `FAILED`.
"""
import argparse
import glob
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

SPEC = """study: kill
program: [{trainer}, "--pause_ms={pause}"]
metric: {{name: loss, goal: minimize}}
hyperparameters:
  - name: x
    range: [0.0, 1.0]
search: {{method: random}}
trials: {trials}
parallel: 2
seed: 11
limits: {{retries: 100, reconnect: 120}}
"""


class Study:
    def __init__(self, args, directory):
        self.args, self.dir, self.db = args, directory, os.path.join(directory, 'clade.db')
        self.trials_dir = self.db + '.d'
        if args.postgres:
            self.server = tempfile.mkdtemp(prefix='clade-kill-server-')
            self.db = self.start_server()
            self.trials_dir = os.path.join(directory, 'clade.d')
        self.log = open(os.path.join(directory, 'engines.log'), 'ab')
        self.env = dict(os.environ, CLADE_STORE=self.db, NO_COLOR='1')
        spec = os.path.join(directory, 'kill.yaml')
        with open(spec, 'w') as f:
            f.write(SPEC.format(trainer=os.path.abspath(args.trainer), trials=args.trials, pause=args.pause))
        self.first = self.start('run', spec)
        self.wait_for_study()
        self.second = self.start('work', 'kill', '--slots', '2')

    def start(self, *words):
        return subprocess.Popen([self.args.clade, *words], cwd=self.dir, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=self.log, start_new_session=True)

    def start_server(self):
        done = subprocess.run([self.args.clade, 'store', 'start', self.server, '-q'], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f'the server did not start: {done.stderr}')
        return done.stdout.strip()

    def kill_server(self):
        """As if its power had been cut, and up again."""
        with open(os.path.join(self.server, 'data', 'postmaster.pid')) as f:
            pid = int(f.readline())
        os.kill(pid, signal.SIGQUIT)  # PostgreSQL's immediate shutdown: nothing is written any more
        for _ in range(3000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.01)
        self.start_server()

    def query_server(self, sql):
        done = subprocess.run(['psql', self.db, '-qAt', '-F', '\t', '-c', sql], capture_output=True, text=True)
        if done.returncode != 0:
            raise sqlite3.Error(done.stderr)
        return [tuple(float(word) for word in line.split('\t')) for line in done.stdout.splitlines()]

    def query(self, sql, *values):
        if self.args.postgres:
            return self.query_server(sql)
        db = sqlite3.connect(f'file:{self.db}?mode=ro', uri=True, timeout=10)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def position(self):
        """Of the newest event; -1 while the store cannot be asked."""
        try:
            return self.query('SELECT max(head) FROM studies')[0][0]
        except sqlite3.Error:
            return -1

    def explain(self):
        """What the engines have said, and the last events."""
        with open(self.log.name, encoding='utf-8', errors='replace') as f:
            print(''.join(f'# {line}' for line in f.readlines()[-60:]))
        done = subprocess.run([self.args.clade, 'log', 'kill', '--last', '60'], cwd=self.dir, env=self.env, capture_output=True, text=True,
                              check=False)
        print(''.join(f'# {line}' for line in (done.stdout + done.stderr).splitlines(True)), flush=True)

    def wait_for_study(self):
        for _ in range(6000):
            try:
                if self.query('SELECT count(*) FROM trials')[0][0] > 0:
                    return
            except sqlite3.Error:
                pass
            if self.first.poll() is not None:
                sys.exit(f'the first engine ended with {self.first.returncode}: see {self.log.name}')
            time.sleep(0.02)
        sys.exit('the study did not begin')

    def trainers(self):
        """Processes of our trainer with our store in their environment. Not their own children: when a program that is built with
        the leak sanitizer ends, it makes one that looks at its memory, and waits for ever if that is killed."""
        found = {}
        for name in os.listdir('/proc'):
            if not name.isdigit():
                continue
            try:
                with open(f'/proc/{name}/environ', 'rb') as f:
                    mine = f'CLADE_STORE={self.db}'.encode() in f.read()
                with open(f'/proc/{name}/stat') as f:
                    comm, _, rest = f.read().partition('(')[2].rpartition(')')
            except OSError:
                continue
            if mine and comm == os.path.basename(self.args.trainer)[:15]:
                found[int(name)] = int(rest.split()[1])
        return [pid for pid, parent in found.items() if parent not in found]

    def revive(self):
        if self.first.poll() is not None:
            self.first = self.start('resume', 'kill')
        if self.second.poll() is not None:
            self.second = self.start('work', 'kill', '--slots', '2')

    def over(self):
        return self.first.poll() == 0

    def kill_something(self, rng):
        what = rng.choice(['first', 'second', 'trainer', 'both'] + ['server'] * self.args.postgres)
        if what == 'server':
            self.kill_server()
            return
        victims = self.trainers()
        if what == 'trainer' and victims:
            try:
                os.kill(rng.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                pass
            return
        for engine, names in ((self.first, ('first', 'both')), (self.second, ('second', 'both'))):
            if what in names and engine.poll() is None:
                engine.kill()
                engine.wait()


def check(study, args):
    failures = []

    def fact(name, holds, detail=''):
        print(f"{'ok  ' if holds else 'FAIL'} {name} {detail}")
        if not holds:
            failures.append(name)

    listed = subprocess.run([args.clade, 'list', 'trials', 'kill', '--all', '--json'], cwd=study.dir, env=study.env,
                            capture_output=True, text=True)
    import json
    rows = json.loads(listed.stdout)
    states = {}
    for row in rows:
        states[row['state']] = states.get(row['state'], 0) + 1
    fact('exactly N trials count', len(rows) == args.trials and states == {'COMPLETE': args.trials}, str(states))
    done = study.query('SELECT trial, count(*) FROM attempts WHERE kind = 36 AND NOT late GROUP BY trial')
    fact('no trial completed twice', all(n == 1 for _, n in done), f'{len(done)} done')
    lost, acknowledged = [], 0
    reports = {(t, a, s) for t, a, s in study.query('SELECT trial, attempt, step FROM reports_1')}
    for row in rows:
        path = os.path.join(study.trials_dir, 'kill', str(row['trial']), 'acknowledged')
        if not os.path.exists(path):
            continue
        with open(path) as f:
            for line in f:
                words = line.split()
                if len(words) != 2 or not line.endswith('\n'):
                    continue  # the trainer was killed while it wrote
                acknowledged += 1
                if (row['trial'], int(words[0]), float(words[1])) not in reports:
                    lost.append((row['trial'], line.strip()))
    fact('no acknowledged report is lost', not lost and acknowledged > args.trials, f'{acknowledged} acknowledged {lost[:3]}')
    adopted = study.query('SELECT count(*) FROM attempts WHERE kind = 31')[0][0]
    fact('trainers of dead engines were adopted', adopted > 0, f'{adopted}')
    kept = study.query('SELECT count(*) FROM attempts a WHERE a.kind = 31 AND EXISTS (SELECT 1 FROM attempts d WHERE '
                       'd.kind = 36 AND NOT d.late AND d.trial = a.trial AND d.attempt = a.attempt)')[0][0]
    if args.kills >= 100:  # with few kills it is left to chance whether one of the adopted lives on
        fact('adopted trainers went on to their end', kept > 0, f'{kept}')
    checked = subprocess.run([args.clade, 'check', 'kill'], cwd=study.dir, env=study.env, capture_output=True, text=True)
    fact('the store agrees with its log', checked.returncode == 0, checked.stderr.strip()[-200:])
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('clade')
    parser.add_argument('trainer')
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--trials', type=int, default=300)
    parser.add_argument('--pause', type=int, default=30, help='ms between the reports of a trainer')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--limit', type=float, default=900, help='seconds')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--postgres', action='store_true', help='the store is a private PostgreSQL server')
    args = parser.parse_args()
    args.clade = os.path.abspath(args.clade)
    rng = random.Random(args.seed)
    if args.postgres and not glob.glob('/usr/lib/postgresql/*/bin/initdb') and not shutil.which('initdb'):
        print('skipped: PostgreSQL is not installed')
        return 77
    directory = tempfile.mkdtemp(prefix='clade-kill-')
    study = Study(args, directory)
    try:
        return watch(study, args, rng, directory)
    finally:
        if args.postgres:
            subprocess.run([args.clade, 'store', 'stop', study.server, '-q'], check=False)
            shutil.rmtree(study.server, ignore_errors=True)


def watch(study, args, rng, directory):
    kills, began, struck_at = 0, time.monotonic(), 0
    pause = 0.08
    while not study.over():
        if time.monotonic() - began > args.limit:
            print(f'FAILED: not over after {args.limit:.0f} s, {kills} kills; see {directory}')
            study.explain()
            for p in (study.first, study.second):
                p.kill()
            return 1
        time.sleep(rng.expovariate(1 / pause))
        position = study.position() if kills < args.kills else -1
        if position > struck_at and not study.over():  # something has been recorded since: engines that begin slowly come to work
            study.kill_something(rng)
            struck_at = position + rng.randrange(4)
            kills += 1
        if not study.over():
            study.revive()
    study.second.wait(timeout=600)
    print(f'# {kills} kills, {args.trials} trials, {time.monotonic() - began:.1f} s')
    failures = check(study, args)
    if failures:
        study.explain()
    elif not args.keep:
        shutil.rmtree(directory)
    print('ok' if not failures else f'FAILED: {failures}; see {directory}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
