#!/usr/bin/env python3
"""Writes search.json: the first proposals of each searcher, computed here from the formulas alone.

Standard library only; shares no code with Clade. Run it in this directory; test_golden.c compares. Spaces are
the JSON of a study's settings, so both sides read the same definition.
"""
import json
import math
from statistics import NormalDist

M32, M64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
RANDOM, STARTUP, QMC, DGD, USER = 1, 2, 3, 11, 17


# --- random streams (algorithms.md section 1) ---

def mix64(z):
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & M64
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [q >> 32 ^ c[1] ^ k[0], q & M32, p >> 32 ^ c[3] ^ k[1], p & M32]
        k = [k[0] + 0x9E3779B9 & M32, k[1] + 0xBB67AE85 & M32]
    return c


def bits(seed, purpose, trial, sub, block=0, high=None):
    key = mix64(mix64(seed) + purpose & M64)
    words = philox([block, sub, trial & M32, trial >> 32 if high is None else high], [key & M32, key >> 32])
    return words[1] << 32 | words[0]


def uniform(*stream):
    return (bits(*stream) >> 11) * 2.0 ** -53


# --- the space (section 0) ---

def levels(h):
    if 'values' in h:
        return h['values']
    step = h.get('step', 1 if h['domain'] == 'int' else 0)
    if not step or 'lo' not in h or 'hi' not in h:
        return None
    n = math.floor((h['hi'] - h['lo']) / step + 1e-9) + 1
    grid = [round(h['lo'] + k * step, 12) for k in range(n)]
    if h['domain'] == 'int':
        grid = [int(x) for x in grid]
    return ([0] if 'zero' in h else []) + grid


def bend(scale, x):
    return {'linear': lambda: x, 'log': lambda: math.log(x), 'logit': lambda: math.log(x / (1 - x))}[scale]()


def unbend(scale, t):
    if scale in ('log', 'lognormal'):
        return math.exp(t)
    return 1 / (1 + math.exp(-t)) if scale == 'logit' else t


def decode(h, u):
    scale, domain = h.get('scale', 'linear'), h['domain']
    if 'values' in h:
        return h['values'][min(int(u * len(h['values'])), len(h['values']) - 1)]
    if 'zero' in h:
        if u < h['zero']:
            return 0 if domain == 'int' else 0.0
        u = (u - h['zero']) / (1 - h['zero'])
    step = h.get('step', 1 if domain == 'int' else 0)
    lo, hi = h.get('lo', -math.inf), h.get('hi', math.inf)
    if step and scale == 'linear':
        n = math.floor((hi - lo) / step + 1e-9) + 1
        x = lo + step * min(int(u * n), n - 1)
        return int(x) if domain == 'int' else round(x, 12)
    if scale in ('normal', 'lognormal'):
        x = unbend(scale, h['mean'] + h['sd'] * NormalDist().inv_cdf(min(max(u, 2.0 ** -53), 1 - 2.0 ** -53)))
    else:
        a, b = lo, hi
        if step:
            hi = lo + step * math.floor((hi - lo) / step + 1e-9)
            a, b = max(lo - step / 2, lo / 2), hi + step / 2
            if scale == 'logit':
                b = min(b, (1 + hi) / 2)
        x = unbend(scale, bend(scale, a) + u * (bend(scale, b) - bend(scale, a)))
    x = min(max(x, lo), hi)
    if step:
        anchor = lo if math.isfinite(lo) else 0
        x = round(anchor + step * math.floor((x - anchor) / step + 0.5), 12)
    return int(x) if domain == 'int' else float(x)


def is_active(h, values):
    return 'parent' not in h or values.get(h['parent']) in h['when']


def draw(space, seed, purpose, trial, given=None):
    values = {}
    for h in space:
        if not is_active(h, values):
            continue
        if h['domain'] == 'constant':
            values[h['name']] = h['values'][0]
        elif given and h['name'] in given:
            values[h['name']] = given[h['name']]
        else:
            values[h['name']] = decode(h, uniform(seed, purpose, trial, h['id']))
    return values


# --- the methods ---

def random_search(space, seed, trial, _):
    return draw(space, seed, RANDOM, trial)


def reverse(x):
    return int(f'{x:032b}'[::-1], 2)


def scramble(x, s):
    x = reverse(x)
    x ^= x * 0x3d20adea & M32
    x = x + s & M32
    x = x * (s >> 16 | 1) & M32
    x ^= x * 0x05526c56 & M32
    x ^= x * 0x53a22864 & M32
    return reverse(x)


