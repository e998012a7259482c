"""A program in a pseudo terminal, and what stands on its screen."""
import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios


def variables(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(('CLADE_', 'FAKE_')) and k not in ('COLUMNS', 'LINES', 'NO_COLOR')}
    return {**kept, 'LANG': 'C.UTF-8', 'LC_ALL': 'C.UTF-8', 'TERM': 'xterm', **more}


class Screen:
    """As much of a terminal as the display uses: text that wraps, newlines, up, clear to the end of line and screen."""

    def __init__(self, width):
        self.lines, self.row, self.column, self.width = [''], 0, 0, width

    def down(self):
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append('')

    def put(self, character):
        if self.column == self.width:
            self.down()
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
        self.column += 1

    def escape(self, number, letter):
        if letter == 'A':
            self.row = max(0, self.row - int(number or 1))
        elif letter == 'K':
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == 'J':
            self.lines = self.lines[:self.row + 1]
            self.lines[self.row] = self.lines[self.row][:self.column]
        else:
            assert letter == 'm', f'unknown sequence {number}{letter}'

    def feed(self, text):
        for match in re.finditer(r'\x1b\[([\d;]*)([A-Za-z])|(\r)|(\n)|(.)', text):
            number, letter, back, down, character = match.groups()
            if letter:
                self.escape(number, letter)
            elif back:
                self.column = 0
            elif down:
                self.down()
            else:
                self.put(character)

    def text(self):
        return '\n'.join(line.rstrip() for line in self.lines)


class Terminal:
    """The program in a pseudo terminal."""

    def __init__(self, directory, program, *words, size=(80, 24), **more):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', size[1], size[0], 0, 0))
        self.process = subprocess.Popen([program, *words], stdin=slave, stdout=slave, stderr=slave, cwd=directory, env=variables(**more),
                                        start_new_session=True)
        os.close(slave)
        self.raw = ''
        self.decoder = codecs.getincrementaldecoder('utf-8')()
        self.screen = Screen(size[0])

    def read(self):
        """More output; False at the end."""
        ready = select.select([self.master], [], [], 60)[0]
        assert ready, f'nothing came for 60 s after: {self.raw[-500:]}'
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        text = self.decoder.decode(data)
        self.raw += text
        self.screen.feed(text)
        return bool(data)

    def read_until(self, pattern):
        while not re.search(pattern, self.screen.text()):
            assert self.read(), f'{pattern} never came: {self.screen.text()}'

    def finish(self):
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait()
