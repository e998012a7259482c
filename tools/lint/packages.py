#!/usr/bin/env python3
"""Every dependency that a meson.build names stands in tools/packages.txt, so ./dev setup installs it. Usage: packages.py [DIR]"""
import re
import sys

import source

NAMED = re.compile(r"(?:dependency|find_library)\(\s*'([^']+)'")


def main():
    root, findings = source.root_of(sys.argv[1:]), []
    table = [line.split() for line in (root / 'tools/packages.txt').read_text().splitlines()]
    provided = {name for row in table if row and row[0] != '#' and len(row) > 2 for name in row[2].split(',')}
    for path in source.walk(root, 'meson.build'):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            for name in NAMED.findall(line.split('#')[0]):
                if name not in provided:
                    findings.append((path, number, f"no package of tools/packages.txt provides '{name}'"))
    source.finish(findings)


if __name__ == '__main__':
    main()
