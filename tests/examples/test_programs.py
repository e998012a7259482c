"""The examples as programs, alone and opposite a worker: test_programs.py BUILD.

The worker here is a socket that this file answers, so the tests say exactly what a trainer is asked and when.
"""
import gzip
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
EXAMPLES = pathlib.Path(tap.ROOT) / 'examples'
SHORT = ['--epochs=6', '--limit=12', '--width=4']


def environment(**more):
    """The tests' own, without what a study or a user may have set."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith('CLADE_')}
    return {**kept, **more}


def run(program, *arguments, cwd='/', **more):
    return subprocess.run([str(program), *arguments], cwd=cwd, env=environment(**more), capture_output=True,
                          text=True, check=False, timeout=300)


def reports_of(output):
    """`step 3  loss 0.5  …` lines as dictionaries."""
    reports = []
    for line in output.splitlines():
        words = line.split()
        reports.append({name: float(value) for name, value in zip(words[::2], words[1::2])})
    return reports


def digits(*arguments, **more):
    result = run(BUILD / 'examples/digits/digits', *arguments, **more)
    assert result.returncode == 0, result.stderr
    return reports_of(result.stdout)


class Worker:
    """One attempt's worker. `answer` is called with each question and returns what to say."""

    def __init__(self, directory, start, answer):
        self.path = os.path.join(directory, 'socket')
        self.start = {'type': 'start', 'values': {}, 'seed': 7, 'change': 1, **start}
        self.answer = answer
        self.reports, self.process = [], None

    def converse(self, connection):
        lines = connection.makefile('rw', encoding='utf-8', newline='\n')
        hello = json.loads(lines.readline())
        assert hello['type'] == 'hello' and hello['token'] == 'secret', hello
        assert {'save', 'load'} <= set(hello['can'].split()), hello
        answer = self.start
        while True:
            lines.write(json.dumps(answer) + '\n')
            lines.flush()
            line = lines.readline()
            if not line:
                return
            question = json.loads(line)
            if question['type'] == 'report':
                self.reports.append(question)
            answer = {'type': 'go'} if question['type'] == 'done' else self.answer(question)

    @staticmethod
    def accept(server, process, needed=True):
        """The trainer's connection; when it ended without one, fails at once, or is None."""
        for _ in range(300):
            try:
                return server.accept()[0]
            except TimeoutError:
                if not needed and process.poll() is not None:
                    return None
                assert process.poll() is None, f'the trainer ended with {process.returncode} before it connected'
        raise AssertionError('the trainer did not connect within a minute')

    def run(self, program, *arguments, **more):
        """Run the trainer to its end; returns its exit status."""
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path)
            server.listen(1)
            server.settimeout(0.2)
            more = environment(CLADE_SOCKET=self.path, CLADE_TOKEN='secret', CLADE_RECONNECT='1', **more)
            self.process = subprocess.Popen([str(word) for word in (*program, *arguments)], env=more, cwd='/')
            try:
                connection = self.accept(server, self.process)
                while connection is not None:  # with regions, it says hello once more
                    with connection:
                        connection.settimeout(60)
                        self.converse(connection)
                    connection = self.accept(server, self.process, False)
                return self.process.wait(timeout=300)
            finally:
                self.process.kill()
                self.process.wait()
                os.unlink(self.path)


def go(_question):
    return {'type': 'go'}


def metrics_of(worker):
    return [(report['step'], report['metrics']) for report in worker.reports]


# --- alone ---------------------------------------------------------------------------------------------------

def test_digits_learns_from_any_directory(directory):
    reports = digits('--epochs=12', cwd=directory)
    assert [report['step'] for report in reports] == list(range(1, 13))
    assert reports[0]['val_accuracy'] < reports[-1]['val_accuracy']
    assert reports[-1]['val_accuracy'] > 0.9 and reports[-1]['val_loss'] < 0.4, reports[-1]
    assert 'test_accuracy' not in reports[-1]


def test_half_epochs_are_steps_of_a_half(_directory):
    reports = digits(*SHORT, '--epochs=2', '--reports_per_epoch=2')
    assert [report['step'] for report in reports] == [0.5, 1, 1.5, 2]


