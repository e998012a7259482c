"""The frame of the command line: help, mistakes, exit status; init, check, report. CLADE_EXE is the program."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

CLADE = os.environ['CLADE_EXE']
TRAIN = '''import argparse
parser = argparse.ArgumentParser()
parser.add_argument('--lr', type=float, default=0.0238)
parser.add_argument('--opt', choices=['adam', 'sgd'], default='sgd')
print('val_loss', 0.385)
'''
SPEC = '''study: small
program: ["sh", "-c", "exit 38", "{lr}"]
metric: {name: loss, goal: minimize}
hyperparameters:
  - name: lr
    range: [0.1, 0.9]
    tuned_value: 0.2385
trials: 23
parallel: 2
'''


def clade(directory, *words, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith('CLADE_')}
    environment.update(LANG='C.UTF-8', **variables)
    return subprocess.run([CLADE, *words], capture_output=True, text=True, cwd=directory, env=environment, stdin=subprocess.DEVNULL)


def expect(result, status, stdout='', stderr=''):
    assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
    for text, pattern in ((result.stdout, stdout), (result.stderr, stderr)):
        assert re.search(pattern, text) if pattern else text == '', (pattern, text)


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    return path


def description(directory):
    return json.loads(clade(directory, '__describe').stdout)


def test_every_command_has_help_with_options_and_examples(directory):
    commands = description(directory)['commands']
    assert {'init', 'check', 'report', 'help', 'version'} <= {c['name'] for c in commands}
    for command in commands:
        for words in (('help', command['name']), (command['name'], '--help'), (command['name'], '-h')):
            result = clade(directory, *words)
            expect(result, 0, stdout=f'^Usage: clade {command["name"]}')
            assert max(map(len, result.stdout.splitlines())) <= 200, result.stdout
            for option in command['options']:
                assert '--' + option['long'] in result.stdout, (command['name'], option)
            assert 1 <= len(command['examples']) <= 6, command['name']
            assert 'Examples:' in result.stdout and '--store' in result.stdout, result.stdout


def test_the_overview_names_every_command_once(directory):
    overview = clade(directory, 'help')
    expect(overview, 0, stdout='COMMAND --help')
    for command in description(directory)['commands']:
        assert len(re.findall(rf'^  {command["name"]} ', overview.stdout, re.MULTILINE)) == 1, command['name']
    assert clade(directory, '--help').stdout == overview.stdout
    expect(clade(directory), 2, stdout='^Usage: clade COMMAND')


def test_the_version_is_printed_by_word_and_option(directory):
    for words in (('version',), ('--version',), ('-V',)):
        expect(clade(directory, *words), 0, stdout=r'^clade \d+\.\d+\.\d+\n$')


def test_mistakes_have_status_2_one_line_and_a_hint(directory):
    for words, sentence in ((('lsit',), "did you mean 'list'"), (('ver',), "did you mean 'version'"), (('xyzzy',), 'clade help lists'),
                            (('check', '--jsno', 'a'), 'did you mean --json'), (('check',), 'clade check SPEC'),
                            (('version', 'now'), 'one argument too many'), (('--stroe', 'x', 'list'), 'no command'),
                            (('help', 'nothing'), 'clade help lists')):
        result = clade(directory, *words)
        expect(result, 2, stderr=re.escape(sentence))
        assert result.stderr.startswith('clade: ') and result.stderr.count('\n') == 1, result.stderr


def test_common_options_may_stand_before_the_command(directory):
    path = write(directory, 'small.yaml', SPEC)
    before = clade(directory, '--store', 'x.db', '--json', 'check', path)
    after = clade(directory, 'check', path, '--json', '--store=x.db')
    expect(before, 0, stdout='^{')
    assert before.stdout == after.stdout


def test_check_shows_what_a_spec_would_do(directory):
    path = write(directory, 'small.yaml', SPEC)
    result = clade(directory, 'check', path)
    expect(result, 0, stdout=r'space +1 hyperparameter\n  lr .*0\.1 … 0\.9')
    for words in ('small', 'random, 23 trials, 2 at a time; minimize loss', "sh -c 'exit 38' 0.2385", os.path.join(directory, 'clade.db')):
        assert words in result.stdout, result.stdout
    settings = json.loads(clade(directory, 'check', path, '--json').stdout)
    assert settings['trials'] == 23 and settings['hyperparameters'][0]['name'] == 'lr', settings
    assert os.listdir(directory) == ['small.yaml'], os.listdir(directory)


def test_check_shows_the_place_of_a_mistake(directory):
    path = write(directory, 'small.yaml', SPEC.replace('trials:', 'trails:'))
    expect(clade(directory, 'check', path), 2, stderr=r'small\.yaml:8:1: (.|\n)*trials')


def test_the_page_of_the_spec_names_every_key_and_its_examples_are_right(directory):
    with open(os.path.join(tap.ROOT, 'docs/spec.md'), encoding='utf-8') as file:
        page = file.read()
    examples = re.findall(r'```yaml\n(.*?)```', page, re.DOTALL)
    for number, example in enumerate(examples):
        expect(clade(directory, 'check', write(directory, f'example-{number}.yaml', example)), 0, stdout='space +[35] hyperparameters')
    assert len(examples) == 2
    lists = [SPEC + 'qwertz: 1', SPEC.replace('name: loss', 'qwertz: 1'), SPEC.replace('range:', 'qwertz: 1\n    range:'), SPEC + 'limits: {qwertz: 1}']
    for text in lists:
        result = clade(directory, 'check', write(directory, 'wrong.yaml', text))
        expect(result, 2, stderr='expected: one of ')
        for key in result.stderr.split('expected: one of ')[1].strip().split(', '):
            assert re.search(rf'`([^`]*\W)?{key}\b[^`]*`', page), key
    result = clade(directory, 'check', write(directory, 'wrong.yaml', SPEC + 'search: qwertz'))
    for method in result.stderr.split('it has ')[1].split('\n')[0].split(', '):
        assert f'| `{method}` |' in page, method


def test_what_does_not_exist_has_status_3(directory):
    expect(clade(directory, 'check', 'missing.yaml'), 3, stderr='missing.yaml')
    expect(clade(directory, 'check', 'missing'), 3, stderr='clade.db')


def test_init_writes_a_spec_that_check_accepts_and_never_overwrites(directory):
    write(directory, 'train.py', TRAIN)
    result = clade(directory, 'init', 'train.py')
    expect(result, 0, stderr=r'Wrote train\.yaml(.|\n)*clade run train\.yaml')
    first = open(os.path.join(directory, 'train.yaml'), encoding='utf-8').read()
    assert 'tuned_value: 0.0238' in first, first
    expect(clade(directory, 'check', 'train.yaml'), 0, stdout='2 hyperparameters')
    write(directory, 'train.yaml', 'mine')
    expect(clade(directory, 'init', 'train.py'), 2, stderr='--force')
    assert open(os.path.join(directory, 'train.yaml'), encoding='utf-8').read() == 'mine'
    for word in ('--force', '--yes', '-f'):
        expect(clade(directory, 'init', 'train.py', word), 0, stderr='Wrote')
        assert open(os.path.join(directory, 'train.yaml'), encoding='utf-8').read() == first
    assert clade(directory, 'init', 'train.py', '-o', '-').stdout == first
    expect(clade(directory, 'init', 'train.py', '-q', '-o', 'other.yaml'), 0)
    expect(clade(directory, 'init', 'missing.py'), 3, stderr='missing.py')


def test_report_outside_of_a_study_says_so(directory):
    expect(clade(directory, 'report', 'accuracy=0.93', '--step', '10'), 1, stderr='no trial of a study')
    expect(clade(directory, 'report', 'accuracy:', '-0.93', 'loss:inf'), 1, stderr='no trial of a study')
    for word in ('accuracy', '=3', 'accuracy=', 'accuracy=high', 'accuracy:'):
        expect(clade(directory, 'report', word), 2, stderr='NAME=NUMBER')


def test_colors_are_for_terminals(directory):
    assert '\x1b' not in clade(directory, 'help', 'check').stdout


def test_a_full_disk_is_an_error(directory):
    with open('/dev/full', 'w', encoding='utf-8') as full:
        result = subprocess.run([CLADE, 'help'], stdout=full, stderr=subprocess.PIPE, text=True, cwd=directory)
    assert result.returncode == 1 and 'not complete' in result.stderr, result


tap.run(globals())
