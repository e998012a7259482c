#!/usr/bin/env python3
"""Two engines are stopped with SIGSTOP, one after the other, for longer than a lease lives, and continued.

Usage: stopped_engines.py CLADE TRAINER [--stop SECONDS] [--trials N]

The engine that is stopped holds the lease at first; the other takes it over; the first one wakes up with decisions it
believes to be allowed, and has to find out that they are not. At the end exactly N trials count, none completed twice,
no answered report is lost, and the store agrees with its log (kill.py's facts).
"""
import argparse
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True


def load_kill():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kill', 'kill.py')
    spec = importlib.util.spec_from_file_location('kill', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def holder(study):
    return study.query('SELECT lease_holder FROM studies')[0][0]


def stop_for(study, engine, seconds):
    """Stop it until the lease is another one's, and let it go on; the holders before and after."""
    before = after = holder(study)
    os.kill(engine.pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    while after == before and time.monotonic() < end and not study.over():
        time.sleep(0.1)
        after = holder(study)
    os.kill(engine.pid, signal.SIGCONT)
    return before, after


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('clade')
    parser.add_argument('trainer')
    parser.add_argument('--stop', type=float, default=120, help='seconds that it is stopped at most')
    parser.add_argument('--trials', type=int, default=150)
    args = parser.parse_args()
    args.pause, args.kills, args.postgres, args.clade = 150, 0, False, os.path.abspath(args.clade)
    kill = load_kill()
    directory = tempfile.mkdtemp(prefix='clade-stop-')
    study = kill.Study(args, directory)
    try:
        time.sleep(1)
        first = stop_for(study, study.first, args.stop)
        time.sleep(1)
        second = stop_for(study, study.second, args.stop)
        print(f'# lease: {first[0]}, then {first[1]}, then {second[1]}')
        study.first.wait(timeout=300)
        study.second.wait(timeout=300)
        taken = first[0] != first[1] and second[0] != second[1]
        print(f"{'ok  ' if taken else 'FAIL'} the lease was taken over twice")
        failures = [] if taken else ['takeover']
        print('# nobody died, so nothing need have been adopted')
        failures += [f for f in kill.check(study, args) if 'adopted' not in f]
    finally:
        for engine in (study.first, study.second):
            if engine.poll() is None:
                engine.kill()
    if not failures:
        shutil.rmtree(directory)
    print('ok' if not failures else f'FAILED: {failures}; see {directory}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
