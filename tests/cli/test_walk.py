"""The walk-through docs/search-to-answer.md, played: its files, its commands, its output. CLADE_EXE is the program.

A block "```LANGUAGE FILE" is a file; a block "```console" holds commands after "$ " and what they print to stdout. A line "…"
stands for any lines, and seconds may differ.
"""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from terminal import variables

CLADE = pathlib.Path(os.environ['CLADE_EXE'])
PAGE = pathlib.Path(tap.ROOT) / 'docs' / 'search-to-answer.md'
BLOCK = re.compile(r'^```(\w+) ?(\S*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def commands(block):
    """[(command, printed)…]"""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith('$ '):
            found.append((line[2:].strip(), ''))
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def pattern(printed):
    text = re.escape(printed).replace(re.escape('…\n'), '(?:.*\n)*?')
    return re.sub(r'(trials\\? in\\? )[0-9.\\:]+(\\? [smhd]+)?', r'\1[0-9.:]+(?: [smhd]+)?', text)


def test_walk_from_search_to_answer_goes_as_written(directory):
    environment = variables(PATH=f'{CLADE.parent}:{os.environ["PATH"]}', LANG='C.UTF-8')
    played = 0
    for language, name, body in BLOCK.findall(PAGE.read_text(encoding='utf-8')):
        if name:
            (pathlib.Path(directory) / name).write_text(body, encoding='utf-8')
            continue
        assert language == 'console', language
        for command, printed in commands(body):
            done = subprocess.run(['bash', '-c', command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=250, check=False)
            out = done.stdout.decode()
            assert re.fullmatch(pattern(printed), out), f'$ {command}\nshould print:\n{printed}\nbut prints:\n{out}\n{done.stderr.decode()}'
            played += 1
    assert played >= 10, played


tap.run(globals())
