#!/usr/bin/env python3
"""The MNIST study: population based training against random search. Usage: tools/mnist.py BUILD [OPTION...]

  --seeds LIST     as `clade compare` takes it (8 = 1 to 8, or 1-2, 3-4 …: by parts)
  --arms LIST      of pbt, best, random, dropout, dropout-random, joined by commas (pbt,random)
  --dir DIR        store, pictures and uncompressed data (BUILD/mnist-study)
  --final          also replay the schedule of the best member, and look at the test set: once

The same command goes on where an earlier one stopped; finished studies are not run again. MNIST_DATA names the directory of
the data. An arm is 15 members x 10 epochs = 7.2 million training images.
"""
import argparse
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time


def read_arguments():
    parser = argparse.ArgumentParser(prog='./dev bench mnist', description=__doc__.split('\n')[0])
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--seeds', default='8')
    parser.add_argument('--arms', default='pbt,random')
    parser.add_argument('--dir', type=pathlib.Path)
    parser.add_argument('--final', action='store_true')
    parser.add_argument('--spec', action='append', default=[], help=argparse.SUPPRESS)  # OLD=NEW in the specs: for tests
    return parser.parse_args()


def unpack(directory):
    """The data, uncompressed: a member is a process per turn, and each would unpack them again."""
    source = pathlib.Path(os.environ.get('MNIST_DATA', 'examples/mnist/data'))
    found = [p for p in sorted(source.glob('*-ubyte*')) if p.is_file()]
    if len(found) < 4:
        sys.exit(f"mnist: '{source}' does not have the four files of MNIST: examples/mnist/download.sh fetches them, "
                 'MNIST_DATA names their directory')
    directory.mkdir(parents=True, exist_ok=True)
    for path in found:
        to = directory / path.name.removesuffix('.gz')
        if to.exists():
            continue
        part = to.with_suffix('.part')
        with (gzip.open if path.suffix == '.gz' else open)(path, 'rb') as from_file, open(part, 'wb') as to_file:
            shutil.copyfileobj(from_file, to_file)
        part.rename(to)


class Study:
    def __init__(self, arguments):
        self.program = arguments.build.resolve() / 'examples/mnist'
        self.clade = arguments.build.resolve() / 'apps/cli/clade'
        self.directory = (arguments.dir or arguments.build / 'mnist-study').resolve()
        unpack(self.directory / 'data')
        self.environment = {**os.environ, 'CLADE_STORE': str(self.directory / 'mnist.db'), 'MNIST_DATA': str(self.directory / 'data')}

    def run(self, *words, **how):
        print('\n$ clade ' + ' '.join(str(word) for word in words), flush=True)
        done = subprocess.run([self.clade, *words], cwd=self.program, env=self.environment, check=False, **how)
        if done.returncode != 0:
            sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)
        return done

    def ask(self, *words):
        done = subprocess.run([self.clade, *words, '--json'], cwd=self.program, env=self.environment, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def specs(self, arms, changes):
        """Copies in the directory of the study, so that what was run stays with its results."""
        paths = []
        for arm in arms:
            text = (self.program / f'mnist-{arm}.yaml').read_text()
            for change in changes:
                text = text.replace(*change.split('=', 1))
            path = self.directory / f'mnist-{arm}.yaml'
            path.write_text(text)
            paths.append(str(path))
        return paths

    def finish(self, arms):
        """The best member of all seeds: its schedule again from its root, and the test set once."""
        studies = [row for row in self.ask('list', 'studies', f'mnist-{arms[0]}-s*', '--columns', 'study,best') if row['best'] is not None]
        winner = max(studies, key=lambda row: row['best'])['study']
        schedule = self.directory / f'{winner}.yaml'
        self.run('schedule', winner, '--export', schedule)
        replay = f'{winner}-replay'
        if replay not in {row['study'] for row in self.ask('list', 'studies')}:
            self.run('replay', schedule, '--name', replay)
        if self.ask('best', winner).get('assessments', 0) == 0:
            self.run('assess', winner)
        self.run('best', winner)


def main():
    arguments = read_arguments()
    study, arms = Study(arguments), arguments.arms.split(',')
    specs = study.specs(arms, arguments.spec)
    begin = time.monotonic()
    plot = ['--plot', str(study.directory / 'pictures')] if shutil.which('gnuplot') else []
    study.run('compare', *specs, '--seeds', arguments.seeds, *plot)
    print(f'{time.monotonic() - begin:.0f} s for what was run now; everything is in {study.directory}', flush=True)
    if arguments.final:
        study.finish(arms)


if __name__ == '__main__':
    main()
