#!/usr/bin/env python3
"""The original documents, played with Clade: the mission's acceptance test. Usage: test_tutorials.py CLADE RL_NEXUS FILL [SCRIPT…]

Each script (*.txt here) follows one document, command by command, in the order of the document. The documents are in
../shared/originals beside the repository, or where CLADE_SHARED says; without them the test is skipped. A script is played in
a directory of its own, with `clade`, `rl_nexus` and `cli_fill` (tests/cli) on the PATH, the documents in $ORIGINALS and the helpers in $PROGRAMS.

  # text            a comment
  document: NAME    the document
  % COMMAND         preparation, by the shell; must succeed
  > text            a line of the document: a command, or a sentence that promises something. It must stand there, from the
                    one before; every command of the document must be quoted
  $ COMMAND         what is typed with Clade instead, by the shell
  later: WHAT       before the lines of an answer: Clade cannot do this yet, and WHAT brings it. The entry fails as soon as it
                    works, so that the list stays honest
  never: REASON     instead of a command: this is nothing that Clade does
  by: CLAUSE        the answer differs from the printed one because of this clause
  | text            a line of the answer; {{PATTERN}} in it is a regular expression
  |...              any number of lines
  printed N         the answer as the document prints it: the next N lines behind the last quoted line
  printed N apart from leading blanks
                    the same; a line `...` of the document is any number of lines
  printed from "X" to "Y"
                    the same for a table: the columns from X to Y, of rows that have them
  ! text            a line of stderr that must occur (with patterns); without any, stderr is not looked at
  = STATUS          the exit status, 0 where nothing else is said

Answers are compared to the byte, but for the columns of tables, where blanks at the ends of lines do not count.
"""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.Path(os.environ.get('CLADE_SHARED') or pathlib.Path(tap.ROOT).parent / 'shared')
# What is a command in a document: it begins a line, or stands in backquotes.
COMMANDS = re.compile(r'^ *(\(dilbert\) \S+>|xt |pip |conda |make )|`(sudo|make) ')


class Wrong(Exception):
    """An entry that is not as it should be."""


class Entry:
    """A command and its answer."""

    def __init__(self, number, quoted):
        self.number, self.quoted, self.command = number, quoted, None
        self.later = self.clause = None
        self.answer, self.errors, self.status = [], [], 0


class Document:
    """The lines of an original, and how far it has been followed."""

    def __init__(self, name):
        self.name, self.at, self.quoted = name, -1, set()
        self.lines = (SHARED / 'originals' / name).read_text(encoding='utf-8').splitlines()

    def quote(self, text):
        for i in range(max(self.at, 0), len(self.lines)):
            if text in self.lines[i]:
                self.at = i
                self.quoted.add(i)
                return
        raise Wrong(f'{self.name} does not say "{text}" behind its line {self.at + 1}')

    def check(self):
        left = [f'{i + 1}: {line}' for i, line in enumerate(self.lines) if COMMANDS.match(line) and i not in self.quoted]
        if left:
            raise Wrong(f'{self.name} has commands that no entry plays:\n' + '\n'.join(left))

    def printed(self, count):
        """Lines behind the quoted one, without the indent that they share."""
        lines = self.lines[self.at + 1:self.at + 1 + count]
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        return [line[indent:] for line in lines]

    def table(self):
        """The indented lines of the table behind the quoted line."""
        i = self.at + 1
        while i < len(self.lines) and (self.lines[i].startswith('    ') or not self.lines[i].strip()):
            i += 1
        return self.lines[self.at + 1:i]


def columns_of(lines, first, last):
    """The cells from one header to another, as they are printed, of lines that have them; header lines too."""
    header = next((line for line in lines if f' {first} ' in line and last in line), None)
    if header is None:
        raise Wrong(f'there is no header with {first} and {last} in:\n' + '\n'.join(lines))
    start, end = header.index(f' {first} ') + 1, header.index(f'{last}', header.index(first)) + len(last)
    return [line[start:end].rstrip() for line in lines if line[start:end].strip() and (line[:start] + ' ')[-1:] == ' '
            and not line.lstrip().startswith('total ')]


def pattern(line):
    parts = re.split(r'\{\{(.*?)\}\}(?!\})', line)
    return ''.join(part if i % 2 else re.escape(part) for i, part in enumerate(parts))


def read(path):
    """The document's name, and the steps of the script: ('%', number, text) or ('entry', Entry)."""
    name, steps, quoted, entry, later = None, [], [], None, None
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        mark, _, rest = line.partition(' ')
        if not line.strip() or mark == '#':
            continue
        if mark == 'document:':
            name = rest
        elif mark == '%':
            steps.append(('%', number, rest))
        elif mark == '>':
            quoted.append(rest)
        elif mark == 'never:':
            steps.append(('never', number, quoted))
            quoted = []
        elif mark == '$':
            entry, quoted = Entry(number, quoted), []
            entry.command = rest
            steps.append(('entry', number, entry))
        elif entry is None:
            raise Wrong(f'{path.name}:{number}: "{line}" belongs to no command')
        elif mark == 'later:':
            entry.later = rest
        elif mark == 'by:':
            entry.clause = rest
        elif mark == '!':
            entry.errors.append(rest)
        elif mark == '=':
            entry.status = int(rest)
        elif mark in ('|', '|...', 'printed'):
            entry.answer.append((mark, rest))
        else:
            raise Wrong(f'{path.name}:{number}: "{line}" has no mark that is known')
    if quoted:
        steps.append(('quote', 0, quoted))
    return name, steps


