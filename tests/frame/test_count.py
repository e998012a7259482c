"""The count at the end of ./dev test says what ran: every way a program can hide a failure is tried on a made-up log."""
import contextlib
import io
import json
import os
import pathlib
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

sys.path.insert(0, os.path.join(tap.ROOT, 'tools'))
import tests as counter


def build(directory, records, protocol='tap', suite='store'):
    """A build directory that holds a test list and the log of these (name, stdout, result, status)."""
    root = pathlib.Path(directory)
    (root / 'meson-info').mkdir()
    (root / 'meson-logs').mkdir()
    tests = [{'name': r[0], 'suite': [f'clade:{suite}'], 'protocol': protocol} for r in records]
    (root / 'meson-info/intro-tests.json').write_text(json.dumps(tests))
    lines = [json.dumps({'name': r[0], 'stdout': r[1], 'result': r[2], 'returncode': r[3]}) for r in records]
    (root / 'meson-logs/testlog.json').write_text('\n'.join(lines) + '\n')
    return root


def counted(directory, records, names=None, **more):
    """(exit status, last line, everything printed)"""
    out = io.StringIO()
    root = build(directory, records, **more)
    with contextlib.redirect_stdout(out):
        status = counter.count(root, names or [r[0] for r in records])
    return status, out.getvalue().splitlines()[-1], out.getvalue()


def test_cases_are_counted_not_programs(directory):
    records = [('store/a', '1..3\nok 1 - x\nok 2 - y\nok 3 - z\n# ok - tests\n', 'OK', 0),
               ('store/b', '1..2\nok 1 - x\nok 2 - y\n', 'OK', 0)]
    assert counted(directory, records)[:2] == (0, '5 passed, 0 failed')


def test_a_failed_case_is_named_and_fails_the_run(directory):
    status, last, text = counted(directory, [('store/a', '1..2\nok 1 - x\nnot ok 2 - y_holds\n', 'FAIL', 1)])
    assert (status, last) == (1, '1 passed, 1 failed') and 'FAILED store/a: y_holds' in text


def test_a_failed_program_shows_the_end_of_its_output_and_a_passed_one_nothing(directory):
    long = '1..2\nok 1 - x\n' + ''.join(f'# line {n}\n' for n in range(300)) + 'not ok 2 - y\n'
    text = counted(directory, [('store/a', long, 'FAIL', 1), ('store/b', '1..1\nok 1 - calm\n', 'OK', 0)])[2]
    assert '# line 299' in text and '# line 3\n' not in text and 'calm' not in text


def test_a_crash_counts_no_case_that_did_not_run(directory):
    status, last, text = counted(directory, [('store/a', '1..7\nok 1 - x\n', 'ERROR', -11)])
    assert (status, last) == (1, '1 passed, 1 failed') and '1 of 7 planned cases ran' in text


def test_a_leak_after_the_last_case_is_a_failure(directory):
    assert counted(directory, [('store/a', '1..1\nok 1 - x\n', 'ERROR', 1)])[:2] == (1, '1 passed, 1 failed')


def test_a_timeout_is_a_failure(directory):
    assert counted(directory, [('store/a', '1..2\nok 1 - x\n', 'TIMEOUT', -15)])[:2] == (1, '1 passed, 1 failed')


def test_an_early_exit_with_status_0_is_a_failure(directory):
    for result in ('OK', 'SKIP', 'ERROR'):
        with_dir = os.path.join(directory, result)
        os.mkdir(with_dir)
        assert counted(with_dir, [('store/a', '1..4\n', result, 0)])[:2] == (1, '0 passed, 1 failed'), result


def test_a_program_that_says_nothing_is_a_failure(directory):
    assert counted(directory, [('store/a', '', 'SKIP', 0)])[:2] == (1, '0 passed, 1 failed')


def test_a_program_that_never_ran_is_a_failure(directory):
    records = [('store/a', '1..1\nok 1 - x\n', 'OK', 0)]
    assert counted(directory, records, names=['store/a', 'store/lost'])[:2] == (1, '1 passed, 1 failed')


