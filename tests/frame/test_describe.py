"""The manual page and the completions made from a description of the command line (tests/frame/describe.json)."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

FIXTURE = os.path.join(tap.ROOT, 'tests/frame/describe.json')


def tool(name, *arguments):
    return subprocess.run([os.path.join(tap.ROOT, 'tools', name), *arguments], capture_output=True, text=True)


def made(directory, name, *arguments):
    """What a generator writes for the fixture."""
    target = os.path.join(directory, 'out')
    result = tool(name, FIXTURE, *arguments, target)
    assert result.returncode == 0, result.stderr
    return pathlib.Path(target)


def man_text(directory):
    tap.need('scdoc')
    source = made(directory, 'gen_man.py', '0.1.0').read_text()
    result = subprocess.run(['scdoc'], input=source, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr + source
    return result.stdout.replace('\\&', '')


def bash_completes(directory, *words):
    """The sorted proposals for the last of these words."""
    script = made(directory, 'gen_completion.py', 'bash')
    array = ' '.join("'" + w + "'" for w in words)
    program = f'source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _clade; printf "%s\\n" "${{COMPREPLY[@]}}"'
    result = subprocess.run(['bash', '--norc', '-c', program], capture_output=True, text=True, cwd=directory)
    assert result.returncode == 0 and result.stderr == '', result.stderr
    return sorted(result.stdout.split())


def test_the_manual_page_has_every_command_option_and_example(directory):
    page = man_text(directory)
    for word in ('.TH "clade" "1"', 'clade - Search, train and steer hyperparameters', '.SS clade run', '.SS clade list',
                 '--trials', '--store', '--sort', 'clade run --trials 50 mnist.yaml', 'Fifty trials', 'random, grid, tpe'):
        assert word in page, f'{word} in: {page}'


def test_text_of_the_description_is_no_markup(directory):
    page = man_text(directory)
    assert 'Uses *no* markup_of_its_own.' in page, page
    assert '- stops when `trials` have ended' in page, page
    assert "how many [at most]: it's a limit" in page, page


def test_bash_proposes_commands(directory):
    assert bash_completes(directory, 'clade', '') == ['list', 'run']
    assert bash_completes(directory, 'clade', 'l') == ['list']


def test_bash_proposes_the_options_of_the_command_and_the_common_ones(directory):
    assert bash_completes(directory, 'clade', 'run', '--') == ['--dir', '--json', '--method', '--store', '--trials']
    assert bash_completes(directory, 'clade', '--json', 'list', '--s') == ['--sort', '--store']


def test_bash_proposes_values_files_and_directories(directory):
    os.mkdir(os.path.join(directory, 'work'))
    pathlib.Path(directory, 'spec.yaml').touch()
    assert bash_completes(directory, 'clade', 'run', '--method', '') == ['grid', 'random', 'tpe']
    assert bash_completes(directory, 'clade', 'run', '--method', '=', 'r') == ['random']
    assert bash_completes(directory, 'clade', 'run', '--method', '=') == ['grid', 'random', 'tpe']
    assert bash_completes(directory, 'clade', 'run', '--dir', '') == ['work']
    assert bash_completes(directory, 'clade', 'run', 's') == ['spec.yaml']
    assert bash_completes(directory, 'clade', 'run', '--store', 's') == ['spec.yaml']
    assert bash_completes(directory, 'clade', 'run', '--trials', '') == []


def test_bash_completion_passes_shellcheck(directory):
    tap.need('shellcheck')
    script = made(directory, 'gen_completion.py', 'bash')
    result = subprocess.run(['shellcheck', '--shell=bash', '--severity=warning', str(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_zsh_accepts_its_completion(directory):
    tap.need('zsh')
    script = made(directory, 'gen_completion.py', 'zsh')
    result = subprocess.run(['zsh', '-n', str(script)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    text = script.read_text()
    assert text.startswith('#compdef clade\n') and "'run:Run a study'" in text
    assert "'--trials=[how many \\[at most\\]\\: it'\\''s a limit]:N:'" in text and ':(random grid tpe)' in text, text


def test_fish_proposes_commands_options_and_values(directory):
    tap.need('fish')
    script = made(directory, 'gen_completion.py', 'fish')
    def proposals(line):
        result = subprocess.run(['fish', '--no-config', '-c', f'source {script}; complete -C "{line}"'], capture_output=True,
                                text=True, cwd=directory, env={**os.environ, 'HOME': directory})
        assert result.returncode == 0 and result.stderr == '', result.stderr
        return [row.split('\t')[0] for row in result.stdout.splitlines()]
    assert sorted(proposals('clade ')) == ['list', 'run']
    assert sorted(proposals('clade run --method ')) == ['grid', 'random', 'tpe']
    assert '--trials' in proposals('clade run --t') and '--trials' not in proposals('clade list --t')
    assert '--json' in proposals('clade list --j')


def test_a_description_of_the_wrong_shape_is_refused_with_a_sentence(directory):
    tree = json.loads(pathlib.Path(FIXTURE).read_text())
    del tree['commands'][0]['options'][1]['help']
    broken = pathlib.Path(directory, 'broken.json')
    broken.write_text(json.dumps(tree))
    for name, argument in (('gen_man.py', '1'), ('gen_completion.py', 'zsh')):
        result = tool(name, str(broken), argument, os.path.join(directory, 'out'))
        assert result.returncode == 1 and 'run: option needs "help" (str)' in result.stderr, result.stderr
        assert not os.path.exists(os.path.join(directory, 'out'))


tap.run(globals())
