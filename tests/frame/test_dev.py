"""./dev as a user meets it: help, mistakes, and which packages setup would install. Nothing is installed."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

TOOLS = ('bash', 'env', 'dirname', 'readlink', 'awk', 'grep', 'cat', 'sort', 'realpath')


def fake(directory, **scripts):
    """A PATH that holds the tools dev reads with, and the given programs instead of the system's."""
    folder = pathlib.Path(directory, 'bin')
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    for name, body in scripts.items():
        path = folder / name.replace('_', '-')
        path.write_text(f'#!/bin/bash\n{body}\n')
        path.chmod(0o755)
    return str(folder)


def dev(*arguments, path=None, **more):
    environment = {**os.environ, **more}
    environment.pop('CLADE_SETUP', None)
    environment.update(more)
    if path:
        environment['PATH'] = path
    return subprocess.run([os.path.join(tap.ROOT, 'dev'), *arguments], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300)


def installed(*packages):
    """A dpkg-query that knows only these packages, in dpkg's own words."""
    cases = ' '.join(f'{name}) echo "install ok installed";;' for name in packages)
    return f'case "${{@: -1}}" in {cases} half-there) echo "install ok half-configured";; *) exit 1;; esac'


def listed(group):
    lines = pathlib.Path(tap.ROOT, 'tools/packages.txt').read_text().splitlines()
    return [line.split()[1] for line in lines if line.startswith(group + ' ')]


def test_help_names_every_command_and_gives_examples(directory):
    result = dev('--help')
    assert result.returncode == 0 and result.stderr == '', result
    for command in ('setup', 'build', 'install', 'demo', 'test', 'bench', 'coverage', 'lint', 'clean'):
        assert f'\n  {command}' in result.stdout, command
    assert 'Examples:' in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_an_unknown_command_is_a_usage_error_that_names_help(directory):
    result = dev('tset')
    assert result.returncode == 2 and result.stdout == '', result
    assert "'tset'" in result.stderr and '--help' in result.stderr


def test_no_command_prints_the_usage_and_fails(directory):
    result = dev()
    assert result.returncode == 2 and 'Usage:' in result.stderr, result


def test_dry_run_lists_exactly_what_is_missing(directory):
    wanted = listed('build')
    there = [p for p in wanted if p not in ('libuv1-dev', 'libfyaml-dev')]
    path = fake(directory, uname='echo Linux', dpkg_query=installed(*there), apt_get=f'touch {directory}/called')
    result = dev('setup', '--dry-run', 'build', path=path)
    assert result.returncode == 0, result
    missing = result.stdout.strip().removeprefix('would install: ').split()
    assert missing == [p for p in wanted if p in ('libuv1-dev', 'libfyaml-dev')], result.stdout
    assert f'{len(there)} of {len(wanted)}' in result.stderr, result.stderr
    assert not os.path.exists(f'{directory}/called')


def test_setup_calls_no_apt_when_everything_is_there(directory):
    path = fake(directory, uname='echo Linux', dpkg_query=installed(*listed('build'), *listed('test')),
                apt_get=f'touch {directory}/called')
    result = dev('setup', 'build', 'test', path=path)
    assert result.returncode == 0 and result.stdout == '', result
    assert not os.path.exists(f'{directory}/called')


def test_a_package_that_is_not_fully_installed_counts_as_missing(directory):
    query = 'echo "deinstall ok config-files"'
    path = fake(directory, uname='echo Linux', dpkg_query=query, apt_get='exit 9')
    result = dev('setup', '--dry-run', 'test', path=path)
    assert result.stdout.strip() == 'would install: ' + ' '.join(listed('test')), result


def test_setup_updates_once_and_installs_without_questions(directory):
    log = f'{directory}/log'
    path = fake(directory, uname='echo Linux', dpkg_query='exit 1', id='echo 0', apt_cache='exit 0',
                apt_get=f'echo "$DEBIAN_FRONTEND $*" >>{log}')
    result = dev('setup', 'build', path=path)
    assert result.returncode == 0, result
    calls = pathlib.Path(log).read_text().splitlines()
    assert len(calls) == 2 and calls[0].endswith(' update'), calls
    assert ' install -y ' in calls[1] and calls[1].endswith(' '.join(listed('build'))), calls
    assert all(call.startswith('noninteractive ') for call in calls)


def test_without_root_setup_goes_through_sudo(directory):
    log = f'{directory}/log'
    path = fake(directory, uname='echo Linux', dpkg_query='exit 1', id='echo 1000', apt_cache='exit 0',
                apt_get='exit 0', sudo=f'echo "sudo $*" >>{log}; exec "$@"')
    result = dev('setup', 'test', path=path)
    assert result.returncode == 0, result
    assert 'apt-get' in pathlib.Path(log).read_text()


def test_without_root_and_sudo_setup_prints_the_command(directory):
    path = fake(directory, uname='echo Linux', dpkg_query='exit 1', id='echo 1000', apt_get='exit 0')
    result = dev('setup', 'test', path=path)
    assert result.returncode == 1 and 'apt-get' in result.stderr and 'sudo' in result.stderr, result


def test_a_failed_installation_fails_setup(directory):
    path = fake(directory, uname='echo Linux', dpkg_query='exit 1', id='echo 0', apt_cache='exit 0',
                apt_get='case "$*" in *install*) exit 100;; esac')
    assert dev('setup', 'test', path=path).returncode != 0


def test_a_lint_package_the_distribution_lacks_is_left_out_with_a_note(directory):
    log = f'{directory}/log'
    path = fake(directory, uname='echo Linux', dpkg_query='exit 1', id='echo 0',
                apt_cache='[ "$2" != clang-tidy-14 ]', apt_get=f'echo "$*" >>{log}')
    result = dev('setup', 'lint', path=path)
    assert result.returncode == 0 and 'no clang-tidy-14' in result.stderr, result
    assert 'clang-tidy-14' not in pathlib.Path(log).read_text()
    assert 'cppcheck' in pathlib.Path(log).read_text()


def test_other_systems_than_linux_are_refused_with_a_sentence(directory):
    path = fake(directory, uname='echo Darwin', dpkg_query='exit 1', apt_get='exit 0')
    result = dev('setup', path=path)
    assert result.returncode == 1 and 'Linux only, not on Darwin' in result.stderr, result


def test_other_distributions_get_the_list_and_a_sentence(directory):
    path = fake(directory, uname='echo Linux')
    result = dev('setup', 'build', path=path)
    assert result.returncode == 1 and 'CLADE_SETUP=skip' in result.stderr, result
    assert 'libjansson-dev' in result.stdout and 'libcmocka-dev' not in result.stdout
    assert dev('setup', 'build', path=path, CLADE_SETUP='skip').returncode == 0


def test_an_unknown_group_names_the_known_ones(directory):
    result = dev('setup', 'everything')
    assert result.returncode == 2 and 'coverage' in result.stderr, result


def test_a_build_that_fails_counts_as_one_failure_and_no_pass(directory):
    path = fake(directory, uname='echo Linux', dpkg_query='echo "install ok installed"', apt_get='exit 0',
                meson='exit 1', ninja='exit 1')
    result = dev('test', path=path)
    assert result.returncode == 1 and result.stdout.splitlines()[-1] == '0 passed, 1 failed', result


tap.run(globals())
