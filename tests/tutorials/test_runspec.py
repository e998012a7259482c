#!/usr/bin/env python3
"""What rl_nexus and XT do with a runspec (origins A1 to A15), one test each. Usage: test_runspec.py CLADE RL_NEXUS"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

CLADE, RL_NEXUS = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
TOP = """\
component: root/Root_Component
experiment_path: results
job_launcher:
  component: job_launchers/XT
  enabled: 1
  hp_tuning: random
  total_runs: 6
  compute_nodes: 1
  runs_per_node: 2
"""
SECTION = """\
hyperparameters:
  # how fast
  - name: &lr
      ordered_tuning_values: [1.0e-5, 1e-3, 0.1]

      tuned_value: 0.0004
  - name: &net
      unordered_tuning_values: [nets/GRU, nets/LSTM]
      tuned_value: null
"""
REST = """\
# what follows belongs to the trainer
seed: randint
max_iterations: 20
agent:
  learning_rate: *lr
  network: *net
"""
SPEC = TOP + SECTION + REST


def clade(directory, *words, status=0, **more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith('CLADE_')}
    kept['PYTHONPATH'] = str(pathlib.Path(tap.ROOT) / 'clients/python')
    done = subprocess.run([str(CLADE), *map(str, words)], cwd=directory, env={**kept, **more}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def write(directory, text, name='spec.yaml'):
    (pathlib.Path(directory) / name).write_text(text, encoding='utf-8')
    return name


def run(directory, text, *options, program=('sh', '-c', 'echo rew=0.5'), status=0):
    return clade(directory, 'run', write(directory, text), *options, '--', *program, status=status)


def trials(directory):
    return json.loads(clade(directory, 'list', 'trials', '--json').stdout)


def copies(directory):
    return [path.read_text(encoding='utf-8') for path in sorted(pathlib.Path(directory).glob('results/*/*/attempt-1/spec.yaml'))]


def test_a1_the_section_has_three_lines_per_hyperparameter(directory):
    run(directory, SPEC, '--dry-run')
    for old, new, saying in (('ordered_tuning_values: [1.0e-5', 'tuning_values: [1.0e-5', 'ordered_tuning_values'),
                             ('- name: &lr', '- name: lr', '&'), ('tuned_value: 0.0004', 'tuned: 0.0004', 'tuned_value')):
        err = run(directory, SPEC.replace(old, new), '--dry-run', status=2).stderr
        line = next(line for line in SPEC.replace(old, new).splitlines() if new in line)
        assert line.strip() in err and saying in err.split('expected:')[1], err


def test_a2_the_section_is_found_as_text_and_aliases_resolve(directory):
    # Not YAML before it is replaced: a mapping stands below the scalar `&lr`.
    run(directory, SPEC, '--trials', '1')
    copy, = copies(directory)
    lr, net = trials(directory)[0]['values'].values()
    assert '# how fast' not in copy and REST in copy, copy
    assert re.search(r'hyperparameters:\n  - name: &lr \S+\n  - name: &net %s\n' % net, copy), (lr, copy)


def test_a3_values_are_none_bools_integers_floats_or_strings(directory):
    values = '[null, true, False, 7, -2, 2.50, 1e-05, 1e20, nets/GRU]'
    text = SPEC.replace('[nets/GRU, nets/LSTM]', values).replace('hp_tuning: random', 'hp_tuning: grid')
    run(directory, text, '--trials', '27')
    got = []
    for trial in trials(directory)[::3]:
        got.append(trial['values']['net'])
    assert got == [None, True, False, 7, -2, 2.5, 1e-05, 1e20, 'nets/GRU'], got
    assert [type(value) for value in got] == [type(None), bool, bool, int, int, float, float, float, str], got
    written = {re.search(r'&net (.*)', copy).group(1) for copy in copies(directory)}
    assert written == {'null', 'true', 'false', '7', '-2', '2.5', '1.0e-05', '1.0e+20', 'nets/GRU'}, written


def test_a4_tuned_values_are_used_outside_of_a_search(directory):
    program = ('sh', '-c', 'grep -e "&lr" -e "&net" "$CLADE_SPEC"')
    assert run(directory, SPEC.replace('enabled: 1', 'enabled: 0'), program=program).stdout == '  - name: &lr 0.0004\n  - name: &net null\n'
    run(directory, SPEC.replace('hp_tuning: random', 'hp_tuning: false').replace('total_runs: 6', 'total_runs: 2'))
    assert [trial['values'] for trial in trials(directory)] == [{'lr': 0.0004, 'net': None}] * 2


def test_a5_chosen_values_stand_in_the_console_and_in_the_store(directory):
    out = run(directory, SPEC.replace('enabled: 1', 'enabled: 0'), program=(RL_NEXUS, '{spec}')).stdout
    assert out.startswith('Chosen hyperparameter values:\n  seqlen: 0\n'), out
    run(directory, SPEC.replace('&net', '&seqlen').replace('*net', '*seqlen').replace('[nets/GRU, nets/LSTM]', '[4, 6]'),
        '--trials', '1', program=(RL_NEXUS, '{spec}'), status=0)
    console, = pathlib.Path(directory).glob('results/*/1/attempt-1/stdout')
    values = trials(directory)[0]['values']
    assert console.read_text(encoding='utf-8').startswith(
        'Chosen hyperparameter values:\n  lr: %g\n  seqlen: %d\n    \nProcessing stage 1 of 1\n' % (values['lr'], values['seqlen'])), values


def test_a6_the_launcher_says_method_runs_and_slots(directory):
    for method, want in (('random', 'random'), ('grid', 'grid'), ('dgd', 'dgd')):
        out = run(directory, SPEC.replace('hp_tuning: random', f'hp_tuning: {method}'), '--dry-run').stdout
        assert re.search(rf'^search   {want}, 6 trials, [12] at a time; maximize hpmax$', out, re.MULTILINE), out
    err = run(directory, SPEC.replace('hp_tuning: random', 'hp_tuning: magic'), '--dry-run', status=2).stderr
    assert 'false|random|grid|dgd|bayesian' in err, err
    notes = run(directory, SPEC.replace('  hp_tuning', '  compute_target: azb\n  low_priority: true\n  hold: false\n  monitor: 1\n  hp_tuning'),
                '--dry-run').stderr
    assert notes.count('has no effect here') == 4, notes
    run(directory, SPEC)
    assert len(trials(directory)) == 6


def test_a7_distributions_go_in_and_a_runset_comes_out(directory):
    write(directory, 'hyperparameter-distributions:\n  lr: [0.1, 0.25]\n  net: [nets/GRU]\n', 'uploaded_hp_config.yaml')
    clade(directory, 'run', '--hp-config', 'uploaded_hp_config.yaml', '--maximize', 'rew', '--trials', '2', '--method', 'grid', '--name', 'hp', '--',
          'sh', '-c', 'echo rew=0.5 "$@" "$CLADE_SEARCH" >&2; echo rew=0.5', 'script.sh')
    for trial in trials(directory):
        path = pathlib.Path(directory) / 'clade.db.d' / 'hp' / str(trial['trial'])
        runset = json.loads((path / 'params.json').read_text(encoding='utf-8'))
        assert runset == trial['values'] and set(runset) == {'lr', 'net'}, (runset, trial)
        assert 'grid' in (path / 'attempt-1/stderr').read_text(encoding='utf-8')


def test_a8_without_randomness_there_is_a_warning_and_no_question_in_a_pipe(directory):
    fixed = SPEC.replace('randint', '7')
    err = run(directory, fixed, '--trials', '1').stderr
    assert len(re.findall(r'^warning: .*`randint` occurs nowhere', err, re.MULTILINE)) == 1 and '[y/N]' not in err, err
    assert 'randint' not in run(directory, SPEC, '--again', '--trials', '1').stderr
    assert 'randint' not in run(directory, fixed.replace('hp_tuning: random', 'hp_tuning: false'), '--again', '--trials', '1').stderr


def test_a9_the_launched_spec_is_kept_and_each_run_can_be_repeated_from_its_copy(directory):
    err = run(directory, SPEC, '--trials', '2').stderr
    launched = pathlib.Path(directory) / 'results/spec/launched_job_spec.yaml'
    assert f'------- Runspec (spec.yaml) copied to {launched}\n' in err, err
    assert launched.read_text(encoding='utf-8') == SPEC.replace('total_runs: 6', 'total_runs: 2') or (
        launched.read_text(encoding='utf-8') == SPEC), launched.read_text(encoding='utf-8')
    for copy in copies(directory):  # one run: nothing that would launch it again
        assert 'job_launcher' not in copy and 'hp_tuning' not in copy and copy.endswith(REST), copy
        assert copy.startswith('component: root/Root_Component\nexperiment_path: results\nhyperparameters:\n  - name: &lr '), copy


def test_a10_an_anchor_that_nothing_refers_to_is_warned_of(directory):
    err = run(directory, SPEC.replace('*net', 'nets/GRU'), '--dry-run').stderr
    assert re.search(r'^warning: spec\.yaml:\d+:\d+: nothing refers to net', err, re.MULTILINE), err


def test_a10_values_that_never_change_the_metric_are_warned_of(directory):
    program = ('sh', '-c', 'echo rew=$CLADE_PARAM_lr')
    err = run(directory, SPEC.replace('hp_tuning: random', 'hp_tuning: grid'), '--trials', '42', program=program).stderr
    assert re.search(r'^warning: net has never changed hpmax: \d+ pairs of trials', err, re.MULTILINE) and 'lr has never' not in err, err
    assert clade(directory, 'check', 'spec').stderr == err[err.index('warning: net'):], err
    assert json.loads(clade(directory, 'check', 'spec', '--json').stdout)['idle'] == ['net']
    noisy = ('sh', '-c', '''awk -v x=$CLADE_PARAM_lr -v s=$CLADE_SEED 'BEGIN {{ srand(s); print "rew=" (10 * x + rand()) }}' ''')
    err = run(directory, SPEC, '--trials', '80', '--again', program=noisy).stderr
    assert 'effect of lr' not in err and 'lr has never' not in err, err


def test_a11_to_a14_stages_report_summaries_hpmax_and_what_to_plot(directory):
    run(directory, SPEC.replace('max_iterations: 20', 'max_iterations: 20000'), '--trials', '2', program=(RL_NEXUS, '{spec}'))
    console = (pathlib.Path(directory) / 'results/spec/1/attempt-1/stdout').read_text(encoding='utf-8')
    reports = re.findall(r'^  \d\.\d{3} hrs +([\d,]+) iters      (\d\.\d{5}) rew      \d\.\d{5} win$', console, re.MULTILINE)
    assert [iters for iters, _ in reports] == [format(2000 * k, ',') for k in range(1, 11)], console
    mean, = re.findall(r'^Stage summary \(mean reward per step\):  (\S+)$', console, re.MULTILINE)
    hpmax, = re.findall(r'^Objective being maximized by hyperparameter tuning \(hpmax\):  (\S+)$', console, re.MULTILINE)
    trial = trials(directory)[0]
    assert mean == hpmax == '%.5f' % trial['metrics']['hpmax'], (mean, hpmax, trial)
    assert list(trial['metrics']) == ['hpmax', 's1-hrs', 's1-rew', 's1-win'], trial
    log = clade(directory, 'log', '--all').stdout
    assert len(re.findall('plotted_metric.*s1-rew', log)) == 2, log


def test_a13_hpmax_is_computed_for_a_program_that_does_not_report_it(directory):
    run(directory, SPEC, '--trials', '1', program=('sh', '-c', 'for x in 1 2 6; do echo iter=$x s1-loss=9; done; for x in 7 8; do echo iter=$x s2-rew=0.$x s2-win=1; done'))
    assert trials(directory)[0]['metrics']['hpmax'] == 0.75


def test_a15_a_report_comes_every_tenth_of_the_iterations_and_a_preflight_run_is_short(directory):
    out = clade(directory, 'run', write(directory, SPEC), '--once', '--set', 'max_iterations=50', '--', RL_NEXUS, '{spec}').stdout
    assert re.findall(r'hrs +(\d+) iters', out) == [str(5 * k) for k in range(1, 11)], out
    assert 'Objective that would be maximized' in out and not os.path.exists(os.path.join(directory, 'clade.db')), out


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def fields(message):
    """{number: value} of a message in the encoding of protocol buffers; each field at most once."""
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value
    at, found = 0, {}
    while at < len(message):
        key = varint()
        assert key >> 3 not in found, key
        if key & 7 == 0:
            found[key >> 3] = varint()
        elif key & 7 == 2:
            n = varint()
            found[key >> 3], at = message[at:at + n], at + n
        else:
            n = {1: 8, 5: 4}[key & 7]
            found[key >> 3], at = struct.unpack('<d' if n == 8 else '<f', message[at:at + n])[0], at + n
    assert at == len(message)
    return found


def event_file(path):
    """[(step, tag, value)…]; what TensorBoard checks is checked."""
    data, at, events = path.read_bytes(), 0, []
    while at < len(data):
        n, crc = struct.unpack_from('<QI', data, at)
        body = data[at + 12:at + 12 + n]
        assert crc == masked(data[at:at + 8]) and struct.unpack_from('<I', data, at + 12 + n)[0] == masked(body), at
        events.append(fields(body))
        at += 16 + n
    assert events[0][3] == b'brain.Event:2' and all(abs(e[1] - time.time()) < 3600 for e in events), events[0]
    values = [(e[2], fields(fields(e[5])[1])) for e in events[1:]]
    return [(step, v[1].decode(), round(v[2], 5)) for step, v in values]


def test_log_to_tensorboard_writes_event_files(directory):
    assert crc32c(b'123456789') == 0xE3069283  # the known check value
    spec = 'log_to_tensorboard: true\n' + SPEC
    run(directory, spec, '--trials', '2', '--name', 'job1',
        program=('sh', '-c', 'echo iter=5 rew=0.5 hpmax=0.25; echo iter=300 rew=nan hpmax=$((CLADE_TRIAL * 2)).75'))
    for trial in (1, 2):
        found = event_file(pathlib.Path(directory, f'results/job1/{trial}/attempt-1/events.out.tfevents.clade'))
        assert sorted(found[:2]) == [(5, 'hpmax', 0.25), (5, 'rew', 0.5)], found
        assert [e[:2] for e in sorted(found[2:])] == [(300, 'hpmax'), (300, 'rew')], found
        assert [e[2] for e in found if e[:2] == (300, 'hpmax')] == [2 * trial + 0.75] and len(found) == 4, found
    for name, other in (('job2', SPEC), ('job3', 'log_to_tensorboard: false\n' + SPEC)):
        run(directory, other, '--trials', '1', '--name', name)
    assert len(list(pathlib.Path(directory).rglob('*tfevents*'))) == 2


def test_an_event_file_that_cannot_be_written_is_said_and_the_run_goes_on(directory):
    out = run(directory, 'log_to_tensorboard: true\n' + SPEC, '--trials', '1',
              program=('sh', '-c', 'mkdir "$CLADE_DIR/attempt-1/events.out.tfevents.clade"; echo hpmax=0.5; echo hpmax=0.75'))
    assert out.stderr.count('its event file for TensorBoard ends here') == 1 and 'directory' in out.stderr, out.stderr
    assert trials(directory)[0]['metrics']['hpmax'] == 0.75


def test_c5_a_restarted_run_finds_its_checkpoint_and_its_values(directory):
    (pathlib.Path(directory) / 'train.py').write_text("""