def test_equal_seeds_give_equal_reports(_directory):
    first = digits(*SHORT)
    assert digits(*SHORT) == first
    assert digits(*SHORT, '--seed=1') == first
    for seed in ('seed', 'init_seed', 'order_seed', 'dropout_seed'):
        assert digits(*SHORT, f'--{seed}=2') != first, seed
    same = digits(*SHORT, '--seed=2', '--init_seed=1', '--order_seed=1', '--dropout_seed=1')
    assert same == first


def test_values_come_from_the_environment_too(_directory):
    assert digits(*SHORT, CLADE_PARAM_lr='0.02', CLADE_SEED='9') == digits(*SHORT, '--lr=0.02', '--seed=9')


def test_a_loss_that_explodes_is_reported_as_nan(_directory):
    result = run(BUILD / 'examples/digits/digits', *SHORT, '--lr=1', '--momentum=1e6')
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == 'step 6  train_loss nan  val_loss nan  val_accuracy nan', result.stdout


def test_label_noise_and_a_limit_make_it_worse(_directory):
    clean = digits('--epochs=12', '--limit=60')[-1]['val_loss']
    assert digits('--epochs=12', '--limit=60', '--label_noise=0.5')[-1]['val_loss'] > 1.2 * clean
    assert digits('--epochs=12', '--limit=10')[-1]['val_loss'] > 1.2 * clean


def test_an_evolved_loss_learns(_directory):
    last = digits('--epochs=12', '--lr=0.02', '--loss=taylor', '--loss_3=-2', '--loss_5=1')[-1]
    assert last['val_accuracy'] > 0.93, last


def test_a_loss_that_breaks_the_invariant_is_infeasible(_directory):
    result = run(BUILD / 'examples/digits/digits', '--loss=taylor', '--loss_3=0', '--loss_5=-1')
    assert result.returncode == 77 and 'breaks the invariant' in result.stderr, result
    result = run(BUILD / 'examples/digits/digits', '--loss=hinge')
    assert result.returncode == 77 and 'likelihood or taylor' in result.stderr, result


def test_the_test_part_is_for_the_final_training_only(_directory):
    refused = run(BUILD / 'examples/digits/digits', *SHORT, '--test=true')
    assert refused.returncode == 2 and refused.stdout == ''
    assert 'opened by the one final training only' in refused.stderr and '`clade assess`' in refused.stderr
    final = digits('--epochs=3', CLADE_FINAL='1')
    assert ['test_accuracy' in report for report in final] == [False, False, True]
    assert 0 < final[-1]['test_accuracy'] <= 1
    everything = digits('--epochs=3', '--final_train=all', CLADE_FINAL='1')
    assert everything[-1]['test_loss'] != final[-1]['test_loss']
    assert digits('--epochs=3', '--final_train=all') == digits('--epochs=3')


def test_what_cannot_be_trained_is_infeasible_and_slips_are_usage(_directory):
    program = BUILD / 'examples/digits/digits'
    for arguments, status, words in [
            (['--lr=-1'], 77, 'lr is -1, but must be a number between'),
            (['--dropout=1'], 77, 'dropout is 1, but must be'),
            (['--batch_size=0'], 77, 'batch_size is 0, but must be'),
            (['--batch_size=7.5'], 77, 'batch_size is 7.5, but must be a whole number'),
            (['--width=65'], 77, 'width is 65, but must be a number between 1 and 64'),
            (['--epochs=0'], 2, 'epochs is 0, but must be'),
            (['--epochz=3'], 2, "there is no option '--epochz=3': see --help"),
            (['3'], 2, "'3' is no option"),
            (['--final_train=some'], 2, 'final_train is some'.replace('some', "'some'")),
            (['--order_seed=x'], 2, "order_seed is 'x', but must be a whole number"),
            (['--data=/nowhere'], 2, "cannot read '/nowhere'")]:
        result = run(program, *arguments)
        assert result.returncode == status and words in result.stderr, (arguments, result.returncode, result.stderr)
        assert result.stdout == ''


