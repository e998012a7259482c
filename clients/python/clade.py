"""The trainer's side of Clade for Python: one file, standard library only, Python 3.8 or newer.

    import clade

    def save(directory): torch.save(model.state_dict(), directory + "/model.pt")
    def load(directory): model.load_state_dict(torch.load(directory + "/model.pt"))

    with clade.start(defaults={"lr": 0.01, "layers": 2}, save=save, load=load) as run:
        model = Model(run.layers, seed=run.seed)
        run.resume()                                  # loads a state when the study wants it
        while model.epoch < 10 and not run.should_stop:
            train(model, lr=run.lr)                   # as of now: it may change at every report
            run.report(model.epoch, accuracy=test(model), loss=model.loss)

A state can also be handed over in memory, without files and new processes: run.state(name, array) registers NumPy
arrays, CPU tensors of PyTorch, or anything else whose memory Python can show; see Run.state. Or the whole process is
cloned by fork: run.fork(), see Run.fork.

Leaving the block normally says that training is done; after a stop or pause it exits with the status that the
study understands (76, 75). Without `with`: call run.done() and run.exit().

Where a value comes from, the first that has it: the study; the command line, `--name=value` or `--name value`;
the environment, CLADE_PARAM_<name>; `defaults`. Outside of a study (no CLADE_SOCKET) the program just runs, and
every report is printed as `step 3  accuracy 0.93`. All files of the state must be written by `save` into the
directory given to it. The library never installs signal handlers, starts threads, or prints to standard output
in a study. When Clade dies, the next report waits CLADE_RECONNECT seconds (600) for it, then saves to
CLADE_CKPT_DIR/<step>.late and asks the program to stop with status 75.

A training in stages, with the console and the objective (hpmax) of XT: run.stages([Stage(…)]), see Stages.

A program that trains by itself, without `clade run`, asks and tells: create_study(…).optimize(objective), see Study.

Of a training with several processes (torchrun, data loaders) exactly one calls start(); it hands the values to
the others.
The protocol is described in docs/protocol.md.
"""
import contextlib
import json
import math
import mmap
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

__all__ = ["start", "values", "Run", "Metric", "Stage", "Stages", "Error", "Refused", "Stopped",
           "create_study", "load_study", "Study", "Trial", "Pruned"]
__version__ = "0.1.0"

PROTOCOL = 1
MESSAGE_MAX = 65536  # bytes of a message, without its newline
NAME_MAX = 256       # bytes of the name of a metric
METRICS_MAX = 200    # metrics in one report
EXIT_PREEMPTED, EXIT_STOPPED, EXIT_INFEASIBLE = 75, 76, 77


class Error(Exception):
    """Something failed; `code` names what, as in clade/error.h: EINVAL, ELIMIT, EPROTOCOL, EREFUSED."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Refused(Error):
    """The worker refused this one report (a step that goes back …) and recorded nothing; training may go on."""

    def __init__(self, text):
        super().__init__("EREFUSED", text)


class Stopped(SystemExit):
    """start() found that this attempt must not run: no worker came back (exit status 75), or the trial has ended
    or has a newer attempt (76). Not caught, it ends the program with that status."""

    def __init__(self, status, text):
        super().__init__(status)
        self.text = text

    def __str__(self):
        return self.text


class _Closed(Exception):
    """No worker listens (any more)."""


class _Stop(Exception):
    """The study said pause or stop, or is gone for good; the argument is the exit status."""


def start(defaults=None, save=None, load=None, argv=None):
    """Connect to the study, if there is one, and learn the values; returns a Run.

    defaults  values used where nothing else gives one; their types are kept: "--lr 1" is 1.0 for a default of 0.01
    save      save(directory) writes the whole state into files of the directory, which exists; called by report()
    load      load(directory) replaces the whole state, perhaps by another trial's; called by resume() and report()
    argv      the command line; default sys.argv

    An exception of save or load is told to the study, which decides: the trial goes on, or loads another state.
    """
    return Run(defaults or {}, save, load, sys.argv if argv is None else argv)


def values():
    """The values of this trial, a dictionary, for a program that takes none as arguments and reports by printing. Empty
    outside of a study. They are those it was started with; start() gives them as they are now."""
    directory = os.environ.get("CLADE_DIR")
    if not directory or not os.environ.get("CLADE_TRIAL"):
        return {}
    try:
        with open(os.path.join(directory, "params.json"), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as reason:
        raise Error("EIO", "the values of this trial cannot be read: %s" % reason) from None


# --- values ------------------------------------------------------------------------------------------------


def _argument(argv, name):
    """The last `--name=value` or `--name value`; "true" for a bare `--name`; None."""
    found = None
    for i, argument in enumerate(argv[1:], 1):
        if argument == "--":
            break
        if argument.startswith("--" + name + "="):
            found = argument[len(name) + 3:]
        elif argument == "--" + name:
            following = argv[i + 1] if i + 1 < len(argv) else "--"
            found = "true" if following.startswith("--") else following
    return found


def _read_text(text):
    """What a text means without a default: null, true, false, an integer, a number, else the text itself."""
    if text in ("null", "true", "false"):
        return {"null": None, "true": True, "false": False}[text]
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", text, re.I):
        return float(text)
    return text


def _read_like(text, default, name):
    """The text as a value of the default's type."""
    value = _read_text(text)
    if default is None or value is None:
        return value
    if isinstance(default, bool):
        if value in (True, False):
            return bool(value)
        wanted = "true or false"
    elif isinstance(default, int):
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        wanted = "a number"
    elif isinstance(default, float):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        wanted = "a number"
    else:
        return text
    raise Error("EINVAL", "the value of '%s' is %s, which is not %s like its default %r"
                % (name, text, wanted, default))


class _Values:
    """Values by name: those of the study, else those of the program."""

    def __init__(self, defaults, argv):
        self.argv, self.own, self.study, self.changed, self.defaults = argv, {}, {}, set(), list(defaults)
        for name, default in defaults.items():
            given = self.given(name)
            self.own[name] = default if given is None else _read_like(given, default, name)

    def given(self, name):
        text = _argument(self.argv, name)
        key = "CLADE_PARAM_" + re.sub(r"[^A-Za-z0-9_]", "_", name)
        return os.environ.get(key) if text is None else text

    def has(self, name):
        if name not in self.study and name not in self.own:
            given = self.given(name)
            if given is None:
                return False
            self.own[name] = _read_text(given)
        return True

    def get(self, name):
        return self.study[name] if name in self.study else self.own[name]

    def set(self, name, value):
        old = self.get(name) if self.has(name) else self
        if old is self or type(old) is not type(value) or old != value:
            self.changed.add(name)
        self.study[name] = value

    def all(self):
        return dict(self.own, **self.study)


# --- messages ----------------------------------------------------------------------------------------------


def _number(x):
    """A float as it stands in a message."""
    if math.isfinite(x):
        return x
    return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"


