#!/usr/bin/env python3
"""docs/errors.md says what the program says. Usage: errors.py [DIR]

Findings: a sentence of its tables (the code in their first column, `…` for what varies) that no source has; a status of
include/clade/error.h that its table lacks or that means something else there; an error of the rooms below, mistakes of
callers (EINVAL) apart, that no sentence of the page covers.
"""
import re
import sys

import source

PAGE = 'docs/errors.md'
WHOLE = ('src/store', 'src/search')  # every error of these rooms stands on the page
CALL = re.compile(r'\b(?:CL_FAIL|CL_FAIL_CAUSE|cl_cli_complain)\(')
STATUS = re.compile(r'X\((E[A-Z]+), -\d+, "([^"]*)"\)')
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
CODE = re.compile(r'`` (.+?) ``|`([^`]+)`')
GAP = re.compile(r'%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j)?[a-zA-Z]|…')


def arguments(text, at):
    """The arguments of a call whose parenthesis ends before `at`."""
    depth, found, start, quoted = 1, [], at, False
    while depth and at < len(text):
        c = text[at]
        if quoted:
            at += c == '\\'
            quoted = c != '"'
        elif c == '"':
            quoted = True
        elif c in '([{':
            depth += 1
        elif c in ')]}':
            depth -= 1
        if not quoted and (depth == 0 or (c == ',' and depth == 1)):
            found.append(text[start:at])
            start = at + 1
        at += 1
    return found


def pieces(sentence):
    """What stands between the gaps, without blanks at their ends."""
    return [p.strip() for p in GAP.split(sentence) if p.strip()]


def literals(text):
    text = re.sub(r'"\s*PRI[a-zA-Z]+\d+\s*"', 'lld', text)
    return ''.join(LITERAL.findall(text)).replace('\\"', '"').replace('\\n', ' ').replace('%%', '%')


def sentences(root):
    """(path, line, status, sentence) of every error, and the text of all literals for those that are put together."""
    found, everything = [], []
    for path in source.walk(root, '.c'):
        if not str(path).startswith(('src/', 'apps/', 'trainer/')):
            continue
        text = (root / path).read_text()
        everything.append(literals(text))
        for call in CALL.finditer(text):
            args = arguments(text, call.end())
            rest = literals(','.join(args[2:]))
            if rest:
                found.append((path, text.count('\n', 0, call.start()) + 1, args[1].strip(), rest))
    return found, '\n'.join(everything)


def holds(text, parts):
    """The parts stand in the text, in this order."""
    at = 0
    for part in parts:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def rows(page):
    """(line, cells) of the tables' rows."""
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith('| ') and not line.startswith('|--'):
            yield number, [cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]]


def main():
    root, findings = source.root_of(sys.argv[1:]), []
    page = (root / PAGE).read_text()
    found, everything = sentences(root)
    statuses = dict(STATUS.findall((root / 'include/clade/error.h').read_text()))
    documented, seen = [], set()
    for number, cells in rows(page):
        if cells[0] in statuses:
            seen.add(cells[0])
            if cells[1] != statuses[cells[0]]:
                findings.append((PAGE, number, f"{cells[0]} means '{statuses[cells[0]]}' in include/clade/error.h"))
            continue
        for code in [a or b for a, b in CODE.findall(cells[0])]:
            parts = pieces(code)
            documented.append(parts)
            if parts and not any(holds(s[3], parts) for s in found) and not holds(everything, parts):
                findings.append((PAGE, number, f"nothing says '{code}' any more"))
    for status in statuses:
        if status not in seen:
            findings.append((PAGE, 1, f'the table of statuses lacks {status}'))
    for path, line, status, sentence in found:
        if not str(path).startswith(WHOLE) or status in ('CLADE_EINVAL', 'CLADE_ENOMEM') or not pieces(sentence):
            continue
        if not any(parts and holds(sentence, parts) for parts in documented):
            findings.append((path, line, f"{PAGE} has no entry for '{sentence}'"))
    source.finish(findings)


if __name__ == '__main__':
    main()
