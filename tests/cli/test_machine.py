"""Studies on a machine that has run out of something, or whose store is taken away. CLADE_EXE is the program.
What needs a mount or a limit of its own runs in a user namespace, and is skipped where there are none."""
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from terminal import variables

CLADE = os.environ['CLADE_EXE']
QUICK = ('--', 'sh', '-c', 'echo loss=0.238', '--lr=[0.1,0.2]')
# The first trial ends at once, the others when there is a file `go`, or `here` is gone.
HELD = ('--', 'sh', '-c', '[ $CLADE_TRIAL = 1 ] || while [ -e here ] && [ ! -e go ]; do sleep 0.05; done; echo loss=0.238', '--lr=[0.1,0.2]')


def clade(directory, *words, status=0, **more):
    done = subprocess.run([CLADE, *words], capture_output=True, text=True, cwd=directory, env=variables(), stdin=subprocess.DEVNULL, timeout=300, **more)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done


def run(directory, *options, program=QUICK, **more):
    return clade(directory, 'run', '--minimize', 'loss', '-q', '--name', 's', *options, *program, **more)


def apart(directory, script):
    """A shell script in a namespace of its own, as its root; None where that is not allowed."""
    probe = subprocess.run(['unshare', '-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt'], capture_output=True, check=False) if shutil.which('unshare') else None
    if probe is None or probe.returncode != 0:
        return None
    return subprocess.run(['unshare', '-rm', 'bash', '-c', script], capture_output=True, text=True, cwd=directory, env=variables(CLADE=CLADE),
                          stdin=subprocess.DEVNULL, timeout=300, check=False)


class Held:
    """A study whose first trial has ended and whose others wait."""

    def __init__(self, directory):
        self.directory = directory
        self.write('here')
        self.process = subprocess.Popen([CLADE, 'run', '--minimize', 'loss', '--name', 's', '-n', '4', '--grace', '0.1', *HELD], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, cwd=directory, env=variables(), stdin=subprocess.DEVNULL)
        seen = ''
        while '1/4' not in seen:
            line = self.process.stderr.readline()
            assert line, seen
            seen += line

    def write(self, name):
        with open(os.path.join(self.directory, name), 'w', encoding='utf-8'):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        os.remove(os.path.join(self.directory, 'here'))
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def finish(self):
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err


def agrees(directory, trials):
    clade(directory, 'check', 's')
    rows = json.loads(clade(directory, 'list', 'trials', 's', '--json').stdout)
    assert [row['trial'] for row in rows] == list(range(1, trials + 1)), rows
    assert all(row['state'] == 'COMPLETE' and row['metrics']['loss'] == 0.238 for row in rows), rows


def test_a_store_that_is_taken_away_ends_its_engine_with_a_sentence(directory):
    for number, way in enumerate(('removed', 'renamed', 'replaced')):
        place = os.path.join(directory, way)
        os.mkdir(place)
        store = os.path.join(place, 'clade.db')
        with Held(place) as held:
            if way == 'replaced':
                with sqlite3.connect(store, timeout=60) as base:
                    base.execute('VACUUM INTO ?', (store + '.copy',))
                os.rename(store + '.copy', store)
            elif way == 'renamed':
                os.rename(store, store + '.old')
            else:
                os.remove(store)
            status, out, err = held.finish()
            assert status == 1 and 'was removed, or another file was put in its place' in err, (way, number, status, out, err)
            assert 'is finished' not in out, out


def test_a_store_that_was_moved_and_put_back_goes_on(directory):
    store = os.path.join(directory, 'clade.db')
    with Held(directory) as held:
        os.rename(store, store + '.away')
        assert held.finish()[0] == 1
        os.rename(store + '.away', store)
        held.write('go')
        done = clade(directory, 'resume', '-q')
        assert 's is finished: 4 trials' in done.stdout, (done.stdout, done.stderr)
    agrees(directory, 4)


def test_a_store_that_another_program_locks_is_waited_for(directory):
    with Held(directory) as held:
        base = sqlite3.connect(os.path.join(directory, 'clade.db'), timeout=60, isolation_level=None)
        base.execute('BEGIN IMMEDIATE')
        held.write('go')
        assert 's/4' not in clade(directory, 'list').stdout  # readers do not wait
        assert held.process.poll() is None
        base.execute('ROLLBACK')
        base.close()
        status, out, err = held.finish()
        assert status == 0 and '(4 complete)' in out, (status, out, err)
    agrees(directory, 4)


def test_a_disk_that_is_full_ends_the_run_and_nothing_is_lost(directory):
    script = '''
      mount -t tmpfs -o size=700k none . && cd "$PWD" || exit 99
      said=$("$CLADE" run --minimize loss -q --name s -n 300 -p 2 -- sh -c 'echo loss=0.238; head -c 9000 /dev/zero' '--lr=[0.1,0.2]' 2>&1)
      [ $? = 1 ] || { echo "$said"; exit 98; }
      echo "$said" | grep -qi 'full\\|No space' || { echo "$said"; exit 97; }
      mount -o remount,size=200m . && "$CLADE" check s && "$CLADE" resume s -q && "$CLADE" check s && "$CLADE" list trials s --all --json'''
    done = apart(directory, script)
    if done is None:
        raise tap.Skip('no user namespaces')
    assert done.returncode == 0, (done.returncode, done.stdout[-600:], done.stderr[-1500:])
    rows = json.loads(done.stdout[done.stdout.index('[\n'):])
    assert len(rows) == 300 and {row['state'] for row in rows} <= {'COMPLETE', 'FAILED'}, rows[-3:]


