"""The clang build of a directory, DIR/build-clang, and how each of its C files is compiled there."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

import source

CLANG = 'clang-14'
MESSAGE = re.compile(r'\S+:\d+(:\d+)?: |ninja: error|.*undefined reference')


def setup(root):
    """DIR/build-clang, set up when it is not there and brought up to date with the meson.build files."""
    build = root / 'build-clang'
    if not (build / 'build.ninja').exists():
        run(['meson', 'setup', str(build), '-Dbuildtype=debugoptimized', '-Dwerror=true'], root, CC=CLANG)
    run(['ninja', '-C', str(build), 'build.ninja'], root)
    return build


def run(command, cwd, **environment):
    """Run quietly; on failure print everything and leave with 1."""
    result = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, errors='replace')
    if result.returncode:
        print(result.stdout + result.stderr)
        sys.exit(1)
    return result.stdout


def introspect(build, kind):
    return json.loads((build / 'meson-info' / f'intro-{kind}.json').read_text())


def entries(root, build, folders, only=()):
    """(path relative to root, command without output, directory) of every C file in these folders, each once."""
    found = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        path = pathlib.Path(os.path.normpath(os.path.join(entry['directory'], entry['file'])))
        if not path.is_relative_to(root):
            continue
        relative = path.relative_to(root)
        if relative.parts[0] in folders and (not only or relative.as_posix() in only):
            found[relative] = (relative, bare(shlex.split(entry['command'])), entry['directory'])
    return [found[key] for key in sorted(found)]


def bare(command):
    """A compile command without ccache, output and dependency files."""
    kept, skip = [], False
    for word in command:
        if skip:
            skip = False
        elif word in ('-o', '-MF', '-MQ', '-MT'):
            skip = True
        elif word not in ('-c', '-MD', '-MMD', '-fcolor-diagnostics') and os.path.basename(word) != 'ccache':
            kept.append(word)
    return kept


def check_all(check, items):
    """Run check(item) -> text on all cores; print what it says; returns whether anything was said."""
    said = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(check, items):
            if text:
                said = True
                print(text.rstrip(), flush=True)
    return said


def relative_paths(text, root, directory):
    """The messages of a compiler with paths from the root, `src/base/err.c:12:3: error: …`, without excerpts of the source."""
    up = os.path.relpath(root, directory) + '/'
    lines = (line.replace(f'{root}/', '').replace(f'{os.path.basename(directory)}/{up}', '').removeprefix(up)
             for line in text.splitlines())
    return '\n'.join(line for line in lines if MESSAGE.match(line))


def arguments():
    """(root, file names) from the command line of a rule: [DIR [FILE…]]."""
    return source.root_of(sys.argv[1:]), sys.argv[2:]
