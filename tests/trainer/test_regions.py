"""Regions of both clients against a worker that plays a script. Usage: test_regions.py PROBE (a program, or a script)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from peer import scenarios_of  # noqa: E402

PROBE = sys.argv[1]
scenario = scenarios_of(PROBE)
BYTES = 5000  # of the region `weights`, if not said otherwise
PAGE = 4096


class Model:
    """What the trainer computes."""

    def __init__(self, n=BYTES):
        self.step, self.weights, self.velocity = 0, bytearray(n), bytearray(3)

    def advance(self, steps=1):
        for _ in range(steps):
            self.step += 1
            for i, x in enumerate(self.weights):
                self.weights[i] = (x * 5 + i + self.step) & 255
            self.velocity[self.step % 3] += 1
        return self

    def line(self, loaded="nothing"):
        total = 0
        for x in self.weights:
            total = (total * 31 + x) & 0xffffffff
        return "step %d weights %d velocity %d %d %d loaded %s" % (self.step, total, *self.velocity, loaded)

    def regions(self):
        return {"step": self.step.to_bytes(8, "little"), "weights": bytes(self.weights), "velocity": bytes(self.velocity)}


BOTH = "weights velocity"


def hello(peer, regions=True, save=False):
    peer.accept()
    message = peer.read()
    assert message["type"] == "hello", message
    words = message.get("can", "").split()
    assert words == (["save", "load"] if regions or save else []) + ["regions"] * regions, message
    assert (message.get("bytes", 0) > 0) == regions, message
    return message.get("bytes", 0)


def start(peer, **more):
    peer.send("start", **dict({"values": {"lr": 0.5}, "seed": 3, "change": 1, "reports": 0}, **more))


def begin(peer, *arguments, save=False, **more):
    """Answer both hellos: the second one has the size of the regions."""
    peer.run(*arguments)
    hello(peer, regions=False, save=save)
    start(peer)
    n = hello(peer, save=save)
    start(peer, **more)
    return n


def report(peer, ordinal, step=None, **more):
    message = peer.read()
    step = ordinal if step is None else step
    want = dict({"type": "report", "ordinal": ordinal, "step": step, "metrics": {"accuracy": step / 16}}, **more)
    assert message == want, (message, want)


def finish(peer):
    assert peer.read() == {"type": "done"}
    peer.send("go")
    assert peer.read() is None


def buffer_of(peer, n, name="buffer"):
    path = os.path.join(peer.directory, name)
    with open(path, "wb") as file:
        file.write(b"\xaa" * n)
    return path


def parse(path):
    """Regions of a buffer, as a worker reads them."""
    with open(path, "rb") as file:
        data = file.read()
    lines = data[:data.index(b"\0")].decode().split("\n")
    first = lines[0].split(" ")
    assert first[:3] == ["clade", "regions", "1"] and lines[-1] == "", lines
    assert int(first[3]) == len(lines) - 2 and int(first[4]) <= len(data), first
    found = {}
    for line in lines[1:-1]:
        offset, n, name = line.split(" ", 2)
        assert int(offset) % PAGE == 0
        found[name] = data[int(offset):int(offset) + int(n)]
    return found


def parse_directory(path):
    with open(os.path.join(path, "regions"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    found = {}
    for line in lines[1:-1]:
        name_of_file, n, name = line.split(" ", 2)
        with open(os.path.join(path, name_of_file), "rb") as file:
            found[name] = file.read()
        assert len(found[name]) == int(n)
    assert lines[0] == "clade regions 1 %d %d" % (len(found), sum(map(len, found.values()))), lines
    return found


def write_buffer(peer, regions, name="donor"):
    """As another trainer would have written it."""
    at, lines, parts = PAGE, [], []
    for key, value in regions.items():
        lines.append("%d %d %s\n" % (at, len(value), key))
        parts.append((at, value))
        at += (len(value) + PAGE - 1) // PAGE * PAGE
    data = bytearray(at)
    text = ("clade regions 1 %d %d\n" % (len(parts), at) + "".join(lines)).encode()
    data[:len(text)] = text
    for offset, value in parts:
        data[offset:offset + len(value)] = value
    path = os.path.join(peer.directory, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


# --- handing over ------------------------------------------------------------------------------------------


@scenario
def test_a_program_that_registers_nothing_says_hello_once(peer):
    peer.run("0", "--nothing")
    hello(peer, regions=False)
    start(peer)
    finish(peer)


@scenario
def test_an_announced_state_is_copied_into_the_buffer_exactly(peer):
    n = begin(peer, "2")
    report(peer, 1)
    path = buffer_of(peer, n)
    peer.send("go", save_at=2.0, way="region", path=path)
    report(peer, 2, path=path, bytes=n)
    assert parse(path) == Model().advance(2).regions()
    peer.send("go")
    finish(peer)
    model = Model()
    peer.ends(0, "start 0 " + model.line(), model.advance().line(), model.advance().line())


@scenario
def test_a_bigger_buffer_will_do_and_a_smaller_one_is_told(peer):
    n = begin(peer, "1")
    path = buffer_of(peer, n - PAGE, "small")
    message = peer.read()
    assert message["type"] == "report", message
    peer.send("save", way="region", path=path)
    saved = peer.read()
    assert saved["type"] == "saved" and "%d" % n in saved["error"], saved
    path = buffer_of(peer, n + 3 * PAGE)
    peer.send("save", way="region", path=path)
    saved = peer.read()
    assert saved == {"type": "saved", "step": 1, "path": path, "bytes": n}, saved
    assert parse(path) == Model().advance().regions()
    peer.send("go")
    finish(peer)


@scenario
def test_a_buffer_that_is_gone_is_told_and_training_goes_on(peer):
    begin(peer, "1", save_at=1.0, way="region", path=os.path.join(peer.directory, "nowhere"))
    message = peer.read()
    assert message["type"] == "report" and "nowhere" in message["error"], message
    peer.send("go")
    finish(peer)


@scenario
def test_a_pause_writes_the_regions_into_a_directory(peer):
    begin(peer, "5")
    report(peer, 1)
    path = os.path.join(peer.directory, "1-1.new")
    peer.send("pause", save=path)
    saved = peer.read()
    assert saved["type"] == "saved" and "error" not in saved, saved
    assert parse_directory(path) == Model().advance().regions()
    peer.send("go")
    peer.ends(75, "start 0 " + Model().line())


@scenario
def test_regions_win_over_functions(peer):
    begin(peer, "1", "--with-save", save=True)
    report(peer, 1)
    path = os.path.join(peer.directory, "1-1.new")
    peer.send("save", path=path)
    assert "error" not in peer.read()
    assert parse_directory(path) == Model().advance().regions()
    peer.send("go")
    finish(peer)


# --- taking over -------------------------------------------------------------------------------------------


@scenario
def test_a_loser_goes_on_in_the_same_process_with_exactly_the_winners_bytes(peer):
    begin(peer, "3")
    report(peer, 1)
    donor = Model().advance(7)
    peer.send("load", change=9, way="region", path=write_buffer(peer, donor.regions()), values={"lr": 0.25})
    assert peer.read() == {"type": "loaded", "change": 9}
    peer.send("go")
    report(peer, 2, 8)
    peer.send("go")
    report(peer, 3, 9)
    peer.send("go")
    finish(peer)
    model = Model().advance(7)
    peer.ends(0, "start 0 " + Model().line(), model.line(BOTH), model.advance().line(), model.advance().line())


@scenario
def test_the_donors_buffer_is_not_changed(peer):
    n = begin(peer, "2")
    path = write_buffer(peer, Model().advance(7).regions())
    with open(path, "rb") as file:
        before = file.read()
    report(peer, 1)
    peer.send("load", change=9, way="region", path=path)
    peer.read()
    own = buffer_of(peer, n)
    peer.send("go", save_at=8.0, way="region", path=own)
    report(peer, 2, 8, path=own, bytes=n)
    with open(path, "rb") as file:
        assert file.read() == before
    assert parse(own) == Model().advance(8).regions()
    peer.send("go")
    finish(peer)


@scenario
def test_absent_regions_and_those_of_another_size_stay_and_are_named(peer):
    begin(peer, "1")
    donor = Model(BYTES - 1).advance(7).regions()
    del donor["velocity"]
    donor["other"] = b"1234"
    report(peer, 1)
    peer.send("load", change=9, way="region", path=write_buffer(peer, donor))
    assert peer.read() == {"type": "loaded", "change": 9, "missing": ["weights", "velocity"]}
    peer.send("go")
    finish(peer)
    model = Model().advance()
    model.step = 7
    peer.ends(0, "start 0 " + Model().line(), model.line(""))


@scenario
def test_a_start_loads_from_memory_or_from_the_directory_of_a_copy(peer):
    path = os.path.join(peer.directory, "copy")
    os.mkdir(path)
    parts = Model().advance(4).regions()
    with open(os.path.join(path, "regions"), "w", encoding="utf-8") as file:
        file.write("clade regions 1 3 %d\n" % sum(map(len, parts.values())))
        for i, (name, data) in enumerate(parts.items()):
            file.write("%d-x %d %s\n" % (i, len(data), name))
            with open(os.path.join(path, "%d-x" % i), "wb") as part:
                part.write(data)
    for load in (path, write_buffer(peer, parts)):
        begin(peer, "0", load=load, change=12)
        assert peer.read() == {"type": "loaded", "change": 12}
        peer.send("go")
        finish(peer)
        peer.ends(0, "start 1 " + Model().advance(4).line(BOTH))


@scenario
def test_what_is_no_state_of_regions_is_an_error_and_changes_nothing(peer):
    begin(peer, "1")
    report(peer, 1)
    bad = {"empty": b"", "text": b"nonsense\n" * 1000,
           "beyond": b"clade regions 1 1 8192\n4096 5000 weights\n".ljust(8192, b"\0"),
           "short": b"clade regions 1 2 8192\n4096 3 velocity\n".ljust(8192, b"\0"),
           "twice": b"clade regions 1 2 8192\n4096 3 velocity\n4096 3 velocity\n".ljust(8192, b"\0")}
    for i, (name, data) in enumerate(bad.items()):
        path = os.path.join(peer.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        peer.send("load", change=20 + i, way="region", path=path)
        loaded = peer.read()
        assert loaded["change"] == 20 + i and loaded.get("error"), (name, loaded)
    peer.send("load", change=30, way="region", path=os.path.join(peer.directory, "nowhere"))
    assert "nowhere" in peer.read()["error"]
    peer.send("go")
    finish(peer)
    peer.ends(0, "start 0 " + Model().line(), Model().advance().line())


@scenario
def test_a_copy_whose_file_was_cut_off_changes_nothing(peer):
    path = os.path.join(peer.directory, "copy")
    os.mkdir(path)
    with open(os.path.join(path, "regions"), "w", encoding="utf-8") as file:
        file.write("clade regions 1 2 8\n0-step 8 step\n1-velocity 3 velocity\n")
    for name, data in {"0-step": b"\7" + bytes(7), "1-velocity": b"\1\2"}.items():
        with open(os.path.join(path, name), "wb") as file:
            file.write(data)
    begin(peer, "0", load=path, change=12)
    loaded = peer.read()
    assert "1-velocity" in loaded["error"], loaded
    peer.send("go")
    finish(peer)
    peer.ends(0, "start 0 " + Model().line())


# --- the worker goes ---------------------------------------------------------------------------------------


@scenario
def test_a_new_worker_is_told_of_the_regions_and_hears_the_report_again(peer):
    n = begin(peer, "2")
    report(peer, 1)
    path = buffer_of(peer, n)
    peer.send("go", save_at=2.0, way="region", path=path)
    report(peer, 2, path=path, bytes=n)
    peer.vanish()
    peer.listen()
    assert hello(peer) == n
    start(peer, reports=1)
    report(peer, 2, path=path, bytes=n)
    peer.send("go")
    finish(peer)


@scenario
def test_without_a_worker_the_regions_are_saved_as_files(peer):
    peer.run("3", CLADE_RECONNECT="1.5")
    hello(peer, regions=False)
    start(peer)
    hello(peer)
    start(peer)
    report(peer, 1)
    peer.vanish()
    assert peer.process.wait(60) == 75
    found = parse_directory(os.path.join(peer.directory, "checkpoints", "1.late"))
    assert found == Model().advance().regions()


@scenario
def test_a_region_that_comes_after_start_is_refused(peer):
    begin(peer, "0", "--late")
    assert peer.read() is None
    out = peer.process.communicate(timeout=300)
    assert "error EINVAL" in out[0] and "'late'" in out[1], out


if __name__ == "__main__":
    tap.run(dict(globals()))
