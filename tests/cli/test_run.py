"""Studies from the command line: run, resume, work, and what their exit status says. CLADE_EXE is the program."""
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from program import CLADE, attempt as clade, start
from terminal import Terminal

QUICK = ('sh', '-c', 'echo loss=0.$((CLADE_TRIAL * 100 + 85))', '--lr=[0.238,0.385,0.5]')
# The first trial ends at once, the others when there is a file `go`.
HELD = ('sh', '-c', '[ $CLADE_TRIAL = 1 ] || (i=0; while [ ! -e go ] && [ $((i += 1)) -lt 6000 ]; do sleep 0.05; done); echo loss=0.$((CLADE_TRIAL * 100 + 85))', '--lr=[0.238,0.385,0.5]')


def run(directory, *options, program=QUICK):
    return clade(directory, 'run', '--minimize', 'loss', *options, '--', *program)


def expect(result, status, stdout='', stderr=''):
    assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
    assert re.search(stdout, result.stdout, re.MULTILINE), (stdout, result.stdout, result.stderr)
    assert re.search(stderr, result.stderr, re.MULTILINE), (stderr, result.stderr)


def start_held(directory, *options):
    """A study whose first trial has ended and whose others wait."""
    process = start(directory, 'run', '--minimize', 'loss', '--name', 'held', '-n', '3', '--grace', '0.05', *options, '--', *HELD, output=subprocess.PIPE)
    seen = ''
    while '1/3' not in seen:
        line = process.stderr.readline()
        assert line, f'the engine ended: {seen}'
        seen += line
    return process


def events_of(directory, name):
    lines = [json.loads(line) for line in clade(directory, 'log', 'held', '--all', '--json').stdout.splitlines()]
    return [e for e in lines if name in (None, e['event'])]


def let_go(directory):
    open(os.path.join(directory, 'go'), 'w', encoding='utf-8').close()


def test_a_study_runs_to_its_end_with_status_0(directory):
    result = run(directory, '-n', '4', '-p', '2', '--name', 'quick')
    expect(result, 0, stdout=r'^quick is finished: 4 trials in .* \(4 complete\)$', stderr=r'^4/4  trial')
    expect(result, 0, stdout=r'^best: loss 0\.185 in trial 1$', stderr=r'^quick: 4 trials, 2 at a time$')
    assert re.search(r'^  clade best quick +how good, and', result.stdout, re.MULTILINE), result.stdout
    expect(clade(directory, 'list', 'trials', 'quick'), 0, stdout='total runs listed: 4')
    expect(clade(directory, 'check', 'quick'), 0, stdout='agree .*4 trials')


def test_the_slots_of_a_killed_engine_are_nobodys_when_the_next_one_decides(directory):
    process = start_held(directory, '-p', '1', '--grace', '0.05')
    process.kill()
    process.wait()
    process = start(directory, 'resume', 'held', output=subprocess.PIPE)
    while events_of(directory, 'worker')[-1]['data']['state'] != 3:  # the killed one is gone; decided is in the same turn
        assert process.poll() is None
    let_go(directory)
    process.communicate(timeout=300)
    log = [e for e in events_of(directory, None) if e.get('trial', 0) >= 2]
    assert [e['event'] for e in log if e['event'] in ('proposed', 'ended')] == ['proposed', 'ended'] * 2, log


