#!/usr/bin/env python3
"""Functions this house does not call. Usage: banned.py [DIR]

Comments and literals are not searched. Each entry: names, where they are banned, where not, what to do instead.
"""
import re
import sys

import source

EVERYWHERE = ('src', 'include', 'apps', 'trainer', 'examples', 'tests', 'bench')
LIBRARY = ('src', 'include', 'trainer')
BANNED = (
    ('strcpy strcat stpcpy sprintf vsprintf gets', EVERYWHERE, (), 'it cannot know the size: snprintf, memcpy or base/text.h'),
    ('strtok', EVERYWHERE, (), 'it has hidden state: strchr, strcspn'),
    ('atoi atol atoll atof', EVERYWHERE, (), 'it cannot report an error: base/text.h'),
    ('rand srand random srandom drand48', EVERYWHERE, (), 'its stream depends on the C library: base/rng.h'),
    ('alloca', EVERYWHERE, (), 'it cannot fail: base/alloc.h'),
    ('setjmp longjmp sigsetjmp siglongjmp', LIBRARY + ('apps', 'examples', 'bench'), (), 'errors are returned: base/err.h'),
    ('malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf', ('src', 'apps'),
     ('src/base/alloc.c',), 'memory comes from base/alloc.h'),
    ('printf vprintf puts putchar perror', LIBRARY, ('trainer/console.c',), 'a library does not print: return a sentence'),
    ('stdout stderr', ('src', 'include'), (), 'a library does not print: return a sentence'),
    ('exit abort', LIBRARY, (), 'a library does not end the program: return an error'),
    ('system', LIBRARY + ('apps',), (), 'a shell in between misquotes: src/launch starts programs'),
)


def within(path, places):
    return any(path == place or path.startswith(place + '/') for place in places)


def patterns(path):
    """(pattern, remedy) of the entries that hold for this file."""
    for names, where, exempt, remedy in BANNED:
        if within(path, where) and not within(path, exempt):
            stream = names.startswith('stdout')
            words = '|'.join(names.split())
            yield re.compile(rf'(?<![\w.>])({words})\b' + ('' if stream else r'\s*\(')), remedy


def main():
    root, findings = source.root_of(sys.argv[1:]), []
    for path in source.walk(root, '.c', '.h'):
        rules = list(patterns(path.as_posix()))
        for number, line in source.lines(root, path) if rules else ():
            for pattern, remedy in rules:
                findings += [(path, number, f'{m.group(1)} is banned: {remedy}') for m in pattern.finditer(line)]
    source.finish(findings)


if __name__ == '__main__':
    main()