def test_help_lists_every_option_once(_directory):
    for name in ('digits', 'mnist'):
        result = run(BUILD / f'examples/{name}/{name}', '--help')
        options = [line.split()[0] for line in result.stdout.splitlines() if line.startswith('  --')]
        assert result.returncode == 0 and len(options) == len(set(options)) == 29, options


def test_every_name_in_a_spec_is_an_option_of_its_program(_directory):
    for name, spec in (('digits', 'digits.yaml'), ('digits', 'digits-dgd.yaml'), ('digits', 'digits-pbt.yaml'), ('digits', 'digits-random.yaml'), ('digits', 'digits-epbt.yaml'),
                       ('digits', 'digits-loss.yaml'), ('mnist', 'mnist.yaml'), ('mnist', 'mnist-epbt.yaml'),
                       ('mnist', 'mnist-pbt.yaml'), ('mnist', 'mnist-best.yaml'), ('mnist', 'mnist-random.yaml'),
                       ('mnist', 'mnist-dropout.yaml'), ('mnist', 'mnist-dropout-random.yaml')):
        known = run(BUILD / f'examples/{name}/{name}', '--help').stdout
        text = (BUILD / f'examples/{name}/{spec}').read_text()
        names = re.findall(r'name: &(\w+)', text)
        assert len(names) >= 2 and all(f'--{word} ' in known for word in names), names


# --- opposite a worker ---------------------------------------------------------------------------------------

def test_a_resumed_trial_goes_on_bit_for_bit(directory):
    program = [BUILD / 'examples/digits/digits', *SHORT, '--reports_per_epoch=2']
    state = os.path.join(directory, 'state')
    os.mkdir(state)
    whole = Worker(directory, {}, go)
    assert whole.run(program) == 0

    def stop_at_5(question):
        if question['type'] == 'report' and question['ordinal'] == 5:
            return {'type': 'stop', 'save': state}
        return {'type': 'go'}

    first = Worker(directory, {}, stop_at_5)
    assert first.run(program) == 76
    second = Worker(directory, {'load': state}, go)
    assert second.run(program) == 0
    assert len(whole.reports) == 12
    assert metrics_of(first) + metrics_of(second) == metrics_of(whole)


def test_a_live_value_changes_what_follows_only(directory):
    program = [BUILD / 'examples/digits/digits', *SHORT]

    def change_at_3(question):
        if question['type'] == 'report' and question['ordinal'] == 3:
            return {'type': 'go', 'change': 2, 'values': {'lr': 0.0, 'batch_size': 16}}
        return {'type': 'go'}

    values = {'lr': 0.02, 'momentum': 0.0, 'dropout': 0.0}
    plain, changed = Worker(directory, {'values': values}, go), Worker(directory, {'values': values}, change_at_3)
    assert plain.run(program) == 0 and changed.run(program) == 0
    assert metrics_of(changed)[:3] == metrics_of(plain)[:3]
    losses = [metrics['val_loss'] for _, metrics in metrics_of(changed)]
    assert losses[0] != losses[1] != losses[2] == losses[3] == losses[4] == losses[5], losses


def test_a_clone_takes_the_state_and_goes_on_with_its_own_seed(directory):
    program = [BUILD / 'examples/digits/digits', *SHORT]
    state = os.path.join(directory, 'state')
    os.mkdir(state)

    def save_at_4(question):
        return {'type': 'save', 'path': state} if question['type'] == 'report' and question['ordinal'] == 4 else {'type': 'go'}

    def load_at_2(question):
        if question['type'] == 'report' and question['ordinal'] == 2:
            return {'type': 'load', 'change': 5, 'path': state, 'values': {'lr': 0.0}}
        return {'type': 'go'}

    donor = Worker(directory, {'values': {'lr': 0.03, 'dropout': 0.0}}, save_at_4)
    clone = Worker(directory, {'values': {'lr': 0.0001, 'momentum': 0.0, 'dropout': 0.0}, 'seed': 8}, load_at_2)
    assert donor.run(program) == 0 and clone.run(program) == 0
    assert [step for step, _ in metrics_of(clone)] == [1, 2, 5, 6]
    assert metrics_of(clone)[2][1]['val_loss'] == metrics_of(donor)[3][1]['val_loss']
    assert metrics_of(clone)[0][1] != metrics_of(donor)[0][1]


