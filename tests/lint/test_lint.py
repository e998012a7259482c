"""Each lint rule finds a violation seeded into a small copy of the house, and says file and line; without it, it is content."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

CLANG_TOOLS = ('clang-14', 'clang++-14', 'clang-tidy-14', 'clang-format-14', 'cppcheck')

MESON = """project('clade', 'c', version: '0.1.0', default_options: ['c_std=gnu11', 'warning_level=3', 'werror=true'])
add_project_arguments('-D_GNU_SOURCE', '-DCLADE_VERSION="0.1.0"', '-fvisibility=hidden', '-Wno-string-conversion', language: 'c')
inc = include_directories('include', 'src')
install_headers('include/clade/error.h', 'include/clade/export.h', subdir: 'clade')
library('clade', 'src/base/alloc.c', 'src/base/err.c', 'src/base/utf8.c', 'src/base/seed.c', include_directories: inc, install: true)
"""
SEED = """#include "base/err.h"

CLADE_API int clade_seed(int n, struct cl_err *e);

int clade_seed(int n, struct cl_err *e) {
  return n > 2385 ? CL_FAIL(e, CLADE_ELIMIT, "n is %d, but must be at most 2385", n) : n;
}
"""


def house(directory):
    """The ground floor, its public headers and the rules, as a project that builds in a moment; obeys every rule."""
    root = pathlib.Path(directory, 'house')
    root.mkdir()
    for name in ('src/base', 'tools'):
        shutil.copytree(os.path.join(tap.ROOT, name), root / name, ignore=shutil.ignore_patterns('meson.build', '__pycache__'))
    (root / 'include/clade').mkdir(parents=True)
    for name in ('error.h', 'export.h'):
        shutil.copy(os.path.join(tap.ROOT, 'include/clade', name), root / 'include/clade' / name)
    for name in ('ARCHITECTURE.md', '.clang-format', '.clang-tidy'):
        shutil.copy(os.path.join(tap.ROOT, name), root / name)
    put(root, 'meson.build', MESON)
    put(root, 'src/base/seed.c', SEED)
    put(root, 'tools/symbols.txt', 'libclade clade_error_name\nlibclade clade_error_text\nlibclade clade_seed\n')
    return root


def put(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def lint(root, script, *arguments):
    """(exit status, output) of a rule; a rule that breaks down is no finding."""
    result = subprocess.run([str(root / 'tools/lint' / script), str(root), *arguments], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=240)
    assert 'Traceback' not in result.stderr, result.stderr
    return result.returncode, result.stdout + result.stderr


def content(root, script, *arguments):
    status, said = lint(root, script, *arguments)
    assert status == 0 and said == '', said


def finds(root, script, place, word, *arguments):
    """The rule fails and one line of what it says starts with place (file:line) and holds the word."""
    status, said = lint(root, script, *arguments)
    assert status == 1, (status, said)
    assert any(line.startswith(place + ':') and word in line for line in said.splitlines()), f'{place} {word} in: {said}'


def test_floors_finds_an_include_upwards(directory):
    root = house(directory)
    put(root, 'src/store/log.h', '#include "base/err.h"\n')
    content(root, 'floors.py')
    put(root, 'src/base/seed.c', SEED + '\n#include "store/log.h"\n')
    finds(root, 'floors.py', 'src/base/seed.c:9', 'must not see src/store/log.h')


def test_floors_finds_an_include_between_rooms_of_one_floor(directory):
    root = house(directory)
    put(root, 'src/store/log.h', '')
    put(root, 'src/search/tpe.c', '\n\n  #  include "../store/log.h"\n')
    finds(root, 'floors.py', 'src/search/tpe.c:3', 'src/search must not see src/store/log.h')


def test_floors_finds_a_library_in_the_wrong_room(directory):
    root = house(directory)
    put(root, 'src/store/sql.c', '#include <sqlite3.h>\n#include <jansson.h>\n')
    put(root, 'src/engine/x.c', '#include <uv.h>\n#include <jansson.h>\n')
    content(root, 'floors.py')
    for path, header in (('src/engine/x.c', 'sqlite3.h'), ('src/store/sql.c', 'libfyaml.h'), ('src/spec/x.c', 'uv.h'),
                         ('src/math/x.c', 'jansson.h'), ('src/run/x.c', 'ncursesw/ncurses.h'), ('apps/cli/x.c', 'sqlite3.h')):
        before = (root / path).read_text() if (root / path).exists() else ''
        put(root, path, f'/* one\n two */\n#include <{header}>\n')
        finds(root, 'floors.py', f'{path}:3', f'<{header}>')
        put(root, path, before)


def test_floors_finds_a_public_header_that_shows_the_inside(directory):
    root = house(directory)
    put(root, 'include/clade/run.h', '#include "base/err.h"\n')
    finds(root, 'floors.py', 'include/clade/run.h:1', 'src/base/err.h')


def test_floors_finds_a_client_that_looks_inside(directory):
    root = house(directory)
    put(root, 'src/store/log.h', '')
    put(root, 'apps/cli/list.c', '#include <clade/error.h>\n#include "store/log.h"\n')
    finds(root, 'floors.py', 'apps/cli/list.c:2', 'apps must not see src/store/log.h')


def test_floors_finds_a_folder_that_is_no_room_and_a_file_that_is_not_there(directory):
    root = house(directory)
    put(root, 'src/attic/old.c', '#include "base/err.h"\n')
    finds(root, 'floors.py', 'src/attic/old.c:1', 'no room')
    put(root, 'src/attic/old.c', '')
    put(root, 'src/base/seed.c', '#include "base/gone.h"\n')
    finds(root, 'floors.py', 'src/base/seed.c:1', 'names no file')


def test_floors_does_not_read_comments_and_literals(directory):
    root = house(directory)
    put(root, 'src/base/seed.c', '/* like this:\n#include "store/log.h"\n*/\n// #include <sqlite3.h>\n')
    content(root, 'floors.py')


def test_banned_finds_each_banned_function(directory):
    root = house(directory)
    content(root, 'banned.py')
    for name in ('strcpy', 'sprintf', 'atoi', 'strtok', 'rand', 'gets', 'alloca', 'setjmp', 'malloc', 'free', 'printf',
                 'strdup', 'exit', 'abort', 'system'):
        put(root, 'src/model/seed.c', f'int x;\nint f(void) {{ return {name} (x); }}\n')
        finds(root, 'banned.py', 'src/model/seed.c:2', f'{name} is banned')
    put(root, 'src/model/seed.c', 'int f(void) { return fputs("x", stderr); }\n')
    finds(root, 'banned.py', 'src/model/seed.c:1', 'stderr is banned')


def test_banned_knows_names_from_text(directory):
    root = house(directory)
    put(root, 'src/model/seed.c', '/* malloc(3) */ // free(p)\nconst char *s = "printf(1)"; int snprintf(int), cl_free(void *), '
        'my_rand(void);\nvoid f(struct ops *o) { o->free(o); (*o).exit(o); }\n')
    put(root, 'apps/cli/x.c', 'int main(void) { printf("x"); }\n')
    content(root, 'banned.py')
    put(root, 'tests/base/t.c', 'void f(void) { free(malloc(1)); setjmp(j); }\n')
    content(root, 'banned.py')


def test_errors_finds_a_page_that_says_something_else(directory):
    root = house(directory)
    statuses = re.findall(r'X\((E[A-Z]+), -\d+, "([^"]*)"\)', (root / 'include/clade/error.h').read_text())
    page = ''.join(f'| {name} | {meaning} | |\n' for name, meaning in statuses) + '| `n is …, but must be at most 2385` | |\n'
    put(root, 'docs/errors.md', page)
    content(root, 'errors.py')
    put(root, 'docs/errors.md', page.replace('2385', '2386'))
    finds(root, 'errors.py', f'docs/errors.md:{len(statuses) + 1}', 'nothing says')
    put(root, 'docs/errors.md', page.replace('memory ran out', 'memory is there'))
    finds(root, 'errors.py', 'docs/errors.md:2', 'ENOMEM means')
    put(root, 'docs/errors.md', page)
    put(root, 'src/store/seed.c', SEED.replace('2385,', '2385').replace('n is %d', 'm is %d'))
    finds(root, 'errors.py', 'src/store/seed.c:6', 'has no entry')


def test_statuses_finds_one_that_no_test_brings_about(directory):
    root = house(directory)
    put(root, 'tools/statuses.txt', '# nothing yet\n')
    put(root, 'include/clade/seed.h', '/* n, or CLADE_ELIMIT when it is too large,\n * CLADE_EINVAL below 0. */\n'
        'CLADE_API int clade_seed(int n,\n                         struct cl_err *e);\n')
    test = 'static void large_seeds_are_refused(void **state) {\n  assert_int_equal(clade_seed(2386, NULL), CLADE_ELIMIT);\n}\n'
    put(root, 'tests/base/test_seed.c', test)
    status, said = lint(root, 'statuses.py')
    assert status == 1 and said == 'include/clade/seed.h: no test brings about clade_seed -> CLADE_EINVAL\n', said
    put(root, 'tools/statuses.txt', 'clade_seed EINVAL - nobody would\n')
    content(root, 'statuses.py')
    put(root, 'tests/base/test_seed.c', test.replace('ELIMIT', 'EINVAL'))
    finds(root, 'statuses.py', 'tools/statuses.txt:1', 'has a test')
    finds(root, 'statuses.py', 'include/clade/seed.h', 'CLADE_ELIMIT')
    put(root, 'tools/statuses.txt', 'clade_seed ELIMIT tests/base/other.py\n')
    finds(root, 'statuses.py', 'tools/statuses.txt:1', 'is not named in')


def test_packages_finds_a_dependency_that_setup_does_not_install(directory):
    root = house(directory)
    content(root, 'packages.py')
    put(root, 'src/meson.build', "a = dependency('jansson')\n# dependency('libold')\nb = dependency('libnew', version: '>=2')\n")
    finds(root, 'packages.py', 'src/meson.build:3', "'libnew'")


def test_shell_finds_a_script_with_a_fault(directory):
    root = house(directory)
    content(root, 'shell.sh')
    put(root, 'tools/broken', '#!/usr/bin/env bash\nif true; then\n  echo one\n')
    status, said = lint(root, 'shell.sh')
    assert status == 1 and 'tools/broken:' in said, said


def test_shell_finds_an_unquoted_name(directory):
    tap.need('shellcheck')
    root = house(directory)
    put(root, 'tools/broken.sh', '#!/bin/bash\nrm $1\n')
    finds(root, 'shell.sh', 'tools/broken.sh:2', 'SC2086')


def test_format_finds_a_line_out_of_shape(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'format.sh')
    put(root, 'src/model/seed.c', 'int x;\nint   y;\n')
    finds(root, 'format.sh', 'src/model/seed.c:2', 'clang-format')


def test_clang_finds_a_warning(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'clang.py')
    put(root, 'src/base/seed.c', SEED + '\nint shared_here;\nstatic int never_used(void) { return 1; }\n')
    finds(root, 'clang.py', 'src/base/seed.c:10', 'never_used')


def test_ndebug_finds_a_variable_that_only_an_assert_reads(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    asserted = SEED.replace('#include "base', '#include <assert.h>\n\n#include "base')
    put(root, 'src/base/seed.c', asserted.replace('  return n >', '  assert(n > -7);\n  return n >'))
    content(root, 'ndebug.py')
    put(root, 'src/base/seed.c', asserted.replace('  return n >', '  int limit = 2385;\n  assert(n < limit);\n  return n >'))
    content(root, 'clang.py')
    finds(root, 'ndebug.py', 'src/base/seed.c:8', "'limit'")


def test_headers_finds_what_does_not_compile_alone(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'headers.py')
    header, good = root / 'include/clade/export.h', (root / 'include/clade/export.h').read_text()
    number = good.count('\n')
    for line, word in (('size_t clade_a(void);', 'size_t'), ('int clade_b(int new);', 'new'), ('#include "base/err.h"', 'base/err.h')):
        header.write_text(good.replace('#endif', line + '\n#endif'))
        finds(root, 'headers.py', f'include/clade/export.h:{number}', word)


def test_headers_finds_one_that_is_not_installed(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    put(root, 'include/clade/lost.h', 'int clade_lost(void);\n')
    finds(root, 'headers.py', 'include/clade/lost.h:1', 'not installed')


def test_symbols_finds_a_promise_that_no_library_keeps(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    header = root / 'include/clade/export.h'
    good = header.read_text()
    header.write_text(good.replace('#endif', '/* clade_not_this(int) */\nconst char *clade_promise(\n    int n);\n#endif'))
    finds(root, 'symbols.py', f"include/clade/export.h:{good.count(chr(10)) + 1}", 'clade_promise')


def test_symbols_finds_new_foreign_and_lost_exports(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'symbols.py')
    put(root, 'src/base/seed.c', SEED + '\nCLADE_API int clade_new(void);\nint clade_new(void) { return 1; }\n')
    finds(root, 'symbols.py', 'src/base/seed.c:10', 'clade_new')
    put(root, 'src/base/seed.c', SEED + '\nCLADE_API int cl_leak(void);\nint cl_leak(void) { return 1; }\n')
    finds(root, 'symbols.py', 'src/base/seed.c:10', 'cl_leak')
    put(root, 'src/base/seed.c', SEED.replace('CLADE_API ', ''))
    finds(root, 'symbols.py', 'tools/symbols.txt:3', 'does not export clade_seed')


def test_cppcheck_finds_a_leak(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'cppcheck.sh')
    put(root, 'src/base/seed.c', '#include <stdio.h>\n\nint seed(void) {\n  FILE *f = fopen("x", "r");\n  return f ? 1 : 0;\n}\n')
    finds(root, 'cppcheck.sh', 'src/base/seed.c:5', 'resourceLeak')


def test_tidy_finds_a_null_pointer_and_remembers_only_what_passed(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    content(root, 'tidy.py', 'src/base/seed.c')
    bad = SEED + '\nstatic const int three = 3;\nCLADE_API int clade_b(int n);\nint clade_b(int n) {\n  const int *p = 0;\n' \
        '  if (n > 3) p = &three;\n  return *p;\n}\n'
    put(root, 'src/base/seed.c', bad)
    for _ in range(2):
        finds(root, 'tidy.py', 'src/base/seed.c:14', 'NullDereference', 'src/base/seed.c')
    put(root, 'src/base/seed.c', SEED)
    content(root, 'tidy.py', 'src/base/seed.c')


def test_tidy_follows_the_way_errors_are_passed_on(directory):
    tap.need(*CLANG_TOOLS)
    root = house(directory)
    put(root, 'src/base/seed.c', '#include "base/err.h"\n#include <stddef.h>\n\nstatic int give(int n, const int **ret, struct cl_err *e) {\n'
        '  static const int three = 3;\n  if (n > 7) return CL_FAIL(e, CLADE_ELIMIT, "n is %d, at most 7", n);\n  *ret = &three;\n'
        '  return 0;\n}\n\nint seed(int n, struct cl_err *e);\nint seed(int n, struct cl_err *e) {\n  const int *p = NULL;\n'
        '  CL_TRY(give(n, &p, e));\n  return *p;\n}\n')
    content(root, 'tidy.py', 'src/base/seed.c')


def test_the_list_names_every_rule_and_every_rule_is_tested(directory):
    rules = subprocess.run([os.path.join(tap.ROOT, 'tools/lint/run.sh'), '--list'], capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in rules.stdout.splitlines()]
    tested = {name.split('_')[1] for name in globals() if name.startswith('test_')}
    assert len(names) >= 11 and set(names) <= tested, set(names) - tested
    scripts = {p.stem for p in pathlib.Path(tap.ROOT, 'tools/lint').iterdir() if p.suffix in ('.py', '.sh')}
    assert scripts - set(names) == {'run', 'source', 'database'}, scripts


def test_an_unknown_rule_is_a_usage_error_and_a_broken_one_fails(directory):
    root = house(directory)
    run = [str(root / 'tools/lint/run.sh')]
    result = subprocess.run([*run, 'flors'], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 2 and "'flors'" in result.stderr and 'floors' in result.stderr, result
    put(root, 'src/base/seed.c', 'int f(void) { return atoi("1"); }\n')
    result = subprocess.run([*run, 'floors', 'banned'], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == 1, result
    assert 'lint: banned FAILED' in result.stdout and 'lint: floors ok' in result.stdout, result.stdout
    assert result.stdout.splitlines()[-1] == 'lint: 1 rules kept, 1 broken'


tap.run(globals())
