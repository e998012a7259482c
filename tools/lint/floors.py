#!/usr/bin/env python3
"""The floor rule: an include points only to a lower floor. Usage: floors.py [DIR]

Reads the block fenced as ```floors in DIR/ARCHITECTURE.md, one statement per line, top floor first:

  floor ROOM…                  the rooms of one floor; a room sees the rooms of all lower floors and itself
  only ROOM THING…             ROOM sees these and itself, whatever the floors say; a room without a floor needs this line
  may ROOM THING…              ROOM sees these as well; ROOM `*` is every room
  free ROOM…                   tests and tools: they see everything
  header NAME… : ROOM…         who may include this library's header; `+src/model` means that floor and all above

THING is a room or one file. NAME is the name between the angle brackets; a trailing `*` stands for the rest.
"""
import fnmatch
import re
import sys

import source

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
FENCE = re.compile(r'^```floors\n(.*?)^```', re.DOTALL | re.MULTILINE)
PLACES = ('', 'src', 'include', 'apps', 'trainer', 'examples', 'tests')


class House:
    def __init__(self, text):
        self.floors, self.only, self.extra, self.free, self.headers = [], {}, {}, [], []
        for line in text.splitlines():
            self.read(line.split('#')[0].split())
        self.rooms = [r for floor in self.floors for r in floor] + list(self.only) + self.free

    def read(self, words):
        if not words:
            return
        kind, rest = words[0], words[1:]
        if kind == 'floor':
            self.floors.append(rest)
        elif kind == 'only':
            self.only[rest[0]] = rest[1:]
        elif kind == 'may':
            self.extra.setdefault(rest[0], []).extend(rest[1:])
        elif kind == 'free':
            self.free += rest
        elif kind == 'header' and ':' in rest:
            self.headers.append((rest[:rest.index(':')], rest[rest.index(':') + 1:]))
        else:
            sys.exit(f"ARCHITECTURE.md: the floor list has no statement '{' '.join(words)}'")

    def room(self, path):
        """The room a path lies in: the longest that contains it, or None."""
        return max((r for r in self.rooms if path == r or path.startswith(r + '/')), key=len, default=None)

    def height(self, room):
        """Floors counted from the top; None for a room without a floor."""
        return next((i for i, floor in enumerate(self.floors) if room in floor), None)

    def sees(self, room, target):
        """May a file of `room` include the file `target`?"""
        there = self.room(target)
        if room in self.free or there == room:
            return True
        allowed = self.only.get(room, []) + self.extra.get(room, []) + self.extra.get('*', [])
        if target in allowed or there in allowed:
            return True
        mine, theirs = self.height(room), self.height(there)
        return room not in self.only and mine is not None and theirs is not None and mine < theirs

    def reason(self, room):
        if room in self.only:
            return 'it sees only ' + ' '.join(self.only[room] + self.extra.get('*', []))
        return 'an include points only to a lower floor'

    def users(self, words):
        for word in words:
            if word.startswith('+'):
                yield from (r for floor in self.floors[:self.height(word[1:]) + 1] for r in floor)
            else:
                yield word

    def library_users(self, name):
        """Rooms that may include <name>; None when the header is bound to nobody."""
        for patterns, rooms in self.headers:
            if any(fnmatch.fnmatch(name, p) for p in patterns):
                return list(self.users(rooms))
        return None


def resolve(root, path, name):
    """The file of the tree that an include names, or None."""
    places = [path.parent.as_posix()] + list(PLACES)
    if name.startswith('clade/'):
        places, name = ['include', 'trainer'], name if (root / 'include' / name).is_file() else name[len('clade/'):]
    for place in places:
        candidate = (root / place / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate.relative_to(root).as_posix()
    siblings = list((root / path.parts[0]).rglob(name)) if '/' not in name else []
    return siblings[0].relative_to(root).as_posix() if len(siblings) == 1 else None


def judge(house, root, path, bracket, name):
    """The sentence about one include, or None when it is right."""
    room = house.room(path.as_posix())
    if room is None:
        return f'{path} lies in no room of the floor list in ARCHITECTURE.md'
    target = resolve(root, path, name)
    if target is None and bracket == '"':
        return f'"{name}" names no file of the tree; includes are written from src/, as "base/err.h"'
    if target is not None and (bracket == '"' or name.startswith('clade/')):
        if not house.sees(room, target):
            return f'{room} must not see {target}: {house.reason(room)}'
        return None
    users = house.library_users(name)
    if users is not None and room not in users and room not in house.free:
        return f'{room} must not include <{name}>; it belongs to {" ".join(users)}'
    return None


def main():
    root = source.root_of(sys.argv[1:])
    fence = FENCE.search((root / 'ARCHITECTURE.md').read_text())
    if not fence:
        sys.exit('ARCHITECTURE.md: there is no block fenced as ```floors')
    house, findings = House(fence.group(1)), []
    for path in source.walk(root, '.c', '.h'):
        for number, line in source.lines(root, path, literals=False):
            include = INCLUDE.match(line)
            sentence = include and judge(house, root, path, *include.groups())
            if sentence:
                findings.append((path, number, sentence))
    source.finish(findings)


if __name__ == '__main__':
    main()
