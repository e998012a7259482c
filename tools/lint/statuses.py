#!/usr/bin/env python3
"""A test for every status that a public header names. Usage: statuses.py [--list] [DIR]

Read are include/clade/*.h and what trainer/ installs: the comment right above a declaration belongs to it, and to the
declarations that follow without a comment of their own. A test is a function of a C file below tests/, with the functions
of the same file that it calls; it tests the pair when it calls the function and names the status a few lines from there. tools/statuses.txt lists
other pairs, a line each: function, status, and the test in another language or of a lower room that names the status, or
`-` and why there is none. A line there whose pair has a test by now, is in no header, or whose file does not name it is
a finding.
--list shows all pairs, with the file that tests each.
"""
import re
import sys

import source

PUBLIC = ('include/clade/', 'trainer/trainer.h', 'trainer/stages.h', 'trainer/loss.h', 'trainer/report.h')
EXCEPTIONS = 'tools/statuses.txt'
STATUS = re.compile(r'\bCLADE_(E[A-Z]+|BUSY|EMPTY|MORE|STOP|REPEATED)\b')
DECLARED = re.compile(r'^CLADE_API int\s+(clade_\w+)\s*\(', re.M)
FUNCTION = re.compile(r'^(?:static )?[a-z][\w \*]*?\b(\w+)\([^;{}]*\) \{\n.*?^\}', re.S | re.M)
WORD = re.compile(r'\b\w+\b')
BEFORE, NEAR = 1, 5  # lines


def pairs_of(text):
    """(function, status) for every status in the comment above a function that returns one, or behind it."""
    found, above, lines = [], [], text.splitlines()
    at = 0
    while at < len(lines):
        first = at
        if lines[at].startswith('/*'):
            while '*/' not in lines[at]:
                at += 1
            above = STATUS.findall('\n'.join(lines[first:at + 1]))
        elif not lines[at].strip():
            above = []
        elif lines[at].startswith('CLADE_API'):
            while ';' not in lines[at] or lines[at].count('/*') > lines[at].count('*/'):
                at += 1
            declaration = '\n'.join(lines[first:at + 1])
            found += [(name, s) for name in DECLARED.findall(declaration) for s in above + STATUS.findall(declaration)]
        at += 1
    return found


def public_pairs(root):
    pairs = {}
    for path in source.walk(root, '.h'):
        if str(path).startswith(PUBLIC):
            for pair in pairs_of((root / path).read_text()):
                pairs.setdefault(pair, str(path))
    return pairs


def tests_of(text):
    """For each function of a file: its lines as sets of words, and the words of the functions of the file that it calls."""
    own = {m.group(1): [set(WORD.findall(line)) for line in m.group().splitlines()] for m in FUNCTION.finditer(text)}
    words = {name: set().union(*lines) for name, lines in own.items()}
    for name, lines in own.items():
        seen, todo = {name}, [name]
        while todo:
            called = [w for w in words[todo.pop()] if w in own and w not in seen]
            seen.update(called)
            todo += called
        yield lines, set().union(*(words[w] for w in seen - {name}))


def brings_about(pair, lines, helped):
    """Is the status near the call; or the call in a helper, and the status in the test?"""
    name, status = pair[0], 'CLADE_' + pair[1]
    if name in helped and any(status in line for line in lines):
        return True
    return any(name in line and any(status in near for near in lines[max(0, n - BEFORE):n + NEAR])
               for n, line in enumerate(lines))


def tested_pairs(root, pairs):
    tested = {}
    for path in source.walk(root, '.c'):
        if not str(path).startswith('tests/'):
            continue
        text = (root / path).read_text()
        wanted = [p for p in pairs if p not in tested and p[0] in text and 'CLADE_' + p[1] in text]
        for lines, helped in tests_of(text) if wanted else ():
            for pair in wanted:
                if brings_about(pair, lines, helped):
                    tested.setdefault(pair, str(path))
    return tested


def exceptions(root):
    """{pair: (line, what is wrong with it or null)} of the pairs that are tested elsewhere, or not."""
    found = {}
    path = root / EXCEPTIONS
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if not line.strip() or line.startswith('#'):
            continue
        name, status, where = (line.split(None, 2) + ['', ''])[:3]
        test = root / where.split()[0] if where and where[0] != '-' else None
        wrong = 'has neither a test nor a reason' if len(where) < 3 else None
        if test is not None and (not test.is_file() or status not in test.read_text()):
            wrong = f'is not named in {where}'
        found[(name, status)] = number, wrong
    return found


def main(arguments):
    listing = '--list' in arguments
    root = source.root_of([a for a in arguments if a != '--list'])
    pairs = public_pairs(root)
    tested, excepted = tested_pairs(root, pairs), exceptions(root)
    findings = 0
    for pair, path in sorted(pairs.items()):
        name, status = pair
        if listing:
            print(f'{name} {status}: {tested.get(pair, "excepted" if pair in excepted else "no test")}')
        elif pair not in tested and pair not in excepted:
            print(f'{path}: no test brings about {name} -> CLADE_{status}')
            findings += 1
    for pair, (number, wrong) in excepted.items() if not listing else ():
        if pair not in pairs or pair in tested:
            wrong = 'has a test' if pair in tested else 'is in no header'
        if wrong:
            print(f'{EXCEPTIONS}:{number}: {" ".join(pair)} {wrong}')
            findings += 1
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
