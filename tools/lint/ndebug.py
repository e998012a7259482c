#!/usr/bin/env python3
"""No warning appears when assert() is compiled out, as in ./dev build and ./dev bench. Usage: ndebug.py [DIR [FILE…]]"""
import subprocess
import sys

import database

FOLDERS = ('src', 'apps', 'trainer', 'examples', 'bench')


def main():
    root, only = database.arguments()
    build = database.setup(root)

    def check(entry):
        _, command, directory = entry
        result = subprocess.run([*command, '-DNDEBUG', '-fsyntax-only', '-fno-caret-diagnostics'], cwd=directory,
                                capture_output=True, text=True, errors='replace')
        return database.relative_paths(result.stderr, root, directory) if result.returncode else ''

    sys.exit(1 if database.check_all(check, database.entries(root, build, FOLDERS, only)) else 0)


if __name__ == '__main__':
    main()