def test_trials_run_again_with_the_same_values_on_a_finished_study(directory):
    expect(run(directory, '-n', '3', '--name', 'quick'), 0)
    expect(clade(directory, 'rerun', 'quick/2,3'), 0, stdout=r'^quick/4 repeats quick/2\nquick/5 repeats quick/3$', stderr='clade resume quick')
    expect(clade(directory, 'rerun', 'quick/2', '--new-seed'), 0, stdout='^quick/6 repeats quick/2$')
    expect(clade(directory, 'resume', 'quick'), 0, stdout=r'^quick is finished: 3 trials in .* \(3 complete\)$', stderr=r'^3/3  trial 6 ')
    expect(clade(directory, 'show', 'quick'), 0, stdout=r'^  trials +3 of 3 and 3 others: 6 COMPLETE$')
    rows = {r['trial']: r for r in json.loads(clade(directory, 'list', 'quick', '--columns', '*', '--json').stdout)}
    assert all(r['state'] == 'COMPLETE' for r in rows.values()) and len(rows) == 6, rows
    assert rows[4]['values'] == rows[2]['values'] and rows[5]['values'] == rows[3]['values'] and rows[6]['values'] == rows[2]['values'], rows
    assert rows[4]['seed'] == rows[2]['seed'] and rows[5]['seed'] == rows[3]['seed'] and rows[6]['seed'] != rows[2]['seed'], rows
    assert [rows[n]['of'] for n in (4, 5, 6)] == [2, 3, 2] and rows[6]['repeat'] == 2 and rows[6]['role'] == 'forked', rows
    expect(clade(directory, 'list', 'studies'), 0, stdout=r'finished +3 +3')
    expect(clade(directory, 'check', 'quick'), 0, stdout='agree .*6 trials')


def test_results_of_other_studies_are_no_results_of_this_one(directory):
    expect(run(directory, '-n', '3', '--name', 'before'), 0)
    expect(run(directory, '-n', '2', '--name', 'after', '--history', 'before'), 0, stderr=r'^2/2  trial 5 ',
           stdout=r'^after is finished: 2 trials in .* \(2 complete\)$')
    expect(clade(directory, 'show', 'after'), 0, stdout=r'^  trials +2 of 2 and 3 others: 5 COMPLETE$')


def test_json_has_the_best_values(directory):
    answer = json.loads(run(directory, '-n', '3', '--json', '--store', 'other.db').stdout)
    assert answer['state'] == 'finished' and answer['results'] == 3 and answer['signal'] is None, answer
    assert answer['best']['trial'] == 1 and answer['best']['value'] == 0.185, answer
    assert answer['best']['values']['lr'] in (0.238, 0.385, 0.5), answer
    assert os.path.samefile(answer['store'], os.path.join(directory, 'other.db')), answer


def test_a_store_elsewhere_stands_in_what_to_type_next(directory):
    expect(run(directory, '-n', '2', '--name', 's', '--store', 'other.db'), 0, stdout=r'clade best s --store other\.db')
    os.rename(os.path.join(directory, 'other.db'), os.path.join(directory, 'third.db'))
    result = clade(directory, 'run', '--minimize', 'loss', '-n', '2', '--name', 't', '--', *QUICK, CLADE_STORE='fourth.db')
    expect(result, 0, stdout='clade best t  ')


def test_a_name_that_is_taken_has_status_2_and_three_ways_on(directory):
    expect(run(directory, '-n', '2', '--name', 'taken'), 0)
    result = run(directory, '-n', '2', '--name', 'taken')
    expect(result, 2, stderr='--name')
    assert '--again' in result.stderr and 'clade delete taken' in result.stderr, result.stderr
    assert '--store' not in result.stderr, result.stderr
    expect(run(directory, '-n', '2', '--name', 'taken', '--again'), 0, stdout='^taken-2 is finished')
    expect(run(directory, '-n', '2', '--name', 'taken', '--store', 'other.db'), 0)
    result = run(directory, '-n', '2', '--name', 'taken', '--store', 'other.db')
    there = os.path.join(os.path.realpath(directory), 'other.db')
    expect(result, 2, stderr=f'clade delete taken --store {there}`')
    expect(run(directory, '-n', '2', '--name', 'taken', '--store', 'an other.db'), 0)
    result = run(directory, '-n', '2', '--name', 'taken', '--store', 'an other.db')
    expect(result, 2, stderr=f"clade delete taken --store '{there.replace('other.db', 'an other.db')}'`")


