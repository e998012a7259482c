"""Stages of both clients: the console of the tutorial, byte for byte, and what the study gets. Usage: test_stages.py PROBE"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from test_clients import begin, finish, PROBE, scenario  # noqa: E402

COMMAND = [sys.executable] * PROBE.endswith(".py") + [os.path.abspath(PROBE)]
CONSOLE = """\
Chosen hyperparameter values:
  seqlen: 24
  disc: 0.9
  clip: 2048
  lr: 0.0004
  rscale: 32
  embed: 1024
  units: 384
  out: 1024
    \n\
Processing stage 1 of 1
RL_Proc:  Started
  0.002 hrs         1,000 iters      0.00200 rew      0.11765 win
  0.004 hrs         2,000 iters      0.00200 rew      0.11111 win
  0.007 hrs         3,000 iters      0.00100 rew      0.05882 win
  0.009 hrs         4,000 iters      0.00100 rew      0.05882 win
  0.011 hrs         5,000 iters      0.00200 rew      0.11111 win
Stage summary (mean reward per step):  0.00160
RL_Proc:  Completed

Objective that would be maximized by hyperparameter tuning (hpmax):  0.00160

All processing stages completed.
"""
STAGE = CONSOLE[CONSOLE.index("Processing"):]
REPORTS = [{"s1-hrs": 7.92 * k / 3600, "s1-rew": rewards / 1000, "s1-win": rewards / episodes}
           for k, (rewards, episodes) in enumerate([(2, 17), (2, 18), (1, 17), (1, 17), (2, 18)], 1)]


def near(got, want):
    assert list(got) == list(want), (got, want)
    for name, value in want.items():
        assert abs(got[name] - value) <= 1e-12 * abs(value), (name, got[name], value)


def alone(directory, *arguments, status=0, **more):
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLADE_")}
    done = subprocess.run(COMMAND + list(arguments), cwd=directory, env=dict(env, **more), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def read(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read()


def take_report(peer, ordinal, step, metrics):
    message = peer.read()
    assert (message["type"], message["ordinal"], message["step"]) == ("report", ordinal, step), message
    near(message["metrics"], metrics)


def play(peer, first=1):
    """The reports of the one stage from the `first` on, and hpmax."""
    for k, metrics in enumerate(REPORTS[first - 1:], first):
        take_report(peer, k, 1000 * k, metrics)
        peer.send("go")
    take_report(peer, 6, 5000, {"hpmax": 0.0016})
    peer.send("go")


# --- alone -------------------------------------------------------------------------------------------------


def test_the_console_is_that_of_the_tutorial_byte_for_byte(directory):
    assert alone(directory, "--mode=tutorial").stdout == CONSOLE
    assert os.listdir(directory) == []


def test_the_tutorial_itself_holds_this_console(directory):
    shared = pathlib.Path(os.environ.get("CLADE_SHARED") or pathlib.Path(tap.ROOT).parent / "shared")
    document = shared / "originals/xt-tutorial-5-hyperparameter-search.md"
    if not document.exists():
        raise tap.Skip(f"{document} is not there")
    assert "\n" + CONSOLE + "```\n" in document.read_text(encoding="utf-8")


def test_a_second_stage_counts_anew_and_its_first_metric_gives_hpmax(directory):
    out = alone(directory, "--mode=two").stdout
    assert out.startswith(CONSOLE[:CONSOLE.index("Processing")] + "Processing stage 1 of 2\nRL_Proc:  Started\n"), out
    lines = out.split("RL_Proc:  Completed\n")[1].splitlines()
    assert lines[:3] == ["", "Processing stage 2 of 2", "  0.272 hrs       123,456 iters      2.79239 loss      0.06173 top"], lines
    assert lines[12] == "  2.852 hrs     1,296,288 iters      2.67075 loss      1.23456 top", lines[12]
    assert lines[13:] == ["Stage summary (min cross-entropy):  2.38544", "",
                          "Objective that would be maximized by hyperparameter tuning (hpmax):  -2.38544", "",
                          "All processing stages completed."], lines[13:]


def test_values_of_arguments_and_variables_stand_in_the_banner(directory):
    out = alone(directory, "--mode=tutorial", "--lr=1e-5", CLADE_PARAM_units="512").stdout
    assert "  lr: 1e-05\n" in out and "  units: 512\n" in out, out


def test_saved_stands_behind_the_best_report_and_the_state_is_there(directory):
    os.makedirs(os.path.join(directory, "best"))
    with open(os.path.join(directory, "best", "of a run before"), "w", encoding="utf-8"):
        pass
    out = alone(directory, "--mode=best").stdout
    assert out == CONSOLE.replace("0.11765 win\n", "0.11765 win    SAVED\n"), out
    assert os.listdir(directory) == ["best"], os.listdir(directory)
    assert sorted(os.listdir(os.path.join(directory, "best"))) == ["clade-stages", "turns"]
    assert read(directory, "best/turns") == "1000\n"
    assert read(directory, "best/clade-stages") == (
        "clade-stages 1\nstage 0 1000 0 7.92\nbest 0.002\nmetric 2 1 0 1000\nmetric 2 1 0 17\n")


def test_a_best_state_can_be_resumed(directory):
    alone(directory, "--mode=best")
    out = alone(directory, "--mode=tutorial", CLADE_RESUME_FROM=os.path.join(directory, "best")).stdout
    first = CONSOLE.index("  0.002 hrs")
    assert out == CONSOLE[:first] + CONSOLE[CONSOLE.index("  0.004 hrs"):], out


def test_a_state_that_cannot_be_saved_is_said_and_training_goes_on(directory):
    out = alone(directory, "--mode=unsaved").stdout
    want = "0.11765 win    not saved: the program's save function returned 9\n"
    assert out == CONSOLE.replace("0.11765 win\n", want), out


def test_mistakes_have_a_sentence(directory):
    assert "stage 1 has no metric 'wins'; its first one is 'rew'" in alone(directory, "--mode=unknown", status=1).stderr
    assert "without a value of its first metric 'rew'" in alone(directory, "--mode=empty", status=1).stderr
    assert "stage 1 of 1 is not completed" in alone(directory, "--mode=early", status=1).stderr


# --- in a study --------------------------------------------------------------------------------------------


@scenario
def test_a_study_gets_every_report_with_the_number_of_the_stage(peer):
    begin(peer, "--mode=tutorial", values={"lr": 0.0004, "opt": "adam"})
    play(peer)
    finish(peer)
    peer.ends(0, *("Chosen hyperparameter values:\n  lr: 0.0004\n  opt: adam\n    \n" + STAGE).splitlines())
    assert read(peer.directory, "tags") == "plotted_metric=s1-rew\n"


@scenario
def test_in_a_search_the_objective_is_being_maximized(peer):
    begin(peer, "--mode=tutorial", values={}, environment={"CLADE_SEARCH": "random"})
    play(peer)
    finish(peer)
    peer.ends(0, *STAGE.replace("Objective that would be maximized", "Objective being maximized").splitlines())


@scenario
def test_steps_of_a_second_stage_go_on_from_the_first(peer):
    begin(peer, "--mode=two", values={})
    for k, metrics in enumerate(REPORTS, 1):
        take_report(peer, k, 1000 * k, metrics)
        peer.send("go")
    for k in range(1, 12):
        message = peer.read()
        assert message["step"] == 5000 + (123456 * k if k < 11 else 1296288), message
        assert list(message["metrics"]) == ["s2-hrs", "s2-loss", "s2-top"], message
        peer.send("go")
    message = peer.read()
    assert message["step"] == 1301288 and list(message["metrics"]) == ["hpmax"], message
    peer.send("go")
    finish(peer)
    peer.process.communicate(timeout=300)
    assert read(peer.directory, "tags") == "plotted_metric=s2-loss\n"


@scenario
def test_a_stop_ends_the_loop_without_hpmax(peer):
    begin(peer, "--mode=tutorial", values={})
    take_report(peer, 1, 1000, REPORTS[0])
    peer.send("stop")
    assert peer.read() is None
    lines = STAGE.splitlines()
    peer.ends(76, *lines[:3])
    assert not os.path.exists(os.path.join(peer.directory, "tags"))


@scenario
def test_a_resumed_trial_counts_what_was_before(peer):
    begin(peer, "--mode=tutorial", values={})
    for k in (1, 2, 3):
        take_report(peer, k, 1000 * k, REPORTS[k - 1])
        peer.send(*(["go"] if k < 3 else ["pause"]), **({} if k < 3 else {"save": os.path.join(peer.directory, "ck")}))
    saved = peer.read()
    assert saved["type"] == "saved" and "error" not in saved, saved
    peer.send("go")
    peer.ends(75, *STAGE.splitlines()[:5])
    begin(peer, "--mode=tutorial", values={}, reports=3, load=os.path.join(peer.directory, "ck"))
    assert peer.read()["type"] == "loaded"
    peer.send("go")
    play(peer, first=4)
    finish(peer)
    lines = STAGE.splitlines()
    peer.ends(0, *lines[:2], *lines[5:])


@scenario
def test_an_exploited_trial_goes_on_where_its_donor_was(peer):
    begin(peer, "--mode=tutorial", values={})
    donor = os.path.join(peer.directory, "donor")
    os.mkdir(donor)
    with open(os.path.join(donor, "turns"), "w", encoding="utf-8") as file:
        file.write("4000\n")
    with open(os.path.join(donor, "clade-stages"), "w", encoding="utf-8") as file:
        file.write("clade-stages 1\nstage 0 4000 0 31.68\nbest 0.008\nmetric 8 1 0 4000\nmetric 8 1 0 70\n")
    take_report(peer, 1, 1000, REPORTS[0])
    peer.send("load", change=5, path=donor, values={"lr": 0.5})
    assert peer.read() == {"type": "loaded", "change": 5}
    peer.send("go")
    take_report(peer, 2, 5000, REPORTS[4])
    peer.send("go")
    take_report(peer, 3, 5000, {"hpmax": 0.002})
    peer.send("go")
    finish(peer)


@scenario
def test_a_state_of_another_program_is_refused(peer):
    begin(peer, "--mode=tutorial", values={})
    bad = ["", "clade-stages 2\n", "clade-stages 1\nstage 1 0 0 0\nmetric 0 0 0 0\n", "clade-stages 1\nstage 0 0 0 0\nmetric 0 0 0 0\n",
           "clade-stages 1\nstage 0 1000 0 1\nmetric 1 1 0 1 1\nmetric 1 1 0 1\n", None]
    take_report(peer, 1, 1000, REPORTS[0])
    for i, text in enumerate(bad):
        donor = peer.state("donor%d" % i, 9)
        if text is not None:
            with open(os.path.join(donor, "clade-stages"), "w", encoding="utf-8") as file:
                file.write(text)
        peer.send("load", change=5 + i, path=donor)
        loaded = peer.read()
        assert loaded["type"] == "loaded" and loaded["error"], (text, loaded)
    peer.send("go")
    for k in range(2, 6):
        take_report(peer, k, 1000 * k, REPORTS[k - 1])
        peer.send("go")


@scenario
def test_a_program_without_a_state_has_stages_as_well(peer):
    peer.run("--mode=stateless")
    peer.accept()
    assert peer.read().get("can", "") == ""
    peer.send("start", values={}, seed=3, change=1, reports=0, load=None)
    play(peer)
    finish(peer)
    peer.ends(0, *STAGE.splitlines())


if __name__ == "__main__":
    tap.run(dict(globals()))
