"""Methods run from identical beginnings and compared, however often the command is interrupted. CLADE_EXE is the program."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
import program
from program import attempt, clade

# The score depends on value and seed alone. A file `slow` holds each run until there is a file `go`; `broken` fails it.
TRAINER = r'''
[ -e broken ] && { echo "no such disk" >&2; exit 3; }
while [ -e slow ] && [ ! -e go ] && [ -d . ] && kill -0 $PPID 2>/dev/null; do sleep 0.05; done
echo "acc=0.$1$((CLADE_SEED % 900 + 100))"
'''
SPEC = '''study: {name}
program: [sh, train.sh, "{{x}}"]
metric: {{name: acc, goal: maximize}}
hyperparameters:
  - name: x
    ordered_tuning_values: [1, 2, 3, 4, 5, 6, 7, 8]
search: {{method: {method}}}
trials: 4
parallel: 2
'''


def prepare(directory):
    here = pathlib.Path(directory)
    (here / 'train.sh').write_text(TRAINER)
    (here / 'one.yaml').write_text(SPEC.format(name='one', method='random'))
    (here / 'two.yaml').write_text(SPEC.format(name='two', method='random'))
    (here / 'grid.yaml').write_text(SPEC.format(name='grid', method='grid'))
    return here


def compared(directory, *words):
    return json.loads(clade(directory, 'compare', *words, '--json').stdout)


def studies(directory):
    return {row['study']: row for row in json.loads(clade(directory, 'list', 'studies', '--json').stdout)}


def test_each_method_runs_once_per_seed_and_equal_ones_are_equal(directory):
    prepare(directory)
    result = compared(directory, 'one.yaml', 'two.yaml', '--seeds', '3')
    assert sorted(studies(directory)) == [f'{name}-s{seed}' for name in ('one', 'two') for seed in (1, 2, 3)]
    assert [row['seed'] for row in result['seeds']] == [1, 2, 3]
    for row in result['seeds']:
        one, two = row['studies']
        assert one['value'] == two['value'] and one['trial'] == two['trial'], row
    assert result['initial_populations'] == {'compared': 12, 'different': 0}
    assert result['differences'][0]['mean'] == 0 and result['differences'][0]['equal'] == 3


def test_another_search_begins_elsewhere_and_it_is_said(directory):
    prepare(directory)
    result = compared(directory, 'one.yaml', 'grid.yaml', '--seeds', '2')
    assert result['initial_populations']['different'] > 0
    assert 'initial populations differ' in clade(directory, 'compare', 'one', 'grid').stdout


def test_finished_studies_are_not_run_again_and_more_seeds_add_to_them(directory):
    prepare(directory)
    first = compared(directory, 'one.yaml', 'two.yaml', '--seeds', '2')
    before = studies(directory)
    again = clade(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '2', '--json')
    assert json.loads(again.stdout) == first and again.stderr.count('finished before') == 4, again.stderr
    assert studies(directory) == before
    more = compared(directory, 'one.yaml', 'two.yaml', '--seeds', '1,3')
    assert [row['seed'] for row in more['seeds']] == [1, 3]
    assert len(studies(directory)) == 6
    assert [row['seed'] for row in compared(directory, 'one', 'two')['seeds']] == [1, 2, 3]


def eventually(what):
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def start(directory, *words):
    return program.start(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '2', *words, output=subprocess.PIPE)


def begun(directory, name):
    done = attempt(directory, 'list', 'trials', name, '--json')
    return done.returncode == 0 and any(t['state'] == 'RUNNING' for t in json.loads(done.stdout))


def test_killed_in_the_middle_the_same_command_goes_on(directory):
    here = prepare(directory)
    undisturbed = here / 'undisturbed'
    undisturbed.mkdir()
    prepare(undisturbed)
    expected = compared(undisturbed, 'one.yaml', 'two.yaml', '--seeds', '2')
    (here / 'slow').touch()
    process = start(directory)
    eventually(lambda: begun(directory, 'one-s1'))
    process.kill()
    process.communicate()
    assert clade(directory, 'compare', 'one.yaml', 'two.yaml', '--dry-run', status=3).stdout == ''
    (here / 'go').touch()
    assert compared(directory, 'one.yaml', 'two.yaml', '--seeds', '2') == expected
    assert all(row['state'] == 'finished' for row in studies(directory).values())


def test_interrupted_it_shows_what_there_is_and_says_how_to_go_on(directory):
    here = prepare(directory)
    compared(directory, 'one.yaml', 'two.yaml', '--seeds', '1')
    (here / 'slow').touch()
    process = start(directory, '--grace', '0.1')
    eventually(lambda: begun(directory, 'one-s2'))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and 'the same command goes on' in err, (process.returncode, err)
    assert 'one pair is finished' in out and '(open)' in out, out
    (here / 'go').touch()
    assert len(compared(directory, 'one.yaml', 'two.yaml', '--seeds', '2')['seeds']) == 2


def test_studies_of_other_settings_are_not_mixed_in(directory):
    here = prepare(directory)
    clade(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '1')
    done = clade(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '2', '--trials', '5', status=2)
    assert "'one-s1'" in done.stderr and '`trials` differs' in done.stderr, done.stderr
    assert len(studies(directory)) == 2
    (here / 'two.yaml').write_text((here / 'two.yaml').read_text().replace('8]', '9]').replace('parallel: 2', 'parallel: 1'))
    done = clade(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '1', status=2)
    assert '`hyperparameters` differs' in done.stderr, done.stderr
    clade(directory, 'compare', 'one.yaml', 'two', '--seeds', '1', '-p', '1')


def test_one_method_without_any_score_ends_with_status_1(directory):
    here = prepare(directory)
    clade(directory, 'compare', 'one.yaml', 'grid.yaml', '--seeds', '1')
    (here / 'broken').touch()
    done = clade(directory, 'compare', 'one.yaml', 'grid.yaml', '--seeds', '2', '--set', 'limits.max_failures=2', status=2)
    assert 'differs' in done.stderr
    (here / 'clade.db').unlink()
    done = clade(directory, 'compare', 'one.yaml', 'grid.yaml', '--seeds', '1', '--set', 'limits.max_failures=2', status=1)
    assert 'no such disk' in done.stderr and 'no pair is finished' in done.stdout, (done.stdout, done.stderr)


def test_specs_of_one_name_are_refused_before_anything_runs(directory):
    prepare(directory)
    done = clade(directory, 'compare', 'one.yaml', './one.yaml', status=2)
    assert 'a `study:` of its own' in done.stderr
    assert not (pathlib.Path(directory) / 'clade.db').exists()


def test_pictures_are_drawn_of_the_seeds_that_are_named(directory):
    tap.need('gnuplot')
    here = prepare(directory)
    clade(directory, 'compare', 'one.yaml', 'two.yaml', '--seeds', '2', '--plot', 'pictures')
    assert sorted(p.name for p in (here / 'pictures').iterdir()) == [
        f'{what}-s1.{form}' for what in ('members', 'values') for form in ('png', 'svg')]
    members = (here / 'pictures/members-s1.svg').read_text()
    assert 'one (best acc: 0.' in members and '106,  13, 173' in members.replace('rgb(106, 13', 'rgb(106,  13'), members[:2000]
    clade(directory, 'compare', 'one', 'two', '--plot', 'more', '--plot-seeds', '2', '--forms', 'pdf', '--keep-scripts', '--hparams', 'x')
    assert sorted(p.name for p in (here / 'more').iterdir()) == ['members-s2.gp', 'members-s2.pdf', 'values-s2.gp', 'values-s2.pdf']
    assert "set ylabel 'x'" in (here / 'more/values-s2.gp').read_text()


def test_what_cannot_be_drawn_is_said_before_anything_runs(directory):
    here = prepare(directory)
    words = ('compare', 'one.yaml', 'two.yaml', '--plot', 'pictures')
    assert 'svg, png and pdf' in clade(directory, *words, '--forms', 'svg,jpeg', status=2).stderr
    done = attempt(directory, *words, PATH='/nonexistent')
    assert done.returncode == 1 and 'gnuplot-nox' in done.stderr, (done.returncode, done.stderr)
    assert not (here / 'clade.db').exists()


tap.run(globals())