def test_a_file_that_may_not_grow_is_a_failed_write_and_no_death(directory):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (150 << 10, 150 << 10))
    done = run(directory, '-n', '300', '-p', '2', status=1, preexec_fn=limit)
    assert 'clade.db' in done.stderr and 'I/O error' in done.stderr, done.stderr
    clade(directory, 'check', 's')
    done = clade(directory, 'resume', 's', '-q')
    assert 's is finished: 300 trials' in done.stdout, (done.stdout, done.stderr)


def test_output_that_cannot_be_written_is_told(directory):
    run(directory, '-n', '2')
    for words in (['list'], ['list', '--json'], ['export', 's'], ['show', 's'], ['log', 's'], ['best', 's'], ['help']):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([CLADE, *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=directory, env=variables(), timeout=300, check=False)
        assert done.returncode == 1 and 'No space left' in done.stderr, (words, done.returncode, done.stderr)


def test_a_read_only_disk_is_read_and_refuses_the_rest_with_a_sentence(directory):
    run(directory, '-n', '2', '--store', 'a%3f#b.db')
    run(directory, '-n', '2')
    script = '''
      mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" || exit 99
      "$CLADE" list && "$CLADE" list trials s && "$CLADE" check s && "$CLADE" best s && "$CLADE" log s && "$CLADE" export s || exit 98
      "$CLADE" list --store 'a%3f#b.db' || exit 97
      for words in 'stop s' 'resume s' 'delete --yes s' 'update s -n 9' 'run --minimize loss -n 1 --name t -- true'; do
        "$CLADE" $words 2>&1; [ $? = 1 ] || { echo "$words" >&2; exit 96; }
      done'''
    done = apart(directory, script)
    if done is None:
        raise tap.Skip('no user namespaces')
    assert done.returncode == 0, (done.returncode, done.stdout[-1500:], done.stderr)
    assert done.stdout.count('Read-only file system') == 5, done.stdout
    agrees(directory, 2)


def test_without_watches_a_study_runs_and_another_engine_is_noticed(directory):
    for limit in ('max_inotify_watches', 'max_inotify_instances'):
        place = os.path.join(directory, limit)
        os.mkdir(place)
        script = f'''
          echo 0 > /proc/sys/user/{limit} || exit 99
          "$CLADE" run --minimize loss -q --name s -n 3 -p 1 -- sh -c 'while [ ! -e go ]; do sleep 0.05; done; echo loss=0.238' '--lr=[0.1,0.2]' & first=$!
          for i in $(seq 600); do "$CLADE" list trials s 2>/dev/null | grep -q RUNNING && break; sleep 0.05; done
          "$CLADE" work s --slots 2 -q & second=$!
          for i in $(seq 600); do [ "$("$CLADE" list trials s | grep -c RUNNING)" = 3 ] && break; sleep 0.05; done
          touch go; wait $first && wait $second'''
        done = apart(place, script)
        if done is None:
            raise tap.Skip('no user namespaces')
        assert done.returncode == 0, (limit, done.returncode, done.stdout, done.stderr)
        agrees(place, 3)


def test_without_descriptors_nothing_begins_and_with_few_it_works(directory):
    for n in (4, 8, 12, 20, 40):
        done = clade(directory, 'run', '--minimize', 'loss', '-q', '--name', 's', '-n', '3', *QUICK, status=1,
                     preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        assert done.stderr.startswith('clade: '), (n, done.stderr)
        shutil.rmtree(os.path.join(directory, 'clade.db.d'), ignore_errors=True)
        for name in ('clade.db', 'clade.db-wal', 'clade.db-shm', 'clade.db.lock'):
            if os.path.exists(os.path.join(directory, name)):
                os.remove(os.path.join(directory, name))
    run(directory, '-n', '6', '-p', '2', preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)))
    agrees(directory, 6)


def test_directories_that_vanish_cost_their_trials_and_no_more(directory):
    with Held(directory) as held:
        place, end = os.path.join(directory, 'clade.db.d', 's', '2'), time.monotonic() + 120
        while not os.path.exists(os.path.join(place, 'attempt-1', 'stdout')):  # it trains, and its files are there
            assert time.monotonic() < end
            time.sleep(0.02)
        shutil.rmtree(place)
        held.write('go')
        status, out, err = held.finish()
        assert status == 0 and 's is finished: 4 trials' in out, (status, out, err)
    clade(directory, 'check', 's')


def test_a_store_that_is_no_store_is_refused(directory):
    path = os.path.join(directory, 'clade.db')
    for content in (b'', b'SQLite format 3\0' + b'\0' * 100, os.urandom(5000), b'x' * 100000):
        with open(path, 'wb') as file:
            file.write(content)
        done = subprocess.run([CLADE, 'list'], capture_output=True, text=True, cwd=directory, env=variables(), timeout=300, check=False)
        assert done.returncode == (3 if content == b'' else 1) and done.stderr.startswith('clade: '), (content[:20], done)
    os.remove(path)
    os.mkdir(path)
    assert 'clade: ' in run(directory, '-n', '1', status=1).stderr
    os.rmdir(path)
    with sqlite3.connect(path) as base:
        base.execute('CREATE TABLE someone (elses INTEGER)')
    done = run(directory, '-n', '1', status=1)
    assert 'clade.db' in done.stderr, done.stderr
    with sqlite3.connect(path) as base:
        assert [row[0] for row in base.execute('SELECT name FROM sqlite_master')] == ['someone']


tap.run(globals())