def test_what_is_kept_beside_the_log_is_written_again(directory):
    """Heads are a cache: without them a study is still shown, and once they are there again it goes on."""
    expect(run(directory, '-n', '3', '--name', 'kept'), 0)
    agrees = clade(directory, 'check', 'kept')
    expect(agrees, 0, stdout='^kept: the log and its tables agree')
    with sqlite3.connect(os.path.join(directory, 'clade.db')) as db:
        db.execute('DELETE FROM heads')
    db.close()
    shown = clade(directory, 'list', 'kept', '--json')
    assert [row['state'] for row in json.loads(shown.stdout)] == ['COMPLETE'] * 3, shown
    expect(clade(directory, 'check', 'kept'), 1, stderr='clade check STUDY --repair')
    repaired = clade(directory, 'check', 'kept', '--repair')
    expect(repaired, 0)
    assert repaired.stdout == agrees.stdout, repaired
    expect(clade(directory, 'update', 'kept', '--trials', '5'), 0)
    expect(clade(directory, 'resume', 'kept'), 0, stdout='5 complete')
    expect(clade(directory, 'check', 'kept'), 0)
    with open(os.path.join(directory, 'a.yaml'), 'w', encoding='utf-8') as file:
        file.write('study: a\n')
    expect(clade(directory, 'check', 'a.yaml', '--repair'), 2, stderr='--repair is for studies')


def test_a_study_whose_trials_all_fail_has_status_1_and_says_why(directory):
    result = run(directory, '-n', '9', '--name', 'bad', program=('sh', '-c', 'echo no such luck >&2; exit 38', '--lr=[0.1,0.2]'))
    expect(result, 1, stdout='^bad was given up: 5 of 9 trials', stderr=r'^  \| no such luck$')
    assert 'ended with status 38' in result.stderr and '--again' in result.stderr, result.stderr
    result = run(directory, '-n', '9', '--max-failures', '2', '--name', 'mute', program=('sh', '-c', 'true', '--lr=[0.1,0.2]'))
    expect(result, 1, stdout='^mute was given up: 2 of 9 trials', stderr="never reported 'loss'")


def test_mistakes_in_a_spec_have_status_2_and_start_nothing(directory):
    expect(run(directory), 2, stderr='--trials')
    expect(clade(directory, 'run', '--trials', '5', '--', *QUICK), 2, stderr='--minimize')
    expect(run(directory, '-n', '5', '--method', 'magic'), 2, stderr='random')
    expect(clade(directory, 'run'), 2, stderr='nothing to run')
    expect(clade(directory, 'run', 'missing.yaml'), 3, stderr='missing.yaml')
    assert os.listdir(directory) == [], os.listdir(directory)


def test_an_expression_finds_metrics_in_the_output_instead(directory):
    says = ('sh', '-c', 'echo "step=3 loss=7"; echo "at step=4 the loss is now 0.$((CLADE_TRIAL * 100 + 85))"', '--lr=[0.1,0.2]')
    expect(run(directory, '-n', '2', '--name', 'said', '--metric-regex', r'([a-z]+) is now ([0-9.]+)', program=says), 0,
           stdout=r'^best: loss 0\.185 in trial 1$')
    rows = json.loads(clade(directory, 'view', 'metrics', 'said', '--json').stdout)
    assert '0.185' in str(rows) and '7' not in str([r.get('loss') for r in rows if isinstance(r, dict)]), rows
    expect(run(directory, '-n', '2', '--name', 'alone', '--metric-regex', r'now ([0-9.]+)', program=says), 0, stdout=r'^best: loss 0\.185 in trial 1$')


def test_an_expression_that_cannot_find_metrics_starts_nothing(directory):
    expect(run(directory, '-n', '2', '--metric-regex', '(loss'), 2, stderr="metric expression '.loss' cannot be used.*parenthesis")
    expect(run(directory, '-n', '2', '--metric-regex', 'loss'), 2, stderr='no group')
    with open(os.path.join(directory, 's.yaml'), 'w', encoding='utf-8') as file:
        file.write('program: "true"\nmetric: {name: loss, goal: minimize, regex: "loss: [0-9]"}\nhyperparameters: [{name: a, values: [1, 2]}]\ntrials: 2\n')
    for command in ('check', 'run'):
        expect(clade(directory, command, 's.yaml'), 2, stderr='^clade: s.yaml:2:45: the metric expression')
    assert os.listdir(directory) == ['s.yaml'], os.listdir(directory)


