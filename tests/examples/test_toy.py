"""Figure 2 of the paper on population based training. Usage: test_toy.py TOY"""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap  # noqa: E402

TOY = pathlib.Path(sys.argv[1]).resolve()
FIGURE = pathlib.Path(tap.ROOT) / 'examples/toy/figure.sh'
SEEDS = 1000 if os.environ.get('CLADE_THOROUGH') else 60


def toy(*words):
    done = subprocess.run([str(TOY), *map(str, words)], capture_output=True, text=True, timeout=300, check=True)
    return done.stdout


def test_the_panels_without_chance_are_exact(_directory):
    for variant in ('linear', 'square'):
        grid = [float(word) for word in toy('--panel', 'grid', '--variant', variant).split()]
        exploit = [float(word) for word in toy('--panel', 'exploit', '--variant', variant).split()]
        for found, known in zip(grid + exploit, (0.3897494379, 0.3897494379, 1.1815970833, 1.1819175076)):
            assert abs(found - known) <= 1e-9, (variant, found, known)


def median(panel, variant):
    return float(re.match(r'median (\S+)', toy('--panel', panel, '--variant', variant, '--seeds', SEEDS))[1])


def test_each_half_of_the_method_helps(_directory):
    for variant in ('linear', 'square'):
        pbt, explore = median('pbt', variant), median('explore', variant)
        assert pbt >= 1.185, (variant, pbt)
        assert 1.2 >= pbt > 1.1819175076 > explore > 0.3897494379, (variant, pbt, explore)


def test_the_figure_is_drawn(directory):
    tap.need('gnuplot')
    out = pathlib.Path(directory) / 'toy.svg'
    subprocess.run(['sh', str(FIGURE), str(TOY), str(out)], check=True, timeout=300)
    text = out.read_text(encoding='utf-8')
    for title in ('PBT', 'explore only', 'exploit only', 'grid search'):
        assert title in text, title
    assert text.count('<svg') == 1 and text.rstrip().endswith('</svg>')


if __name__ == '__main__':
    tap.run(dict(globals()))