def study(directory, *words):
    result = subprocess.run([str(BUILD / 'apps/cli/clade'), *words], cwd=directory, capture_output=True, text=True, check=False,
                            timeout=300, stdin=subprocess.DEVNULL, env=environment())
    assert result.returncode == 0, (words, result.stdout, result.stderr)
    return result.stdout


def test_a_replay_from_the_root_comes_to_the_very_score_where_clones_follow_the_seeds_of_their_state(directory):
    """And not where every clone has its own."""
    spec = {'program': [str(BUILD / 'examples/digits/digits'), '--epochs', '6', '--limit', '12', '--width', '4', '--clone_seeds',
                        'state'],
            'metric': {'name': 'val_loss', 'goal': 'minimize'}, 'study': 'follow', 'seed': 3, 'ordered': True, 'parallel': 2,
            'hyperparameters': [{'name': 'lr', 'range': [1e-4, 0.3], 'scale': 'log'}, {'name': 'dropout', 'range': [0.0, 0.6]}],
            'schedule': {'method': 'pbt', 'population': 5, 'interval': 1, 'end': 6, 'quantile': 0.4}}
    for whose in ('state', 'own'):
        spec['study'], spec['program'][-1] = whose, whose
        pathlib.Path(directory, f'{whose}.yaml').write_text(json.dumps(spec), encoding='utf-8')
        study(directory, 'run', f'{whose}.yaml')
        found = [json.loads(study(directory, 'schedule', f'{whose}/{trial}', '--json')) for trial in range(1, 6)]
        trial, changes = max(((s['trial'], len(s['changes'])) for s in found), key=lambda pair: pair[1])
        assert changes >= 2, found
        replay = json.loads(study(directory, 'replay', f'{whose}/{trial}', '--json'))
        assert (replay['own'] == replay['mean']) == (whose == 'state'), (whose, replay)


def test_regions_of_another_width_stay_and_the_trial_begins_afresh(directory):
    state = os.path.join(directory, 'state')
    os.mkdir(state)
    program = BUILD / 'examples/digits/digits'
    wide = Worker(directory, {}, lambda question: {'type': 'stop', 'save': state} if question['type'] == 'report'
                  else {'type': 'go'})
    assert wide.run([program, '--epochs=2', '--limit=12', '--width=5']) == 76
    said = []

    def listen(question):
        if question['type'] == 'loaded':
            said.append(question.get('missing'))
        return {'type': 'go'}

    narrow = Worker(directory, {'load': state}, listen)
    assert narrow.run([program, *SHORT]) == 0
    assert said == [['parameters', 'velocities']], said
    assert [step for step, _ in metrics_of(narrow)] == [1, 2, 3, 4, 5, 6]


def test_a_trainer_has_one_thread_and_its_name_whatever_openblas_wants(directory):
    seen = []

    def look(question):
        if question['type'] == 'report':
            with open(f'/proc/{worker.process.pid}/status', encoding='utf-8') as file:
                lines = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
            seen.append((lines['Name'], lines['Threads']))
        return {'type': 'go'}

    worker = Worker(directory, {}, look)
    program = [BUILD / 'examples/digits/digits', *SHORT, '--epochs=2']
    assert worker.run(program, OPENBLAS_NUM_THREADS='4') == 0
    assert seen == [('digits', '1')] * 2, seen


# --- mnist ---------------------------------------------------------------------------------------------------

def write_idx(directory, name, header, body):
    with gzip.open(os.path.join(directory, name + '.gz'), 'wb') as file:
        file.write(b''.join(number.to_bytes(4, 'big') for number in header) + body)


