#!/usr/bin/env python3
"""clang-tidy with the checks of .clang-tidy. Usage: tidy.py [DIR [FILE…]]

A file that passed is not looked at again until it, a header of it, or .clang-tidy changes (build-clang/tidy-passed/).
"""
import hashlib
import subprocess
import sys

import database

TIDY = 'clang-tidy-14'
FOLDERS = ('src', 'apps', 'trainer', 'examples', 'bench')


def fingerprint(root, command, directory):
    """What the result depends on: the preprocessed text with its comments (NOLINT), and the checks."""
    text = subprocess.run([*command, '-E', '-C'], cwd=directory, capture_output=True, check=False)
    if text.returncode:
        return None
    return hashlib.sha256((root / '.clang-tidy').read_bytes() + text.stdout).hexdigest()


def main():
    root, only = database.arguments()
    build = database.setup(root)
    passed = build / 'tidy-passed'
    passed.mkdir(exist_ok=True)

    def check(entry):
        path, command, directory = entry
        key = fingerprint(root, command, directory)
        if key and (passed / key).exists():
            return ''
        # One command line: with two of them in the database clang-tidy 14 reads the file twice and loses its va_lists.
        result = subprocess.run([TIDY, '--quiet', str(root / path), '--', *command[1:-1]], cwd=directory,
                                capture_output=True, text=True, errors='replace')
        if result.returncode == 0:
            if key:
                (passed / key).touch()
            return ''
        text = result.stdout + result.stderr
        return database.relative_paths(text, root, directory) or text

    sys.exit(1 if database.check_all(check, database.entries(root, build, FOLDERS, only)) else 0)


if __name__ == '__main__':
    main()
