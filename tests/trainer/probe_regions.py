"""A trainer whose state is regions; prints what probe_regions.c prints. Usage: probe_regions.py STEPS [--flag…]"""
import array
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python"))
import clade  # noqa: E402

BYTES = 5000
step, weights, velocity = array.array("q", [0]), bytearray(BYTES), memoryview(bytearray(3))


def show(run):
    total = 0
    for x in weights:
        total = (total * 31 + x) & 0xffffffff
    loaded = "weights " * run.loaded("weights") + "velocity" * run.loaded("velocity") if run.loaded() else "nothing"
    return "step %d weights %d velocity %d %d %d loaded %s" % (step[0], total, *velocity, loaded)


def advance():
    step[0] += 1
    for i in range(BYTES):
        weights[i] = (weights[i] * 5 + i + step[0]) & 255
    velocity[step[0] % 3] += 1


def fail(reason):
    print("error %s" % reason.code)
    print(reason, file=sys.stderr)


def main():
    functions = {"save": lambda directory: print("save"), "load": lambda directory: print("load")}
    run = clade.start(**functions if "--with-save" in sys.argv else {})
    try:
        if "--nothing" not in sys.argv:
            run.state("step", step)
            run.state("weights", weights)
            run.state("velocity", velocity)
        loaded = run.resume()
        if not run.should_stop:
            print("start %d %s" % (loaded, show(run)), flush=True)
            for _ in range(int(sys.argv[1])):
                advance()
                if not run.report(step[0], accuracy=step[0] / 16):
                    break
                print(show(run), flush=True)
        if "--late" in sys.argv:
            run.state("late", step)
        run.done()
    except clade.Error as reason:
        fail(reason)
    run.exit()


main()
