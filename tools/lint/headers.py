#!/usr/bin/env python3
"""Every header of include/clade is installed, and every installed header compiles alone, as C11 (pedantic) and as C++17, with
nothing but the installed headers beside it. Usage: headers.py [DIR]"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import database

WARNINGS = ['-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-fno-caret-diagnostics']
LANGUAGES = ([database.CLANG, '-x', 'c', '-std=c11', '-pedantic'], ['clang++-14', '-x', 'c++', '-std=c++17', '-pedantic'])


def stage(build, folder):
    """Copy the installed headers as they will stand under include/; returns {copy: source}."""
    copies = {}
    for origin, target in database.introspect(build, 'installed').items():
        if '/include/' in target and target.endswith('.h'):
            copy = folder / target.split('/include/', 1)[1]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, copy)
            copies[copy] = origin
    return copies


def compile_alone(header, folder, language):
    """What the compiler says about a program that holds only this header, twice."""
    include = f'#include "{header.relative_to(folder)}"\n'
    result = subprocess.run([*language, *WARNINGS, '-I', str(folder), '-'], input=include * 2 + 'int main(void);\n',
                            capture_output=True, text=True)
    return result.stderr if result.returncode else ''


def main():
    root, _ = database.arguments()
    build = database.setup(root)
    with tempfile.TemporaryDirectory(prefix='clade-headers-') as name:
        folder = pathlib.Path(name)
        copies = stage(build, folder)
        said = ''.join(compile_alone(h, folder, language) for h in sorted(copies) for language in LANGUAGES)
        for copy, origin in copies.items():
            said = said.replace(str(copy), str(pathlib.Path(origin).relative_to(root)))
    installed = {pathlib.Path(origin).resolve() for origin in copies.values()}
    for header in sorted((root / 'include/clade').glob('*.h')):
        if header not in installed:
            said += f'{header.relative_to(root)}:1: is not installed; name it in include/meson.build\n'
    print(said, end='')
    sys.exit(1 if said else 0)


if __name__ == '__main__':
    main()
