"""One report without a connection kept open, against a worker that plays a script. Usage: test_report.py PROBE"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from test_clients import scenario  # noqa: E402

START = {"values": {"lr": 0.0123, "opt": "adam", "warmup": None, "layers": 3}, "seed": 5}


def begin(peer, *arguments, reports=0, **more):
    peer.run(*arguments)
    peer.accept()
    message = peer.read()
    assert message == {"type": "hello", "token": "7f3a9c", "protocol": 1}, message
    peer.send("start", reports=reports, **dict(START, **more))


@scenario
def test_a_report_takes_the_next_ordinal_and_tells_the_values(peer):
    begin(peer, "accuracy=0.93", "loss=nan", "--step", "10", reports=6)
    assert peer.read() == {"type": "report", "ordinal": 7, "step": 10.0, "metrics": {"accuracy": 0.93, "loss": "nan"}}
    peer.send("go", change=9, values={"lr": 0.004})
    assert peer.read() is None
    peer.ends(0, "lr=0.004", "opt=adam", "warmup=null", "layers=3")


@scenario
def test_without_a_step_the_ordinal_counts(peer):
    begin(peer, "accuracy=0.5", reports=2)
    assert peer.read()["step"] == 3.0
    peer.send("go")
    assert peer.read() is None
    peer.ends(0, "lr=0.0123", "opt=adam", "warmup=null", "layers=3")


@scenario
def test_a_stop_is_the_exit_status_76_and_a_pause_75(peer):
    for answer, status in (("stop", 76), ("pause", 75)):
        begin(peer, "accuracy=0.5")
        assert peer.read()["ordinal"] == 1
        peer.send(answer)
        peer.ends(status)


@scenario
def test_what_cannot_be_done_is_said_within_the_report(peer):
    begin(peer, "accuracy=0.5")
    assert peer.read()["ordinal"] == 1
    peer.send("save", path=os.path.join(peer.directory, "ck"))
    assert "cannot save" in peer.read()["error"]
    peer.send("load", change=4, path="/nowhere", values={"lr": 2})
    assert "cannot load" in peer.read()["error"]
    peer.send("go", values={"lr": 0.0123})
    assert peer.read() is None
    peer.ends(0, "lr=0.0123", "opt=adam", "warmup=null", "layers=3")


@scenario
def test_an_outdated_attempt_is_told_to_stop(peer):
    peer.run("accuracy=0.5")
    peer.accept()
    peer.read()
    peer.send("stop")
    peer.ends(76, saying="the trial has a newer one")


@scenario
def test_a_refused_report_is_an_error_with_its_sentence(peer):
    begin(peer, "accuracy=0.5", "--step", "3")
    peer.read()
    peer.send("error", text="the step goes back", field="step", limit="at least 6.5")
    peer.ends(1, "error EREFUSED", saying="the worker says: the step goes back; step must be at least 6.5")


@scenario
def test_without_a_worker_it_is_75(peer):
    peer.vanish()
    peer.run("accuracy=0.5", CLADE_RECONNECT="0")
    peer.ends(75, saying="no worker came back within 0 s")


@scenario
def test_outside_of_a_study_nothing_is_sent(peer):
    peer.run("accuracy=0.5", CLADE_SOCKET=None, CLADE_TOKEN=None)
    peer.ends(0, "not in a study")


@scenario
def test_what_is_no_report_is_an_error(peer):
    peer.run("accuracy=0.5", "--step", "inf")
    peer.ends(1, "error EINVAL", saying="the step of a report must be a finite number")
    peer.run(*("m%d=1" % i for i in range(201)))
    peer.ends(1, "error ELIMIT", saying="at most 200 metrics, not 201")
    begin(peer, "a=1", "a=2")
    peer.ends(1, "error EINVAL", saying='"metrics" holds "a" twice')


@scenario
def test_a_directory_that_is_gone_cannot_be_locked(peer):
    peer.run("accuracy=0.5", CLADE_DIR=os.path.join(peer.directory, "absent"))
    peer.ends(1, "error EIO", saying="absent/report.lock: No such file")


@scenario
def test_reports_at_the_same_time_wait_for_each_other(peer):
    begin(peer, "accuracy=0.5")
    assert peer.read()["ordinal"] == 1
    first = peer.process
    peer.run("accuracy=0.75")
    peer.listener.settimeout(0.3)
    try:
        peer.listener.accept()
        raise AssertionError("the second report did not wait")
    except OSError:  # timed out
        peer.listener.settimeout(60)
    peer.send("go")
    assert first.wait() == 0
    first.communicate()
    peer.accept()
    peer.read()
    peer.send("start", reports=1, **START)
    assert peer.read() == {"type": "report", "ordinal": 2, "step": 2.0, "metrics": {"accuracy": 0.75}}
    peer.send("stop")
    peer.ends(76)


if __name__ == "__main__":
    tap.run(dict(globals()))