def direction_numbers(dimension):
    """Of the first three dimensions, where theory leaves no choice."""
    if dimension == 0:
        return [1 << 31 - k for k in range(32)]
    m = [1] if dimension == 1 else [1, 3]
    while len(m) < 32:
        if dimension == 1:  # x + 1
            m.append(2 * m[-1] ^ m[-1])
        else:  # x^2 + x + 1
            m.append(2 * m[-1] ^ 4 * m[-2] ^ m[-2])
    return [m[k] << 31 - k for k in range(32)]


def sobol_search(space, seed, trial, scrambled=True):
    given, j, index = {}, 0, trial - 1
    for h in space:
        if h['domain'] == 'constant' or h.get('drawn'):
            continue
        x, gray = 0, index ^ index >> 1
        for k, v in enumerate(direction_numbers(j)):
            if gray >> k & 1:
                x ^= v
        if scrambled:
            x = scramble(x, bits(seed, QMC, 0, j) & M32)
        given[h['name']] = decode(h, x * 2.0 ** -32)
        j += 1
    return draw(space, seed, RANDOM, trial, given)


def permuted(seed, size, index):
    half = 1
    while 4 ** half < size:
        half += 1
    mask, x = 2 ** half - 1, index
    while True:
        left, right = x >> half, x & mask
        for round_ in range(8):
            left, right = right, left ^ bits(seed, RANDOM, 0, round_, right, M32) & mask
        x = left << half | right
        if x < size:
            return x


def grid_search(space, seed, trial, _):
    """Without conditionals and constraints."""
    parts = [h for h in space if h['domain'] != 'constant' and not h.get('drawn')]
    size = math.prod(len(levels(h)) for h in parts)
    place, given = permuted(seed, size, trial - 1), {}
    for h in parts:
        place, level = divmod(place, len(levels(h)))
        given[h['name']] = levels(h)[level]
    return draw(space, seed, RANDOM, trial, given)


def score(values, space):
    """A deterministic score with a lot of structure and no ties; maximised."""
    x = 0.0
    for k, h in enumerate(space):
        if h['name'] in values and not h.get('drawn'):
            x -= (levels(h).index(values[h['name']]) - 1.3) ** 2 / (k + 2.0)
    return x


def noise(trial):
    """As coarse as a double can print, and the same on both sides."""
    return (mix64(trial * 7919) >> 40) / 2.0 ** 24 * 3


def neighbours(space, centre):
    for h in space:
        if h.get('drawn') or h['domain'] == 'constant' or h['name'] not in centre:
            continue
        all_ = levels(h)
        own = all_.index(centre[h['name']])
        for level, value in enumerate(all_):
            if level != own and (h['domain'] == 'unordered' or abs(level - own) == 1):
                changed, settled = dict(centre, **{h['name']: value}), {}
                for g in space:
                    if is_active(g, settled) and not g.get('drawn'):
                        middle = levels(g)[min(int(0.5 * len(levels(g))), len(levels(g)) - 1)]
                        settled[g['name']] = changed.get(g['name'], g.get('tuned', middle))
                yield settled


def dgd_search(space, seed, trials, needed, scores):
    """All proposals of a study in which each trial is finished before the next is asked for; fills scores."""
    sets, order = {}, []

    def key(values):
        return tuple((h['name'], values.get(h['name'])) for h in space if not h.get('drawn'))

    def posterior(runs):
        n, mean = len(runs), sum(runs) / len(runs)
        mu0 = sum(scores) / len(scores)
        v0 = sum((x - mu0) ** 2 for x in scores) / (len(scores) - 1) if len(scores) > 1 else 0
        s2 = sum((x - mean) ** 2 for x in runs) / (n - 1) if n > 1 else 0
        v = (v0 + (n - 1) * s2) / n
        return (v * mu0 + n * v0 * mean) / (v + n * v0) if v + n * v0 > 0 else mean

    for trial in range(1, trials + 1):
        if len(sets) < needed:
            values = draw(space, seed, STARTUP, trial)
        else:
            best = max(order, key=lambda k: posterior(sets[k][1]))
            centre = sets[best][0]
            around = [centre] + list(neighbours(space, centre))
            counts = [len(sets[key(v)][1]) if key(v) in sets else 0 for v in around]
            weights = [max(counts) + 1 - c for c in counts]
            target = bits(seed, DGD, trial, 0) * sum(weights) >> 64
            chosen = 0
            while target >= weights[chosen]:
                target -= weights[chosen]
                chosen += 1
            given = {k: v for k, v in around[chosen].items()
                     if not next(h for h in space if h['name'] == k).get('drawn')}
            values = draw(space, seed, RANDOM, trial, given)
        y = score(values, space) + noise(trial)
        scores.append(y)
        if key(values) not in sets:
            order.append(key(values))
        sets.setdefault(key(values), (values, []))[1].append(y)
        yield values


