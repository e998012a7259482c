"""A trainer that lets itself be forked; prints what probe_fork.c prints. Usage: probe_fork.py STEPS FILE [--flag…]"""
import mmap
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import clade  # noqa: E402

kept = []


def offend():
    if "--thread" in sys.argv:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    if "--shared" in sys.argv:
        kept.append(mmap.mmap(-1, 4096))
    if "--private" in sys.argv:
        own = os.open(sys.argv[2], os.O_RDONLY)
        kept.append(mmap.mmap(own, 1, mmap.MAP_SHARED, mmap.PROT_READ))
    if "--writes" in sys.argv:
        kept.append(os.open("written", os.O_WRONLY | os.O_CREAT))
    if "--pipe" in sys.argv:
        kept.append(os.pipe())


def train(run, fd):
    late = "--late" in sys.argv
    if not late:
        offend()
    run.fork()
    run.resume()
    if late:
        offend()
    step = 0
    while step < int(sys.argv[1]) and not run.should_stop:
        step += 1
        byte = os.read(fd, 1).decode()
        run.report(step, accuracy=step / 16)
        print("step %d %s lr=%g seed=%d trial=%d attempt=%d%s" % (
            step, byte, run.lr, run.seed, run.trial, run.attempt, " stop" if run.should_stop else ""))
    run.done()


def main():
    fd = os.open(sys.argv[2], os.O_RDONLY)
    run = clade.start({"lr": 0.5})
    try:
        train(run, fd)
    except clade.Error as reason:
        print("error " + reason.code)
        print(reason, file=sys.stderr)
    run.exit()


if __name__ == "__main__":
    main()