def write_small_mnist(directory, n):
    """Images that a network can learn: a bright stripe whose row is the label."""
    pixels = bytearray()
    for i in range(n):
        image = bytearray(28 * 28)
        row = 2 * (i % 10) + 4
        image[28 * row:28 * row + 28] = bytes(200 + (i * 7 + j) % 56 for j in range(28))
        pixels += image
    labels = bytes(i % 10 for i in range(n))
    for part in ('train', 't10k'):
        write_idx(directory, f'{part}-images-idx3-ubyte', [2051, n, 28, 28], bytes(pixels))
        write_idx(directory, f'{part}-labels-idx1-ubyte', [2049, n], labels)


def test_mnist_reads_the_directory_it_is_given(directory):
    write_small_mnist(directory, 100)
    program = BUILD / 'examples/mnist/mnist'
    values = ['--epochs=6', '--lr=0.03', '--dropout=0.1', '--batch_size=8']
    result = run(program, *values, f'--data={directory}')
    assert result.returncode == 0, result.stderr
    reports = reports_of(result.stdout)
    assert [report['step'] for report in reports] == [half / 2 for half in range(1, 13)]
    assert reports[-1]['train_loss'] < 0.7 * reports[0]['train_loss'], reports
    assert run(program, *values, MNIST_DATA=directory).stdout == result.stdout
    os.unlink(os.path.join(directory, 't10k-labels-idx1-ubyte.gz'))
    final = run(program, *values, MNIST_DATA=directory, CLADE_FINAL='1')
    assert final.returncode == 2 and 'there is no t10k-labels-idx1-ubyte.gz' in final.stderr


def test_mnist_without_data_says_how_to_get_them(directory):
    result = run(BUILD / 'examples/mnist/mnist', MNIST_DATA=directory)
    assert result.returncode == 2 and 'examples/mnist/download.sh' in result.stderr


def download(*arguments, **more):
    return run(EXAMPLES / 'mnist/download.sh', *arguments, **more)


def test_download_refuses_files_that_are_not_mnist(directory):
    mirror, target = os.path.join(directory, 'mirror'), os.path.join(directory, 'data')
    os.mkdir(mirror)
    write_small_mnist(mirror, 100)
    for address in (mirror, f'file://{mirror}'):
        if address != mirror:
            tap.need('curl')
        result = download(address, target)
        assert result.returncode == 1 and 'is not MNIST' in result.stderr, result
        assert os.listdir(target) == []
    assert download(os.path.join(directory, 'nowhere'), target).returncode == 1
    assert download().returncode == 2


def test_download_takes_the_real_files_from_where_they_are(directory):
    shared = os.environ.get('CLADE_SHARED', os.path.join(tap.ROOT, '../shared'))
    mirror = os.path.join(shared, 'data/mnist')
    if not os.path.isdir(mirror):
        raise tap.Skip('there is no data/mnist in $CLADE_SHARED or ../shared')
    result = download(MNIST_URL=mirror, MNIST_DATA=directory)
    assert result.returncode == 0 and result.stdout.count('fetched') == 4, result
    assert download(mirror, directory).stdout.count('here already') == 4
    assert len(os.listdir(directory)) == 4


# --- pytorch -------------------------------------------------------------------------------------------------

STUB = str(pathlib.Path(__file__).resolve().parent / 'stub_torch')


def find_torch():
    """(python, PYTHONPATH) with PyTorch if some Python here has it, else with the stub beside this file."""
    python = tap.python_with('torch')
    if python is not None:
        return python, os.environ.get('PYTHONPATH', '')
    print('# PyTorch is not installed: a stub stands in')
    return sys.executable, STUB