def _write(message):
    """The line of a message; members that are None are left out."""
    kept = {key: value for key, value in message.items() if value is not None}
    try:
        line = json.dumps(kept, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Error("EINVAL", "a name or text of the %s is not UTF-8" % message["type"]) from None
    if len(line) > MESSAGE_MAX:
        raise Error("ELIMIT", "a %s has %d bytes, but the limit is %d" % (message["type"], len(line), MESSAGE_MAX))
    return line + b"\n"


_TYPES = {  # the answers, and the kind of each key
    "start": {"values": dict, "seed": int, "change": int, "reports": int, "load": str, "save_at": float, "way": str,
              "path": str},
    "save": {"path": str, "way": str},
    "load": {"change": int, "path": str, "way": str, "values": dict},
    "go": {"change": int, "values": dict, "save_at": float, "way": str, "path": str},
    "pause": {"save": str},
    "stop": {"save": str},
    "fork": {"token": str, "path": str},
    "error": {"text": str, "field": str, "limit": str, "fatal": bool},
}
_REQUIRED = {"start": ("values", "seed"), "save": ("path",), "load": ("change", "path"), "fork": ("token",),
             "error": ("text",)}


def _check(value, kind):
    if kind is float:
        if value in ("nan", "inf", "-inf"):
            return float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError


def _no_message(reason):
    return Error("EPROTOCOL", "what the worker sent is no message: %s" % reason)


def _parse(line):
    """The message of a line: a dictionary that has every key of its type, None where it was left out."""
    def refuse(word):
        raise ValueError("%s is not JSON" % word)
    try:
        raw = json.loads(line.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as reason:
        raise _no_message(reason) from None
    kind = raw.get("type") if isinstance(raw, dict) else None
    if kind not in _TYPES:
        raise _no_message("%.60r is none for a trainer" % line)
    message = {"type": kind}
    for key, type_ in _TYPES[kind].items():
        value = raw.get(key)
        if value is None and key in _REQUIRED.get(kind, ()):
            raise _no_message('"%s" is missing in "%s"' % (key, kind))
        try:
            message[key] = None if value is None else _check(value, type_)
        except ValueError:
            raise _no_message('"%s" of "%s" is %.60r' % (key, kind, value)) from None
    return message


class _Link:
    """The connection: lines out, messages in."""

    def __init__(self, path, directory):
        self.path, self.socket, self.bytes = path, None, b""
        self.lock = None  # a descriptor that came with a message
        self.note = directory and os.path.join(directory, "socket")

    def drop(self):
        if self.socket is not None:
            self.socket.close()
        self.socket, self.bytes = None, b""

    def connect(self):
        """To the path in CLADE_DIR/socket, which is newer if it is there, else to CLADE_SOCKET."""
        self.drop()
        paths = [self.path]
        try:
            with open(self.note or "", encoding="utf-8") as file:
                paths.insert(0, file.readline().rstrip("\n"))
        except (OSError, UnicodeDecodeError):
            pass
        reason = None
        for path in filter(None, paths):
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                peer.connect(path)
            except OSError as error:
                peer.close()
                reason = error
                if error.errno is None and path == self.path:
                    raise Error("EINVAL", "the path of the worker's socket is too long for a socket: %s" % path) from None
                continue
            self.socket = peer
            return
        raise _Closed("no worker at %s: %s" % (self.path, reason))

    def send(self, line):
        try:
            self.socket.sendall(line)
        except OSError as reason:
            self.drop()
            raise _Closed("the worker has gone: %s" % reason) from None

    def _receive_some(self):
        """As recv; a descriptor that comes along is kept."""
        more, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(4), getattr(socket, "MSG_CMSG_CLOEXEC", 0))
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.close_lock()
                self.lock = int.from_bytes(data[:4], sys.byteorder)
        return more

    def close_lock(self):
        if self.lock is not None:
            os.close(self.lock)
        self.lock = None

    def receive(self):
        while b"\n" not in self.bytes and len(self.bytes) <= MESSAGE_MAX:
            try:
                more = self._receive_some()
            except OSError as reason:
                self.drop()
                raise _Closed("the worker has gone: %s" % reason) from None
            if not more:
                self.drop()
                raise _Closed("the worker has closed the connection")
            self.bytes += more
        line, newline, self.bytes = self.bytes.partition(b"\n")
        if len(line) > MESSAGE_MAX:
            raise _no_message("it has more than %d bytes" % MESSAGE_MAX)
        return _parse(line)


# --- the conversation --------------------------------------------------------------------------------------


def _size_of(directory, sync=False):
    """Sum of the sizes of the files below a directory; with `sync`, all of it is on the disk afterwards."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not os.path.islink(path):
                total += os.path.getsize(path)
                if sync:
                    _sync(path)
        if sync:
            _sync(parent)
    return total


def _make_directory(path):
    """Its parent exists; it may exist itself."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _memory_of(name, x):
    """The bytes of an array as a flat, writable memoryview."""
    try:
        if hasattr(x, "data_ptr") and hasattr(x, "numpy"):  # a tensor of PyTorch
            x = _array_of(x)
        view = memoryview(x)
    except (TypeError, RuntimeError, ValueError) as reason:
        raise Error("EINVAL", "the region '%s' has no memory that can be used: %s. Give a NumPy array, a tensor on the CPU, "
                    "an array.array or a bytearray; what is on a GPU is handed over by save and load" % (name, reason)) from None
    if getattr(getattr(x, "dtype", None), "hasobject", False) or view.format.lstrip("@=<>!") in ("O", "P", "z", "Z"):
        raise Error("EINVAL", "the region '%s' holds addresses of objects, which mean nothing to another process: give numbers"
                    % name)
    if view.readonly or not view.c_contiguous:
        raise Error("EINVAL", "the memory of the region '%s' is %s" % (
            name, "read-only" if view.readonly else "not contiguous: give array.ravel() of one that is"))
    if view.nbytes == 0:
        raise Error("EINVAL", "the region '%s' has no bytes" % name)
    return view.cast("B")


def _array_of(tensor):
    tensor = tensor.detach()
    try:
        return tensor.numpy()
    except TypeError:  # a number format that NumPy does not have
        torch = sys.modules.get("torch")
        if torch is None or tensor.device.type != "cpu":
            raise
        if not tensor.is_contiguous():
            raise ValueError("it is not contiguous") from None
        return tensor.view(-1).view(torch.uint8).numpy()


class _Regions:
    """Registered memory: out to a buffer that the worker lends or to a directory, and back (docs/protocol.md)."""

    PAGE, MOST, LIST, FIRST = 4096, 1024, "regions", "clade regions 1 "
    MAPPINGS = 4  # buffers that stay mapped

    def __init__(self):
        self.views = {}      # name: memoryview of bytes
        self.loaded = set()  # names that the last load has filled
        self.told = False    # the worker knows their size
        self._mappings = {}  # (device, inode): mmap; the one not used for longest is first

    def add(self, name, x):
        usable = isinstance(name, str) and 1 <= len(name.encode("utf-8", "replace")) <= NAME_MAX
        if not usable or re.search("[\\x00-\\x1f\\x7f]", name):
            raise Error("EINVAL", "%r cannot be the name of a region: 1 to %d bytes of text without control characters"
                        % (name, NAME_MAX))
        if name in self.views:
            raise Error("EINVAL", "there is a region '%s' already: names must differ" % name)
        if len(self.views) == self.MOST:
            raise Error("ELIMIT", "a program has at most %d regions; '%s' is one more" % (self.MOST, name))
        self.views[name] = _memory_of(name, x)
        self.told = False

    def _round(self, n):
        return (n + self.PAGE - 1) // self.PAGE * self.PAGE

    def _places(self):
        """Offset of each, and the size of a buffer that holds all."""
        at, places = self._round(64 + len(self.views) * (NAME_MAX + 43)), {}
        for name, view in self.views.items():
            places[name] = at
            at += self._round(view.nbytes)
        return places, at

    def bytes(self):
        return self._places()[1] if self.views else 0

    def _map(self, path, write):
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            info = os.fstat(fd)
            key = (info.st_dev, info.st_ino)
            found = self._mappings.pop(key, None)
            if found is not None and len(found) != info.st_size:
                found = None
            if found is None:
                while len(self._mappings) >= self.MAPPINGS:
                    self._mappings.pop(next(iter(self._mappings))).close()
                found = mmap.mmap(fd, info.st_size, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0))
            self._mappings[key] = found
            return found
        finally:
            os.close(fd)

    def put(self, path):
        """Into the buffer at `path`; returns its size."""
        places, size = self._places()
        with memoryview(self._map(path, True)) as buffer:
            if buffer.nbytes < size:
                raise RuntimeError("the memory at %s has %d bytes, but the regions need %d" % (path, buffer.nbytes, size))
            lines = [self.FIRST + "%d %d\n" % (len(self.views), size)]
            lines += ["%d %d %s\n" % (places[name], view.nbytes, name) for name, view in self.views.items()]
            text = "".join(lines).encode() + b"\0"
            buffer[0] = 0  # no state while it is being written
            for name, view in self.views.items():
                buffer[places[name]:places[name] + view.nbytes] = view
            buffer[1:len(text)] = text[1:]
            buffer[0] = text[0]
        return size

    def _parse(self, text, size=None):
        """(place, bytes) of each name. With `size`, of a buffer: the places are offsets in it."""
        found = {}
        try:
            lines = bytes(text).decode().split("\n")
            count, total = map(int, lines[0][len(self.FIRST):].split(" "))
            if not lines[0].startswith(self.FIRST) or len(lines) != count + 2 or (size is not None and total > size):
                raise ValueError
            for line in lines[1:-1]:
                place, n, name = line.split(" ", 2)
                n = int(n)
                if name in found or n < 0 or "/" in place:
                    raise ValueError
                if size is not None:
                    place = int(place)
                    if place < 0 or place + n > size:
                        raise ValueError
                found[name] = (place, n)
        except ValueError:
            raise RuntimeError("the list of its regions is damaged, or it is no state of regions") from None
        return found

    def _matching(self, found):
        return {name: found[name][0] for name, view in self.views.items()
                if name in found and found[name][1] == view.nbytes}

    def _take_buffer(self, path):
        mapping = self._map(path, False)
        end = mapping.find(b"\0")
        with memoryview(mapping) as buffer:
            matching = self._matching(self._parse(buffer[:max(end, 0)], buffer.nbytes))
            for name, at in matching.items():
                self.views[name][:] = buffer[at:at + self.views[name].nbytes]
        return matching

    def _take_directory(self, path):
        with open(os.path.join(path, self.LIST), "rb") as file:
            matching = self._matching(self._parse(file.read()))
        for name, part in matching.items():
            if os.stat(os.path.join(path, part)).st_size != self.views[name].nbytes:
                raise RuntimeError("%s has not %d bytes" % (os.path.join(path, part), self.views[name].nbytes))
        for name, part in matching.items():
            with open(os.path.join(path, part), "rb") as file:
                if file.readinto(self.views[name]) != self.views[name].nbytes:
                    raise RuntimeError("%s could not be read to its end" % os.path.join(path, part))
        return matching

    def take(self, path):
        """From a buffer or directory; returns the names of those that stayed as they were."""
        self.loaded = set()
        self.loaded = set(self._take_directory(path) if os.path.isdir(path) else self._take_buffer(path))
        return [name for name in self.views if name not in self.loaded]

    def write(self, directory):
        lines = []
        for i, (name, view) in enumerate(self.views.items()):
            part = ("%d-%s" % (i, re.sub(r"[^A-Za-z0-9.-]", "_", name)))[:79]
            with open(os.path.join(directory, part), "wb") as file:
                file.write(view)
            lines.append("%s %d %s\n" % (part, view.nbytes, name))
        total = sum(view.nbytes for view in self.views.values())
        with open(os.path.join(directory, self.LIST), "w", encoding="utf-8", newline="\n") as file:
            file.write(self.FIRST + "%d %d\n" % (len(lines), total) + "".join(lines))

    def is_state(self, path):
        return os.path.isfile(path) or os.path.isfile(os.path.join(path, self.LIST))


