#!/usr/bin/env python3
"""Everything compiles with clang without a warning. Usage: clang.py [DIR [TARGET…]]; builds in DIR/build-clang."""
import subprocess
import sys

import database


def main():
    root, targets = database.arguments()
    build = database.setup(root)
    result = subprocess.run(['ninja', '-C', str(build), '-k', '0', *targets], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, errors='replace')
    if result.returncode:
        print(database.relative_paths(result.stdout, root, build) or result.stdout)
    sys.exit(1 if result.returncode else 0)


if __name__ == '__main__':
    main()
