#!/usr/bin/env python3
"""Write the completion of a shell: gen_completion.py DESCRIPTION.json bash|zsh|fish OUTPUT (shape: tools/describe.py)."""
import sys

import describe


def quote(text):
    """One shell word."""
    return "'" + text.replace("'", "'\\''") + "'"


def spellings(option):
    return ['--' + option['long']] + (['-' + option['short']] if option['short'] else [])


# --- bash ------------------------------------------------------------------------------------------------------

BASH_HEAD = """# bash completion of {program}; generated, do not edit
_{program}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command='' options='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      -*) ;;
      {commands}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  if [[ $word == = ]]; then word=''; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD-2]}}; fi
  COMPREPLY=()
  case $command:$before in
"""

BASH_TAIL = """  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options {common}" -- "$word")
  elif [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "{names}" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _{program} {program}
"""


def bash_values(prefix, option):
    """A case branch that completes the argument of one option."""
    pattern = ' | '.join(f'{prefix}:{s}' for s in spellings(option))
    if option.get('choices'):
        words = f"compgen -W {quote(' '.join(option['choices']))} -- \"$word\""
    elif describe.takes_files(option):
        words = 'compgen -f -- "$word"'
    elif describe.takes_directories(option):
        words = 'compgen -d -- "$word"'
    else:
        return f'    {pattern}) return ;;\n'
    return f'    {pattern}) mapfile -t COMPREPLY < <({words}); return ;;\n'


def bash(tree):
    names = [c['name'] for c in tree['commands']]
    text = BASH_HEAD.format(program=tree['program'], commands=' | '.join(names))
    for option in tree['options']:
        text += bash_values('*', option) if option['argument'] else ''
    for command in tree['commands']:
        for option in command['options']:
            text += bash_values(command['name'], option) if option['argument'] else ''
    text += '  esac\n  case $command in\n'
    for command in tree['commands']:
        text += f"    {command['name']}) options={quote(' '.join(s for o in command['options'] for s in spellings(o)))} ;;\n"
    common = ' '.join(s for o in tree['options'] for s in spellings(o))
    return text + BASH_TAIL.format(program=tree['program'], common=common, names=' '.join(names))


# --- zsh -------------------------------------------------------------------------------------------------------

def zsh_escape(text):
    return text.replace('\\', '\\\\').replace('[', '\\[').replace(']', '\\]').replace(':', '\\:')


def zsh_option(option):
    """The _arguments specifications of one option."""
    action = ''
    if option['argument']:
        values = f"({' '.join(option['choices'])})" if option.get('choices') else ''
        values = '_files' if describe.takes_files(option) else '_directories' if describe.takes_directories(option) else values
        action = f":{zsh_escape(option['argument'])}:{values}"
    equals = {'--': '=' if option['argument'] else '', '-': ''}
    for spelling in spellings(option):
        sign = equals['--' if spelling.startswith('--') else '-']
        yield quote(f"{spelling}{sign}[{zsh_escape(describe.sentence(option['help']))}]{action}")


def zsh(tree):
    program = tree['program']
    common = [word for o in tree['options'] for word in zsh_option(o)]
    lines = [f'#compdef {program}', '# generated, do not edit', f'_{program}() {{', '  local curcontext=$curcontext state line',
             '  local -a commands', '  commands=(']
    lines += ['    ' + quote(f"{c['name']}:{describe.sentence(c['summary'])}") for c in tree['commands']]
    lines += ['  )', f"  _arguments -C {' '.join(common)} '1:command:->command' '*::argument:->argument'", '  case $state in',
              "    command) _describe -t commands command commands ;;", '    argument)', '      case $words[1] in']
    for command in tree['commands']:
        words = [word for o in command['options'] for word in zsh_option(o)] + common + [quote('*:argument:_files')]
        lines.append(f"        {command['name']}) _arguments {' '.join(words)} ;;")
    lines += ['      esac ;;', '  esac', '}', f'_{program} "$@"', '']
    return '\n'.join(lines)


# --- fish ------------------------------------------------------------------------------------------------------

def fish_quote(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def fish_option(program, option, condition):
    words = ['complete -c', program, condition, '-l', option['long']] + (['-s', option['short']] if option['short'] else [])
    if option.get('choices'):
        words += ['-x', '-a', fish_quote(' '.join(option['choices']))]
    elif describe.takes_directories(option):
        words += ['-x', '-a', "'(__fish_complete_directories)'"]
    elif option['argument']:
        words += ['-r'] if describe.takes_files(option) else ['-x']
    return ' '.join(w for w in words if w) + f" -d {fish_quote(describe.sentence(option['help']))}"


def fish(tree):
    program = tree['program']
    lines = [f'# fish completion of {program}; generated, do not edit']
    for command in tree['commands']:
        lines.append(f"complete -c {program} -f -n __fish_use_subcommand -a {command['name']} "
                     f"-d {fish_quote(describe.sentence(command['summary']))}")
    lines += [fish_option(program, o, '') for o in tree['options']]
    for command in tree['commands']:
        condition = f"-n '__fish_seen_subcommand_from {command['name']}'"
        lines += [fish_option(program, o, condition) for o in command['options']]
    return '\n'.join(lines) + '\n'


def main():
    source, shell, target = sys.argv[1:]
    text = {'bash': bash, 'zsh': zsh, 'fish': fish}[shell](describe.load(source))
    with open(target, 'w', encoding='utf-8') as file:
        file.write(text)


if __name__ == '__main__':
    main()