# --- fork --------------------------------------------------------------------------------------------------

_WAIT = {"type": "wait"}  # no question: another answer comes


def _cannot(why):
    return RuntimeError("this process cannot be forked: " + why)


def _descriptors():
    """Every open descriptor, with what it is and how it is open."""
    for name in os.listdir("/proc/self/fd"):
        try:
            with open("/proc/self/fdinfo/" + name, encoding="ascii") as file:
                flags = int(dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)["flags"], 8)
            yield int(name), os.fstat(int(name)), flags, os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue  # it was the listing's own


def _is_file(path, info):
    try:
        other = os.stat(path)
    except OSError:
        return False
    return (other.st_dev, other.st_ino) == (info.st_dev, info.st_ino)


def _is_lock(info):
    """Of the attempt that this process is: inherited, held as long as it lives."""
    directory, attempt = os.environ.get("CLADE_DIR"), os.environ.get("CLADE_ATTEMPT")
    return bool(directory and attempt) and _is_file("%s/attempt-%s/lock" % (directory, attempt), info)


def _check_descriptor(number, info, flags, path):
    if path.startswith(("/dev/nvidia", "/dev/dri/", "/dev/kfd", "/dev/accel")):
        raise _cannot("it uses the device %s, whose state is not copied; hand the state over by files" % path)
    if number <= 2 or stat.S_ISDIR(info.st_mode) or stat.S_ISCHR(info.st_mode):
        return
    if stat.S_ISREG(info.st_mode) or stat.S_ISBLK(info.st_mode):
        outputs = any(_is_file("/proc/self/fd/%d" % n, info) for n in (1, 2))
        if flags & os.O_ACCMODE != os.O_RDONLY and not outputs and not _is_lock(info):
            raise _cannot("it has %s open for writing, which its copy would write, too; close it before the report, or write "
                          "to standard output" % path)
        return
    raise _cannot("its descriptor %d (%s) would be used by its copy, too; close it before the report" % (number, path))


def _check_forkable(connection):
    """Would a copy of this process be whole, and share nothing with it?"""
    try:
        n = len(os.listdir("/proc/self/task"))
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
            shared = [line.split(None, 5) for line in file if line.split()[1][1::2] == "ws"]
    except OSError as reason:
        raise _cannot("its state cannot be looked at: %s" % reason) from None
    if n > 1:
        raise _cannot("it has %d threads, and a fork copies only one; run it with one (OPENBLAS_NUM_THREADS=1, OMP_NUM_THREADS=1), "
                      "or hand the state over by files or regions" % n)
    if shared:
        raise _cannot("it shares memory with others (%s), which its copy would change; unmap it, or map it privately"
                      % (shared[0] + ["without a name"])[5].strip())
    for number, *rest in _descriptors():
        if number != connection:
            _check_descriptor(number, *rest)


def _own_descriptors():
    """In the child: without the attempt's lock, and with an offset of its own in every file that it reads."""
    os.setpgid(0, 0)
    for number, info, flags, _ in list(_descriptors()):
        if stat.S_ISREG(info.st_mode) and _is_lock(info):
            os.close(number)
        elif stat.S_ISREG(info.st_mode) and flags & os.O_ACCMODE == os.O_RDONLY:
            own = os.open("/proc/self/fd/%d" % number, flags & ~(os.O_CREAT | os.O_TRUNC | os.O_EXCL) | os.O_CLOEXEC)
            os.lseek(own, os.lseek(number, 0, os.SEEK_CUR), os.SEEK_SET)
            os.dup2(own, number, os.get_inheritable(number))
            os.close(own)


def _flush():
    for file in (sys.stdout, sys.stderr):
        if file is not None:
            file.flush()


def _fork_orphan():
    """Fork a child whose parent is who inherits orphans; returns whether this is the child."""
    last, held = os.pipe()
    _flush()
    between = os.fork()
    if between == 0:
        try:
            if os.fork() != 0:
                os._exit(0)
            os.close(held)
            os.read(last, 1)  # until the other end is nobody's: the one between has been waited for
            os.close(last)
        except BaseException:
            os._exit(1)
        return True
    _, status = os.waitpid(between, 0)
    os.close(held)
    os.close(last)
    if status != 0:
        raise OSError("this process could not be forked: it has too little memory")
    return False


