"""What clade.py has beyond the scenarios of both clients: attributes, types, the `with` block, errors that help."""
import array
import ast
import contextlib
import ctypes
import io
import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(HERE, "..", "..", "clients", "python")
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, CLIENT)
import clade  # noqa: E402
import tap  # noqa: E402
from tap import raises  # noqa: E402
from peer import Peer  # noqa: E402

OUTSIDE = [name for name in os.environ if name.startswith("CLADE_")]
for variable in OUTSIDE:
    del os.environ[variable]


def outside(defaults, *argv):
    return clade.start(defaults, argv=["program"] + list(argv))


def with_peer(script):
    """A test of a script that runs under a worker."""
    def decorate(function):
        def run(directory):
            code = "import sys\nsys.path.insert(0, %r)\nimport clade\n%s" % (CLIENT, script)
            peer = Peer([sys.executable, "-c", code], directory)
            try:
                peer.run()
                peer.accept()
                assert peer.read()["type"] == "hello"
                peer.send("start", values={"lr": 0.5, "report": 7}, seed=3, reports=0)
                function(peer)
            finally:
                peer.close()
        return run
    return decorate


def test_it_is_written_in_python_3_8(_):
    with open(os.path.join(CLIENT, "clade.py"), encoding="utf-8") as file:
        ast.parse(file.read(), feature_version=(3, 8))


def test_values_are_attributes_items_and_a_dictionary(_):
    run = outside({"lr": 0.01, "opt": "sgd", "report": 3})
    assert run.lr == run["lr"] == run.values["lr"] == 0.01
    assert run["report"] == 3 and callable(run.report)
    assert "lr" in run and "lrr" not in run and run.get("lrr", 5) == 5
    run.values["lr"] = 9
    assert run.lr == 0.01


def test_texts_become_the_type_of_the_default(_):
    run = outside({"a": 0.5, "b": 2, "c": False, "d": "x", "e": None, "f": 2, "g": True}, "--a=1", "--b", "3.0", "--c", "--d=7", "--e=0.5",
                  "--f=2.5", "--g=0")
    assert run.values == {"a": 1.0, "b": 3, "c": True, "d": "7", "e": 0.5, "f": 2.5, "g": False}
    assert [type(run[name]) for name in "abcdefg"] == [float, int, bool, str, float, float, bool]


def test_values_without_a_default_are_read_by_their_form(_):
    run = outside({}, "--a=1", "--b=1e-3", "--c=true", "--d=null", "--e=adam", "--f=-inf", "--g=1_0", "--", "--h=1")
    assert [run[name] for name in "abcdefg"] == [1, 0.001, True, None, "adam", -float("inf"), "1_0"]
    assert "h" not in run


def test_an_argument_of_another_type_is_named(_):
    reason = raises(clade.Error, lambda: outside({"lr": 0.01}, "--lr=fast"), "'lr'", "fast", "a number", "0.01")
    assert reason.code == "EINVAL"
    raises(clade.Error, lambda: outside({"on": True}, "--on=2"), "'on'", "true or false")


def test_an_unknown_name_lists_the_known_ones(_):
    run = outside({"lr": 0.01, "opt": "sgd"})
    raises(KeyError, lambda: run["lrr"], "lrr", "lr, opt", "defaults=")
    raises(AttributeError, lambda: run.lrr, "lrr", "lr, opt")


def test_metrics_are_numbers_with_names(_):
    run = outside({})
    raises(clade.Error, lambda: run.report(1, accuracy="high"), "metric 'accuracy' must be a number", "'high'")
    raises(clade.Error, lambda: run.report(1, {"": 1}), "at least one character")
    raises(clade.Error, lambda: run.report(1, {3: 1}), "3")
    raises(clade.Error, lambda: run.report(float("inf"), x=1), "finite")
    raises(ValueError, lambda: run.report("x"))
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run.report(1, {"val/acc": 0.1 + 0.2}, loss=float("nan"))
        run.report(0.5, loss=1234567.0)
    assert out.getvalue() == "step 1  val/acc 0.3  loss nan\nstep 0.5  loss 1234570\n", out.getvalue()