def write_limited(directory, limit, *scripts):
    """A study of one trial for each script, which is bounded by `limit`."""
    values = ', '.join(f"'{n}'" for n in range(len(scripts)))
    script = 'case $1 in ' + ' '.join(f'{n}) {s};;' for n, s in enumerate(scripts)) + ' esac'
    with open(os.path.join(directory, 'limited.yaml'), 'w', encoding='utf-8') as file:
        file.write(f'program: [sh, -c, {json.dumps(script)}, sh, "{{which}}"]\nmetric: {{name: loss, goal: minimize}}\n'
                   f'hyperparameters: [{{name: which, values: [{values}]}}]\nsearch: {{method: grid, order: listed}}\nlimits: {{{limit}}}\n')


def test_a_trial_over_its_memory_says_so_everywhere(directory):
    write_limited(directory, 'memory: 30M', 'head -c 60000000 /dev/zero | tail -c 60000000 | sleep 300')
    why = r'over its limit of memory: \d+(\.\d+)? MiB, at most 30'
    expect(clade(directory, 'run', 'limited.yaml'), 0, stderr=r'trial 1: its processes took \d+(\.\d+)? MiB of memory, more than the limit of 30: it was killed$')
    expect(clade(directory, 'show', 'limited/1'), 0, stdout=f'^  attempt 1: {why}$')
    expect(clade(directory, 'log', 'limited/1'), 0, stdout=f'attempt 1 ended, killed by signal 9, {why}$')
    assert re.match(why, json.loads(clade(directory, 'show', 'limited/1', '--json').stdout)['attempt_list'][0]['reason'])


def test_a_trial_over_its_time_says_so(directory):
    write_limited(directory, 'time: 0.3', 'echo loss=0.385; sleep 300')
    expect(clade(directory, 'run', 'limited.yaml'), 0, stderr=r'trial 1 +PRUNED')
    why = r'because of limit \(time: [\d.]+ s, at most 0\.3\)$'
    expect(clade(directory, 'show', 'limited/1'), 0, stdout=f'^  attempt 1: stopped {why}')
    expect(clade(directory, 'log', 'limited/1'), 0, stdout=f'  stopped, {why}')


def test_a_trial_that_never_reported_says_so(directory):
    write_limited(directory, 'retries: 0', 'echo hello', 'echo loss=0.385')
    expect(clade(directory, 'run', 'limited.yaml'), 0, stderr=r'trial 1 +FAILED')
    expect(clade(directory, 'show', 'limited/1'), 0, stdout='^  attempt 1: objective never reported$')
    expect(clade(directory, 'log', 'limited/1'), 0, stdout='attempt 1 ended with status 0, objective never reported$')
    assert 'objective never' not in clade(directory, 'show', 'limited/2').stdout + clade(directory, 'log', 'limited/2').stdout


def test_without_a_number_of_trials_none_is_shown(directory):
    write_limited(directory, 'retries: 0', 'echo loss=0.385', 'echo loss=0.238')
    expect(clade(directory, 'run', 'limited.yaml'), 0, stdout=r'^limited is finished, every point was tried: 2 trials in ')
    expect(clade(directory, 'show', 'limited'), 0, stdout=r'^  trials +2: 2 COMPLETE$')
    expect(clade(directory, 'log', 'limited'), 0, stdout=r'study limited created: grid, minimize loss, seed \d+$')
    assert json.loads(clade(directory, 'list', '--json').stdout)[0]['of'] is None
    assert json.loads(clade(directory, 'show', 'limited', '--json').stdout)['of'] is None


