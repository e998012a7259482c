#!/usr/bin/env python3
"""Choose tests and count what they did: the part of `./dev test` that needs a parser.

  tools/tests.py select BUILD FILTER…   names of the tests whose suite is FILTER or whose name contains it (all without one)
  tools/tests.py select-benchmarks BUILD FILTER…   the same of the benchmarks
  tools/tests.py targets BUILD NAME…    what must be built for these tests, as ninja names it
  tools/tests.py count BUILD NAME…      after `meson test`: the failures, then `N passed, N failed[, N skipped]`

One test program (TAP) holds many cases. A case counts as passed only when the program printed its `ok` line. A program that
crashed, leaked, timed out, never ran or left planned cases out is one failure, however many of its cases passed before.
cmocka 1.1.5 prints a skipped case as `not ok N # SKIP`, which Meson calls a failure; here it is what it says.
Reads meson-info/intro-tests.json and intro-targets.json (what there is) and meson-logs/testlog.json (what ran). Exit 1 when anything failed.
"""
import json
import pathlib
import re
import sys

CASE = re.compile(r'(not )?ok\b(?:\s+\d+)?\s*-?\s*([^#]*)(?:#\s*(skip|todo)\w*\s*(.*))?', re.IGNORECASE)
PLAN = re.compile(r'1\.\.(\d+)\s*(#\s*skip\S*\s*(.*))?', re.IGNORECASE)
SHOWN_LINES = 60
BAD = ('FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS')


class Tally:
    """Counts, and the sentences about what was not as it should be."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures, self.notes = [], []

    def fail(self, sentence):
        self.failed += 1
        self.failures.append(sentence)

    def skip(self, sentence):
        self.skipped += 1
        self.notes.append(sentence)


def load_tests(build, kind='tests'):
    """What Meson knows: a list of {name, suite, protocol, …}; kind is 'tests', 'benchmarks' or 'targets'."""
    return json.loads((build / 'meson-info' / f'intro-{kind}.json').read_text())


def load_log(build):
    """What ran: one record per program. A line that was cut off belongs to a program that did not finish."""
    path = build / 'meson-logs' / 'testlog.json'
    records = []
    for line in path.read_text(errors='replace').splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            pass
    return records


def matches(test, word):
    return word in test['name'] or any(suite.split(':')[-1] == word for suite in test['suite'])


def select(build, words, kind='tests'):
    tests = load_tests(build, kind)
    chosen = [t for t in tests if not words or any(matches(t, w) for w in words)]
    strangers = [w for w in words if not any(matches(t, w) for t in tests)]
    suites = sorted({s.split(':')[-1] for t in tests for s in t['suite']})
    if not tests:
        print(f'there are no {kind} yet', file=sys.stderr)
    elif strangers:
        print(f"none of the {kind} is named like '{strangers[0]}'; suites: {' '.join(suites)}", file=sys.stderr)
    else:
        print('\n'.join(dict.fromkeys(t['name'] for t in chosen)))
        return 0
    return 2


def select_benchmarks(build, words):
    return select(build, words, 'benchmarks')


def targets(build, names):
    """Prints the files that these tests depend on; a test that is a script may have none."""
    made = {t['id']: t['filename'] for t in load_tests(build, 'targets')}
    files = [file for t in load_tests(build) if t['name'] in names for id in t['depends'] for file in made[id]]
    for file in dict.fromkeys(files):
        print(pathlib.Path(file).relative_to(build.resolve()))
    return 0


def count_case(tally, program, line):
    """Count one `ok` line; returns whether it was one."""
    found = CASE.match(line)
    if not found:
        return False
    bad, name, directive, reason = found.groups()
    label = f'{program}: {name.strip() or (reason or "").strip()}'
    if directive:
        why = f' {reason.strip()}' if name.strip() and reason else ''
        tally.skip(f'{label} ({directive.lower()}{why})')
    elif bad:
        tally.fail(label)
    else:
        tally.passed += 1
    return True


def count_tap(tally, record):
    """Count the cases of one TAP program; what it planned and did not report is one failure of the program."""
    program, before = record['short'], (tally.failed, tally.skipped)
    planned, seen = None, 0
    for line in record.get('stdout', '').splitlines():
        plan = PLAN.match(line)
        if plan and planned is None:
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2):
                tally.skip(f'{program}: {plan.group(3) or "skipped"}')
        elif not plan:
            seen += count_case(tally, program, line)
    failed, skipped = tally.failed - before[0], tally.skipped - before[1]
    missing = 'no plan, so nothing shows what ran' if planned is None else f'{seen} of {planned} planned cases ran'
    if failed:
        if planned is not None and seen < planned:
            tally.notes.append(f'{program}: {missing}')
        return
    complete = planned == seen and (seen > 0 or skipped > 0)
    only_skips = record['result'] == 'FAIL' and skipped > 0 and record['returncode'] == 0
    if not complete or (record['result'] in BAD and not only_skips):
        tally.fail(f"{program}: {record['result']}, exit status {record['returncode']}, {missing}")


def count_plain(tally, record):
    """Count a program that is one case: its exit status is its result."""
    if record['result'] == 'SKIP':
        tally.skip(record['short'])
    elif record['result'] in ('OK', 'EXPECTEDFAIL'):
        tally.passed += 1
    else:
        tally.fail(f"{record['short']}: {record['result']}, exit status {record['returncode']}")


def count(build, names):
    tally = Tally()
    protocols = {t['name']: t['protocol'] for t in load_tests(build)}
    waiting = list(dict.fromkeys(names))
    for record in load_log(build):
        record['short'] = record['name'].split(' / ')[-1]
        if record['short'] in waiting:
            waiting.remove(record['short'])
        failed = tally.failed
        (count_tap if protocols.get(record['short']) == 'tap' else count_plain)(tally, record)
        if tally.failed > failed:
            show(record)
    for name in waiting:
        tally.fail(f'{name}: was asked for and did not run')
    report(tally)
    return 1 if tally.failed or not tally.passed + tally.skipped else 0


def show(record):
    """The end of what a failed program printed (Meson leaves the output of TAP programs out)."""
    print(f"--- {record['short']} printed last:")
    for text in (record.get('stdout', ''), record.get('stderr', '')):
        for line in text.splitlines()[-SHOWN_LINES:]:
            print('  ' + line)


def report(tally):
    for note in tally.notes:
        print(f'note: {note}')
    for failure in tally.failures:
        print(f'FAILED {failure}')
    tail = f', {tally.skipped} skipped' if tally.skipped else ''
    print(f'{tally.passed} passed, {tally.failed} failed{tail}', flush=True)


def main(arguments):
    commands = {'select': select, 'select-benchmarks': select_benchmarks, 'targets': targets, 'count': count}
    if len(arguments) < 2 or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[arguments[0]](pathlib.Path(arguments[1]), arguments[2:])


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