def test_a_cut_off_log_line_is_a_program_that_did_not_run(directory):
    root = build(directory, [('store/a', '1..1\nok 1 - x\n', 'OK', 0)])
    log = root / 'meson-logs/testlog.json'
    log.write_text(log.read_text() + '{"name": "store/b", "stdo')
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert counter.count(root, ['store/a', 'store/b']) == 1
    assert out.getvalue().splitlines()[-1] == '1 passed, 1 failed'


def test_skipped_cases_are_neither_passed_nor_failed(directory):
    records = [('store/a', '1..2\nok 1 - x\nok 2 - y # SKIP no data\n', 'OK', 0),
               ('store/b', '1..2\nok 1 - x\nnot ok 2 # SKIP y_of_cmocka\n', 'FAIL', 0),
               ('store/c', '1..0 # SKIP no server\n', 'SKIP', 0)]
    status, last, text = counted(directory, records)
    assert (status, last) == (0, '2 passed, 0 failed, 3 skipped'), text
    assert 'y_of_cmocka' in text and 'no server' in text


def test_a_failed_setup_of_a_group_is_one_failure(directory):
    records = [('store/a', '1..3\nnot ok 0 - t [  FAILED  ] GROUP SETUP\n# ok - t\n', 'ERROR', 1)]
    assert counted(directory, records)[:2] == (1, '0 passed, 1 failed')


def test_a_plain_program_is_one_case(directory):
    records = [('lint/floors', 'ok 1 - not TAP\nok 2\n', 'OK', 0), ('lint/x', '', 'FAIL', 3), ('lint/y', '', 'SKIP', 77)]
    assert counted(directory, records, protocol='exitcode')[:2] == (1, '1 passed, 1 failed, 1 skipped')


def test_names_with_their_suite_are_recognised(directory):
    root = build(directory, [('store/a', '1..1\nok 1 - x\n', 'OK', 0)])
    log = root / 'meson-logs/testlog.json'
    log.write_text(log.read_text().replace('"store/a"', '"clade:store / store/a"'))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert counter.count(root, ['store/a']) == 0
    assert out.getvalue() == '1 passed, 0 failed\n'


def test_an_empty_run_is_not_a_success(directory):
    root = build(directory, [])
    with contextlib.redirect_stdout(io.StringIO()):
        assert counter.count(root, []) == 1


def test_filters_choose_by_suite_or_part_of_the_name(directory):
    root = build(directory, [('store/log', '', 'OK', 0), ('store/lock', '', 'OK', 0)])
    for words, names in ((['store'], 'store/log\nstore/lock\n'), (['lock'], 'store/lock\n'), ([], 'store/log\nstore/lock\n')):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert counter.select(root, words) == 0
        assert out.getvalue() == names


def test_a_filter_that_matches_nothing_is_a_usage_error_naming_the_suites(directory):
    root = build(directory, [('store/log', '', 'OK', 0)])
    with contextlib.redirect_stderr(io.StringIO()) as out, contextlib.redirect_stdout(io.StringIO()):
        assert counter.select(root, ['store', 'enginee']) == 2
    assert "'enginee'" in out.getvalue() and 'store' in out.getvalue()


def test_what_tests_need_is_built_and_nothing_else(directory):
    root = build(directory, [('store/a', '', 'OK', 0), ('store/b', '', 'OK', 0), ('frame/script', '', 'OK', 0)])
    tests = json.loads((root / 'meson-info/intro-tests.json').read_text())
    for test, needs in zip(tests, (['a@exe', 'tool@exe'], ['b@exe', 'tool@exe'], [])):
        test['depends'] = needs
    (root / 'meson-info/intro-tests.json').write_text(json.dumps(tests))
    made = [{'id': f'{name}@exe', 'filename': [str(root.resolve() / f'tests/{name}')]} for name in ('a', 'b', 'tool', 'other')]
    (root / 'meson-info/intro-targets.json').write_text(json.dumps(made))
    for names, wanted in (['store/a'], ['tests/a', 'tests/tool']), (['store/b', 'store/a'], ['tests/a', 'tests/tool', 'tests/b']), \
                         (['frame/script'], []):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            assert counter.targets(root, names) == 0
        assert out.getvalue().split() == wanted, (names, out.getvalue())


tap.run(globals())