def test_whole_numbers_are_shown_whole(directory):
    result = run(directory, '-n', '2', '--seed', '7', program=('sh', '-c', 'echo loss=0.385', '--lr=[log(1e-5,1e-1)]', '--draw=[int(1000000000,1999999999)]'))
    expect(result, 0, stderr=r'^1/2  trial 1 .* lr=[\de.-]{3,10} draw=1\d{9}$')


def test_a_dry_run_starts_nothing(directory):
    expect(run(directory, '-n', '5', '--dry-run'), 0, stdout='^Nothing was started')
    assert json.loads(run(directory, '-n', '5', '--dry-run', '--json').stdout)['trials'] == 5
    assert os.listdir(directory) == [], os.listdir(directory)


def test_an_interrupted_study_is_resumed(directory):
    process = start_held(directory)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130, (process.returncode, out, err)
    assert 'clade resume held' in out and 'stopping' in err, (out, err)
    expect(run(directory, '-n', '3', '--name', 'held', '--grace', '0.05', program=HELD), 2, stderr='clade resume held')
    let_go(directory)
    expect(clade(directory, 'resume'), 0, stdout=r'^held is finished: 3 trials .*\(3 complete\)$')
    expect(clade(directory, 'resume'), 3, stderr='nothing to resume')
    expect(clade(directory, 'resume', 'hedl'), 3, stderr='held')


def test_a_second_ctrl_c_kills(directory):
    process = start_held(directory, '--grace', '1000')
    process.send_signal(signal.SIGINT)
    while 'stopping' not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and 'stopping now' in err, (process.returncode, out, err)
    let_go(directory)
    expect(clade(directory, 'resume', 'held'), 0, stdout=r'\(3 complete\)')


def test_sigterm_has_status_143(directory):
    process = start_held(directory)
    process.terminate()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 143, (process.returncode, out, err)


def test_a_second_engine_helps(directory):
    process = start_held(directory)
    helper = start(directory, 'work', 'held', '--slots', '1', output=subprocess.PIPE)
    let_go(directory)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and '3 complete' in out, (out, err)
    out, err = helper.communicate(timeout=300)
    assert helper.returncode == 0 and 'held is finished' in out, (out, err)


def test_the_reader_of_progress_may_go_away(directory):
    process = start_held(directory)
    process.stderr.close()
    let_go(directory)
    assert 'held is finished' in process.stdout.read()
    assert process.wait() == 0


def test_one_run_in_the_foreground_gives_the_status_of_the_program(directory):
    with open(os.path.join(directory, 'once.yaml'), 'w', encoding='utf-8') as file:
        file.write('program: [sh, -c, "echo got $CLADE_PARAM_lr; exit 38"]\nmetric: {name: loss, goal: minimize}\ntrials: 5\n'
                   'hyperparameters:\n  - name: lr\n    range: [0.1, 0.9]\n    tuned_value: 0.2385\n')
    result = clade(directory, 'run', '--once', 'once.yaml')
    expect(result, 38, stdout='^got 0.2385$', stderr=r'^  lr: 0\.2385$')
    assert os.listdir(directory) == ['once.yaml'], os.listdir(directory)


def test_one_run_in_the_foreground_has_the_seed_of_the_first_trial(directory):
    with open(os.path.join(directory, 'seed.yaml'), 'w', encoding='utf-8') as file:
        file.write('program: [sh, -c, "echo loss=$CLADE_SEED"]\nmetric: {name: loss, goal: minimize}\ntrials: 1\n'
                   'hyperparameters:\n  - name: lr\n    range: [0.1, 0.9]\n    tuned_value: 0.2385\n')
    first = json.loads(clade(directory, 'run', 'seed.yaml', '--seed', '23', '--json').stdout)['best']['value']
    assert clade(directory, 'run', 'seed.yaml', '--seed', '23', '--once').stdout == f'loss={first:.0f}\n', first
    assert clade(directory, 'run', 'seed.yaml', '--once').stdout == 'loss=1\n'
    assert clade(directory, 'run', 'seed.yaml', '--once', CLADE_SEED='38').stdout == 'loss=38\n'