import sys, clade
with clade.start() as run:
    kept = run.get_checkpoint()
    epoch = kept[0]["epoch"] if run.is_resuming else 0
    while epoch < 4:
        epoch += 1
        run.report(epoch, rew=epoch / 8 + run.lr)
        run.set_checkpoint({"epoch": epoch, "lr": run.lr})
        if epoch == 2 and not kept:
            sys.exit(75)
    assert kept[0]["lr"] == run.lr
    run.clear_checkpoint()
    run.report(epoch, hpmax=epoch)
""", encoding='utf-8')
    run(directory, SPEC, '--trials', '2', program=(sys.executable, 'train.py'))
    assert [(t['state'], t['attempts'], t['metrics']['hpmax']) for t in trials(directory)] == [('COMPLETE', 2, 4)] * 2, trials(directory)


def test_c8_and_c12_runs_have_tags_from_inside_and_outside_and_notes(directory):
    run(directory, SPEC, '--trials', '2', '--name', 'job1',
        program=('sh', '-c', f'echo rew=0.5; {CLADE} tag . data=v2 >&2; echo more=x >>"$CLADE_DIR/tags"'))
    clade(directory, 'tag', 'job1/2', 'keep')
    out = clade(directory, 'list', 'tags', 'job1').stdout
    assert re.findall(r'^ +(\d)  (\S+) *(\S*)$', out, re.MULTILINE) == [
        ('1', 'data', 'v2'), ('1', 'more', 'x'), ('2', 'data', 'v2'), ('2', 'keep', ''), ('2', 'more', 'x')], out
    kept = json.loads(clade(directory, 'list', 'trials', 'job1', '--tags-any', 'keep', '--json').stdout)
    assert [trial['trial'] for trial in kept] == [2], kept
    clade(directory, 'note', 'job1/1', 'the first one')
    assert 'the first one' in clade(directory, 'list', 'notes', 'job1').stdout


if __name__ == '__main__':
    tap.run(dict(globals()))