def test_a_finished_run_takes_no_reports(_):
    run = outside({})
    assert run.done() and run.exit_status == 0 and not run.should_stop
    raises(clade.Error, lambda: run.report(1, x=1), "after done")


def test_exceptions_of_load_are_the_programs_own_outside(_):
    os.environ["CLADE_RESUME_FROM"] = "/nowhere"
    try:
        run = clade.start(load=lambda directory: open(directory, encoding="utf-8"), argv=["program"])
        raises(FileNotFoundError, run.resume, "/nowhere")
        assert clade.start(argv=["program"]).resume() is False
    finally:
        del os.environ["CLADE_RESUME_FROM"]


@with_peer("with clade.start() as run:\n  print(run['report'], run.lr)\n  run.report(1, accuracy=0.5)\n  print(run.lr, run.changed)\n")
def test_leaving_the_block_says_done(peer):
    assert peer.read()["metrics"] == {"accuracy": 0.5}
    peer.send("go", values={"lr": 0.25})
    assert peer.read() == {"type": "done"}
    peer.send("go")
    assert peer.read() is None
    peer.ends(0, "7 0.5", "0.25 {'lr'}")


@with_peer("with clade.start() as run:\n  while run.report(1, accuracy=0.5): pass\nprint('not reached')\n")
def test_leaving_the_block_after_a_stop_exits_with_its_status(peer):
    assert peer.read()["ordinal"] == 1
    peer.send("go")
    assert peer.read()["ordinal"] == 2
    peer.send("stop")
    assert peer.read() is None
    peer.ends(76)


@with_peer("with clade.start() as run:\n  raise RuntimeError('boom')\n")
def test_an_exception_in_the_block_is_not_done(peer):
    assert peer.read() is None
    peer.ends(1, saying="boom")


@with_peer("run = clade.start(save=lambda d: 1 / 0)\nprint(run.report(1, a=1))\n")
def test_an_exception_of_save_is_told_to_the_study(peer):
    assert peer.read()["ordinal"] == 1
    peer.send("save", path=os.path.join(peer.directory, "ck"))
    assert peer.read()["error"] == "ZeroDivisionError: division by zero"
    peer.send("go")
    assert peer.read() is None
    peer.ends(0, "True")


@with_peer("""
import signal
class Late(Exception): pass
def late(*_): raise Late
signal.signal(signal.SIGUSR1, late)
run = clade.start()
try:
    run.report(1, a=1)
except Late:
    print('late', flush=True)
run.report(2, a=2)
run.done()
""")
def test_an_interrupted_report_does_not_confuse_the_next(peer):
    assert peer.read()["ordinal"] == 1
    peer.process.send_signal(10)
    peer.accept()
    assert peer.read()["reports"] == 1
    peer.send("start", values={"lr": 0.5}, seed=3, reports=1)
    assert peer.read() == {"type": "report", "ordinal": 2, "step": 2.0, "metrics": {"a": 2.0}}
    peer.send("go")
    assert peer.read() == {"type": "done"}
    peer.send("go")
    peer.ends(0, "late")


def test_a_checkpoint_of_its_own_is_whole_and_survives_attempts(directory):
    os.environ["CLADE_DIR"] = directory
    try:
        run = outside({})
        assert run.get_checkpoint() is None and not run.is_resuming
        weights = os.path.join(directory, "weights")
        with open(weights, "w", encoding="utf-8") as file:
            file.write("2.385")
        run.set_checkpoint({"epoch": 3, "seen": [0.5, None, "x"]})
        assert run.get_checkpoint() == ({"epoch": 3, "seen": [0.5, None, "x"]}, None) and run.is_resuming
        run.set_checkpoint({"epoch": 4}, weights)
        later = outside({})
        values, path = later.get_checkpoint()
        assert later.is_resuming and values == {"epoch": 4}, values
        with open(path, encoding="utf-8") as file:
            assert file.read() == "2.385"
        raises(TypeError, lambda: later.set_checkpoint({"epoch": object()}))
        assert later.get_checkpoint()[0] == {"epoch": 4}  # the failed one changed nothing
        os.rename(os.path.join(directory, "own-checkpoint"), os.path.join(directory, "own-checkpoint.old"))  # killed between renames
        assert later.get_checkpoint()[0] == {"epoch": 4}
        later.set_checkpoint({"epoch": 5})
        assert later.get_checkpoint() == ({"epoch": 5}, None)
        later.clear_checkpoint()
        assert later.get_checkpoint() is None and not later.is_resuming and os.listdir(directory) == ["weights"]
        later.clear_checkpoint()
    finally:
        del os.environ["CLADE_DIR"]