def test_a_script_reports_with_clade_report(directory):
    script = (f'for i in 1 2 3; do eval "$({CLADE} report loss: 0.$((i * 100 + 85)) half=$i --step $i.5 --values)" || exit; done; '
              f'{CLADE} report loss=$lr --step 5')
    program = ('sh', '-c', script, '--lr=[0.238,0.5]')
    expect(run(directory, '-n', '2', '--name', 'told', program=program), 0, stdout=r'^best: loss 0\.(238|5) in trial')
    rows = json.loads(clade(directory, 'list', 'trials', 'told', '--json').stdout)
    for row in rows:
        assert row['metrics']['loss'] == row['values']['lr'], row
    reports = clade(directory, 'export', 'told', '--reports').stdout
    assert reports.count('\n') == 9, reports
    assert '3.5' in reports, reports


def test_slots_get_their_devices_from_the_command_line_or_the_spec(directory):
    program = ('sh', '-c', 'echo loss=$CUDA_VISIBLE_DEVICES', '--lr=[0.1,0.2]')
    answer = json.loads(run(directory, '-n', '2', '--gpus', '23,,85', '--json', program=program).stdout)
    assert answer['best']['value'] == 23, answer
    with open(os.path.join(directory, 'gpus.yaml'), 'w', encoding='utf-8') as file:
        file.write('program: [sh, -c, "echo loss=$CUDA_VISIBLE_DEVICES"]\nmetric: {name: loss, goal: minimize}\ntrials: 2\ngpus: [38]\n')
    answer = json.loads(clade(directory, 'run', 'gpus.yaml', '--json').stdout)
    assert answer['best']['value'] == 38, answer


def test_on_a_terminal_the_frame_gives_way_to_the_summary(directory):
    terminal = Terminal(directory, CLADE, 'run', '--minimize', 'loss', '-n', '5', '-p', '2', '--name', 'seen', '--', *QUICK)
    assert terminal.finish() == 0, terminal.screen.text()
    text = terminal.screen.text()
    for line in (r'^5/5  trial', r'^seen is finished: 5 trials', r'^best: loss 0\.185 in trial 1$', r'^      lr=0\.'):
        assert re.search(line, text, re.MULTILINE), (line, text)
    assert 'seen  random' not in text, text


def test_the_frame_says_that_the_study_is_paused(directory):
    terminal = Terminal(directory, CLADE, 'run', '--minimize', 'loss', '-n', '3', '--name', 'held', '--', *HELD)
    terminal.read_until(r'1 of 3')
    expect(clade(directory, 'pause', 'held'), 0, stdout='^held: the study is paused')
    terminal.read_until(r'1 of 3 .*s, paused')
    expect(clade(directory, 'resume', 'held'), 0)
    let_go(directory)
    assert terminal.finish() == 0, terminal.screen.text()
    assert re.search('^held is finished: 3 trials', terminal.screen.text(), re.MULTILINE), terminal.screen.text()


def test_the_curve_of_a_resumed_study_begins_at_its_beginning(directory):
    falling = ('sh', '-c', '[ $CLADE_TRIAL -lt 4 ] || (i=0; while [ ! -e go ] && [ $((i += 1)) -lt 6000 ]; do sleep 0.05; done); echo loss=$((85 - CLADE_TRIAL))', '--lr=[0.1,0.2]')
    process = start(directory, 'run', '--minimize', 'loss', '-n', '9', '--name', 'fall', '--grace', '0.05', '--', *falling, output=subprocess.PIPE)
    while '3/9' not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    let_go(directory)
    terminal = Terminal(directory, CLADE, 'resume')
    assert terminal.finish() == 0
    drawn = terminal.screen.text().split('loss, best so far')[1]
    assert '84 ┤' in drawn and '76 ┤' in drawn, drawn


tap.run(globals())
