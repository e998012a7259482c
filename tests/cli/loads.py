"""What the members of the study `theta` have loaded, by what they wrote down themselves (member.py, memory_member.py)."""
import os

from program import of_kind


def check_loads(directory, log, n):
    """Every state that a member loaded is the one of the snapshot that was decided on, with the score that was ranked."""
    saved = {e['position']: e for e in of_kind(log, 'saved')}
    scores = {(e['trial'], e['attempt'], e['step']): e['metrics'][0][2] for e in of_kind(log, 'reported')}
    for trial in range(1, n + 1):
        path = os.path.join(directory, 'clade.db.d', 'theta', str(trial), 'loads.txt')
        lines = open(path, encoding='utf-8').read().splitlines() if os.path.exists(path) else []
        loads = [tuple(map(float, line.split()[:3])) for line in lines]
        wanted = [saved[e['snapshot']] for e in of_kind(log, 'loaded') if e['trial'] == trial and not e.get('error')]
        assert len(wanted) <= len(loads), (trial, wanted, loads)
        for snapshot in wanted:
            theta = scores[(snapshot['trial'], snapshot['attempt'], snapshot['step'])]
            assert (snapshot['trial'], snapshot['step'], theta) in loads, (trial, snapshot, theta, loads)


def disk_peak(log):
    """The most bytes of states that were on disk at the same time, by the log: directories and copies of memory; and the largest."""
    used, peak, sizes = 0, 0, {}
    for e in log:
        if e['event'] == 'saved' and e['way'] != 2:
            sizes[e['position']] = e['bytes']
            used += e['bytes']
        if e['event'] == 'deleted':
            used -= sizes.get(e['snapshot'], 0)
        peak = max(peak, used)
    return peak, max(sizes.values())
