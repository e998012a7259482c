#!/usr/bin/env python3
"""Write the manual page as scdoc source: gen_man.py DESCRIPTION.json VERSION OUTPUT.scd (shape: tools/describe.py)."""
import re
import sys

import describe


def plain(text):
    """Text in which scdoc sees no markup."""
    text = re.sub(r'([\\*_])', r'\\\1', text)
    return re.sub(r'^([#\-|\[\]+.`])', r'\\\1', text, flags=re.MULTILINE)


def paragraphs(text):
    return [plain(' '.join(p.split())) for p in re.split(r'\n\s*\n', text) if p.strip()]


def option_lines(options):
    for option in options:
        names = ([f"*-{option['short']}*"] if option['short'] else []) + [f"*--{plain(option['long'])}*"]
        argument = f" _{plain(option['argument'])}_" if option['argument'] else ''
        choices = f" ({', '.join(plain(c) for c in option['choices'])})" if option.get('choices') else ''
        yield from [', '.join(names) + argument, '\t' + plain(' '.join(option['help'].split())) + choices, '']


def example_lines(examples):
    for example in examples:
        yield from [plain(' '.join(example['text'].split())), '', '```', example['command'].rstrip(), '```', '']


def command_lines(program, command):
    yield from [f"## {plain(program)} {plain(command['name'])}", '']
    yield from ['*' + plain(program) + '* ' + plain(command['usage']), '']
    for paragraph in paragraphs(command['description'] or command['summary']):
        yield from [paragraph, '']
    yield from option_lines(command['options'])
    yield from example_lines(command['examples'])


def page(tree, version):
    program = tree['program']
    yield from [f'{program}(1) "{program} {version}" "Clade"', '', '# NAME', '']
    yield from [f"{program} - {plain(describe.sentence(tree['summary']))}", '', '# SYNOPSIS', '']
    yield from [f'*{program}* _command_ \\[_option_...\\] \\[_argument_...\\]', '', '# OPTIONS OF EVERY COMMAND', '']
    yield from option_lines(tree['options'])
    yield from ['# COMMANDS', '']
    for command in tree['commands']:
        yield from command_lines(program, command)


def main():
    source, version, target = sys.argv[1:]
    text = '\n'.join(page(describe.load(source), version)) + '\n'
    with open(target, 'w', encoding='utf-8') as file:
        file.write(text)


if __name__ == '__main__':
    main()
