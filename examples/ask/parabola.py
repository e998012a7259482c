"""Ask and tell from Python: search for the lowest point of a parabola. The study stands in clade.db, or in CLADE_STORE."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import clade  # noqa: E402

study = clade.create_study("parabola", {"x": (-10.0, 10.0), "n": [1, 2, 4]}, minimize="loss", load_if_exists=True)


def objective(trial):
    loss = None
    for step in range(1, 4):
        loss = (trial["x"] - 2) ** 2 / step + trial["n"]
        if not trial.report(loss, step):  # somebody has stopped it
            raise clade.Pruned
    return loss


study.optimize(objective, n_trials=int(sys.argv[1]) if len(sys.argv) > 1 else 20)
print(study.best_params, study.best_value)