def test_tags_are_lines_of_a_file_and_nothing_outside_of_a_study(directory):
    os.chdir(directory)
    run = outside({})
    run.tag("keep")
    run.tag("plotted_metric", "s1-rew")
    assert os.listdir(directory) == []
    for name, text in (("", None), ("a=b", None), ("a\nb", None), ("a", "b\n"), ("a" * 257, None), ("a", "b" * 1001), (3, None)):
        raises(clade.Error, lambda: run.tag(name, text), "tag")


# --- regions -------------------------------------------------------------------------------------------------


def saved_and_taken_back(directory, memory, spoil):
    """Register, write, spoil, read."""
    run = outside({})
    run.state("part", memory)
    run._regions.write(directory)
    spoil()
    run._regions.take(directory)
    assert run.loaded() and run.loaded("part") and not run.loaded("other")


def test_whatever_shows_its_memory_can_be_a_region(directory):
    numbers = array.array("d", [2.385, -1.5])
    saved_and_taken_back(directory, numbers, lambda: numbers.__setitem__(0, 0.0))
    assert list(numbers) == [2.385, -1.5]
    pair = (ctypes.c_int * 2)(7, 11)
    saved_and_taken_back(directory, pair, lambda: pair.__setitem__(1, 0))
    assert list(pair) == [7, 11]


class FakeTensor:
    """What a tensor of PyTorch looks like to clade.py."""

    def __init__(self, memory):
        self.memory, self.shape, self.device = memory, (len(memory),), types.SimpleNamespace(type="cuda")

    def data_ptr(self):
        return 0

    def detach(self):
        return self

    def numpy(self):
        if self.memory is None:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return self.memory


def test_tensors_share_their_memory_and_dictionaries_name_it(directory):
    weight, bias = bytearray(b"1234"), bytearray(b"56")
    run = outside({})
    run.state("model", {"weight": FakeTensor(weight), "bias": FakeTensor(bias)})
    run._regions.write(directory)
    weight[:], bias[:] = b"xxxx", b"yy"
    assert run._regions.take(directory) == []
    assert (weight, bias) == (b"1234", b"56") and run.loaded("model.bias")


def test_what_cannot_be_a_region_is_refused_with_the_remedy(_):
    run = outside({})
    raises(clade.Error, lambda: run.state("x", 3), "'x'", "NumPy")
    raises(clade.Error, lambda: run.state("x", b"123"), "read-only")
    raises(clade.Error, lambda: run.state("x", memoryview(bytearray(8))[::2]), "not contiguous")
    raises(clade.Error, lambda: run.state("x", bytearray()), "no bytes")
    raises(clade.Error, lambda: run.state("x", (ctypes.c_char_p * 2)(b"1", b"2")), "'x'", "addresses")
    on_gpu = FakeTensor(b"")
    on_gpu.memory = None
    raises(clade.Error, lambda: run.state("x", on_gpu), "GPU", "save and load")
    raises(clade.Error, lambda: run.state("a\nb", bytearray(1)), "control characters")
    run.state("x", bytearray(1))
    raises(clade.Error, lambda: run.state("x", bytearray(1)), "already")
    raises(clade.Error, lambda: run.report(1), "resume()")
    run.resume()
    raises(clade.Error, lambda: run.state("y", bytearray(1)), "too late")


def test_outside_of_a_study_regions_can_be_given_by_hand(directory):
    memory = bytearray(b"2385")
    run = outside({})
    run.state("part", memory)
    run._regions.write(directory)
    os.environ["CLADE_RESUME_FROM"] = directory
    try:
        other = bytearray(4)
        run = outside({})
        run.state("part", other)
        assert run.resume() and other == memory
    finally:
        del os.environ["CLADE_RESUME_FROM"]


if __name__ == "__main__":
    tap.run(dict(globals()))
