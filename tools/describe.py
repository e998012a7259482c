"""The description of the command line that `clade __describe` prints, from which the manual page and the completions are made.

  {"program": "clade", "summary": "one line",
   "options": [OPTION…],                                     for every command
   "commands": [{"name": "run", "summary": "one line", "usage": "run [OPTION…] SPEC", "description": "paragraphs, parted
                 by empty lines", "options": [OPTION…], "examples": [{"command": "clade run x.yaml", "text": "what it does"}]}]}

  OPTION: {"long": "trials", "short": "n" or null, "argument": "N" or null, "help": "one line"}, and where an argument is one of
  a few words: "choices": ["word"…]. Arguments named FILE, SPEC or PATH complete to files, DIR to directories.

`usage` names the arguments after the program; all keys but `choices` must be there, of these types.
"""
import json
import sys

TEXT, MAYBE = (str,), (str, type(None))
SHAPES = {
    'program': {'program': TEXT, 'summary': TEXT, 'options': (list,), 'commands': (list,)},
    'command': {'name': TEXT, 'summary': TEXT, 'usage': TEXT, 'description': TEXT, 'options': (list,), 'examples': (list,)},
    'option': {'long': TEXT, 'short': MAYBE, 'argument': MAYBE, 'help': TEXT},
    'example': {'command': TEXT, 'text': TEXT},
}


def check(kind, thing, where):
    """Leave with a sentence when a part of the description has not its shape."""
    for key, types in SHAPES[kind].items():
        if not isinstance(thing, dict) or not isinstance(thing.get(key, ...), types):
            sys.exit(f'{where}: {kind} needs "{key}" ({"/".join(t.__name__ for t in types)}); see tools/describe.py')


def load(path):
    """Read and check a description."""
    with open(path, encoding='utf-8') as file:
        tree = json.load(file)
    check('program', tree, path)
    for option in tree['options']:
        check('option', option, f'{path}: options')
    for command in tree['commands']:
        check('command', command, f'{path}: commands')
        place = f"{path}: {command['name']}"
        for option in command['options']:
            check('option', option, place)
        for example in command['examples']:
            check('example', example, place)
    return tree


def sentence(text):
    """A summary without the full stop that lists do not want."""
    return text.strip().removesuffix('.')


def takes_files(option):
    return option['argument'] in ('FILE', 'SPEC', 'PATH')


def takes_directories(option):
    return option['argument'] == 'DIR'
