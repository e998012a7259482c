"""Names that want to do harm, from the spec to the deletion: studies, hyperparameters, metrics. CLADE_EXE is the program,
CLADE_CLIENT the directory of clade.py, FILL fills a store."""
import json
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap
from terminal import Terminal, variables

CLADE = os.environ['CLADE_EXE']
BYTES = (b'\xc0\xaf', b'a\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xff', b'\xe2\x28')  # overlong, surrogate, above U+10FFFF, no UTF-8 at all
# One report with many names; values tell which is which.
NAMES = ['quote"d', "quote'd", 'back\\slash', 'new\nline', 'tab\t', 'esc\x1b[31mred', 'bell\x07', 'csi\u009b31m', 'rtl\u202eabc', 'isolate\u2066',
         'bom\ufeff', '\ufefffirst', 'zero\u200bwidth', 'combining e\u0301', 'family 👩\u200d👩\u200d👧', '漢字', '%s%n', '$(touch pwned)', '`touch pwned`',
         "'); DROP TABLE reports_1; --", '"; DROP VIEW trials; --', '[bracket]', 'a.b.c', '../../up', '-lead', ' blank ', 'LOSS', 'Loss', 'trial', 'state',
         'a,b', '\u2028line', 'x' * 200, '漢' * 66, 'nul\\0', 'null', 'true', '1', '{lr}', '*', 'line\r\nend']
TRAINER = '''import json, sys
sys.path.insert(0, sys.argv[1])
import clade
with clade.start(defaults={'lr': 0.5}) as run:
    names = json.load(open('names.json', encoding='utf-8'))
    for step in (1, 2):
        run.report(step, **{name: 38 * step + i for i, name in enumerate(names)}, loss=0.238 * step)
'''


