"""The example of trainer.h is a trainer. Usage: test_manual.py PROGRAM (made of it by manual.py)"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from test_clients import scenario  # noqa: E402

START = {"values": {"lr": 0.5, "layers": 3}, "seed": 2}


def begin(peer, **more):
    peer.run()
    peer.accept()
    assert peer.read()["can"] == "save load"
    peer.send("start", **dict(START, **more))


@scenario
def test_it_trains_ten_epochs_with_values_as_of_now(peer):
    begin(peer)
    for epoch in range(1, 11):
        weight = 2 + 1.5 * epoch if epoch <= 2 else 5 + 3 * (epoch - 2)
        assert peer.read() == {"type": "report", "ordinal": epoch, "step": epoch, "metrics": {"accuracy": weight}}
        peer.send("go", values={"lr": 1.0} if epoch == 2 else {})
    assert peer.read() == {"type": "done"}
    peer.send("go")
    peer.ends(0)


@scenario
def test_it_goes_on_from_a_state(peer):
    begin(peer, load="/state", change=4)
    assert peer.read() == {"type": "loaded", "change": 4}
    peer.send("go")
    assert peer.read()["step"] == 8
    peer.send("stop")
    peer.ends(76)


@scenario
def test_it_says_why_it_cannot_run(peer):
    peer.run(CLADE_TOKEN=None)
    peer.ends(1, saying="CLADE_TOKEN is not")


@scenario
def test_it_runs_without_a_study(peer):
    peer.run("--lr=0", CLADE_SOCKET=None)
    peer.ends(0, *("step %d  accuracy 1" % epoch for epoch in range(1, 11)))


if __name__ == "__main__":
    tap.run(dict(globals()))
