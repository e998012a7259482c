"""Both clients being forked, against a worker that plays a script. Usage: test_fork.py PROBE (a program, or a script)."""
import fcntl
import functools
import json
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402
from peer import PATIENCE, Peer  # noqa: E402

PROBE = os.path.abspath(sys.argv[1])
TWIN = "twin.4.2.0123456789abcdef.00112233445566778899aabbccddeeff"


def scenario(function):
    @functools.wraps(function)
    def run(directory):
        peer = Peer([sys.executable] * PROBE.endswith(".py") + [PROBE], directory)
        try:
            function(peer)
        finally:
            peer.close()
    return run


class Line:
    """A connection besides the trainer's: of a twin or a clone."""

    def __init__(self, peer):
        self.connection, _ = peer.listener.accept()
        self.connection.settimeout(PATIENCE)
        self.file = self.connection.makefile("rb")
        self.pid = struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    read, send = Peer.read, Peer.send

    def send_with(self, descriptor, kind, **more):
        socket.send_fds(self.connection, [(json.dumps(dict({"type": kind}, **more)) + "\n").encode()], [descriptor])

    def hang_up(self):
        self.file.close()
        self.connection.close()


def lives(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def ends(pid):
    for _ in range(PATIENCE * 50):
        if not lives(pid):
            return True
        time.sleep(0.02)
    return False


def bytes_of(peer):
    path = os.path.join(peer.directory, "bytes")
    with open(path, "w", encoding="utf-8") as file:
        file.write("abcdefgh")
    return path


def start(peer, **more):
    peer.send("start", **dict({"values": {"lr": 0.5}, "seed": 3, "change": 1, "reports": 0}, **more))


def begin(peer, *arguments, steps=3, announced=True, **environment):
    """Both hellos: the second one says that it can fork. A twin is announced for step 1."""
    peer.run(str(steps), bytes_of(peer), *arguments, **{"CLADE_RECONNECT": "10", **environment})
    peer.accept()
    assert peer.read().get("can", "") == ""
    start(peer)
    peer.accept()
    assert peer.read()["can"] == "fork"
    start(peer, **({"save_at": 1.0, "way": "fork", "path": TWIN} if announced else {}))


def attempt_directory(peer, attempt, trial=9):
    path = os.path.join(peer.directory, "t%d" % trial, "attempt-%d" % attempt)
    os.makedirs(path)
    pairs = {"CLADE_SOCKET": peer.path, "CLADE_TOKEN": "9.%d" % attempt, "CLADE_DIR": os.path.dirname(path),
             "CLADE_TRIAL": str(trial), "CLADE_ATTEMPT": str(attempt), "CLADE_RECONNECT": "60"}
    with open(os.path.join(path, "environment"), "wb") as file:
        file.write(b"".join(b"%s=%s\0" % (a.encode(), b.encode()) for a, b in pairs.items()))
    return path


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def report(line, ordinal, **more):
    want = dict({"type": "report", "ordinal": ordinal, "step": ordinal, "metrics": {"accuracy": ordinal / 16}}, **more)
    found = line.read()
    assert found == want, (found, want)


def twin_of(peer):
    twin = Line(peer)
    assert twin.read() == {"type": "hello", "token": TWIN, "protocol": 1, "can": "fork"}, "no twin"
    return twin


def finish(line):
    assert line.read() == {"type": "done"}
    line.send("go")
    assert line.read() is None


@scenario
def test_a_clone_goes_on_as_another_attempt_from_the_state_that_was_reported(peer):
    begin(peer)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    peer.send("go")
    report(peer, 2)
    peer.send("go")
    report(peer, 3)
    path = attempt_directory(peer, 5)
    twin.send("fork", token="9.5", path=path)
    clone = Line(peer)
    hello = clone.read()
    assert (hello["token"], hello["can"], hello.get("reports", 0)) == ("9.5", "fork", 0), hello
    assert twin.read() == {"type": "saved", "step": 1}
    clone.send("start", values={"lr": 0.25}, seed=7, change=40, reports=0)
    report_of_clone = clone.read()
    assert report_of_clone == {"type": "report", "ordinal": 1, "step": 2, "metrics": {"accuracy": 0.125}}, report_of_clone
    clone.send("stop")
    assert clone.read() is None and ends(clone.pid)
    assert text_of(path, "stdout").splitlines() == ["step 1 a lr=0.25 seed=7 trial=9 attempt=5",
                                                    "step 2 b lr=0.25 seed=7 trial=9 attempt=5 stop"]
    peer.send("go")
    finish(peer)
    peer.process.wait(timeout=PATIENCE)
    assert lives(twin.pid), "a twin outlives its trainer"
    twin.send("stop")
    assert twin.read() is None and ends(twin.pid)
    peer.ends(0, "step 1 a lr=0.5 seed=3 trial=4 attempt=2", "step 2 b lr=0.5 seed=3 trial=4 attempt=2",
              "step 3 c lr=0.5 seed=3 trial=4 attempt=2")


@scenario
def test_a_twin_forks_again_and_again(peer):
    begin(peer, steps=2)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    peer.send("go")
    report(peer, 2)
    for attempt in (1, 2, 3):
        path = attempt_directory(peer, attempt)
        twin.send("fork", token="9.%d" % attempt, path=path)
        clone = Line(peer)
        assert clone.read()["token"] == "9.%d" % attempt
        assert twin.read() == {"type": "saved", "step": 1}
        clone.send("start", values={"lr": attempt}, seed=7, change=40, reports=0)
        assert clone.read()["step"] == 2
        clone.send("go")
        finish(clone)
        assert ends(clone.pid)
        assert text_of(path, "stdout").count("\n") == 2
    twin.send("stop")
    assert ends(twin.pid)
    peer.send("go")
    finish(peer)


@scenario
def test_a_clone_leaves_a_twin_of_its_own(peer):
    begin(peer, steps=3)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    twin.send("fork", token="9.6", path=attempt_directory(peer, 6))
    clone = Line(peer)
    assert clone.read()["token"] == "9.6"
    second = TWIN.replace("twin.4.2", "twin.9.6")
    clone.send("start", values={"lr": 1}, seed=7, change=40, reports=0, save_at=2.0, way="fork", path=second)
    grandchild = Line(peer)
    assert grandchild.read()["token"] == second
    found = clone.read()
    assert (found["ordinal"], found["step"], found["path"]) == (1, 2, second), found
    for line in (clone, grandchild, twin):
        line.send("stop")
        assert ends(line.pid)
    peer.send("stop")
    assert peer.read() is None


@scenario
def test_a_twin_can_be_asked_for_within_a_report(peer):
    begin(peer, announced=False, steps=1)
    report(peer, 1)
    peer.send("fork", token=TWIN)
    twin = twin_of(peer)
    peer.send("go")
    finish(peer)
    twin.send("stop")
    assert ends(twin.pid)
    peer.ends(0, "step 1 a lr=0.5 seed=3 trial=4 attempt=2")


@scenario
def test_the_end_of_its_connection_ends_a_twin_when_no_worker_comes(peer):
    begin(peer, steps=1, CLADE_RECONNECT="0")
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    peer.send("go")
    finish(peer)
    assert lives(twin.pid)
    peer.listener.close()
    twin.hang_up()
    assert ends(twin.pid)
    peer.listener = None


@scenario
def test_a_twin_says_hello_to_the_next_worker(peer):
    begin(peer, steps=1)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    twin.hang_up()
    again = twin_of(peer)
    assert again.pid == twin.pid
    again.send("error", text="no twin has this token", fatal=True)
    assert ends(twin.pid)
    peer.send("go")
    finish(peer)


@scenario
def test_a_twin_has_not_the_lock_and_a_clone_has_the_one_that_it_was_given(peer):
    os.makedirs(os.path.join(peer.directory, "attempt-2"))
    lock = os.path.join(peer.directory, "attempt-2", "lock")
    own = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(own, fcntl.LOCK_EX)
    os.set_inheritable(own, True)
    peer.pass_fds = (own,)
    begin(peer, steps=1)
    os.close(own)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    look = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(look, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise AssertionError("nobody has the lock")
    except BlockingIOError:
        pass
    peer.send("go")
    finish(peer)
    peer.process.wait(timeout=PATIENCE)
    fcntl.flock(look, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the twin lives, and does not hold it
    assert lives(twin.pid)
    path = attempt_directory(peer, 5)
    given = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(given, fcntl.LOCK_EX)
    twin.send_with(given, "fork", token="9.5", path=path)
    os.close(given)
    clone = Line(peer)
    assert clone.read()["token"] == "9.5" and twin.read()["type"] == "saved"
    other = os.open(os.path.join(path, "lock"), os.O_RDWR)
    twin.send("stop")
    assert ends(twin.pid)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise AssertionError("the clone does not have its lock")
    except BlockingIOError:
        pass
    clone.send("stop")
    assert ends(clone.pid)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


OFFENCES = {"--thread": "threads", "--shared": "shares memory", "--writes": "open for writing", "--pipe": "descriptor"}


@scenario
def test_what_is_in_the_way_is_said_where_the_program_asks_to_be_forked(peer):
    for flag, word in OFFENCES.items():
        peer.run("1", bytes_of(peer), flag)
        peer.accept()
        peer.read()
        start(peer)
        out, err = peer.process.communicate(timeout=PATIENCE)
        assert out == "error EUNSUPPORTED\n" and word in err and "cannot be forked" in err, (flag, out, err)


@scenario
def test_what_comes_in_the_way_later_is_told_with_the_report(peer):
    for flag, word in OFFENCES.items():
        begin(peer, flag, "--late", steps=1)
        found = peer.read()
        assert found["type"] == "report" and found["path"] == TWIN and word in found["error"], (flag, found)
        peer.send("fork", token=TWIN)
        found = peer.read()
        assert found["type"] == "saved" and found["path"] == TWIN and word in found["error"], (flag, found)
        peer.send("go")
        finish(peer)
        peer.process.communicate(timeout=PATIENCE)
        assert peer.process.returncode == 0


@scenario
def test_files_that_are_read_and_mapped_are_not_in_the_way(peer):
    begin(peer, "--private", steps=1)
    twin = twin_of(peer)
    report(peer, 1, path=TWIN)
    peer.send("go")
    finish(peer)
    twin.send("stop")
    assert ends(twin.pid)


tap.run(globals())