def test_pytorch_trains_alone(directory):
    python, path = find_torch()
    result = run(python, EXAMPLES / 'pytorch/train.py', '--epochs=3', '--lr', '0.02', cwd=directory, PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    reports = reports_of(result.stdout)
    assert [report['step'] for report in reports] == [1, 2, 3]
    assert reports[-1]['val_loss'] < reports[0]['val_loss'] and 'test_loss' not in reports[-1]
    final = run(python, EXAMPLES / 'pytorch/train.py', '--epochs=1', PYTHONPATH=path, CLADE_FINAL='1')
    assert 'test_accuracy' in reports_of(final.stdout)[0], final.stderr


def test_pytorch_takes_live_values_and_resumes_exactly(directory):
    python, path = find_torch()
    program = [python, EXAMPLES / 'pytorch/train.py', '--epochs=4']
    state = os.path.join(directory, 'state')
    values = {'values': {'lr': 0.02, 'momentum': 0.5, 'dropout': 0.25, 'batch_size': 32}}

    def change_at_1(question):
        if question['type'] == 'report' and question['step'] == 1:
            return {'type': 'go', 'change': 2, 'values': {'lr': 0.001}}
        return {'type': 'go'}

    def stop_at_2(question):
        if question['type'] == 'report' and question['step'] == 2:
            return {'type': 'stop', 'save': state}
        return change_at_1(question)

    plain = Worker(directory, values, go)
    whole, first = Worker(directory, values, change_at_1), Worker(directory, values, stop_at_2)
    assert plain.run(program, PYTHONPATH=path) == 0 and whole.run(program, PYTHONPATH=path) == 0
    assert metrics_of(plain)[0] == metrics_of(whole)[0] and metrics_of(plain)[1] != metrics_of(whole)[1]
    assert first.run(program, PYTHONPATH=path) == 76
    values['values']['lr'] = 0.001
    second = Worker(directory, {**values, 'load': state}, go)
    assert second.run(program, PYTHONPATH=path) == 0
    assert len(second.reports) == 2 and metrics_of(first) + metrics_of(second) == metrics_of(whole)


def test_pytorch_members_take_over_from_each_other(directory):
    """With the stub, which is quick; test_pytorch.py does it with PyTorch."""
    clade = [BUILD / 'apps/cli/clade', '--store', os.path.join(directory, 'clade.db')]
    program = json.dumps([sys.executable, str(EXAMPLES / 'pytorch/train.py'), '--epochs', '4'])
    result = run(*clade, 'run', EXAMPLES / 'pytorch/pytorch-pbt.yaml', '--set', f'program={program}', '--set', 'schedule.population=4',
                 '--set', 'schedule.interval=1', '--set', 'schedule.end=4', '--set', 'schedule.quantile=1', '--minimize', 'val_loss', cwd=directory,
                 PYTHONPATH=STUB)  # the stub's accuracy is always the same
    assert result.returncode == 0 and '4 complete' in result.stdout, (result.stdout, result.stderr)
    trials = json.loads(run(*clade, 'list', 'trials', 'pytorch-pbt', '--json').stdout)
    parents = [trial['parent'] for trial in trials if trial['parent'] is not None]
    assert [trial['state'] for trial in trials] == ['COMPLETE'] * 4 and parents, trials
    assert 'takes over snapshot' in run(*clade, 'log', 'pytorch-pbt').stdout


# --- the others ----------------------------------------------------------------------------------------------

def test_the_shell_script_prints_a_report_per_step(_directory):
    script = EXAMPLES / 'sh/train.sh'
    lines = run(script, '--lr', '0.05', '--momentum', '0.5').stdout.splitlines()
    assert len(lines) == 20 and lines[0].startswith('step=1 loss=')
    losses = [float(line.split('loss=')[1]) for line in lines]
    assert losses[-1] < 0.2 * losses[0]
    assert run(script, '--lr', '3').stdout.splitlines()[-1].endswith('loss=inf')
    assert run(script, '--lr').returncode == 2 and run(script, '--rate', '1').returncode == 2
    assert run(script, CLADE_SEED='5').stdout != run(script, CLADE_SEED='6').stdout


def test_quadratic_prints_its_loss(_directory):
    program = BUILD / 'examples/quadratic/quadratic'
    assert abs(float(run(program, '0.5', '-0.25').stdout.removeprefix('loss: ')) - 0.445) < 1e-15
    assert run(program, '0.5').returncode == 2 and run(program, 'x', '1').returncode == 2


if __name__ == '__main__':
    tap.run(globals())
