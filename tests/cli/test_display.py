"""What people see while a study runs, on a terminal of 80 x 24 and in a pipe. FAKE_RUN plays the study."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from terminal import Terminal, variables

FAKE = os.environ['FAKE_RUN']


def piped(directory, *words, **more):
    return subprocess.run([FAKE, *words], capture_output=True, text=True, cwd=directory, env=variables(**more), stdin=subprocess.DEVNULL)


def test_a_frame_stands_below_the_results(directory):
    terminal = Terminal(directory, FAKE, 'run', FAKE_HOLD='7')
    terminal.read_until(r'7 of 12')
    text = terminal.screen.text()
    for line in (r'^ok: 12 trials, 2 at a time$', r'^  lr +float', r'^warning: spec.yaml:3:1: nobody uses', r'^ 1/12  trial 1 +0\.405 .* best  lr=0\.1',
                 r'^ 3/12  trial 3 +FAILED .* lr=0\.0333', r'^ok  random, minimize loss  1 failed$', r' 58 %  7 of 12  46 s, about 33 s left$',
                 r'^best 0\.0641667  trial 6  lr=0\.01667 units=32$', r'^  1  trial 8 +4\.2 s  epoch 3 .* lr=0\.0125', r'^  2  idle$'):
        assert re.search(line, text, re.MULTILINE), (line, text)
    assert text.count('minimize loss') == 1, f'the frame stands there twice: {text}'
    os.write(terminal.master, b'\n')
    assert terminal.finish() == 0


def test_at_the_end_a_summary_stands_in_its_place(directory):
    terminal = Terminal(directory, FAKE, 'run')
    assert terminal.finish() == 0
    text = terminal.screen.text()
    assert 'minimize loss' not in text, text
    for line in (r'^12/12  trial 12', r'^ok is finished: 12 trials in 1:18 \(11 complete, 1 failed\)$', r'^best: loss 0\.0320833 in trial 12$',
                 r'^      lr=0\.008333 units=48$', r'^loss, best so far$', '⠉', r'^  clade best ok --store /nowhere/clade\.db$',
                 r'^  clade list trials ok --sort best --store'):
        assert re.search(line, text, re.MULTILINE), (line, text)


def test_a_terminal_may_be_small_or_without_utf8(directory):
    for size in ((20, 5), (40, 10), (200, 60)):
        terminal = Terminal(directory, FAKE, 'run', size=size)
        assert terminal.finish() == 0
        text = terminal.screen.text()
        assert 'ok  random' not in text and text.count('12/12  trial 12') == 1, f'{size}: {text}'
    plain = Terminal(directory, FAKE, 'run', LANG='C', LC_ALL='C')
    assert plain.finish() == 0
    drawn = plain.screen.text().split('best so far')[1]
    assert drawn.isascii(), drawn


def test_a_terminal_that_can_only_write_gets_lines(directory):
    terminal = Terminal(directory, FAKE, 'run', TERM='dumb')
    assert terminal.finish() == 0
    assert '\x1b' not in terminal.raw, terminal.raw
    assert '12/12  trial 12' in terminal.raw and 'of 12 done' in terminal.raw, terminal.raw


def test_in_a_pipe_there_is_a_line_for_each_result(directory):
    result = piped(directory, 'run')
    assert result.returncode == 0 and '\x1b' not in result.stdout + result.stderr, result
    assert len(re.findall(r'^ ?\d+/12  trial \d+ ', result.stderr, re.MULTILINE)) == 12, result.stderr
    assert len(re.findall(r'of 12 done', result.stderr)) == 6, f'one line each ten seconds: {result.stderr}'
    assert re.search(r'^2 of 12 done, 2 running, 13 s, about 1:05 left, best 0\.2325 \(trial 2\)$', result.stderr, re.MULTILINE), result.stderr
    assert result.stdout.startswith('ok is finished'), result.stdout
    assert 'trial 5' not in result.stdout, result.stdout


def test_quiet_leaves_the_result(directory):
    result = piped(directory, 'run', '--quiet')
    assert result.returncode == 0 and result.stderr == '', result
    assert result.stdout.splitlines()[1] == 'best: loss 0.0320833 in trial 12' and 'next:' not in result.stdout, result.stdout


def test_json_is_one_object_on_stdout(directory):
    result = piped(directory, 'run', '--json')
    answer = json.loads(result.stdout)
    assert answer['state'] == 'finished' and answer['reason'] == 'budget' and answer['signal'] is None, answer
    assert (answer['results'], answer['complete'], answer['failed']) == (12, 11, 1), answer
    assert answer['best']['trial'] == 12 and abs(answer['best']['value'] - 0.385 / 12) < 1e-12, answer


def test_failures_show_the_end_of_stderr_and_have_status_1(directory):
    result = piped(directory, 'run', '--name', 'failures', FAKE_STDERR=os.path.join(directory, 'stderr'))
    assert result.returncode == 1, result
    assert '--again' in result.stderr and '--max-failures' in result.stderr, result.stderr
    lines = re.findall(r'^  \| (.*)$', result.stderr, re.MULTILINE)
    assert len(lines) == 20 and lines[0].startswith('line 11') and lines[-1] == 'line 30\\x1b[31m', lines
    assert 'was given up' in result.stdout, result.stdout


def test_an_interrupted_study_says_how_to_go_on(directory):
    result = piped(directory, 'run', '--name', 'interrupted')
    assert result.returncode == 130, result
    assert 'interrupted was interrupted: 6 of 12 trials' in result.stdout, result.stdout
    assert 'clade resume interrupted --store /nowhere/clade.db' in result.stdout, result.stdout
    terminal = Terminal(directory, FAKE, 'run', '--name', 'interrupted')
    assert terminal.finish() == 130
    assert 'stopping: no new trials' in terminal.raw, terminal.raw


def test_resume_and_work_show_the_same(directory):
    for words in (('resume',), ('resume', 'study', 'mine'), ('work', 'mine', '--slots', '2')):
        result = piped(directory, *words)
        assert result.returncode == 0, result
        name = 'latest' if len(words) == 1 else 'mine'
        assert f'{name} is finished: 8 trials' in result.stdout, result.stdout


tap.run(globals())