# --- the cases ---

FLOATS = [
    {'id': 1, 'name': 'linear', 'domain': 'float', 'lo': -2.385, 'hi': 7.1},
    {'id': 7, 'name': 'log', 'domain': 'float', 'lo': 1e-5, 'hi': 0.37, 'scale': 'log'},
    {'id': 3, 'name': 'logit', 'domain': 'float', 'lo': 0.02, 'hi': 0.998, 'scale': 'logit'},
    {'id': 4, 'name': 'normal', 'domain': 'float', 'mean': 1.5, 'sd': 0.7, 'scale': 'normal'},
    {'id': 5, 'name': 'lognormal', 'domain': 'float', 'mean': -3.1, 'sd': 1.3, 'scale': 'lognormal'},
    {'id': 6, 'name': 'zero', 'domain': 'float', 'lo': 1e-4, 'hi': 1.7, 'scale': 'log', 'zero': 0.3},
    {'id': 2, 'name': 'step', 'domain': 'float', 'lo': 0.1, 'hi': 0.94, 'step': 0.12},
    {'id': 8, 'name': 'logstep', 'domain': 'float', 'lo': 0.25, 'hi': 9, 'step': 0.25, 'scale': 'log'}]
MIXED = [
    {'id': 1, 'name': 'opt', 'domain': 'unordered', 'values': ['adam', 'sgd', None, True]},
    {'id': 2, 'name': 'layers', 'domain': 'int', 'lo': 1, 'hi': 40, 'scale': 'log'},
    {'id': 3, 'name': 'width', 'domain': 'int', 'lo': 8, 'hi': 512, 'step': 8},
    {'id': 9, 'name': 'momentum', 'domain': 'float', 'lo': 0.5, 'hi': 0.999, 'parent': 'opt', 'when': ['sgd', None]},
    {'id': 10, 'name': 'batch', 'domain': 'ordered', 'values': [16, 32, 64.5]},
    {'id': 11, 'name': 'fixed', 'domain': 'constant', 'values': [3]},
    {'id': 12, 'name': 'seed', 'domain': 'int', 'lo': 0, 'hi': 2147483646, 'drawn': True}]
GRID = [
    {'id': 1, 'name': 'a', 'domain': 'ordered', 'values': [0.1, 0.2, 0.5, 1, 2, 4, 8]},
    {'id': 2, 'name': 'b', 'domain': 'unordered', 'values': ['p', 'q', 'r', 's']},
    {'id': 3, 'name': 'c', 'domain': 'int', 'lo': 1, 'hi': 6},
    {'id': 4, 'name': 'd', 'domain': 'float', 'lo': 0.1, 'hi': 0.5, 'step': 0.1},
    {'id': 5, 'name': 'seed', 'domain': 'int', 'lo': 0, 'hi': 65535, 'drawn': True}]
TREE = GRID + [
    {'id': 6, 'name': 'e', 'domain': 'ordered', 'values': [1, 2, 3, 4], 'parent': 'b', 'when': ['q', 's']},
    {'id': 7, 'name': 'f', 'domain': 'ordered', 'values': ['x', 'y', 'z'], 'tuned': 'y', 'parent': 'e',
     'when': [2, 3]}]


def case(name, space, search, seed, proposals):
    return {'name': name, 'hyperparameters': space, 'search': search, 'seed': seed, 'proposals': list(proposals)}


def main():
    asks, scores = range(1, 21), []
    cases = [
        case('random on every scale', FLOATS, {'method': 'random'}, 2385,
             (random_search(FLOATS, 2385, t, None) for t in asks)),
        case('random on a mixed, conditional space', MIXED, {'method': 'random'}, 77,
             (random_search(MIXED, 77, t, None) for t in asks)),
        case('Sobol, scrambled', FLOATS[:3], {'method': 'sobol'}, 12345678901,
             (sobol_search(FLOATS[:3], 12345678901, t) for t in asks)),
        case('Sobol, bare', MIXED[1:3] + MIXED[4:], {'method': 'sobol', 'scramble': 'none'}, 3,
             (sobol_search(MIXED[1:3] + MIXED[4:], 3, t, False) for t in asks)),
        case('a shuffled grid', GRID, {'method': 'grid'}, 41, (grid_search(GRID, 41, t, None) for t in asks)),
        case('DGD, long enough to move', TREE, {'method': 'dgd', 'startup': 40}, 9,
             dgd_search(TREE, 9, 120, 40, scores)),
    ]
    cases[-1]['scores'] = scores
    with open('search.json', 'w') as file:
        json.dump(cases, file, indent=1)
        file.write('\n')


if __name__ == '__main__':
    main()
