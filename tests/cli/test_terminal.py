#!/usr/bin/env python3
"""What a terminal sees. Usage: test_terminal.py DIRECTORY-OF-CLADE FILL"""
import fcntl
import os
import pathlib
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import tap

CLADE, FILL = (pathlib.Path(p).resolve() for p in sys.argv[1:3])
SGR = re.compile(r'\x1b\[[0-9;]*m')


def fill(directory):
    subprocess.run([FILL, pathlib.Path(directory) / 'clade.db', 'mnist', 'pbt', 'hostile'], check=True)


def see(arguments, directory, columns=80, rows=24, answer=None, **more):
    """(text, status) of clade on a terminal of this size."""
    kept = {k: v for k, v in os.environ.items() if k.startswith(('ASAN', 'UBSAN', 'LSAN'))}
    environment = {**kept, 'TZ': 'UTC', 'LANG': 'C.UTF-8', 'TERM': 'xterm-256color', 'PATH': os.environ['PATH'], **more}
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(CLADE / 'clade', ['clade', *arguments], environment)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    text, end = b'', time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
        if answer is not None and b'[y/N] ' in text:
            os.write(fd, answer)
            answer = None
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    return text.decode().replace('\r\n', '\n'), status


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in SGR.sub('', line))


def test_tables_fit_the_terminal_and_say_what_is_missing(directory):
    fill(directory)
    text, status = see(['list', 'mnist'], directory, 60)
    assert status == 0
    table, note = text.split('total runs listed: 12\n')
    assert all(width(line) <= 60 for line in table.splitlines()), table
    assert 'did not fit (--wide shows all)' in note, note
    assert 'val_accuracy' in table and 'opt' not in SGR.sub('', table).split('\n')[0]
    text, _ = see(['list', 'mnist', '--wide'], directory, 60)
    assert 'did not fit' not in text and 'momentum' in text
    text, _ = see(['list', 'mnist'], directory, 200, 60)
    assert 'did not fit' not in text and 'opt' in text


def test_colors_are_for_terminals_that_want_them(directory):
    fill(directory)
    assert SGR.search(see(['list', 'mnist'], directory)[0])
    assert not SGR.search(see(['list', 'mnist'], directory, NO_COLOR='1')[0])
    assert not SGR.search(see(['list', 'mnist'], directory, TERM='dumb')[0])
    assert not SGR.search(see(['--no-color', 'list', 'mnist'], directory)[0])


def test_columns_of_the_environment_win(directory):
    fill(directory)
    text, _ = see(['list', 'mnist'], directory, 200, COLUMNS='50')
    assert all(width(line) <= 50 for line in text.split('total')[0].splitlines())


def test_without_utf8_everything_is_ascii(directory):
    fill(directory)
    for arguments in (['list'], ['show', 'mnist'], ['show', 'pbt/1'], ['best', 'mnist', '--history'], ['list', '/all']):
        text, status = see(arguments, directory, LANG='C')
        assert status == 0 and text.isascii(), (arguments, text)


def test_hostile_texts_cannot_steer_the_terminal(directory):
    fill(directory)
    for arguments in (['list'], ['list', '/all'], ['show', '/2'], ['show'], ['log'], ['log', '--last', '2'], ['list', 'x\x1b[2J'],
                      ['list', '/all', '--columns', '\x1b]0;x\x07']):
        text = SGR.sub('', see(arguments, directory)[0])
        assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f\u0080-\u009f\u202e]', text), (arguments, repr(text[:2000]))


def test_deleting_asks_and_takes_no_for_an_answer(directory):
    fill(directory)
    text, status = see(['delete', 'pbt'], directory, answer=b'n\n')
    assert status == 1 and 'Delete study pbt with its 4 trials' in text, text
    assert see(['list', 'pbt'], directory)[1] == 0
    text, status = see(['delete', 'pbt'], directory, answer=b'y\n')
    assert status == 0, text
    assert see(['list', 'pbt'], directory)[1] == 3


def test_a_search_without_randomness_is_asked_about(directory):
    with open(os.path.join(directory, 'fixed.yaml'), 'w', encoding='utf-8') as file:
        file.write('job_launcher:\n  hp_tuning: random\n  total_runs: 2\nhyperparameters:\n  - name: &lr\n'
                   '    ordered_tuning_values: [0.1, 0.25]\n    tuned_value: 0.1\nrate: *lr\n')
    command = ['run', 'fixed.yaml', '--', 'sh', '-c', 'echo loss=2.385']
    text, status = see(command, directory, answer=b'n\n')
    assert status == 1 and '`randint` occurs nowhere' in text and 'nothing was started' in text, text
    assert os.listdir(directory) == ['fixed.yaml'], os.listdir(directory)
    text, status = see(command, directory, answer=b'y\n')
    assert status == 0 and text.count('[y/N]') == 1 and 'fixed is finished' in text, text
    text, status = see([*command[:1], '--yes', '--again', *command[1:]], directory)
    assert status == 0 and '[y/N]' not in text, text


def test_drawings_fit_every_size(directory):
    fill(directory)
    for columns, rows in ((80, 24), (200, 60), (40, 10), (20, 5)):
        text, status = see(['show', 'mnist/5'], directory, columns, rows)
        drawing = SGR.sub('', text).split('\nval_accuracy\n')[1].split('\n\n')[0]
        assert status == 0 and all(width(line) <= columns for line in drawing.splitlines()), (columns, drawing)


tap.run(globals())
