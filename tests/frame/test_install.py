"""What is installed is enough for a user's program: headers, both libraries, pkg-config files. Needs the build directory."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

BUILD = os.environ['MESON_BUILD_ROOT']

LIBRARY = """#include <clade/error.h>
#include <stdio.h>
int main(void) { return puts(clade_error_name(CLADE_ECONFLICT)) < 0; }
"""
STUDY = """#include <clade/study.h>
#include <stdio.h>
int main(void) {
  struct clade_study *study = NULL;
  struct clade_trial *trial = NULL;
  struct cl_err e = {0};
  struct clade_space *space = clade_space_create();
  clade_space_add_float(space, "x", 0.25, 0.5, NULL);
  struct clade_study_options o = {.store = "memory:", .name = "s", .space = space, .minimize = "y", .trials = 3};
  int status = clade_study_create(&o, &study, &e), n = 0;
  for (; status == 0 && (status = clade_study_ask(study, &trial, &e)) == 0; n++)
    status = clade_trial_tell(trial, clade_trial_float(trial, "x"), &e);
  clade_study_close(study);
  clade_space_destroy(space);
  printf("%d %s\\n", n, e.text);
  return status != CLADE_EMPTY;
}
"""
TRAINER = """#include <clade/trainer.h>
#include <stdio.h>
int main(int argc, char **argv) {
  clade_trainer *t = NULL;
  struct clade_trainer_options options = {0};
  if (clade_trainer_open(argc, argv, &options, &t) < 0) return 2;
  clade_trainer_default(t, "lr", "0.25");
  if (clade_trainer_start(t) < 0) return 3;
  clade_trainer_metric(t, "loss", 3 * clade_trainer_float(t, "lr"));
  if (clade_trainer_report(t, 7) < 0 || clade_trainer_done(t) < 0) return 4;
  int status = clade_trainer_exit_status(t);
  clade_trainer_close(t);
  return status;
}
"""


def output(*command, **more):
    result = subprocess.run(command, capture_output=True, text=True, **more)
    assert result.returncode == 0, f'{command}: {result.stdout}{result.stderr}'
    return result.stdout


def option(name):
    return next(o['value'] for o in json.loads(output('meson', 'introspect', '--buildoptions', BUILD)) if o['name'] == name)


def compile_flags():
    """A program must be linked with the sanitizers of the libraries it uses."""
    kinds = option('b_sanitize')
    return [] if kinds == 'none' else [f'-fsanitize={kinds}']


def installed(directory):
    """The tree below DESTDIR, where a prefix is there, and the environment in which pkg-config and the loader find it."""
    root = pathlib.Path(directory, 'root')
    output('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', str(root))
    libraries = next(root.rglob('libclade.so')).parent
    environment = {**os.environ, 'PKG_CONFIG_PATH': f'{libraries}/pkgconfig', 'LD_LIBRARY_PATH': str(libraries)}
    return root, f"{root}{option('prefix')}", environment


def runs(directory, package, text, *arguments):
    """What a program prints that was compiled with nothing but what pkg-config says."""
    _, prefix, environment = installed(directory)
    program = os.path.join(directory, 'user')
    flags = output('pkg-config', f'--define-variable=prefix={prefix}', '--cflags', '--libs', package, env=environment).split()
    output('gcc', '-std=c11', '-Wall', '-Werror', *compile_flags(), '-x', 'c', '-', '-o', program, *flags, input=text, env=environment)
    return output(program, *arguments, env=environment)


def test_a_program_of_a_user_links_libclade(directory):
    assert runs(directory, 'clade', LIBRARY) == 'ECONFLICT\n'


def test_a_program_of_a_user_asks_and_tells(directory):
    assert runs(directory, 'clade', STUDY) == '3 \n'


def test_a_trainer_of_a_user_links_libclade_trainer(directory):
    said = runs(directory, 'clade-trainer', TRAINER, '--lr=0.125')
    assert 'step 7' in said and 'loss 0.375' in said, said


def test_no_header_is_installed_that_shows_the_inside(directory):
    root, _, _ = installed(directory)
    headers = {p.relative_to(root).as_posix().split('/include/')[1] for p in root.rglob('*.h')}
    assert {'clade/error.h', 'clade/export.h', 'clade/study.h', 'clade/plugin.h', 'clade/policies.h', 'clade/value.h', 'clade/trainer.h'} <= headers, headers
    assert all(h.startswith('clade/') for h in headers), headers
    for path in root.rglob('*.h'):
        assert '"base/' not in path.read_text() and '"model/' not in path.read_text(), path


tap.run(globals())