class Stage:
    """Where a script is played."""

    def __init__(self, directory, document, programs):
        self.directory, self.document = os.path.join(directory, 'rl_nexus'), document  # some write into the directory above
        os.mkdir(self.directory)
        kept = {k: v for k, v in os.environ.items() if k.startswith(('ASAN', 'UBSAN', 'LSAN'))}
        path = ':'.join([*(str(program.parent) for program in programs), os.environ['PATH']])
        self.environment = {**kept, 'PATH': path, 'TZ': 'UTC', 'LANG': 'C.UTF-8', 'HOME': str(directory), 'TERM': 'dumb',
                            'ORIGINALS': str(SHARED / 'originals'), 'PROGRAMS': str(HERE / 'programs'),
                            'PYTHONPATH': str(pathlib.Path(tap.ROOT) / 'clients/python')}

    def run(self, command):
        done = subprocess.run(['bash', '-c', command], cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=300, check=False)
        return done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace'), done.returncode

    def prepare(self, number, command):
        out, err, status = self.run(command)
        if status != 0:
            raise Wrong(f'line {number}: `{command}` ended with {status}:\n{out}{err}')

    def check(self, entry, out, err, status):
        """Raises Wrong when the answer is not the expected one."""
        if status != entry.status:
            raise Wrong(f'ended with {status} instead of {entry.status}')
        want, got = '', out.splitlines()
        for mark, rest in entry.answer:
            if mark == '|':
                want += pattern(rest) + '\n'
            elif mark == '|...':
                want += r'(?:.*\n)*?'
            elif rest.isdigit():
                want += ''.join(re.escape(line) + '\n' for line in self.document.printed(int(rest)))
            elif rest.endswith(' apart from leading blanks'):
                for line in self.document.printed(int(rest.split()[0])):
                    want += r'(?:.*\n)*?' if line == '...' else ' *' + re.escape(line.lstrip()) + '\n'
            else:
                self.compare_tables(*re.fullmatch(r'from "(.*)" to "(.*)"', rest).groups(), got)
                want = None
                break
        if want is not None and entry.answer and not re.fullmatch(want, '\n'.join(got) + '\n'):
            raise Wrong('the answer is not the expected one')
        for line in entry.errors:
            if not re.search('^' + pattern(line) + '$', err, re.MULTILINE):
                raise Wrong(f'stderr does not say: {line}')

    def compare_tables(self, first, last, got):
        want = columns_of(self.document.table(), first, last)
        mine = columns_of(got, first, last)
        if want != mine:
            raise Wrong('the document has\n' + '\n'.join(want) + '\nbut here it is\n' + '\n'.join(mine))


def play(script, directory, programs):
    """Play a script; returns how many entries there are of each sort."""
    name, steps = read(script)
    if not SHARED.is_dir():
        raise tap.Skip(f'{SHARED} is not there')
    document = Document(name)
    stage = Stage(directory, document, programs)
    counts, wrong = {'as printed': 0, 'by contract': 0, 'later': 0, 'never': 0}, []
    for kind, number, what in steps:
        if kind == '%':
            stage.prepare(number, what)
            continue
        for text in what.quoted if kind == 'entry' else what:
            document.quote(text)
        if kind != 'entry':
            counts['never'] += kind == 'never'
            continue
        out, err, status = stage.run(what.command)
        try:
            stage.check(what, out, err, status)
            if what.later is not None:
                wrong.append(f'{script.name}:{number}: `{what.command}` works now: remove its "later: {what.later}"')
        except Wrong as reason:
            if what.later is None:
                wrong.append(f'{script.name}:{number}: $ {what.command}\n{reason}\nstdout:\n{out}stderr:\n{err}= {status}')
        counts['later' if what.later else 'by contract' if what.clause else 'as printed'] += 1
    document.check()
    if wrong:
        raise AssertionError('\n\n'.join(wrong))
    return counts


def make_test(script, programs):
    def test(directory):
        counts = play(script, directory, programs)
        print(f'# {script.stem}: {sum(counts.values())} entries: ' + ', '.join(f'{n} {word}' for word, n in counts.items()), flush=True)
    return test


if __name__ == '__main__':
    programs = [pathlib.Path(path).resolve() for path in sys.argv[1:4]]
    scripts = [pathlib.Path(path) for path in sys.argv[4:]] or sorted(HERE.glob('*.txt'))
    tap.run({'test_' + re.sub(r'\W', '_', script.stem): make_test(script.resolve(), programs) for script in scripts})
