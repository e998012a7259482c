"""clade.py's ask and tell, on the real program. Usage: test_study_py.py DIRECTORY-OF-CLADE"""
import math
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(HERE, "..", "..", "clients", "python")
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, CLIENT)
import clade  # noqa: E402
import tap  # noqa: E402
from tap import raises  # noqa: E402

CLADE = os.path.abspath(sys.argv[1])
for variable in [name for name in os.environ if name.startswith("CLADE_")]:
    del os.environ[variable]


def study_in(directory, name="s", **more):
    more = {"space": {"x": (-2.0, 2.0), "n": (1, 4), "opt": ["adam", "sgd", None]}, "minimize": "loss", "trials": 6,
            "seed": 385, **more}
    return clade.create_study(name, store=os.path.join(directory, "s.db"), command=os.path.join(CLADE, "clade"), **more)


def loss(trial):
    assert -2 <= trial["x"] <= 2 and trial["n"] in (1, 2, 3, 4) and trial["opt"] in ("adam", "sgd", None)
    return (trial["x"] - 0.385) ** 2


def test_optimize_tells_every_trial_and_ends_when_none_is_left(directory):
    study = study_in(directory)
    study.optimize(loss, n_trials=2)
    assert [t["state"] for t in study.trials] == ["COMPLETE"] * 2
    study.optimize(loss)
    trials = study.trials
    assert len(trials) == 6
    best = min(trials, key=lambda t: t["metrics"]["loss"])
    assert study.best_value == best["metrics"]["loss"] and study.best_params == best["values"]
    assert study.ask() is None


def test_exceptions_have_their_states(directory):
    study = study_in(directory, trials=10)

    def prune(trial):
        assert trial.report(2.5, 1) and not trial.should_prune()
        raise clade.Pruned

    def prune_at_once(trial):
        raise clade.Pruned

    def fail(trial):
        raise ValueError("broken")

    def interrupt(trial):
        raise KeyboardInterrupt

    study.optimize(prune, n_trials=1)
    study.optimize(prune_at_once, n_trials=1)
    raises(ValueError, lambda: study.optimize(fail, n_trials=1))
    study.optimize(fail, n_trials=1, catch=(ValueError,))
    raises(KeyboardInterrupt, lambda: study.optimize(interrupt, n_trials=1))
    assert [t["state"] for t in study.trials] == ["PRUNED", "FAILED", "FAILED", "FAILED", "LOST"]
    again = study.ask()
    assert (again.number, again.attempt) == (5, 2)
    study.optimize(lambda trial: math.nan, n_trials=1)
    assert study.trials[5]["state"] == "DIVERGED"


def test_ask_and_tell_by_hand(directory):
    study = study_in(directory)
    assert study.enqueue(x=0.25, opt="sgd") == 1
    study.enqueue_trial({"n": 3})
    trial = study.ask()
    assert trial.params["x"] == 0.25 and trial["opt"] == "sgd" and "n" in trial and trial.get("none", 7) == 7
    raises(KeyError, lambda: trial["lr"], "there are: x, n, opt")
    assert study.tell(trial, 0.5) == "COMPLETE"
    raises(clade.Error, lambda: study.tell(trial, 0.5), "nothing to tell")
    other = clade.load_study("s", study.store, study.command).ask()
    assert other.number == 2 and other["n"] == 3
    other.report(1.5, 1, seconds=2.5)
    other.tell()
    assert study.trials[1]["metrics"] == {"loss": 1.5, "seconds": 2.5}


def test_a_study_that_exists_is_opened_or_refused(directory):
    study = study_in(directory)
    study.optimize(loss, n_trials=1)
    raises(clade.Error, lambda: study_in(directory), "exists")
    assert study_in(directory, load_if_exists=True).ask().number == 2
    raises(clade.Error, lambda: clade.load_study("t", study.store, study.command), "no study 't'")
    raises(clade.Error, lambda: study_in(directory, "u", space={"x": 7}), "must be a pair")
    raises(clade.Error, lambda: study_in(directory, "u", space=None), "a space or")
    raises(clade.Error, lambda: study_in(directory, "u", space={"x": "log(0,1)"}), "logarithmic")
    later = study_in(directory, "later", history=["s"])
    assert [t["state"] for t in later.trials] == ["COMPLETE"]
    assert later.ask().number == 2


