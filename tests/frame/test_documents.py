"""The documents speak of what is there: paths, links, rooms, commands of ./dev."""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap

ROOT = pathlib.Path(tap.ROOT)
DOCUMENTS = ('README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'CREDITS.md')
PLACE = re.compile(r'`((?:src|apps|include|tests|tools|trainer|examples|clients|bench|docs|\.ci)/[\w./-]*)`')


def text(name):
    return (ROOT / name).read_text()


def test_every_path_in_the_documents_exists(directory):
    for name in DOCUMENTS:
        for place in PLACE.findall(text(name)):
            assert (ROOT / place).exists(), f'{name} speaks of {place}'


def test_every_link_to_a_file_leads_somewhere(directory):
    for name in DOCUMENTS:
        for target in re.findall(r'\]\((?!https?:|#)([^)#]+)', text(name)):
            assert (ROOT / target).exists(), f'{name} links to {target}'


def test_every_room_of_src_has_its_row_and_its_floor(directory):
    page = text('ARCHITECTURE.md')
    floors = page.split('```floors')[1].split('```')[0]
    for room in sorted(p.name for p in (ROOT / 'src').iterdir() if p.is_dir()):
        assert re.search(rf'^\| .*`src/{room}`.* \|', page, re.MULTILINE), f'ARCHITECTURE.md has no row for src/{room}'
        assert re.search(rf'^floor .*\bsrc/{room}\b', floors, re.MULTILINE), f'no floor for src/{room}'


def test_every_command_of_dev_in_the_documents_is_one(directory):
    usage = subprocess.run([str(ROOT / 'dev'), '--help'], capture_output=True, text=True, check=True).stdout
    for name in DOCUMENTS:
        for command in re.findall(r'\./dev ([a-z]+)', text(name)):
            assert re.search(rf'^  {command}\b', usage, re.MULTILINE), f'{name} speaks of ./dev {command}'


def test_the_python_of_the_first_study_trains(directory):
    page = text('docs/first-study.md').split('```python')[1].split('```')[0]
    prologue = """
class model:
    epoch = 0
def train(model, lr): model.epoch += 1
def validate(model): return 1 / model.epoch
def save(directory): raise SystemExit("nobody asked")
load = save
"""
    done = subprocess.run([sys.executable, '-c', prologue + page], cwd=directory, env={**os.environ, 'PYTHONPATH': str(ROOT / 'clients/python')},
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == 'step 10  loss 0.1', done


def test_the_five_systems_and_the_data_are_credited(directory):
    credits = text('CREDITS.md')
    for word in ('ExperimentTools', 'rl_nexus', 'Dylan Stark', 'MattKleinsmith/pbt', 'lebrice/pop-based-training', 'planetceres/HPx',
                 'Matt Shaffer', 'MIT License', 'Please maintain attribution', 'Alpaydin', 'CC BY 4.0', 'MNIST'):
        assert word in credits, word


tap.run(globals())