def _become(directory, lock):
    """Be the attempt of that directory: its outputs, its environment, its lock."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        own = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        os.dup2(own, number)
        os.close(own)
    with open(os.path.join(directory, "environment"), "rb") as file:
        pairs = [pair.partition(b"=") for pair in file.read().split(b"\0") if pair.startswith(b"CLADE_")]
    for name in [name for name in os.environ if name.startswith("CLADE_")]:
        del os.environ[name]
    for name, _, value in pairs:
        os.environb[name] = value
    if lock is not None:
        os.set_inheritable(lock, True)  # what it starts holds it, too


class _Session:
    """What the trainer and its worker have agreed on. One question is open at a time; it is sent again, as it was,
    after a reconnection, since the worker answers a repetition like the first."""

    def __init__(self, values, save, load, link, token, reconnect):
        self.values, self.save, self.load_function, self.link = values, save, load, link
        self.token, self.reconnect, self.regions = token, reconnect, _Regions()
        self.seed = self.change = 0
        self.reports = 0      # ordinal of the last report that was answered
        self.sent = 0         # ordinal of the last report sent
        self.load = None      # state that resume() has to load
        self.busy = False     # a save or load function runs
        self.forks = False    # the program lets itself be forked
        self.twins = []       # children that are to be waited for
        self.on_clone = None  # called in a clone, once it knows whose it is
        self.loaded = False   # whether the last load worked
        self.announced = None # the answer that announced a snapshot
        self.exit_status = 0  # 75 or 76 once the study said pause or stop
        self.failure = None   # the Error after which nothing can be said any more

    def open(self):
        try:
            answer = self._say_hello()
        except _Closed as reason:
            raise Stopped(EXIT_PREEMPTED, str(reason)) from None
        self.sent = self.reports
        if answer["type"] != "start":
            self.link.drop()
            raise Stopped(EXIT_PREEMPTED if answer["type"] == "pause" else EXIT_STOPPED,
                          "this attempt was asked to stop before it began: the trial has a newer one, or has ended")

    def tell(self):
        """Where regions have been registered, or fork was asked for, since the last hello: say it again. Returns whether to
        go on."""
        if self.regions.told or not (self.regions.views or self.forks):
            return True
        self.link.drop()
        answer = self._say_hello()
        self.sent = self.reports
        if answer["type"] == "start":
            return True
        self.link.drop()
        self.exit_status = EXIT_PREEMPTED if answer["type"] == "pause" else EXIT_STOPPED
        return False

    def resume(self):
        """Load self.load and acknowledge it; returns whether that worked."""
        path, self.load = self.load, None
        self._converse(self._load_state(path, self.change), None, "loaded")
        if self.load == path:
            self.load = None  # of a second start
        return self.loaded

    def report(self, step, metrics):
        report = {"type": "report", "ordinal": self.reports + 1, "step": step, "metrics": metrics}
        _write(report)  # nothing is saved for a report that cannot be sent
        self.regions.loaded = set()
        announced = self.announced
        if announced is not None and step >= announced["save_at"]:
            self.announced = None
            if announced["way"] == "fork":
                report["path"] = announced["path"]
                if self._make_twin(announced["path"], step, report):
                    self._begin_clone()
                    return
            else:
                report.update(self._save_state(announced["path"], announced["way"], step), type="report")
        _write(report)
        self.sent = report["ordinal"]
        try:
            self._converse(report, step, "report")
        finally:
            self.sent = self.reports
            self.load = None

    def finish(self):
        self._converse({"type": "done"}, None, "done")

    def save_late(self, step, directory):
        """Into directory/<step>.late, whole and synced or not at all."""
        if (self.save is None and not self.regions.views) or not directory or step is None:
            return
        whole = os.path.join(directory, _number_text(step) + ".late")
        self._fill(whole + ".part")
        _size_of(whole + ".part", sync=True)
        os.rename(whole + ".part", whole)

    def _converse(self, question, step, name):
        """Ask, then ask what the answers ask for, until one says go; _Stop."""
        try:
            while question is not None:
                answer = self._ask(question)
                if question["type"] == "report" and answer["type"] != "error":
                    self.reports = question["ordinal"]
                following = self._obey(answer, step, name)
                while following is _WAIT:
                    try:
                        answer = self.link.receive()
                    except _Closed:
                        break
                    following = self._obey(answer, step, name)
                if following is not _WAIT:
                    question = following
                    name = "saved or loaded"
        except Refused:
            if self.exit_status:
                raise _Stop from None
            raise
        except BaseException as reason:
            self.link.drop()  # an answer may still come: the next question begins with a hello
            if self.exit_status and isinstance(reason, (Error, _Closed)):
                raise _Stop from None  # it was to end anyway
            if isinstance(reason, Error) and reason.code == "EPROTOCOL":
                self.failure = reason
            raise

    def _ask(self, question):
        fresh = True
        while True:
            if self.link.socket is not None:
                fresh = False
                try:
                    self.link.send(_write(question))
                    return self.link.receive()
                except _Closed:
                    pass
            answer = self._say_hello()
            if answer["type"] != "start":
                return answer
            following = self.reports + 1
            if question["type"] == "report" and (fresh or question["ordinal"] > following):
                question["ordinal"] = self.sent = following

    def _obey(self, answer, step, name):
        """Do what an answer asks for; returns the next question, or None for go."""
        kind = answer["type"]
        if kind == "go":
            self._apply(answer)
            if self.exit_status:
                raise _Stop
            return None
        if kind in ("pause", "stop"):
            self.exit_status = EXIT_PREEMPTED if kind == "pause" else EXIT_STOPPED
            if answer["save"] is None:
                raise _Stop
            return self._save_state(answer["save"], None, step)
        if kind == "save":
            return self._save_state(answer["path"], answer["way"], step)
        if kind == "load":
            self._apply_values(answer)
            return self._load_state(answer["path"], answer["change"])
        if kind == "fork" and self.forks and answer["path"] is not None:  # held in a report, this process is a twin itself
            saved = self._fork_clone(answer, step)
            if saved is None:
                self._begin_clone()
            return saved
        if kind == "fork" and self.forks:
            saved = {"type": "saved", "step": 0.0 if step is None else step, "path": answer["token"]}
            if self._make_twin(answer["token"], step, saved):
                self._begin_clone()
                return None
            return saved if "error" in saved else _WAIT
        if kind == "error":
            text = "the worker says: " + answer["text"]
            if answer["field"] is not None:
                text += "; " + answer["field"]
            if answer["limit"] is not None:
                text += " must be " + answer["limit"]
            if answer["fatal"]:
                raise Error("EPROTOCOL", text)
            raise Refused(text)
        raise Error("EPROTOCOL", "the worker answered '%s' to '%s'; is it of another version?" % (kind, name))

    def _apply_values(self, answer):
        for name, value in (answer["values"] or {}).items():
            self.values.set(name, value)
        self.change = answer["change"] or self.change

    def _apply(self, answer):
        self._apply_values(answer)
        self.announced = answer if answer["save_at"] is not None else None

    @contextlib.contextmanager
    def _working(self):
        """While a function of the program runs that is itself part of an answer."""
        self.busy = True
        try:
            yield
        finally:
            self.busy = False

    def _fill(self, directory):
        _make_directory(directory)
        if self.regions.views:
            self.regions.write(directory)
            return
        with self._working():
            self.save(directory)

    def _save_state(self, path, way, step):
        saved = {"type": "saved", "step": 0.0 if step is None else step, "path": path}
        try:
            if way == "fork" or (not self.regions.views and (self.save is None or way == "region")):
                raise RuntimeError("this program cannot save its state in this way")
            if path is None:
                raise RuntimeError("no path was given to save to")
            if way == "region":
                saved["bytes"] = self.regions.put(path)
            else:
                self._fill(path)
                saved["bytes"] = _size_of(path)
        except Exception as reason:
            saved["error"] = _sentence(reason)
        return saved

    def _make_twin(self, token, step, question):
        """Leave a twin behind, or say in the question why there is none. Returns True in a clone that came of it."""
        try:
            if not self.forks:
                raise RuntimeError("this program does not let itself be forked")
            _check_forkable(self.link.socket and self.link.socket.fileno())
            self.twins = [pid for pid in self.twins if not _has_ended(pid)]
            _flush()
            pid = os.fork()
        except Exception as reason:
            question["error"] = _sentence(reason)
            return False
        if pid != 0:
            self.twins.append(pid)
            return False
        try:
            self.twins = []
            self.link.drop()
            _own_descriptors()
            self._be_twin(token, step)
        except BaseException:
            os._exit(1)
        return True

    def _be_twin(self, token, step):
        """The frozen copy: says that it is there, waits, and forks when it is asked to. It finds the next worker as a
        trainer does, and ends when there is none. Comes back as a clone only."""
        hello = _write({"type": "hello", "token": token, "protocol": PROTOCOL, "can": "fork"})
        deadline, pause = None, 0.1
        while True:
            try:
                self.link.connect()
                self.link.send(hello)
                deadline, pause = None, 0.1
                while not self._serve_clone(step):
                    pass
                return
            except _Closed:
                deadline = deadline or time.monotonic() + self.reconnect
            if time.monotonic() >= deadline:
                os._exit(0)
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _serve_clone(self, step):
        """One answer; what is not about forking ends the twin. Returns whether this is the clone."""
        answer = self.link.receive()
        if answer["type"] != "fork" or answer["path"] is None:
            os._exit(0)
        saved = self._fork_clone(answer, step)
        if saved is not None:
            self.link.send(_write(saved))
        return saved is None

    def _fork_clone(self, answer, step):
        """Make the clone that an answer asks for. Returns what the twin says then, and None in the clone, which has the
        identity of the attempt that it is for."""
        saved = {"type": "saved", "step": 0.0 if step is None else step}
        try:
            cloned = _fork_orphan()
        except OSError as reason:
            cloned, saved["error"] = False, _sentence(reason)
        if not cloned:
            self.link.close_lock()
            return saved
        try:
            self.twins = []
            self.link.drop()
            _own_descriptors()
            _become(answer["path"], self.link.lock)
            self.link = _Link(os.environ["CLADE_SOCKET"], os.environ.get("CLADE_DIR"))
            self.token, self.reports, self.sent, self.announced, self.load = os.environ["CLADE_TOKEN"], 0, 0, None, None
        except BaseException as reason:
            print("clade: this clone cannot begin: %s" % reason, file=sys.stderr, flush=True)
            os._exit(1)
        return None

    def _begin_clone(self):
        """What a clone says first: from here it is the trial that it was made for."""
        try:
            answer = self._say_hello()
        except _Closed:
            answer = {"type": "pause"}
        self.sent = self.reports
        if self.on_clone is not None:
            self.on_clone()
        if answer["type"] != "start":
            self.link.drop()
            self.exit_status = EXIT_PREEMPTED if answer["type"] == "pause" else EXIT_STOPPED
            raise _Stop

    def load_from(self, path):
        """What kind of state it is can be seen. Returns the names of regions that it does not have."""
        if self.regions.views and (self.load_function is None or self.regions.is_state(path)):
            return self.regions.take(path)
        self.regions.loaded = set()
        if self.load_function is None:
            raise RuntimeError("this program cannot load a state in this way")
        with self._working():
            self.load_function(path)
        return []

    def _load_state(self, path, change):
        loaded = {"type": "loaded", "change": change or 0}
        try:
            missing = self.load_from(path)
            if missing:
                loaded["missing"] = missing
        except Exception as reason:
            loaded["error"] = _sentence(reason)
        self.loaded = "error" not in loaded
        return loaded

    def _try_hello(self):
        self.link.connect()
        has = bool(self.regions.views)
        words = ["save"] * (has or self.save is not None) + ["load"] * (has or self.load_function is not None)
        words += ["regions"] * has + ["fork"] * self.forks
        hello = {"type": "hello", "token": self.token, "protocol": PROTOCOL, "can": " ".join(words), "reports": self.sent}
        if has:
            hello["bytes"] = self.regions.bytes()
        self.regions.told = True
        self.link.send(_write(hello))
        answer = self.link.receive()
        if answer["type"] == "start":
            self._apply(answer)
            self.load = answer["load"] or self.load
            self.seed, self.reports = answer["seed"], answer["reports"] or 0
        elif answer["type"] == "error":
            self._obey(dict(answer, fatal=True), None, "hello")
        elif answer["type"] not in ("pause", "stop"):
            self._obey(dict(answer, type="fork"), None, "hello")
        return answer

    def _say_hello(self):
        """Say hello until a worker answers; _Closed after the time is over."""
        deadline, pause = time.monotonic() + self.reconnect, 0.1
        while True:
            try:
                return self._try_hello()
            except _Closed as reason:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _Closed("no worker came back within %g s (CLADE_RECONNECT): %s"
                                  % (self.reconnect, reason)) from None
            time.sleep(min(pause, left))
            pause = min(2 * pause, 1.0)


def _has_ended(pid):
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except OSError:
        return True  # the program has waited for it


def _sentence(reason):
    text = "%s: %s" % (type(reason).__name__, reason) if not isinstance(reason, RuntimeError) else str(reason)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")[:1000]


def _number_text(x):
    """The shortest text that reads back as the same number: 3, 0.1, 1e-05."""
    for digits in (15, 16, 17):
        text = "%.*g" % (digits, x)
        if float(text) == x:
            break
    return text


def _rounded(x):
    """For people: six digits."""
    return _number_text(float("%.5e" % x)) if math.isfinite(x) else _number(x)


# --- the public face ---------------------------------------------------------------------------------------


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)


def _replace(path):
    """Let the directory path.part take the place of path: path, path.old or path.part is whole at every instant."""
    if os.path.exists(path):
        _remove(path + ".old")
        os.rename(path, path + ".old")
    os.rename(path + ".part", path)
    _sync(os.path.dirname(path) or ".")
    _remove(path + ".old")


class Run:
    """One attempt of a trial. Values are read as run.lr, run["lr"] or run.values; they change only inside resume() and
    report(). See start()."""

    _CHECKPOINT = "own-checkpoint"

    def __init__(self, defaults, save, load, argv):
        environment = os.environ
        self._values = _Values(defaults, argv)
        self._save, self._load, self._session, self._done, self._step = save, load, None, False, None
        self._quiet = self._started = False
        self._own_regions = _Regions()  # outside of a study
        self._identify()
        self.warning = None
        path = environment.get("CLADE_SOCKET")
        if path:
            self._open(path, save, load)
        else:
            self.seed = self._own_seed(argv)

    def _open(self, path, save, load):
        token, text = os.environ.get("CLADE_TOKEN"), os.environ.get("CLADE_RECONNECT") or "600"
        if not token:
            raise Error("EINVAL", "CLADE_SOCKET is set, but CLADE_TOKEN is not; "
                        "a study sets both, unset both to run without")
        try:
            reconnect = float(text)
        except ValueError:
            reconnect = -1
        if not 0 <= reconnect <= 1e9:
            raise Error("EINVAL", "CLADE_RECONNECT is '%s', but must be seconds from 0 to 1e9" % text)
        link = _Link(path, os.environ.get("CLADE_DIR"))
        self._session = _Session(self._values, save, load, link, token, reconnect)
        try:
            self._session.open()
        except Stopped as reason:
            print("clade: %s" % reason, file=sys.stderr, flush=True)
            raise
        self.seed = self._session.seed
        self._values.changed = set()

    @staticmethod
    def _own_seed(argv):
        text = _argument(argv, "seed") or os.environ.get("CLADE_SEED") or "1"
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise Error("EINVAL", "the seed '%s' is not an integer (--seed, CLADE_SEED)" % text)
        return int(text)

    # values

    @property
    def values(self):
        """All values as of now, a dictionary (a copy)."""
        return self._values.all()

    @property
    def changed(self):
        """Names of the values that the last resume() or report() changed."""
        return set(self._values.changed)

    def __contains__(self, name):
        return self._values.has(name)

    def __getitem__(self, name):
        if not self._values.has(name):
            known = ", ".join(self._values.all()) or "none"
            raise KeyError("there is no value of '%s'; there are: %s. Give it one by defaults={…}, --%s=… or the study"
                           % (name, known, name))
        return self._values.get(name)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as reason:
            raise AttributeError(reason.args[0]) from None

    def get(self, name, default=None):
        return self[name] if name in self else default

    # the course of training

    @property
    def in_study(self):
        return self._session is not None

    @property
    def should_stop(self):
        """True once a report was answered by pause or stop, or no worker came back: leave the loop, then exit()."""
        return self._session is not None and self._session.exit_status != 0

    @property
    def exit_status(self):
        """What the program should exit with: 0 after done() or outside of a study, 75 or 76 after a stop, else 1."""
        if self._done or self._session is None:
            return 0
        return self._session.exit_status or 1

    def resume(self):
        """To be called once, when the model exists and nothing is trained: loads a state if the study wants it
        (outside of a study: CLADE_RESUME_FROM). Returns whether one was loaded."""
        session = self._session
        self._started = True
        if session is None:
            return self._resume_outside(os.environ.get("CLADE_RESUME_FROM"))
        if self.should_stop or self._failed():
            return False
        self._values.changed = set()
        try:
            return session.tell() and session.load is not None and session.resume()
        except _Stop:
            return False
        except _Closed as reason:
            session.exit_status = EXIT_PREEMPTED
            self.warning = str(reason)
            return False

    def _resume_outside(self, path):
        if not path:
            return False
        if self._own_regions.views and (self._load is None or self._own_regions.is_state(path)):
            self._own_regions.take(path)
            return True
        if self._load is not None:
            self._load(path)
        return self._load is not None

    @property
    def _regions(self):
        return self._own_regions if self._session is None else self._session.regions

    def state(self, name, memory):
        """Register memory that is part of the program's state, before resume(): a NumPy array, a tensor of PyTorch on the
        CPU, an array.array, a bytearray, or a dictionary of these (run.state("model", model.state_dict()) registers
        "model.<key>"). All together are the state; then `save` and `load` are not needed. At a report the bytes are
        copied into memory of the worker; when the trial is to go on from another one's state, from there into the same
        arrays. Regions match by name and size; others stay as they are, see loaded(). Numbers that Python keeps for
        itself have no memory: use array.array("q", [0]) for a counter."""
        if self._session is not None and self._session.forks:
            raise Error("EINVAL", "fork() was called: a program is forked, or hands over regions")
        if self._started:
            raise Error("EINVAL", "the region '%s' comes too late: register all before resume()" % (name,))
        if isinstance(memory, dict):
            for key, part in memory.items():
                self.state("%s.%s" % (name, key), part)
        else:
            self._regions.add(name, memory)

    def fork(self):
        """Let the study clone this process by fork, before resume(): for small states, and for programs whose state cannot be
        taken apart; `save` and `load` are not needed. At a report whose state is wanted a frozen copy of the process is
        made; when another trial is to go on from it, that forks again, and the clone returns from its report as the other
        trial: values, seed, trial, attempt, directory, os.environ["CLADE_…"], standard output and error are that one's.
        What a clone would share must not be there, else no copy is made and the study is told why: a second thread (set
        OPENBLAS_NUM_THREADS=1 before NumPy is imported), a GPU, shared memory that can be written, a file open for writing,
        a pipe or a socket. Raises Error (EUNSUPPORTED) where that is so already."""
        if self._started:
            raise Error("EINVAL", "fork() comes too late: call it before resume()")
        if self._regions.views:
            raise Error("EINVAL", "regions were registered: a program hands over those, or is forked")
        session = self._session
        if session is None:
            return
        try:
            _check_forkable(session.link.socket and session.link.socket.fileno())
        except RuntimeError as reason:
            raise Error("EUNSUPPORTED", str(reason)) from None
        session.forks, session.regions.told, session.on_clone = True, False, self._identify

    def _identify(self):
        """Whose attempt this process is, by its environment."""
        self.directory = os.environ.get("CLADE_DIR") or "."
        self.trial, self.attempt = _count("CLADE_TRIAL"), _count("CLADE_ATTEMPT")
        self.final = os.environ.get("CLADE_FINAL") == "1"
        if self._session is not None:
            self.seed = self._session.seed

    def loaded(self, name=None):
        """Did the last resume() or report() fill that region (None: any region) with another state's bytes?"""
        return bool(self._regions.loaded) if name is None else name in self._regions.loaded

    def report(self, step, metrics=None, **more):
        """Send metrics and wait for the answer: values may change, the state may be saved or loaded. `metrics` is for
        names that are no Python words. Returns False when the program should stop, like should_stop. Raises Refused
        where only this report was refused, Error for others."""
        step, numbers = _check_step(step), _check_metrics(metrics, more)
        if self._done:
            raise Error("EINVAL", "a report after done()")
        forks = self._session is not None and self._session.forks
        if (self._regions.views or forks) and not self._started:
            what = "fork() was called" if forks else "regions were registered"
            raise Error("EINVAL", what + ": call resume() before the first report")
        if self._session is None and not self._quiet:
            words = ["step", _number_text(step)]
            words += [" %s %s" % (name, _rounded(x)) for name, x in numbers.items()]
            print(" ".join(words), flush=True)
        if self._session is None:
            return True
        if self.should_stop or self._failed():
            return False
        self._check_started()
        self._values.changed = set()
        self._step = step
        self._until_stopped(lambda: self._session.report(step, {name: _number(x) for name, x in numbers.items()}))
        return not self.should_stop

    def tag(self, name, text=None):
        """Tag the trial, as `clade tag` does: `name`, or `name=text`. It arrives when the attempt ends, by the file
        CLADE_DIR/tags, a line per tag. Outside of a study nothing is written."""
        _check_tag(name, text)
        if self._session is not None and os.environ.get("CLADE_DIR"):
            line = name + "\n" if text is None else "%s=%s\n" % (name, text)
            with open(os.path.join(self.directory, "tags"), "ab", buffering=0) as file:
                file.write(line.encode("utf-8"))

    # XT's checkpoints: for programs that keep their state themselves, instead of giving `save` and `load`

    @property
    def is_resuming(self):
        """Was this trial begun before: is this a later attempt, or has it a checkpoint?"""
        return self.attempt > 1 or self.get_checkpoint() is not None

    def get_checkpoint(self):
        """What set_checkpoint() kept last, also in an earlier attempt: (a dictionary, the path of the kept file or None).
        None without one."""
        path = os.path.join(self.directory, self._CHECKPOINT)
        for place in (path, path + ".old"):  # .old: killed between two renames
            try:
                with open(os.path.join(place, "values.json"), encoding="utf-8") as file:
                    values = json.load(file)
            except FileNotFoundError:
                continue
            kept = os.path.join(place, "file")
            return values, kept if os.path.exists(kept) else None
        return None

    def set_checkpoint(self, values, file=None):
        """Keep a dictionary of what JSON can say, and a copy of a file or directory, until the next one. A kill leaves the
        old or the new one, whole and synced. It lies in the trial's directory; no other trial ever gets it."""
        path = os.path.join(self.directory, self._CHECKPOINT)
        _remove(path + ".part")
        os.mkdir(path + ".part")
        with open(os.path.join(path + ".part", "values.json"), "w", encoding="utf-8") as out:
            json.dump(values, out)
        if file is not None:
            (shutil.copytree if os.path.isdir(file) else shutil.copyfile)(file, os.path.join(path + ".part", "file"))
        _size_of(path + ".part", sync=True)
        _replace(path)

    def clear_checkpoint(self):
        """Forget what set_checkpoint() kept."""
        path = os.path.join(self.directory, self._CHECKPOINT)
        for kept in (path, path + ".old", path + ".part"):
            _remove(kept)

    def stages(self, stages, best=None, seconds=time.monotonic):
        """Begin a training in stages; returns Stages. Call it before resume(), so that a saved state brings its progress
        back. From now on reports are not printed outside of a study; the stages print instead.

        stages   a list of Stage
        best     name of a directory below run.directory: the state is saved there whenever the first metric of a report is
                 the best of its stage so far, and the line ends with SAVED
        seconds  the clock behind `hrs`
        """
        return Stages(self, stages, best, seconds)

    def done(self):
        """Training is finished: the trial is complete when this returns True. False after a stop; then it says nothing."""
        if self.should_stop or (self._session is not None and self._failed()):
            return False
        self._check_started()
        if self._session is not None and not self._done:
            self._until_stopped(self._session.finish)
        self._done = not self.should_stop
        return self._done

    def exit(self):
        """Leave the program with exit_status."""
        self.close()
        sys.exit(self.exit_status)

    def close(self):
        """Close the connection. Does not say that training is finished."""
        if self._session is not None:
            self._session.link.drop()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.done()
        finally:
            self.close()
        if kind is None and self.exit_status != 0:
            sys.exit(self.exit_status)

    def _hyperparameters(self):
        """The values that the study gives; outside of one, those that have a default."""
        names = self._values.study if self._session is not None else self._values.defaults
        return {name: self._values.get(name) for name in names}

    def _working(self):
        """While the save function runs outside of an answer."""
        return self._session._working() if self._session is not None else contextlib.nullcontext()

    def _failed(self):
        """Raises again what ended the conversation."""
        if self._session.failure is not None:
            raise self._session.failure
        return False

    def _check_started(self):
        if self._session is not None and self._session.busy:
            raise Error("EINVAL", "a save or load function must not report or be done")
        if self._session is not None and self._session.load is not None:
            raise Error("EINVAL", "the study wants this trial to go on from %s: call resume() before the first report"
                        % self._session.load)

    def _until_stopped(self, function):
        session = self._session
        try:
            function()
        except _Stop:
            session.link.drop()
        except _Closed as reason:
            self.warning = str(reason)
            session.exit_status = EXIT_PREEMPTED
            try:
                session.save_late(self._step, os.environ.get("CLADE_CKPT_DIR"))
            except Exception as failure:
                self.warning = "%s; and the state could not be saved: %s" % (reason, failure)


