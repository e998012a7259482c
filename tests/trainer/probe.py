"""A trainer that prints what it sees; probe.c prints the same through the C library. Usage: probe.py STEPS [--flag…]"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import clade  # noqa: E402

step = 0
run = None


def say(text):
    print(text, flush=True)


def has_flag(flag):
    return flag in sys.argv[2:]


def save(directory):
    say("save %d" % step)
    if has_flag("--bad-save"):
        raise RuntimeError("the program's save function returned 9")
    with open(directory + "/state", "w", encoding="utf-8") as file:
        file.write("%d\n" % step)
    if has_flag("--deep"):
        try:
            run.report(step, accuracy=1)
        except clade.Error as reason:
            fail(reason)


def load(directory):
    global step
    if has_flag("--bad-load"):
        say("load fails")
        raise RuntimeError("the program's load function returned 9")
    with open(directory + "/state", encoding="utf-8") as file:
        step = int(file.read())
    say("load %d" % step)


def show(run):
    return "lr=%g layers=%d nesterov=%s opt=%s" % (run.lr, run["layers"], str(run.nesterov).lower(), run.get("opt"))


def metrics_of(mode):
    return {
        "plain": lambda: {"accuracy": step / 16},
        "none": dict,
        "step": dict,
        "nonfinite": lambda: {"accuracy": float("nan"), "loss": float("inf"), "low": -float("inf")},
        "huge": lambda: {"m" * (2**20 - 1): 1},
        "utf8": lambda: {"a\udcff": 1},
        "many": lambda: {"m%d" % i: i for i in range(201)},
        "big": lambda: {'"' * 253 + "%03d" % i: i for i in range(200)},
    }[mode]()


def fail(reason):
    say("error " + reason.code)
    print(reason, file=sys.stderr)


def train(run, mode):
    global step
    step += 1
    now = step
    try:
        go = run.report(float("nan") if mode == "step" else now, metrics_of(mode))
    except clade.Error as reason:
        fail(reason)
        return reason.code != "EPROTOCOL"
    if not go:
        say("report %d stop" % now)
        return False
    names = "".join(" " + name for name in ("lr", "layers", "nesterov", "opt") if name in run.changed)
    say("report %d go %s changed%s" % (now, show(run), names))
    return True


def main():
    global run
    flags = {} if has_flag("--plain") else {"save": save, "load": load}
    try:
        run = clade.start({"lr": 0.5, "layers": 1, "nesterov": False, "opt": "sgd"}, **flags)
    except clade.Error as reason:
        fail(reason)
        sys.exit(1)
    except clade.Stopped as reason:
        say("error " + ("ECLOSED" if reason.code == 75 else "ESTALE"))
        raise
    mode = "plain"
    for argument in sys.argv[2:]:
        if argument.startswith("--metric="):
            mode = argument[9:]
    say("open %s seed=%d trial=%d attempt=%d final=%s study=%s" % (
        show(run), run.seed, run.trial, run.attempt, str(run.final).lower(), str(run.in_study).lower()))
    try:
        loaded = False if has_flag("--no-start") else run.resume()
        if run.should_stop:
            say("start stop")
            run.exit()
        say("start " + ("loaded" if loaded else "fresh"))
        while step < int(sys.argv[1]) and train(run, mode):
            pass
        if has_flag("--again"):
            train(run, mode)
        if not has_flag("--no-done"):
            say("done" if run.done() else "done stop")
    except clade.Error as reason:
        fail(reason)
    run.exit()


if __name__ == "__main__":
    main()