def call(directory, *words, status=0, binary=False):
    words = [word if isinstance(word, bytes) else word.encode() for word in words]
    done = subprocess.run([CLADE.encode(), *words], capture_output=True, cwd=directory, env=variables(), stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == status, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    if not binary:
        harmless(done.stderr.decode())
    return done.stdout.decode(), done.stderr.decode()


def harmless(text, more='\n'):
    for c in text:
        code = ord(c)
        assert c in more or not (code < 0x20 or 0x7F <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or code in (0xFEFF, 0x2028, 0x2029)), (c, text)


def write(directory, name, text):
    with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
        file.write(text)


def spec(name='s', metric='loss', program='[sh, -c, "echo loss=0.238"]'):
    return f'study: {json.dumps(name)}\nprogram: {program}\nmetric: {{name: {json.dumps(metric)}, goal: minimize}}\ntrials: 1\nseed: 38\n'


def test_bytes_that_are_no_text_are_refused_wherever_they_are_typed(directory):
    inline = ('-n', '1', '--', 'sh', '-c', 'echo loss=0.238', '--lr=[0.1,0.2]')
    for wrong in BYTES:
        for words in (('run', '--minimize', wrong, *inline), ('run', '--minimize', 'loss', '--name', wrong, *inline),
                      ('run', '--minimize', 'loss', '--method', wrong, *inline), ('run', '--minimize', 'loss', '--set', b'x' + wrong + b'=1', *inline),
                      ('run', '--minimize', 'loss', *inline[:2], '--', 'sh', wrong, '--lr=[1,2]')):
            _, err = call(directory, *words, status=2)
            assert 'UTF-8' in err, (words, err)
        place = os.path.join(os.fsencode(directory), b'in' + wrong)
        os.mkdir(place)
        _, err = call(place, 'run', '--minimize', 'loss', *inline, status=2)
        assert 'the working directory' in err and 'UTF-8' in err, err
        assert os.listdir(place) == []
        for words, status in ((('list', wrong), 3), (('stop', wrong), 3), (('delete', '--yes', wrong), 3), (('show', wrong), 3), (('run', wrong), 3)):
            _, err = call(directory, *words, status=status)
            assert '\\x' in err or 'there is no store' in err, (words, err)
    assert [name for name in os.listdir(directory) if name.startswith('clade.db')] == []


def test_a_study_of_any_accepted_name_is_found_shown_and_deleted_with_its_own_directory_only(directory):
    write(directory, 'keep', '')
    refused = ['..', '.', '../x', 'a/b', '/abs', 'new\nline', 'esc\x1b[31m', '-lead', '', ' ', 'a b', 'x' * 101, '漢' * 34, 'a*', 'b?', '%s', "q'", 'q"', '$(x)', 'tab\t', '\x7f',
               'csi\u009b', 'rtl\u202eabc', 'bom\ufeff', '\u200b', 'a\u2028b', 'a\u2066']
    accepted = ['plain', '漢字', 'e\u0301', '\u00e9', '😀', 'COM1', 'NUL', 'x' * 100, '漢' * 33, 'latest', 'best', 'all', '3', 'a.b', 'trial', 'null']
    for name in refused:
        write(directory, 's.yaml', spec(name))
        call(directory, 'run', 's.yaml', status=2)
    assert not os.path.exists(os.path.join(directory, 'clade.db'))
    for name in accepted:
        write(directory, 's.yaml', spec(name))
        out, _ = call(directory, 'run', 's.yaml', '-q')
        harmless(out)
    listed = [row['study'] for row in json.loads(call(directory, 'list', '--json')[0])]
    assert sorted(listed) == sorted(accepted), listed
    harmless(call(directory, 'list')[0])
    where = os.path.join(directory, 'clade.db.d')
    assert sorted(os.listdir(where)) == sorted(accepted)
    os.mkdir(os.path.join(where, 'stranger'))
    for name in accepted:
        for words in (('show', name), ('best', name), ('log', name), ('list', 'trials', name), ('show', f'{name}/1')):
            harmless(call(directory, *words)[0])
        harmless(call(directory, 'export', name)[0], '\r\n\ufeff\u202e')
        assert json.loads(call(directory, 'show', name, '--json')[0])['study'] == name
        assert 'agree' in call(directory, 'check', name)[0]
        _, err = call(directory, 'delete', '--yes', name)
        assert not os.path.lexists(os.path.join(where, name)) and os.path.isdir(os.path.join(where, 'stranger')), name
    assert os.listdir(where) == ['stranger'] and os.path.exists(os.path.join(directory, 'keep'))


def test_a_directory_that_is_a_link_is_not_followed_when_its_study_is_deleted(directory):
    write(directory, 's.yaml', spec('linked'))
    call(directory, 'run', 's.yaml', '-q')
    own = os.path.join(directory, 'clade.db.d', 'linked')
    precious = os.path.join(directory, 'precious')
    os.makedirs(os.path.join(precious, 'deep'))
    write(precious, 'file', 'kept')
    os.symlink(precious, os.path.join(own, '1', 'link'))
    os.symlink('/', os.path.join(own, 'root'))
    call(directory, 'delete', '--yes', 'linked')
    assert not os.path.lexists(own) and os.path.exists(os.path.join(precious, 'file')) and os.path.isdir(os.path.join(precious, 'deep'))


def test_metrics_of_any_name_come_through_to_every_table(directory):
    write(directory, 'names.json', json.dumps(NAMES))
    write(directory, 'train.py', TRAINER)
    write(directory, 's.yaml', spec(program=json.dumps([sys.executable, 'train.py', os.environ['CLADE_CLIENT']])) +
          'hyperparameters:\n  - name: lr\n    range: [0.1, 0.9]\n  - name: select-*from/x\n    values: ["a\\"b", "c\'d", "e\\nf", "\\e[31m", "漢", "$(touch pwned)"]\n'.replace('select-*from/x', 'select-from/x'))
    call(directory, 'run', 's.yaml', '-q')
    row = json.loads(call(directory, 'list', 'trials', 's', '--json')[0])[0]
    expected = {name: 76 + i for i, name in enumerate(NAMES)}
    assert row['state'] == 'COMPLETE' and row['values']['select-from/x'] in ('a"b', "c'd", 'e\nf', '\x1b[31m', '漢', '$(touch pwned)'), row
    assert {**expected, 'loss': 0.476} == row['metrics'], set(expected.items()) ^ set(row['metrics'].items())
    reports = [json.loads(line) for line in call(directory, 'export', 's', '--reports', '--format', 'jsonl')[0].split('\n') if line]
    assert len(reports) == 2 and all(reports[0]['metrics'][name] == 38 + i for i, name in enumerate(NAMES)), reports[0]
    for words in (('list', 'trials', 's', '--wide'), ('show', 's/1'), ('show', 's'), ('log', 's'), ('best', 's'), ('list', 'trials', 's', '--columns', 'metrics.*'),
                  ('show', 's/1', '--reports')):
        harmless(call(directory, *words)[0])
    for words in (('list', 'trials', 's', '--sort', NAMES[0]), ('list', 'trials', 's', '--columns', 'metrics.漢字,trial'), ('list', 'trials', 's', '--filter', 'metrics.漢字 > 3')):
        call(directory, *words)
    assert 'agree' in call(directory, 'check', 's')[0]
    with sqlite3.connect(os.path.join(directory, 'clade.db')) as base:
        columns = [column[1] for column in base.execute('PRAGMA table_info(reports)')]
        found = base.execute('SELECT * FROM reports ORDER BY position DESC LIMIT 1').fetchone()
        assert len(columns) == len(set(name.lower() for name in columns)), columns  # SQLite holds LOSS and loss for one
        assert set(expected.values()) <= set(found), (columns, found)
        assert base.execute('SELECT count(*) FROM trials').fetchone() == (1,)
    terminal = Terminal(directory, CLADE, 'show', 's/1')
    assert terminal.finish() == 0  # the screen knows no escape sequence but its own colours
    assert not os.path.exists(os.path.join(directory, 'pwned'))
    call(directory, 'delete', '--yes', 's')


def test_names_that_are_too_long_are_refused_with_their_place(directory):
    write(directory, 's.yaml', spec(metric='m' * 201))
    _, err = call(directory, 'run', 's.yaml', status=2)
    assert 's.yaml:3:' in err and "the metric's name has 201 bytes; it must have 1 to 200" in err, err
    for text in (spec('n' * 900000), spec(metric='m' * 900000), spec() + 'hyperparameters:\n  - name: ' + 'h' * 900000 + '\n    range: [0, 1]\n',
                 spec() + 'hyperparameters:\n  - name: h\n    values: [' + 'v' * 900000 + ', b]\n', spec() + '#' + 'x' * (1 << 20)):
        write(directory, 's.yaml', text)
        _, err = call(directory, 'run', 's.yaml', status=1 if len(text) > 1000000 else 2)
        assert len(err) < 2000, len(err)
    assert not os.path.exists(os.path.join(directory, 'clade.db'))


def test_a_note_of_a_megabyte_and_hostile_values_are_told_to_a_store_and_come_back(directory):
    subprocess.run([os.environ['FILL'], os.path.join(directory, 'clade.db'), 'hostile'], check=True, timeout=300)
    name = json.loads(call(directory, 'list', '--json')[0])[0]['study']
    for words in (('show', name), ('log', name), ('list', 'trials', name), ('best', name)):
        out, _ = call(directory, *words)
        harmless(out)
    exported = call(directory, 'export', name, '--format', 'csv')[0]
    assert exported.count('\r\n') >= 6, exported[:300]
    events = [json.loads(line) for line in call(directory, 'log', name, '--json')[0].split('\n') if line]
    assert max(len(json.dumps(event)) for event in events) > 1 << 20
    call(directory, 'delete', '--yes', name)
    assert json.loads(call(directory, 'list', '--json')[0]) == []


tap.run(globals())