# --- stages ------------------------------------------------------------------------------------------------


class Metric:
    """A metric of a stage. `aggregate` says how its values become one, in a report and over the stage: "mean" (sum of all
    values / their number), "max" or "min"; `goal`, which values of a first metric are better: "maximize" or "minimize"."""

    def __init__(self, name, long_name=None, aggregate="mean", goal="maximize"):
        if not isinstance(name, str) or not 1 <= len(name.encode("utf-8", "replace")) <= 200 or name == "hrs":
            raise Error("EINVAL", "a metric of a stage has a name of 1 to 200 bytes that is not 'hrs', not %r" % (name,))
        if aggregate not in ("mean", "max", "min") or goal not in ("maximize", "minimize"):
            raise Error("EINVAL", "metric '%s' has aggregate %r and goal %r, but there are mean, max, min; maximize, minimize"
                        % (name, aggregate, goal))
        self.name, self.long_name, self.aggregate, self.goal = name, long_name or name, aggregate, goal


class Stage:
    """A stage of `iters` iterations, reported every `iters_per_report` (a tenth of them by default). `metrics` is a list of
    Metric or names; the first one is the stage's summary. `title` stands in the lines "… Started" and "… Completed"."""

    def __init__(self, title, iters, metrics, iters_per_report=None):
        self.title, self.iters, self.period = title, iters, iters_per_report or max(1, iters // 10)
        self.metrics = [metric if isinstance(metric, Metric) else Metric(metric) for metric in metrics]
        names = [metric.name for metric in self.metrics]
        if not 1 <= len(names) <= 100 or len(set(names)) < len(names):
            raise Error("EINVAL", "a stage has 1 to 100 metrics with different names, not %r" % (names,))
        if not (isinstance(iters, int) and iters >= 1 and self.period >= 1):
            raise Error("EINVAL", "a stage has at least 1 iteration, not %r, %r per report" % (iters, iters_per_report))


class _Tally:
    """Sum, greatest, least and number of values."""

    def __init__(self, sum_=0.0, most=0.0, least=0.0, count=0):
        self.sum, self.most, self.least, self.count = sum_, most, least, int(count)

    def add(self, value):
        self.sum += value
        self.count += 1
        if self.count == 1:
            self.most = self.least = value
        else:
            self.most = math.nan if math.isnan(value) or math.isnan(self.most) else max(self.most, value)
            self.least = math.nan if math.isnan(value) or math.isnan(self.least) else min(self.least, value)

    def value(self, aggregate):
        if self.count == 0:
            return math.nan
        return {"max": self.most, "min": self.least}.get(aggregate, self.sum / self.count)


def _fixed(x):
    return "%.5f" % x if math.isfinite(x) else _number(x)


class Stages:
    """A training as an ordered list of stages, with the console and the objective of XT and rl_nexus:

        stages = run.stages([clade.Stage("RL_Proc", 5000, [clade.Metric("rew", "reward per step"), "win"])])
        run.resume()
        for stage in stages:                    # once per iteration
            stages.add("rew", step_once(model))
            if episode_has_ended(model):
                stages.add("win", episode_was_won(model))

    Each report has the values since the last one, as s1-hrs, s1-rew, s1-win (the stage's number before each name); its step
    is the number of iterations of all stages so far. At the end hpmax is reported by itself: the value over the whole last
    stage of its first metric, negated where lower is better; and the trial is tagged plotted_metric=s1-rew. The progress of
    the stages is part of the saved state, as a file clade-stages. The loop ends early when the study wants an end."""

    FILE = "clade-stages"

    def __init__(self, run, stages, best, seconds):
        self._run, self._stages, self._best_name, self._seconds = run, list(stages), best, seconds
        self._program = (run._save, run._load)
        self._begun, self._weight, self.completed = False, 1, False
        if not 1 <= len(self._stages) <= 1000:
            raise Error("EINVAL", "a training has 1 to 1000 stages")
        if best is not None and (best == "" or "/" in best):
            raise Error("EINVAL", "`best` is %r, but must be the name of a directory" % (best,))
        if best is not None and run._save is None:
            raise Error("EINVAL", "`best` wants the best state saved, but the trainer has no save function")
        self._enter(0, 0)
        run._quiet = True
        run._save, run._load = run._save and self._save_all, run._load and self._load_all
        if run._session is not None:
            run._session.save, run._session.load_function = run._save, run._load

    def _enter(self, index, base):
        self._index, self._base, self._iters, self._best = index, base, 0, None
        self._before, self._started = 0.0, self._seconds()
        self._whole = [_Tally() for _ in self.stage.metrics]
        self._recent = [_Tally() for _ in self.stage.metrics]

    @property
    def stage(self):
        """The current stage."""
        return self._stages[self._index]

    @property
    def current(self):
        """Its index, from 0."""
        return self._index

    @property
    def iters(self):
        """Iterations of it that are done."""
        return self._iters

    def value(self, name):
        """The value of a metric over the whole current stage so far; NaN without values."""
        i = self._find(name)
        return self._whole[i].value(self.stage.metrics[i].aggregate)

    def add(self, name, value):
        """Add a value of a metric of the current stage."""
        i, value = self._find(name), float(value)
        self._whole[i].add(value)
        self._recent[i].add(value)

    def count(self, n):
        """The current iteration counts as n, a batch of n steps."""
        self._weight = max(1, int(n))

    def __iter__(self):
        return self

    def __next__(self):
        if self.completed or self._run.should_stop or not self._advance():
            raise StopIteration
        return self.stage

    def _find(self, name):
        for i, metric in enumerate(self.stage.metrics):
            if metric.name == name:
                return i
        raise Error("EINVAL", "stage %d has no metric '%s'; its first one is '%s'"
                    % (self._index + 1, name, self.stage.metrics[0].name))

    # the course

    def _advance(self):
        """Say that an iteration is done, with all that follows from it. Is there another one to do?"""
        if not self._begun:
            self._begun = True
            self._print(self._banner() + self._header())
        else:
            self._iters += self._weight
            if self._is_due() and not self._report():
                return False
        self._weight = 1
        while not self.completed and self._iters >= self.stage.iters:
            if not self._end_stage():
                return False
        return not self.completed

    def _is_due(self):
        period = self.stage.period
        return self._iters >= self.stage.iters or self._iters // period > (self._iters - self._weight) // period

    def _elapsed(self):
        return self._before + (self._seconds() - self._started)

    def _report(self):
        prefix, hours, best = "s%d-" % (self._index + 1), self._elapsed() / 3600, False
        line = "%7.3f hrs  %12s iters" % (hours, format(self._iters, ","))
        metrics = {prefix + "hrs": hours}
        for i, (metric, tally) in enumerate(zip(self.stage.metrics, self._recent)):
            if tally.count == 0:
                continue
            value = metrics[prefix + metric.name] = tally.value(metric.aggregate)
            line += "      %s %s" % (_fixed(value), metric.name)
            if i == 0 and not math.isnan(value):
                best = self._best is None or (value < self._best if metric.goal == "minimize" else value > self._best)
                self._best = value if best else self._best
        self._recent = [_Tally() for _ in self._recent]
        if best and self._best_name is not None:
            line += self._save_best()
        self._print(line)
        return self._run.report(self._base + self._iters, metrics)

    def _end_stage(self):
        stage, metric = self.stage, self.stage.metrics[0]
        summary = "Stage summary (%s %s):  %s" % (metric.aggregate, metric.long_name,
                                                  _fixed(self._whole[0].value(metric.aggregate)))
        self._print(summary + ("\n%s:  Completed" % stage.title if stage.title is not None else ""))
        if self._index + 1 == len(self._stages):
            return self._finish(metric)
        self._enter(self._index + 1, self._base + self._iters)
        self._print("\n" + self._header())
        return True

    def _finish(self, metric):
        if self._whole[0].count == 0:
            raise Error("EINVAL", "stage %d has ended without a value of its first metric '%s', which is to give hpmax: "
                        "call add()" % (self._index + 1, metric.name))
        value = self._whole[0].value(metric.aggregate)
        if metric.goal == "minimize":
            value = 0.0 - value
        self._print("\nObjective %s maximized by hyperparameter tuning (hpmax):  %s"
                    % ("being" if os.environ.get("CLADE_SEARCH") else "that would be", _fixed(value)))
        if not self._run.report(self._base + self._iters, hpmax=value):
            return False
        self._run.tag("plotted_metric", "s%d-%s" % (self._index + 1, metric.name))
        self.completed = True
        self._print("\nAll processing stages completed.")
        return True

    # the console

    @staticmethod
    def _print(text):
        print(text, flush=True)

    def _banner(self):
        """The line behind the values has four blanks, as the original has."""
        values = self._run._hyperparameters()
        if not values:
            return ""
        lines = "".join("  %s: %s\n" % (name, _value_text(value)) for name, value in values.items())
        return "Chosen hyperparameter values:\n" + lines + "    \n"

    def _header(self):
        header = "Processing stage %d of %d" % (self._index + 1, len(self._stages))
        return header if self.stage.title is None else "%s\n%s:  Started" % (header, self.stage.title)

    # the state

    def _save_best(self):
        """Save the state as the best one; what the end of the line says."""
        path = os.path.join(self._run.directory, self._best_name)
        try:
            _remove(path + ".part")
            os.mkdir(path + ".part")
            with self._run._working():
                self._run._save(path + ".part")
            _size_of(path + ".part", sync=True)
            _replace(path)
        except Exception as reason:
            return "    not saved: " + _sentence(reason)
        return "    SAVED"

    def _save_all(self, directory):
        self._program[0](directory)
        rows = [[self.FILE, 1], ["stage", self._index, self._iters, self._base, self._elapsed()]]
        rows += [] if self._best is None else [["best", self._best]]
        rows += [["metric", tally.sum, tally.most, tally.least, tally.count] for tally in self._whole]
        with open(os.path.join(directory, self.FILE), "w", encoding="utf-8") as file:
            for word, *numbers in rows:
                file.write(" ".join([word] + [_number_text(x) if math.isfinite(x) else _number(x) for x in numbers]) + "\n")

    def _load_all(self, directory):
        with open(os.path.join(directory, self.FILE), encoding="utf-8") as file:
            rows = [(words[0], [float(word) for word in words[1:]]) for words in map(str.split, file) if words]
        try:
            assert rows[0] == (self.FILE, [1.0]) and rows[1][0] == "stage"
            index, iters, base, seconds = rows[1][1]
            best = [numbers[0] for word, numbers in rows if word == "best"]
            whole = [_Tally(*numbers) for word, numbers in rows if word == "metric"]
            assert len(whole) == len(self._stages[int(index)].metrics) and index >= 0
        except (AssertionError, LookupError, TypeError, ValueError):
            raise Error("EINVAL", "%s/%s is not of these stages" % (directory, self.FILE)) from None
        self._program[1](directory)
        self._enter(int(index), int(base))
        self._iters, self._before, self._whole = int(iters), seconds, whole
        self._best = best[0] if best else None


def _value_text(value):
    """As in an argument: true, null, 0.1, 1e-05."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _number_text(value) if isinstance(value, float) else str(value)


def _check_tag(name, text):
    words = [name] if text is None else [name, text]
    for word, most in zip(words, (NAME_MAX, 1000)):
        if not isinstance(word, str) or len(word.encode("utf-8", "replace")) > most or re.search(r"[\0-\x1f\x7f]", word):
            raise Error("EINVAL", "a tag is a name of up to 256 bytes and a text of up to 1000, without control characters, "
                        "not %.60r" % (word,))
    if not name or "=" in name:
        raise Error("EINVAL", "the name of a tag has at least one character and no `=`, not %r" % (name,))


# --- checks ------------------------------------------------------------------------------------------------


def _count(name):
    text = os.environ.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]+", text) else 0


def _check_step(step):
    step = float(step)
    if not math.isfinite(step):
        raise Error("EINVAL", "the step of a report must be a finite number")
    return step


def _check_metrics(metrics, more):
    """All metrics as floats; NaN and infinity are values."""
    numbers = {}
    for name, value in list((metrics or {}).items()) + list(more.items()):
        if not isinstance(name, str) or not name or "\0" in name:
            raise Error("EINVAL", "the name of a metric must be a text of at least one character, not %r" % (name,))
        if len(name.encode("utf-8", "replace")) > NAME_MAX:
            raise Error("EINVAL", "the name of a metric is longer than %d bytes: %.40s..." % (NAME_MAX, name))
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):
            raise Error("EINVAL", "metric '%s' must be a number, not %.60r" % (name, value)) from None
    if len(numbers) > METRICS_MAX:
        raise Error("ELIMIT", "a report holds at most %d metrics, not %d" % (METRICS_MAX, len(numbers)))
    return numbers


# --- ask and tell ------------------------------------------------------------------------------------------


class Pruned(Exception):
    """Raised by an objective that leaves off before its end: the last value reported counts."""


def create_study(name, space=None, spec=None, minimize=None, maximize=None, trials=None, method=None, seed=None,
                 history=None, store=None, load_if_exists=False, command="clade"):
    """Create a study whose trials are asked for; returns a Study.

        study = clade.create_study("parabola", {"x": (-10.0, 10.0), "n": [1, 2, 4]}, minimize="loss")
        study.optimize(lambda trial: (trial["x"] - 2) ** 2 + trial["n"], n_trials=50)
        print(study.best_params, study.best_value)

    space     by name: a pair (lo, hi), both floats or both integers; a list of values; or an expression as text:
              "log(1e-5, 1e-1)", "int(16, 512)", "0:1:0.25"
    spec      instead of a space: the path of a spec
    minimize, maximize   the metric that counts
    trials    at most so many; None: as many as are asked for
    method    "random", "sobol", "grid", "dgd" …
    history   names of studies whose results the search is to know
    store     a path or URL; None: CLADE_STORE, else clade.db
    load_if_exists   open the study of that name, if there is one; several processes may do that at the same time
    command   the program `clade`
    """
    words = ["create", "--name", name, "--json"]
    options = {"minimize": minimize, "maximize": maximize, "trials": trials, "method": method, "seed": seed,
               "history": None if history is None else ",".join(history)}
    for key, value in options.items():
        if value is not None:
            words += ["--" + key, str(value)]
    if (space is None) == (spec is None):
        raise Error("EINVAL", "a study is made of a space or of a spec: give one of them")
    words += ["--", spec] if spec is not None else ["--"] + ["%s=%s" % (key, _expression(key, space[key])) for key in space]
    study = Study(name, store, command, check=False)
    try:
        study._clade(*words)
    except Error as reason:
        if not load_if_exists or "exists" not in str(reason):
            raise
    return study


def load_study(name, store=None, command="clade"):
    """Open a study that exists."""
    return Study(name, store, command)


def _expression(name, what):
    """A hyperparameter of create_study as `clade create` reads it."""
    if isinstance(what, str):
        return what
    numbers = isinstance(what, tuple) and len(what) == 2 and all(
        isinstance(x, (int, float)) and not isinstance(x, bool) for x in what)
    if numbers and all(isinstance(x, int) for x in what):
        return "int(%d,%d)" % what
    if numbers:
        return "$uniform(%r,%r)" % (float(what[0]), float(what[1]))
    if isinstance(what, (list, tuple)) and what:
        return json.dumps(list(what), ensure_ascii=False)
    raise Error("EINVAL", "the hyperparameter '%s' is %r, but must be a pair (lo, hi), a list, or an expression" % (name, what))


class Study:
    """A study to ask and tell, through the program `clade`: one process per call, some 10 ms. Any number of programs may
    ask at the same time. See create_study()."""

    def __init__(self, name, store=None, command="clade", check=True):
        self.name, self.store, self.command = name, store, command
        if check:
            self._clade("show", name, "--json")

    def _clade(self, *words, input=None):
        """What the command prints; None where it says that nothing is left."""
        line = [self.command] + list(words[:1]) + ([] if self.store is None else ["--store", self.store]) + list(words[1:])
        environment = {key: value for key, value in os.environ.items() if key not in ("CLADE_TRIAL",)}
        done = subprocess.run(line, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                              stdin=subprocess.DEVNULL if input is None else None)
        if done.returncode in (0, EXIT_STOPPED):
            return done.stdout.decode("utf-8")
        sentence = done.stderr.decode("utf-8", "replace").strip()
        sentence = sentence[7:] if sentence.startswith("clade: ") else sentence
        raise Error({2: "EINVAL", 3: "ENOTFOUND"}.get(done.returncode, "EREFUSED"), sentence)

    def ask(self):
        """The next Trial; None when no trial is left."""
        try:
            return Trial(self, json.loads(self._clade("ask", self.name, "--json")))
        except Error as reason:
            if reason.code == "ENOTFOUND" and "no trial left" in str(reason):
                return None
            raise

    def tell(self, trial, value=None, state=None, metrics=None, step=None):
        """End a trial (a Trial or its number): with a value, a list of values, metrics, or what was reported; `state` is
        "complete", "pruned", "failed", "infeasible", "diverged" or "lost". Returns its state."""
        return self._tell(trial, value, state, metrics, step)["state"]

    def _tell(self, trial, value, state, metrics, step):
        said = {"trial": trial.number if isinstance(trial, Trial) else trial}
        if value is not None:
            said["value"] = [_number(float(x)) for x in value] if isinstance(value, (list, tuple)) else _number(float(value))
        if metrics:
            said["metrics"] = {name: _number(float(x)) for name, x in metrics.items()}
        if state is not None:
            said["state"] = state
        if step is not None:
            said["step"] = step
        return json.loads(self._clade("tell", self.name, "--json", json.dumps(said)))

    def enqueue(self, **given):
        """Try these values next; returns the number of the trial."""
        words = ["%s=%s" % (name, value if isinstance(value, str) else json.dumps(value)) for name, value in given.items()]
        return json.loads(self._clade("enqueue", self.name, "--json", "--", *words))["trial"]

    enqueue_trial = lambda self, params: self.enqueue(**params)  # noqa: E731: Optuna's name

    def optimize(self, objective, n_trials=None, timeout=None, catch=()):
        """Ask, call objective(trial), tell what it returns, until n_trials are told here, `timeout` seconds are over, or
        no trial is left. An objective that raises Pruned is pruned; another exception makes the trial FAILED, and goes
        on to the caller unless it is one of `catch`; after an interrupt the trial is LOST, and asked again next time."""
        end = None if timeout is None else time.monotonic() + timeout
        told = 0
        while (n_trials is None or told < n_trials) and (end is None or time.monotonic() < end):
            trial = self.ask()
            if trial is None:
                return
            try:
                value = objective(trial)
            except Pruned:
                trial._end(state="pruned")
            except Exception as reason:
                trial._end(state="failed")
                if not isinstance(reason, tuple(catch) if isinstance(catch, (list, tuple)) else catch):
                    raise
            except BaseException:
                trial._end(state="lost")
                raise
            else:
                trial._end(value)
            told += 1

    def _best(self):
        return json.loads(self._clade("best", self.name, "--json"))

    @property
    def best_value(self):
        """The score of the best trial. What it is worth: `clade best`."""
        return self._best()["value"]

    @property
    def best_params(self):
        """The values of the best trial, a dictionary."""
        return self._best()["values"]

    @property
    def trials(self):
        """All trials: a list of {"trial", "state", "values", "metrics", …}."""
        return json.loads(self._clade("list", "trials", self.name, "--json"))


class Trial:
    """A trial that this program trains: values as trial["lr"] or trial.values; number, attempt, seed."""

    def __init__(self, study, asked):
        self.study, self.number = study, asked["trial"]
        self.attempt, self.seed, self.values = asked["attempt"], asked["seed"], asked["values"]
        self._stop = self._ended = False

    params = property(lambda self: self.values, doc="The same as values.")

    def __getitem__(self, name):
        if name not in self.values:
            raise KeyError("there is no value of '%s'; there are: %s" % (name, ", ".join(self.values) or "none"))
        return self.values[name]

    def __contains__(self, name):
        return name in self.values

    def get(self, name, default=None):
        return self.values.get(name, default)

    def report(self, value, step, **metrics):
        """Report the value of the metric that counts, and others by name. Returns False when the trial is to leave off."""
        self._stop = self.study._tell(self, value, "running", metrics, float(step))["stop"]
        return not self._stop

    def should_prune(self):
        """Was the last report answered by a stop? Then raise Pruned."""
        return self._stop

    def _end(self, value=None, state=None):
        if self._ended:
            return
        if state == "pruned" and value is None:
            try:
                self.study.tell(self, state="pruned")
            except Error:  # nothing was reported: there is no value that could count
                self.study.tell(self, state="failed")
        else:
            self.study.tell(self, value, state)
        self._ended = True

    def tell(self, value=None, state=None):
        """End the trial, as Study.tell()."""
        self._end(value, state)
