"""A worker that plays a script: it listens on a socket, starts a trainer, and says exactly what a test tells it to."""
import functools
import json
import os
import socket
import subprocess
import sys

PATIENCE = 120  # seconds after which a silent trainer is a failure; nothing waits that long when all is well


class Peer:
    def __init__(self, command, directory):
        self.command, self.directory = command, directory
        self.path = os.path.join(directory, "s")
        self.listener = self.connection = self.file = self.process = None
        self.pass_fds = ()
        self.listen()

    # the socket

    def listen(self, path=None):
        """Be there, on a new socket at the same path or at another one."""
        self.path = path or self.path
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.settimeout(PATIENCE)
        self.listener.bind(self.path)
        self.listener.listen(8)

    def vanish(self):
        """Die: the connection and the socket are gone."""
        self.hang_up()
        if self.listener is not None:
            self.listener.close()
            self.listener = None
            os.unlink(self.path)

    def hang_up(self):
        if self.connection is not None:
            self.file.close()
            self.connection.close()
            self.connection = None

    def accept(self):
        self.hang_up()
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(PATIENCE)
        self.file = self.connection.makefile("rb")

    def read(self):
        """The next message of the trainer; None when it has closed the connection."""
        line = self.file.readline()
        if line == b"":
            return None
        assert line.endswith(b"\n"), line
        assert len(line) <= 65537, len(line)
        return json.loads(line)

    def send(self, message, **more):
        """A message, by its type and keys, or raw bytes."""
        if isinstance(message, str):
            message = (json.dumps(dict({"type": message}, **more)) + "\n").encode()
        self.connection.sendall(message)

    # the trainer

    def run(self, *arguments, **environment):
        """Start the trainer. Variables that are None are left unset."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("CLADE_")}
        checkpoints = os.path.join(self.directory, "checkpoints")
        os.makedirs(checkpoints, exist_ok=True)
        env.update({"CLADE_SOCKET": self.path, "CLADE_TOKEN": "7f3a9c", "CLADE_DIR": self.directory, "CLADE_TRIAL": "4",
                    "CLADE_ATTEMPT": "2", "CLADE_CKPT_DIR": checkpoints, "CLADE_RECONNECT": str(PATIENCE)})
        env.update(environment)
        env = {key: value for key, value in env.items() if value is not None}
        self.process = subprocess.Popen(self.command + list(arguments), env=env, stdin=subprocess.DEVNULL, pass_fds=self.pass_fds,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def state(self, name, step):
        """A directory with the state of that step; its path."""
        path = os.path.join(self.directory, name)
        os.makedirs(path)
        with open(os.path.join(path, "state"), "w", encoding="utf-8") as file:
            file.write("%d\n" % step)
        return path

    def ends(self, status, *lines, saying=""):
        """The trainer has printed these lines, and ended with that status."""
        out, err = self.process.communicate(timeout=PATIENCE)
        if self.connection is not None:
            rest = self.file.read()
            assert rest == b"", "the trainer said more: %r" % rest
        assert out.splitlines() == list(lines), "printed:\n%s%s" % (out, err)
        assert self.process.returncode == status, "ended with %d: %s" % (self.process.returncode, err)
        assert saying in err, err

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.vanish()


def scenarios_of(probe):
    """A decorator for tests that get a peer of their own, whose trainer is this program or script of Python."""
    def scenario(function):
        @functools.wraps(function)
        def run(directory):
            peer = Peer([sys.executable] * probe.endswith(".py") + [probe], directory)
            try:
                function(peer)
            finally:
                peer.close()
        return run
    return scenario