def test_a_trial_that_was_stopped_hears_it(directory):
    study = study_in(directory)
    trial = study.ask()
    subprocess.run([study.command, "stop", "s/1", "--store", study.store], check=True, capture_output=True)
    assert not trial.report(0.5, 1) and trial.should_prune()


SPEC = """study: both
program: [sh, -c, "echo loss=0.5", "{{x}}"]
metric: {{name: loss, goal: minimize}}
hyperparameters: {{x: [1, 2, 3, 4, 5, 6, 7, 8]}}
trials: 6
parallel: 2
"""


def test_an_engine_leaves_alone_what_was_asked_for_and_ends_with_it(directory):
    spec, said = os.path.join(directory, "spec.yaml"), os.path.join(directory, "said")
    with open(spec, "w", encoding="utf-8") as file:
        file.write(SPEC.format())
    study = study_in(directory, "both", space=None, spec=spec, trials=None)
    trial = study.ask()
    with open(said, "w", encoding="utf-8") as file:
        engine = subprocess.Popen([study.command, "work", "both", "--store", study.store], stderr=file, cwd=directory,
                                  stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while "1 was asked for and not told" not in open(said, encoding="utf-8").read():
            assert time.monotonic() < end and engine.poll() is None
            time.sleep(0.05)
        assert [t["state"] for t in study.trials] == ["RUNNING"] + ["COMPLETE"] * 5
        study.tell(trial, state="lost")
        assert engine.wait(120) == 0
    finally:
        engine.kill()
        engine.wait()
    assert [(t["state"], t["attempts"]) for t in study.trials] == [("COMPLETE", 2)] + [("COMPLETE", 1)] * 5


def test_the_example_runs(directory):
    example = os.path.join(HERE, "..", "..", "examples", "ask", "parabola.py")
    environment = {**os.environ, "PATH": CLADE + ":" + os.environ["PATH"], "CLADE_STORE": os.path.join(directory, "s.db")}
    for _ in range(2):
        done = subprocess.run([sys.executable, example, "3"], env=environment, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("{'x': "), done.stderr
    assert len(clade.load_study("parabola", environment["CLADE_STORE"], os.path.join(CLADE, "clade")).trials) == 6


PROGRAM = """
import sys
sys.path.insert(0, {client!r})
import clade
assert clade.values() == {{}}  # the study that runs it searches nothing
study = clade.create_study("sets", {{"x": (0.0, 1.0)}}, minimize="loss", seed=7, load_if_exists=True, command={command!r})
trial = study.ask()
trial.tell(trial["x"])
print("loss=%r" % trial["x"])
"""


def test_a_repeated_program_asks_for_its_own_sets(directory):
    command = os.path.join(CLADE, "clade")
    program = os.path.join(directory, "program.py")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PROGRAM.format(client=os.path.abspath(CLIENT), command=command))
    done = subprocess.run([command, "run", "--trials", "4", "--parallel", "2", "--minimize", "loss", "--", sys.executable,
                           program], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sets = clade.load_study("sets", os.path.join(directory, "clade.db"), command).trials
    assert sorted(t["trial"] for t in sets) == [1, 2, 3, 4] and len({t["values"]["x"] for t in sets}) == 4
    assert {t["state"] for t in sets} == {"COMPLETE"}


def test_a_program_gets_its_values_without_arguments(directory):
    command = os.path.join(CLADE, "clade")
    spec = os.path.join(directory, "spec.yaml")
    with open(spec, "w", encoding="utf-8") as file:
        file.write("study: s\nmetric: {name: loss, goal: minimize}\nhyperparameters: {x: [0.25]}\ntrials: 1\n"
                   "program: [%s, -c, \"import sys; sys.path.insert(0, '%s'); import clade; print('loss', '=', "
                   "clade.values()['x'], sep='')\"]\n" % (sys.executable, os.path.abspath(CLIENT)))
    done = subprocess.run([command, "run", spec], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert clade.load_study("s", os.path.join(directory, "clade.db"), command).best_value == 0.25


tap.run(globals())
