#!/usr/bin/env python3
"""The shared libraries export exactly what tools/symbols.txt lists, only names of clade_, and every function that an installed
header declares. Usage: symbols.py [DIR] [--update]

An exported name is a promise to users: a new one is added to the list on purpose, by hand or with --update.
"""
import os
import pathlib
import re
import subprocess
import sys

import database
import source

DECLARED = re.compile(r'^(?!static|typedef|#)\w[\w\s*]*\b(clade_\w+)\s*\(')


def libraries(root, build):
    """{name: path} of the installed shared libraries, built."""
    found = {}
    for target in database.introspect(build, 'targets'):
        if target['type'] == 'shared library' and target['installed']:
            path = target['filename'][0]
            database.run(['ninja', '-C', str(build), os.path.relpath(path, build)], root)
            found['lib' + target['name']] = path
    return found


def exported(path):
    output = subprocess.run(['nm', '-D', '--defined-only', path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split('@')[0] for line in output.splitlines()}


def place(root, symbol):
    """(path, line) where a symbol is defined (not only declared), as far as a text search finds it."""
    pattern = re.compile(rf'^\w[^;=]*\b{symbol}\b(?!.*\)\s*;\s*$)')
    for path in source.walk(root, '.c'):
        if path.parts[0] in ('src', 'trainer'):
            for number, line in source.lines(root, path):
                if pattern.match(line):
                    return path, number
    return 'tools/symbols.txt', 1


def compare(root, listed, library, found):
    for symbol in sorted(found):
        if not symbol.startswith('clade_'):
            yield (*place(root, symbol), f'{library} exports {symbol}; only names of clade_ are public')
        elif (library, symbol) not in listed:
            yield (*place(root, symbol), f'{library} exports {symbol}, which tools/symbols.txt does not list')
    for (owner, symbol), number in listed.items():
        if owner == library and symbol not in found:
            yield 'tools/symbols.txt', number, f'{library} does not export {symbol}'


# What a plugin exports for us, and we only call.
THEIRS = {'clade_plugin_entry', 'clade_policies_entry'}


def undelivered(root, build, symbols):
    """Functions that installed headers declare and no library exports."""
    for origin in database.introspect(build, 'installed'):
        path = pathlib.Path(origin)
        if path.suffix == '.h' and path.resolve().is_relative_to(root):
            path = path.resolve().relative_to(root)
            for number, line in source.lines(root, path):
                found = DECLARED.match(line)
                if found and found.group(1) not in symbols | THEIRS:
                    yield path, number, f'{found.group(1)} is declared for users and not exported: implement it with CLADE_API'


def main():
    words = [a for a in sys.argv[1:] if a != '--update']
    root = source.root_of(words)
    build = database.setup(root)
    libs = {name: exported(path) for name, path in libraries(root, build).items()}
    table = root / 'tools/symbols.txt'
    if '--update' in sys.argv:
        rows = sorted(f'{name} {s}' for name, symbols in libs.items() for s in symbols if s.startswith('clade_'))
        table.write_text('\n'.join(['# What the shared libraries export: library, name. See tools/lint/symbols.py.', *rows, '']))
    listed = {}
    for number, line in enumerate(table.read_text().splitlines(), 1):
        if line and line[0] != '#':
            listed[tuple(line.split())] = number
    findings = [f for name, symbols in libs.items() for f in compare(root, listed, name, symbols)]
    source.finish(findings + list(undelivered(root, build, set().union(*libs.values()))))


if __name__ == '__main__':
    main()
